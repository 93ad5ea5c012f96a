"""Whatever the trace, it is read back equal; whatever the file, it is read or refused with the place of the fault."""

import random
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from simgpu.errors import InvalidValue, OutOfDeviceMemory, PlacementError
from simgpu.execution import execute
from simgpu.placement import place
from simgpu.report import read_traces, write_chrome_trace
from simgpu.simulation import simulate
from simgpu.trace import Action, Decision, DeviceSummary, MemoryEvent, Span, Trace
from tests.property.programs import cases
from tests.unit.report.runs import small_run

TIMES = st.integers(0, 2**70)
NAMES = st.text(max_size=8)
DEVICES = ("/job:localhost/replica:0/task:0/device:CPU:0", "/job:worker/replica:0/task:1/device:GPU:7")


@st.composite
def traces(draw):
    """Traces of nothing that ever ran: any names, times and causes."""
    devices = DEVICES[: draw(st.integers(0, 2))]
    resources = st.sampled_from([*DEVICES, "GPU:0 -> GPU:1"]) | NAMES
    count = draw(st.integers(0, 6))
    spans = [
        Span(
            draw(st.sampled_from(("compute", "launch", "transfer"))),
            draw(NAMES),
            draw(resources),
            draw(TIMES),
            (start := draw(TIMES)),
            start + draw(TIMES),
            draw(st.integers(-1, count - 1)),
            draw(st.sampled_from((0, 1, 2**62))),
        )
        for _ in range(count)
    ]
    events = st.builds(MemoryEvent, TIMES, st.booleans(), NAMES, TIMES, TIMES)
    return Trace(
        engine=draw(st.sampled_from(("execute", "simulate"))),
        clock=draw(NAMES),
        devices=tuple(DeviceSummary(name, name[-5:-2], draw(TIMES)) for name in devices),
        decisions=tuple(draw(st.lists(st.builds(Decision, NAMES, NAMES, NAMES), max_size=3))),
        spans=spans,
        memory=[draw(st.lists(events, max_size=4)) for _ in devices],
        actions=draw(st.lists(st.builds(Action, st.integers(0, 9), st.booleans()), max_size=4)),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("traces") / "trace.json"


@settings(max_examples=settings.default.max_examples // 2)
@given(written=st.lists(traces(), max_size=3))
def test_any_traces_are_read_back_equal(path, written):
    write_chrome_trace(path, *written)

    assert read_traces(path) == tuple(written)


@given(case=cases())
def test_the_traces_of_any_program_are_read_back_equal(path, case):
    ran = []
    try:
        placement = place(case.graph, case.machine, kernels=case.kernels, soft=case.soft)
        ran.append(simulate(placement))
        ran.append(execute(placement, storage="shape")[1])
    except OutOfDeviceMemory as error:
        ran.append(error.trace)
    except PlacementError:
        return
    write_chrome_trace(path, *ran)

    assert read_traces(path) == tuple(ran)


PARAGRAPH = re.compile(r"[^\n]+trace\.json:\d+:\d+: [^\n]+")


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_read_or_refused_with_the_place_of_the_fault(path, seed):
    result = small_run()
    write_chrome_trace(path, result.predicted, result.executed)
    data, rng, outcomes = path.read_bytes(), random.Random(seed), []
    for _ in range(300):
        damaged = bytearray(data)
        start = rng.randrange(len(damaged))
        damaged[start : start + rng.choice((0, 1, 1, 5, 300))] = rng.choice(
            (b"", b"0", b"-1", b'"', b"{", b"[", b"\xff")
        )
        path.write_bytes(damaged)
        outcomes.append(outcome_of(path))

    assert [outcome for outcome in outcomes if outcome != "read" and not PARAGRAPH.fullmatch(outcome)] == []
    assert 20 < outcomes.count("read") < 250


def outcome_of(path):
    """Return what came of a file. Any other exception than InvalidValue passes through."""
    try:
        found = read_traces(path)
    except InvalidValue as error:
        return str(error)
    assert all(isinstance(trace, Trace) for trace in found)
    return "read"
