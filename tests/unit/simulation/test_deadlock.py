"""Tasks that wait for ever, and what is said about them."""

import pytest

from simgpu.errors import DeadlockError
from simgpu.simulation import run
from simgpu.simulation.deadlock import check_finished
from simgpu.simulation.engine import Engine
from tests.engines import each_engine
from tests.unit.simulation.sketches import Sketch


def delays(count):
    sketch = Sketch()
    for _ in range(count):
        sketch.delay(1)
    return sketch


def refusal(sketch, engine):
    with pytest.raises(DeadlockError) as caught:
        run(sketch.workload(), engine=engine)
    return str(caught.value)


@each_engine
def test_a_circle_is_named_task_by_task_and_what_hangs_on_it_is_counted(engine):
    sketch = delays(6).follow(0, 1).follow(1, 2).follow(2, 3).follow(3, 1).follow(3, 4)

    assert refusal(sketch, engine) == (
        "4 of 6 tasks can never run: they wait for each other in a circle: "
        "task 1 waits for task 3; task 3 waits for task 2; task 2 waits for task 1"
    )


@each_engine
def test_a_circle_is_found_from_what_hangs_on_it(engine):
    sketch = delays(4).follow(3, 0).follow(3, 2).follow(2, 3)

    assert refusal(sketch, engine) == (
        "3 of 4 tasks can never run: they wait for each other in a circle: "
        "task 3 waits for task 2; task 2 waits for task 3"
    )


@each_engine
def test_a_task_that_waits_for_itself_is_a_circle(engine):
    assert refusal(delays(1).follow(0, 0), engine) == (
        "1 of 1 tasks can never run: they wait for each other in a circle: task 0 waits for task 0"
    )


@each_engine
def test_of_a_large_circle_five_are_shown(engine):
    sketch = delays(9)
    for task in range(9):
        sketch.follow(task, (task + 1) % 9)

    assert refusal(sketch, engine) == (
        "9 of 9 tasks can never run: they wait for each other in a circle: task 0 waits for task 8; "
        "task 8 waits for task 7; task 7 waits for task 6; task 6 waits for task 5; task 5 waits for task 4; and 4 more"
    )


@each_engine
def test_of_many_that_one_waits_for_five_are_shown(engine):
    sketch = delays(8).follow(7, 7)
    for task in range(7):
        sketch.follow(task, 7).follow(7, task)

    assert refusal(sketch, engine) == (
        "8 of 8 tasks can never run: they wait for each other in a circle: "
        "task 0 waits for task 7; task 7 waits for task 0, task 1, task 2, task 3, task 4"
    )


@each_engine
@pytest.mark.parametrize("launch", ["sync", "async"])
def test_a_circle_on_one_gpu_is_found_with_launches_too(launch, engine):
    sketch = Sketch()
    queue = sketch.queue(card=sketch.card(), launcher=0, launch_ps=1)
    sketch.compute(queue, 1, after=[1])
    sketch.compute(queue, 1, after=[0])
    with pytest.raises(DeadlockError, match="2 of 2 tasks can never run: they wait for each other"):
        run(sketch.workload(), launch=launch, engine=engine)


@each_engine
def test_what_does_not_hang_on_a_circle_does_not_wait_for_ever(engine):
    run(delays(3).follow(0, 1).follow(0, 2).workload(), engine=engine)


class Stingy:
    """Never lets one task start."""

    def __init__(self, task):
        self.task = task

    def may_start(self, task, now_ps):
        return task != self.task

    def finished(self, task, now_ps):
        pass


def test_without_a_circle_it_is_said_who_waits_for_whom_in_the_words_of_whoever_asks():
    workload = delays(4).follow(1, 2).follow(2, 3).workload()
    timeline = Engine(workload, links="fair", launch="async", attendant=Stingy(1)).run()
    with pytest.raises(DeadlockError) as caught:
        check_finished(workload, timeline, "abcd".__getitem__)

    assert str(caught.value) == "3 of 4 tasks can never run: b never started; c waits for b; d waits for c"
