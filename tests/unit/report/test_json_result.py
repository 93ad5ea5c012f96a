from __future__ import annotations

import json
from dataclasses import replace

from simgpu.report import placement_json, result_json
from simgpu.trace import CardUse
from tests.unit.report.runs import elsewhere_run, small_run, starved_run

GPU = "/job:localhost/replica:0/task:0/device:GPU:"


def keys(value: object) -> object:
    """Return the shape of JSON data: the keys, with the type of each leaf."""
    match value:
        case dict():
            return {key: keys(item) for key, item in value.items()}
        case list():
            return [keys(value[0])] if value else []
    return type(value).__name__


def test_the_keys_and_types_of_a_run_are_these():
    device = {
        "device": "str",
        "kind": "str",
        "model": "str",
        "limit_bytes": "int",
        "peak_bytes": "int",
        "operations": "int",
        "memory_events": "int",
        "ledger_sha256": "str",
        "busy_ps": "int",
        "utilization": "float",
    }
    predicted = (
        "makespan_ps",
        "compute_ps",
        "transfer_ps",
        "launch_ps",
        "waiting_ps",
        "transfers",
        "transferred_bytes",
    )

    use = dict.fromkeys(("transfers", "size_bytes", "busy_ps", "waiting_ps"), "int")
    queue = {"mean_queue": "float", "longest_queue": "int"}
    metrics = {
        "critical_path": {
            **dict.fromkeys(("compute_ps", "transfer_ps", "launch_ps", "waiting_ps", "release_ps"), "int"),
            "steps": [
                {
                    **dict.fromkeys(("kind", "name", "resource", "after"), "str"),
                    **dict.fromkeys(("start_ps", "end_ps"), "int"),
                }
            ],
        },
        "bubble": {"devices": ["str"], "pipeline": "float", "inner": "float"},
        "devices": [
            {
                "device": "str",
                **dict.fromkeys(("busy_ps", "idle_ps", "waiting_ps", "launch_ps", "launch_waiting_ps"), "int"),
                **queue,
            }
        ],
        "ways": [{"way": "str", **use, **queue}],
        "links": [{"link": "str", **use, "bandwidth_bytes_per_s": "int", "utilization": "float"}],
        "slack": [{**dict.fromkeys(("kind", "name", "resource"), "str"), "slack_ps": "int"}],
    }

    assert keys(result_json(small_run(), decisions=True, metrics=True)) == {
        "format": "int",
        "scenario": {"name": "str", "seed": "int"},
        "machine": "str",
        "environment": "NoneType",
        "placement": {
            "policy": "str",
            "kernels": "str",
            "soft": "bool",
            "operations": "int",
            "counts": [{"device": "str", "reason": "str", "operations": "int"}],
            "decisions": [{"operation": "str", "type": "str", "device": "str", "reason": "str"}],
        },
        "simulated_machine": "str",
        "devices": [device],
        "predicted": dict.fromkeys(predicted, "int"),
        "metrics": metrics,
        "executed": {
            "transfers": "int",
            "transferred_bytes": "int",
            "wall_clock": {"makespan_ps": "int"},
            "card_use": "NoneType",
        },
        "agreement": {
            "agree": "bool",
            "operations_compared": "int",
            "memory_events_compared": "int",
            "difference": "str",
        },
        "out_of_memory": "NoneType",
        "not_executed": "NoneType",
        "outputs": [{"name": "str", "shape": ["int"], "dtype": "str"}],
    }


def test_all_but_wall_clock_times_is_the_same_in_every_run():
    one, other = result_json(small_run()), result_json(small_run())
    for data in (one, other):
        del data["executed"]["wall_clock"]

    assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)


def test_what_of_a_card_was_used_is_in_the_data():
    result, use = small_run(), CardUse(80, 70, 3, 2, 5, 0, 4)
    data = result_json(replace(result, executed=replace(result.executed, card_use=use)))

    assert data["executed"]["card_use"] == {
        "total_bytes": 80,
        "free_bytes": 70,
        "regions_bytes": 3,
        "scratch_bytes": 2,
        "outside_bytes": 5,
        "held_bytes": 0,
        "before_bytes": 4,
    }


