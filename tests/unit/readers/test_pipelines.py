"""Pipelines: how layers are cut into stages, and that any engine keeps to the schedule."""

from __future__ import annotations

import re

import pytest

from simgpu.errors import InvalidValue
from simgpu.execution import execute
from simgpu.placement import place
from simgpu.readers import balanced_stages, pipeline
from simgpu.trace import compare
from tests.unit.readers.profiles import MS, chain, predicted

UNEVEN = [(3, 5), (1, 2), (4, 4), (2, 6), (5, 1)]


@pytest.mark.parametrize(
    ("times", "stages", "ends"),
    [
        ([1, 1, 1, 1], 2, [2, 4]),
        ([3, 1, 4, 2, 5], 2, [3, 5]),
        ([3, 1, 4, 2, 5], 3, [2, 4, 5]),
        ([1, 1, 1, 9], 2, [3, 4]),
        ([9, 1, 1, 1], 2, [1, 4]),
        ([1, 1, 1, 9], 4, [1, 2, 3, 4]),
        ([9, 1, 1, 1], 3, [1, 3, 4]),
        ([0, 0, 5, 0, 0], 3, [3, 4, 5]),
        ([0, 0], 2, [1, 2]),
        ([7], 1, [1]),
    ],
)
def test_stages_are_balanced_and_the_first_ones_take_the_most(times, stages, ends):
    cut = balanced_stages(times, stages)

    assert [part.stop for part in cut] == ends
    assert [part.start for part in cut] == [0, *ends[:-1]]


@pytest.mark.parametrize("stages", [0, 3, True, 1.0])
def test_more_stages_than_layers_are_refused(stages):
    with pytest.raises(InvalidValue, match=rf"^stages is {stages}; it must be an int from 1 to 2, the number of layer"):
        balanced_stages([1, 1], stages)


def test_other_microbatches_and_schedules_are_refused():
    with pytest.raises(InvalidValue, match=r"^microbatches is 0; it must be an int from 1 to 65536"):
        pipeline(chain(UNEVEN), stages=2, microbatches=0)
    with pytest.raises(
        InvalidValue, match=r"^schedule is '1f2b'; it can be forward, gpipe, 1f1b; did you mean '1f1b'\?"
    ):
        pipeline(chain(UNEVEN), stages=2, schedule="1f2b")


def turns(graph, trace):
    """Return for each GPU the passes in the order of their starts, each once: F0, F1, B0 ..."""
    starts = {}
    for span in sorted(trace.spans, key=lambda span: span.start_ps):
        match = re.fullmatch(r"mb(\d+)/node\d+(/backward)?", span.name)
        if span.kind == "compute" and match:
            starts.setdefault(span.resource[-5:], []).append(f"{'B' if match[2] else 'F'}{match[1]}")
    return {device: list(dict.fromkeys(passes)) for device, passes in sorted(starts.items())}


GPIPE = ["F0", "F1", "F2", "F3", "B3", "B2", "B1", "B0"]
ONE_IN_TURN = {
    "GPU:0": ["F0", "F1", "F2", "B0", "F3", "B1", "B2", "B3"],
    "GPU:1": ["F0", "F1", "B0", "F2", "B1", "F3", "B2", "B3"],
    "GPU:2": ["F0", "B0", "F1", "B1", "F2", "B2", "F3", "B3"],
}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("forward", dict.fromkeys(ONE_IN_TURN, GPIPE[:4])),
        ("gpipe", dict.fromkeys(ONE_IN_TURN, GPIPE)),
        ("1f1b", ONE_IN_TURN),
    ],
)
def test_every_engine_takes_the_turns_of_a_schedule_one_after_the_other(schedule, expected):
    graph = pipeline(chain(UNEVEN, activation_bytes=64), stages=3, microbatches=4, schedule=schedule)
    placement = place(graph, "3 x 1MiB")
    _, ran = execute(placement, storage="shape")
    trace = predicted(graph, 3)

    assert turns(graph, trace) == turns(graph, ran) == expected


def test_fewer_microbatches_than_stages_go_forward_and_back():
    graph = pipeline(chain([(1, 2)] * 4), stages=4, microbatches=2)

    assert turns(graph, predicted(graph, 4)) == {
        "GPU:0": ["F0", "F1", "B0", "B1"],
        "GPU:1": ["F0", "F1", "B0", "B1"],
        "GPU:2": ["F0", "F1", "B0", "B1"],
        "GPU:3": ["F0", "B0", "F1", "B1"],
    }


