"""Rows kept as columns of numbers, so that a million of them are not a million objects."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

Row = TypeVar("Row")
Column = Sequence[int]
Words = Sequence[Any] | None
"""What the numbers of a column stand for; None if they stand for themselves."""


class Table(Sequence[Row], Generic[Row]):
    """A sequence of rows, each made when it is asked for: `make(*values)`.

    `words` says for each column what its numbers mean. Without `columns`, there are `length` rows of zeros to be
    replaced. Tables are equal to any sequence of equal rows.
    """

    __slots__ = ("_columns", "_make", "_words")

    def __init__(self, make: Callable[..., Row], *words: Words, columns: Iterable[Any] = (), length: int = 0) -> None:
        self._make = make
        self._words = words
        given: list[Any] = [*map(_column, map(_type, words), columns)]
        self._columns = given or [array(_type(it), [0]) * length for it in words]

    def append(self, *numbers: int) -> None:
        """Add a row, as the numbers of its columns."""
        for place, number in enumerate(numbers):
            try:
                self._columns[place].append(number)
            except OverflowError:  # beyond 64 bits
                self._columns[place] = [*self._columns[place], number]

    def put(self, first: int, *columns: Any) -> None:
        """Put others in the place of some rows, from the first of them on, given as the numbers of their columns."""
        for place, values in enumerate(columns):
            numbers = _column(_type(self._words[place]), values)
            if isinstance(numbers, list) and not isinstance(self._columns[place], list):
                self._columns[place] = list(self._columns[place])
            self._columns[place][first : first + len(numbers)] = numbers

    def head(self, count: int) -> Table[Row]:
        """Return a table of the first rows."""
        return Table(self._make, *self._words, columns=(column[:count] for column in self._columns))

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return list(self._rows(column[place] for column in self._columns))
        pairs = zip(self._columns, self._words, strict=True)
        return self._make(*(_said(column[place], words) for column, words in pairs))

    def __iter__(self) -> Iterator[Row]:
        return self._rows(self._columns)

    def numbers(self, column: int) -> Column:
        """Return a column as it is kept."""
        kept: Column = self._columns[column]
        return kept

    def values(self, *columns: int) -> Iterator[tuple[Any, ...]]:
        """Yield the values of some columns, row by row, without making the rows."""
        return zip(*(_spoken(self._columns[it], self._words[it]) for it in columns), strict=True)

    def words(self, column: int) -> Words:
        """Return what the numbers of a column stand for."""
        return self._words[column]

    def _rows(self, columns: Iterable[Column]) -> Iterator[Row]:
        return map(self._make, *map(_spoken, columns, self._words))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


def _spoken(column: Column, words: Words) -> Iterable[Any]:
    return column if words is None else map(words.__getitem__, column)


def _said(number: int, words: Words) -> Any:
    return number if words is None else words[number]


def _type(words: Words) -> str:
    """Return the type of a column: 64 bits for numbers that stand for themselves, no more than needed for others."""
    if words is None:
        return "q"
    return "b" if len(words) <= 2**7 else "i"


def _column(type: str, values: Any) -> Any:
    try:
        if not hasattr(values, "astype"):
            return array(type, values)
        column = array(type)
        column.frombytes(values.astype(type, order="C", copy=False).view("B"))
        return column
    except OverflowError:  # beyond 64 bits
        return values.tolist() if hasattr(values, "tolist") else list(values)
