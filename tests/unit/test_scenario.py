from __future__ import annotations

from pathlib import Path

import pytest

from simgpu.errors import ScenarioError
from simgpu.machine import Machine
from simgpu.scenario import (
    ExecutionOptions,
    OnnxModel,
    PartitioningModel,
    PipedreamModel,
    PlacementOptions,
    Scenario,
    Simulation,
    load_scenario,
    scenario_from_text,
)
from simgpu.simulation import SimulationOptions

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"

TEXT = """\
name: demo
description: of everything
machine:
  gpus: 1 x 4GiB
  split: {"GPU:0": [2GiB, 2GiB]}
model: {onnx: light_resnet50, batch: 8, weights: random, shapes: {data: [8, 3]}}
placement:
  policy: tensorflow
  kernels: all
  soft: false
  rules:
    - {match: "stage4/*", device: "/gpu:1"}
simulation: {links: fifo, costs: roofline, machine: 2 x t4}
execution: {storage: shape}
seed: 7
"""


def refusal(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        scenario_from_text(text, "f.yaml")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def test_every_key_reaches_the_scenario():
    assert scenario_from_text(TEXT) == Scenario(
        machine=Machine({"gpus": "1 x 4GiB", "split": {"GPU:0": ["2GiB", "2GiB"]}}),
        model=OnnxModel("light_resnet50", batch=8, weights="random", shapes={"data": (8, 3)}),
        name="demo",
        description="of everything",
        placement=PlacementOptions("tensorflow", "all", False, (("stage4/*", "/gpu:1"),)),
        simulation=Simulation(SimulationOptions(links="fifo"), machine=Machine("2 x t4")),
        execution=ExecutionOptions("shape"),
        seed=7,
    )


def test_only_machine_and_model_are_needed():
    assert scenario_from_text("machine: cpu\nmodel: {onnx: resnet50}") == Scenario(
        Machine("cpu"), OnnxModel("resnet50")
    )


def test_a_model_file_is_found_beside_its_scenario(tmp_path):
    (tmp_path / "net.onnx").touch()
    (tmp_path / "s.yaml").write_text("machine: cpu\nmodel: {onnx: net.onnx}")

    assert load_scenario(tmp_path / "s.yaml").model == OnnxModel(str(tmp_path / "net.onnx"))


def test_a_profile_is_a_model_with_the_keys_of_its_pipeline(tmp_path):
    (tmp_path / "net.txt").touch()
    model = "{pipedream: net.txt, stages: 4, microbatches: 8, schedule: gpipe}"
    whole, short = (
        scenario_from_text(f"machine: 4 x t4\nmodel: {it}", folder=tmp_path) for it in (model, "{pipedream: net.txt}")
    )

    assert whole.model == PipedreamModel(str(tmp_path / "net.txt"), 4, 8, "gpipe")
    assert short.model == PipedreamModel(str(tmp_path / "net.txt"), None, None, "1f1b")


def test_a_workload_brings_its_machine_unless_one_is_named():
    model = "model: {partitioning: inputs/diamond.json, split: inputs/diamond-split.json}"
    described = scenario_from_text(model, folder=SCENARIOS)
    named = scenario_from_text(f"machine: 2 x t4\n{model}", folder=SCENARIOS)

    assert described.model == named.model
    assert described.model == PartitioningModel(
        str(SCENARIOS / "inputs/diamond.json"), str(SCENARIOS / "inputs/diamond-split.json")
    )
    assert [device.memory_limit_bytes for device in described.machine.devices[1:]] == [2**25, 2**25]
    assert named.machine == Machine("2 x t4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("machine: cpu\nmodel: {batch: 3}", "2:8: model: one of the keys onnx, pipedream, partitioning is missing"),
        ("machine: cpu\nmodel: {onnx: x, pipedream: y}", "2:18: model.pipedream: 'pipedream' does not go with 'onnx'"),
        ("machine: cpu\nmodel: {onnx: x, stages: 2}", "2:18: model.stages: 'stages' does not go with 'onnx'"),
        ("machine: cpu\nmodel: {weights: given, pipedream: README.md}",
         "2:9: model.weights: 'weights' does not go with 'pipedream'"),
        ("machine: cpu\nmodel: {pipedream: README.md, split: x}",
         "2:31: model.split: 'split' does not go with 'pipedream'"),
        ("machine: cpu\nmodel: {pipedream: no.txt}",
         "2:20: model.pipedream: there is no file 'no.txt'; paths are relative to the scenario"),
        ("model: {partitioning: README.md, split: no.json}",
         "1:41: model.split: there is no file 'no.json'; paths are relative to the scenario"),
        ("model: {partitioning: README.md}",
         "1:23: model.partitioning: README.md:1:1: not JSON: '{' is expected here, not '#'"),
        ("model: {pipedream: README.md}", "1:1: the key 'machine' is missing"),
        ("machine: cpu\nmodel: {pipedream: README.md, schedule: 2f2b}",
         "2:41: model.schedule: '2f2b' is not one of forward, gpipe, 1f1b; did you mean '1f1b'?"),
        ("machine: cpu\nmodel: {pipedream: README.md, stages: 0}", "2:39: model.stages: must be 1 or more, not 0"),
    ],
)  # fmt: skip
def test_a_model_has_one_kind_and_the_keys_of_that_kind(text, message, monkeypatch):
    monkeypatch.chdir(SCENARIOS.parent)

    assert refusal(text) == f"f.yaml:{message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("placement:", "placment:", "7:1: placment: unknown key 'placment'; did you mean 'placement' or 'name'?"),
        ("policy:", "polcy:", "8:3: placement.polcy: unknown key 'polcy'; did you mean 'policy'?"),
        ("device:", "devise:", "12:7: placement.rules[0]: the key 'device' is missing; also at 12:27: "
         "placement.rules[0].devise: unknown key 'devise'; did you mean 'device'?"),
        ("  gpus:", "  gpu:", "4:3: machine.gpu: unknown key 'gpu'; did you mean 'gpus'?"),
        ("soft: false", "soft: 1", "10:9: placement.soft: must be true or false, not 1"),
        ("batch: 8", "batch: 8.0", "6:38: model.batch: must be a whole number, not 8.0"),
        ("batch: 8", "batch: 0", "6:38: model.batch: must be 1 or more, not 0"),
        ("batch: 8", "batch: 1048577", "6:38: model.batch: must be 1048576 or less, not 1048577"),
        ("seed: 7", "seed: -7", "15:7: seed: must be 0 or more, not -7"),
        ("seed: 7", "seed: 1:30", "15:7: '1:30' is a number in base 60 to some readers; quote it"),
        ("seed: 7", "seed:", "15:6: seed: must be a whole number, not nothing"),
        ("name: demo", "name: 3", "1:7: name: must be text (put quotes around it), not 3"),
        ("weights: random", "weights: ranom",
         "6:50: model.weights: 'ranom' is not one of given, random; did you mean 'random'?"),
        ("links: fifo", "links: fofi", "13:21: simulation.links: 'fofi' is not one of fair, fifo; did you mean 'fifo' "
         "or 'fair'?"),
        ("storage: shape", "storage: shapes",
         "14:22: execution.storage: 'shapes' is not one of numpy, cupy, shape; did you mean 'shape'?"),
        ("policy: tensorflow", "policy: tenserflow",
         "8:11: placement.policy: 'tenserflow' is not one of tensorflow; did you mean 'tensorflow'?"),
        ("onnx: light_resnet50", "onnx: no/such.onnx",
         "6:15: model.onnx: there is no file 'no/such.onnx'; paths are relative to the scenario"),
        ("onnx: light_resnet50", "onnx: ''", "6:15: model.onnx: must not be empty"),
        ("gpus: 1 x 4GiB", "gpus: 0 x 4GiB", "4:9: machine.gpus: a count is between 1 and 4096, not 0; "
         "write 'cpu' for a machine without GPU"),
        ("[2GiB, 2GiB]", "[2GiB, 2.5GiB]", '5:20: machine.split["GPU:0"]: host0/GPU:0 (generic-4GiB) has 4 GiB of '
         "memory, but its 2 parts ask for 4.5 GiB (2 GiB + 2.5 GiB); lower the limits, or take a larger device"),
        ("machine: 2 x t4", "machine: 3 x t4", "13:53: simulation.machine: <Machine: 1 host, 3 x t4; 4 devices: CPU:0, "
         "GPU:0, GPU:1, GPU:2> has other devices than <Machine: 1 host, 1 x generic-4GiB; 3 devices: CPU:0, GPU:0, "
         "GPU:1>; give it the same device names in that order"),
        ("machine:\n  gpus: 1 x 4GiB\n  split", "split",
         "1:1: the key 'machine' is missing; also at 3:1: split: unknown key 'split'; known are machine, name, "
         "description, model, graph, placement, simulation, execution, seed"),
    ],
)  # fmt: skip
def test_a_refusal_says_line_column_and_the_nearest_valid_key(old, new, message):
    assert refusal(changed(old, new)) == f"f.yaml:{message}"


