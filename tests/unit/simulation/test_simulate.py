import pytest

from simgpu.costs import Cost
from simgpu.errors import InvalidValue, MachineError, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.naming import short_name
from simgpu.placement import place
from simgpu.simulation import simulate
from simgpu.trace import Action, compare
from tests.unit.program.settings import GPU0, GPU1, Sketch, computed, machine, moved

ONE = machine("1 x 1MiB")


def test_an_unknown_link_policy_is_refused_with_those_there_are():
    with pytest.raises(InvalidValue) as caught:
        simulate(Sketch().placed(ONE), links="lifo")

    assert str(caught.value) == "links='lifo' is not a link policy; choose one of fair, fifo"


def test_unknown_costs_are_refused_before_anything_runs():
    with pytest.raises(InvalidValue) as caught:
        simulate(Sketch().placed(ONE), costs="measured")

    assert str(caught.value) == (
        "costs='measured' is not a cost model; choose 'roofline', or give an object with `cost`"
    )


def test_a_program_of_nothing_takes_no_time():
    trace = simulate(Sketch().placed(ONE))

    assert (trace.makespan_ps, trace.spans, trace.actions, trace.memory) == (0, [], [], [[], []])
    assert (trace.engine, trace.clock) == ("simulate", "modelled")


def test_durations_of_the_graph_win_over_the_cost_model():
    class Nine:
        def cost(self, operation, device):
            return Cost(9)

    sketch = Sketch().add("given", ps=5).add("modelled", ps=None)

    assert computed(simulate(sketch.placed(ONE), costs=Nine())) == {"given": (0, 5), "modelled": (5, 14)}


def test_without_a_cost_model_operations_take_their_roofline_time():
    builder = GraphBuilder()
    x = add_operation(builder, "Input", spec=TensorSpec((1000,), "float32"), name="x")
    add_operation(builder, "Relu", x, name="y")
    on = machine("1 x 1MiB", links={"host": {"bandwidth": "1 GB/s"}})

    assert computed(simulate(place(builder.build(), on))) == {"y": (4_000_000, 4_016_000)}  # 8000 B at 500 GB/s


def test_another_machine_with_the_same_devices_tells_its_own_times():
    sketch = Sketch().add("t", ps=3, sizes=[1000]).add("reader", "t", on="/cpu:0")
    placement = sketch.placed(machine("1 x 1MiB", links={"host": {"bandwidth": "1 GB/s"}}))
    faster = machine("1 x 2MiB", links={"host": {"bandwidth": "2 GB/s"}})
    trace = simulate(placement, machine=faster)

    assert moved(trace) == {"t: GPU:0 -> CPU:0": (3, 500_003)}
    assert trace.devices[1].limit_bytes == 2 * 2**20
    assert moved(simulate(placement)) == {"t: GPU:0 -> CPU:0": (3, 1_000_003)}


def test_another_machine_sets_its_own_caps():
    placement = Sketch().add("t", sizes=[4096]).placed(ONE)

    with pytest.raises(OutOfDeviceMemory):
        simulate(placement, machine=machine("1 x 2KiB"))


@pytest.mark.parametrize("other", ["2 x 1MiB", "cpu", {"hosts": [{"gpus": "1 x 1MiB"}]}], ids=str)
def test_another_machine_with_other_devices_is_refused(other):
    ours, theirs = (", ".join(short_name(device.name) for device in it.devices) for it in (ONE, Machine(other)))
    with pytest.raises(MachineError) as caught:
        simulate(Sketch().placed(ONE), machine=Machine(other))

    assert str(caught.value) == (
        f"the placement is for {ours}, and the other machine has {theirs}; "
        "give a machine with the same device names in the same order"
    )


def too_large():
    """Return a program that holds a and b when c does not fit any more, while another device still computes."""
    sketch = Sketch().add("a", ps=2, sizes=[1024]).add("b", "a", ps=3, sizes=[1024, 8]).add("slow", ps=9, on="/gpu:1")
    return sketch.add("c", "b", ps=4, sizes=[512, 3072]).fetch("a")


def test_out_of_memory_tells_who_and_carries_what_had_happened_until_then():
    with pytest.raises(OutOfDeviceMemory) as caught:
        simulate(too_large().placed(machine("2 x 4KiB", links={"host": {"bandwidth": "1 MB/s"}})))
    trace, shortage = caught.value.trace, caught.value.shortage

    assert (shortage.device, shortage.owner, shortage.requested_bytes) == (GPU0, "c:1", 3072)
    assert (shortage.used_bytes, shortage.limit_bytes, shortage.largest_hole_bytes) == (2560, 4096, 1536)
    assert shortage.largest_live == (("a", 1024), ("b", 1024), ("c", 512))
    assert computed(trace) == {"a": (0, 2), "b": (2, 5)}
    assert trace.actions[-1] == Action(3, is_finish=False)
    assert [(event.time_ps, event.is_allocation, event.owner) for event in trace.memory[1]] == [
        (0, True, "a"),
        (2, True, "b"),
        (2, True, "b:1"),
        (5, False, "b:1"),
        (5, False, "a"),
        (5, False, "b"),
    ]


def test_a_run_that_follows_is_out_of_memory_at_the_same_operation_with_the_same_figures():
    placement = too_large().placed(machine("2 x 4KiB", links={"host": {"bandwidth": "1 MB/s"}}))
    with pytest.raises(OutOfDeviceMemory) as predicted:
        simulate(placement)
    with pytest.raises(OutOfDeviceMemory) as ran:
        execute(placement, storage="shape", follow=predicted.value.trace)

    assert ran.value.shortage == predicted.value.shortage
    assert str(ran.value) == str(predicted.value)
    assert compare(predicted.value.trace, ran.value.trace)


def test_progress_counts_every_task_once():
    told = []
    sketch = Sketch().add("x", type="Input", sizes=[8]).add("y", "x", sizes=[8], on="/cpu:0").fetch("y")
    simulate(sketch.placed(ONE), on_progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_decisions_of_the_placement_are_in_the_trace():
    trace = simulate(Sketch().add("a").add("b", on="/gpu:1").placed(machine("2 x 1MiB")))

    assert trace.decisions == (("a", GPU0, "requested"), ("b", GPU1, "requested"))
