"""Reads the catalog's data files, once each and only when asked. Names are looked up without regard to case."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as FilePath
from typing import Any, TypeVar

from simgpu.machine.hardware import DeviceKind, DeviceModel, LinkKind, LinkType
from simgpu.machine.refusal import MachineKeyError, Path, did_you_mean, show
from simgpu.units import format_size, parse_duration, parse_flops, parse_rate, parse_size

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Box:
    """A whole system. Its hosts are alike, each with `gpus` in the one-line form; no `gpu_link` is `""`.

    `topology` is that of the mapping form of a machine.
    """

    name: str
    title: str
    hosts: int
    gpus: str
    host: str
    gpu_link: str
    network: str
    source: str
    topology: Mapping[LinkKind, Mapping[str, Any]] = field(default_factory=dict, hash=False)


def parts() -> tuple[DeviceModel | LinkType, ...]:
    """Return every part: GPUs, hosts, links, each kind in the order of its file."""
    return *_gpus().values(), *_hosts().values(), *_links().values()


def boxes() -> tuple[Box, ...]:
    """Return every box, in the order of the file."""
    return tuple(_boxes().values())


def gpu(name: str, path: Path = ()) -> DeviceModel:
    """Return a GPU. Raises `MachineKeyError` with the nearest names, boxes among them."""
    return _find("GPU", name, _gpus(), path, also=(*_boxes(), "cpu"))


def generic_gpu(memory_bytes: int) -> DeviceModel:
    """Return the generic GPU with this much memory; its name says how much."""
    name = "generic-" + format_size(memory_bytes).replace(" ", "")
    return dataclasses.replace(_gpus()["generic"], name=name, memory_bytes=memory_bytes)


def host(name: str, path: Path = ()) -> DeviceModel:
    """Return a host's CPUs as one device. Raises `MachineKeyError` with the nearest names."""
    return _find("host", name, _hosts(), path)


def link(name: str, path: Path = (), *, kinds: tuple[LinkKind, ...] = ("host", "gpu", "network")) -> LinkType:
    """Return a link of one of these kinds. Raises `MachineKeyError` with the nearest names."""
    fitting = {name: link for name, link in _links().items() if link.kind in kinds}
    return _find("link" if len(kinds) == 3 else f"{' or '.join(kinds)} link", name, fitting, path)


def box(name: str, path: Path = ()) -> Box:
    """Return a box. Raises `MachineKeyError` with the nearest names."""
    return _find("box", name, _boxes(), path)


def is_box(name: str) -> bool:
    """Tell if a box of the catalog has this name."""
    return name.lower() in _boxes()


def _find(what: str, name: str, entries: Mapping[str, _Entry], path: Path, also: tuple[str, ...] = ()) -> _Entry:
    entry = entries.get(name.lower())
    if entry is None:
        known = [*entries, *also]
        raise MachineKeyError(f"the catalog has no {what} named {show(name)}; {did_you_mean(name, known)}", path)
    return entry


def _tables(file: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(FilePath(__file__).with_name(file).read_text(encoding="utf-8"))


@cache
def _gpus() -> dict[str, DeviceModel]:
    return {name: _model(name, "GPU", table) for name, table in _tables("gpus.toml").items()}


@cache
def _hosts() -> dict[str, DeviceModel]:
    return {name: _model(name, "CPU", table) for name, table in _tables("hosts.toml").items()}


@cache
def _links() -> dict[str, LinkType]:
    return {name: _link(name, table) for name, table in _tables("links.toml").items()}


@cache
def _boxes() -> dict[str, Box]:
    return {name: Box(**{"name": name, "gpu_link": "", **table}) for name, table in _tables("boxes.toml").items()}


def _model(name: str, kind: DeviceKind, table: Mapping[str, Any]) -> DeviceModel:
    capability = table.get("compute_capability")
    return DeviceModel(
        name=name,
        kind=kind,
        memory_bytes=parse_size(table["memory"]),
        memory_bandwidth_bytes_per_s=parse_rate(table["memory_bandwidth"]),
        peak_flop_per_s={dtype: parse_flops(rate) for dtype, rate in table["peak"].items()},
        launch_overhead_ps=parse_duration(table.get("launch_overhead", 0)),
        copy_engines=table.get("copy_engines", 0),
        cores=table["cores"],
        compute_capability=None if capability is None else (capability[0], capability[1]),
        source=table["source"],
        title=table["title"],
        host_link=table.get("host_link", ""),
        gpu_link=table.get("gpu_link", ""),
    )


def _link(name: str, table: Mapping[str, Any]) -> LinkType:
    return LinkType(
        name=name,
        kind=table["kind"],
        bandwidth_bytes_per_s=parse_rate(table["bandwidth"]),
        latency_ps=parse_duration(table["latency"]),
        source=table["source"],
        lanes=table.get("lanes", 0),
    )
