from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simgpu.errors import ExecutionError, InvalidValue, PlacementError
from simgpu.graph import TensorSpec
from simgpu.machine import Machine
from simgpu.scenario import scenario_from_text
from simgpu.session import make_feeds, place_scenario, read_graph, run
from tests.messages import exactly

TEXT = """\
machine: {gpus: 1 x 64KiB, split: {"GPU:0": [32KiB, 32KiB]}}
graph:
  operations:
    - {name: x, op: Input, shape: [16, 32]}
    - {name: n, op: Input, shape: [4], dtype: int64}
    - {name: w, op: Variable, shape: [32, 64]}
    - {name: y, op: MatMul, inputs: [x, w]}
    - {name: z, op: Relu, inputs: [y], device: "/gpu:1"}
    - {name: m, op: Neg, inputs: [n]}
seed: 3
"""


@pytest.fixture
def scenario():
    return scenario_from_text(TEXT)


@pytest.fixture
def starved(scenario):
    """The same on slices of 12 KiB: the weights fit, the product does not."""
    return replace(scenario, machine=Machine({"gpus": "1 x 24KiB", "split": {"GPU:0": ["12KiB", "12KiB"]}}))


def test_both_engines_agree_and_the_outputs_are_those_of_numpy(scenario):
    result = run(scenario)
    feeds = make_feeds(result.graph, seed=3)
    weights = 0.1 * np.random.default_rng(np.random.SeedSequence((3, 2))).standard_normal((32, 64), np.float32)

    assert result.is_success
    assert result.agreement is not None
    assert (result.agreement.operations_compared, result.agreement.difference) == (6, "")
    np.testing.assert_allclose(result.outputs["z"], np.maximum(feeds["x"] @ weights, 0), rtol=1e-4, atol=1e-5)
    assert result.outputs["m"].tolist() == [0, 0, 0, 0]


def test_integers_stay_on_the_cpu_and_requests_are_met(scenario):
    placement = place_scenario(scenario)

    assert {name: placement.device_of(name)[-5:] for name in "xnwyzm"} == {
        "x": "GPU:0",
        "n": "CPU:0",
        "w": "GPU:0",
        "y": "GPU:0",
        "z": "GPU:1",
        "m": "CPU:0",
    }


def test_one_engine_alone_compares_nothing(scenario):
    predicted, executed = run(scenario, engine="simulate"), run(scenario, engine="execute")

    assert (predicted.executed, predicted.agreement, dict(predicted.outputs)) == (None, None, {})
    assert (executed.predicted, executed.agreement, sorted(executed.outputs)) == (None, None, ["m", "z"])
    assert predicted.is_success
    assert executed.is_success


def test_shape_storage_gives_shapes_and_the_same_ledgers(scenario):
    result = run(replace(scenario, execution=replace(scenario.execution, storage="shape")))

    assert result.is_success
    assert result.outputs == {"z": TensorSpec((16, 64), "float32"), "m": TensorSpec((4,), "int64")}


def test_a_simulation_may_be_on_another_machine(scenario):
    faster = Machine({"gpus": "1 x h100-80g", "split": {"GPU:0": ["32KiB", "32KiB"]}})
    elsewhere = replace(scenario, simulation=replace(scenario.simulation, machine=faster))

    result = run(elsewhere)

    assert result.is_success
    assert result.predicted is not None
    assert result.predicted.makespan_ps != run(scenario, engine="simulate").predicted.makespan_ps


@pytest.mark.parametrize("engine", ["both", "execute", "simulate"])
def test_running_out_of_memory_is_a_result_of_either_engine(starved, engine):
    result = run(starved, engine=engine)

    assert result.shortage is not None
    assert not result.is_success
    figures = result.shortage.shortage
    assert (figures.device[-5:], figures.owner, figures.requested_bytes, figures.used_bytes) == (
        "GPU:0",
        "y",
        4096,
        10240,
    )
    assert dict(result.outputs) == {}


def test_engines_that_run_out_of_memory_agree_on_where(starved):
    result = run(starved)

    assert result.agreement is not None
    assert result.agreement.difference == ""
    assert result.predicted.memory[1] != []


def test_a_simulation_that_runs_out_of_memory_elsewhere_differs_from_the_execution(scenario, starved):
    result = run(replace(scenario, simulation=replace(scenario.simulation, machine=starved.machine)))

    assert result.executed is not None
    assert (result.executed_shortage, result.shortage_engine) == (None, "simulate")
    assert result.shortage.shortage.owner == "y"
    assert "memory event" in result.agreement.difference
    assert not result.is_success


@pytest.mark.parametrize("engine", ["both", "execute", "simulate"])
def test_a_shortage_is_that_of_the_engines_that_ran(starved, engine):
    assert run(starved, engine=engine).shortage_engine == engine


def test_what_differs_is_told_also_if_only_the_refusals_differ(scenario, starved):
    larger = scenario_from_text(TEXT.replace("[32, 64]", "[32, 2048]")).model
    smaller = Machine({"gpus": "1 x 24KiB", "split": {"GPU:0": ["10KiB", "14KiB"]}})
    at_once = replace(starved, model=larger, simulation=replace(starved.simulation, machine=smaller))

    result = run(at_once)

    assert result.agreement.difference.startswith("simulate ran out of memory for w on ")


