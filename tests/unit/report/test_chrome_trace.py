from __future__ import annotations

import json
import os
from collections import defaultdict
from itertools import pairwise

import pytest

from simgpu.errors import InvalidValue
from simgpu.report import chrome_trace, write_chrome_trace
from simgpu.trace import Decision, DeviceSummary, MemoryEvent, Span, Trace
from tests.messages import exactly
from tests.unit.report.runs import predicted, small_run

GPU = "/job:localhost/replica:0/task:0/device:GPU:0"


@pytest.fixture
def trace():
    return Trace(
        engine="simulate",
        clock="modelled",
        devices=(DeviceSummary(GPU, "GPU", 1024),),
        decisions=(Decision("a", GPU, "default"),),
        spans=[
            Span("launch", "a", GPU, 0, 0, 4_000_000, -1),
            Span("compute", "a", GPU, 4_000_000, 4_000_000, 9_500_123, 0),
            Span("transfer", "t", "GPU:0 -> GPU:1", 0, 0, 2_000, -1, 64),
            Span("transfer", "u", "GPU:0 -> GPU:1", 0, 1_000, 3_000, -1, 128),
        ],
        memory=[[MemoryEvent(1_000, True, "a", 0, 512), MemoryEvent(9_500_123, False, "a", 0, 512)]],
    )


def test_every_span_name_and_byte_is_in_the_document(trace):
    times = {"ready_ps": 0, "start_ps": 0}
    moved = {"ph": "X", "pid": 2, "cat": "transfer"}
    counter = {"ph": "C", "pid": 1, "tid": 0, "name": "GPU:0 memory"}

    assert chrome_trace(trace) == {
        "displayTimeUnit": "ns",
        "traceEvents": [
            meta("process_name", 1, 0, name="simulate (modelled time): devices"),
            meta("process_name", 2, 0, name="simulate (modelled time): links"),
            meta("thread_name", 1, 1, name="GPU:0", resource=GPU),
            meta("thread_sort_index", 1, 1, sort_index=1),
            {"ph": "X", "pid": 1, "tid": 1, "ts": 4.0, "dur": 5.5, "name": "a", "cat": "compute",
             "args": {"ready_ps": 4_000_000, "start_ps": 4_000_000, "end_ps": 9_500_123, "span": 1, "cause": 0}},
            meta("thread_name", 1, 2, name="GPU:0 launch", resource=GPU),
            meta("thread_sort_index", 1, 2, sort_index=2),
            {"ph": "X", "pid": 1, "tid": 2, "ts": 0.0, "dur": 4.0, "name": "a", "cat": "launch",
             "args": {**times, "end_ps": 4_000_000, "span": 0, "cause": -1}},
            meta("thread_name", 2, 3, name="GPU:0 -> GPU:1", resource="GPU:0 -> GPU:1"),
            meta("thread_sort_index", 2, 3, sort_index=3),
            {**moved, "tid": 3, "ts": 0.0, "dur": 0.002, "name": "t",
             "args": {**times, "end_ps": 2000, "size_bytes": 64, "span": 2, "cause": -1}},
            meta("thread_name", 2, 4, name="GPU:0 -> GPU:1 (2)", resource="GPU:0 -> GPU:1"),
            meta("thread_sort_index", 2, 4, sort_index=4),
            {**moved, "tid": 4, "ts": 0.001, "dur": 0.002, "name": "u",
             "args": {"ready_ps": 0, "start_ps": 1000, "end_ps": 3000, "size_bytes": 128, "span": 3, "cause": -1}},
            {**counter, "ts": 0.0, "args": {"used_bytes": 0}},
            {**counter, "ts": 0.001, "args": {"used_bytes": 512}},
            {**counter, "ts": 9.5, "args": {"used_bytes": 0}},
        ],
        "otherData": {
            "simgpu_format": 1,
            "traces": [
                {
                    "process": 1,
                    "engine": "simulate",
                    "clock": "modelled",
                    "devices": [[GPU, "GPU", 1024]],
                    "decisions": [["a", GPU, "default"]],
                    "memory": [[[1_000, True, "a", 0, 512], [9_500_123, False, "a", 0, 512]]],
                    "actions": [],
                }
            ],
        },
    }  # fmt: skip


def meta(kind: str, process: int, thread: int, **args: object) -> dict[str, object]:
    return {"ph": "M", "pid": process, "tid": thread, "ts": 0.0, "name": kind, "args": args}


def test_the_file_is_the_document(tmp_path):
    trace = predicted()
    write_chrome_trace(tmp_path / "t.json", trace)

    assert json.loads((tmp_path / "t.json").read_text()) == chrome_trace(trace)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no/t.json", "there is no directory {}/no"),
        ("", "it is a directory"),
        ("full", "No space left on device"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_in_words(trace, tmp_path, path, reason):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    name = "/dev/full" if path == "full" else os.path.join(tmp_path, path).rstrip("/")
    with pytest.raises(InvalidValue) as caught:
        write_chrome_trace(name, trace)

    assert str(caught.value) == (
        f"the trace cannot be written to {name!r}: {reason.format(tmp_path)}; name a file in a directory you can write"
    )


@pytest.mark.parametrize("path", [3, None, b"t.json", "a\0b"])
def test_what_is_no_path_is_refused(trace, path):
    with pytest.raises(
        InvalidValue, match=exactly(f"a trace is written to a path, not to {path!r}; give the name of a file")
    ):
        write_chrome_trace(path, trace)


def test_what_is_no_trace_is_refused_before_anything_is_written(trace, tmp_path):
    with pytest.raises(
        InvalidValue, match=exactly("None is not a trace; give those of `simulate`, `execute` or `run`")
    ):
        write_chrome_trace(tmp_path / "t.json", trace, None)

    assert not (tmp_path / "t.json").exists()


def test_the_same_run_gives_the_same_bytes(tmp_path):
    write_chrome_trace(tmp_path / "a.json", predicted())
    write_chrome_trace(tmp_path / "b.json", predicted())

    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_spans_of_one_track_never_overlap_and_every_track_has_one_name():
    result = small_run()
    events = chrome_trace(result.predicted, result.executed)["traceEvents"]
    tracks, names = defaultdict(list), defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append((event["args"]["start_ps"], event["args"]["end_ps"]))
        if event["name"] == "thread_name":
            names[event["pid"], event["tid"]].append(event["args"]["name"])

    assert {track: len(given) for track, given in names.items()} == dict.fromkeys(tracks, 1)
    for spans in tracks.values():
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_two_traces_are_in_processes_of_their_own():
    result = small_run()
    events = chrome_trace(result.predicted, result.executed)["traceEvents"]

    assert {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"} == {
        1: "simulate (modelled time): devices",
        2: "simulate (modelled time): links",
        3: "execute (real time): devices",
        4: "execute (real time): links",
    }


def test_counters_end_at_zero():
    last = {}
    for event in chrome_trace(predicted())["traceEvents"]:
        if event["ph"] == "C":
            last[event["name"]] = event["args"]["used_bytes"]

    assert last == {"CPU:0 memory": 0, "GPU:0 memory": 0, "GPU:1 memory": 0}
