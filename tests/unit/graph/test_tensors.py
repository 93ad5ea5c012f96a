import pytest

from simgpu.errors import GraphError
from simgpu.graph import ITEM_BYTES, TensorSpec
from tests.messages import exactly


def test_sizes_are_those_of_the_elements_without_rounding():
    assert (TensorSpec((3, 5), "float64").size, TensorSpec((3, 5), "float64").nbytes) == (15, 120)
    assert (TensorSpec((), "bfloat16").size, TensorSpec((), "bfloat16").nbytes) == (1, 2)
    assert (TensorSpec((4, 0, 9), "int8").size, TensorSpec((4, 0, 9), "int8").nbytes) == (0, 0)


def test_a_tensor_is_written_as_its_dtype_and_shape():
    assert [str(TensorSpec(shape, "int32")) for shape in ((), (7,), (2, 3))] == ["int32[]", "int32[7]", "int32[2,3]"]


def test_an_unknown_dtype_is_refused_with_those_that_are_known():
    with pytest.raises(GraphError) as caught:
        TensorSpec((1,), "float8")

    assert str(caught.value) == f"a tensor has dtype 'float8'; known dtypes are {', '.join(ITEM_BYTES)}"


@pytest.mark.parametrize("dim", [-1, 1.0, True, "2", None])
def test_a_dimension_that_cannot_be_meant_is_refused(dim):
    with pytest.raises(GraphError) as caught:
        TensorSpec((2, dim), "float32")

    assert str(caught.value) == f"a tensor has shape (2, {dim!r}); it must be a tuple of ints of 0 or more"


def test_a_shape_that_is_no_tuple_is_refused():
    with pytest.raises(GraphError, match=r"shape \[2, 3\]; it must be a tuple"):
        TensorSpec([2, 3], "float32")


def test_a_tensor_can_have_as_many_bytes_as_an_int64_counts_and_not_one_more():
    assert TensorSpec((2**63 - 1,), "bool").nbytes == 2**63 - 1

    with pytest.raises(
        GraphError,
        match=exactly("a tensor of shape (1152921504606846976, 2) and dtype float32 has more than 2**63 - 1 bytes"),
    ):
        TensorSpec((2**60, 2), "float32")