def test_progress_is_told_for_both_engines(scenario):
    told = []

    run(scenario, on_progress=lambda stage, done, total: told.append((stage, done, total)))

    steps = [(stage, done) for stage, done, _ in told]
    total = told[-1][2]
    assert steps == [(stage, done) for stage in ("simulate", "execute") for done in range(1, total + 1)]


def test_feeds_depend_on_the_seed_alone(scenario):
    graph = read_graph(scenario)
    one, again, other = make_feeds(graph, 3), make_feeds(graph, 3), make_feeds(graph, 4)

    assert {name: (array.shape, str(array.dtype)) for name, array in one.items()} == {
        "x": ((16, 32), "float32"),
        "n": ((4,), "int64"),
    }
    np.testing.assert_array_equal(one["x"], again["x"])
    assert (one["x"] != other["x"]).any()


def test_an_input_that_its_device_cannot_hold_costs_no_memory():
    text = TEXT.replace("[16, 32]", "[1000000000, 32]").replace("x, w]", "x, w], device: /cpu:0")

    result = run(scenario_from_text(text))

    assert (result.shortage.shortage.owner, result.shortage.shortage.requested_bytes) == ("x", 128 * 10**9)


def test_an_input_that_this_computer_cannot_hold_is_refused(scenario):
    text = TEXT.replace("[16, 32]", "[1000000000000, 320]").replace("[32, 64]", "[320, 64]")
    text = text.replace("64KiB", "4000TiB").replace("32KiB", "2000TiB")

    with pytest.raises(
        ExecutionError,
        match=exactly(
            "an input of float32[1000000000000,320] cannot be made on this machine (Unable to allocate 1.14 PiB for an "
            "array with shape (1000000000000, 320) and data type float32); lower the batch, or use storage: shape"
        ),
    ):
        make_feeds(read_graph(scenario_from_text(text)), 3)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_a_seed_that_is_none_is_refused(scenario, seed):
    with pytest.raises(InvalidValue) as caught:
        make_feeds(read_graph(scenario), seed)

    assert str(caught.value) == f"seed is {seed!r}; it must be an int of 0 or more"


def leave_memory(monkeypatch, size_bytes: int) -> None:
    monkeypatch.setattr("simgpu.session.running.available_host_bytes", lambda: size_bytes)


@pytest.mark.parametrize("engine", ["both", "execute"])
def test_what_this_computer_has_too_little_memory_for_is_not_executed(scenario, monkeypatch, engine):
    leave_memory(monkeypatch, 4096)

    with pytest.raises(ExecutionError) as caught:
        run(scenario, engine=engine)

    assert str(caught.value) == (
        "an execution needs about 29.1 KiB of this computer's memory, and 4 KiB of it are available; use storage: "
        "shape, which holds no bytes, or lower the batch"
    )


def test_a_predicted_shortage_is_the_result_where_the_computer_has_too_little_memory(starved, monkeypatch):
    leave_memory(monkeypatch, 4096)

    result = run(starved)

    assert (result.executed, result.agreement, result.shortage_engine) == (None, None, "simulate")
    assert result.shortage.shortage.owner == "y"
    assert result.not_executed == (
        "an execution needs about 13 KiB of this computer's memory, and 4 KiB of it are available"
    )


def test_an_execution_alone_that_surely_fits_is_not_simulated_first(scenario, monkeypatch):
    monkeypatch.setattr("simgpu.session.running.simulate", None)

    assert run(scenario, engine="execute").is_success
    leave_memory(monkeypatch, 4096)
    with pytest.raises(TypeError):
        run(scenario, engine="execute")


@pytest.mark.parametrize("engine", ["both", "execute"])
def test_what_just_fits_is_executed(scenario, monkeypatch, engine):
    peaks, feeds, results = 23 * 1024, 2048 + 32, 4096 + 32
    leave_memory(monkeypatch, peaks + feeds + results)

    assert run(scenario, engine=engine).is_success
    leave_memory(monkeypatch, peaks + feeds + results - 1)
    with pytest.raises(ExecutionError):
        run(scenario, engine=engine)


@pytest.mark.parametrize(("engine", "storage"), [("simulate", "numpy"), ("both", "shape"), ("execute", "shape")])
def test_what_holds_no_bytes_needs_no_memory(scenario, monkeypatch, engine, storage):
    leave_memory(monkeypatch, 0)

    assert run(replace(scenario, execution=replace(scenario.execution, storage=storage)), engine=engine).is_success


def test_a_computer_that_does_not_say_how_much_memory_it_has_is_trusted(scenario, monkeypatch):
    monkeypatch.setattr("simgpu.session.running.available_host_bytes", lambda: None)

    assert run(scenario).is_success


def test_hard_placement_refuses_what_soft_placement_moves(scenario):
    elsewhere = scenario_from_text(TEXT.replace("/gpu:1", "/gpu:5"))

    assert run(elsewhere, engine="simulate").placement.why("z") == "soft: GPU:5 does not exist"
    with pytest.raises(PlacementError):
        run(replace(elsewhere, placement=replace(elsewhere.placement, soft=False)))


def test_an_unknown_engine_is_refused(scenario):
    with pytest.raises(InvalidValue) as caught:
        run(scenario, engine="guess")  # type: ignore[arg-type]

    assert str(caught.value) == "engine='guess' is not an engine; choose one of both, execute, simulate"
