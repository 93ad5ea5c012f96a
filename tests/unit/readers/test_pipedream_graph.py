"""What becomes of a layer: its parameters, its forward and its backward pass, and what they read."""

from __future__ import annotations

import pytest

from simgpu.errors import GraphError
from simgpu.execution import execute
from simgpu.graph import TensorSpec
from simgpu.placement import place
from simgpu.readers import read_pipedream
from simgpu.simulation import simulate
from simgpu.trace import compare
from tests.unit.readers.profiles import MS, TEXT, predicted


@pytest.fixture
def path(tmp_path):
    (tmp_path / "net.graph.txt").write_text(TEXT)
    return tmp_path / "net.graph.txt"


def described(graph):
    """Operations by name: what they read, and the bytes of what they make."""
    return {
        operation.name: (
            [graph.tensor_name(tensor) for tensor in operation.inputs],
            [spec.nbytes for spec in operation.output_specs],
        )
        for operation in graph
    }


def test_backward_passes_read_own_outputs_parameters_and_the_gradients_of_their_readers(path):
    assert described(read_pipedream(path)) == {
        "node2/parameters": ([], [16]),
        "node2": (["node2/parameters"], [128]),
        "node3/parameters": ([], [8]),
        "node3": (["node2", "node3/parameters"], [256, 32]),
        "node4": (["node3:1"], [32]),
        "node10": (["node2", "node4"], [6]),
        "node10/backward": (["node10"], [128, 32]),
        "node4/backward": (["node4", "node10/backward:1"], [32]),
        "node3/backward": (["node3", "node3:1", "node3/parameters", "node4/backward"], [128]),
        "node2/backward": (["node2", "node2/parameters", "node3/backward", "node10/backward"], []),
    }


def test_an_inference_has_no_backward_pass(path):
    graph = read_pipedream(path, training=False)

    assert [operation.name for operation in graph if operation.type == "Profiled"] == [
        "node2",
        "node3",
        "node4",
        "node10",
    ]


def test_an_operation_carries_its_time_on_a_gpu_and_what_it_was(path):
    graph = read_pipedream(path)
    outputs = (TensorSpec((64,), "float32"), TensorSpec((8,), "float32"))

    assert graph.operation("node3").attributes == {
        "duration_ps": {"GPU": 2 * MS},
        "layer": "LSTM(2, 2)",
        "outputs": outputs,
    }
    assert graph.operation("node3/backward").attributes == {
        "duration_ps": {"GPU": 4 * MS},
        "layer": "LSTM(2, 2)",
        "is_backward": True,
        "outputs": (TensorSpec((32,), "float32"),),
    }
    assert graph.operation("node10").output_specs == (TensorSpec((6,), "bool"),)


def test_on_one_card_without_overheads_a_network_takes_the_sum_of_its_times(path):
    assert predicted(read_pipedream(path), 1).makespan_ps == 10_751 * MS // 1000
    assert predicted(read_pipedream(path, training=False), 1).makespan_ps == 3501 * MS // 1000


@pytest.mark.parametrize("kernels", ["float-only", "tensorflow", "all"])
@pytest.mark.parametrize("storage", ["numpy", "shape"])
def test_both_engines_run_it_with_every_kernel_set(path, kernels, storage):
    placement = place(read_pipedream(path), "2 x 1MiB", kernels=kernels)
    trace = simulate(placement)
    _, ran = execute(placement, storage=storage, follow=trace)

    assert compare(trace, ran)


def test_a_cpu_has_no_times(path):
    with pytest.raises(GraphError, match=r"is on .*CPU:0, but its duration is given for GPU alone; place it on a GPU"):
        simulate(place(read_pipedream(path), "cpu"))
