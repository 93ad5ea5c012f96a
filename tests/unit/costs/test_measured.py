import warnings
from dataclasses import replace

import numpy as np
import pytest

from simgpu.calibration import Case, default_plan
from simgpu.calibration.case import case
from simgpu.costs import CopySample, Cost, Measured, MoveCost
from simgpu.errors import CalibrationError, ExtrapolationWarning, InvalidValue, MachineError
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.units import GiB
from tests.messages import exactly
from tests.unit.calibration.laws import BANDWIDTH, PEAK, calibration, device_ps, host_ps, sampled

MACHINE = Machine("1 x 4GiB").split({"GPU:0": ["1GiB", "1GiB"]})
CPU, GPU, SIBLING = MACHINE.devices
ADDS = [case("Add", (2**exponent,), (2**exponent,)) for exponent in range(0, 25, 4)]


def graph_of(*cases):
    builder = GraphBuilder()
    for number, found in enumerate(cases):
        inputs = [
            add_operation(builder, "Input", name=f"x{number}_{place}", spec=spec)[0]
            for place, spec in enumerate(found.inputs)
        ]
        add_operation(builder, found.type, inputs, name=f"op{number}", **found.attributes)
    return builder.build()


def operation_of(found):
    return graph_of(found).operation("op0")


def asked(found):
    return found.type, found.inputs, found.outputs, found.attributes


def relative_errors(model, cases):
    estimates = [model.estimate(operation_of(found), "GPU").device_ps for found in cases]
    return np.array([abs(time / device_ps(*asked(found)) - 1) for time, found in zip(estimates, cases, strict=True)])


def some(type, count, *, start=0, most_bytes=2**28):
    fitting = [
        found
        for found in default_plan().operations
        if (found.type, found.kind) == (type, "GPU")
        and found.inputs[0].dtype == "float32"
        and found.work.bytes <= most_bytes
    ]
    return fitting[start : start + count]


@pytest.mark.parametrize("type", ["Conv", "MatMul", "Gemm", "Add", "MaxPool", "Softmax", "Transpose", "Concat"])
def test_at_a_sample_the_prediction_is_the_sample(type):
    cases = some(type, 60)
    model = Measured(calibration(cases))

    costs = [model.cost(operation_of(found), GPU) for found in cases]

    expected = [Cost(device_ps(*asked(found)), launch_ps=host_ps(*asked(found)) + 1_000_000) for found in cases]
    assert costs == expected


def test_between_samples_a_size_is_predicted_within_two_percent():
    between = [case("Add", (size,), (size,)) for size in (3, 100, 3000, 10**5, 10**6, 10**7)]

    errors = relative_errors(Measured(calibration(ADDS)), between)

    assert errors.max() < 0.02


@pytest.mark.parametrize(("type", "bound"), [("Conv", 0.08), ("MatMul", 0.03), ("Gemm", 0.03), ("MaxPool", 0.03)])
def test_between_samples_of_many_sizes_a_typical_error_is_small(type, bound):
    model = Measured(calibration(some(type, 120) + some("MatMul", 80)))
    others = some(type, 40, start=120)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        errors = relative_errors(model, others)

    assert errors.mean() < bound


def test_host_time_is_linear_in_what_the_host_does():
    known = [case("Concat", *[(2**exponent,)] * count, axis=0) for exponent in (4, 12, 20) for count in (1, 2, 5)]
    asked_for = case("Concat", *[(2**10,)] * 4, axis=0)

    estimate = Measured(calibration(known)).estimate(operation_of(asked_for), "GPU")

    assert estimate.host_ps == pytest.approx(host_ps(*asked(asked_for)), rel=1e-6)


def test_what_lies_beyond_the_samples_is_told_once_for_a_graph_by_name():
    graph = graph_of(case("Add", (2**28,), (2**28,)), case("Add", (5,), (5,)), case("Tanh", (5,)))
    model = Measured(calibration(ADDS))

    with pytest.warns(ExtrapolationWarning) as caught:
        costs = [model.cost(graph.operation(name), GPU).part_ps for name in ("op0", "op1", "op2")]

    assert [str(warning.message) for warning in caught] == [
        "2 of 3 operations lie beyond what was measured on GPU: op0 (Add: 16 times beyond the sizes that were "
        "measured), op2 (Tanh: Tanh was not measured, so by bytes as Add); calibrate with a larger budget, or give "
        "such operations a duration_ps of their own"
    ]
    assert costs[0] == pytest.approx(device_ps(*asked(case("Add", (2**28,), (2**28,)))), rel=0.2)


