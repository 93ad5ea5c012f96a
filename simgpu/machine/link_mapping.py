"""The mapping form of a link: the name of one in the catalog, or its figures."""

from __future__ import annotations

from simgpu.machine import catalog
from simgpu.machine.given import as_amount, as_choice, as_mapping, check_keys
from simgpu.machine.hardware import DUPLEXES, LinkKind, LinkType
from simgpu.machine.refusal import MachineKeyError, Path
from simgpu.units import parse_duration, parse_rate

LINK_FIGURES = ("bandwidth", "latency", "duplex")


def read_link(given: object, path: Path, kinds: tuple[LinkKind, ...], *, name: str = "") -> LinkType:
    """Read a link of one of these kinds; one given by its figures is of the first, and is called after it or `name`."""
    if isinstance(given, str):
        return catalog.link(given, path, kinds=kinds)
    figures = as_mapping(given, path, f"the name of a link, or a mapping with {', '.join(LINK_FIGURES)}")
    check_keys(figures, LINK_FIGURES, path)
    if "bandwidth" not in figures:
        raise MachineKeyError("a link needs a 'bandwidth', such as '25 GB/s'", path)
    return LinkType(
        name=f"custom-{name or kinds[0]}",
        kind=kinds[0],
        bandwidth_bytes_per_s=as_amount(parse_rate, figures["bandwidth"], (*path, "bandwidth")),
        latency_ps=as_amount(parse_duration, figures.get("latency", 0), (*path, "latency")),
        duplex=as_choice(figures.get("duplex", "full"), DUPLEXES, (*path, "duplex")),
        source="given with the machine",
    )
