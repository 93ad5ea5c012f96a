"""Traces in the JSON form that chrome://tracing and Perfetto read.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format). Times are in
microseconds with three decimals; the exact picoseconds are in each event's `args`.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from simgpu.errors import InvalidValue
from simgpu.naming import short_name
from simgpu.trace import Span, Trace

Event = dict[str, Any]

_GROUPS = ("devices", "links")
_PS_PER_NS = 1000


def chrome_trace(*traces: Trace) -> dict[str, Any]:
    """Return traces as one JSON document; each gets two processes, its devices and its links.

    A device has a track for what it computes and one for its launches, a link one for what it moves, and more where
    spans overlap; the memory in use is a counter of each device.
    """
    events: list[Event] = []
    for number, trace in enumerate(traces):
        if not isinstance(trace, Trace):
            raise InvalidValue(f"{trace!r:.60} is not a trace; give those of `simulate`, `execute` or `run`")
        events += _events(trace, first_process=1 + number * len(_GROUPS))
    return {"displayTimeUnit": "ns", "traceEvents": events}


def write_chrome_trace(path: str | os.PathLike[str], *traces: Trace) -> None:
    """Write `chrome_trace` to a file, one event on a line. The same traces give the same bytes.

    Raises InvalidValue for a file that cannot be written, and for what is no trace.
    """
    document = chrome_trace(*traces)
    lines = ",\n".join(json.dumps(event, separators=(",", ":"), allow_nan=False) for event in document["traceEvents"])
    name = trace_path(path)
    try:
        with open(name, "w", encoding="utf-8") as file:
            file.write(f'{{"displayTimeUnit":"ns","traceEvents":[\n{lines}\n]}}\n')
    except (OSError, ValueError) as error:
        raise _unwritable(name, getattr(error, "strerror", None) or str(error)) from error


def trace_path(path: str | os.PathLike[str]) -> str:
    """Return the path of a trace file if one can be written there, as far as can be told without writing."""
    if not isinstance(path, str | os.PathLike) or isinstance(name := os.fspath(path), bytes) or "\0" in name:
        raise InvalidValue(f"a trace is written to a path, not to {path!r}; give the name of a file")
    folder = os.path.dirname(name) or "."
    if not os.path.isdir(folder):
        raise _unwritable(name, f"there is no directory {folder}")
    if os.path.isdir(name) or not name:
        raise _unwritable(name, "it is a directory" if name else "the name is empty")
    if not os.access(name if os.path.exists(name) else folder, os.W_OK):
        raise _unwritable(name, "Permission denied")
    return name


def _unwritable(name: str, reason: str) -> InvalidValue:
    return InvalidValue(f"the trace cannot be written to {name!r}: {reason}; name a file in a directory you can write")


def _events(trace: Trace, first_process: int) -> Iterator[Event]:
    processes = {group: first_process + number for number, group in enumerate(_GROUPS)}
    for group, process in processes.items():
        yield _name("process_name", process, 0, f"{trace.engine} ({trace.clock} time): {group}")
    for thread, (group, track, spans) in enumerate(_tracks(trace), start=1):
        yield _name("thread_name", processes[group], thread, track)
        yield {**_at(0, processes[group], thread, "thread_sort_index", "M"), "args": {"sort_index": thread}}
        yield from (_complete(span, processes[group], thread) for span in spans)
    for device, summary in enumerate(trace.devices):
        yield from _memory(trace, device, short_name(summary.name), processes["devices"])


def _tracks(trace: Trace) -> Iterator[tuple[str, str, Sequence[Span]]]:
    """Yield (group, track, spans that do not overlap): devices in their order, then links by name."""
    by_track: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in trace.spans:
        by_track[span.resource, span.kind].append(span)
    for device in trace.devices:
        for kind, title in (("compute", ""), ("launch", " launch")):
            yield from _lanes("devices", short_name(device.name) + title, by_track.pop((device.name, kind), []))
    for resource, kind in sorted(by_track):
        yield from _lanes("links", resource, by_track[resource, kind])


def _lanes(group: str, track: str, spans: Iterable[Span]) -> Iterator[tuple[str, str, Sequence[Span]]]:
    lanes: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.start_ps, span.end_ps, span.name)):
        lane = next((lane for lane in lanes if lane[-1].end_ps <= span.start_ps), None)
        if lane is None:
            lanes.append([span])
        else:
            lane.append(span)
    for number, lane in enumerate(lanes, start=1):
        yield group, track if number == 1 else f"{track} ({number})", lane


def _complete(span: Span, process: int, thread: int) -> Event:
    start_ns, end_ns = span.start_ps // _PS_PER_NS, span.end_ps // _PS_PER_NS
    args: dict[str, Any] = {"ready_ps": span.ready_ps, "start_ps": span.start_ps, "end_ps": span.end_ps}
    if span.kind == "transfer":
        args["size_bytes"] = span.size_bytes
    timing = {"dur": (end_ns - start_ns) / 1000, "cat": span.kind}
    return {**_at(span.start_ps, process, thread, span.name, "X"), **timing, "args": args}


def _memory(trace: Trace, device: int, name: str, process: int) -> Iterator[Event]:
    used = 0
    yield {**_at(0, process, 0, f"{name} memory", "C"), "args": {"used_bytes": 0}}
    for event in trace.memory[device]:
        used += event.size_bytes if event.is_allocation else -event.size_bytes
        yield {**_at(event.time_ps, process, 0, f"{name} memory", "C"), "args": {"used_bytes": used}}


def _name(kind: str, process: int, thread: int, name: str) -> Event:
    return {**_at(0, process, thread, kind, "M"), "args": {"name": name}}


def _at(time_ps: int, process: int, thread: int, name: str, phase: str) -> Event:
    return {"ph": phase, "pid": process, "tid": thread, "ts": time_ps // _PS_PER_NS / 1000, "name": name}
