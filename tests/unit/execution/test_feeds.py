import numpy as np
import pytest

from simgpu.errors import InvalidValue
from simgpu.execution import execute
from simgpu.graph import TensorSpec
from tests.unit.program.settings import Sketch, machine


def placement(*inputs):
    sketch = Sketch()
    for name in inputs:
        sketch.add(name, type="Input", sizes=[3])
    return sketch.fetch(*inputs).placed(machine("1 x 1MiB"))


def refusal(feeds, *inputs, storage="numpy"):
    with pytest.raises(InvalidValue) as caught:
        execute(placement(*inputs), feeds, storage=storage)
    return str(caught.value)


def test_what_is_fed_is_what_is_fetched():
    outputs, _ = execute(placement("x", "y"), {"y": np.uint8([1, 2, 3]), "x": np.uint8([4, 5, 6])})

    assert {name: value.tolist() for name, value in outputs.items()} == {"x": [4, 5, 6], "y": [1, 2, 3]}


def test_an_input_without_a_feed_is_refused():
    assert refusal({"x": np.zeros(3, np.uint8)}, "x", "z", "y") == (
        "feeds must be given for exactly the inputs ['x', 'y', 'z']; missing: ['y', 'z']"
    )
    assert refusal(None, "x") == "feeds must be given for exactly the inputs ['x']; missing: ['x']"


def test_a_feed_without_an_input_is_refused():
    assert refusal({"x": np.zeros(3, np.uint8), "w": 1}, "x") == (
        "feeds must be given for exactly the inputs ['x']; unknown: ['w']"
    )


def test_what_is_missing_and_what_is_unknown_are_told_together():
    assert refusal({"X": 1}, "x") == (
        "feeds must be given for exactly the inputs ['x']; missing: ['x'] and unknown: ['X']"
    )


@pytest.mark.parametrize(
    ("feed", "told"),
    [
        (np.zeros(4, np.uint8), "uint8[4]"),
        (np.zeros((3, 1), np.uint8), "uint8[3, 1]"),
        (np.zeros(3, np.int8), "int8[3]"),
        ([1, 2, 3], "int64[3]"),
        (np.uint8(1), "uint8[]"),
    ],
    ids=str,
)
def test_a_feed_that_does_not_fit_is_refused_and_never_cast(feed, told):
    assert refusal({"x": feed}, "x") == (f"input 'x' takes uint8[3], but the feed is {told}; cast or reshape it first")


def test_shapes_need_no_feeds_and_give_shapes():
    outputs, trace = execute(placement("x"), storage="shape")

    assert outputs == {"x": TensorSpec((3,), "uint8")}
    assert [span.size_bytes for span in trace.spans] == [3, 3]


def test_feeds_that_are_given_to_shapes_all_the_same_must_fit():
    assert "the feed is uint8[4]" in refusal({"x": np.zeros(4, np.uint8)}, "x", storage="shape")


def test_feeds_may_be_in_any_memory_layout():
    outputs, _ = execute(placement("x"), {"x": np.arange(6, dtype=np.uint8)[::-2]})

    assert outputs["x"].tolist() == [5, 3, 1]
