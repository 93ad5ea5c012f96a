from simgpu.program import Recorder, lower
from simgpu.trace import NO_CAUSE, Span
from tests.unit.program.settings import CPU0, GPU0, GPU1, Sketch, machine


def recorded(sketch):
    spans = []
    return Recorder(lower(sketch.placed(machine("2 x 1MiB"))), spans), spans


def test_a_span_is_caused_by_the_one_written_when_its_task_became_ready():
    recorder, spans = recorded(Sketch().add("a").add("b", on="/cpu:0").add("c", on="/gpu:1", after=["a", "b"]))
    recorder.started(0, 1)
    recorder.started(1, 2)
    recorder.finished(1, 4)
    recorder.finished(0, 6)
    recorder.ready(2, 6)
    recorder.started(2, 9)
    recorder.finished(2, 10)

    assert spans == [
        Span("compute", "b", CPU0, 0, 2, 4, NO_CAUSE),
        Span("compute", "a", GPU0, 0, 1, 6, NO_CAUSE),
        Span("compute", "c", GPU1, 6, 9, 10, 1),
    ]


def test_moving_tasks_name_their_way_and_bytes():
    sketch = Sketch().add("x", type="Input", sizes=[8]).add("y", "x", sizes=[24], on="/gpu:1").fetch("y")
    recorder, spans = recorded(sketch)
    for task in range(4):
        recorder.finished(task, task)

    assert [(span.kind, span.name, span.resource, span.size_bytes) for span in spans] == [
        ("transfer", "x", "caller -> GPU:0", 8),
        ("transfer", "x", "GPU:0 -> GPU:1", 8),
        ("compute", "y", GPU1, 0),
        ("transfer", "y", "GPU:1 -> caller", 24),
    ]
