"""Tables: rows kept as columns of numbers, and seen as a sequence of rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from simgpu.trace import Table


class Row(NamedTuple):
    name: str
    size: int


NAMES = ("a", "b", "c")
ROWS = [Row("a", 10), Row("c", -3), Row("a", 2**62)]


@pytest.fixture
def table():
    return Table(Row, NAMES, None, columns=([0, 2, 0], [10, -3, 2**62]))


def test_a_table_is_a_sequence_of_its_rows(table):
    assert isinstance(table, Sequence)
    assert (len(table), list(table), list(reversed(table))) == (3, ROWS, ROWS[::-1])
    assert (table[0], table[-1], table[1:], table[::2]) == (ROWS[0], ROWS[-1], ROWS[1:], ROWS[::2])
    assert (table.index(ROWS[1]), table.count(ROWS[0]), ROWS[2] in table, Row("b", 10) in table) == (1, 1, True, False)
    assert repr(table) == repr(ROWS)


@pytest.mark.parametrize("place", [3, -4])
def test_a_place_beyond_the_end_is_an_index_error(table, place):
    with pytest.raises(IndexError):
        table[place]


def test_a_table_is_equal_to_any_sequence_of_equal_rows(table):
    assert table == ROWS == table
    assert table == tuple(ROWS)
    assert table == Table(Row, ("c", "a"), None, columns=([1, 0, 1], [10, -3, 2**62]))
    assert table != ROWS[:2]
    assert table != [*ROWS[:2], Row("b", 1)]
    assert table != "abc"
    assert table != 3


def test_a_table_has_no_hash(table):
    with pytest.raises(TypeError, match="unhashable"):
        hash(table)


def test_an_empty_table_grows_row_by_row():
    table = Table(Row, NAMES, None)

    assert (len(table), list(table), table == []) == (0, [], True)

    table.append(2, 5)
    table.append(0, -7)

    assert table == [Row("c", 5), Row("a", -7)]
    assert list(table.numbers(0)) == [2, 0]
    assert list(table.numbers(1)) == [5, -7]


def test_numbers_beyond_64_bits_are_kept_exactly(table):
    table.append(1, 10**30)
    table.append(1, -1)

    assert table == [*ROWS, Row("b", 10**30), Row("b", -1)]
    assert Table(Row, NAMES, None, columns=([0], [2**63])) == [Row("a", 2**63)]


def test_columns_may_be_arrays_and_rows_hold_pythons_own_numbers():
    table = Table(Row, None, None, columns=(np.arange(3), np.array([1, 2, 10**30], object)))

    assert table == [Row(0, 1), Row(1, 2), Row(2, 10**30)]
    assert {type(value) for row in table for value in row} == {int}


def test_a_table_keeps_a_copy_of_what_it_is_made_of():
    names, sizes = [0], np.array([5])
    table = Table(Row, NAMES, None, columns=(names, sizes))
    names[0], sizes[0] = 1, 6

    assert table == [Row("a", 5)]


def test_rows_of_a_table_of_some_length_are_put_in_their_places():
    table = Table(Row, NAMES, None, length=3)
    table.put(1, np.array([2, 1]), np.array([7, 8]))
    table.put(0, np.array([1]), np.array([10**30], object))

    assert table == [Row("b", 10**30), Row("c", 7), Row("b", 8)]


def test_the_head_of_a_table_is_a_table_of_its_first_rows(table):
    assert table.head(2) == ROWS[:2]
    assert table.head(0) == []


def test_values_come_row_by_row_without_the_rows(table):
    assert list(table.values(1, 0)) == [(10, "a"), (-3, "c"), (2**62, "a")]
