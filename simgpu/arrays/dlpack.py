"""Exchange of memory with other libraries: DLPack, and NumPy's own way.

The bytes of host storage lie in host memory whatever the logical device, so that is what is reported: no number of a
GPU is made up. Those of CuPy storage are exported where they are, on the real card. Whoever holds an export holds the
memory: it does not return to the ledger before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simgpu.arrays.dtypes import dtype_name
from simgpu.arrays.memory import Buffer
from simgpu.storage import CupyStorage

if TYPE_CHECKING:
    from simgpu.arrays.array import Array

HOST = (1, 0)
"""DLPack's kDLCPU, device 0."""


class _Lease:
    """Lends memory to NumPy, and holds it for as long as NumPy's array lives."""

    __slots__ = ("__array_interface__", "_buffer")

    def __init__(self, buffer: Buffer, data: np.ndarray[Any, Any]) -> None:
        self._buffer = buffer
        self.__array_interface__ = {**data.__array_interface__, "strides": data.strides}


def lent(array: Array) -> np.ndarray[Any, Any]:
    """Return a NumPy array over the memory of an array, which it keeps alive. Raises BufferError without bytes."""
    array.check_live()
    if not isinstance(array._data, np.ndarray):
        held = (
            "its bytes are on a card"
            if array._kind.runtime.storage.is_asynchronous
            else "its storage holds shapes only"
        )
        raise BufferError(f"this {array._kind.spec} has no bytes to share: {held}")
    plain = array._data if array._data.dtype.kind != "V" else array._data.view(np.uint16)
    found = np.asarray(_Lease(array._buffer, plain))
    return found.view(array._data.dtype)


def dlpack_device(array: Array) -> tuple[int, int]:
    """Return where the bytes are. Raises BufferError where there are none."""
    array.check_live()
    if isinstance(array._data, np.ndarray):
        return HOST
    if isinstance(array._kind.runtime.storage, CupyStorage):
        kind, number = array._data.__dlpack_device__()
        return int(kind), int(number)
    raise BufferError(f"this {array._kind.spec} is on no device that DLPack knows: its storage holds shapes only")


def dlpack_capsule(
    array: Array,
    stream: Any,
    max_version: tuple[int, int] | None,
    dl_device: tuple[Any, int] | None,
    copy: bool | None,
) -> Any:
    """Return a capsule over the memory, or over a copy of it. Raises BufferError for what cannot be exported."""
    storage = array._kind.runtime.storage
    is_on_card = isinstance(storage, CupyStorage) and not isinstance(array._data, np.ndarray)
    place = dlpack_device(array) if is_on_card else HOST
    wanted = None if dl_device is None else (int(getattr(dl_device[0], "value", dl_device[0])), dl_device[1])
    if is_on_card and wanted == HOST and copy is not False:
        return array.value().__dlpack__(max_version=max_version)
    if wanted not in (None, place):
        where = "on a card" if is_on_card else "in host memory"
        raise BufferError(f"these bytes are {where}, DLPack device {place}; they cannot be had on {dl_device}")
    if is_on_card:
        assert isinstance(storage, CupyStorage), "only its arrays are on a card"
        return storage.export(array._data, array._buffer, stream, copy=bool(copy))
    if stream is not None:
        raise BufferError(f"host memory has no streams, so stream must be None, not {stream!r}")
    source = lent(array)
    if copy:
        source = source.copy()
    return source.__dlpack__(max_version=max_version)


def host_view(array: Array, dtype: Any, copy: bool | None) -> np.ndarray[Any, Any]:
    """Return what `numpy.asarray` gets: the memory itself, of arrays on a CPU. Raises TypeError for all others."""
    runtime, site = array._kind.runtime, array._kind.site
    if runtime.machine.devices[site.device].kind != "CPU":
        raise TypeError(
            f"an array on {array.device} does not become one of NumPy by itself; use x.value(), or "
            'numpy.asarray(x.to_device("cpu"))'
        )
    try:
        source = lent(array)
    except BufferError as error:
        raise TypeError(f"NumPy cannot have this array: {error}") from None
    if copy is False and dtype is not None and np.dtype(dtype) != source.dtype:
        raise ValueError(f"{array._kind.spec} cannot become {np.dtype(dtype)} without a copy")
    return np.array(source, dtype=dtype, copy=copy)


def imported(source: Any, *, copy: bool | None) -> np.ndarray[Any, Any]:
    """Return what another library exports, in host memory. Raises BufferError if it cannot come without a copy.

    Every import is a copy into memory of a logical device.
    """
    if copy is False:
        raise BufferError("memory of another library does not lie on a logical device; allow a copy")
    if not hasattr(source, "__dlpack__"):
        raise AttributeError(f"{source.__class__.__name__} has no __dlpack__; use asarray for what is no array")
    found = in_host_memory(source)
    dtype_name(found.dtype)  # raises for what arrays cannot hold
    return found


def in_host_memory(source: Any) -> np.ndarray[Any, Any]:
    """Return what another library exports, as NumPy's array. What lies on a card is asked for as a copy."""
    if int(source.__dlpack_device__()[0]) == HOST[0]:
        return np.from_dlpack(source)
    return np.from_dlpack(source, device="cpu")
