import numpy as np
import pytest

from simgpu.errors import InvalidValue
from simgpu.metrics import StepFunction, memory_use, queue_lengths
from simgpu.trace import MemoryEvent
from tests.unit.metrics.settings import ran, trace_of

QUEUE = (
    ran("a", "GPU:0", 0, 0, 10),
    ran("b", "GPU:0", 2, 10, 15),
    ran("c", "GPU:0", 4, 15, 20),
    ran("d", "GPU:0", 15, 20, 40),
)
MOVES = ran("x", "GPU:0 -> GPU:1", 3, 7, 9), ran("l", "GPU:0", 1, 6, 8, kind="launch")


def function(times_ps, values, end_ps):
    return StepFunction(np.array(times_ps, np.int64), np.array(values, np.int64), end_ps)


def test_a_queue_grows_when_a_span_is_ready_and_shrinks_when_one_starts():
    queue = queue_lengths(trace_of(*QUEUE), "GPU:0")

    assert queue == function([2, 4, 10, 15, 20], [1, 2, 1, 1, 0], 40)
    assert (queue.maximum, queue.integral, queue.mean) == (2, 8 + 11 + 5, 24 / 40)


def test_launches_and_transfers_have_queues_of_their_own():
    trace = trace_of(*QUEUE, *MOVES)

    assert queue_lengths(trace, "GPU:0", kind="launch") == function([1, 6], [1, 0], 40)
    assert queue_lengths(trace, "GPU:0 -> GPU:1") == function([3, 7], [1, 0], 40)
    assert queue_lengths(trace, "GPU:0").integral == 24


def test_a_device_without_spans_has_an_empty_queue():
    assert queue_lengths(trace_of(*QUEUE), "CPU:1") == function([], [], 40)
    assert queue_lengths(trace_of(), "GPU:0").mean == 0.0


def test_a_resource_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(InvalidValue) as caught:
        queue_lengths(trace_of(*QUEUE, *MOVES), "GPU:7")

    assert str(caught.value) == ("the trace has nothing on 'GPU:7'; it has CPU:0, CPU:1, GPU:0, GPU:1, GPU:0 -> GPU:1")


EVENTS = [
    MemoryEvent(1, True, "a", 0, 512),
    MemoryEvent(4, True, "b", 512, 1024),
    MemoryEvent(4, False, "a", 0, 512),
    MemoryEvent(9, False, "b", 512, 1024),
]


def test_memory_in_use_follows_the_ledger_and_has_its_peak_also_within_an_instant():
    trace = trace_of(*QUEUE, memory=[[], [], EVENTS, []])
    used = memory_use(trace, "GPU:0")

    assert used == memory_use(trace, 2) == function([1, 4, 4, 9], [512, 1536, 1024, 0], 40)
    assert used.maximum == trace.peak_bytes(2) == 1536
    assert used.integral == 3 * 512 + 5 * 1024
    assert memory_use(trace, "GPU:1") == function([], [], 40)


@pytest.mark.parametrize("device", ["GPU:7", "host", 4, -1])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(device):
    with pytest.raises(InvalidValue) as caught:
        memory_use(trace_of(memory=[[], [], [], []]), device)

    assert str(caught.value) == f"the trace has no device {device!r}; it has CPU:0, CPU:1, GPU:0, GPU:1"


def test_a_value_holds_from_its_time_on_and_the_last_of_an_instant_counts():
    steps = function([1, 4, 4, 9], [512, 1536, 1024, 0], 40)

    assert [steps.at(time_ps) for time_ps in (0, 1, 3, 4, 8, 9, 100)] == [0, 512, 512, 1024, 1024, 0, 0]


def test_the_last_value_holds_until_the_end():
    assert function([3], [7], 10).integral == 49
    assert function([3], [7], 3).integral == function([3], [7], 2).integral == 0


def test_functions_are_equal_if_all_their_numbers_are():
    one = function([1, 2], [3, 4], 5)

    assert one == function([1, 2], [3, 4], 5)
    assert one != function([1, 2], [3, 4], 6)
    assert one != function([1, 2], [3, 5], 5)
    assert one != function([1, 3], [3, 4], 5)
    assert one != [3, 4]
