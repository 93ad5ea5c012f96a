"""Groups of operations that share a device, each with the merged constraints of its members (colocation_graph.cc)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from simgpu.errors import PlacementError
from simgpu.graph import Graph
from simgpu.naming import DeviceSpec
from simgpu.placement.constraints import ANYWHERE, Conflict, are_compatible, merge, specialise
from simgpu.placement.placement import Problem
from simgpu.placement.references import is_variable_source, plain_identities, tying_edges

Kinds = tuple[tuple[str, int], ...]
"""Kinds of device with a kernel, and the kernel's priority, the preferred kind first."""

KIND_RANK = {"GPU": 210, "CPU": 70}
"""TensorFlow's preference among kinds whose kernels have the same priority. Other kinds come last."""


@dataclass(slots=True)
class Group:
    """What holds for all members of a group.

    Invariant: `requested` specialises `resource`. `resource` is what was asked for a variable itself; no other member
    can override it. `assigned` is set with the first member that is placed, and binds the others.
    """

    requested: DeviceSpec
    resource: DeviceSpec
    kinds: Kinds
    assigned: int | None = None
    candidates: tuple[int, ...] = field(default=())


class Groups:
    """A partition of the operations of a graph: union-find, with a `Group` at each root."""

    def __init__(self, problem: Problem, kinds: list[Kinds]) -> None:
        """Form the groups. Raises PlacementError where members cannot share a device."""
        self.problem = problem
        self.parents = list(range(len(kinds)))
        self.ranks = [0] * len(kinds)
        self.groups = [self._alone(index, supported) for index, supported in enumerate(kinds)]
        for source, reader in tying_edges(problem.graph):
            self._tie(source, reader)
        for index, other in _named_groups(problem.graph):
            self._colocate(index, other)
        for source, identity in plain_identities(problem.graph, self._is_free):
            with contextlib.suppress(Conflict):  # a preference, no constraint
                self._join(identity, source)

    def root(self, index: int) -> int:
        """Return the operation that stands for the group of operation `index`."""
        parents = self.parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def of(self, index: int) -> Group:
        """Return the group of operation `index`."""
        return self.groups[self.root(index)]

    def _is_free(self, index: int) -> bool:
        return self.problem.requests[index].spec is ANYWHERE

    def _alone(self, index: int, kinds: Kinds) -> Group:
        spec = self.problem.requests[index].spec
        is_source = spec is not ANYWHERE and is_variable_source(self.problem.graph, index)
        return Group(requested=spec, resource=spec if is_source else ANYWHERE, kinds=kinds)

    def _tie(self, source: int, reader: int) -> None:
        """Join the ends of an edge that carries a variable. The variable's device wins over the reader's request."""
        given, taken = self.of(source), self.of(reader)
        if not are_compatible(given.resource, taken.resource):
            raise self._refusal(
                reader,
                f"uses variables that were asked for on different devices, {given.resource} and {taken.resource}; ask "
                "for one device for all of them",
            )
        if not are_compatible(given.requested, taken.requested):
            taken.requested = specialise(given.requested, taken.resource)
        try:
            self._join(source, reader)
        except Conflict as conflict:
            raise self._refusal(
                reader,
                f"must be on the device of the variable that it takes from {self._name(source)}, but that cannot be: "
                f"{conflict}; choose another kernel set",
            ) from None

    def _colocate(self, index: int, other: int) -> None:
        try:
            self._join(index, other)
        except Conflict as conflict:
            if not self.problem.soft:
                raise self._refusal(
                    index,
                    f"is to be colocated with {self._name(other)}, but that cannot be: {conflict}; drop the "
                    "colocation, or allow it to be ignored: soft=True",
                ) from None

    def _join(self, one: int, other: int) -> None:
        """Merge two groups. Raises Conflict and changes nothing if they have no device in common."""
        first, second = self.root(one), self.root(other)
        if first == second:
            return
        # The shallower tree goes below the other; of two equals, the second below the first.
        kept, lost = (second, first) if self.ranks[first] < self.ranks[second] else (first, second)
        group, gone = self.groups[kept], self.groups[lost]
        resource = merge(group.resource, gone.resource)
        requested = specialise(merge(group.requested, gone.requested, soft=self.problem.soft), resource)
        kinds = _common(group.kinds, gone.kinds)
        if not kinds:
            raise Conflict(f"no kind of device has kernels for both ({_names(group.kinds)}; {_names(gone.kinds)})")
        group.requested, group.resource, group.kinds = requested, resource, kinds
        self.parents[lost] = kept
        self.ranks[kept] += self.ranks[first] == self.ranks[second]

    def _refusal(self, index: int, reason: str) -> PlacementError:
        name, rule = self.problem.graph.data.names[index], self.problem.requests[index].rule
        return PlacementError(f"operation {self._name(index)} {reason}", operation=name, rule=rule)

    def _name(self, index: int) -> str:
        data = self.problem.graph.data
        return f"{data.names[index]!r} ({data.types[index]})"


def preferred_first(kinds: list[tuple[str, int]]) -> Kinds:
    """Sort kinds of device by the priority of their kernels, then by TensorFlow's rank."""
    return tuple(sorted(kinds, key=lambda entry: (-entry[1], -KIND_RANK.get(entry[0], 0), entry[0])))


def _common(mine: Kinds, others: Kinds) -> Kinds:
    """Return the kinds in both, in the order of the side whose kernels have priorities; by rank if they disagree."""
    if mine == others:
        return mine
    left = tuple(entry for entry in mine if entry[0] in dict(others))
    right = tuple(entry for entry in others if entry[0] in dict(mine))
    has_left, has_right = (any(priority for _, priority in side) for side in (left, right))
    if has_left and has_right and [kind for kind, _ in left] != [kind for kind, _ in right]:
        return preferred_first([(kind, 0) for kind, _ in left])
    return right if has_right and not has_left else left


def _named_groups(graph: Graph) -> Iterator[tuple[int, int]]:
    """Return pairs that are to be colocated. A group has a name, mostly that of an operation; the first is its root."""
    data = graph.data
    roots: dict[str, int] = {}
    named = {name for names in data.colocations for name in names}
    for index in graph.order if named else ():
        for name in (*data.colocations[index], data.names[index]):
            if name in named and roots.setdefault(name, index) != index:
                yield index, roots[name]


def _names(kinds: Kinds) -> str:
    return "/".join(kind for kind, _ in kinds) or "none"
