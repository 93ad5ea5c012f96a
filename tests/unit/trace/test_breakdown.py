from simgpu.trace import DeviceSummary, Span, TimeBreakdown, Trace, critical_chain, time_breakdown

SPANS = [
    Span("compute", "first", "GPU:0", 0, 0, 10, -1),
    Span("compute", "not on the chain", "GPU:1", 0, 0, 70, -1),
    Span("transfer", "first", "GPU:0 -> GPU:1", 10, 13, 33, 0, 8),
    Span("launch", "second", "GPU:1", 33, 33, 38, 2),
    Span("compute", "second", "GPU:1", 38, 70, 100, 3),
    Span("transfer", "ends earlier", "GPU:0 -> caller", 10, 10, 99, 0, 8),
]


def trace_of(spans):
    return Trace("simulate", "modelled", (DeviceSummary("GPU:0", "GPU", 0),), (), list(spans))


def test_the_critical_chain_follows_the_causes_back_from_the_last_end():
    assert critical_chain(trace_of(SPANS)) == [SPANS[0], SPANS[2], SPANS[3], SPANS[4]]


def test_the_makespan_is_split_into_what_the_chain_did_and_how_long_it_waited():
    breakdown = time_breakdown(trace_of(SPANS))

    assert breakdown == TimeBreakdown(compute_ps=40, transfer_ps=20, launch_ps=5, waiting_ps=35)
    assert breakdown.makespan_ps == trace_of(SPANS).makespan_ps == 100


def test_time_before_the_first_span_of_the_chain_is_waiting():
    late = Span("compute", "late", "GPU:0", 0, 7, 9, -1)

    assert time_breakdown(trace_of([late])) == TimeBreakdown(2, 0, 0, 7)


def test_nothing_took_no_time():
    assert critical_chain(trace_of([])) == []
    assert time_breakdown(trace_of([])) == TimeBreakdown(0, 0, 0, 0)
