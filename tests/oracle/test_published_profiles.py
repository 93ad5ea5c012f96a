"""Published profiles and workloads: all of them are read and simulated, and give the figures that are known of them."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction

import pytest

from simgpu.errors import OutOfDeviceMemory
from simgpu.placement import place
from simgpu.readers import balanced_stages, pipeline, read_partitioning, read_pipedream, read_profile
from simgpu.simulation import simulate
from simgpu.units import PS_PER_MS
from tests.unit.readers.profiles import predicted, without_bytes

# layers and edges of the file; milliseconds forward without the time of loading data, that time, backward; parameters
PROFILES = {
    "alexnet": (23, 23, "44.801", "635.902", "40.520", 244403360),
    "densenet121": (429, 487, "177.404", "9.085", "148.751", 31915424),
    "gnmt": (48, 58, "33.533", "0", "55.883", 775063808),
    "gnmt_large": (96, 122, "182.563", "0", "337.890", 1110870272),
    "inception_v3": (326, 362, "289.269", "21.700", "399.769", 108645056),
    "nasnetamobile": (921, 1078, "322.921", "15.560", "261.363", 34343816),
    "resnet101": (347, 380, "197.306", "10.417", "213.786", 178196640),
    "resnet18": (71, 79, "107.446", "473.625", "152.296", 46758048),
    "resnet50": (177, 193, "182.488", "18.962", "260.931", 102228128),
    "resnext50": (177, 193, "221.803", "17.158", "368.990", 100115616),
    "squeezenet1_0": (68, 76, "113.247", "474.637", "172.119", 4993696),
    "vgg16": (41, 41, "233.902", "17.972", "438.633", 553430176),
}
WORKLOADS = 24


def ps(milliseconds: str) -> Fraction:
    return Fraction(milliseconds) * PS_PER_MS


def test_every_profile_is_known(data_dir):
    assert sorted(path.name for path in data_dir.glob("pipedream/*.graph.txt")) == [
        f"{name}.graph.txt" for name in sorted(PROFILES)
    ]


def test_resnet50_has_the_published_figures(data_dir):
    profile = read_profile(data_dir / "pipedream" / "resnet50.graph.txt", inputs=True)

    assert (len(profile), profile.edges) == (177, 193)
    assert round(profile.forward_ps / PS_PER_MS, 2) == 201.45  # with the 18.96 ms of loading data
    assert round(profile.backward_ps / PS_PER_MS, 1) == 260.9
    assert round(profile.parameter_bytes / 10**6, 1) == 102.2


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_read_exactly_and_its_training_takes_the_sum_of_its_times(data_dir, name):
    layers, edges, forward, loading, backward, parameter_bytes = PROFILES[name]
    path = data_dir / "pipedream" / f"{name}.graph.txt"
    whole, profile = read_profile(path, inputs=True), read_profile(path)

    assert (len(whole), whole.edges) == (layers, edges)
    assert (whole.forward_ps - profile.forward_ps, profile.forward_ps) == (ps(loading), ps(forward))
    assert (profile.backward_ps, profile.parameter_bytes) == (ps(backward), parameter_bytes)
    assert predicted(read_pipedream(path), 1).makespan_ps == ps(forward) + ps(backward)


@pytest.mark.parametrize("name", PROFILES)
def test_a_pipeline_of_a_profile_takes_at_least_the_time_without_links_and_at_most_that_and_all_transfers(
    data_dir, name
):
    profile = read_profile(data_dir / "pipedream" / f"{name}.graph.txt")
    free = predicted(pipeline(without_bytes(profile), stages=4, microbatches=2), 4)
    trace = predicted(pipeline(profile, stages=4, microbatches=2), 4)
    moving_ps = sum(span.end_ps - span.start_ps for span in trace.spans if span.kind == "transfer")

    assert free.makespan_ps <= trace.makespan_ps <= free.makespan_ps + moving_ps


@pytest.mark.parametrize("stages", [1, 2, 4, 8])
@pytest.mark.parametrize("microbatches", [1, 4])
def test_a_forward_pipeline_of_resnet50_over_free_links_takes_the_time_of_the_closed_form(
    data_dir, stages, microbatches
):
    profile = read_profile(data_dir / "pipedream" / "resnet50.graph.txt")
    times = [layer.forward_ps for layer in profile]
    sums = [sum(times[part.start : part.stop]) for part in balanced_stages(times, stages)]
    graph = pipeline(without_bytes(profile), stages=stages, microbatches=microbatches, schedule="forward")

    assert predicted(graph, stages).makespan_ps == sum(sums) + (microbatches - 1) * max(sums)


def workloads(data_dir):
    return sorted((data_dir / "dnn-partitioning").glob("*-inputs/*/*.json"))


def test_every_workload_runs_on_its_machine_for_as_long_as_its_nodes_take(data_dir):
    """On one accelerator, if they fit: one node after the other, and nothing is moved."""
    outcomes = Counter()
    for path in workloads(data_dir):
        given, problem = json.loads(path.read_text()), read_partitioning(path)
        placement = place(problem.graph, problem.machine)

        assert len(problem.machine.devices) == 1 + given["maxFPGAs"]
        assert {device.memory_limit_bytes for device in problem.machine.devices[1:]} == {given["maxSizePerFPGA"]}
        assert sum(operation.type == "Profiled" for operation in problem.graph) == len(given["nodes"])
        try:
            trace = simulate(placement, links="fifo")
        except OutOfDeviceMemory:
            outcomes["out of memory"] += 1
            continue
        outcomes["done"] += 1
        expected = sum(round(Fraction(str(node["fpgaLatency"])) * PS_PER_MS) for node in given["nodes"])
        assert trace.makespan_ps == expected

    assert outcomes == {"done": WORKLOADS - 4, "out of memory": 4}  # four of the latency inputs, capped at 600 MiB


def test_costs_are_kept_to_within_a_byte_and_colors_share_devices(data_dir):
    for path in workloads(data_dir):
        given, problem = json.loads(path.read_text()), read_partitioning(path)
        names = {node["id"]: node["name"] for node in given["nodes"]}
        rate = problem.machine.links[0].bandwidth_bytes_per_s
        placement = place(problem.graph, problem.machine)
        colors: dict[int, set[str]] = {}
        for edge in given["edges"]:
            (spec,) = problem.graph.operation(names[edge["sourceId"]]).output_specs
            assert abs(spec.nbytes - edge["cost"] * rate / 1000) <= 1
        for node in given["nodes"]:
            if "colorClass" in node:
                colors.setdefault(node["colorClass"], set()).add(placement.device_of(node["name"]))

        assert rate in (2**31, 1000 * 2**31)
        assert all(len(devices) == 1 for devices in colors.values())


def test_expert_splits_give_each_accelerator_the_time_of_its_nodes(data_dir):
    folder = data_dir / "dnn-partitioning"
    splits = sorted((folder / "human-experts").glob("*_expert.json"))
    for split in splits:
        path = folder / "throughput-inputs" / "LayerGraphs" / split.name.replace("_expert", "")
        times = {node["id"]: Fraction(str(node["fpgaLatency"])) for node in json.loads(path.read_text())["nodes"]}
        problem = read_partitioning(path, split=split)
        trace = simulate(place(problem.graph, problem.machine, soft=False), links="fifo")
        loads = [trace.busy_ps(device.name) for device in problem.machine.devices[1:]]

        assert loads == [
            sum(times[number] for number in part["nodes"]) * PS_PER_MS
            for part in json.loads(split.read_text())["fpgas"]
        ]
    assert len(splits) == 6


@pytest.mark.parametrize("name", ["resnet50", "inceptionv3"])
def test_the_split_of_an_inference_serves_the_training(data_dir, name):
    folder = data_dir / "dnn-partitioning"
    problem = read_partitioning(
        folder / "throughput-inputs" / "LayerGraphs" / f"{name}_training.json",
        split=folder / "human-experts" / f"{name}_inference_expert.json",
    )
    placement = place(problem.graph, problem.machine, soft=False)

    assert len(set(placement.devices)) == 6
    assert simulate(placement).makespan_ps > 0
