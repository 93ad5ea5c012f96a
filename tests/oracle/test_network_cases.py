"""Links, transfers and computations against exact times: recorded ones, and those of a solver without rounding."""

import json
from fractions import Fraction

import numpy as np
import pytest

from tests.engines import each_engine
from tests.oracle.drawn_cases import KINDS
from tests.oracle.exact_network import exact_ends
from tests.oracle.network_cases import TOLERANCE, ends_s, error, exact_s, main, outcomes, scale_of, tried

DRAWS = 100


@pytest.fixture(scope="module")
def recorded(cases_dir):
    return cases_dir / "network.json"


@each_engine
def test_every_operation_of_every_recorded_case_ends_when_it_should(recorded, engine):
    found = list(outcomes(recorded, engine))

    assert len(found) >= 44
    assert [str(it) for it in found if not it.passed or it.notes] == []


def test_the_solver_without_rounding_agrees_with_every_recorded_time_exactly(recorded):
    for case in json.loads(recorded.read_text())["cases"]:
        assert exact_ends(case) == exact_s(case), case["name"]


@each_engine
@pytest.mark.parametrize("kind", KINDS)
def test_cases_that_nobody_recorded_end_when_they_should_too(kind, engine):
    for seed in range(DRAWS):
        case = KINDS[kind](np.random.default_rng([seed, *kind.encode()]))
        ends, exact = ends_s(case, engine), exact_ends(case)

        assert max((error(ends[name], exact[name]), name) for name in exact) < (TOLERANCE, ""), (seed, case)


def transfer(size, bandwidth, start=0, **about):
    """Return a case of one transfer."""
    operation = {"id": "a", "type": "xfer", "route": ["L"], "bytes": size, "lat": 0, "start": start, "after": []}
    links = {"L": {"bw": bandwidth, "lat": 0.0, "policy": "shared"}}
    end = Fraction(start) + Fraction(size) / Fraction(bandwidth)
    return {"name": "one", "links": links, "ops": [operation | about], "exact": {"a": str(end)}}


@each_engine
@pytest.mark.parametrize(
    ("size", "bandwidth", "start"),
    [
        (12500000.0, 100000000, 0),
        (33333.25, 1000, 0),
        (0.1, 3, 0.1),
        (1, 3 * 10**12, 0),
        (1e-3, 7e11, 1e-12),
        (10**18, 3, 0),
        (10**18 + 1, 10**15, 0),
        (1e25, 1e6, 1e7),
        (7, 0.3, 0),
    ],
)
def test_sizes_and_rates_need_not_be_whole_nor_times_long_or_short(size, bandwidth, start, engine):
    assert tried(transfer(size, bandwidth, start), engine).passed


def test_a_tick_is_a_picosecond_and_a_byte_a_byte_where_they_will_do():
    scale = scale_of(transfer(10**9, 10**9))

    assert (scale.ticks_per_s, scale.units_per_byte) == (10**12, 1)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (transfer(1, 1, type="beam"), "operation a has the type 'beam'; there are xfer, compute, compute_ps"),
        (transfer(1, 1, route=["L", "M"]), "operation a goes over M; there are L"),
        (transfer(1, 1, after=["b"]), "operation a comes after b, which is not in the case"),
        (transfer(1, 1) | {"links": {"L": {"bw": 0}}}, "link L has the bandwidth 0; it must be more than 0"),
        (
            transfer(1, 1) | {"links": {"L": {"bw": 1, "policy": "fast"}}},
            "link L has the policy 'fast'; there are shared, fatpipe",
        ),
        (transfer(1, 1) | {"exact": {"b": "1"}}, "exact is for b; the operations are a"),
        (transfer(1, 1) | {"exact": {}}, "exact is for nothing; the operations are a"),
    ],
)
def test_what_cannot_be_run_is_said(case, words):
    assert str(tried(case, "simpy")) == f"one: inf (CaseError: {words})"


def test_what_is_not_understood_is_named_and_the_rest_is_run():
    case = transfer(1, 1, color="red") | {"mood": "fair"}
    case["links"]["L"]["length"] = 3

    assert tried(case, "simpy").notes == (
        "case: unknown mood",
        "link L: unknown length",
        "operation a: unknown color",
    )
    assert tried(case, "simpy").passed


def test_a_circle_of_operations_is_named():
    assert str(tried(transfer(1, 1, after=["a"]), "simpy")) == (
        "one: inf (DeadlockError: 1 of 1 tasks can never run: they wait for each other in a circle: "
        "task 0 waits for task 0)"
    )


@pytest.fixture
def file(tmp_path):
    def write(cases):
        (tmp_path / "cases.json").write_text(json.dumps(cases))
        return str(tmp_path / "cases.json")

    return write


def test_the_command_tells_the_worst_error_of_each_case_and_how_many_passed(file, capsys):
    wrong = transfer(3, 2) | {"name": "wrong", "exact": {"a": "1"}}

    assert main([file([transfer(3, 2), wrong]), "--engine", "simpy"]) == 1
    assert capsys.readouterr().out == "one: 0.0e+00 (a)\nwrong: 5.0e-01 (a)\n1 of 2 cases to 1e-09\n"


def test_the_command_succeeds_where_all_pass(file, capsys):
    assert main([file({"cases": [transfer(3, 2)]})]) == 0
    assert capsys.readouterr().out == "one: 0.0e+00 (a)\n1 of 1 cases to 1e-09\n"
