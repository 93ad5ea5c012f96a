"""CPUs: inter-op threads take operations, and intra-op threads their parts."""

from simgpu.costs import Cost
from simgpu.simulation import simulate
from tests.unit.program.settings import Sketch, computed, machine


class Table:
    """Costs by the names of the operations."""

    def __init__(self, **costs):
        self.costs = {name: Cost(*cost) for name, cost in costs.items()}

    def cost(self, operation, device):
        return self.costs[operation.name]


def times(machine, on="/cpu:0", **costs):
    """Simulate independent operations, each given as (picoseconds of a part, parts)."""
    sketch = Sketch()
    for name in costs:
        sketch.add(name, ps=None, on=on)
    return computed(simulate(sketch.placed(machine), costs=Table(**costs)))


def cpu(inter_op, intra_op):
    return machine("cpu", inter_op_threads=inter_op, intra_op_threads=intra_op)


def test_one_inter_op_thread_takes_one_operation_at_a_time_however_many_threads_are_idle():
    assert times(cpu(1, 8), a=(10, 1), b=(10, 1)) == {"a": (0, 10), "b": (10, 20)}


def test_as_many_operations_run_as_there_are_inter_op_threads():
    assert times(cpu(2, 8), a=(10, 1), b=(4, 1), c=(3, 1)) == {"b": (0, 4), "c": (4, 7), "a": (0, 10)}


def test_the_parts_of_an_operation_run_side_by_side():
    assert times(cpu(1, 4), a=(10, 4), b=(10, 3)) == {"a": (0, 10), "b": (10, 20)}


def test_parts_beyond_the_threads_wait_for_one():
    assert times(cpu(1, 3), a=(10, 4)) == {"a": (0, 20)}


def test_the_parts_of_all_operations_go_through_one_queue_in_order():
    assert times(cpu(2, 1), a=(10, 2), b=(5, 1)) == {"a": (0, 20), "b": (0, 25)}
    assert times(cpu(3, 3), a=(10, 4), b=(4, 1), c=(1, 1)) == {"c": (0, 11), "b": (0, 14), "a": (0, 20)}


def test_an_operation_keeps_its_inter_op_thread_until_its_last_part_is_done():
    assert times(cpu(1, 2), a=(10, 3), b=(1, 1)) == {"a": (0, 20), "b": (20, 21)}


def test_a_gpu_runs_all_parts_as_one_operation():
    assert times(machine("1 x 1MiB"), on="/gpu:0", a=(10, 4)) == {"a": (0, 40)}


def test_the_cpu_devices_of_one_host_share_its_threads():
    sketch = Sketch().add("a", ps=4, on="/cpu:0").add("b", ps=4, on="/cpu:1")
    halves = machine("cpu", split={"CPU:0": 2}, inter_op_threads=1)

    assert computed(simulate(sketch.placed(halves))) == {"a": (0, 4), "b": (4, 8)}


def test_every_host_has_threads_of_its_own():
    sketch = Sketch().add("a", ps=4, on="/job:worker/task:0/cpu:0").add("b", ps=4, on="/job:worker/task:1/cpu:0")
    hosts = machine(hosts=[{}, {}], inter_op_threads=1)

    assert computed(simulate(sketch.placed(hosts))) == {"a": (0, 4), "b": (0, 4)}
