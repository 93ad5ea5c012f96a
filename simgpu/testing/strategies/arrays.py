"""Arrays on the devices of a runtime, with small whole numbers in them, so that sums are exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np

from simgpu.arrays import Runtime

DTYPES = ("float32", "float64", "int32", "int64")
SMALL_SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
_LARGEST = 9
_MOST_DIFFERENT = 8


@st.composite
def arrays_on_devices(
    draw: st.DrawFn,
    runtime: Runtime,
    *,
    devices: Sequence[str] | None = None,
    dtypes: Sequence[str] = DTYPES,
    shapes: st.SearchStrategy[tuple[int, ...]] | None = None,
) -> Any:
    """Arrays of `runtime.xp()`, each on one of `devices`: names, or all devices of the machine.

    Each holds memory of its device until it is dropped: the examples of Hypothesis do, one after the other.
    """
    xp = runtime.xp()
    names = [device.name for device in runtime.machine.devices] if devices is None else devices
    values = draw(st.lists(st.integers(-_LARGEST, _LARGEST), min_size=1, max_size=_MOST_DIFFERENT))
    dtype = draw(st.sampled_from(dtypes))
    host = np.resize(np.array(values, dtype), draw(SMALL_SHAPES if shapes is None else shapes))
    return xp.asarray(host, dtype=getattr(xp, dtype), device=draw(st.sampled_from(names)))
