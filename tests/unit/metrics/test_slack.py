import pytest

from simgpu.costs import Cost, MoveCost
from simgpu.errors import InvalidValue, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.metrics import critical_path, slack_ps
from simgpu.metrics.columns import columns_of
from simgpu.metrics.tasks import task_spans
from simgpu.placement import place
from simgpu.simulation import LinkChange, simulate
from tests.unit.metrics.settings import on_streams, ran
from tests.unit.program.settings import GPU0, Sketch, computed, machine

ONE, TWO = machine("1 x 1MiB"), machine("2 x 1MiB")
US = 10**6
GBPS = {"host": {"bandwidth": "1 GB/s"}}
W = "/job:w/task:"
TWO_HOSTS = machine(
    hosts=[{"job": "w", "gpus": "2 x 1MiB"}, {"job": "w", "gpus": "1 x 1MiB"}],
    links={**GBPS, "network": {"bandwidth": "1 GB/s", "latency": "0 ps"}},
)


def slack(sketch, on, *kinds, **options):
    """Simulate, and return the slack of all spans of some kinds, by name."""
    placement = sketch.placed(on)
    trace = simulate(placement, **options)
    late = slack_ps(trace, placement).tolist()
    return {
        span.name: late for span, late in zip(trace.spans, late, strict=True) if span.kind in (kinds or ("compute",))
    }


def test_the_shorter_branch_has_the_difference_as_slack():
    sketch = Sketch().add("long", ps=5).add("short", ps=3, on="/gpu:1").add("end", ps=1, after=["long", "short"])

    assert slack(sketch, TWO) == {"long": 0, "short": 2, "end": 0}


def test_what_nothing_waits_for_may_end_with_the_run():
    assert slack(Sketch().add("a", ps=5).add("b", ps=20, on="/gpu:1"), TWO) == {"a": 15, "b": 0}


def test_on_one_device_a_span_may_not_push_those_behind_it_beyond_the_end():
    sketch = Sketch().add("a", ps=5).add("b", ps=3).add("c", ps=20, on="/gpu:1")

    assert slack(sketch, TWO) == {"a": 12, "b": 12, "c": 0}


def test_idle_time_before_the_next_span_is_slack_too():
    sketch = Sketch().add("a", ps=2).add("other", ps=10, on="/gpu:1").add("late", ps=5, after=["other"])

    assert slack(sketch, TWO) == {"a": 8, "other": 0, "late": 0}


def test_each_host_has_turns_of_its_own():
    sketch = Sketch()
    for task in (0, 1):
        sketch.add(f"a{task}", ps=2 + 5 * task, on=f"/job:w/task:{task}/cpu:0")
        sketch.add(f"b{task}", ps=4, on=f"/job:w/task:{task}/cpu:0")
    hosts = machine(hosts=[{"job": "w"}, {"job": "w"}], inter_op_threads=1)

    assert slack(sketch, hosts) == {"a0": 5, "b0": 5, "a1": 0, "b1": 0}


def test_the_cpu_devices_of_one_host_share_their_turns():
    sketch = Sketch().add("early", ps=2, on="/cpu:0").add("before", ps=9, on="/gpu:0")
    sketch.add("late", ps=3, on="/cpu:1", after=["before"]).add("end", ps=11, on="/gpu:0")
    on = machine("1 x 1MiB", split={"CPU:0": 2}, inter_op_threads=1)

    assert slack(sketch, on) == {"early": 15, "before": 0, "late": 8, "end": 0}


def test_on_two_threads_an_operation_waits_for_the_first_of_two_to_end():
    sketch = Sketch().add("d", ps=20)
    for name, ps in (("a", 10), ("b", 4), ("c", 3)):
        sketch.add(name, ps=ps, on="/cpu:0")

    assert slack(sketch, machine("1 x 1MiB", inter_op_threads=2)) == {"d": 0, "a": 10, "b": 13, "c": 13}


