"""What tests claim of their devices: how much memory was used at most, and that nothing moved between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from simgpu.memory import Block
from simgpu.naming import short_name
from simgpu.units import format_size, parse_size

if TYPE_CHECKING:
    from simgpu.arrays import Array, Runtime
    from simgpu.arrays.deciding import Decision

_MOST_SHOWN = 10


class PeakCheck:
    """Checks the peak of a device's memory. See the fixture `assert_peak`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self, device: str, at_most: str | int, *, runtime: Runtime | None = None) -> None:
        """Raise AssertionError if more bytes were in use at one time on a device, as its ledger counts them."""
        __tracebackhide__ = True
        allowed = parse_size(at_most, what="at_most")
        account = (runtime or self._runtime).memory_statistics(device)
        if account.peak_bytes > allowed:
            largest = ", ".join(f"{owner} {_exact(size)}" for owner, size in account.high_water_owners)
            raise AssertionError(
                f"{short_name(account.device)}: the peak of {_exact(account.peak_bytes)} is "
                f"{_exact(account.peak_bytes - allowed)} above the {_exact(allowed)} allowed; largest then: {largest}"
            )


class TransferCheck:
    """Makes regions in which nothing may move between devices. See the fixture `assert_no_transfers`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._regions: list[NoTransfers] = []

    def __call__(self, runtime: Runtime | None = None) -> NoTransfers:
        """Return a region to enter: `with assert_no_transfers():`."""
        self._regions.append(NoTransfers(runtime or self._runtime))
        return self._regions[-1]

    @property
    def has_unused(self) -> bool:
        """True if a region was made and never entered: it checked nothing."""
        return not all(region.was_entered for region in self._regions)


class NoTransfers:
    """A region at whose end AssertionError is raised if anything moved between the memories of two devices."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._log = _TransferLog()
        self.was_entered = False

    def __enter__(self) -> None:
        self.was_entered = True
        self._log.transfers.clear()
        self._runtime.watch(self._log)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        self._runtime.unwatch(self._log)
        moved = self._log.transfers
        if error is None and moved:
            count = "1 transfer" if len(moved) == 1 else f"{len(moved)} transfers"
            more = [f"{len(moved) - _MOST_SHOWN} more"] if len(moved) > _MOST_SHOWN else []
            raise AssertionError(f"{count} between devices: {'; '.join(moved[:_MOST_SHOWN] + more)}")


class _TransferLog:
    """An observer that notes copies between memories, in words."""

    def __init__(self) -> None:
        self.transfers: list[str] = []

    def copied(self, source: Array, target: Array, start_ns: int) -> None:
        """Note a copy, unless it stays within one memory."""
        start, end = source.backing_device, target.backing_device
        if start != end:
            spec = source._kind.spec
            self.transfers.append(f"{spec} from {short_name(start)} to {short_name(end)} ({format_size(spec.nbytes)})")

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        """Pass over an operation."""

    def viewed(self, type: str, attributes: Mapping[str, Any], source: Array, view: Array) -> None:
        """Pass over a view."""

    def changing(self, array: Array) -> None:
        """Pass over a change."""

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Pass over memory."""

    def returned(self, device: int, block: Block) -> None:
        """Pass over memory."""


def _exact(size_bytes: int) -> str:
    """Write a size in words and in bytes: `1.5 KiB (1536 B)`."""
    text = format_size(size_bytes)
    return text if text == f"{size_bytes} B" else f"{text} ({size_bytes} B)"
