"""Where bytes live: in host memory, or nowhere."""

from simgpu.storage.catalog import STORAGES, storage_named
from simgpu.storage.numpy_storage import NumpyRegion, NumpyStorage
from simgpu.storage.shape_storage import ShapeArray, ShapeRegion, ShapeStorage
from simgpu.storage.storage import Region, Show, Storage

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
    "storage_named",
]
