"""What environment variables say: the one place that reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from simgpu.machine import Machine

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"


def visible_machine(machine: Machine, environment: Mapping[str, str] = os.environ) -> Machine:
    """Return a machine as a CUDA program sees it that is started in this environment.

    `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER` hide and renumber the GPUs of every host, as the driver does (see
    `Machine.visible`). With neither set, the machine stays as it was described.
    """
    if VISIBLE not in environment and ORDER not in environment:
        return machine
    return machine.visible(environment.get(VISIBLE), environment.get(ORDER))
