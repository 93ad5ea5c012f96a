"""What a placement tells: devices, reasons, and in whose memory tensors lie."""

from __future__ import annotations

import pytest

from simgpu.errors import GraphError, PlacementError
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.placement import Placement, place
from tests.messages import exactly
from tests.unit.placement.graphs import TWO_GPUS, TWO_HOSTS, graph_of


def test_an_operation_is_meant_by_name_or_number():
    placement = place(graph_of("x = Exp : f", devices={"x": "/gpu:1"}), TWO_GPUS)

    assert placement.device_of("x") == placement.device_of(0) == "/job:localhost/replica:0/task:0/device:GPU:1"
    assert placement.why("x") == placement.why(0) == "requested"


def test_an_operation_that_is_not_there_is_refused():
    with pytest.raises(GraphError, match="no operation named 'y'"):
        place(graph_of("x = Exp : f"), TWO_GPUS).device_of("y")


def test_tensors_lie_on_the_device_of_their_operation():
    graph = graph_of("x = Input : f", "y = Exp x : f", devices={"x": "/cpu", "y": "/gpu:1"})
    placement = place(graph, TWO_GPUS)

    assert [placement.memory_device(tensor) for tensor in range(2)] == [0, 2]
    assert placement.input_devices(1) == (2,)


def test_tensors_that_a_kernel_keeps_in_host_memory_lie_on_the_cpu_of_the_same_task():
    """Sum reads its axes from host memory; the shape of a tensor is host memory; both run on the second host's GPU."""
    floats, ints = TensorSpec((2,), "float32"), TensorSpec((1,), "int32")
    builder = GraphBuilder()
    with builder.device("/task:1/gpu:1"):
        builder.add("Exp", name="x", outputs=[floats], attributes={"T": "float32"})
        builder.add("Shape", ["x"], name="axes", outputs=[ints], attributes={"T": "float32", "out_type": "int32"})
        builder.add("Sum", ["x", "axes"], name="sum", outputs=[floats], attributes={"T": "float32", "Tidx": "int32"})
    placement = place(builder.build(), TWO_HOSTS, kernels="tensorflow", soft=False)

    gpu, host = TWO_HOSTS.index("/task:1/gpu:1"), TWO_HOSTS.index("/task:1/cpu:0")
    assert placement.devices == (gpu, gpu, gpu)
    assert [placement.memory_device(tensor) for tensor in range(3)] == [gpu, host, gpu]
    assert placement.input_devices(2) == (gpu, host)


def test_a_placement_made_by_hand_on_a_device_without_a_kernel_is_refused_when_it_is_used():
    placement = Placement(graph_of("x = Exp : i"), TWO_GPUS, "float-only", devices=(1,), reasons=("by hand",))

    with pytest.raises(
        PlacementError,
        match=exactly(
            "operation 'x' (Exp) is placed on /job:localhost/replica:0/task:0/device:GPU:0, but the kernel set "
            "'float-only' has no GPU kernel for it; place the graph anew"
        ),
    ):
        placement.memory_device(0)
