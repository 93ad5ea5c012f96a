from dataclasses import replace

import pytest

from simgpu.trace import Decision, DeviceSummary, MemoryEvent, Span, Trace, covered_ps

GPU = DeviceSummary("GPU:0", "GPU", 4096)
EVENTS = (
    MemoryEvent(1, True, "a", 0, 512),
    MemoryEvent(2, True, "b", 512, 1024),
    MemoryEvent(3, False, "a", 0, 512),
    MemoryEvent(4, True, "c", 1536, 512),
    MemoryEvent(5, False, "b", 512, 1024),
)


def trace_of(*spans, memory=()):
    return Trace("simulate", "modelled", (GPU,), (Decision("a", "GPU:0", ""),), list(spans), [list(memory)])


def span(start_ps, end_ps, kind="compute", resource="GPU:0"):
    return Span(kind, "op", resource, start_ps, start_ps, end_ps, -1)


@pytest.mark.parametrize(
    ("intervals", "covered"),
    [
        ([], 0),
        ([(3, 7)], 4),
        ([(0, 0)], 0),
        ([(0, 5), (5, 8)], 8),
        ([(0, 5), (6, 8)], 7),
        ([(4, 9), (0, 5)], 9),
        ([(0, 10), (2, 3), (4, 12)], 12),
        ([(0, 0), (0, 4), (0, 4)], 4),
    ],
)
def test_time_is_covered_once_however_many_intervals_share_it(intervals, covered):
    assert covered_ps(intervals) == covered_ps(reversed(intervals)) == covered


def test_the_makespan_ends_with_the_last_span_and_is_0_without_any():
    assert trace_of(span(0, 9), span(2, 5)).makespan_ps == 9
    assert trace_of().makespan_ps == 0


def test_a_resource_is_busy_while_spans_of_that_kind_are_on_it():
    trace = trace_of(span(0, 4), span(2, 6), span(8, 9), span(0, 100, "launch"), span(0, 50, resource="GPU:1"))

    assert (trace.busy_ps("GPU:0"), trace.busy_ps("GPU:0", "launch"), trace.busy_ps("GPU:2")) == (7, 100, 0)


def test_the_peak_is_the_most_that_was_in_use_at_one_time():
    assert trace_of(memory=EVENTS).peak_bytes(0) == 1536
    assert trace_of(memory=EVENTS[:1]).peak_bytes(0) == 512
    assert trace_of().peak_bytes(0) == 0


def test_a_ledger_hash_does_not_depend_on_times():
    later = [event._replace(time_ps=event.time_ps * 1000) for event in EVENTS]

    assert trace_of(memory=later).ledger_hash(0) == trace_of(memory=EVENTS).ledger_hash(0)


@pytest.mark.parametrize(
    "change", [{"owner": "z"}, {"offset": 2048}, {"size_bytes": 1536}, {"is_allocation": False}], ids=str
)
def test_a_ledger_hash_depends_on_everything_else(change):
    changed = [EVENTS[0], EVENTS[1]._replace(**change), *EVENTS[2:]]

    assert trace_of(memory=changed).ledger_hash(0) != trace_of(memory=EVENTS).ledger_hash(0)


def test_a_ledger_hash_depends_on_the_order_and_number_of_events():
    swapped = [EVENTS[1], EVENTS[0], *EVENTS[2:]]
    hashes = {trace_of(memory=events).ledger_hash(0) for events in (EVENTS, swapped, EVENTS[:-1], ())}

    assert len(hashes) == 4


def test_each_device_has_a_ledger_of_its_own():
    trace = replace(trace_of(memory=EVENTS), devices=(GPU, GPU), memory=[[], list(EVENTS)])

    assert (trace.peak_bytes(0), trace.peak_bytes(1)) == (0, 1536)
    assert trace.ledger_hash(1) == trace_of(memory=EVENTS).ledger_hash(0) != trace.ledger_hash(0)
