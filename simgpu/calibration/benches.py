"""The devices that a calibration measures operations on."""

from __future__ import annotations

from simgpu.calibration.bench import Bench
from simgpu.errors import CalibrationError, SimgpuError
from simgpu.storage import Storage
from simgpu.units import MiB

SMALLEST_BYTES = 16 * MiB
_CPU_BYTES = 256 * MiB


class Benches:
    """One device of each kind, opened when it is first asked for, with as much of the memory as can be had."""

    def __init__(self, storage: Storage, memory_bytes: int) -> None:
        self._storage = storage
        self._memory_bytes = memory_bytes
        self._open: dict[str, Bench] = {}

    def __enter__(self) -> Benches:
        return self

    def __exit__(self, *_: object) -> None:
        for bench in self._open.values():
            bench.close()

    def of(self, kind: str) -> Bench:
        """Return the device of a kind. Where nothing is asynchronous, all are the same."""
        kind = kind if self._storage.is_asynchronous else "GPU"
        if kind not in self._open:
            self._open[kind] = self._opened(kind)
        return self._open[kind]

    def _opened(self, kind: str) -> Bench:
        """Open a device with as much memory as can be had."""
        size = self._memory_bytes if kind == "GPU" else min(self._memory_bytes, _CPU_BYTES)
        while True:
            try:
                return Bench(self._storage, size, kind)
            except (SimgpuError, MemoryError) as error:
                if size <= SMALLEST_BYTES:
                    raise CalibrationError(f"no device of {size} B can be opened: {error}; free memory") from error
                size //= 2
