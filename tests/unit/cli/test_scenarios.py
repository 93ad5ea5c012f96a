"""Every scenario that comes with simgpu runs on both engines and shows what its comment promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from simgpu.scenario import load_scenario
from simgpu.session import RunResult, run
from simgpu.trace import time_breakdown

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"


def result_of(name: str) -> RunResult:
    return run(load_scenario(SCENARIOS / f"{name}.yaml"))


def used_devices(result: RunResult) -> list[str]:
    placement = result.placement
    return sorted({placement.machine.devices[device].name for device in placement.devices})


def reasons(result: RunResult) -> set[str]:
    return set(result.placement.reasons)


def test_resnet_runs_on_two_slices():
    result = result_of("resnet50-two-slices")

    assert result.is_success
    assert [name[-5:] for name in used_devices(result)] == ["GPU:0", "GPU:1"]
    assert result.outputs["gpu_0/softmax_1"].shape == (8, 1000)
    assert abs(result.outputs["gpu_0/softmax_1"].sum(axis=1) - 1).max() < 1e-4


def test_densenet_runs_on_eight_cards():
    result = result_of("densenet-8-h100")

    assert result.is_success
    assert [name[-5:] for name in used_devices(result)] == [f"GPU:{number}" for number in range(8)]


def test_vgg_runs_out_of_memory_on_one_slice_and_both_engines_say_where():
    result = result_of("vgg19-out-of-memory")

    assert result.shortage is not None
    assert (result.shortage.shortage.owner, result.shortage.shortage.requested_bytes) == ("n1", 2 * 64 * 224 * 224 * 4)
    assert result.agreement


def test_vgg_split_over_two_slices_fits():
    assert result_of("vgg19-split-fits").is_success


def test_requests_for_a_gpu_fall_back_to_the_cpu():
    result = result_of("cpu-only-soft")

    assert result.is_success
    assert reasons(result) == {"soft: GPU:0 does not exist"}


def test_two_hosts_share_the_work():
    result = result_of("two-hosts")

    assert result.is_success
    assert used_devices(result) == [
        "/job:worker/replica:0/task:0/device:GPU:0",
        "/job:worker/replica:0/task:1/device:CPU:0",
        "/job:worker/replica:0/task:1/device:GPU:0",
    ]
    assert any(span.resource.count("task:") == 2 for span in result.predicted.spans if span.kind == "transfer")


def test_a_pipeline_keeps_to_its_schedule_and_takes_the_time_of_the_closed_form():
    result = result_of("pipeline-1f1b")
    ms = 10**9

    assert result.is_success
    assert [name[-5:] for name in used_devices(result)] == [f"GPU:{number}" for number in range(4)]
    assert time_breakdown(result.predicted).compute_ps == (8 + 4 - 1) * (1 + 2) * 2 * ms
    assert result.predicted.makespan_ps < 67 * ms


def test_a_workload_brings_its_machine_and_its_split():
    result = result_of("partitioning-split")
    costs_ms = 1.0 + 0.9765625 + 4.0 + 2 * 1.953125 + 1.0

    assert result.is_success
    assert [result.placement.device_of(name)[-5:] for name in ("load", "left", "right", "join")] == [
        "CPU:0",
        "GPU:0",
        "GPU:1",
        "GPU:1",
    ]
    assert result.predicted.makespan_ps == costs_ms * 10**9


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_has_a_name_a_seed_and_a_comment(path):
    scenario = load_scenario(path)

    assert scenario.name
    assert scenario.seed == 7
    assert path.read_text().startswith("# ")
    assert path.stem in Path(__file__).read_text()
