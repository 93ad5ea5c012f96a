"""Damaged files: whatever the bytes, a file is read or refused in words, quickly and without memory for its tensors."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simgpu.errors import ModelFileError, SimgpuError
from simgpu.graph import Graph
from simgpu.readers import light_models, read_onnx

SMALL = {name: light_models()[name].read_bytes() for name in ("light_shufflenet", "light_squeezenet")}

flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8)


@pytest.fixture
def damaged(tmp_path):
    return tmp_path / "damaged.onnx"


def read_or_refuse(path, data: bytes) -> Graph | str:
    path.write_bytes(data)
    try:
        return read_onnx(path, batch=2, weights="random")
    except SimgpuError as error:
        return str(error)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SMALL)), places=flips)
@example(name="light_squeezenet", places=[(0.0, 255)])
def test_flipped_bytes_are_read_or_refused_in_words(damaged, name, places):
    data = bytearray(SMALL[name])
    for place, bits in places:
        data[int(place * len(data))] ^= bits

    result = read_or_refuse(damaged, bytes(data))

    assert isinstance(result, Graph) or str(damaged) in result


numbers = st.one_of(st.integers(-3, 9), st.sampled_from([2**16, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63)]))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SMALL)), node=st.integers(0, 10**6), place=st.integers(0, 99), number=numbers)
def test_attributes_without_sense_are_read_or_refused_in_words(damaged, name, node, place, number):
    model = onnx.ModelProto.FromString(SMALL[name])
    listed = [entry.ints for each in model.graph.node for entry in each.attribute if entry.ints]
    chosen = listed[node % len(listed)]
    chosen[place % len(chosen)] = number

    result = read_or_refuse(damaged, model.SerializeToString())

    assert isinstance(result, Graph) or str(damaged) in result


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SMALL)), share=st.floats(0, 1, exclude_max=True))
@example(name="light_shufflenet", share=0.0)
def test_a_file_that_is_cut_short_is_refused_in_words(damaged, name, share):
    damaged.write_bytes(SMALL[name][: int(share * len(SMALL[name]))])

    with pytest.raises(ModelFileError) as refusal:
        read_onnx(damaged)

    assert str(damaged) in str(refusal.value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_in_words(damaged, data):
    damaged.write_bytes(data)

    with pytest.raises(ModelFileError) as refusal:
        read_onnx(damaged)

    assert str(damaged) in str(refusal.value)
