"""Costs from a calibration: what was measured on a device, and between its samples by the laws of `measured_surface`.

Nothing beyond the samples is predicted silently: an ExtrapolationWarning names the operations of a graph for which the
laws had to go on beyond the sampled sizes, or other samples had to stand in.
"""

from __future__ import annotations

import bisect
import math
import warnings
from weakref import WeakKeyDictionary

from simgpu.costs.cost import Cost, MoveCost
from simgpu.costs.measured_models import TOLERANCE, Asked, Estimate, Models, identity
from simgpu.costs.measured_records import Calibration, CopySample
from simgpu.costs.measured_sharing import WHOLE, Shares
from simgpu.errors import CalibrationError, ExtrapolationWarning, check_type
from simgpu.graph import Graph, Operation
from simgpu.machine import LogicalDevice
from simgpu.units import short_size

_SOURCES = ("Input", "Variable")
_NAMED = 5
_ADVICE = "calibrate with a larger budget, or give such operations a duration_ps of their own"
_ADVICE_ON_COPIES = "calibrate without --quick, and with memory for larger copies"


class Measured:
    """Costs on the device of a calibration. With `strict`, what lies beyond the samples raises CalibrationError."""

    def __init__(self, calibration: Calibration, *, strict: bool = False) -> None:
        check_type(calibration, Calibration, "calibration", "a Calibration; give what `read_calibration` returns")
        self._calibration = calibration
        self._strict = strict
        self._models = Models(calibration)
        self._known: dict[tuple[object, ...], Estimate] = {}
        self._warned: WeakKeyDictionary[Graph, set[str]] = WeakKeyDictionary()
        self._shares = Shares(calibration.contention)
        self._ways = {way: _Curve(calibration.copies_of(way)) for way in {copy.way for copy in calibration.copies}}

    def cost(self, operation: Operation, device: LogicalDevice) -> Cost:
        """Return the cost of one execution; its launch includes what `execute` takes of the host for each task.

        What it takes of siblings on its card follows from measured ones (see `measured_sharing`). Warns with
        ExtrapolationWarning once for each graph and kind of device. Raises UnknownOperation for a type outside the
        kernel table.
        """
        if operation.type in _SOURCES:
            return Cost(0, launch_ps=0)
        estimate = self.estimate(operation, device.kind)
        if estimate.beyond:
            self._complain(operation, device.kind, estimate)
        launch_ps = estimate.host_ps + self._calibration.overheads.compute_ps
        return Cost(estimate.device_ps, launch_ps=launch_ps, card_share=self._share(operation, device.kind, estimate))

    def move(self, size_bytes: int, source: LogicalDevice | None, target: LogicalDevice | None) -> MoveCost:
        """Return what a move takes. None is the caller's memory, on the host.

        Between two sizes, time is linear in the size; above the largest, it goes on at the rate of the largest, and a
        way that was not measured is what the links say: ExtrapolationWarning. Between two cards it is always what the
        links say: one card cannot show how long that takes.
        """
        overhead_ps, way = self._calibration.overheads.transfer_ps, _way(source, target)
        if _are_two_cards(source, target):
            return MoveCost(overhead_ps)
        curve = self._ways.get(way)
        if curve is None:
            self._complain_of_copies(f"copies {way} were not measured, so by the links")
            return MoveCost(overhead_ps)
        if size_bytes > curve.largest_bytes * 2**TOLERANCE:
            self._complain_of_copies(
                f"copies {way} were measured up to {short_size(curve.largest_bytes)}, and larger ones are predicted at "
                "the rate of that"
            )
        return MoveCost(overhead_ps + curve.host_ps(size_bytes), curve.time_ps(size_bytes))

    def explain(self, operation: Operation, device: LogicalDevice) -> str:
        """Say what is predicted of an operation, from which samples, and how far from them it is."""
        found = self.estimate(operation, device.kind)
        text = f"{operation.name} ({operation.type}) on {device.name}: {_us(found.device_ps)} of the device"
        text += f" and {_us(found.host_ps)} of the host to launch it, {found.how}"
        if found.nearest > 1:
            text += f"; no size is more than {found.nearest:.3g} times apart from the nearest sample"
        share = self._share(operation, device.kind, found)
        if share < WHOLE:
            text += f"; it keeps {100 * share:.0f} % of the card busy, and leaves the rest to siblings"
        return text + (f"; EXTRAPOLATED: {found.beyond}" if found.beyond else "")

    def estimate(self, operation: Operation, kind: str) -> Estimate:
        """Return what is predicted of an operation on a kind of device, without `execute`'s own overhead."""
        asked = Asked(operation.type, operation.input_specs, operation.output_specs, operation.attributes)
        key = identity(asked, kind)
        if key not in self._known:
            self._known[key] = self._models.estimate(asked, kind)
        return self._known[key]

    def _share(self, operation: Operation, kind: str, estimate: Estimate) -> float:
        return self._shares.of(operation.type, estimate.device_ps) if kind == "GPU" else WHOLE

    def _complain_of_copies(self, reason: str) -> None:
        if self._strict:
            raise CalibrationError(f"{reason}; {_ADVICE_ON_COPIES}")
        warnings.warn(f"{reason}; {_ADVICE_ON_COPIES}", ExtrapolationWarning, stacklevel=3)

    def _complain(self, operation: Operation, kind: str, estimate: Estimate) -> None:
        """Warn of all operations of a graph that lie beyond the samples, when the first of them is met."""
        if self._strict:
            raise CalibrationError(f"{operation.name} ({operation.type}): {estimate.beyond}; {_ADVICE}")
        warned = self._warned.setdefault(operation.graph, set())
        if kind in warned:
            return
        warned.add(kind)
        others = [other for other in operation.graph if other.type not in _SOURCES]
        beyond = [(other, found.beyond) for other in others if (found := self.estimate(other, kind)).beyond]
        named = [f"{other.name} ({other.type}: {reason})" for other, reason in beyond[:_NAMED]]
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        warnings.warn(
            f"{len(beyond)} of {len(others)} operations lie beyond what was measured on {kind}: "
            f"{', '.join(named)}{more}; {_ADVICE}",
            ExtrapolationWarning,
            stacklevel=3,
        )


