"""The table itself: looking up, adding to a graph, array dtypes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from simgpu.errors import GraphError, InvalidValue, MissingDependency, UnknownOperation
from simgpu.graph import ITEM_BYTES, GraphBuilder, Normal, TensorSpec
from simgpu.kernels import OPERATIONS, OperationRule, Work, add_operation, array_dtype, rule, work
from tests.messages import exactly


@pytest.fixture
def builder():
    return GraphBuilder()


@pytest.fixture
def image(builder):
    (tensor,) = builder.add("Input", outputs=[TensorSpec((1, 3, 8, 8), "float32")], name="image")
    return tensor


def test_every_row_stands_under_its_own_name():
    assert all(isinstance(row, OperationRule) and row.name == name for name, row in OPERATIONS.items())


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        OPERATIONS["Relu"] = rule("Tanh")


@pytest.mark.parametrize(
    ("asked", "near"),
    [("relu", "Relu"), ("Conv2D", "Conv"), ("ReduceMaximum", "ReduceMax"), ("Sinn", "sin"), ("ABS", "Abs, abs")],
)
def test_an_unknown_operation_is_refused_with_the_names_near_it(asked, near):
    with pytest.raises(UnknownOperation, match=f"no operation is called '{asked}'; near it: .*{near}"):
        rule(asked)


def test_an_unknown_operation_far_from_all_is_told_where_all_are():
    with pytest.raises(
        UnknownOperation,
        match=exactly(f"no operation is called '???'; the {len(OPERATIONS)} known are in simgpu.kernels.OPERATIONS"),
    ):
        rule("???")


def test_an_operation_is_added_with_inferred_outputs_and_its_attributes(builder, image):
    (pooled,) = add_operation(builder, "MaxPool", [image], kernel_shape=(2, 2), strides=(2, 2))
    builder.fetch(pooled)
    operation = builder.build().operation("MaxPool")

    assert operation.output_specs == (TensorSpec((1, 3, 4, 4), "float32"),)
    assert operation.attributes == {"kernel_shape": (2, 2), "strides": (2, 2)}
    assert work(operation) == Work(flop=4 * 48, bytes=4 * (192 + 48))


def test_name_device_colocation_and_control_inputs_reach_the_builder(builder, image):
    add_operation(builder, "Relu", [image], name="first")
    add_operation(
        builder, "Tanh", [image], name="second", device="/gpu:1", colocate_with=["first"], control_inputs=["first"]
    )
    second = builder.build().operation("second")

    assert second.type == "Tanh"
    assert second.device == "/device:GPU:1"
    assert second.colocation == ("first",)
    assert second.control_inputs == (1,)


def test_a_refused_operation_leaves_the_builder_as_it_was(builder, image):
    with pytest.raises(GraphError, match="MatMul"):
        add_operation(builder, "MatMul", [image, image._replace(spec=TensorSpec((3, 3), "float32"))])

    assert len(builder.build()) == 1


@pytest.mark.parametrize("name", sorted(set(ITEM_BYTES) - {"string", "resource", "variant"}))
def test_an_array_has_the_bytes_that_its_dtype_says(name):
    assert array_dtype(name).itemsize == ITEM_BYTES[name]
    assert array_dtype(name).name == name


@pytest.mark.parametrize("name", ["string", "resource", "variant", "float31"])
def test_what_has_no_array_form_is_refused(name):
    known = (
        "bfloat16, bool, complex128, complex64, float16, float32, float64, int16, int32, int64, int8, uint16, uint32, "
        "uint64, uint8"
    )
    with pytest.raises(
        InvalidValue, match=exactly(f"dtype '{name}' has no array form; tensors with bytes are of {known}")
    ):
        array_dtype(name)


def test_bfloat16_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)

    with pytest.raises(
        MissingDependency, match=exactly("arrays of bfloat16 need the package ml_dtypes: pip install ml_dtypes")
    ):
        array_dtype("bfloat16")


def test_the_same_recipe_gives_the_same_values_each_time():
    first, second = np.empty((3, 4), np.float32), np.empty((3, 4), np.float32)
    for array in (first, second):
        rule("Variable").compute(np, [], [array], {"initializer": Normal(0.0, 1.0, (7, 1))})

    assert np.array_equal(first, second)