@pytest.mark.parametrize("size", ["-4GiB", "1e30GiB", "4 Gb", "NaN GiB", "0GiB", "4"])
def test_a_negative_or_absurd_size_is_refused_where_it_stands(size):
    assert refusal(changed("1 x 4GiB", f"1 x {size}")).startswith("f.yaml:4:9: machine.gpus: ")
    assert refusal(changed("[2GiB, 2GiB]", f"['{size}', 2GiB]")).startswith("f.yaml:5:21: machine.split")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: a scenario is a mapping with the keys machine, name, description, model, graph, placement, "
         "simulation, execution, seed, not nothing"),
        ("[machine]", "1:1: a scenario is a mapping with the keys machine, name, description, model, graph, placement, "
         "simulation, execution, seed, not a list"),
        ("machine: cpu", "1:1: the key 'model' or 'graph' is missing"),
        ("machine: cpu\nmodel: {onnx: x}\ngraph: {operations: [{name: x, op: Input, shape: []}]}",
         "3:1: graph: 'model' already says what the work is; give one of them"),
        ("machine: cpu\nmodel: x", "2:8: model: must be a mapping, not 'x'"),
        ("machine: cpu\nmodel: {onnx: x}\nplacement: {rules: {match: x}}",
         "3:20: placement.rules: must be a list, not a mapping"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_refused(text, message):
    assert refusal(text) == f"f.yaml:{message}"


def test_several_problems_are_told_together_and_the_rest_are_counted():
    text = "machine: cpu\nmodel: {onnx: 1, batch: x, weights: 2}\nsed: 3\nexecution: 4"

    assert refusal(text) == (
        "f.yaml:2:15: model.onnx: must be text (put quotes around it), not 1; also at "
        "2:25: model.batch: must be a whole number, not 'x'; also at "
        "2:37: model.weights: 2 is not one of given, random; known are given, random; and 2 more"
    )


def test_a_device_that_is_no_name_is_refused_where_it_stands():
    assert refusal(changed('"/gpu:1"', "gpu1")).startswith(
        "f.yaml:12:35: placement.rules[0].device: device name 'gpu1': the part 'gpu1' is not known (did you mean "
        "'gpu:1'?)"
    )


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path, reason in ((tmp_path / "no.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ScenarioError) as caught:
            load_scenario(path)

        assert str(caught.value) == f"{path}: the scenario cannot be read: {reason}"


def test_a_file_of_two_mebibytes_is_refused(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"#" * 2 * 2**20)

    with pytest.raises(ScenarioError, match="a scenario has at most 1048576 bytes; this file has more"):
        load_scenario(path)
