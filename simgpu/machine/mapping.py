"""The mapping form of a machine, as a YAML file gives it: hosts, GPUs, links, threads, and the split.

Which keys there are, and what each may hold, is told by `read_mapping`. Every refusal carries the path of its key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from simgpu.machine import catalog
from simgpu.machine.blueprint import (
    MOST_DEVICES,
    Blueprint,
    HostPlan,
    check_extent,
    plan_one_host,
    usual_host,
    usual_network,
)
from simgpu.machine.given import Given, as_count, as_list, as_mapping, as_text, as_whole, check_keys
from simgpu.machine.hardware import DeviceModel
from simgpu.machine.link_mapping import read_link
from simgpu.machine.one_line import read_boxes, read_gpus
from simgpu.machine.refusal import MachineKeyError, Path, show
from simgpu.machine.topology_mapping import read_topology

_THREADS = ("inter_op_threads", "intra_op_threads")
_KEYS = ("gpus", "box", "host", "hosts", "split", "compute", "links", "topology", "ecmp_seed", *_THREADS)
_HOST_KEYS = ("count", "job", "task", "gpus", "host", *_THREADS)
_LINK_KEYS = ("gpu", "host", "network")
_JOB = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def read_mapping(given: Given) -> Blueprint:
    """Read a machine.

    * `gpus`: one line, or a list of lines; `host`: a host of the catalog; or `hosts`: a list of such, each with `job`
      (`worker`), `task` (counted up within its job), `gpus`, `host`, and `count` for several alike; or `box`: a box of
      the catalog, or several as in `4 x hgx-h100-8`.
    * `links`: `gpu`, `host` and `network`, each a link of the catalog or `{bandwidth, latency: 0, duplex: full}`.
      A PCIe link as `gpu` means that GPUs meet in their host; any other joins them, through a switch if not said
      otherwise.
    * `topology`: how links are arranged, see `topology_mapping`; `ecmp_seed`: a whole number, see `network`.
    * `inter_op_threads`, `intra_op_threads`: of each host's CPU; `split`, `compute`: as for `Machine.split`.
    """
    check_keys(given, _KEYS, ())
    plan = _plan(given)
    plan = replace(plan, hosts=tuple(_with_threads(host, given, ()) for host in plan.hosts))
    plan = _with_links(plan, as_mapping(given.get("links", {}), ("links",)))
    plan = _with_topology(plan, given)
    split = as_mapping(given.get("split", {}), ("split",), "a mapping from devices to sizes")
    return replace(plan, split=split, compute=given.get("compute", "shared"))


def _plan(given: Given) -> Blueprint:
    """Plan the hosts, by whichever of the three ways they are given."""
    _refuse_together(given, "box", ("gpus", "host", "hosts"))
    _refuse_together(given, "hosts", ("gpus",))
    if "box" in given:
        return read_boxes(as_text(given["box"], ("box",)), ("box",))
    cpu = _cpu(given, ())
    if "hosts" in given:
        return _plan_hosts(given["hosts"], cpu)
    if "gpus" not in given and cpu is None:
        raise MachineKeyError(f"a machine needs one of 'gpus', 'host', 'hosts', 'box'; here are {show([*given])}")
    return plan_one_host(_gpus(given.get("gpus", []), ("gpus",)), cpu)


def _refuse_together(given: Given, key: str, others: Sequence[str]) -> None:
    for other in others:
        if key in given and other in given:
            raise MachineKeyError(f"{key!r} already says what {other!r} would; give one of them", (other,))


def _plan_hosts(given: object, cpu: DeviceModel | None) -> Blueprint:
    hosts: list[HostPlan] = []
    for position, entry in enumerate(as_list(given, ("hosts",))):
        hosts += _hosts(entry, cpu, hosts, ("hosts", position))
        check_extent(len(hosts), sum(len(host.gpus) for host in hosts), ("hosts",))
    if not hosts:
        raise MachineKeyError("a machine has at least one host; this list is empty", ("hosts",))
    return Blueprint(tuple(hosts), network=usual_network())


def _hosts(entry: object, cpu: DeviceModel | None, before: Sequence[HostPlan], path: Path) -> list[HostPlan]:
    given = as_mapping(entry, path)
    check_keys(given, _HOST_KEYS, path)
    job = as_text(given.get("job", "worker"), (*path, "job"))
    if not _JOB.fullmatch(job):
        raise MachineKeyError(f"{show(job)} is no job: letters, digits and _, a letter first", (*path, "job"))
    tasks = _tasks(given, job, {host.task for host in before if host.job == job}, path)
    gpus = _gpus(given.get("gpus", []), (*path, "gpus"))
    host = HostPlan(job, tasks[0], _cpu(given, path) or cpu or usual_host(gpus), gpus)
    host = _with_threads(host, given, path)
    return [replace(host, task=task) for task in tasks]


def _tasks(given: Given, job: str, taken: set[int], path: Path) -> range:
    """Return the tasks of the hosts that an entry stands for."""
    count = as_count(given.get("count", 1), (*path, "count"), most=MOST_DEVICES, what="a number of hosts")
    first = as_whole(given.get("task", max(taken, default=-1) + 1), (*path, "task"))
    tasks = range(first, first + count)
    double = min(taken.intersection(tasks), default=None)
    if double is not None:
        raise MachineKeyError(f"an earlier host is task {show(double)} of job {job!r} already", (*path, "task"))
    return tasks


def _gpus(given: object, path: Path) -> tuple[DeviceModel, ...]:
    if isinstance(given, str):
        return read_gpus(given, path)
    gpus: list[DeviceModel] = []
    for position, line in enumerate(as_list(given, path, "one line such as '2 x t4', or a list of lines")):
        gpus += read_gpus(as_text(line, (*path, position)), (*path, position))
    check_extent(1, len(gpus), path)
    return tuple(gpus)


def _cpu(given: Given, path: Path) -> DeviceModel | None:
    path = (*path, "host")
    return catalog.host(as_text(given["host"], path), path) if "host" in given else None


def _with_threads(host: HostPlan, given: Given, path: Path) -> HostPlan:
    """Set the thread counts that are given here, unless the host has its own."""
    inter, intra = (
        as_count(given[key], (*path, key), most=MOST_DEVICES, what="a number of threads") if key in given else None
        for key in _THREADS
    )
    return replace(
        host, inter_op_threads=host.inter_op_threads or inter, intra_op_threads=host.intra_op_threads or intra
    )


def _with_links(plan: Blueprint, given: Given) -> Blueprint:
    check_keys(given, _LINK_KEYS, ("links",))
    if "gpu" in given:
        link = read_link(given["gpu"], ("links", "gpu"), ("gpu", "host"))
        is_fabric = link.kind == "gpu"
        plan = replace(plan, gpu_link=link if is_fabric else None, host_link=None if is_fabric else link)
    if "host" in given:
        plan = replace(plan, host_link=read_link(given["host"], ("links", "host"), ("host",)))
    if "network" in given:
        plan = replace(plan, network=read_link(given["network"], ("links", "network"), ("network",)))
    return plan


def _with_topology(plan: Blueprint, given: Given) -> Blueprint:
    arranged = read_topology(as_mapping(given.get("topology", {}), ("topology",)), plan)
    if arranged.gpu_link and not plan.gpu_link and "gpu" in as_mapping(given.get("links", {}), ("links",)):
        reason = "over PCIe GPUs meet in their host, but 'topology' joins them"
        raise MachineKeyError(f"{reason}; name another link, or leave this one out", ("links", "gpu"))
    seed = as_whole(given["ecmp_seed"], ("ecmp_seed",)) if "ecmp_seed" in given else None
    return replace(arranged, ecmp_seed=seed)
