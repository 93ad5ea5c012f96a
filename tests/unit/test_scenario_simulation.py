"""The keys of `simulation`: what the model assumes, and what goes otherwise."""

import pytest

from simgpu.calibration import write_calibration
from simgpu.costs import Calibration, DeviceFacts, OperationSample, Overheads
from simgpu.errors import ExtrapolationWarning, ScenarioError
from simgpu.graph import TensorSpec
from simgpu.scenario import load_scenario, scenario_from_text
from simgpu.session import run
from simgpu.simulation import Fails, Flaky, LinkChange, SimulationOptions, Slow

LINK = "host0/GPU:0 pcie4-x16 out"
TEXT = """\
machine: {gpus: 2 x 4KiB}
graph:
  operations:
    - {name: a, op: Variable, shape: [256]}
    - {name: b, op: Relu, inputs: [a], duration: 1 us}
    - {name: c, op: Relu, inputs: [b], duration: 1 us, device: "/gpu:1"}
simulation:
"""


def scenario(*lines):
    return scenario_from_text(TEXT + "".join(f"  {line}\n" for line in lines))


def test_every_option_reaches_the_simulation():
    given = scenario(
        "links: fifo",
        "launch: sync",
        "streams: 2",
        "discipline: shortest",
        "copy_engines: false",
        "on_oom: wait",
        "engine: simpy",
        "perturbations:",
        '  - {slow: "GPU:*", factor: 2.0, spread: 0.5, distribution: uniform}',
        f"  - {{link: {LINK!r}, at: 1 ms, bandwidth: 1 GB/s}}",
        f"  - {{flaky: {LINK!r}, well: 1 ms, ill: 1 ms, until: 1 s, factor: 0.5}}",
        '  - {fails: "GPU:0", at: 1 ms, then: takeover}',
    )

    assert given.simulation.options == SimulationOptions(
        links="fifo",
        launch="sync",
        streams=2,
        discipline="shortest",
        copy_engines=False,
        on_oom="wait",
        engine="simpy",
        perturbations=(
            Slow(device="GPU:*", factor=2.0, spread=0.5, distribution="uniform"),
            LinkChange(link=LINK, at="1 ms", bandwidth="1 GB/s"),
            Flaky(link=LINK, well="1 ms", ill="1 ms", until="1 s", factor=0.5),
            Fails(device="GPU:0", at="1 ms", then="takeover"),
        ),
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("launch: later", "8:11: simulation.launch: 'later' is not one of sync, async; known are sync, async"),
        ("on_oom: swap", "8:11: simulation.on_oom: 'swap' is not one of raise, wait, spill; did you mean"),
        ("streams: 0", "8:12: simulation.streams: must be 1 or more, not 0"),
        (
            "perturbations: [{at: 1 ms}]",
            "8:19: simulation.perturbations[0]: one of the keys slow, link, flaky, fails is",
        ),
        (
            'perturbations: [{slow: "GPU:0", at: 1 ms}]',
            "8:35: simulation.perturbations[0].at: 'at' does not go with 'slow'",
        ),
        ('perturbations: [{fails: "GPU:0"}]', "8:19: simulation.perturbations[0]: 'fails' needs the key 'at'"),
        (
            'perturbations: [{fails: "GPU:7", at: 1 ms}]',
            "8:19: simulation.perturbations[0]: the machine has no device 'GPU:7'; it has CPU:0, GPU:0, GPU:1",
        ),
        (
            "perturbations: [{link: nvlink, at: 1 ms, bandwidth: 1 GB/s}]",
            "8:19: simulation.perturbations[0]: no link is named 'nvlink'; there are host0/GPU:0 pcie4-x16 out,",
        ),
        (
            'perturbations: [{slow: "GPU:0", factor: -1.0}]',
            "8:19: simulation.perturbations[0]: factor=-1.0 must be a number from 0 to 1e+09",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(line, message):
    with pytest.raises(ScenarioError) as caught:
        scenario(line)

    assert message in str(caught.value)


def test_the_seed_of_the_scenario_is_that_of_the_perturbations():
    text = TEXT + '  perturbations: [{slow: "GPU:*", spread: 0.5}]\n'
    ends = [
        run(scenario_from_text(f"{text}seed: {seed}\n"), engine="simulate").predicted.makespan_ps for seed in (1, 2)
    ]

    assert ends[0] != ends[1]


def test_a_run_whose_simulation_takes_over_is_not_executed():
    result = run(scenario('perturbations: [{fails: "GPU:1", at: 3 us, then: takeover}]'))

    assert result.not_executed == (
        "the simulation moved tensors or operations during the run, which an execution cannot follow"
    )
    assert result.executed is None


def test_a_run_that_waits_for_memory_is_executed_in_the_same_order():
    result = run(scenario("on_oom: wait"))

    assert result.agreement


def test_times_of_a_calibration_stand_for_those_of_the_roofline(tmp_path):
    write_calibration(slow_additions(), tmp_path / "card.json")
    (tmp_path / "scenario.yaml").write_text(
        "machine: 1 x h100-80g\n"
        "graph: {operations: [{name: x, op: Input, shape: [1024]}, {name: y, op: Add, inputs: [x, x]}]}\n"
        "simulation: {calibration: card.json}\n"
    )
    scenario = load_scenario(tmp_path / "scenario.yaml")
    with pytest.warns(ExtrapolationWarning, match="copies .* were not measured, so by the links"):
        measured = run(scenario, engine="simulate").predicted

    assert scenario.simulation.calibration == slow_additions()
    assert measured.busy_by_resource_ps()[measured.devices[1].name] == 10**9


def test_a_calibration_that_is_none_is_refused_with_its_place(tmp_path):
    (tmp_path / "card.json").write_text("[1]")
    path = tmp_path / "scenario.yaml"
    path.write_text("machine: 1 x t4\nmodel: {onnx: light_resnet50}\nsimulation: {calibration: card.json}\n")

    with pytest.raises(ScenarioError, match=r":3:27: simulation.calibration: .*card.json"):
        load_scenario(path)


def slow_additions():
    """Return a calibration in which an Add of 1,024 float32 takes a millisecond."""
    spec = TensorSpec((1024,), "float32")
    add = OperationSample("GPU", "Add", (spec, spec), (spec,), {}, 5 * 10**6, 0, 10**9, 0, 3)
    facts = DeviceFacts("card", "GPU", "numpy", False, 2**33, 4, "", {}, "2026-01-01T00:00:00+00:00")
    return Calibration(
        device=facts,
        overheads=Overheads(0, 0),
        memory_bandwidth_bytes_per_s=10**12,
        peak_flop_per_s={"float32": 10**13},
        operations=(add,),
        copies=(),
        contention=(),
    )
