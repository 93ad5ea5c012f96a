"""Partial device names against each other."""

from __future__ import annotations

import pytest

from simgpu.naming import DeviceSpec
from simgpu.placement.constraints import ANYWHERE, Conflict, are_compatible, constraint, merge, without_device

GPU_0, GPU_1, CPU_0 = map(DeviceSpec.parse, ("/gpu:0", "/gpu:1", "/cpu:0"))


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ("/gpu", "/gpu:1", "/gpu:1"),
        ("/job:a", "/task:1/gpu:1", "/job:a/task:1/gpu:1"),
        ("", "/cpu", "/cpu"),
        ("/gpu:1", "/gpu:1", "/gpu:1"),
    ],
)
def test_names_that_agree_merge_in_any_order(one, other, merged):
    first, second = DeviceSpec.parse(one), DeviceSpec.parse(other)

    assert are_compatible(first, second)
    assert merge(first, second) == merge(second, first) == DeviceSpec.parse(merged)


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        ("/gpu:0", "/cpu:0", ""),
        ("/gpu:0", "/gpu:1", "/gpu"),
        ("/job:a/gpu:0", "/task:1/cpu:0", "/job:a/task:1"),
        ("/gpu", "/cpu:3", ""),
    ],
)
def test_soft_merging_lets_go_of_what_disagrees(one, other, left):
    first, second = DeviceSpec.parse(one), DeviceSpec.parse(other)

    with pytest.raises(Conflict):
        merge(first, second)
    assert merge(first, second, soft=True) == merge(second, first, soft=True) == DeviceSpec.parse(left)
    assert not are_compatible(first, second)


@pytest.mark.parametrize(("one", "other"), [("/job:a", "/job:b"), ("/task:0", "/task:1"), ("/replica:0", "/replica:1")])
def test_a_job_replica_or_task_never_gives_way(one, other):
    with pytest.raises(Conflict, match=r"(job|replica|task) . and (job|replica|task) ."):
        merge(DeviceSpec.parse(one), DeviceSpec.parse(other), soft=True)


def test_type_and_index_go_except_where_another_name_keeps_them():
    spec = DeviceSpec.parse("/task:1/gpu:1")

    assert without_device(spec) == DeviceSpec(task=1)
    assert without_device(spec, keep=DeviceSpec.parse("/gpu")) == DeviceSpec(task=1, device_type="GPU")
    assert without_device(spec, keep=GPU_1) == spec


def test_stars_ask_for_anything():
    assert constraint(DeviceSpec(job="*", device_type="*")) == ANYWHERE
    assert constraint(GPU_0) == GPU_0