def test_on_several_threads_operations_start_in_the_same_order():
    sketch = Sketch().add("before x", ps=3).add("before y", ps=5, on="/gpu:1").add("z", ps=20, on="/cpu:0")
    sketch.add("x", ps=7, on="/cpu:0", after=["before x"]).add("y", ps=15, on="/cpu:0", after=["before y"])

    assert slack(sketch, machine("2 x 1MiB", inter_op_threads=4, intra_op_threads=4)) == {
        "before x": 2,  # x may not start after y
        "before y": 0,
        "x": 10,
        "y": 0,
        "z": 0,
    }


def test_the_host_may_launch_late_if_it_runs_ahead():
    sketch = Sketch().add("a", ps=50).add("b", ps=5, after=["a"])
    on = machine("1 x 1MiB", launch_ps=10)

    assert slack(sketch, on, "launch") == {"a": 0, "b": 40}
    assert slack(sketch, on, "compute") == {"a": 0, "b": 0}


def test_a_launch_that_comes_after_its_dependencies_holds_up_the_operation():
    sketch = Sketch().add("a", ps=50).add("b", ps=5, after=["a"]).add("end", ps=100, on="/gpu:1")
    on = machine("2 x 1MiB", launch_ps=10)

    assert slack(sketch, on, launch="sync") == {"a": 35, "b": 35, "end": 0}
    assert slack(sketch, on, "launch", launch="sync") == {"a": 35, "b": 35, "end": 0}


def test_without_running_ahead_a_launch_waits_for_all_dependencies():
    placement = on_streams(("a", 4, 0, []), ("b", 20, 1, []), ("c", 5, 0, ["a", "b"]))
    trace = simulate(placement, streams=2, launch="sync")
    late = dict(zip(((span.kind, span.name) for span in trace.spans), slack_ps(trace, placement).tolist(), strict=True))

    assert computed(trace) == {"a": (1, 8), "b": (2, 25), "c": (26, 31)}
    assert late["compute", "a"] == 25 - 8


def test_a_launch_waits_for_what_comes_from_other_gpus_even_if_the_host_runs_ahead_on_its_own():
    sketch = Sketch().add("soon", ps=10, on="/gpu:1").add("later", ps=30, on="/gpu:2")
    sketch.add("a", ps=5, after=["soon", "later"]).add("b", ps=5, after=["a"]).add("end", ps=100, on="/cpu:0")
    on = machine("3 x 1MiB", launch_ps=4)

    assert slack(sketch, on) == {"soon": 52 + 20, "later": 52, "a": 52, "b": 52, "end": 0}


def test_launches_take_turns():
    sketch = Sketch().add("a", ps=5).add("other", ps=90, on="/gpu:1").add("b", ps=5, after=["other"])
    on = machine("2 x 1MiB", launch_ps=10)

    assert slack(sketch, on, "launch") == {"a": 90, "other": 0, "b": 0}  # not 95


def test_streams_take_turns_by_themselves():
    placement = on_streams(("a", 10, 0, []), ("b", 4, 1, []), ("c", 20, 0, []))  # a and b share the card
    trace = simulate(placement, streams=2)
    late = dict(zip(((span.kind, span.name) for span in trace.spans), slack_ps(trace, placement).tolist(), strict=True))

    assert late == {
        ("launch", "a"): 0,
        ("launch", "b"): 12,
        ("launch", "c"): 12,
        ("compute", "a"): 0,
        ("compute", "b"): 25,
        ("compute", "c"): 0,
    }


def test_on_cpus_there_are_no_streams():
    builder = GraphBuilder()
    builder.add("Identity", name="a", attributes={"duration_ps": 2})
    builder.add("Identity", name="b", attributes={"duration_ps": 20, "stream": 1, "release_ps": 9})
    placement = place(builder.build(), machine("cpu", inter_op_threads=1), kernels="all")

    assert slack_ps(simulate(placement), placement).tolist() == [7, 0]


