"""Check what the caller feeds, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simgpu.errors import InvalidValue
from simgpu.graph import Graph, Operation
from simgpu.kernels import array_dtype


def checked_feeds(graph: Graph, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Return one array for each Input of a graph. Raises InvalidValue for a missing, unknown or unfit one."""
    inputs = {operation.name: operation for operation in graph if operation.type == "Input"}
    missing, unknown = sorted(inputs.keys() - feeds.keys()), sorted(feeds.keys() - inputs.keys())
    if missing or unknown:
        raise InvalidValue(
            f"feeds must be given for exactly the inputs {sorted(inputs)}; "
            + " and ".join(f"{what} {names}" for what, names in (("missing:", missing), ("unknown:", unknown)) if names)
        )
    return {name: _fitting(inputs[name], value) for name, value in feeds.items()}


def _fitting(operation: Operation, value: Any) -> Any:
    (spec,) = operation.output_specs
    array = np.asarray(value)
    if array.shape != spec.shape or array.dtype != array_dtype(spec.dtype):
        raise InvalidValue(
            f"input {operation.name!r} takes {spec}, but the feed is {array.dtype}{list(array.shape)}; "
            "cast or reshape it first"
        )
    return array
