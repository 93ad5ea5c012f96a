"""The spans of a trace as arrays, and the order of their starts and ends: what a million of them are measured by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simgpu.errors import check_type
from simgpu.trace import TRACE_WANTED, Table, Trace

Ints = NDArray[Any]
"""Of int64; of Python's integers where some are beyond 64 bits, which are 107 days in picoseconds."""

Bools = NDArray[np.bool_]

NONE = -1
"""In the place of the number of a span: there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """One entry for each span, in the order of the trace.

    `kind`, `name` and `resource` are numbers of words in `kinds`, `names` and `resources`, in which no word is twice.
    """

    kinds: list[str]
    names: list[str]
    resources: list[str]
    kind: Ints
    name: Ints
    resource: Ints
    ready_ps: Ints
    start_ps: Ints
    end_ps: Ints
    cause: Ints
    size_bytes: Ints

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def makespan_ps(self) -> int:
        """Time from the start of the run to the end of its last span."""
        return int(self.end_ps.max()) if len(self) else 0

    def are(self, kind: str) -> Bools:
        """Tell for each span whether it is of a kind."""
        found: Bools = self.kind == (self.kinds.index(kind) if kind in self.kinds else NONE)
        return found


def columns_of(trace: Trace) -> Columns:
    """Return the spans of a trace as arrays. Raises InvalidValue for what is no trace."""
    check_trace(trace)
    (kinds, kind), (names, name), (resources, resource) = (_distinct(trace.spans, place) for place in range(3))
    numbers = [column(trace.spans, place) for place in range(3, 8)]
    return Columns(kinds, names, resources, kind, name, resource, *numbers)


def check_trace(trace: object) -> None:
    """Raise InvalidValue for what is no trace."""
    check_type(trace, Trace, "trace", TRACE_WANTED)


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The rank of each span's start and end among all starts and ends: a total order of time.

    At one instant, spans go by their starts, then by their ends, then as they stand in the trace; of one span the start
    comes before the end. So what waits for a span comes after it, also where both take no time.
    """

    start: Ints
    end: Ints


def order_of(columns: Columns) -> Order:
    """Rank the starts and ends of spans."""
    count = len(columns)
    by_start = stable_order(columns.end_ps, columns.start_ps)
    places = np.empty(count, np.int64)
    places[by_start] = np.arange(count)
    moments = stable_order(np.tile(places, 2), np.concatenate([columns.start_ps, columns.end_ps]))
    ranks = np.empty(2 * count, np.int64)
    ranks[moments] = np.arange(2 * count)
    return Order(ranks[:count], ranks[count:])


def column(rows: Sequence[Any], place: int) -> Ints:
    """Return a column of numbers of a table, or of a sequence of tuples."""
    return integers(rows.numbers(place) if isinstance(rows, Table) else list(map(itemgetter(place), rows)))


def integers(values: Sequence[int] | Ints) -> Ints:
    """Return an array of numbers, of a copy of them."""
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array(values, object)


def total(values: Ints) -> int:
    """Return an exact sum: sums of waiting times soon need more than 64 bits."""
    return sum(values.tolist())


def groups(spans: Ints, numbers: Ints) -> Iterator[tuple[int, Ints]]:
    """Yield the spans that have the same number, by number."""
    order = np.argsort(numbers, kind="stable")
    found, firsts = np.unique(numbers[order], return_index=True)
    yield from zip(found.tolist(), np.split(spans[order], firsts[1:]), strict=False)


def sums(numbers: Ints, values: Ints, count: int) -> Ints:
    """Return the sum of the values that have each number below `count`."""
    found = np.zeros(count, values.dtype)
    np.add.at(found, numbers, values)
    return found


def _distinct(spans: Sequence[Any], place: int) -> tuple[list[str], Ints]:
    """Return the words of a column without repetition, and for each span the number of its word."""
    words = (spans.words(place) or ()) if isinstance(spans, Table) else list(map(itemgetter(place), spans))
    numbers: dict[str, int] = {}
    numbered = np.fromiter((numbers.setdefault(word, len(numbers)) for word in words), np.int64, len(words))
    return list(numbers), numbered[column(spans, place)] if isinstance(spans, Table) else numbered


def stable_order(*keys: Ints) -> Ints:
    """Return the order of entries by the last key, then the one before it, then their places."""
    order = np.arange(len(keys[0]))
    for key in keys:
        order = order[np.argsort(key[order], kind="stable")]
    return order
