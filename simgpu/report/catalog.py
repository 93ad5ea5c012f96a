"""The catalog for people: lists of parts and boxes, and one of them with every figure and its source."""

from __future__ import annotations

from functools import partial

from rich.table import Table

from simgpu.machine import DeviceModel, LinkType, Machine
from simgpu.machine.catalog import Box, boxes, parts
from simgpu.machine.topology_kinds import KINDS
from simgpu.report.machine_report import describe_machine
from simgpu.report.tables import Part, table
from simgpu.units import short_duration, short_flops, short_rate, short_size

_Rows = list[tuple[str, str]]
_DIGITS = 4  # as data sheets give them
_size, _rate = partial(short_size, digits=_DIGITS), partial(short_rate, digits=_DIGITS)
_duration, _flops = partial(short_duration, digits=_DIGITS), partial(short_flops, digits=_DIGITS)


def catalog_tables() -> list[Part]:
    """Return all parts and boxes, by kind."""
    models = [part for part in parts() if isinstance(part, DeviceModel)]
    links = [part for part in parts() if isinstance(part, LinkType)]
    return [
        "GPUs",
        _models([model for model in models if model.kind == "GPU"]),
        "",
        "Hosts",
        _models([model for model in models if model.kind == "CPU"]),
        "",
        "Links",
        table(
            ("Name", "Between", "Bandwidth, one way", "Latency"),
            [(it.name, _ENDS[it.kind], _rate(it.bandwidth_bytes_per_s), _duration(it.latency_ps)) for it in links],
            right=("Bandwidth, one way", "Latency"),
        ),
        "",
        "Boxes",
        table(("Name", "What it is"), [(box.name, box.title) for box in boxes()]),
        "",
        "Topologies",
        table(
            ("Kind", "Of links between", "What it is"),
            [(name, _ENDS[place], kind.title) for place, kinds in KINDS.items() for name, kind in kinds.items()],
        ),
    ]


_ENDS = {"host": "GPU and host", "gpu": "GPUs", "network": "hosts"}


def _models(models: list[DeviceModel]) -> Table:
    columns = ("Name", "What it is", "Memory", "Bandwidth", "Peak float32")
    rows = [
        (
            model.name,
            model.title,
            _size(model.memory_bytes),
            _rate(model.memory_bandwidth_bytes_per_s),
            _flops(model.peak_for("float32")),
        )
        for model in models
    ]
    return table(columns, rows, right=("Memory", "Bandwidth", "Peak float32"))


def describe_part(part: DeviceModel | LinkType) -> list[Part]:
    """Return every figure of a part, and its source."""
    rows = _model_rows(part) if isinstance(part, DeviceModel) else _link_rows(part)
    return [part.name, _figures(rows)]


def describe_box(box: Box) -> list[Part]:
    """Return a box: what it is made of, and the devices and links of the machine that it gives."""
    rows = [
        ("what it is", box.title),
        ("hosts", f"{box.hosts} x {box.host}"),
        ("GPUs of each host", box.gpus),
        ("link between GPUs", box.gpu_link or "none: they meet in the host"),
        ("network", box.network),
        *(("topology", f"{shape['kind']} between {_ENDS[place]}") for place, shape in box.topology.items()),
        ("source", box.source),
    ]
    return [box.name, _figures(rows), *describe_machine(Machine(box.name))]


def _model_rows(model: DeviceModel) -> _Rows:
    is_gpu = model.kind == "GPU"
    rows = [
        ("what it is", model.title),
        ("kind", model.kind),
        ("memory", _size(model.memory_bytes)),
        ("memory bandwidth", _rate(model.memory_bandwidth_bytes_per_s)),
        *((f"peak {dtype}", _flops(speed)) for dtype, speed in model.peak_flop_per_s.items()),
        ("streaming multiprocessors" if is_gpu else "cores", str(model.cores)),
    ]
    if is_gpu:
        rows.append(("launch overhead", _duration(model.launch_overhead_ps)))
        rows.append(("copy engines", str(model.copy_engines)))
        rows.append(("link to the host", model.host_link))
    if model.gpu_link:
        rows.append(("link between GPUs", model.gpu_link))
    if model.compute_capability is not None:
        rows.append(("compute capability", ".".join(map(str, model.compute_capability))))
    return [*rows, ("source", model.source)]


def _link_rows(link: LinkType) -> _Rows:
    return [
        ("between", _ENDS[link.kind]),
        ("bandwidth, one way" if link.duplex == "full" else "bandwidth", _rate(link.bandwidth_bytes_per_s)),
        ("latency", _duration(link.latency_ps)),
        ("duplex", link.duplex),
        *([("lanes of a GPU", str(link.lanes))] if link.lanes else []),
        ("source", link.source),
    ]


def _figures(rows: _Rows) -> Table:
    return table(("Figure", "Value"), rows)
