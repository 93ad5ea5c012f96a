"""Calibrations as files: JSON with one sample on each line, so that people can read and compare them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, TypeVar

from simgpu.costs import (
    Calibration,
    ContentionSample,
    CopySample,
    DeviceFacts,
    OperationSample,
    Overheads,
)
from simgpu.costs.measured_records import WAYS
from simgpu.errors import CalibrationError, SimgpuError, check_type
from simgpu.graph import TensorSpec
from simgpu.kernels import rule
from simgpu.readers.json_file import Entry, JsonFile, in_words, read_json
from simgpu.readers.text_file import TextFile, read_text

FORMAT, VERSION = "simgpu calibration", 2
_SPEC = re.compile(r"(\w+)\[((?:\d+(?:,\d+)*)?)\]")
_SINCE_1 = (
    "in version 1, siblings had no spread, and no copies came from pinned memory, so its link was slower than it is"
)
_HOW = "write one with `simgpu calibrate -o FILE`"
_KINDS = ("CPU", "GPU")
_Made = TypeVar("_Made")


def write_calibration(calibration: Calibration, path: str | os.PathLike[str]) -> None:
    """Write a calibration to a file. Raises CalibrationError where that cannot be."""
    check_type(calibration, Calibration, "calibration", "a Calibration; give what `calibrate` returns")
    text = calibration_text(calibration)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CalibrationError(f"{os.fspath(path)!r} cannot be written: {reason}; name another file") from error


def calibration_text(calibration: Calibration) -> str:
    """Return the text of a calibration's file."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "device": asdict(calibration.device),
        "overheads": asdict(calibration.overheads),
        "memory_bandwidth_bytes_per_s": calibration.memory_bandwidth_bytes_per_s,
        "peak_flop_per_s": dict(calibration.peak_flop_per_s),
    }
    lists = {
        "contention": [_contention_row(sample) for sample in calibration.contention],
        "copies": [asdict(sample) for sample in calibration.copies],
        "operations": [_operation_row(sample) for sample in calibration.operations],
    }
    members = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    members += [f"  {json.dumps(key)}: {_lines(rows)}" for key, rows in lists.items()]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a list with one entry on each line."""
    return "[\n" + ",\n".join(f"    {json.dumps(row)}" for row in rows) + "\n  ]" if rows else "[]"


def _operation_row(sample: OperationSample) -> dict[str, Any]:
    row = {
        "type": sample.type,
        "kind": sample.kind,
        "inputs": list(map(str, sample.inputs)),
        "outputs": list(map(str, sample.outputs)),
        "attributes": dict(sample.attributes),
    }
    if sample.failed:
        return {**row, "failed": sample.failed}
    return row | {key: getattr(sample, key) for key in _OPERATION_NUMBERS}


_OPERATION_NUMBERS = ("device_ps", "device_spread_ps", "host_ps", "host_spread_ps", "repetitions")


def _contention_row(sample: ContentionSample) -> dict[str, Any]:
    return {**asdict(sample), "inputs": list(map(str, sample.inputs))}


def read_calibration(path: str | os.PathLike[str]) -> Calibration:
    """Read a calibration from a file.

    Raises CalibrationError, with line and column where that can be, for a file that is none, or of another version.
    """
    file = read_text(path, what="a calibration", error=CalibrationError, largest_bytes=2**28)
    return _calibration(read_json(file))


def _calibration(json_file: JsonFile) -> Calibration:
    _check_head(json_file)
    device = json_file.value("device", (dict,))
    overheads = json_file.value("overheads", (dict,))
    peaks = _counts(json_file.value("peak_flop_per_s", (dict,)), least=1)
    if "float32" not in peaks:
        raise json_file.value("peak_flop_per_s", (dict,)).refusal("the peak of 'float32' is missing; others rest on it")
    bandwidth = json_file.value("memory_bandwidth_bytes_per_s", (int,))
    if bandwidth.value < 1:
        raise bandwidth.refusal(f"'memory_bandwidth_bytes_per_s' must be 1 or more, not {bandwidth.value}")
    return Calibration(
        device=_device(device),
        overheads=Overheads(_number(overheads, "compute_ps"), _number(overheads, "transfer_ps")),
        memory_bandwidth_bytes_per_s=bandwidth.value,
        peak_flop_per_s=peaks,
        operations=tuple(map(_operation, json_file.entries("operations"))),
        copies=tuple(map(_copy, json_file.entries("copies"))),
        contention=tuple(map(_contention, json_file.entries("contention"))),
    )


def _check_head(json_file: JsonFile) -> None:
    file: TextFile = json_file.file
    if "format" not in json_file.members:
        raise file.refusal(0, f"this is no calibration: the key 'format' is missing; {_HOW}")
    format, version = json_file.value("format", (str,)), json_file.value("version", (int,))
    if format.value != FORMAT:
        raise format.refusal(f"'format' is {in_words(format.value)}, not {FORMAT!r}; {_HOW}")
    if version.value != VERSION:
        why = f"{_SINCE_1}; {_HOW}" if version.value == 1 else _HOW
        raise version.refusal(f"'version' is {version.value}; this release reads version {VERSION}: {why}")


def _device(entry: Entry) -> DeviceFacts:
    texts = {key: entry.get(key, (str,)) for key in ("name", "storage", "driver", "date")}
    versions = entry.get("versions", (dict,))
    if not all(isinstance(value, str) for value in versions.values()):
        raise entry.refusal("'versions' must be texts by the names of libraries", "versions")
    return DeviceFacts(
        kind=_one_of(entry, "kind", _KINDS),
        is_asynchronous=entry.get("is_asynchronous", (bool,)),
        memory_bytes=_number(entry, "memory_bytes", least=1),
        cores=_number(entry, "cores", least=1),
        versions=versions,
        **texts,
    )


def _operation(entry: Entry) -> OperationSample:
    failed = entry.get("failed", (str,), default="", is_needed=False)
    type = entry.get("type", (str,))
    _understood(lambda: rule(type), entry, "type")
    numbers = {key: 0 if failed else _number(entry, key) for key in _OPERATION_NUMBERS}
    attributes = {key: _plain(value) for key, value in entry.get("attributes", (dict,)).items()}
    inputs, outputs = _specs(entry, "inputs"), _specs(entry, "outputs")
    if not failed and rule(type).compute_dynamic is None:
        made = _understood(lambda: rule(type).infer(inputs, attributes), entry, "inputs")
        if made != outputs:
            raise entry.refusal(f"{type} of these inputs makes {', '.join(map(str, made))}", "outputs")
    kind = _one_of(entry, "kind", _KINDS)
    return OperationSample(
        kind=kind, type=type, inputs=inputs, outputs=outputs, attributes=attributes, failed=failed, **numbers
    )


def _copy(entry: Entry) -> CopySample:
    keys = ("host_ps", "time_ps", "spread_ps", "repetitions")
    numbers = {key: _number(entry, key) for key in keys}
    return CopySample(_one_of(entry, "way", WAYS), _number(entry, "size_bytes", least=1), **numbers)


def _contention(entry: Entry) -> ContentionSample:
    type = entry.get("type", (str,))
    _understood(lambda: rule(type), entry, "type")
    return ContentionSample(
        type=type,
        inputs=_specs(entry, "inputs"),
        siblings=_number(entry, "siblings", least=1),
        alone_ps=_number(entry, "alone_ps"),
        together_ps=_number(entry, "together_ps"),
        spread_ps=_number(entry, "spread_ps"),
        repetitions=_number(entry, "repetitions", least=1),
    )


def _number(entry: Entry, key: str, *, least: int = 0) -> int:
    value: int = entry.get(key, (int,))
    if value < least:
        raise entry.refusal(f"{key!r} must be {least} or more, not {value}", key)
    return value


def _counts(entry: Entry, *, least: int) -> dict[str, int]:
    return {key: _number(entry, key, least=least) for key in entry.value}


def _one_of(entry: Entry, key: str, known: Sequence[str]) -> str:
    value: str = entry.get(key, (str,))
    if value not in known:
        raise entry.refusal(f"{key!r} is {in_words(value)}; it must be one of {', '.join(known)}", key)
    return value


def _specs(entry: Entry, key: str) -> tuple[TensorSpec, ...]:
    return tuple(_spec(entry, key, text) for text in entry.get(key, (list,)))


def _spec(entry: Entry, key: str, text: object) -> TensorSpec:
    match = _SPEC.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise entry.refusal(f"{in_words(text)} is no tensor; write dtype and shape, such as 'float32[8,3]'", key)
    shape = tuple(map(int, filter(None, match[2].split(","))))
    return _understood(lambda: TensorSpec(shape, match[1]), entry, key)


def _understood(make: Callable[[], _Made], entry: Entry, key: str) -> _Made:
    """Return what is made of a member; an error gets the place of the member in the file."""
    try:
        return make()
    except SimgpuError as error:
        reason = str(error)
    raise entry.refusal(reason, key)


def _plain(value: Any) -> Any:
    """Return an attribute as operations have it: tuples, and floats."""
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return float(value) if isinstance(value, Decimal) else value
