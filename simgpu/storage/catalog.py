"""Kinds of storage by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from simgpu.errors import ExecutionError, InvalidValue, MissingDependency
from simgpu.storage.numpy_storage import NumpyStorage
from simgpu.storage.shape_storage import ShapeStorage
from simgpu.storage.storage import Storage


def cupy_storage(device_id: int = 0, **options: Any) -> Storage:
    """Return storage on a card, by its number among those that the process sees; options are those of CupyStorage.

    Raises MissingDependency without CuPy, ExecutionError without a card that it can use, InvalidValue for options.
    """
    if type(device_id) is not int or device_id < 0:
        raise InvalidValue(f"device_id={device_id!r:.60} is not the number of a card; give an int of 0 or more")
    need_cupy()
    from simgpu.storage.card_storage import CupyStorage
    from simgpu.storage.cuda_driver import CudaDriver

    try:
        driver = CudaDriver(device_id)
    except Exception as error:
        raise ExecutionError(
            f"storage='cupy' needs an NVIDIA GPU, and CuPy cannot use GPU {device_id} here ({error}); use 'numpy', "
            "which needs none"
        ) from error
    return CupyStorage(driver, **options)


def need_cupy() -> None:
    """Raise MissingDependency, with the extra to install, if there is no CuPy."""
    if find_spec("cupy") is None:
        raise MissingDependency("storage='cupy' needs CuPy; install it: pip install 'simgpu[gpu]'")


STORAGES: Mapping[str, Callable[[], Storage]] = {"numpy": NumpyStorage, "cupy": cupy_storage, "shape": ShapeStorage}


def storage_named(storage: str | Storage) -> Storage:
    """Return a new storage of the kind with this name; a storage is returned as it is. Raises InvalidValue."""
    if isinstance(storage, str) and storage in STORAGES:
        return STORAGES[storage]()
    if isinstance(storage, str) or not isinstance(storage, Storage):
        raise InvalidValue(f"storage={storage!r:.60} is not a kind of storage; choose one of {', '.join(STORAGES)}")
    return storage