def to_gpu():
    """Return two transfers to a GPU, one after the other, and an operation that ends 2 us after them."""
    sketch = Sketch().add("t", on="/cpu:0", sizes=[1000, 3000]).add("reader", "t", "t:1")
    return sketch.add("long", ps=6 * US, on="/cpu:0")


def test_transfers_take_turns_at_a_copy_engine():
    assert slack(to_gpu(), machine("1 x 1MiB", links=GBPS), "transfer") == {"t": 2 * US, "t:1": 2 * US}


def test_the_engines_of_a_card_carry_what_comes_over_all_its_links():
    links = {"gpu": {"bandwidth": "10 GB/s"}, "host": {"bandwidth": "1 GB/s"}}
    sketch = Sketch().add("t", on="/cpu:0", sizes=[1000]).add("u", on="/gpu:1", ps=3 * US, sizes=[1000])
    sketch.add("reader", "t", "u").add("long", ps=9 * US, on="/cpu:0")

    assert slack(sketch, machine("2 x 1MiB", links=links), "transfer") == {"t": 8 * US - 100_000, "u": 6 * US - 100_000}


def test_transfers_that_do_not_wait_for_each_other_may_still_not_meet_on_a_link():
    sketch = Sketch().add("t", on="/job:w/task:0/cpu:0", sizes=[1000])
    sketch.add("u", on="/job:w/task:0/cpu:0", ps=3 * US, sizes=[1000]).add("first", "t", on="/job:w/task:1/cpu:0")
    sketch.add("second", "u", on="/job:w/task:1/cpu:0", ps=US)
    links = {"network": {"bandwidth": "1 GB/s", "latency": "0 ps"}}
    on = machine(hosts=[{"job": "w"}, {"job": "w"}], links=links)

    assert slack(sketch, on, "transfer") == {"t": 2 * US, "u": 0}


def test_copies_within_a_card_need_no_engine():
    sketch = Sketch().add("t", sizes=[1000]).add("u", ps=3 * US, sizes=[1000])
    sketch.add("reader", "t", on="/gpu:1").add("host", "u", on="/cpu:0", ps=2 * US)
    on = machine("1 x 1MiB", split={"GPU:0": 2}, links=GBPS)

    assert slack(sketch, on, "transfer") == {"t": 6 * US - 4000, "u": 0}


def test_slices_of_a_card_share_its_copy_engines():
    sketch = Sketch().add("t", on="/cpu:0", sizes=[1000, 3000]).add("a", "t").add("b", "t:1", on="/gpu:1")
    on = machine("1 x 1MiB", split={"GPU:0": 2}, links=GBPS)

    assert slack(sketch.add("long", ps=6 * US, on="/cpu:0"), on, "transfer") == {"t": 2 * US, "t:1": 2 * US}


def test_transfers_take_turns_on_a_link():
    on = machine("1 x 1MiB", links=GBPS)

    assert slack(to_gpu(), on, "transfer", copy_engines=False, links="fifo") == {"t": 2 * US, "t:1": 2 * US}


def test_a_transfer_starts_when_the_one_before_has_left_the_first_of_its_links_whatever_else_ends_then():
    sketch = Sketch().add("a", ps=3 * US, sizes=[1000, 1000]).add("short", "a", on="/gpu:1")
    sketch.add("long", "a:1", on="/gpu:2", ps=5 * US).add("other", on="/cpu:0", ps=4 * US)

    assert slack(sketch, machine("3 x 1MiB", links=GBPS), links="fifo", copy_engines=False)["a"] == 0


def test_a_transfer_that_takes_no_time_is_behind_the_one_before_too():
    sketch = Sketch().add("a", ps=3 * US, sizes=[1000, 0]).add("short", "a", on="/gpu:1")
    sketch.add("long", "a:1", on="/gpu:2", ps=50 * US).add("other", on="/cpu:0", ps=4 * US)

    assert slack(sketch, machine("3 x 1MiB", links=GBPS), links="fifo", copy_engines=False)["a"] == 0