def test_an_execution_alone_says_nothing_of_modelled_time():
    data = result_json(small_run("execute"))

    assert (data["predicted"], data["metrics"], data["agreement"]) == (None, None, None)
    assert [key for device in data["devices"] for key in device if key in ("busy_ps", "utilization")] == []


def test_metrics_are_there_and_their_details_where_they_are_asked_for():
    short, long = (
        result_json(small_run("simulate"))["metrics"],
        result_json(small_run("simulate"), metrics=True)["metrics"],
    )
    steps, slack = long["critical_path"].pop("steps"), long.pop("slack")

    assert short == long
    assert [(step["kind"], step["name"], step["after"]) for step in steps] == [
        ("transfer", "x", "nothing"),
        ("launch", "y", "dependency"),
        ("compute", "y", "dependency"),
        ("transfer", "y", "dependency"),
        ("launch", "z", "dependency"),
        ("compute", "z", "dependency"),
        ("transfer", "z", "dependency"),
    ]
    assert [span["slack_ps"] for span in slack] == [0] * 7
    assert sum(short["critical_path"].values()) == result_json(small_run("simulate"))["predicted"]["makespan_ps"]


def test_metrics_of_a_run_that_ran_out_of_memory_are_those_of_what_happened():
    data = result_json(starved_run())

    assert sum(data["metrics"]["critical_path"].values()) == data["predicted"]["makespan_ps"]


def test_metrics_are_those_of_the_machine_that_is_simulated():
    links = result_json(elsewhere_run("16KiB", "16KiB"))["metrics"]["links"]

    assert [link["link"] for link in links] == [
        "host0/GPU:0 pcie3-x16 out",
        "host0/GPU:0 pcie3-x16 in",
        "host0/GPU:0 memory",
    ]


def test_figures_of_a_refused_allocation_are_those_of_the_error():
    data = result_json(starved_run())

    assert data["out_of_memory"] == {
        "engine": "both",
        "message": str(starved_run().shortage),
        "device": f"{GPU}0",
        "operation": "y",
        "requested_bytes": 4096,
        "needed_bytes": 4096,
        "used_bytes": 10240,
        "limit_bytes": 12288,
        "largest_hole_bytes": 2048,
        "largest_live": [{"tensor": "w", "size_bytes": 8192}, {"tensor": "x", "size_bytes": 2048}],
    }
    assert data["agreement"]["agree"] is True
    assert data["outputs"] == []


def test_devices_are_those_of_the_machine_that_is_simulated():
    data = result_json(elsewhere_run("4KiB", "8KiB"))

    assert data["machine"] == "1 host, 1 x generic-64KiB; 3 devices: CPU:0, GPU:0, GPU:1"
    assert data["simulated_machine"] == "1 host, 1 x t4; 3 devices: CPU:0, GPU:0, GPU:1"
    assert [(device["model"], device["limit_bytes"]) for device in data["devices"][1:]] == [("t4", 4096), ("t4", 8192)]


def test_memory_that_runs_out_in_the_simulation_only_is_in_the_data():
    data = result_json(elsewhere_run("4KiB", "8KiB"))

    assert (data["out_of_memory"]["engine"], data["out_of_memory"]["limit_bytes"]) == ("simulate", 4096)
    assert [output["name"] for output in data["outputs"]] == ["z"]


def test_what_the_environment_changed_and_what_was_not_executed_is_in_the_data():
    result = small_run("simulate")
    changed = replace(result.scenario, environment="CUDA_VISIBLE_DEVICES=0 leaves 1 of 8 GPUs")
    data = result_json(replace(result, scenario=changed, not_executed="too large"))

    assert (data["environment"], data["not_executed"]) == ("CUDA_VISIBLE_DEVICES=0 leaves 1 of 8 GPUs", "too large")


def test_a_placement_counts_operations_by_device_and_reason():
    result = small_run("simulate")

    assert placement_json(result.scenario, result.placement)["placement"] == {
        "policy": "tensorflow",
        "kernels": "float-only",
        "soft": True,
        "operations": 4,
        "counts": [
            {"device": f"{GPU}0", "reason": "default", "operations": 3},
            {"device": f"{GPU}1", "reason": "requested", "operations": 1},
        ],
    }
