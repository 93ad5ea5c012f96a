"""Kernel sets: who has a kernel where, and which tensors it keeps in host memory."""

from __future__ import annotations

import pytest

from simgpu.errors import InvalidValue, UnknownOperation
from simgpu.graph import GraphBuilder, Operation, TensorSpec
from simgpu.kernels import KERNEL_SETS, OPERATIONS, Kernel, kernel_set
from simgpu.kernels.tensorflow_table import tensorflow_table
from tests.messages import exactly


def made(type: str, inputs: str = "", outputs: str = "", **attributes: object) -> Operation:
    """Return an operation of a type, with tensors of these dtypes."""
    builder = GraphBuilder()
    for number, dtype in enumerate(inputs.split()):
        builder.add("Input", name=f"in{number}", outputs=[TensorSpec((2,), dtype)])
    tensors = [f"in{number}" for number in range(len(inputs.split()))]
    specs = [TensorSpec((2,), dtype) for dtype in outputs.split()]
    builder.add(type, tensors, name="x", outputs=specs, attributes=attributes)
    return builder.build().operation("x")


def test_float_only_keeps_integers_and_strings_on_the_cpu():
    kernels = kernel_set("float-only")
    dtypes = ["float32", "bool", "resource", "int8", "int32", "int64", "uint8", "string"]

    found = {dtype: kernels.find(made("Identity", dtype, dtype), "GPU") is not None for dtype in dtypes}

    assert found == {dtype: dtype in {"float32", "bool", "resource"} for dtype in dtypes}


@pytest.mark.parametrize(("inputs", "outputs"), [("float32 int64", "float32"), ("float32", "int64")])
def test_float_only_looks_at_every_input_and_output(inputs, outputs):
    operation = made("Gather", inputs, outputs)

    assert kernel_set("float-only").find(operation, "GPU") is None
    assert kernel_set("float-only").missing(operation, "GPU") == "int64"


def test_float_only_reads_the_dtype_of_a_variable_behind_its_handle():
    kernels = kernel_set("float-only")

    assert kernels.find(made("VarHandleOp", "", "resource", dtype="int32"), "GPU") is None
    assert kernels.find(made("VarHandleOp", "", "resource", dtype="float32"), "GPU") == Kernel("GPU", 0, (), (False,))


def test_all_has_no_gpu_kernel_for_strings_and_calls_into_python_alone():
    kernels = kernel_set("all")

    assert kernels.find(made("Cast", "int64", "bool"), "GPU") == Kernel("GPU", 0, (False,), (False,))
    assert kernels.find(made("StringLower", "string", "string"), "GPU") is None
    assert kernels.find(made("PyFunc", "float32", "float32"), "GPU") is None
    assert kernels.missing(made("PyFunc", "float32", "float32"), "GPU") == "PyFunc"


@pytest.mark.parametrize("name", KERNEL_SETS)
def test_every_set_runs_everything_on_the_cpu_and_knows_its_name(name):
    kernels = kernel_set(name)

    assert kernels.name == name
    assert kernels.find(made("MatMul", "int32 int32", "int32"), "CPU") == Kernel("CPU", 0, (False, False), (False,))


def test_an_unknown_set_is_refused_with_the_sets_that_there_are():
    with pytest.raises(
        InvalidValue, match="no kernel set 'cuda'; choose float-only, tensorflow, tensorflow-plugin, all"
    ):
        kernel_set("cuda")


@pytest.mark.parametrize(
    ("operation", "host_inputs", "host_outputs"),
    [
        (made("AddV2", "float32 float32", "float32", T="float32"), (False, False), (False,)),
        (made("AddV2", "int32 int32", "int32", T="int32"), (True, True), (True,)),
        (made("AddV2", "int64 int64", "int64", T="int64"), (False, False), (False,)),
        (made("Shape", "float32", "int32", T="float32", out_type="int32"), (False,), (True,)),
        (made("Sum", "int32 int32", "int32", T="int32", Tidx="int32"), (True, True), (True,)),
        (made("Sum", "float32 int64", "float32", T="float32", Tidx="int64"), (False, True), (False,)),
        (made("ConcatV2", "float32 float32 float32 int32", "float32", T="float32"), (False,) * 3 + (True,), (False,)),
        (made("Switch", "float32 bool", "float32 float32", T="float32"), (False, True), (False, False)),
        (made("Merge", "float32 float32", "float32 int32", T="float32"), (False, False), (False, True)),
        (made("AssignVariableOp", "resource float32", "", dtype="float32"), (True, False), ()),
    ],
)
def test_tensorflow_tells_which_tensors_lie_in_host_memory(operation, host_inputs, host_outputs):
    assert kernel_set("tensorflow").find(operation, "GPU") == Kernel("GPU", 0, host_inputs, host_outputs)