class _Curve:
    """Time over size, linear between samples, and never shorter for more bytes."""

    def __init__(self, copies: list[CopySample]) -> None:
        self._sizes = [copy.size_bytes for copy in copies]
        self._times = _rising([copy.time_ps for copy in copies])
        self._hosts = [copy.host_ps for copy in copies]

    @property
    def largest_bytes(self) -> int:
        return self._sizes[-1]

    def time_ps(self, size_bytes: int) -> int:
        return _between(self._sizes, self._times, size_bytes, goes_on=True)

    def host_ps(self, size_bytes: int) -> int:
        return _between(self._sizes, self._hosts, size_bytes, goes_on=False)


def _rising(times: list[int]) -> list[int]:
    """Return times of which none is shorter than one before: a smaller copy cannot take longer."""
    return [max(times[: place + 1]) for place in range(len(times))]


def _between(sizes: list[int], values: list[int], size: int, *, goes_on: bool) -> int:
    """Return a value by linear interpolation; before the first sample it is the first, behind the last it goes on."""
    place = bisect.bisect_left(sizes, size)
    if place == 0:
        return values[0]
    if place == len(sizes):
        return math.ceil(values[-1] * size / max(1, sizes[-1])) if goes_on else values[-1]
    low, high = sizes[place - 1], sizes[place]
    return values[place - 1] + (values[place] - values[place - 1]) * (size - low) // (high - low)


def _are_two_cards(source: LogicalDevice | None, target: LogicalDevice | None) -> bool:
    if source is None or target is None:
        return False
    return source.kind == target.kind == "GPU" and source.physical != target.physical


def _way(source: LogicalDevice | None, target: LogicalDevice | None) -> str:
    """Name the way of a move, as it was measured."""
    if source is None:
        return "h2d-pageable" if target is not None and target.kind == "GPU" else "host"
    if target is None:
        return "d2h-pageable" if source.kind == "GPU" else "host"
    kinds = (source.kind, target.kind)
    return {("GPU", "GPU"): "d2d", ("CPU", "GPU"): "h2d", ("GPU", "CPU"): "d2h"}.get(kinds, "host")


def _us(time_ps: int) -> str:
    return f"{time_ps / 1e6:.1f} us"
