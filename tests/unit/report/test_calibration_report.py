from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from simgpu.calibration.case import case
from simgpu.costs import ContentionSample
from simgpu.graph import TensorSpec
from simgpu.kernels import OPERATIONS
from simgpu.report import calibration_report
from tests.unit.calibration.laws import calibration, sampled

GOOD = sampled(case("Relu", (5,)))
FAILED = replace(GOOD, type="Tanh", failed="RuntimeError: no kernel")


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ([FAILED], "1 sample failed, of Tanh; the first: Tanh(float32[5]): RuntimeError: no kernel"),
        ([FAILED, FAILED], "2 samples failed, of Tanh; the first: Tanh(float32[5]): RuntimeError: no kernel"),
    ],
)
def test_failures_are_counted_and_the_first_is_told(failed, expected):
    parts = calibration_report(calibration((), operations=(GOOD, *failed)))

    assert parts[-1] == expected


def shown(parts):
    console = Console(width=120, file=StringIO())
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_siblings_are_told_one_operation_to_a_line():
    spec = TensorSpec((64,), "float32")
    contention = (
        ContentionSample("Relu", (spec,), 2, 10_000_000, 20_000_000, 1_000_000, 5),
        ContentionSample("Relu", (spec,), 4, 10_000_000, 45_000_000, 9_000_000, 5),
        ContentionSample("Add", (spec, spec), 2, 30_000_000, 31_500_000, 0, 5),
    )
    lines = shown(calibration_report(calibration((), operations=(GOOD,), contention=contention)))
    start = lines.index("Siblings at work at once")

    assert lines[start - 2] == "Siblings at work at once take longer: 2.00 times with 2, 4.50 times with 4."
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[start + 1 : start + 7]]
    assert [line for line in cells if line] == [
        ["Operation", "Alone", "With 2", "With 4"],
        ["Add(float32[64], float32[64])", "30 us", "x 1.05 (spread 0 %)", ""],
        ["Relu(float32[64])", "10 us", "x 2.00 (spread 5 %)", "x 4.50 (spread 20 %)"],
    ]


def test_of_many_types_those_with_the_most_samples_are_shown_and_the_others_counted():
    types = sorted(name for name, rule in OPERATIONS.items() if rule.compute_dynamic is None)[:45]
    samples = [replace(GOOD, type=type) for place, type in enumerate(types) for _ in range(1 + (place < 42))]
    lines = shown(calibration_report(calibration((), operations=tuple(samples))))
    rows = [line.split("|")[1].strip() for line in lines[lines.index("Operations") :] if line.startswith("|")]

    assert rows == ["Type", *types[:40]]
    assert lines[-1] == "and 5 more types, of 1 to 2 samples each; all are in the file"


def test_where_nothing_failed_nothing_is_said_of_it():
    assert "failed" not in str(calibration_report(calibration((), operations=(GOOD,)))[-1])
