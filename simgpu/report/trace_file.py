"""Traces back from the files that `write_chrome_trace` makes: equal to those that were written, in every picosecond."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args

from simgpu.errors import InvalidValue, check_type
from simgpu.machine.refusal import show
from simgpu.readers.json_file import Entry, JsonFile, read_json
from simgpu.readers.text_file import read_text
from simgpu.report.trace_events import FORMAT
from simgpu.trace import Action, CardUse, Decision, DeviceSummary, EngineName, MemoryEvent, Span, SpanKind, Trace

LARGEST_FILE_BYTES = 2**32

_DEVICE = (str, str, int)
_DECISION = (str, str, str)
_MEMORY = (int, bool, str, int, int)
_ACTION = (int, bool)


def read_trace(path: str | os.PathLike[str], *, engine: EngineName | None = None) -> Trace:
    """Read the trace of a file, or of several in it the one of an engine: `simulate` or `execute`.

    Raises InvalidValue, with line and column, for what `write_chrome_trace` has not written; and where a file has no
    such trace, or several: `read_traces` gives them all.
    """
    check_type(engine, str | None, "engine", f"an engine; choose one of {', '.join(get_args(EngineName))}")
    traces = read_traces(path)
    found = [trace for trace in traces if engine in (None, trace.engine)]
    if len(found) != 1:
        wanted = "" if engine is None else f" of engine={engine!r}"
        there = ", ".join(trace.engine for trace in traces) or "none"
        raise InvalidValue(
            f"{os.fspath(path)} has {len(found)} traces{wanted}, not one (it has: {there}); "
            "name the engine, or take one of read_traces"
        )
    return found[0]


def read_traces(path: str | os.PathLike[str]) -> tuple[Trace, ...]:
    """Read all traces of a file, in the order in which they were written."""
    text = read_text(path, what="a trace that simgpu has written", error=InvalidValue, largest_bytes=LARGEST_FILE_BYTES)
    file = read_json(text)
    rests = {rest.get("process", (int,)): rest for rest in _rests(file)}
    spans = _spans(file.entries("traceEvents"), rests)
    return tuple(_trace(rest, found) for rest, found in zip(rests.values(), spans, strict=True))


def _rests(file: JsonFile) -> Iterator[Entry]:
    """Yield what the file holds of each trace beside the events."""
    if "otherData" not in file.members:
        raise file.file.refusal(0, "the key 'otherData' is missing; only traces that simgpu has written can be read")
    other = file.value("otherData", (dict,))
    if other.get("simgpu_format", (int,)) != FORMAT:
        reason = f"the format {show(other.value['simgpu_format'])} is not {FORMAT}, which this version reads"
        raise other.refusal(reason, "simgpu_format")
    for rest in other.get("traces", (list,)):
        yield Entry(other.file, other.offset, rest)


@dataclass(frozen=True, slots=True)
class _Event:
    """A span that was read, and where it stands."""

    entry: Entry
    number: int
    span: Span


def _spans(events: Iterable[Entry], processes: Iterable[int]) -> list[list[Span]]:
    """Return the spans of each trace, in their own order; `processes` are the first ones of each trace."""
    resources: dict[tuple[int, int], str] = {}
    found: dict[int, list[_Event]] = {process: [] for process in processes}
    for event in events:
        phase, track = event.get("ph", (str,)), (event.get("pid", (int,)), event.get("tid", (int,)))
        if phase == "M" and event.get("name", (str,)) == "thread_name":
            resources[track] = _args(event).get("resource", (str,))
        if phase == "X":
            process = track[0] if track[0] in found else track[0] - 1
            if process not in found or track not in resources:
                raise event.refusal("this event is of no trace or track that simgpu has written", "pid")
            found[process].append(_event(event, resources[track]))
    return [_in_order(events) for events in found.values()]


def _event(event: Entry, resource: str) -> _Event:
    kind, args = event.get("cat", (str,)), _args(event)
    if kind not in get_args(SpanKind):
        raise event.refusal(f"{show(kind)} is not one of {', '.join(get_args(SpanKind))}", "cat")
    ready, start, end, cause = (args.get(key, (int,)) for key in ("ready_ps", "start_ps", "end_ps", "cause"))
    size_bytes = args.get("size_bytes", (int,), default=0, is_needed=False)
    span = Span(kind, event.get("name", (str,)), resource, ready, start, end, cause, size_bytes)
    return _Event(event, args.get("span", (int,)), span)


def _args(event: Entry) -> Entry:
    return Entry(event.file, event.offset, event.get("args", (dict,)))


def _in_order(events: list[_Event]) -> list[Span]:
    events.sort(key=lambda event: event.number)
    for number, event in enumerate(events):
        if event.number != number:
            raise event.entry.refusal(f"span {number} is missing before this one; was the file cut?", "span")
        if not -1 <= event.span.cause < len(events):
            raise event.entry.refusal(f"there is no span {event.span.cause}; was the file cut?", "cause")
    return [event.span for event in events]


def _trace(rest: Entry, spans: list[Span]) -> Trace:
    engine = rest.get("engine", (str,))
    if engine not in get_args(EngineName):
        raise rest.refusal(f"{show(engine)} is not one of {', '.join(get_args(EngineName))}")
    devices = tuple(DeviceSummary(*row) for row in _rows(rest, "devices", _DEVICE))
    memory = rest.get("memory", (list,))
    if len(memory) != len(devices):
        raise rest.refusal(f"there are {len(devices)} devices, but the memory of {len(memory)}")
    return Trace(
        engine=engine,
        clock=rest.get("clock", (str,)),
        devices=devices,
        decisions=tuple(Decision(*row) for row in _rows(rest, "decisions", _DECISION)),
        spans=spans,
        memory=[[MemoryEvent(*row) for row in _checked(rest, events, _MEMORY)] for events in memory],
        actions=[Action(*row) for row in _rows(rest, "actions", _ACTION)],
        card_use=_card_use(rest),
    )


def _card_use(rest: Entry) -> CardUse | None:
    value = rest.get("card_use", (dict,), is_needed=False)
    if value is None:
        return None
    entry = Entry(rest.file, rest.offset, value)
    return CardUse(*(entry.get(field.name, (int,)) for field in fields(CardUse)))


def _rows(rest: Entry, key: str, kinds: Sequence[type]) -> Iterable[Sequence[Any]]:
    return _checked(rest, rest.get(key, (list,)), kinds)


def _checked(rest: Entry, rows: Any, kinds: Sequence[type]) -> Iterator[Sequence[Any]]:
    """Yield rows, each with values of these types."""
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, list) or [type(value) for value in row] != [*kinds]:
            wanted = ", ".join(kind.__name__ for kind in kinds)
            raise rest.refusal(f"a row of ({wanted}) is expected, not {show(row)}")
        yield row
