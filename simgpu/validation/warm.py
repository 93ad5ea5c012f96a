"""Memory that stays from one run to the next.

The first touch of a page of host memory takes much longer than all others, and so does memory of a card that is taken
anew: `execute` asks for new memory in each run. What is predicted is a run that does not pay for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simgpu.storage import CupyStorage, NumpyRegion, NumpyStorage, Storage


class WarmStorage(NumpyStorage):
    """NumPy storage that gives each device the memory again that it had before, for one run at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._regions: dict[tuple[str, int], NumpyRegion] = {}

    def open(self, limit_bytes: int, kind: str = "GPU", *, device: str = "GPU", grows: bool = False) -> NumpyRegion:
        """Return the memory of a device. Its pages are there as far as they have been touched."""
        key = (device, limit_bytes)
        if key not in self._regions:
            self._regions[key] = super().open(limit_bytes, kind, device=device, grows=grows)
        return self._regions[key]


@contextmanager
def kept_warm(storage: Storage) -> Iterator[Storage]:
    """Yield storage for several runs of one workload: where memory would be new in each, storage that keeps it."""
    if isinstance(storage, CupyStorage):
        with storage.kept_open():
            yield storage
    else:
        yield WarmStorage() if type(storage) is NumpyStorage else storage
