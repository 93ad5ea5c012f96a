"""The models that come with the package `onnx`: their sizes are known from elsewhere, and any batch works."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from simgpu.graph import Constant, TensorSpec
from simgpu.kernels import work
from simgpu.readers import light_models, read_onnx
from simgpu.readers.onnx.file import load_model

# nodes in the file, without constants, parameters, GFLOP (2 for a multiply-add; batch 1), MB of fp32 outputs
SIZES = {
    "light_bvlc_alexnet": (40, 24, 60_965_224, 1.309, 7.2),
    "light_densenet121": (1746, 910, 8_146_152, 5.668, 320.8),
    "light_inception_v1": (237, 144, 6_998_552, 2.863, 40.7),
    "light_inception_v2": (916, 509, 11_234_792, 4.038, 84.6),
    "light_resnet50": (415, 176, 25_610_152, 8.178, 150.3),
    "light_shufflenet": (446, 203, 1_420_152, 0.249, 57.1),
    "light_squeezenet": (105, 66, 1_235_496, 0.698, 28.2),
    "light_vgg19": (82, 46, 143_667_240, 39.264, 125.1),
    "light_zfnet512": (38, 22, 87_250_536, 2.963, 18.8),
}


def split(graph):
    """Return the operations that compute, and the variables."""
    computing = [operation for operation in graph if operation.type not in ("Input", "Variable")]
    return computing, [operation for operation in graph if operation.type == "Variable"]


def test_nine_light_models_come_with_onnx():
    assert list(light_models()) == list(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_a_light_model_has_the_nodes_and_parameters_that_are_known_of_it(name):
    computing, variables = split(read_onnx(name))
    megabytes = sum(spec.nbytes for operation in computing for spec in operation.output_specs) / 1e6

    found = (
        len(load_model(light_models()[name]).nodes),
        len(computing),
        sum(variable.output_specs[0].size for variable in variables),
        round(megabytes, 1),
    )

    nodes, without_constants, parameters, _, outputs_mb = SIZES[name]
    assert found == (nodes, without_constants, parameters, outputs_mb)


@pytest.mark.parametrize("name", SIZES)
def test_the_work_of_a_light_model_is_its_multiply_adds_and_at_most_a_twentieth_more(name):
    computing, _ = split(read_onnx(name))
    gflop = sum(work(operation).flop for operation in computing) / 1e9

    known = SIZES[name][3]

    assert known <= gflop <= 1.05 * known


@pytest.mark.parametrize("batch", [2, 3, 64])
@pytest.mark.parametrize("name", SIZES)
def test_a_light_model_works_at_any_batch(name, batch):
    one, many = read_onnx(name), read_onnx(name, batch=batch)
    (before,), (after,) = ([graph.tensor_spec(tensor).shape for tensor in graph.fetches] for graph in (one, many))

    assert after == (batch, *before[1:])
    assert many.data.names == one.data.names
    assert sum(work(op).flop for op in split(many)[0]) == batch * sum(work(op).flop for op in split(one)[0])


def test_every_operation_of_resnet_is_named_as_its_node_and_every_variable_as_its_tensor():
    graph = read_onnx("resnet50", batch=4)

    conv = graph.operation("n0")

    assert [graph.tensor_name(tensor) for tensor in conv.inputs] == ["gpu_0/data_0", "gpu_0/conv1_w_0"]
    assert (conv.type, conv.input_specs[0]) == ("Conv", TensorSpec((4, 3, 224, 224), "float32"))
    assert conv.attributes == {"kernel_shape": (7, 7), "pads": (3, 3, 3, 3), "strides": (2, 2)}
    assert graph.operation("gpu_0/data_0").type == "Input"


def test_a_constant_of_shape_is_a_variable_that_takes_no_memory():
    weights = read_onnx("vgg19").operation("fc6_w_0")

    assert weights.output_specs == (TensorSpec((4096, 25088), "float32"),)
    assert weights.attributes["initializer"] == Constant(pytest.approx(0.02))


def test_inputs_and_initializers_that_nobody_reads_do_not_appear():
    names = read_onnx("resnet50").data.names

    assert "gpu_0/imagenet1k_blobs_queue_f22e83c9-22cd-4a8b-a66d-113af6b832b4_0" not in names
    assert "OC2_DUMMY_1" not in names
    assert not [name for name in names if name.endswith("__SHAPE")]


def test_the_nine_light_models_are_read_in_less_than_a_second():
    light_models()  # the import of onnx is not what is measured
    start = time.process_time()
    for name in SIZES:
        read_onnx(name, weights="random")

    assert time.process_time() - start < 1.0


def test_a_model_is_the_same_by_name_by_path_and_by_its_short_name():
    path = light_models()["light_squeezenet"]
    graphs = [read_onnx(source) for source in ("light_squeezenet", "squeezenet", path, str(path))]

    assert [graph.data.names for graph in graphs] == [graphs[0].data.names] * 4
    assert isinstance(path, Path)


def test_given_initializers_hold_the_numbers_of_the_file():
    bias = read_onnx("squeezenet").operation("conv1_b_0").attributes["initializer"].array

    assert (bias.shape, bias.dtype) == ((64,), np.dtype("float32"))
    np.testing.assert_array_equal(bias, load_model(light_models()["light_squeezenet"]).tensors["conv1_b_0"].read())
