"""Whatever the program, metrics add up, and slack is what could have been later."""

from collections import Counter, defaultdict

import hypothesis.strategies as st
from hypothesis import assume, event, given

from simgpu.costs import Cost, MoveCost
from simgpu.errors import OutOfDeviceMemory, PlacementError
from simgpu.execution import execute
from simgpu.metrics import critical_path, explain, memory_use, metrics_of, queue_lengths, slack_ps
from simgpu.placement import place
from simgpu.simulation import simulate
from tests.property.programs import cases

US = 10**6
OPTIONS = st.fixed_dictionaries(
    {
        "links": st.sampled_from(("fair", "fifo")),
        "launch": st.sampled_from(("sync", "async")),
        "copy_engines": st.booleans(),
        "discipline": st.sampled_from(("fifo", "shortest")),
    }
)


class Drawn:
    """Costs from a list, by the number of the operation, and of moves; one operation may take longer."""

    def __init__(self, durations_us, moves_launch_us=0, longer="", by_ps=0):
        self.durations_us, self.moves_launch_us = durations_us, moves_launch_us
        self.longer, self.by_ps = longer, by_ps

    def cost(self, operation, device):
        by_ps = self.by_ps if operation.name == self.longer else 0
        return Cost(self.durations_us[operation.index % len(self.durations_us)] * US + by_ps)

    def move(self, size_bytes, source, target):
        return MoveCost(self.moves_launch_us * US)


COSTS = st.builds(Drawn, st.lists(st.integers(0, 9), min_size=1, max_size=8), st.sampled_from((0, 0, 1, 7)))


def placed(case):
    try:
        return place(case.graph, case.machine, kernels=case.kernels, soft=case.soft)
    except PlacementError:
        assume(False)


def traced(run):
    """Return the trace of a run, or of what happened until memory ran out."""
    try:
        result = run()
    except OutOfDeviceMemory as error:
        return error.trace
    return result[1] if isinstance(result, tuple) else result


@st.composite
def runs(draw, launchers=("device", "host")):
    """A placement, the options of its simulation, and the trace."""
    placement, costs, options = placed(draw(cases())), draw(COSTS), draw(OPTIONS)
    options["launchers"] = draw(st.sampled_from(launchers))
    return placement, {"costs": costs, **options}, traced(lambda: simulate(placement, costs=costs, **options))


def assert_path_is_whole(trace):
    path = critical_path(trace)
    ends = [0, *(step.end_ps for step in path.steps)]

    assert [step.start_ps for step in path.steps] == ends[:-1]
    assert ends[-1] == path.makespan_ps == trace.makespan_ps
    return path


@given(runs())
def test_the_critical_path_has_no_gaps_and_adds_up_to_the_makespan(run):
    _, options, trace = run
    path = assert_path_is_whole(trace)
    by_kind = path.by_kind_ps()
    for step in path.steps:
        event(f"{step.kind} after {step.after}")

    assert by_kind["release"] == 0
    if options["links"] == "fair":
        assert by_kind["waiting"] == 0
    else:
        assert all(step.kind != "waiting" or " -> " in step.resource for step in path.steps)


@given(runs())
def test_slack_is_0_on_the_critical_path_and_elsewhere_at_most_what_causes_leave(run):
    placement, _, trace = run
    slack, spans = slack_ps(trace, placement).tolist(), trace.spans
    latest = [trace.makespan_ps] * len(spans)
    for number in sorted(range(len(spans)), key=lambda it: (spans[it].start_ps, spans[it].end_ps, it))[::-1]:
        cause = spans[number].cause
        if cause >= 0:
            latest[cause] = min(latest[cause], latest[number] - spans[number].end_ps + spans[number].start_ps)

    assert {slack[step.span] for step in critical_path(trace).steps} <= {0}
    assert all(0 <= late <= end - span.end_ps for late, end, span in zip(slack, latest, spans, strict=True))


def in_order(trace):
    """Return for each resource and end of a way what was on it, in the order of the starts."""
    order = defaultdict(list)
    for span in sorted(trace.spans, key=lambda span: (span.start_ps, span.end_ps)):
        for where in {span.resource, *span.resource.split(" -> ")}:
            order[where].append((span.kind, span.name, span.resource))
    return order


def durations(trace, without=""):
    return {
        (span.kind, span.name, span.resource): span.end_ps - span.start_ps
        for span in trace.spans
        if (span.kind, span.name) != ("compute", without)
    }


