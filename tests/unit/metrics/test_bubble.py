import pytest

from simgpu.errors import InvalidValue
from simgpu.metrics import Bubble, bubble
from simgpu.simulation import simulate
from tests.unit.metrics.settings import ran, trace_of
from tests.unit.program.settings import Sketch, machine

SPANS = (
    ran("a", "GPU:0", 0, 10, 20),
    ran("b", "GPU:0", 0, 30, 40),
    ran("c", "GPU:1", 0, 20, 60),
    ran("d", "CPU:0", 0, 0, 5),
    ran("x", "GPU:0 -> GPU:1", 0, 0, 100),
)


def test_devices_that_compute_take_part_between_the_first_use_and_the_last():
    assert bubble(trace_of(*SPANS)) == Bubble(("CPU:0", "GPU:0", "GPU:1"), 65, 3 * 60, 5 + 30 + 40)


def test_time_in_which_several_operations_run_is_busy_once():
    times_ps = {"a": (0, 10), "b": (1, 3), "c": (5, 6), "d": (20, 25)}
    spans = (ran(name, "CPU:0", 0, *times) for name, times in times_ps.items())

    assert bubble(trace_of(*spans)).busy_ps == 15


def test_devices_may_be_chosen():
    found = bubble(trace_of(*SPANS), devices=["GPU:1", "GPU:0"])

    assert found == Bubble(("GPU:0", "GPU:1"), 60, 2 * 50, 70)
    assert (found.pipeline, found.inner) == (pytest.approx(0.4), pytest.approx(1 / 7))


@pytest.mark.parametrize(("stages", "batches"), [(1, 3), (2, 1), (2, 5), (4, 8)])
def test_a_pipeline_of_equal_stages_has_the_bubble_of_the_closed_form(stages, batches):
    sketch = Sketch()
    for batch in range(batches):
        for stage in range(stages):
            after = [f"{batch}.{stage - 1}"] if stage else []
            sketch.add(f"{batch}.{stage}", ps=7, on=f"/gpu:{stage}", after=after)
    found = bubble(simulate(sketch.placed(machine(f"{stages} x 1MiB"))))

    assert found.pipeline == pytest.approx((stages - 1) / (batches + stages - 1))
    assert found.inner == 0


def test_where_nothing_computes_there_is_no_bubble():
    found = bubble(trace_of(SPANS[-1]))

    assert (found, found.pipeline, found.inner) == (Bubble((), 0, 0, 0), 0.0, 0.0)


def test_a_device_that_takes_no_part_is_refused_with_those_that_do():
    with pytest.raises(InvalidValue) as caught:
        bubble(trace_of(*SPANS), devices=["GPU:0", "CPU:1"])

    assert str(caught.value) == "'CPU:1' takes no part in the run; those that compute: CPU:0, GPU:0, GPU:1"
