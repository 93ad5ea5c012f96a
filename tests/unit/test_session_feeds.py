import numpy as np

from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.session import make_feeds
from simgpu.session.feeds import feed_bytes, feeds_that_fit


def two_inputs(floats):
    builder = GraphBuilder()
    for name in ("a", "b"):
        builder.add("Input", name=name, outputs=[TensorSpec((floats,), "float32")])
    return builder.build()


def test_two_inputs_of_one_graph_have_values_of_their_own():
    feeds = make_feeds(two_inputs(8), seed=3)

    assert not np.array_equal(feeds["a"], feeds["b"])


def test_an_input_as_large_as_its_device_is_really_made():
    placement = place(two_inputs(1024), Machine("1 x 4KiB"))
    feeds = feeds_that_fit(placement, seed=3)

    assert feed_bytes(placement) == 8192
    assert feeds["a"].any()


def test_in_place_of_an_input_larger_than_its_device_stand_zeros_without_memory():
    placement = place(two_inputs(1025), Machine("1 x 4KiB"))
    feeds = feeds_that_fit(placement, seed=3)

    assert feed_bytes(placement) == 0
    assert (feeds["a"].strides, feeds["a"].shape) == ((0,), (1025,))
