"""Rows of numbers, kept end to end and made when they are asked for."""

from array import array
from copy import copy

import pytest

from simgpu.graph import Rows

GIVEN = [(1, 2), (), (3,)]


@pytest.fixture
def rows():
    made = Rows()
    for row in GIVEN:
        made.append(row)
    return made


def test_rows_are_a_sequence_of_tuples(rows):
    assert (len(rows), list(rows), rows[0], rows[-1], rows[1:], rows.row(2)) == (
        3,
        GIVEN,
        (1, 2),
        (3,),
        GIVEN[1:],
        (3,),
    )
    assert rows == GIVEN
    assert rows != GIVEN[:2]
    assert repr(rows) == repr(GIVEN)


@pytest.mark.parametrize("place", [3, -4])
def test_a_row_beyond_the_end_is_an_index_error(rows, place):
    with pytest.raises(IndexError):
        rows[place]


def test_rows_lie_end_to_end(rows):
    assert (rows.starts, rows.values) == (array("i", [0, 2, 2, 3]), array("i", [1, 2, 3]))


def test_a_copy_does_not_change_with_the_rows(rows):
    kept = copy(rows)
    rows.fill(0, [7, 8])
    rows.append([9])

    assert kept == GIVEN
    assert rows == [(7, 8), (), (3,), (9,)]
