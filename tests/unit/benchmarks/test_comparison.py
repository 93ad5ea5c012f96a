"""Engines take turns; those that differ are named; and the table says what was measured."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import comparison
from benchmarks.__main__ import keep
from benchmarks.comparison import Engine, compare, difference, take_turns
from benchmarks.measuring import Figure
from benchmarks.tables import is_agreed, read_figures, scaling_table, speed_table
from benchmarks.workloads import ring


def engine(name: str, links: str = "fair", *, cpu_s: float = 0.5, makespan_s: float = 2.0, **more: object) -> Engine:
    """Return one that prints these figures instead of running."""
    told = {"cpu_s": cpu_s, "makespan_s": makespan_s, "mean_end_s": 1.0}
    told |= {"process_cpu_s": 1.0, "before_bytes": 1_000_000, "peak_bytes": 52_300_000, **more}
    return Engine(name, links, (sys.executable, "-Ic", f"print({json.dumps(told)!r})"))


def test_engines_take_turns_and_slow_ones_drop_out(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "PATIENCE_S", 1.5)
    quick, slow = engine("quick"), engine("slow", cpu_s=0.8)
    turns = {it.name: [run["cpu_s"] for run in runs] for it, runs in take_turns([quick, slow], tmp_path, 3).items()}

    assert turns == {"quick": [0.5, 0.5, 0.5], "slow": [0.8, 0.8]}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"makespan_s": 2.0, "mean_end_s": 1.0}, 0.0),
        ({"makespan_s": 2.0, "mean_end_s": 0.75}, 0.25),
        ({"makespan_s": 3.0, "mean_end_s": 1.0}, 0.5),
    ],
)
def test_results_differ_by_the_worse_of_makespan_and_mean_end(result, expected):
    assert difference(result, {"makespan_s": 2.0, "mean_end_s": 1.0}) == expected


def test_an_engine_must_agree_with_the_first_that_has_its_rule_for_links():
    contestants = [
        engine("SimGrid", version="3.32"),
        engine("same", makespan_s=2.0 + 1e-10),
        engine("other", makespan_s=2.0 + 1e-8),
        engine("first in line", "fifo", makespan_s=5.0),
        engine("second in line", "fifo", makespan_s=5.0),
    ]
    made, *figures = compare("ring", lambda: ring(3), contestants, turns=1)

    assert made.what == "ring: make 12 tasks"
    assert {it.details["engine"]: it.details["agrees"] for it in figures} == {
        "SimGrid": True,
        "same": True,
        "other": False,
        "first in line": True,
        "second in line": True,
    }
    assert is_agreed(figures[:2])
    assert not is_agreed(figures)


def test_the_ratio_compares_runs_of_the_same_turn():
    details = {"case": "ring", "links": "fair", "peak_bytes": 10**6, "differs_by": 0.0, "agrees": True}
    simgrid = Figure("", 2.0, "CPU s", {**details, "engine": "SimGrid", "runs": [1.0, 2.0, 4.0]})
    ours = Figure("", 0.375, "CPU s", {**details, "engine": "ours", "runs": [0.25, 0.5]})  # has dropped out

    assert "| ours | fair | - | 0.375 s (4x), 1 MB | - | yes |" in speed_table([simgrid, ours]).splitlines()


def test_figures_that_were_kept_make_the_same_table(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.__main__.RESULTS", tmp_path)
    figures = [*compare("ring", lambda: ring(3), [engine("SimGrid", version="3.32"), engine("ours")], turns=2)]
    path = keep(figures, is_complete=True)

    assert speed_table(read_figures(path)) == speed_table(figures) != ""
    assert json.loads(path.read_text())["versions"]["SimGrid"] == "3.32"


def test_tables_give_time_and_memory_the_ratio_to_simgrid_and_whether_results_are_the_same():
    contestants = [
        engine("SimGrid", version="3.32"),
        engine("simgpu", cpu_s=0.0625, makespan_s=2.0 + 1e-10),
        engine("wrong", cpu_s=5.0, makespan_s=3.0),
        engine("loop", "fifo"),
    ]
    figures = [*compare("ring", lambda: ring(3), contestants, turns=1)]
    grown = [*compare("dag of 10,000", lambda: ring(3), contestants[:1], turns=1)]

    assert speed_table([*figures, *grown]).splitlines() == [
        "| engine | links | graph: 100,000 operations, 174,898 transfers, 8 devices "
        "| ring all-reduce, 512 ranks: 523,264 transfers | 4,032 flows among 64 hosts | same results |",
        "| --- | --- | --- | --- | --- | --- |",
        "| SimGrid | fair | - | 0.5 s, 52 MB | - | yes |",
        "| simgpu | fair | - | 0.0625 s (8x), 52 MB | - | yes, to 5e-11 |",
        "| wrong | fair | - | 5 s (0.1x), 52 MB | - | NO, to 5e-01 |",
        "| loop | fifo | - | 0.5 s, 52 MB | - | yes |",
    ]
    assert scaling_table([*figures, *grown]).splitlines() == [
        "| engine | links | dag of 10,000 operations | same results |",
        "| --- | --- | --- | --- |",
        "| SimGrid | fair | 0.5 s, 52 MB | yes |",
    ]
    assert speed_table(grown) == ""
