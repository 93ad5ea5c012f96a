"""Measuring a real card: copies with pinned memory, and siblings at work at once."""

from __future__ import annotations

import pytest

from simgpu.calibration.case import case
from simgpu.calibration.copies import Copies
from simgpu.calibration.siblings import contention
from simgpu.units import PS_PER_S, MiB

pytestmark = pytest.mark.gpu


def test_copies_with_pinned_memory_go_at_the_rate_of_a_link(card):
    copies = Copies(card(), 65 * MiB)
    found = {(sample.way, sample.size_bytes): sample for sample in copies.samples((1, 64 * MiB))}
    copies.close()

    for direction in ("h2d", "d2h"):
        small, large = (found[f"{direction}-pinned", size] for size in (1, 64 * MiB))
        staged = found[direction, 64 * MiB]
        assert 1e9 < large.size_bytes * PS_PER_S / large.time_ps < 1e12
        assert small.time_ps < large.time_ps < staged.host_ps + staged.time_ps


def test_siblings_take_as_long_as_one_or_as_all_one_after_the_other_or_between(card):
    cases = [case("Relu", (1024,)), case("MatMul", (2048, 2048), (2048, 2048))]
    found = list(contention(card(), cases, (2, 4), 60))

    assert [(sample.type, sample.siblings) for sample in found] == [
        (type, count) for type in ("Relu", "MatMul") for count in (2, 4)
    ]
    for sample in found:
        assert 0.7 < sample.together_ps / sample.alone_ps < 1.5 * sample.siblings
