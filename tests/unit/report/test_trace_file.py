"""Traces are read back as they were written; what was not written by simgpu is refused with its place."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from simgpu.errors import InvalidValue
from simgpu.report import read_trace, read_traces, write_chrome_trace
from simgpu.trace import CardUse, Trace
from tests.unit.report.runs import predicted, small_run, starved_run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trace.json"


@pytest.fixture
def both(path):
    """A file with the traces of both engines."""
    result = small_run()
    write_chrome_trace(path, result.predicted, result.executed)
    return result


def refusal(path, text=None):
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidValue) as caught:
        read_traces(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}:")


def test_both_traces_of_a_file_are_read_back(path, both):
    assert read_traces(path) == (both.predicted, both.executed)
    assert read_trace(path, engine="simulate") == both.predicted
    assert read_trace(path, engine="execute") == both.executed


def test_a_trace_that_ends_where_memory_ran_out_is_read_back(path):
    trace = starved_run().predicted
    write_chrome_trace(path, trace)

    assert read_trace(path) == trace


def test_what_of_a_card_was_used_is_read_back_and_refused_where_it_is_no_size(path, both):
    trace = replace(both.executed, card_use=CardUse(80, 70, 3, 2, 5, 0, 4))
    write_chrome_trace(path, both.predicted, trace)
    broken = path.read_text().replace('"outside_bytes":5', '"outside_bytes":"5"')

    assert read_traces(path) == (both.predicted, trace)
    assert refusal(path, broken).endswith("'outside_bytes' must be a whole number, not '5'")


def test_a_trace_of_nothing_is_read_back(path):
    trace = Trace("execute", "real", (), ())
    write_chrome_trace(path, trace)

    assert read_trace(path) == trace


def test_the_one_trace_is_asked_for(path, both):
    for engine, number in ((None, 2), ("other", 0)):
        with pytest.raises(InvalidValue) as caught:
            read_trace(path, engine=engine)

        assert str(caught.value) == (
            f"{path} has {number} traces{f' of engine={engine!r}' if engine else ''}, not one (it has: simulate, "
            "execute); name the engine, or take one of read_traces"
        )


def test_a_file_without_traces_has_none(path):
    write_chrome_trace(path)

    assert read_traces(path) == ()
    with pytest.raises(InvalidValue, match=r"has 0 traces, not one \(it has: none\)"):
        read_trace(path)


def test_a_trace_read_back_can_be_followed_by_the_other_engine(path):
    trace = predicted()
    write_chrome_trace(path, trace)

    assert read_trace(path).actions == trace.actions
    assert read_trace(path).ledger_hash(1) == trace.ledger_hash(1)


def test_a_trace_of_another_program_is_refused(path):
    assert refusal(path, '{"traceEvents": []}') == (
        "1:1: the key 'otherData' is missing; only traces that simgpu has written can be read"
    )
    assert refusal(path, "[]").startswith("1:1: not JSON: '{' is expected here, not '['")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"simgpu_format":1', '"simgpu_format":2', "the format 2 is not 1, which this version reads"),
        ('"traces":[', '"traces":3,"x":[', "'traces' must be a list, not 3"),
        ('"engine":"simulate"', '"engine":"guess"', "'guess' is not one of execute, simulate"),
        ('"clock":"modelled",', "", "the key 'clock' is missing; here are 'process', 'engine', 'devices', "),
        ('"memory":[[', '"memory":[[],[', "there are 3 devices, but the memory of 4"),
        ('"actions":[[', '"actions":[[true,', "a row of (int, bool) is expected, not [True, "),
        ('"actions":[', '"actions":[7,', "a row of (int, bool) is expected, not 7"),
        ('"decisions":[[', '"decisions":[[],[', "a row of (str, str, str) is expected, not []"),
        ('"cat":"compute"', '"cat":"cook"', "'cook' is not one of compute, launch, transfer"),
        ('"ready_ps":0', '"ready_ps":0.5', "'ready_ps' must be a whole number, not 0.5"),
        ('"ready_ps":0', '"ready":0', "the key 'ready_ps' is missing; here are 'ready', "),
        ('"cause":-1', '"cause":99', "there is no span 99; was the file cut?"),
        ('"span":0', '"span":77', "span 0 is missing before this one; was the file cut?"),
        ('{"ph":"X","pid":1', '{"ph":"X","pid":9', "this event is of no trace or track that simgpu has written"),
        ('{"ph":"M","pid":1', '{"ph":7,"pid":1', "'ph' must be text, not 7"),
        ('"traceEvents":[', '"traceEvents":[7,', "an object is expected here, not 7"),
    ],
)  # fmt: skip
def test_a_file_that_was_changed_is_refused_where_it_was(path, old, new, message):
    write_chrome_trace(path, predicted())
    text = path.read_text()
    assert old in text
    place, _, reason = refusal(path, text.replace(old, new, 1)).partition(": ")
    line = int(place.partition(":")[0])

    assert reason.startswith(message)
    assert 1 <= line <= text.count("\n")


def test_the_place_is_that_of_the_event(path):
    write_chrome_trace(path, predicted())
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if '"ph":"X"' in line)
    lines[number - 1] = lines[number - 1].replace('"cause":', '"cause":"none","x":')

    column = lines[number - 1].index('"cause"') + 1

    assert refusal(path, "\n".join(lines)) == f"{number}:{column}: 'cause' must be a whole number, not 'none'"


def test_a_file_that_was_cut_is_refused(path, both):
    text = path.read_text()

    for end in (len(text) // 2, len(text) - 3, 1):
        assert re.match(r"\d+:\d+: not JSON: ", refusal(path, text[:end]))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidValue) as caught:
        read_trace(tmp_path / "no.json")

    assert str(caught.value) == (
        f"'{tmp_path}/no.json' cannot be read: No such file or directory; give the path of a trace that simgpu has "
        "written"
    )
    with pytest.raises(InvalidValue, match=r"^a trace that simgpu has written is read from a path, not from 3"):
        read_trace(3)


def test_the_file_holds_one_event_or_trace_on_a_line(path, both):
    lines = path.read_text().splitlines()

    assert json.loads(path.read_text())["otherData"]["simgpu_format"] == 1
    assert [line[:14] for line in (lines[0], lines[-4], lines[-1])] == ['{"displayTimeU', '"otherData":{"', "]}}"]
    assert all(json.loads(line.rstrip(",")) for line in (*lines[1:-5], *lines[-3:-1]))