@pytest.mark.parametrize("stages", [1, 2, 3, 5])
@pytest.mark.parametrize("microbatches", [1, 2, 7])
def test_a_forward_pipeline_takes_all_stages_once_and_the_slowest_for_every_other_microbatch(stages, microbatches):
    profile = chain(UNEVEN)
    graph = pipeline(profile, stages=stages, microbatches=microbatches, schedule="forward")
    times = [layer.forward_ps for layer in profile]
    sums = [sum(times[part.start : part.stop]) for part in balanced_stages(times, stages)]

    assert predicted(graph, stages).makespan_ps == sum(sums) + (microbatches - 1) * max(sums)


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
@pytest.mark.parametrize(("stages", "microbatches"), [(1, 1), (2, 5), (4, 2), (4, 8)])
def test_training_on_even_stages_takes_one_microbatch_for_each_microbatch_and_each_other_stage(
    schedule, stages, microbatches
):
    graph = pipeline(chain([(1, 2)] * 2 * stages), stages=stages, microbatches=microbatches, schedule=schedule)

    assert predicted(graph, stages).makespan_ps == (microbatches + stages - 1) * 2 * (1 + 2) * MS


def most_alive(trace, device):
    """Return how many outputs of the first layer of a device are there at one time, at most."""
    first = next(event.owner for event in trace.memory[device] if re.fullmatch(r"mb0/node\d+", event.owner))
    alive = peak = 0
    for event in trace.memory[device]:
        if event.owner.endswith(f"/{first.partition('/')[2]}"):
            alive += 1 if event.is_allocation else -1
            peak = max(peak, alive)
    return peak


def test_1f1b_keeps_as_many_microbatches_as_there_are_stages_left_and_gpipe_keeps_all():
    profile = chain([(1, 2)] * 4, activation_bytes=512)
    traces = {
        schedule: predicted(pipeline(profile, stages=4, microbatches=8, schedule=schedule), 4)
        for schedule in ("gpipe", "1f1b")
    }

    assert most_alive(traces["gpipe"], 1) == 8
    assert most_alive(traces["1f1b"], 1) == 4
    assert [traces["1f1b"].peak_bytes(device) for device in range(1, 5)] == [512 * 5, 512 * 6, 512 * 5, 512 * 3]
    assert traces["gpipe"].peak_bytes(1) == 512 * (8 + 2)  # outputs, and gradients: one used, one that arrives


def test_a_stage_starts_when_the_stage_before_has_ended_even_if_its_inputs_are_there():
    profile = chain([(4, 0), (6, 0), (1, 0)])
    skipping = type(profile)((*profile.layers[:2], type(profile.layers[2])("node2", inputs=("node0",), forward_ps=MS)))
    graph = pipeline(skipping, stages=2, schedule="forward")
    starts = {span.name: span.start_ps for span in predicted(graph, 2).spans if span.kind == "compute"}

    assert starts == {"mb0/node0": 0, "mb0/node1": 4 * MS, "mb0/node2": 10 * MS}


def test_stages_ask_for_their_devices_and_share_parameters_among_microbatches():
    layers = chain([(1, 1)] * 2).layers
    profile = type(chain([]))((layers[0], type(layers[0])("w", inputs=("node0",), parameter_bytes=64)))
    graph = pipeline(profile, stages=2, microbatches=2)

    assert {operation.name: operation.device for operation in graph if operation.type == "Variable"} == {
        "w/parameters": "/device:GPU:1"
    }
    assert [graph.data.names[reader] for reader in graph.consumers(graph.operation("w/parameters").outputs[0])] == [
        "mb0/w",
        "mb0/w/backward",
        "mb1/w",
        "mb1/w/backward",
    ]
    assert {operation.device for operation in graph} == {"/device:GPU:0", "/device:GPU:1"}


@pytest.mark.parametrize("schedule", ["forward", "gpipe", "1f1b"])
def test_both_engines_agree_on_every_memory_event_of_a_pipeline(schedule):
    graph = pipeline(chain(UNEVEN, activation_bytes=1000), stages=3, microbatches=4, schedule=schedule)
    placement = place(graph, "3 x 1MiB")
    trace = predicted(graph, 3)
    _, ran = execute(placement, follow=trace)

    assert [len(events) for events in trace.memory] == [len(events) for events in ran.memory]
    assert not compare(trace, ran).difference
