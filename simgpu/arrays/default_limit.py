"""How much of a real card TensorFlow takes for itself where no limit is set.

The formula is that of `SingleVirtualDeviceMemoryLimit` in TensorFlow's gpu_device.cc: what is free, less a reserve for
the CUDA context and the libraries, which lie outside the limit.
"""

from __future__ import annotations

from simgpu.errors import InvalidValue
from simgpu.units import GiB, MiB, format_size

_SMALL_CARD_BYTES = 2 * GiB
_SMALL_RESERVE_BYTES = 225 * MiB
_RESERVES_BYTES = ((6, 500 * MiB), (7, 1050 * MiB))
_LARGEST_RESERVE_BYTES = 1536 * MiB


def reserve_bytes(available_bytes: int, compute_capability: tuple[int, int] | None) -> int:
    """Return what TensorFlow leaves to CUDA: by the free memory, then by the major compute capability."""
    if available_bytes < _SMALL_CARD_BYTES:
        return _SMALL_RESERVE_BYTES
    major = 0 if compute_capability is None else compute_capability[0]
    return next((reserve for newest, reserve in _RESERVES_BYTES if major <= newest), _LARGEST_RESERVE_BYTES)


def default_limit_bytes(
    available_bytes: int, compute_capability: tuple[int, int] | None, reserve: int | None = None
) -> int:
    """Return the limit of a whole card. `reserve` in bytes takes the place of TensorFlow's own.

    TensorFlow's own is left aside where it would leave nothing. Raises InvalidValue for another that leaves nothing.
    """
    if reserve is not None and reserve >= available_bytes:
        raise InvalidValue(
            f"a memory reserve of {format_size(reserve)} leaves nothing of a card of {format_size(available_bytes)}; "
            "it must be less, not more than or all of what there is"
        )
    if reserve is not None:
        return available_bytes - reserve
    own = reserve_bytes(available_bytes, compute_capability)
    return available_bytes - own if own < available_bytes else available_bytes
