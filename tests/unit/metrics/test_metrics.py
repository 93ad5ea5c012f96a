import numpy as np
import pytest

from simgpu.errors import InvalidValue, OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.metrics import bubble, critical_path, metrics_of, slack_ps
from simgpu.simulation import simulate
from tests.unit.program.settings import Sketch, machine

TWO = machine("2 x 4KiB", launch_ps=3)


def sketch():
    return Sketch().add("a", ps=2, sizes=[1024]).add("b", "a", ps=9, on="/gpu:1", sizes=[512]).fetch("b")


def assert_all_is_there(trace, placement):
    metrics = metrics_of(trace, placement)

    assert metrics.makespan_ps == trace.makespan_ps > 0
    assert metrics.critical_path == critical_path(trace)
    np.testing.assert_array_equal(metrics.slack_ps, slack_ps(trace, placement))
    assert metrics.bubble == bubble(trace)
    assert [device.name for device in metrics.devices] == [device.name for device in trace.devices]


def test_a_simulated_trace_has_all_metrics():
    placement = sketch().placed(TWO)

    assert_all_is_there(simulate(placement), placement)


def test_an_executed_trace_has_them_too():
    placement = sketch().placed(TWO)

    assert_all_is_there(execute(placement, storage="shape")[1], placement)


def test_a_run_that_ran_out_of_memory_has_those_of_what_happened():
    placement = sketch().add("c", "a", ps=1, sizes=[3584]).placed(TWO)
    with pytest.raises(OutOfDeviceMemory) as caught:
        simulate(placement)

    assert_all_is_there(caught.value.trace, placement)


def test_a_program_of_nothing_has_metrics():
    placement = Sketch().placed(TWO)
    metrics = metrics_of(simulate(placement), placement)

    assert (metrics.makespan_ps, metrics.ways, metrics.links, metrics.bytes_by_link) == (0, (), (), {})


def test_links_are_those_of_the_machine_that_was_simulated():
    placement = sketch().placed(TWO)
    other = machine("2 x 4KiB", links={"gpu": {"bandwidth": "1 GB/s"}})
    metrics = metrics_of(simulate(placement, machine=other), placement, machine=other)

    assert {link.bandwidth_bytes_per_s for link in metrics.links if "gpu" in link.name} == {10**9}


def test_a_trace_of_something_else_is_refused():
    trace = simulate(sketch().placed(TWO))

    with pytest.raises(InvalidValue, match=r"^the trace is of another graph, placement or machine"):
        metrics_of(trace, Sketch().add("a").placed(TWO))
    with pytest.raises(InvalidValue, match=r"^the trace is of another graph, placement or machine"):
        metrics_of(trace, sketch().placed(TWO), machine=machine("3 x 4KiB"))
    with pytest.raises(InvalidValue, match=r"^trace=None is not a Trace"):
        metrics_of(None, sketch().placed(TWO))
