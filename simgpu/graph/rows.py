"""Sequences that keep numbers in arrays and make an item when it is asked for: a million are not a million objects."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar, overload

Item = TypeVar("Item")


class MadeOnDemand(Sequence[Item]):
    """A sequence whose items are made when they are asked for. It is equal to any sequence of equal items."""

    __slots__ = ()

    @abstractmethod
    def _made(self, place: int) -> Item:
        """Make the item at a place, which is there."""

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...

    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        if isinstance(place, slice):
            return [self._made(one) for one in range(len(self))[place]]
        if not 0 <= place < len(self):
            place = range(len(self))[place]
        return self._made(place)

    def __iter__(self) -> Iterator[Item]:
        return map(self._made, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


class Rows(MadeOnDemand[tuple[int, ...]]):
    """Rows of numbers, end to end in one array: row r is `values[starts[r]:starts[r + 1]]`, as a tuple."""

    __slots__ = ("starts", "values")

    def __init__(self, starts: array[int] | None = None, values: array[int] | None = None) -> None:
        self.starts = array("i", [0]) if starts is None else starts
        self.values = array("i") if values is None else values

    def append(self, row: Iterable[int]) -> None:
        """Add a row."""
        self.values.extend(row)
        self.starts.append(len(self.values))

    def fill(self, place: int, row: Iterable[int]) -> None:
        """Put other numbers in the place of a row's."""
        for number, value in enumerate(row, self.starts[place]):
            self.values[number] = value

    def __copy__(self) -> Rows:
        return Rows(self.starts[:], self.values[:])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, place: int) -> tuple[int, ...]:
        """Return a row that is there, counted from the first one: the same as by an index, and faster."""
        return tuple(self.values[self.starts[place] : self.starts[place + 1]])

    _made = row
