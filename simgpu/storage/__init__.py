"""Where bytes live: in host memory, or nowhere."""

from collections.abc import Callable, Mapping

from simgpu.storage.numpy_storage import NumpyRegion, NumpyStorage
from simgpu.storage.shape_storage import ShapeArray, ShapeRegion, ShapeStorage
from simgpu.storage.storage import Region, Show, Storage

STORAGES: Mapping[str, Callable[[], Storage]] = {"numpy": NumpyStorage, "shape": ShapeStorage}

__all__ = [
    "STORAGES",
    "NumpyRegion",
    "NumpyStorage",
    "Region",
    "ShapeArray",
    "ShapeRegion",
    "ShapeStorage",
    "Show",
    "Storage",
]
