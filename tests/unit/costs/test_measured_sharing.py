from dataclasses import replace

import pytest

from simgpu.calibration.case import case
from simgpu.costs import ContentionSample, Cost, Measured
from simgpu.costs.measured_sharing import Shares
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.simulation import simulate
from simgpu.units import PS_PER_S
from tests.unit.calibration.laws import calibration

CASES = {
    "small": case("Relu", (64,)),
    "large": case("Relu", (2**20,)),
    "product": case("MatMul", (512, 512), (512, 512)),
}


def taking(name, alone_ps, slowdowns):
    """Return samples of a case, with its slowdown for numbers of siblings."""
    found = CASES[name]
    return [
        ContentionSample(found.type, found.inputs, siblings, alone_ps, round(alone_ps * slowdown))
        for siblings, slowdown in slowdowns.items()
    ]


@pytest.mark.parametrize(
    ("slowdowns", "share"),
    [
        ({2: 2.0, 4: 4.0}, 1.0),
        ({2: 1.2, 4: 2.4}, 0.6),
        ({2: 1.0, 4: 1.6}, 0.4),
        ({2: 1.01, 4: 1.04}, 0.25),  # noise: up to four of them take nothing from each other
        ({2: 2.2, 4: 4.9}, 1.0),  # worse than one after the other: shares cannot tell that
    ],
)
def test_a_share_is_what_makes_siblings_as_slow_as_they_were(slowdowns, share):
    assert Shares(taking("large", 10**9, slowdowns)).of("Add", 10**9) == pytest.approx(share)


def test_between_samples_a_share_is_linear_in_the_logarithm_of_the_time_and_beyond_them_constant():
    shares = Shares([*taking("small", 10**6, {4: 1.0}), *taking("large", 10**10, {4: 4.0})])

    assert [shares.of("Add", 10**exponent) for exponent in (3, 6, 8, 10, 12)] == pytest.approx(
        [0.25, 0.25, 0.625, 1.0, 1.0]
    )


def test_products_have_samples_of_their_own():
    shares = Shares([*taking("large", 10**9, {2: 1.0}), *taking("product", 10**9, {2: 2.0})])

    assert [shares.of(type, 10**9) for type in ("Add", "Conv", "matmul")] == [0.5, 1.0, 1.0]
    assert [shares.of(f"linalg.{name}", 10**9) for name in ("matmul", "vecdot", "tensordot", "svd")] == [1, 1, 1, 0.5]


def test_without_samples_of_its_own_sort_an_operation_has_those_of_others_and_without_any_all_of_a_card():
    assert Shares(taking("large", 10**9, {2: 1.0})).of("MatMul", 10**9) == 0.5
    assert Shares([]).of("MatMul", 10**9) == 1.0


def test_a_measured_cost_on_a_gpu_has_the_share_of_its_time_and_one_on_a_cpu_has_all():
    facts = replace(calibration([]).device, is_asynchronous=False)
    contention = taking("large", 10**9, {2: 1.0, 4: 2.0})
    measured = replace(calibration([CASES["large"]]), device=facts, contention=contention)
    machine, costs = measured.machine(["1MiB", "1MiB"]), Measured(measured)
    operation = two_of("large").operation("y0")
    found = costs.estimate(operation, "GPU")

    on_gpu, on_cpu = (costs.cost(operation, machine.device(name)) for name in ("GPU:0", "CPU:0"))

    assert on_gpu == Cost(found.device_ps, launch_ps=on_gpu.launch_ps, card_share=0.5)
    assert on_cpu.card_share == 1.0
    assert "it keeps 50 % of the card busy" in costs.explain(operation, machine.device("GPU:0"))
    assert "busy" not in costs.explain(operation, machine.device("CPU:0"))


def two_of(name):
    """Return a graph of one operation on each of two GPUs, which begin together."""
    builder, found = GraphBuilder(), CASES[name]
    for gpu in range(2):
        spec, device = TensorSpec(found.inputs[0].shape, "float32"), f"/gpu:{gpu}"
        inputs = add_operation(builder, "Input", name=f"x{gpu}", spec=spec, device=device)
        add_operation(builder, found.type, inputs, name=f"y{gpu}", device=device)
    return builder.build()


class Sharing:
    """Costs of a second each, and nothing for launches."""

    def __init__(self, share):
        self.share = share

    def cost(self, operation, device):
        return Cost(PS_PER_S if operation.type == "Relu" else 0, launch_ps=0, card_share=self.share)


@pytest.mark.parametrize(("share", "time_s"), [(1.0, 2), (0.75, 1.5), (0.5, 1), (0.3, 1)])
@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_two_slices_of_a_card_slow_each_other_down_by_what_their_shares_are_more_than_one(engine, share, time_s):
    placement = place(two_of("small"), Machine("1 x 1GiB").split({"GPU:0": ["512MiB", "512MiB"]}))

    trace = simulate(placement, costs=Sharing(share), engine=engine)

    relus = [span for span in trace.spans if span.name.startswith("y")]
    assert [(span.end_ps - span.start_ps) / PS_PER_S for span in relus] == pytest.approx([time_s] * 2, rel=1e-4)


def test_a_share_is_of_no_consequence_on_a_card_of_ones_own():
    placement = place(two_of("small"), Machine("2 x 1GiB"))

    assert simulate(placement, costs=Sharing(0.3)).spans == simulate(placement, costs=Sharing(1.0)).spans