def test_a_strict_model_refuses_what_lies_beyond_the_samples():
    model = Measured(calibration(ADDS), strict=True)

    with pytest.raises(
        CalibrationError,
        match=exactly(
            "op0 (Tanh): Tanh was not measured, so by bytes as Add; calibrate with a larger budget, or give such "
            "operations a duration_ps of their own"
        ),
    ):
        model.cost(operation_of(case("Tanh", (5,))), GPU)


def test_another_dtype_is_predicted_from_the_bytes_of_one_that_was_measured():
    found = case("Add", (1000,), (1000,), dtype="int32")
    model = Measured(calibration(ADDS))

    with pytest.warns(ExtrapolationWarning, match="Add on int32 by samples on float32"):
        cost = model.cost(operation_of(found), GPU)

    assert cost.part_ps == pytest.approx(device_ps(*asked(found)), rel=0.05)


def test_without_any_sample_the_peaks_are_left():
    found = case("MatMul", (512, 512), (512, 512))
    model = Measured(calibration([]))

    with pytest.warns(ExtrapolationWarning, match="MatMul was not measured, so by the peaks alone"):
        cost = model.cost(operation_of(found), GPU)

    assert cost.part_ps == found.work.flop * 10**12 // PEAK + 1


def test_nothing_is_predicted_of_what_is_never_computed():
    graph = graph_of(case("Add", (5,), (5,)))

    assert Measured(calibration(ADDS)).cost(graph.operation("x0_0"), GPU) == Cost(0, launch_ps=0)


def test_a_kind_that_was_not_measured_is_told():
    model = Measured(calibration(ADDS))

    with pytest.warns(ExtrapolationWarning, match="nothing was measured on a CPU"):
        cost = model.cost(operation_of(ADDS[1]), CPU)

    assert cost.part_ps == device_ps(*asked(ADDS[1]))


def test_an_explanation_says_from_which_samples_and_how_far_away_they_are():
    model = Measured(calibration(ADDS))
    exact, near, beyond = (operation_of(found) for found in (ADDS[1], case("Add", (32,), (32,)), case("Tanh", (9,))))

    texts = [model.explain(operation, GPU) for operation in (exact, near, beyond)]

    assert texts[0].endswith("of the host to launch it, measured as it is, 3 times")
    assert "from 7 samples of Add float32" in texts[1]
    assert texts[1].endswith("; no size is more than 2 times apart from the nearest sample")
    assert texts[2].endswith("; EXTRAPOLATED: Tanh was not measured, so by bytes as Add")


def test_a_sample_that_failed_serves_nothing():
    good, failed = calibration(ADDS), calibration(ADDS[:1])
    broken = [type(sample)(**{**as_fields(sample), "failed": "no kernel"}) for sample in failed.operations]

    assert calibration([], operations=(*good.operations, *broken)).good == good.operations


def as_fields(sample):
    return {name: getattr(sample, name) for name in sample.__dataclass_fields__}


COPIES = (
    CopySample("h2d-pageable", 1, 0, 1000, 0, 3),
    CopySample("h2d-pageable", 1001, 0, 3000, 0, 3),
    CopySample("d2d", 8, 50, 700, 0, 3),
    CopySample("d2d", 16, 70, 600, 0, 3),
)


@pytest.mark.parametrize(
    ("size", "ends", "expected"),
    [
        (1, (None, GPU), MoveCost(2_000_000, 1000)),
        (0, (None, GPU), MoveCost(2_000_000, 1000)),
        (501, (None, GPU), MoveCost(2_000_000, 2000)),
        (1400, (None, GPU), MoveCost(2_000_000, 4196)),
        (12, (GPU, SIBLING), MoveCost(2_000_060, 700)),
    ],
)
def test_a_move_takes_what_copies_that_way_took(size, ends, expected):
    assert Measured(calibration(ADDS, copies=COPIES)).move(size, *ends) == expected


