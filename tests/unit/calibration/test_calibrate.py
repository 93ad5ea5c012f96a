import sys
from dataclasses import replace
from time import monotonic

import pytest

import simgpu
from simgpu.calibration import Plan, calibrate, default_plan
from simgpu.calibration.case import case
from simgpu.costs import Measured
from simgpu.errors import CalibrationError, ExecutionError, InvalidValue
from simgpu.storage import NumpyStorage
from simgpu.units import MiB
from tests.unit.calibration.laws import BANDWIDTH, LawStorage, device_ps

RELU = case("Relu", (5,))
ADD, PRODUCT = case("Add", (2**20,), (2**20,)), case("MatMul", (256, 256), (256, 256))
PLAN = Plan(
    operations=(case("Relu", (5,)), ADD, PRODUCT, case("Add", (1,), (1,))),
    copy_sizes=(1, 4096),
    contention=(case("Relu", (5,)),),
    siblings=(2,),
    chains=(2, 60),
    budget_s=30,
    region_bytes=64 * MiB,
)


def test_all_of_a_plan_is_measured_in_its_order():
    found = calibrate(plan=PLAN)

    assert [(sample.type, sample.inputs) for sample in found.operations] == [
        (case.type, case.inputs) for case in PLAN.operations
    ]
    assert [sample.failed for sample in found.operations] == [""] * 4
    assert [sample.size_bytes for sample in found.copies_of("d2d")] == [1, 4096]
    assert [(sample.type, sample.siblings) for sample in found.contention] == [("Relu", 2)]
    assert found.device.storage == "numpy"
    assert found.device.versions["numpy"]
    assert found.overheads.compute_ps + found.overheads.transfer_ps > 0


def test_figures_follow_from_the_largest_samples():
    found = calibrate(LawStorage(), plan=PLAN)

    taken_ps = device_ps("Add", ADD.inputs, ADD.outputs, {})
    assert found.memory_bandwidth_bytes_per_s == ADD.work.bytes * 10**12 // taken_ps
    assert found.memory_bandwidth_bytes_per_s == pytest.approx(BANDWIDTH, rel=0.5)
    assert found.peak_flop_per_s == {
        "float32": PRODUCT.work.flop * 10**12 // device_ps("MatMul", PRODUCT.inputs, PRODUCT.outputs, {})
    }


def test_an_operation_that_fails_does_not_end_the_calibration():
    found = calibrate(LawStorage(failing=("MatMul",)), plan=PLAN)

    assert [sample.failed for sample in found.operations] == ["", "", "RuntimeError: no kernel for MatMul", ""]
    assert found.peak_flop_per_s == {"float32": 1}


def test_what_the_memory_cannot_hold_is_left_out_of_the_plan():
    large = case("Relu", (2**24,))
    found = calibrate(LawStorage(), plan=replace(PLAN, operations=(RELU, large)))

    assert [(sample.inputs, sample.failed) for sample in found.operations] == [(RELU.inputs, "")]


def test_without_ml_dtypes_there_is_nothing_on_bfloat16(monkeypatch):
    brain = case("Relu", (5,), dtype="bfloat16")
    plan = replace(PLAN, operations=(brain, RELU), contention=())

    assert [sample.inputs for sample in calibrate(LawStorage(), plan=plan).operations] == [brain.inputs, RELU.inputs]

    monkeypatch.setitem(sys.modules, "ml_dtypes", None)

    assert [sample.inputs for sample in calibrate(LawStorage(), plan=plan).operations] == [RELU.inputs]


def test_an_operation_that_a_device_refuses_is_kept_with_its_reason():
    odd = case("MatMul", (2, 3), (4, 5))
    (sample,) = calibrate(LawStorage(), plan=replace(PLAN, operations=(odd,))).operations

    assert sample.failed.startswith("GraphError: ")


def test_the_budget_is_a_limit():
    start = monotonic()
    found = calibrate(plan=replace(default_plan(quick=True, budget_s=3), contention=(), chains=(2, 4)))

    assert monotonic() - start < 10
    assert 0 < len(found.operations) < 5000


def test_progress_is_told_stage_by_stage():
    told = []
    calibrate(plan=PLAN, on_progress=lambda *state: told.append(state))

    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages[:4] == ["copies", "siblings", "overheads", "operations"]
    last = {stage: (done, total) for stage, done, total in told}
    assert {stage: last[stage] for stage in stages[:4]} == {
        "copies": (12, 12),
        "siblings": (1, 1),
        "overheads": (1, 1),
        "operations": (4, 4),
    }


class Unsteady(LawStorage):
    """A storage on which something else is at work during the first products."""

    def take(self, host, device):
        busy = self.computed.count("MatMul") <= 8 and self.computed and self.computed[-1] == "MatMul"
        super().take(host, device * (1 + len(self.computed) % 3) if busy else device)


def test_what_came_out_differently_from_time_to_time_is_measured_again():
    storage = Unsteady()
    (relu, product) = calibrate(storage, plan=replace(PLAN, operations=(case("Relu", (5,)), PRODUCT))).operations

    assert storage.computed.count("MatMul") > 8
    assert product.device_ps == device_ps("MatMul", PRODUCT.inputs, PRODUCT.outputs, {})
    assert (relu.device_spread_ps, product.device_spread_ps) == (0, 0)


def test_what_was_measured_predicts_itself():
    found = calibrate(plan=PLAN)
    builder = simgpu.GraphBuilder()
    (x,) = simgpu.add_operation(builder, "Input", spec=simgpu.TensorSpec((5,), "float32"))
    (y,) = simgpu.add_operation(builder, "Relu", [x], name="relu")
    builder.fetch(y)
    machine = found.machine(["32MiB"])
    graph = builder.build()

    cost = Measured(found).cost(graph.operation("relu"), machine.device("GPU:0"))

    assert cost.part_ps == found.operations[0].device_ps


def test_storage_that_computes_nothing_is_refused():
    with pytest.raises(InvalidValue, match="storage 'shape' computes nothing, so there is nothing to measure"):
        calibrate("shape")


def test_a_plan_of_another_type_is_refused():
    with pytest.raises(InvalidValue, match="plan=3 is not a Plan"):
        calibrate(plan=3)


class Full(NumpyStorage):
    """A storage that has room for small regions only."""

    def __init__(self, most_bytes=MiB):
        super().__init__()
        self.most_bytes = most_bytes

    def open(self, limit_bytes, kind="GPU", **_):
        if limit_bytes > self.most_bytes:
            raise ExecutionError("there is no room")
        return super().open(limit_bytes, kind)


def test_a_device_without_room_is_refused():
    with pytest.raises(CalibrationError, match="can be opened: there is no room; free memory"):
        calibrate(Full(), plan=replace(PLAN, contention=()))


def test_what_a_device_has_no_room_for_is_left_out_and_told():
    with pytest.warns(UserWarning, match="left out") as caught:
        found = calibrate(Full(16 * MiB), plan=replace(PLAN, copy_sizes=(1, 4096, 16 * MiB)))

    assert [str(warning.message) for warning in caught] == [
        "numpy storage: copies of 16 MiB do not fit into its memory; they are left out",
        "numpy storage: siblings at work at once do not fit into its memory (there is no room); they are left out",
    ]
    assert [sample.size_bytes for sample in found.copies_of("d2d")] == [1, 4096]
    assert found.contention == []
    assert len(found.good) > 0