@given(runs(launchers=("device",)), st.data())
def test_an_operation_may_take_longer_by_its_slack(run, data):
    placement, options, trace = run
    slack = slack_ps(trace, placement)
    loose = [number for number, span in enumerate(trace.spans) if span.kind == "compute" and slack[number]]
    assume(loose)
    number = data.draw(st.sampled_from(loose))
    name = trace.spans[number].name
    by_ps = data.draw(st.sampled_from((1, int(slack[number]))))
    costs = Drawn(options["costs"].durations_us, options["costs"].moves_launch_us, name, by_ps)
    longer = traced(lambda: simulate(placement, **options | {"costs": costs}))
    is_comparable = in_order(longer) == in_order(trace) and durations(longer, name) == durations(trace, name)
    event(f"comparable: {is_comparable}")
    assume(is_comparable)

    assert longer.makespan_ps == trace.makespan_ps


@given(cases(), st.booleans())
def test_an_executed_trace_has_a_whole_path_without_slack(case, does_follow):
    placement = placed(case)
    follow = traced(lambda: simulate(placement)) if does_follow else None
    trace = traced(lambda: execute(placement, storage="shape", follow=follow))
    path, slack = assert_path_is_whole(trace), slack_ps(trace, placement)

    assert all(value >= 0 for value in slack)
    assert all(slack[step.span] == 0 for step in path.steps)


@given(runs())
def test_a_queue_adds_up_to_the_waiting_times(run):
    _, _, trace = run
    waits = defaultdict(list)
    for span in trace.spans:
        waits[span.resource, span.kind].append((span.ready_ps, span.start_ps))
    for (resource, kind), spans in waits.items():
        queue = queue_lengths(trace, resource, kind=kind)
        at = [sum(ready <= moment < start for ready, start in spans) for moment in queue.times_ps]

        assert queue.integral == sum(start - ready for ready, start in spans)
        assert list(queue.values) == at
        assert queue.maximum == max([0, *at])


@given(runs())
def test_links_and_ways_carry_the_bytes_of_all_transfers(run):
    placement, _, trace = run
    machine, metrics = placement.machine, metrics_of(trace, placement)
    ways, links = Counter(), Counter()
    for span in trace.spans:
        if span.kind == "transfer":
            source, target = span.resource.split(" -> ")
            first = machine.index(target if source == "caller" else source)
            last = machine.index(source if target == "caller" else target)
            pair = (
                machine.host_device(first) if source == "caller" else first,
                machine.host_device(last) if target == "caller" else last,
            )
            ways[span.resource] += span.size_bytes
            for channel in machine.route(*pair).channels:
                links[machine.channels[channel].name] += span.size_bytes

    assert {way.name: way.size_bytes for way in metrics.ways} == dict(ways)
    assert metrics.bytes_by_link == dict(links)


@given(runs())
def test_devices_have_what_the_trace_says(run):
    placement, _, trace = run
    devices = metrics_of(trace, placement).devices

    assert [device.busy_ps for device in devices] == [trace.busy_ps(device.name) for device in trace.devices]
    assert [device.peak_bytes for device in devices] == [trace.peak_bytes(it) for it in range(len(devices))]
    assert all(0 <= device.idle_ps <= trace.makespan_ps for device in devices)


@given(runs())
def test_memory_in_use_adds_up_to_the_blocks_and_how_long_they_were_held(run):
    _, _, trace = run
    for device, events in enumerate(trace.memory):
        held = sum((-1 if event.is_allocation else 1) * event.size_bytes * event.time_ps for event in events)

        assert memory_use(trace, device).integral == held


@given(runs(), COSTS, OPTIONS)
def test_contributions_explain_the_whole_difference(run, costs, options):
    placement, _, trace = run
    other = traced(lambda: simulate(placement, costs=costs, **options))
    there, back = explain(trace, other), explain(other, trace)

    assert (
        sum(row.contribution_ps for row in there.spans) == there.difference_ps == other.makespan_ps - trace.makespan_ps
    )
    assert {row[:2] + row[4:] for row in there.spans if row.kind != "transfer"} == {
        (*row[:2], *(-change for change in row[4:])) for row in back.spans if row.kind != "transfer"
    }
    in_ways = sum(way.contribution_ps for way in there.ways)
    assert in_ways == sum(row.contribution_ps for row in there.spans if row.kind == "transfer")
