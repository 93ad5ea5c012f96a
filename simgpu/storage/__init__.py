"""Where bytes live: on a card, in host memory, or nowhere."""

from simgpu.storage.card_storage import CupyStorage
from simgpu.storage.catalog import STORAGES, cupy_storage, storage_named
from simgpu.storage.cupy_region import CupyRegion
from simgpu.storage.detecting import detect
from simgpu.storage.driver_calls import DriverCalls
from simgpu.storage.host_memory import available_host_bytes
from simgpu.storage.numpy_storage import NumpyRegion, NumpyStorage
from simgpu.storage.shape_storage import ShapeArray, ShapeRegion, ShapeStorage
from simgpu.storage.storage import Mark, Moments, Opening, Region, Show, Storage
from simgpu.trace import CardUse

__all__ = [
    "STORAGES",
    "CardUse",
    "CupyRegion",
    "CupyStorage",
    "DriverCalls",
    "Mark",
    "Moments",
    "NumpyRegion",
    "NumpyStorage",
    "Opening",
    "Region",
    "ShapeArray",
    "ShapeRegion",
    "ShapeStorage",
    "Show",
    "Storage",
    "available_host_bytes",
    "cupy_storage",
    "detect",
    "storage_named",
]