def test_the_machine_has_the_measured_figures():
    copies = (
        CopySample("h2d", 1, 0, 3000, 0, 3),
        CopySample("d2h", 10**9, 0, 10**12 // 50, 0, 3),
        CopySample("d2d", 10**9, 0, 10**12 // 1000, 0, 3),
    )
    machine = calibration(ADDS, copies=copies).machine([GiB, 2 * GiB])
    model = machine.model(1)

    assert [device.memory_limit_bytes for device in machine.devices[1:]] == [GiB, 2 * GiB]
    assert (model.name, model.memory_bytes) == ("law", 2**34)
    assert (model.memory_bandwidth_bytes_per_s, model.peak_for("float32")) == (2 * BANDWIDTH, PEAK)
    assert model.launch_overhead_ps == 1_000_000 + min(host_ps(*asked(found)) for found in ADDS)
    assert [(link.bandwidth_bytes_per_s, link.latency_ps) for link in machine.links] == [(50 * 10**9, 3000)]


def test_the_link_of_a_machine_is_that_of_copies_with_pinned_memory_if_there_are_any():
    copies = (
        CopySample("h2d", 1, 0, 1000, 0, 3),
        CopySample("d2h", 10**9, 0, 10**12 // 90, 0, 3),
        CopySample("h2d-pinned", 1, 0, 3000, 0, 3),
        CopySample("h2d-pinned", 10**9, 0, 10**12 // 50, 0, 3),
        CopySample("d2h-pinned", 1, 0, 2000, 0, 3),
    )
    links = calibration(ADDS, copies=copies).machine([GiB]).links

    assert [(link.bandwidth_bytes_per_s, link.latency_ps) for link in links] == [(50 * 10**9, 2000)]


def test_a_machine_is_refused_limits_that_the_card_cannot_hold():
    with pytest.raises(MachineError, match="has 16 GiB of memory"):
        calibration(ADDS).machine([20 * GiB])


def test_something_else_than_a_calibration_is_refused():
    with pytest.raises(InvalidValue, match="calibration=3 is not a Calibration"):
        Measured(3)


def test_a_type_outside_the_plan_of_which_shapes_are_known_is_predicted_by_its_bytes():
    found = Case("Where", (TensorSpec((64,), "bool"), TensorSpec((64,), "float32"), TensorSpec((64,), "float32")))

    with pytest.warns(ExtrapolationWarning, match="Where was not measured, so by bytes as Add"):
        cost = Measured(calibration(ADDS)).cost(operation_of(found), GPU)

    assert 1_500_000 < cost.part_ps < 3_000_000


def test_the_time_of_a_small_sample_is_not_scaled_up_beyond_what_the_bandwidth_says():
    large = case("Tanh", (2**21,))

    with pytest.warns(ExtrapolationWarning, match="op0 .Tanh: 2.1e.06 times beyond the sizes that were measured"):
        cost = Measured(calibration([case("Tanh", (1,)), *ADDS])).cost(operation_of(large), GPU)

    by_bandwidth_ps = large.work.bytes * 10**12 // BANDWIDTH
    assert by_bandwidth_ps <= cost.part_ps <= 3 * by_bandwidth_ps


def test_the_time_of_a_small_product_is_not_scaled_up_beyond_what_the_peak_says():
    large = case("MatMul", (2048, 2048), (2048, 2048))

    with pytest.warns(ExtrapolationWarning, match="times beyond the sizes that were measured"):
        cost = Measured(calibration([case("MatMul", (1, 1), (1, 1))])).cost(operation_of(large), GPU)

    by_peak_ps = large.work.flop * 10**12 // PEAK
    assert by_peak_ps <= cost.part_ps <= 3 * by_peak_ps


def test_beyond_samples_that_are_slower_than_the_bandwidth_a_time_goes_on_as_slow():
    slow = [replace(sampled(found), device_ps=20 * sampled(found).device_ps) for found in ADDS]
    large = case("Add", (2**28,), (2**28,))

    with pytest.warns(ExtrapolationWarning, match="16 times beyond the sizes that were measured"):
        cost = Measured(calibration((), operations=slow)).cost(operation_of(large), GPU)

    assert cost.part_ps == pytest.approx(20 * device_ps(*asked(large)), rel=0.2)
