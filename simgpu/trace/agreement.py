"""Do two runs of one program agree? On placement, and event by event on memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from simgpu.errors import check_type
from simgpu.trace.trace import TRACE_WANTED, MemoryEvent, Trace


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared, and the first difference in words; empty if there is none.

    On devices with different limits in the two runs, the same rule gives other offsets: there, `are_offsets_compared`
    is False and only owners, sizes and their order were compared.
    """

    operations_compared: int
    events_compared: int
    difference: str = ""
    are_offsets_compared: bool = True

    def __bool__(self) -> bool:
        return not self.difference


def compare(first: Trace, second: Trace) -> Agreement:
    """Compare placement, and the memory events of every device in order, with offsets; times are not compared.

    Offsets are left out where the limits of a device differ, since they depend on its limit.
    """
    for what, trace in (("first", first), ("second", second)):
        check_type(trace, Trace, what, TRACE_WANTED)
    events = sum(max(len(a), len(b)) for a, b in zip_longest(first.memory, second.memory, fillvalue=()))
    difference = _placement_difference(first, second) or _memory_difference(first, second)
    operations = max(len(first.decisions), len(second.decisions))
    return Agreement(operations, events, difference, first.devices == second.devices)


def _placement_difference(first: Trace, second: Trace) -> str:
    if [device.name for device in first.devices] != [device.name for device in second.devices]:
        return (
            f"{first.engine} has {len(first.devices)} devices and {second.engine} {len(second.devices)}, or other names"
        )
    for a, b in zip_longest(first.decisions, second.decisions):
        if a is None or b is None or (a.operation, a.device) != (b.operation, b.device):
            return f"{first.engine} placed {a} where {second.engine} placed {b}"
    return ""


def _memory_difference(first: Trace, second: Trace) -> str:
    for device, (a, b) in enumerate(zip(first.memory, second.memory, strict=True)):
        has_same_limit = first.devices[device].limit_bytes == second.devices[device].limit_bytes
        for number, (left, right) in enumerate(zip_longest(a, b)):
            if _compared(left, has_same_limit) != _compared(right, has_same_limit):
                name = first.devices[device].name
                return (
                    f"memory event {number} on {name}: {first.engine} has {_words(left)}, "
                    f"{second.engine} has {_words(right)}"
                )
    return ""


def _compared(event: MemoryEvent | None, has_same_limit: bool) -> MemoryEvent | None:
    if event is None:
        return None
    return event._replace(time_ps=0) if has_same_limit else event._replace(time_ps=0, offset=0)


def _words(event: MemoryEvent | None) -> str:
    if event is None:
        return "none"
    return f"{'allocate' if event.is_allocation else 'release'} {event.owner} ({event.size_bytes} B at {event.offset})"
