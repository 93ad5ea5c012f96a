"""Profiles of PipeDream as text: one line for each layer, then one for each edge, which starts with a tab.

    NAME -- KIND -- forward_compute_time=1.5, backward_compute_time=3.25, activation_size=64.0, parameter_size=0.0
        NAME -- NAME

Times are milliseconds, sizes bytes. A layer with several outputs has `activation_size=[a; b; c]`. The format is that of
`graph/graph.py` in github.com/msr-fiddle/pipedream.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from simgpu.errors import InvalidValue, check_type
from simgpu.graph.order import find_cycle, topological_order
from simgpu.machine.refusal import did_you_mean, show
from simgpu.readers.pipedream.profile import Layer, Profile
from simgpu.readers.text_file import TextFile, read_text
from simgpu.units import parse_duration, parse_size

_SEPARATOR = " -- "
_NAME = re.compile(r"[\w.-]+")
_STAGE = re.compile(r" -- stage_id=\d+$")
_FIGURE = re.compile(r"(\w+)=(\[[^\]]*\]|[^,\[\]]*)(?:, |$)")
_ITEM = re.compile(r"[^\[\]; ]+")
_FIGURES = ("forward_compute_time", "backward_compute_time", "activation_size", "parameter_size")
_LOADING = re.compile(r"Input\d*")
_NODE = "name -- what it is -- " + ", ".join(f"{name}=..." for name in _FIGURES)


def read_profile(path: str | os.PathLike[str], *, inputs: bool = False) -> Profile:
    """Read the profile of a network as PipeDream's profiler writes it.

    The sources called `Input` hold the time of loading data, not of the network: they are left out, unless `inputs`.
    The layers are ordered so that each comes after those that it reads, and else by the numbers in their names. A
    `stage_id`, which PipeDream's optimizer adds, is passed over. Raises ModelFileError, with line and column.
    """
    check_type(inputs, bool, "inputs", "a bool; give True or False")
    text = read_text(path, what="a profile such as resnet50.graph.txt")
    reading = _Reading(text)
    for offset, line in _lines(text):
        if line[0].isspace():
            reading.edge(offset, line)
        else:
            reading.node(offset, line)
    profile = reading.profile()
    return profile if inputs else _without_loading(profile)


def _lines(file: TextFile) -> Iterator[tuple[int, str]]:
    """Yield the lines that hold something, with the offset of each."""
    offset = 0
    for line in file.text.split("\n"):
        if line.strip():
            yield offset, line.rstrip()
        offset += len(line) + 1


def _without_loading(profile: Profile) -> Profile:
    loading = {layer.name for layer in profile if not layer.inputs and _LOADING.fullmatch(layer.kind)}
    return Profile(
        tuple(
            replace(layer, inputs=tuple(name for name in layer.inputs if name not in loading))
            for layer in profile
            if layer.name not in loading
        )
    )


@dataclass(slots=True)
class _Reading:
    """What has been read of one file, and where it stands."""

    file: TextFile
    layers: dict[str, Layer] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    edges: dict[tuple[str, str], int] = field(default_factory=dict)

    def node(self, offset: int, line: str) -> None:
        line = _STAGE.sub("", line)
        name, first, rest = line.partition(_SEPARATOR)
        kind, last, figures = rest.rpartition(_SEPARATOR)
        if not first or not last:
            raise self.file.refusal(offset, f"this is no layer; write it as {_NODE}")
        if not _NAME.fullmatch(name):
            raise self.file.refusal(offset, f"{show(name)} is no name of a layer: letters, digits, '_', '.' and '-'")
        if name in self.layers:
            raise self.file.refusal(offset, f"{show(name)} is here for the second time; rename one")
        self.layers[name] = self._layer(name, kind, self._figures(offset + len(line) - len(figures), figures))
        self.places[name] = offset

    def edge(self, offset: int, line: str) -> None:
        ends = line.strip().split(_SEPARATOR)
        offset += len(line) - len(line.lstrip())
        if len(ends) != 2:
            raise self.file.refusal(offset, "this is no edge; write it as a tab, then node1 -- node2")
        edge = (ends[0], ends[1])
        if edge in self.edges:
            raise self.file.refusal(offset, f"the edge {_SEPARATOR.join(edge)} is here for the second time; remove one")
        self.edges[edge] = offset

    def profile(self) -> Profile:
        if not self.layers:
            raise self.file.refusal(0, f"there is no layer; a profile has lines such as {_NODE}")
        self._refuse_loose_ends()
        names = sorted(self.layers, key=_number)
        position = {name: number for number, name in enumerate(names)}
        reads: list[list[int]] = [[] for _ in names]
        for source, reader in self.edges:
            reads[position[reader]].append(position[source])
        order = topological_order(reads)
        if len(order) < len(names):
            self._refuse_cycle([names[number] for number in find_cycle(reads, order)])
        return Profile(
            tuple(
                replace(self.layers[names[number]], inputs=tuple(names[other] for other in sorted(reads[number])))
                for number in order
            )
        )

    def _refuse_loose_ends(self) -> None:
        for (source, reader), offset in self.edges.items():
            for name, place in ((source, offset), (reader, offset + len(source) + len(_SEPARATOR))):
                if name not in self.layers:
                    reason = f"no layer is called {show(name)}; {did_you_mean(name, self.layers)}"
                    raise self.file.refusal(place, reason)

    def _refuse_cycle(self, names: list[str]) -> None:
        shown = " -> ".join(names[:8]) + (" -> ..." if len(names) > 8 else f" -> {names[0]}")
        raise self.file.refusal(self.places[names[0]], f"the edges make a cycle: {shown}; a profile has none")

    def _figures(self, offset: int, text: str) -> dict[str, tuple[int, str]]:
        """Return each figure with the offset of its value."""
        found: dict[str, tuple[int, str]] = {}
        end = 0
        for match in _FIGURE.finditer(text):
            if match.start() != end or match[1] not in _FIGURES or match[1] in found:
                break
            found[match[1]] = (offset + match.start(2), match[2])
            end = match.end()
        missing = [name for name in _FIGURES if name not in found]
        if missing or end < len(text):
            wanted = f"{missing[0]}=..." if missing else "the end of the line"
            found_here = show(text[end:]) if end < len(text) else "the end of the line"
            raise self.file.refusal(offset + end, f"{wanted} is expected here, not {found_here}")
        return found

    def _layer(self, name: str, kind: str, figures: dict[str, tuple[int, str]]) -> Layer:
        forward, backward = (self._time(*figures[key]) for key in _FIGURES[:2])
        return Layer(
            name=name,
            kind=kind,
            forward_ps=forward,
            backward_ps=backward,
            activations_bytes=tuple(self._sizes(*figures["activation_size"])),
            parameter_bytes=self._size(*figures["parameter_size"]),
        )

    def _time(self, offset: int, text: str) -> int:
        try:
            return parse_duration(f"{text} ms", what="a time")
        except InvalidValue as error:
            reason = str(error).partition("; accepted")[0]
        raise self.file.refusal(offset, f"{reason}; write milliseconds, such as 1.25")

    def _sizes(self, offset: int, text: str) -> Iterator[int]:
        if not text.startswith("["):
            yield self._size(offset, text)
            return
        for item in _ITEM.finditer(text):
            yield self._size(offset + item.start(), item[0])

    def _size(self, offset: int, text: str) -> int:
        try:
            return parse_size(f"{text} B", what="a size")
        except InvalidValue as error:
            reason = str(error).partition("; accepted")[0]
        raise self.file.refusal(offset, f"{reason}; write bytes, such as 4096.0")


def _number(name: str) -> tuple[int, str]:
    """Order names by the number at their end: node2 before node10."""
    digits = name[len(name.rstrip("0123456789")) :]
    return int(digits[:18] or 0), name
