"""Tables on terminals of any width: numbers and names are never cut where they can stand whole."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from simgpu.report.tables import fitted, table

COLUMNS = ("Device", "Model", "Operations", "Limit", "Peak", "Peak %")
ROWS = [("GPU:0", "generic-4GiB", "199", "2 GiB", "79.1 MiB", "3.9 %"), ("GPU:1", "t4", "3", "16 GiB", "0 B", "0.0 %")]


def lines(whole, width):
    """Return what a terminal shows."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None)
    for part in fitted(whole, width):
        console.print(part)
    return stream.getvalue().splitlines()


@pytest.fixture
def devices():
    return table(COLUMNS, ROWS, right=COLUMNS[2:])


def test_a_table_that_fits_stays_whole(devices):
    assert fitted(devices, 67) == [devices]
    assert lines(devices, 67) == [
        "+--------+--------------+------------+--------+----------+--------+",
        "| Device | Model        | Operations |  Limit |     Peak | Peak % |",
        "+--------+--------------+------------+--------+----------+--------+",
        "| GPU:0  | generic-4GiB |        199 |  2 GiB | 79.1 MiB |  3.9 % |",
        "| GPU:1  | t4           |          3 | 16 GiB |      0 B |  0.0 % |",
        "+--------+--------------+------------+--------+----------+--------+",
    ]


def test_a_table_that_is_too_wide_becomes_several_with_the_first_column_each(devices):
    assert lines(devices, 50) == [
        "+--------+--------------+------------+--------+",
        "| Device | Model        | Operations |  Limit |",
        "+--------+--------------+------------+--------+",
        "| GPU:0  | generic-4GiB |        199 |  2 GiB |",
        "| GPU:1  | t4           |          3 | 16 GiB |",
        "+--------+--------------+------------+--------+",
        "+--------+----------+--------+",
        "| Device |     Peak | Peak % |",
        "+--------+----------+--------+",
        "| GPU:0  | 79.1 MiB |  3.9 % |",
        "| GPU:1  |      0 B |  0.0 % |",
        "+--------+----------+--------+",
    ]


def test_long_texts_are_folded_before_a_table_is_cut():
    whole = table(("Name", "What it is", "Memory"), [("t4", "NVIDIA T4 of 16 GB", "16 GiB")], right=("Memory",))

    assert lines(whole, 36) == [
        "+------+------------------+--------+",
        "| Name | What it is       | Memory |",
        "+------+------------------+--------+",
        "| t4   | NVIDIA T4 of 16  | 16 GiB |",
        "|      | GB               |        |",
        "+------+------------------+--------+",
    ]


@pytest.mark.parametrize("width", range(12, 80))
def test_nothing_is_lost_and_no_line_is_too_long_at_any_width(devices, width):
    first, *others = ("".join(cells) for cells in zip(COLUMNS, *ROWS, strict=True))
    shown = lines(devices, width)

    assert max(map(len, shown)) <= width
    letters = "".join(line for line in shown if line[0] == "|")
    expected = first * len(fitted(devices, width)) + "".join(others)
    assert Counter(letters) - Counter("| " * len(letters)) == Counter(expected.replace(" ", ""))


def test_a_table_of_no_rows_has_its_titles():
    assert lines(table(("Card", "Model"), []), 40)[1] == "| Card | Model |"
