"""Kinds of storage by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simgpu.errors import InvalidValue
from simgpu.storage.numpy_storage import NumpyStorage
from simgpu.storage.shape_storage import ShapeStorage
from simgpu.storage.storage import Storage

STORAGES: Mapping[str, Callable[[], Storage]] = {"numpy": NumpyStorage, "shape": ShapeStorage}


def storage_named(storage: str | Storage) -> Storage:
    """Return a new storage of the kind with this name; a storage is returned as it is. Raises InvalidValue."""
    if isinstance(storage, str) and storage in STORAGES:
        return STORAGES[storage]()
    if isinstance(storage, str) or not isinstance(storage, Storage):
        raise InvalidValue(f"storage={storage!r:.60} is not a kind of storage; choose one of {', '.join(STORAGES)}")
    return storage