def test_a_transfer_that_took_longer_than_its_link_takes_held_up_the_next_one_all_the_while():
    sketch = Sketch().add("a", ps=3 * US, sizes=[1000, 1000]).add("short", "a", on="/gpu:1")
    sketch.add("long", "a:1", on="/gpu:2", ps=50 * US).add("other", on="/cpu:0", ps=13 * US)
    slow = [LinkChange(link="*", at="0 ps", bandwidth="100 MB/s")]
    on = machine("3 x 1MiB", links=GBPS)

    assert slack(sketch, on, links="fifo", copy_engines=False, perturbations=slow)["a"] == 0


def test_links_over_which_a_transfer_flows_at_once_have_no_turns():
    sketch = Sketch()
    for name, device in (("x", f"{W}0/gpu:0"), ("z", f"{W}0/gpu:1"), ("w", f"{W}0/cpu:0")):
        sketch.add(name, on=device, sizes=[10_000]).add(f"to_{name}", name, on=f"{W}1/gpu:0")
    sketch.add("y", on=f"{W}0/cpu:0", ps=21 * US, sizes=[10_000]).add("to_y", "y", on=f"{W}1/gpu:0", ps=90 * US)

    assert slack(sketch, TWO_HOSTS, copy_engines=False)["x"] > US


def test_times_beyond_64_bits_have_slack_too():
    sketch = Sketch().add("a", ps=3 * US, sizes=[20 * 10**6] * 2).add("short", "a", on="/gpu:1")
    sketch.add("long", "a:1", on="/gpu:2", ps=5 * US)
    on = machine("3 x 1GiB", links={"host": {"bandwidth": "1 B/s"}})

    assert slack(sketch, on, links="fifo", copy_engines=False)["a"] == 0


def test_a_transfer_may_not_be_so_late_that_one_that_just_found_its_link_free_does_not():
    sketch = Sketch().add("a", on=f"{W}0/cpu:0", ps=3 * US, sizes=[1000]).add("to", "a", on=f"{W}1/gpu:0")
    sketch.add("b", on=f"{W}0/cpu:0", ps=4 * US, sizes=[1000]).add("then", "b", on=f"{W}1/gpu:0", ps=9 * US)

    assert slack(sketch, TWO_HOSTS, links="fifo", copy_engines=False)["a"] == 0


class Launched:
    """A launch of 1 us for every operation and every transfer; operations take what is told of them by name."""

    def __init__(self, **ps):
        self.ps = ps

    def cost(self, operation, device):
        return Cost(self.ps.get(operation.name, 0), launch_ps=US)

    def move(self, size_bytes, source, target):
        return MoveCost(US)


def test_a_launch_belongs_to_a_transfer_that_is_launched_and_not_to_its_namesake_between_hosts():
    sketch = Sketch().add("z", on=f"{W}0/cpu:0", sizes=[5000]).add("a", on=f"{W}0/cpu:0", sizes=[1000], ps=US)
    sketch.add("y", "z", on=f"{W}1/cpu:0").add("b", "a", on=f"{W}1/cpu:0").add("c", "a", on=f"{W}1/gpu:0")
    placement = sketch.placed(TWO_HOSTS)
    trace = simulate(placement, costs=Launched(), links="fifo")
    found = task_spans(trace, placement, columns_of(trace))
    launched = [
        found.program.tasks.device[task]
        for task, span in zip(found.task, trace.spans, strict=True)
        if span.kind == "launch"
    ]

    assert {TWO_HOSTS.devices[it].kind for it in launched} == {"GPU"}


def test_a_launch_on_another_host_waits_for_the_end_where_one_on_the_same_host_does_not():
    graph = GraphBuilder()
    graph.add("Identity", name="a", outputs=[TensorSpec((10,), "uint8")], device=f"{W}0/gpu:0")
    for number in range(7):  # launched until 7 us, by when `a` has ended for 1 us
        graph.add("Identity", name=f"before{number}", outputs=[TensorSpec((), "uint8")], device=f"{W}1/gpu:0")
    for name, device in (("b", f"{W}0/gpu:1"), ("c", f"{W}1/gpu:0")):
        graph.add("Identity", ["a"], name=name, outputs=[TensorSpec((), "uint8")], device=device)
    placement = place(graph.build(), TWO_HOSTS, kernels="all", soft=False)
    trace = simulate(placement, costs=Launched(a=5 * US, c=9 * US), launchers="host")
    late = dict(zip([(it.kind, it.name) for it in trace.spans], slack_ps(trace, placement).tolist(), strict=True))

    assert late["compute", "a"] == US


