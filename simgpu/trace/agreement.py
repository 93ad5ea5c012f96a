"""Do two runs of one program agree? On placement, and event by event on memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from simgpu.trace.trace import MemoryEvent, Trace


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared, and the first difference in words; empty if there is none."""

    operations_compared: int
    events_compared: int
    difference: str = ""

    def __bool__(self) -> bool:
        return not self.difference


def compare(first: Trace, second: Trace) -> Agreement:
    """Compare placement, and the memory events of every device in order, with offsets; times are not compared."""
    events = sum(max(len(a), len(b)) for a, b in zip_longest(first.memory, second.memory, fillvalue=()))
    difference = _placement_difference(first, second) or _memory_difference(first, second)
    return Agreement(max(len(first.decisions), len(second.decisions)), events, difference)


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
        for number, (left, right) in enumerate(zip_longest(a, b)):
            if left is None or right is None or left[1:] != right[1:]:
                name = first.devices[device].name
                return (
                    f"memory event {number} on {name}: {first.engine} has {_words(left)}, "
                    f"{second.engine} has {_words(right)}"
                )
    return ""


def _words(event: MemoryEvent | None) -> str:
    if event is None:
        return "none"
    return f"{'allocate' if event.is_allocation else 'release'} {event.owner} ({event.size_bytes} B at {event.offset})"
