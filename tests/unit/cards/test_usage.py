from __future__ import annotations

import os

import pytest

from simgpu.cards import usage
from simgpu.cards.usage import UsageFile, figures


@pytest.fixture
def file(tmp_path):
    return UsageFile(tmp_path / "cards.usage")


def test_figures_are_seen_by_whoever_reads_the_file(file):
    far, near = file.slot(1000), file.slot(0)
    near.write(1, 2)
    far.write(2**63 - 1, 2**63 - 1)

    content = file.read()
    assert [figures(content, slot) for slot in (0, 1, 1000)] == [(1, 2), (0, 0), (2**63 - 1, 2**63 - 1)]


def test_a_slot_beyond_the_end_and_a_missing_file_read_as_zero(file):
    assert figures(file.read(), 0) == (0, 0)
    file.slot(0)
    assert figures(file.read(), 100_000) == (0, 0)


def test_a_peak_is_never_shown_below_what_is_used(file):
    file.slot(3).write(9, 5)

    assert figures(file.read(), 3) == (9, 9)


def test_a_slot_is_zero_when_it_is_taken_again(file):
    file.slot(2).write(1, 1)
    file.slot(2)

    assert figures(file.read(), 2) == (0, 0)


def test_many_slots_need_few_open_files(file):
    before = len(os.listdir("/proc/self/fd"))
    slots = [file.slot(number) for number in range(2 * usage._SLOTS_PER_PAGE)]
    during = len(os.listdir("/proc/self/fd"))
    del slots

    assert (during, len(os.listdir("/proc/self/fd"))) == (before + 2, before)
