"""Files that are not there, not models, or models with parts that simgpu does not read: each is refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from simgpu.errors import InvalidValue, MissingDependency, ModelFileError, UnknownOperation
from simgpu.readers import is_model_name, light_models, read_onnx
from simgpu.readers.onnx import file
from simgpu.readers.onnx.file import DTYPES
from tests.unit.readers.onnx_files import edit, node

ADVICE = "name an .onnx file, or a model such as light_resnet50"
WEIGHTS = {"w": np.ones((8, 3, 3, 3), "float32")}


def refusal(source, error=ModelFileError, **options):
    with pytest.raises(error) as refused:
        read_onnx(source, **options)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_reading_a_package_that_reads_does_not_load_onnx():
    program = "import sys, simgpu.readers; print([name for name in sys.modules if name.split('.')[0] == 'onnx'])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd())

    assert ran.stdout.strip() == "[]"


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)

    assert refusal("resnet50", MissingDependency) == (
        "reading ONNX models needs the package 'onnx', which cannot be imported (import of onnx halted; None in "
        "sys.modules); install it again with simgpu, or alone: pip install onnx"
    )


def test_an_unknown_name_is_answered_with_the_nearest_and_all_names():
    assert refusal("resnet5") == (
        "there is no model named 'resnet5'; did you mean light_resnet50 or light_zfnet512 or light_densenet121? known "
        f"are {', '.join(light_models())}; for a file write its path, such as ./resnet5 or resnet5.onnx"
    )


@pytest.mark.parametrize(
    ("source", "is_name"),
    [("resnet50", True), ("light_vgg19", True), ("resnet50.onnx", False), ("./resnet50", False), ("..", False)],
)
def test_text_without_folder_and_suffix_is_a_name(source, is_name):
    assert is_model_name(source) == is_name


def test_a_missing_file_is_answered_with_its_neighbours(write):
    path = write([node("Relu", "x")])

    text = refusal(path.with_name("modle.onnx"))

    assert text == f"there is no file {path.with_name('modle.onnx')}; near it are model.onnx; {ADVICE}"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "'' cannot be a path"),
        ("a\0b", r"'a\x00b' cannot be a path"),
        ("no/such/folder/model.onnx", "there is no file no/such/folder/model.onnx"),
        ("x" * 5000 + ".onnx", f"there is no file {'x' * 200}"),
    ],
)
def test_what_cannot_be_a_path_is_refused(source, says):
    assert refusal(source) == f"{says}; {ADVICE}"


@pytest.mark.parametrize("source", [None, 7, b"model.onnx"])
def test_what_is_neither_path_nor_name_is_refused(source):
    assert refusal(source, InvalidValue) == (
        f"a model is named by a path or by the name of a light model, not by {source!r}"
    )


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path} is a directory; name the .onnx file inside it"


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.onnx"
    path.touch()

    assert refusal(path) == f"{path} is empty; an ONNX model was expected"


def test_a_file_that_may_not_be_read_is_refused(write, monkeypatch):
    path = write([node("Relu", "x")])

    def forbidden(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)

    assert refusal(path) == f"{path} cannot be read: Permission denied; give the path of a readable .onnx file"


def test_a_file_beyond_protobufs_limit_is_refused_unread(tmp_path):
    huge = tmp_path / "huge.onnx"
    huge.touch()
    os.truncate(huge, file.LARGEST_FILE_BYTES + 1)

    assert refusal(huge) == (
        f"{huge} has 2147483648 bytes; an ONNX file has at most 2147483647: keep the weights in external data "
        "(onnx.save_model(..., save_as_external_data=True))"
    )


@pytest.mark.parametrize("data", [b"version https://git-lfs.github.com/spec/v1\noid sha256:0", b"{}"])
def test_other_files_are_refused(tmp_path, data):
    path = tmp_path / "other.onnx"
    path.write_bytes(data)
    text = refusal(path)

    assert text.startswith(f"{path} ({len(data)} bytes) is not an ONNX model, or is cut short or damaged: ")
    assert text.endswith("; check the file's size against its source, and that it is not a pointer of Git LFS")


def test_a_file_that_could_be_a_model_but_holds_no_graph_is_refused(tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(b"\x08\x08")

    assert refusal(path) == f"{path} holds no ONNX graph with outputs; is it an ONNX model?"


def test_unknown_operators_are_reported_all_at_once_with_their_number(write):
    nodes = [node("Foo", "x", "a"), node("Foo", "a", "b"), node("Bar", "b", "c", domain="com.acme"), node("Relu", "c")]
    path = write(nodes)

    text = refusal(path, UnknownOperation)

    assert text == (
        f"{path} uses 2 operators that simgpu does not know: Foo (2), com.acme.Bar (1); export the model without, or "
        "add a row for each to the operation table"
    )


@pytest.mark.parametrize("type", ["Input", "Variable"])
def test_types_of_simgpus_own_are_no_onnx_operators(write, type):
    assert f"an operator that simgpu does not know: {type} (1)" in refusal(write([node(type, "x")]), UnknownOperation)


def test_nodes_that_no_output_depends_on_do_not_count(write):
    graph = read_onnx(write([node("Foo", "x", "unread"), node("Relu", "x")]))

    assert [operation.type for operation in graph] == ["Input", "Relu"]


def test_control_flow_is_refused_by_name(write):
    branch = helper.make_graph([node("Relu", "x", "z")], "branch", [], [helper.make_empty_tensor_value_info("z")])
    path = write(
        [node("If", "condition", name="choose", then_branch=branch, else_branch=branch)],
        tensors={"condition": np.array(True)},
    )

    assert refusal(path, UnknownOperation) == (
        f"{path} has nodes with graphs inside: If node 'choose'; simgpu reads models without control flow: export the "
        "model for one fixed path, or fold the condition with onnxsim or onnxruntime's optimizer"
    )


def test_functions_of_the_file_are_refused_by_name(write):
    def add_function(model):
        imports = [helper.make_opsetid("", 21)]
        function = helper.make_function("own", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], imports)
        model.functions.append(function)

    path = edit(write([node("Twice", "x", domain="own")]), add_function)

    assert refusal(path, UnknownOperation) == (
        f"{path} calls functions of its own: own.Twice; simgpu reads models without: inline them with "
        "onnx.inliner.inline_local_functions"
    )


def test_sparse_initializers_are_refused_by_name(write):
    def add_sparse(model):
        values = helper.make_tensor("thin", TensorProto.FLOAT, [1], [1.0])
        indices = helper.make_tensor("thin_indices", TensorProto.INT64, [1], [0])
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))

    path = edit(write([node("Relu", "x")]), add_sparse)

    assert refusal(path) == f"{path} has sparse initializers ('thin'), which simgpu does not read; make them dense"


def external(model):
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, "weights.bin", offset=0, length=len(tensor.raw_data))
        tensor.ClearField("raw_data")


def test_weights_beside_the_model_are_found(write):
    path = write([node("Conv", "x w")], tensors=WEIGHTS)
    path.with_name("weights.bin").write_bytes(WEIGHTS["w"].tobytes())

    array = read_onnx(edit(path, external)).operation("w").attributes["initializer"].array

    np.testing.assert_array_equal(array, WEIGHTS["w"])


def test_missing_weights_beside_the_model_are_refused_by_name(write):
    path = edit(write([node("Conv", "x w")], tensors=WEIGHTS), external)

    text = refusal(path)

    assert text.startswith(f"{path}: tensor 'w' cannot be decoded: ")
    assert "weights.bin" in text


def test_random_weights_need_no_file_with_the_given_ones(write):
    path = edit(write([node("Conv", "x w")], tensors=WEIGHTS), external)

    assert read_onnx(path, weights="random").operation("w").output_specs[0].shape == (8, 3, 3, 3)


def test_a_tensor_with_less_data_than_its_shape_is_refused_by_name(write):
    def shorten(model):
        model.graph.initializer[0].dims[0] = 9

    path = edit(write([node("Conv", "x w")], tensors=WEIGHTS), shorten)

    assert refusal(path) == (
        f"{path}: tensor 'w' cannot be decoded: cannot reshape array of size 216 into shape (9,3,3,3)"
    )


@pytest.mark.parametrize(
    ("dims", "says"),
    [
        ([-1], "has shape (-1,); it must be a tuple of ints of 0 or more"),
        ([2**62, 2**62], f"of shape ({2**62}, {2**62}) and dtype float32 has more than 2**63 - 1 bytes"),
    ],
)
def test_impossible_dimensions_are_refused(write, dims, says):
    def change(model):
        model.graph.initializer[0].dims[:] = dims

    path = edit(write([node("Conv", "x w")], tensors=WEIGHTS), change)

    assert refusal(path) == f"{path} is damaged: a tensor {says}"


def test_data_types_that_simgpu_lacks_are_refused(write):
    path = write([node("Relu", "x")], dtype=TensorProto.FLOAT8E4M3FN)

    assert refusal(path) == (
        f"{path}: input 'x' has ONNX data type 17, which simgpu does not have; known are {', '.join(DTYPES.values())}"
    )


def test_names_that_are_no_text_are_refused(write):
    path = write([node("Relu", "x", "middle"), node("Relu", "middle")])
    path.write_bytes(path.read_bytes().replace(b"middle", b"midd\xffe"))

    assert refusal(path) == rf"{path} is damaged: the name b'midd\xffe' is not UTF-8"


def without_shape(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")


def of_sequences(model):
    model.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(model.graph.input[0].type))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_shape, "has no shape; simgpu needs its number of dimensions"),
        (of_sequences, "is not a tensor; simgpu reads tensors alone"),
    ],
)
def test_inputs_that_are_no_tensors_of_known_rank_are_refused(write, change, says):
    path = edit(write([node("Relu", "x")]), change)

    assert refusal(path) == f"{path}: input 'x' {says}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": "zero"}, "weights is 'zero'; it can be given or random"),
        ({"seed": -1}, "seed is -1; it must be an int of 0 or more"),
        ({"seed": True}, "seed is True; it must be an int of 0 or more"),
        ({"seed": 0.5}, "seed is 0.5; it must be an int of 0 or more"),
    ],
)
def test_wrong_options_are_refused_before_the_file_is_opened(options, says):
    assert refusal("no/such/file.onnx", InvalidValue, **options) == says
