"""The mapping form of a topology: how the links of a machine are arranged.

`{host: ..., gpu: ..., network: ...}` arranges the three kinds of links, each by a mapping with its `kind`; see
`topology_kinds`. One such mapping can also stand in place of the three, as in `{kind: fat-tree, k: 4}`: a ring or torus
then joins the GPUs of a machine with one host, and the hosts of one with several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from simgpu.machine import catalog
from simgpu.machine.blueprint import Blueprint
from simgpu.machine.given import Given, as_flag, as_mapping, as_text, check_keys
from simgpu.machine.hardware import LinkKind, LinkType
from simgpu.machine.link_mapping import read_link
from simgpu.machine.refusal import MachineKeyError, Path, did_you_mean, show
from simgpu.machine.topology_kinds import GPU_KINDS, HOST_KINDS, KINDS, NETWORK_KINDS, Kind

_Shape = TypeVar("_Shape")


def read_topology(given: Given, plan: Blueprint) -> Blueprint:
    """Return the plan with the topologies that are given, each checked against the parts of the plan."""
    path: Path = ("topology",)
    if "kind" in given:
        place = _place(as_text(given["kind"], (*path, "kind")), len(plan.hosts), (*path, "kind"))
        return _ARRANGE[place](plan, given, path)
    check_keys(given, ("kind", *KINDS), path)
    for place in KINDS:
        if place in given:
            plan = _ARRANGE[place](plan, as_mapping(given[place], (*path, place)), (*path, place))
    return plan


def _place(kind: str, hosts: int, path: Path) -> LinkKind:
    """Return which links a kind arranges that stands alone."""
    fitting = [place for place, kinds in KINDS.items() if kind in kinds]
    if not fitting:
        known = dict.fromkeys(name for kinds in KINDS.values() for name in kinds)
        raise MachineKeyError(f"there is no topology named {show(kind)}; {did_you_mean(kind, known)}", path)
    if fitting == ["network"] and hosts == 1:
        raise MachineKeyError(f"{show(kind)} joins hosts, but here is one; give 'hosts', or several boxes", path)
    return fitting[0] if hosts == 1 else fitting[-1]


def _arrange_host(plan: Blueprint, given: Given, path: Path) -> Blueprint:
    tree = _read(HOST_KINDS, given, path)
    with _inside(path):
        for gpus in _gpus_of_hosts(plan):
            tree.check(gpus)
    link = read_link(given["link"], (*path, "link"), ("host",)) if "link" in given else plan.host_link
    return replace(plan, host_link=link, topologies=replace(plan.topologies, host=tree))


def _arrange_gpu(plan: Blueprint, given: Given, path: Path) -> Blueprint:
    shape = _read(GPU_KINDS, given, path, also=("across_hosts",))
    across_hosts = as_flag(given.get("across_hosts", False), (*path, "across_hosts"))
    link = read_link(given["link"], (*path, "link"), ("gpu",)) if "link" in given else plan.gpu_link
    link = link or _usual_gpu_link(plan, path)
    all_gpus = sum(len(host.gpus) for host in plan.hosts)
    with _inside(path):
        for gpus in [all_gpus] if across_hosts else _gpus_of_hosts(plan):
            if link and gpus:
                shape.check(gpus, link)
    topologies = replace(plan.topologies, gpu=shape, across_hosts=across_hosts)
    return replace(plan, gpu_link=link, topologies=topologies)


def _usual_gpu_link(plan: Blueprint, path: Path) -> LinkType | None:
    """Return the NVLink that all GPUs are made for; None if there is no GPU."""
    models = {gpu.name: gpu.gpu_link for host in plan.hosts for gpu in host.gpus}
    names = {*models.values()}
    if "" in names or len(names) > 1:
        reason = f"the catalog does not know which link joins {' and '.join(models)}"
        raise MachineKeyError(f"{reason}; add link: nvlink3, or another, or {{bandwidth: 50 GB/s}}", path)
    return catalog.link(names.pop()) if names else None


def _arrange_network(plan: Blueprint, given: Given, path: Path) -> Blueprint:
    shape = _read(NETWORK_KINDS, given, path)
    link = read_link(given["link"], (*path, "link"), ("network",)) if "link" in given else plan.network
    with _inside(path):
        shape.check(len(plan.hosts), link)
    return replace(plan, network=link, topologies=replace(plan.topologies, network=shape))


_ARRANGE = {"host": _arrange_host, "gpu": _arrange_gpu, "network": _arrange_network}


def _read(kinds: Mapping[str, Kind[_Shape]], given: Given, path: Path, also: tuple[str, ...] = ()) -> _Shape:
    if "kind" not in given:
        raise MachineKeyError(f"a topology needs a 'kind': {', '.join(kinds)}", path)
    name = as_text(given["kind"], (*path, "kind"))
    if name not in kinds:
        raise MachineKeyError(f"{show(name)} is not one of {', '.join(kinds)}", (*path, "kind"))
    check_keys(given, ("kind", "link", *kinds[name].keys, *also), path)
    return kinds[name].read(given, path)


def _gpus_of_hosts(plan: Blueprint) -> list[int]:
    """Return the different numbers of GPUs that hosts have, if they have any."""
    return sorted({len(host.gpus) for host in plan.hosts} - {0})


@contextmanager
def _inside(path: Path) -> Iterator[None]:
    """Put a path before those of the errors inside."""
    try:
        yield
    except MachineKeyError as error:
        raise MachineKeyError(error.reason, (*path, *error.path)) from None
