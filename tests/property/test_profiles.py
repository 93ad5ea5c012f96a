"""Stages are cut as well as can be; any schedule is one that can run; any file is read or refused with its place."""

import random
import re
from itertools import combinations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from simgpu.errors import ModelFileError
from simgpu.graph import Graph
from simgpu.readers import SCHEDULES, Layer, Profile, balanced_stages, pipeline, read_partitioning, read_pipedream
from tests.unit.readers import test_partitioning
from tests.unit.readers.profiles import TEXT, predicted, without_bytes


def best_largest(times, stages):
    """Try every cut."""
    return min(
        max(sum(times[start:end]) for start, end in zip((0, *cut), (*cut, len(times)), strict=True))
        for cut in combinations(range(1, len(times)), stages - 1)
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.data())
def test_no_cut_into_stages_is_better(times, data):
    stages = data.draw(st.integers(1, len(times)))
    parts = balanced_stages(times, stages)

    assert len(parts) == stages
    assert [position for part in parts for position in part] == list(range(len(times)))
    assert all(part for part in parts)
    assert max(sum(times[part.start : part.stop]) for part in parts) == best_largest(times, stages)


@st.composite
def profiles(draw):
    """Profiles of any shape, with layers that have several outputs, and some that select one."""
    layers = []
    for number in range(draw(st.integers(1, 7))):
        sources = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        layer = Layer(
            f"node{number}",
            draw(st.sampled_from(("Conv2d(3, 4)", "__getitem__(1)", "__getitem__"))),
            tuple(f"node{source}" for source in sorted(sources)),
            forward_ps=draw(st.integers(0, 1000)),
            backward_ps=draw(st.integers(0, 1000)),
            activations_bytes=tuple(draw(st.lists(st.integers(0, 5000), min_size=1, max_size=3))),
            parameter_bytes=draw(st.integers(0, 5000)),
        )
        layers.append(layer)
    return Profile(tuple(layers))


@given(profiles(), st.sampled_from(sorted(SCHEDULES)), st.integers(1, 4), st.data())
def test_a_pipeline_computes_every_layer_of_every_microbatch_once_on_the_device_of_its_stage(
    profile, schedule, microbatches, data
):
    stages = data.draw(st.integers(1, len(profile)))
    trace = predicted(pipeline(profile, stages=stages, microbatches=microbatches, schedule=schedule), stages)
    passes = ("",) if schedule == "forward" else ("", "/backward")
    ran = {span.name: span.resource for span in trace.spans if span.kind == "compute"}

    assert len([span for span in trace.spans if span.kind == "compute"]) == len(ran)
    assert ran.keys() == {
        f"mb{number}/{layer.name}{direction}"
        for number in range(microbatches)
        for layer in profile
        for direction in passes
    }
    for layer in profile:
        names = {name: device for name, device in ran.items() if name.split("/")[1] == layer.name}
        assert len(set(names.values())) == 1


@given(profiles(), st.integers(1, 5), st.data())
def test_a_forward_pipeline_over_free_links_takes_the_time_of_the_closed_form(profile, microbatches, data):
    stages = data.draw(st.integers(1, len(profile)))
    times = [layer.forward_ps for layer in profile]
    sums = [sum(times[part.start : part.stop]) for part in balanced_stages(times, stages)]
    graph = pipeline(without_bytes(profile), stages=stages, microbatches=microbatches, schedule="forward")

    assert predicted(graph, stages).makespan_ps == sum(sums) + (microbatches - 1) * max(sums)


PIECES = (
    b"",
    b"0",
    b"-1",
    b"1e9999",
    b'"',
    b"{",
    b"[]",
    b"\xff",
    b"\x00",
    b" -- ",
    b"\n",
    b"\t",
    b"node1",
    b"NaN",
    b"5;",
)


def damaged(text, rng):
    data = bytearray(text.encode())
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(data))
        data[start : start + rng.choice((0, 1, 1, 5, 60))] = rng.choice(PIECES)
    return bytes(data)


def outcome_of(read, path):
    """Return what came of a file. Any other exception than ModelFileError passes through."""
    try:
        graph = read(path)
    except ModelFileError as error:
        return str(error)
    assert isinstance(graph, Graph)
    return "read"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("text", "read"),
    [(TEXT, read_pipedream), (test_partitioning.TEXT, lambda path: read_partitioning(path).graph)],
    ids=["profile", "workload"],
)
def test_a_damaged_file_is_read_or_refused_with_the_place_of_the_fault(tmp_path, text, read, seed):
    path, rng, outcomes = tmp_path / "fuzz.txt", random.Random(seed), []
    for _ in range(400):
        path.write_bytes(damaged(text, rng))
        outcomes.append(outcome_of(read, path))
    paragraph = re.compile(rf"{re.escape(str(path))}:(\d+:\d+:)? [^\n]+")

    assert [outcome for outcome in outcomes if outcome != "read" and not paragraph.fullmatch(outcome)] == []
    assert 10 < outcomes.count("read") < 390
