"""The devices that a group may go to, best first, and the errors where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from simgpu.errors import PlacementError
from simgpu.machine import Machine
from simgpu.naming import DeviceSpec, short_name
from simgpu.placement.constraints import ANYWHERE, without_device
from simgpu.placement.groups import KIND_RANK, Group, Groups, Kinds, preferred_first
from simgpu.placement.placement import Problem

SHOWN = 8
"""How many devices a message lists."""


class Devices:
    """The devices of a machine as a placer asks for them. Answers are kept: few questions are asked many times.

    `kinds` are the kinds of device that there are, the preferred one first.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._by_spec = {device.spec: index for index, device in enumerate(machine.devices)}
        self._found: dict[tuple[DeviceSpec, Kinds], tuple[int, ...]] = {}
        first = machine.devices[0].spec
        self._local = DeviceSpec(first.job, first.replica, first.task)
        self.kinds = [kind for kind, _ in preferred_first(list({(device.kind, 0) for device in machine.devices}))]

    def matching(self, spec: DeviceSpec) -> list[int]:
        """Return the devices that a constraint allows."""
        if spec.is_complete:
            exact = self._by_spec.get(spec)
            return [] if exact is None else [exact]
        return [index for index, device in enumerate(self.machine.devices) if spec.matches(device.spec)]

    def best_first(self, spec: DeviceSpec, kinds: Kinds) -> tuple[int, ...]:
        """Return the devices that a constraint allows and that have a kernel, the preferred one first.

        Order: priority of the kernel, rank of the kind, devices of the first host before others, name.
        """
        key = (spec, kinds)
        if key not in self._found:
            priorities = dict(kinds)
            allowed = [index for index in self.matching(spec) if self.machine.devices[index].kind in priorities]
            self._found[key] = tuple(sorted(allowed, key=lambda index: self._order(index, priorities)))
        return self._found[key]

    def _order(self, index: int, priorities: dict[str, int]) -> tuple[int, int, bool, str]:
        device = self.machine.devices[index]
        rank = KIND_RANK.get(device.kind, 0)
        return -priorities[device.kind], -rank, not self._local.matches(device.spec), device.name


def candidates(problem: Problem, groups: Groups, devices: Devices, index: int) -> tuple[int, ...]:
    """Return the devices that operation `index` may go to, best first. Raises PlacementError if there is none."""
    group = groups.of(index)
    if group.assigned is not None:
        return (group.assigned,)
    if not group.candidates:
        group.candidates = _allowed(group, devices, soft=problem.soft)
    if not group.candidates:
        asked = problem.graph.data.names[index]
        refused = _refusal(problem, groups, devices, index)
        raise PlacementError(refused, operation=asked, rule=problem.requests[index].rule)
    return group.candidates


def _allowed(group: Group, devices: Devices, *, soft: bool) -> tuple[int, ...]:
    """Try what was asked; then, if soft, any type and index but a variable's; then a variable's, too."""
    found = devices.best_first(group.requested, group.kinds)
    if not found and soft:
        found = devices.best_first(without_device(group.requested, keep=group.resource), group.kinds)
    if not found and soft:
        found = devices.best_first(without_device(group.requested), group.kinds)
    return found


def _refusal(problem: Problem, groups: Groups, devices: Devices, index: int) -> str:
    operation, group = problem.graph.operation(index), groups.of(index)
    who = f"operation {operation.name!r} ({operation.type})"
    request = problem.requests[index]
    origin = "" if request.source == "requested" else f" by {request.source}"
    if not group.kinds:
        there = ", ".join(devices.kinds)
        return (
            f"{who} has no {there} kernel in the kernel set {problem.kernels.name!r}: "
            f"none for {problem.kernels.missing(operation, devices.kinds[0])}; choose another kernel set"
        )
    if request.spec is ANYWHERE or request.spec != group.requested:
        asked = f"its own request is {request.spec}{origin}; " if request.spec is not ANYWHERE else ""
        return (
            f"{who} shares a device with operations that ask for {group.requested}; {asked}"
            f"{_fault(problem, groups, devices, index)}"
        )
    return f"{who} asks for {request.spec}{origin}; {_fault(problem, groups, devices, index)}"


def _fault(problem: Problem, groups: Groups, devices: Devices, index: int) -> str:
    """Say what is wrong with the request of a group, what there is, and what to do."""
    group = groups.of(index)
    spec = group.requested
    if not devices.matching(without_device(spec)):
        return (
            f"there is no such job or task, and soft placement gives way in type and index only; "
            f"the machine has {_listed(devices.machine)}: name one of these"
        )
    matching = devices.matching(spec)
    if not matching:
        return (
            f"there is no such device, the machine has {_listed(devices.machine)}; "
            "name one of these, or allow another device: soft=True"
        )
    kinds = sorted({devices.machine.devices[index].kind for index in matching})
    supported = ", ".join(kind for kind, _ in group.kinds)
    return (
        f"there is no {' or '.join(kinds)} kernel for {_lacking(problem, groups, index, kinds)}, only for {supported}; "
        f"ask for {supported}, or allow another device: soft=True"
    )


def _lacking(problem: Problem, groups: Groups, index: int, kinds: Sequence[str]) -> str:
    """Name what has no kernel on these kinds: the operation itself, or one that shares its device."""
    for member in (index, *(other for other in range(len(problem.graph)) if groups.root(other) == groups.root(index))):
        operation = problem.graph.operation(member)
        for kind in kinds:
            if problem.kernels.find(operation, kind) is None:
                whose = "" if member == index else f" (operation {operation.name!r}, which shares its device)"
                return problem.kernels.missing(operation, kind) + whose
    return "all of its group"


def _listed(machine: Machine) -> str:
    names = [short_name(device.name) for device in machine.devices]
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
