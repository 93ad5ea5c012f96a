"""Why one run took longer than another: which operations, transfers and links explain the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from simgpu.errors import check_type
from simgpu.metrics.columns import (
    NONE,
    Bools,
    Columns,
    Ints,
    column,
    groups,
    stable_order,
    sums,
    total,
)
from simgpu.metrics.critical_path import path_of
from simgpu.metrics.history import History, history_of
from simgpu.trace import TRACE_WANTED, SpanKind, Table, Trace


class Difference(NamedTuple):
    """One operation, launch or transfer in two runs: the second minus the first, in picoseconds.

    `contribution_ps` is how much more of the second makespan it is: its time on the critical path there, less that on
    the path of the first. A wait on the path that no span explains counts for the one that waited, and so does the time
    before a release. `first` and `second` are the devices or ways; empty in the run that lacks it, whose times count as
    0. Transfers are the same in both runs if tensor and way are.
    """

    kind: SpanKind
    name: str
    first: str
    second: str
    contribution_ps: int
    duration_ps: int
    waiting_ps: int
    start_ps: int


@dataclass(frozen=True, slots=True)
class WayDifference:
    """All transfers of one way in two runs: the second minus the first."""

    name: str
    contribution_ps: int
    transfers: int
    size_bytes: int
    duration_ps: int
    waiting_ps: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The difference of two makespans, by what lies on the critical paths.

    The contributions in `spans` add up to the difference; `ways` has those of the transfers, added up. Both have the
    largest contributions first; among equal ones, what differs most in duration and then in waiting.
    """

    first_makespan_ps: int
    second_makespan_ps: int
    spans: Sequence[Difference]
    ways: tuple[WayDifference, ...]

    @property
    def difference_ps(self) -> int:
        """How much longer the second run took."""
        return self.second_makespan_ps - self.first_makespan_ps


def explain(first: Trace, second: Trace) -> Explanation:
    """Explain why the second run took longer, or less long, than the first, along their critical paths.

    Both may be of either engine, and of different placements, machines or options; operations are the same if their
    names are. To ask whether two runs agree on placement and memory, see `compare`.
    """
    for what, trace in (("first", first), ("second", second)):
        check_type(trace, Trace, what, TRACE_WANTED)
    histories = history_of(first), history_of(second)
    runs = histories[0].columns, histories[1].columns
    both = _joined(*runs)
    sign = np.repeat([-1, 1], [len(run) for run in runs])
    on_path_ps = np.concatenate(list(map(_on_path_ps, histories)))
    times_ps = [on_path_ps, both.end_ps - both.start_ps, both.start_ps - both.ready_ps, both.start_ps]
    changes = [sign * values for values in times_ps]
    return Explanation(
        first_makespan_ps=runs[0].makespan_ps,
        second_makespan_ps=runs[1].makespan_ps,
        spans=_differences(both, sign, changes),
        ways=tuple(sorted(_way_differences(both, sign, changes), key=_largest_first)),
    )


def _on_path_ps(history: History) -> Ints:
    """Return how long each span, with the wait before it, is on the critical path."""
    steps = path_of(history).steps
    return sums(column(steps, 5), column(steps, 4) - column(steps, 3), len(history.columns))


def _joined(first: Columns, second: Columns) -> Columns:
    """Return the spans of two runs one after the other, with words in common. Causes keep their numbers."""
    kinds, kind = _united(first.kinds, second.kinds)
    names, name = _united(first.names, second.names)
    resources, resource = _united(first.resources, second.resources)
    moved = replace(second, kind=kind[second.kind], name=name[second.name], resource=resource[second.resource])
    numbers = (np.concatenate([getattr(run, it.name) for run in (first, moved)]) for it in fields(Columns)[3:])
    return Columns(kinds, names, resources, *numbers)


def _united(first: list[str], second: list[str]) -> tuple[list[str], Ints]:
    """Return the words of both without repetition, and the new numbers of those of the second."""
    numbers = {word: number for number, word in enumerate(first)}
    moved = np.array([numbers.setdefault(word, len(numbers)) for word in second], np.int64)
    return list(numbers), moved


def _differences(both: Columns, sign: Ints, changes: list[Ints]) -> Table[Difference]:
    """Return the differences of all that have kind and name, and as transfers the way, in common."""
    way = np.where(both.are("transfer"), both.resource, 0)
    keys = (both.kind * len(both.names) + both.name) * max(1, len(both.resources)) + way
    found, number = np.unique(keys, return_inverse=True)
    one, first, second = (_one_of_each(number, len(found), spans) for spans in (sign != 0, sign < 0, sign > 0))
    nowhere = len(both.resources)
    where = [np.where(span == NONE, nowhere, both.resource[span]) for span in (first, second)]
    sums_ps = [sums(number, change, len(found)) for change in changes]
    order = stable_order(*(-abs(change) for change in sums_ps[2::-1]))
    columns = (it[order] for it in (both.kind[one], both.name[one], *where, *sums_ps))
    resources = [*both.resources, ""]
    return Table(Difference, both.kinds, both.names, resources, resources, *(None,) * 4, columns=columns)


def _one_of_each(number: Ints, count: int, spans: Bools) -> Ints:
    """Return for each number one of the spans that have it; or NONE."""
    found = np.full(count, NONE, np.int64)
    found[number[spans]] = np.flatnonzero(spans)
    return found


def _way_differences(both: Columns, sign: Ints, changes: list[Ints]) -> Iterator[WayDifference]:
    transfers = np.flatnonzero(both.are("transfer"))
    for way, spans in groups(transfers, both.resource[transfers]):
        contribution_ps, duration_ps, waiting_ps = (total(change[spans]) for change in changes[:3])
        yield WayDifference(
            name=both.resources[way],
            contribution_ps=contribution_ps,
            transfers=total(sign[spans]),
            size_bytes=total((sign * both.size_bytes)[spans]),
            duration_ps=duration_ps,
            waiting_ps=waiting_ps,
        )


def _largest_first(way: WayDifference) -> tuple[int, ...]:
    return -abs(way.contribution_ps), -abs(way.duration_ps), -abs(way.waiting_ps)
