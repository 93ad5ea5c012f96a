"""Figures of `benchmarks.comparison` as tables, in Markdown.

`speed_table(read_figures(path))` is the table of what was kept.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.measuring import Figure

YARDSTICK = "SimGrid"
TITLES: Mapping[str, str] = {
    "dag": "graph: 100,000 operations, 174,898 transfers, 8 devices",
    "ring": "ring all-reduce, 512 ranks: 523,264 transfers",
    "flows": "4,032 flows among 64 hosts",
}
"""The work in the table of speed, in its order."""


def read_figures(path: Path) -> list[Figure]:
    """Return the figures of a file under `benchmarks/results/`."""
    return [Figure(**it) for it in json.loads(path.read_text())["figures"]]


def speed_table(figures: Iterable[Figure]) -> str:
    """Return what each engine needs for each kind of work, beside SimGrid."""
    return _table([it for it in figures if it.details.get("case") in TITLES], TITLES)


def scaling_table(figures: Iterable[Figure]) -> str:
    """Return what each engine needs for graphs that grow."""
    grown = [it for it in figures if str(it.details.get("case")).startswith("dag of ")]
    return _table(grown, {it.details["case"]: f"{it.details['case']} operations" for it in grown})


def is_agreed(figures: Iterable[Figure]) -> bool:
    """Tell whether all engines came to the same results."""
    return all(it.details.get("agrees", True) for it in figures)


def _table(figures: Sequence[Figure], titles: Mapping[str, str]) -> str:
    """One row for each engine and rule for links, one column for each kind of work; nothing for no figures."""
    if not figures:
        return ""
    yardstick = {it.details["case"]: it for it in figures if it.details["engine"] == YARDSTICK}
    rows: dict[tuple[str, str], dict[str, Figure]] = {}
    for it in figures:
        rows.setdefault((it.details["engine"], it.details["links"]), {})[it.details["case"]] = it
    lines = [["engine", "links", *titles.values(), "same results"]]
    for (engine, links), found in rows.items():
        cells = [_cell(found[case], yardstick.get(case)) if case in found else "-" for case in titles]
        lines.append([engine, links, *cells, _agreement(found.values())])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(figure: Figure, yardstick: Figure | None) -> str:
    """CPU time, how many times as fast as SimGrid that is (if links have the same rule), and peak memory."""
    ratio = ""
    if yardstick and yardstick is not figure and yardstick.details["links"] == figure.details["links"]:
        ratio = f" ({_times_as_fast(figure, yardstick):.2g}x)"
    return f"{figure.value:.3g} s{ratio}, {figure.details['peak_bytes'] / 1e6:,.0f} MB"


def _times_as_fast(figure: Figure, yardstick: Figure) -> float:
    """Compare runs of the same turn: the machine was then about as busy with other things for both."""
    turns = zip(yardstick.details["runs"], figure.details["runs"], strict=False)
    return float(statistics.median(other_s / our_s for other_s, our_s in turns))


def _agreement(figures: Iterable[Figure]) -> str:
    """Whether results are those of the first engine with this rule for links, and to what relative difference."""
    found = list(figures)
    worst = max(it.details["differs_by"] for it in found)
    return f"{'yes' if is_agreed(found) else 'NO'}, to {worst:.0e}" if worst else "yes"