@pytest.mark.parametrize(
    ("operation", "missing"),
    [
        (made("MatMul", "int32 int32", "int32", T="int32"), "MatMul on int32"),
        (made("Relu", "int32", "int32", T="int32"), "Relu on int32"),
        (made("VarHandleOp", "", "resource", dtype="int32"), "VarHandleOp on int32"),
        (made("Const", "", "string", dtype="string"), "Const on string"),
        (made("ArgMax", "int32", "int64", T="int32", Tidx="int32", output_type="int64"), "ArgMax on int32"),
        (made("RandomUniform", "int32", "int32", T="int32", dtype="int32"), "RandomUniform on int32"),
        (made("AsString", "float32", "string", T="float32"), "AsString"),
    ],
)
def test_tensorflow_names_what_has_no_gpu_kernel(operation, missing):
    kernels = kernel_set("tensorflow")

    assert kernels.find(operation, "GPU") is None
    assert kernels.missing(operation, "GPU") == missing


def test_an_attribute_that_is_not_given_takes_the_dtype_of_its_tensor_or_the_default_of_tensorflow():
    kernels = kernel_set("tensorflow")

    assert kernels.find(made("Range", "float16 float16 float16", "float16"), "GPU") is not None
    assert kernels.find(made("Range", "int8 int8 int8", "int8"), "GPU") is None
    assert kernels.find(made("Sum", "float32", "float32", T="float32"), "GPU") is not None
    assert kernels.find(made("Sum", "float32", "float32", T="float32", Tidx="int16"), "GPU") is None


def test_our_operations_stand_for_those_of_tensorflow():
    """Our `Max` is elementwise, our `Where` chooses; TensorFlow's operations of these names are others."""
    kernels = kernel_set("tensorflow")
    both_on_host = Kernel("GPU", 0, (True, True), (True,))

    assert kernels.find(made("Max", "int32 int32", "int32"), "GPU") == both_on_host
    assert kernels.find(made("Where", "bool int32 int32", "int32"), "GPU") == Kernel("GPU", 0, (False,) * 3, (False,))
    assert kernels.find(made("Concat", "int32 int32", "int32"), "GPU") == both_on_host
    assert kernels.find(made("Conv", "int64 int64", "int64"), "GPU") is None


def test_our_variable_goes_where_a_handle_can_and_holds_its_value_there():
    kernels = kernel_set("tensorflow")
    found = {dtype: kernels.find(made("Variable", "", dtype), "GPU") for dtype in ("float32", "int64", "int32")}

    held = Kernel("GPU", 0, (), (False,))
    assert found == {"float32": held, "int64": held, "int32": None}


def test_an_iterator_prefers_the_cpu():
    operation = made("IteratorGetNext", "resource", "float32")
    kernels = kernel_set("tensorflow")

    assert [kernels.find(operation, kind).priority for kind in ("CPU", "GPU")] == [2, 1]


@pytest.mark.parametrize(
    ("operation", "is_found"),
    [
        (made("AddV2", "float32 float32", "float32", T="float32"), False),
        (made("AddV2", "int32 int32", "int32", T="int32"), True),
        (made("Sum", "int32", "int32", T="int32"), False),
        (made("Max", "int32", "int32", T="int32", Tidx="int32"), True),
        (made("VarHandleOp", "", "resource", dtype="float32"), True),
    ],
)
def test_a_gpu_from_a_plugin_has_the_kernels_for_any_device_alone(operation, is_found):
    assert (kernel_set("tensorflow-plugin").find(operation, "GPU") is not None) == is_found
    assert kernel_set("tensorflow").find(operation, "GPU") is not None


def test_an_operation_that_tensorflow_does_not_know_is_refused():
    with pytest.raises(
        UnknownOperation,
        match=exactly(
            "operation 'x' is of type 'Layer', unknown to TensorFlow's kernel table; place it with the kernel set "
            "'float-only' or 'all'"
        ),
    ):
        kernel_set("tensorflow").find(made("Layer", "float32", "float32"), "GPU")


def test_every_operation_of_our_table_stands_for_one_that_the_kernel_table_has():
    missing = {name: rule.tensorflow for name, rule in OPERATIONS.items()}

    assert {name for name, target in missing.items() if target not in tensorflow_table().operations} == set()


def test_the_kernel_table_tells_its_origin_and_keeps_to_the_arguments_of_its_operations():
    table = tensorflow_table()

    assert "TensorFlow 2.21.0" in table.source
    for operation in table.operations.values():
        arguments = {argument.name for argument in (*operation.inputs, *operation.outputs)}
        for kernel in operation.registrations:
            assert kernel.device in {"GPU", "DEFAULT"}
            assert kernel.host_arguments <= arguments, operation.name
