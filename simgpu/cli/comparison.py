"""`simgpu compare`: two traces that were written before, side by side."""

from __future__ import annotations

import json

from simgpu.cli.console import show
from simgpu.errors import InvalidValue
from simgpu.metrics import explain
from simgpu.report import comparison_json, comparison_report, read_traces
from simgpu.trace import Trace, compare


def compare_files(first: str, second: str | None, *, as_json: bool) -> None:
    """Compare the traces of two files, or both traces of one. Raises InvalidValue for files with others."""
    traces = _both_of(first) if second is None else (_one_of(first), _one_of(second))
    agreement, why = compare(*traces), explain(*traces)
    if as_json:
        print(json.dumps(comparison_json(*traces, agreement, why), indent=2))
    else:
        show(comparison_report(*traces, agreement, why))


def _both_of(path: str) -> tuple[Trace, Trace]:
    traces = read_traces(path)
    if len(traces) != 2:
        raise InvalidValue(f"{path} has {len(traces)} traces; name a second file, or one with exactly two")
    return traces[0], traces[1]


def _one_of(path: str) -> Trace:
    traces = read_traces(path)
    if len(traces) != 1:
        raise InvalidValue(
            f"{path} has {len(traces)} traces, and each of two files must have one; write them apart, with `--engine`"
        )
    return traces[0]
