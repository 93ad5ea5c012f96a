"""Traces in the JSON form that chrome://tracing and Perfetto read.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format). Times are in
microseconds with three decimals; the exact picoseconds are in each event's `args`, with the number and the cause of its
span. What no viewer shows is in `otherData`, so that `read_trace` gives the same trace back.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from simgpu.errors import InvalidValue
from simgpu.naming import short_name
from simgpu.trace import Span, Trace

Event = dict[str, Any]

FORMAT = 1
"""Version of what stands in `otherData`: grows when it changes its meaning."""

_GROUPS = ("devices", "links")
_PS_PER_NS = 1000


class _Numbered(NamedTuple):
    """A span, and its number in its trace."""

    number: int
    span: Span


def chrome_trace(*traces: Trace) -> dict[str, Any]:
    """Return traces as one JSON document; each gets two processes, its devices and its links.

    A device has a track for what it computes and one for its launches, a link one for what it moves, and more where
    spans overlap; the memory in use is a counter of each device.
    """
    events: list[Event] = []
    rests: list[dict[str, Any]] = []
    for number, trace in enumerate(traces):
        if not isinstance(trace, Trace):
            raise InvalidValue(f"{trace!r:.60} is not a trace; give those of `simulate`, `execute` or `run`")
        first_process = 1 + number * len(_GROUPS)
        events += _events(trace, first_process)
        rests.append(_rest(trace, first_process))
    return {"displayTimeUnit": "ns", "traceEvents": events, "otherData": {"simgpu_format": FORMAT, "traces": rests}}


def write_chrome_trace(path: str | os.PathLike[str], *traces: Trace) -> None:
    """Write `chrome_trace` to a file, one event on a line. The same traces give the same bytes.

    Raises InvalidValue for a file that cannot be written, and for what is no trace.
    """
    document = chrome_trace(*traces)
    lines, rests = _lines(document["traceEvents"]), _lines(document["otherData"]["traces"])
    name = trace_path(path)
    try:
        with open(name, "w", encoding="utf-8") as file:
            file.write(f'{{"displayTimeUnit":"ns","traceEvents":[\n{lines}\n],\n')
            file.write(f'"otherData":{{"simgpu_format":{FORMAT},"traces":[\n{rests}\n]}}}}\n')
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


def _lines(objects: Iterable[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(it, separators=(",", ":"), allow_nan=False) for it in objects)


def _rest(trace: Trace, first_process: int) -> dict[str, Any]:
    """Return all of a trace but its spans. Its events have two processes, the first of which is `process`."""
    return {
        **({} if trace.card_use is None else {"card_use": asdict(trace.card_use)}),
        "process": first_process,
        "engine": trace.engine,
        "clock": trace.clock,
        "devices": [[device.name, device.kind, device.limit_bytes] for device in trace.devices],
        "decisions": [list(decision) for decision in trace.decisions],
        "memory": [[list(event) for event in events] for events in trace.memory],
        "actions": [list(action) for action in trace.actions],
    }


def _events(trace: Trace, first_process: int) -> Iterator[Event]:
    processes = {group: first_process + number for number, group in enumerate(_GROUPS)}
    for group, process in processes.items():
        yield _name("process_name", process, 0, f"{trace.engine} ({trace.clock} time): {group}")
    for thread, (group, track, lane) in enumerate(_tracks(trace), start=1):
        name = _name("thread_name", processes[group], thread, track)
        yield {**name, "args": {**name["args"], "resource": lane[0].span.resource}}
        yield {**_at(0, processes[group], thread, "thread_sort_index", "M"), "args": {"sort_index": thread}}
        yield from (_complete(numbered, processes[group], thread) for numbered in lane)
    for device, summary in enumerate(trace.devices):
        yield from _memory(trace, device, short_name(summary.name), processes["devices"])


def _tracks(trace: Trace) -> Iterator[tuple[str, str, Sequence[_Numbered]]]:
    """Yield (group, track, spans that do not overlap): devices in their order, then links by name."""
    by_track: defaultdict[tuple[str, str], list[_Numbered]] = defaultdict(list)
    for number, span in enumerate(trace.spans):
        by_track[span.resource, span.kind].append(_Numbered(number, span))
    for device in trace.devices:
        for kind, title in (("compute", ""), ("launch", " launch")):
            yield from _lanes("devices", short_name(device.name) + title, by_track.pop((device.name, kind), []))
    for resource, kind in sorted(by_track):
        yield from _lanes("links", resource, by_track[resource, kind])


def _lanes(group: str, track: str, spans: Iterable[_Numbered]) -> Iterator[tuple[str, str, Sequence[_Numbered]]]:
    lanes: list[list[_Numbered]] = []
    for numbered in sorted(spans, key=lambda it: (it.span.start_ps, it.span.end_ps, it.span.name)):
        lane = next((lane for lane in lanes if lane[-1].span.end_ps <= numbered.span.start_ps), None)
        if lane is None:
            lanes.append([numbered])
        else:
            lane.append(numbered)
    for number, lane in enumerate(lanes, start=1):
        yield group, track if number == 1 else f"{track} ({number})", lane


def _complete(numbered: _Numbered, process: int, thread: int) -> Event:
    number, span = numbered
    start_ns, end_ns = span.start_ps // _PS_PER_NS, span.end_ps // _PS_PER_NS
    args: dict[str, Any] = {"ready_ps": span.ready_ps, "start_ps": span.start_ps, "end_ps": span.end_ps}
    if span.kind == "transfer" or span.size_bytes:
        args["size_bytes"] = span.size_bytes
    args |= {"span": number, "cause": span.cause}
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