def test_on_the_critical_path_there_is_no_slack_and_none_is_negative():
    placement = to_gpu().placed(machine("1 x 1MiB", links=GBPS))
    trace = execute(placement, storage="shape")[1]
    late = slack_ps(trace, placement)

    assert min(late) == 0
    assert {late[step.span] for step in critical_path(trace).steps} == {0}


def test_measured_operations_take_the_turns_of_their_gpu_whatever_their_streams():
    placement = on_streams(("a", 0, 0, []), ("b", 0, 1, []))
    trace = execute(placement, storage="shape")[1]
    trace.spans = [ran("a", GPU0, 0, 0, 5), ran("b", GPU0, 9, 9, 20)]

    assert slack_ps(trace, placement).tolist() == [4, 0]


def test_measured_transfers_take_the_turns_of_the_threads_that_copy():
    placement = Sketch().add("x", type="Input").add("y", type="Input", on="/gpu:1").placed(TWO)
    trace = execute(placement, storage="shape")[1]
    trace.spans = [ran("x", "caller -> GPU:0", 0, 0, 5), ran("y", "caller -> GPU:1", 9, 9, 20)]

    assert slack_ps(trace, placement).tolist() == [4, 0]


def test_a_trace_of_another_machine_needs_that_machine():
    sketch = Sketch().add("t", ps=1, sizes=[1000]).add("reader", "t", on="/cpu:0")
    placement = sketch.placed(machine("1 x 1MiB", links=GBPS))
    other = machine("1 x 2MiB", links=GBPS)

    assert slack_ps(simulate(placement, machine=other), placement, machine=other).tolist() == [0, 0, 0]


def test_a_run_that_ended_early_has_the_slack_of_what_happened():
    sketch = Sketch().add("a", ps=2, sizes=[1024]).add("b", ps=9, on="/gpu:1").add("c", "a", ps=1, sizes=[3584])
    placement = sketch.placed(machine("2 x 4KiB"))
    with pytest.raises(OutOfDeviceMemory) as caught:
        simulate(placement)

    assert slack_ps(caught.value.trace, placement).tolist() == [0]


def test_days_and_days_are_no_matter():
    sketch = Sketch().add("long", ps=2**62).add("longer", ps=2**62, after=["long"]).add("short", ps=5, on="/gpu:1")

    assert slack(sketch, TWO) == {"short": 2**63 - 5, "long": 0, "longer": 0}


def test_a_program_of_nothing_has_no_slack():
    placement = Sketch().placed(ONE)

    assert slack_ps(simulate(placement), placement).tolist() == []


@pytest.mark.parametrize("other", ["another device", "another graph", "another machine"])
def test_a_trace_of_something_else_is_refused(other):
    placement = Sketch().add("a", ps=5).placed(TWO)
    others = {
        "another device": Sketch().add("a", ps=5, on="/gpu:1").placed(TWO),
        "another graph": Sketch().add("b", ps=5).placed(TWO),
        "another machine": place(placement.graph, ONE),
    }
    with pytest.raises(InvalidValue) as caught:
        slack_ps(simulate(others[other]), placement)

    assert str(caught.value) == "the trace is of another graph, placement or machine; give those that were run"


def test_a_trace_that_lacks_spans_is_refused():
    placement = Sketch().add("a", ps=5).add("b", ps=5).placed(ONE)
    trace = simulate(placement)
    trace.spans = list(trace.spans)[:1]

    with pytest.raises(InvalidValue, match="has not one span for each task that finished"):
        slack_ps(trace, placement)
