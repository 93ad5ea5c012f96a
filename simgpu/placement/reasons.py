"""Why each operation is where it is, in a few words: they are counted in summaries, so alike cases read alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simgpu.naming import DeviceSpec, short_name
from simgpu.placement.candidates import Devices
from simgpu.placement.constraints import ANYWHERE
from simgpu.placement.groups import Groups, Kinds
from simgpu.placement.placement import Problem

_NEIGHBOUR = re.compile(r"(colocated with|follows its \w+) .*", re.DOTALL)


def without_neighbour(reason: str) -> str:
    """Return a reason without the name of the operation that it refers to, if it does: for counting."""
    match = _NEIGHBOUR.fullmatch(reason)
    return f"{match[1]} ..." if match else reason


class Reasons:
    """Explains a finished assignment. `followed` holds the reasons of operations that went where a neighbour is."""

    def __init__(self, problem: Problem, groups: Groups, devices: Devices, kinds: Sequence[Kinds]) -> None:
        self.problem = problem
        self.groups = groups
        self.devices = devices
        self.kinds = kinds
        self._matches: dict[DeviceSpec, frozenset[int]] = {}

    def explain(self, assigned: Sequence[int], followed: dict[int, str]) -> tuple[str, ...]:
        """Return the reason of every operation."""
        leaders = self._leaders(assigned)
        reasons = []
        for index in range(len(assigned)):
            leader = leaders.get(self.groups.root(index), index)
            reasons.append(self._reason(index, assigned[index], leader, followed))
        return tuple(reasons)

    def _leaders(self, assigned: Sequence[int]) -> dict[int, int]:
        """Return, for each group of several operations, the member that explains its place, by the group's root.

        That is the first whose request was met; else the first whose kernels limit the group; else the first.
        """
        members: dict[int, list[int]] = {}
        for index in range(len(assigned)):
            root = self.groups.root(index)
            if root != index:
                members.setdefault(root, [root]).append(index)
        return {
            root: min(group, key=lambda index: (self._weight(index, assigned[index]), index))
            for root, group in members.items()
        }

    def _weight(self, index: int, device: int) -> int:
        spec = self.problem.requests[index].spec
        if spec is not ANYWHERE and device in self._matching(spec):
            return 0
        return 1 if len(self.kinds[index]) < len(self.devices.kinds) else 2

    def _reason(self, index: int, device: int, leader: int, followed: dict[int, str]) -> str:
        request = self.problem.requests[index]
        if request.spec is not ANYWHERE:
            return self._answer(index, device, leader)
        if leader != index:
            return self._colocated(leader)
        return followed.get(index) or self._preference(index, device)

    def _answer(self, index: int, device: int, leader: int) -> str:
        """Say what became of a request."""
        request = self.problem.requests[index]
        matching = self._matching(request.spec)
        if device in matching:
            return request.source
        if not self.problem.soft:  # the device of a variable overrides what its readers ask for
            return self._colocated(leader)
        if not matching:
            return f"soft: {short_name(str(request.spec))} does not exist"
        wanted = sorted({self.devices.machine.devices[match].kind for match in matching})
        without = [kind for kind in wanted if kind not in dict(self.kinds[index])]
        if without == wanted:
            return f"soft: {self._no_kernel(index, without[0])}"
        return self._colocated(leader) if leader != index else "soft: colocation"

    def _preference(self, index: int, device: int) -> str:
        """Say why an operation that nobody asked a device for is on this one."""
        kind = self.devices.machine.devices[device].kind
        better = [other for other in self.devices.kinds if other not in dict(self.kinds[index])]
        return self._no_kernel(index, better[0]) if better and better[0] != kind else "default"

    def _no_kernel(self, index: int, kind: str) -> str:
        operation = self.problem.graph.operation(index)
        return f"no {kind} kernel for {self.problem.kernels.missing(operation, kind)}"

    def _colocated(self, leader: int) -> str:
        return f"colocated with {self.problem.graph.data.names[leader]}"

    def _matching(self, spec: DeviceSpec) -> frozenset[int]:
        if spec not in self._matches:
            self._matches[spec] = frozenset(self.devices.matching(spec))
        return self._matches[spec]
