"""Workloads of the DNN partitioning benchmark as JSON: nodes, edges, and the figures of their machine.

The format is that of github.com/msr-fiddle/dnn-partitioning (J. Tarnawski et al.: Efficient Algorithms for Device
Placement of DNN Graph Operators, NeurIPS 2020), where `FPGA` means any accelerator. Times are milliseconds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from simgpu.machine.refusal import show
from simgpu.readers.json_file import Entry, JsonFile, in_words, read_json
from simgpu.readers.text_file import read_text
from simgpu.units import LARGEST, PS_PER_MS

_USUAL_BYTES_PER_MS = Fraction(2**31, 1000)
_MOST_DEVICES = 4096
_SAME_COST_MS = Fraction(1, 10**6)  # what the benchmark's own programs take for equal
_NUMBER, _FLAG = (int, Decimal), (bool, int)


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `gpu_ps` is None where no accelerator can run it; `cost_ms` is None where nothing reads its output.

    `color` is shared by nodes that must be on one device; `size_bytes` is all the memory that it takes.
    """

    name: str
    cpu_ps: int
    gpu_ps: int | None
    size_bytes: int
    is_backward: bool
    color: int | None
    cost_ms: Fraction | None
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A file: nodes by id, and the machine. `bytes_per_ms` is the speed of a link at which its costs were reckoned."""

    name: str
    nodes: Mapping[int, Node]
    accelerators: int
    cpus: int
    limit_bytes: int
    bytes_per_ms: Fraction


def read_workload(path: str | os.PathLike[str]) -> Workload:
    """Read a file. Raises ModelFileError, with line and column."""
    file = read_json(read_text(path, what="a workload such as resnet50_inference.json"))
    edges = [_edge(entry) for entry in file.entries("edges")]
    return Workload(
        name=file.file.name,
        nodes=_nodes(file, edges),
        accelerators=_count(file, "maxFPGAs"),
        cpus=_count(file, "maxCPUs"),
        limit_bytes=int(_figure(file.value("maxSizePerFPGA", _NUMBER), None)),
        bytes_per_ms=_usual_rate(edges),
    )


@dataclass(frozen=True, slots=True)
class _Edge:
    entry: Entry
    source: int
    reader: int
    cost_ms: Fraction
    size_bytes: Fraction


def _edge(entry: Entry) -> _Edge:
    source, reader = entry.get("sourceId", (int,)), entry.get("destId", (int,))
    return _Edge(entry, source, reader, _figure(entry, "cost"), _figure(entry, "size", is_needed=False))


def _usual_rate(edges: list[_Edge]) -> Fraction:
    """Return the most frequent ratio of size and cost, the larger of equals; 2 GiB/s where there is none."""
    rates = Counter(edge.size_bytes / edge.cost_ms for edge in edges if edge.size_bytes and edge.cost_ms)
    return max(rates, key=lambda rate: (rates[rate], rate), default=_USUAL_BYTES_PER_MS)


def _nodes(file: JsonFile, edges: list[_Edge]) -> dict[int, Node]:
    entries = _by_id(file)
    names = [entry.get("name", (str,), is_needed=False) for entry in entries.values()]
    if None in names or len(set(names)) < len(names):
        names = [f"node{number}" for number in entries]
    inputs: dict[int, list[int]] = {number: [] for number in entries}
    costs: dict[int, Fraction] = {}
    for edge in edges:
        _check_edge(edge, entries, costs)
        if edge.source not in inputs[edge.reader]:
            inputs[edge.reader].append(edge.source)
    return {
        number: _node(entry, name, costs.get(number), tuple(inputs[number]))
        for (number, entry), name in zip(entries.items(), names, strict=True)
    }


def _check_edge(edge: _Edge, entries: Mapping[int, Entry], costs: dict[int, Fraction]) -> None:
    """Refuse an edge without its ends, and another cost than that of the earlier edges of the same node."""
    for key, end in (("sourceId", edge.source), ("destId", edge.reader)):
        if end not in entries:
            raise edge.entry.refusal(f"no node has the id {show(end)}", key)
    cost_ms = costs.setdefault(edge.source, edge.cost_ms)
    if abs(cost_ms - edge.cost_ms) > _SAME_COST_MS:
        reason = f"node {edge.source} has another edge of cost {float(cost_ms)}; give all of them one cost"
        raise edge.entry.refusal(reason, "cost")


def _by_id(file: JsonFile) -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    for entry in file.entries("nodes"):
        number = entry.get("id", (int,))
        if number in entries:
            raise entry.refusal(f"a second node has the id {show(number)}; renumber one", "id")
        entries[number] = entry
    if not entries:
        raise file.file.refusal(0, "there is no node; a workload has at least one")
    return entries


def _node(entry: Entry, name: str, cost_ms: Fraction | None, inputs: tuple[int, ...]) -> Node:
    is_for_accelerators = entry.get("supportedOnFpga", _FLAG)
    return Node(
        name=name,
        cpu_ps=_picoseconds(entry, "cpuLatency"),
        gpu_ps=_picoseconds(entry, "fpgaLatency") if is_for_accelerators else None,
        size_bytes=round(_figure(entry, "size", is_needed=False)),
        is_backward=bool(entry.get("isBackwardNode", _FLAG, is_needed=False)),
        color=entry.get("colorClass", (int,), is_needed=False),
        cost_ms=cost_ms,
        inputs=inputs,
    )


def _picoseconds(entry: Entry, key: str) -> int:
    """Return a time, rounded to the nearest picosecond: files have times that were computed in floats."""
    return round(_figure(entry, key, most=LARGEST // PS_PER_MS) * PS_PER_MS)


def _figure(entry: Entry, key: str | None, *, most: int = LARGEST, is_needed: bool = True) -> Fraction:
    """Return a number from 0 to `most`; 0 where it is not needed and not there, and for less than 1e-100."""
    value = entry.value if key is None else entry.get(key, _NUMBER, default=0, is_needed=is_needed)
    if not 0 <= value <= most:
        raise entry.refusal(f"{in_words(value)} is not from 0 to {most}", key or "")
    if isinstance(value, Decimal) and value.adjusted() < -100:
        return Fraction(0)
    return Fraction(value)


def _count(file: JsonFile, key: str) -> int:
    entry = file.value(key, (int,))
    if not 0 <= entry.value <= _MOST_DEVICES:
        raise entry.refusal(f"{key!r} must be from 0 to {_MOST_DEVICES}, not {in_words(entry.value)}")
    return int(entry.value)
