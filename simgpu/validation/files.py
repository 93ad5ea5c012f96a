"""Predictions and results as JSON. Times are picoseconds; spans stand in columns, so that the file stays small."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simgpu.errors import InvalidValue
from simgpu.validation.outcome import BusyPair, ErrorSummary, Outcome, Validation
from simgpu.validation.pairing import Signature, SpanPair
from simgpu.validation.predicting import Prediction

FORMAT = "simgpu validation 1"
_COLUMNS = SpanPair._fields
_NUMBERED = ("kind", "resource", "signature")
"""Columns that hold numbers of entries of the lists at the end of the file."""


def write_predictions(predictions: Sequence[Prediction], facts: Mapping[str, Any], path: Path) -> str:
    """Write predictions so that they are on the disk when this returns; return the digest of the file."""
    rows = [
        {
            "workload": it.workload.name,
            "family": it.workload.family,
            "predicted_ps": None if it.trace is None else it.trace.makespan_ps,
            "busy_ps": {} if it.trace is None else it.trace.busy_by_resource_ps(),
            "warnings": list(it.warnings),
            "failure": it.failure,
        }
        for it in predictions
    ]
    text = json.dumps({"format": FORMAT, "facts": facts, "predictions": rows}, indent=1, default=str) + "\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(text.encode()).hexdigest()


def write_validation(validation: Validation, path: Path) -> None:
    """Write a validation, by way of a file beside it: what was there before is whole until the new one is."""
    numbers = _Numbers()
    workloads = ",\n".join(json.dumps(_outcome_json(it, numbers)) for it in validation.outcomes)
    head = {
        "format": FORMAT,
        "facts": dict(validation.facts),
        "predicted_sha256": validation.predicted_sha256,
        "errors": _summaries(validation),
    }
    opened = json.dumps(head, indent=1, default=str).removesuffix("\n}")
    lists = json.dumps({name: [*values] for name, values in numbers.values.items()})
    text = f'{opened},\n"workloads": [\n{workloads}\n],\n"lists": {lists}}}\n'
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def read_validation(path: str | os.PathLike[str]) -> Validation:
    """Read what `write_validation` has written. Raises InvalidValue for another file."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise KeyError(data["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidValue(
            f"{path} is no validation ({error}); give the `validation.json` of `simgpu validate`"
        ) from None
    lists = data["lists"]
    return Validation(
        facts=data["facts"],
        outcomes=tuple(_outcome(it, lists) for it in data["workloads"]),
        predicted_sha256=data["predicted_sha256"],
    )


@dataclass(slots=True)
class _Numbers:
    """Lists of values that occur often, each once."""

    values: dict[str, dict[Any, int]] = field(default_factory=lambda: {name: {} for name in _NUMBERED})

    def number(self, column: str, value: Any) -> int | None:
        known = self.values[column]
        return None if value is None else known.setdefault(value, len(known))


def _outcome_json(outcome: Outcome, numbers: _Numbers) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {name: [getattr(it, name) for it in outcome.pairs] for name in _COLUMNS}
    for name in _NUMBERED:
        columns[name] = [numbers.number(name, value) for value in columns[name]]
    return {
        "workload": outcome.workload,
        "family": outcome.family,
        "predicted_ps": outcome.predicted_ps,
        "measured_ps": outcome.measured_ps,
        "runs_ps": outcome.runs_ps,
        "error": outcome.error,
        "spread": outcome.spread,
        "failure": outcome.failure,
        "warnings": outcome.warnings,
        "busy": [asdict(it) for it in outcome.busy],
        "spans": columns,
    }


def _outcome(data: Mapping[str, Any], lists: Mapping[str, Sequence[Any]]) -> Outcome:
    return Outcome(
        workload=data["workload"],
        family=data["family"],
        predicted_ps=data["predicted_ps"],
        runs_ps=tuple(data["runs_ps"]),
        failure=data["failure"],
        warnings=tuple(data["warnings"]),
        busy=tuple(BusyPair(**it) for it in data["busy"]),
        pairs=tuple(_pairs(data["spans"], lists)),
    )


def _pairs(columns: Mapping[str, list[Any]], lists: Mapping[str, Sequence[Any]]) -> Iterator[SpanPair]:
    signatures = [Signature(it[0], tuple(it[1]), tuple(it[2]), it[3]) for it in lists["signature"]]
    found: dict[str, list[Any]] = dict(columns)
    for name, known in {**lists, "signature": signatures}.items():
        found[name] = [None if number is None else known[number] for number in found[name]]
    return (SpanPair(*row) for row in zip(*(found[name] for name in _COLUMNS), strict=True))


def _summaries(validation: Validation) -> dict[str, Any]:
    found: dict[str, ErrorSummary | None] = {"all": validation.summary()}
    found |= {family: validation.summary(family) for family in validation.families}
    return {name: None if it is None else asdict(it) for name, it in found.items()}
