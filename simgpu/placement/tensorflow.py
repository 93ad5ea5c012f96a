"""TensorFlow's rule placer (placer.cc, colocation_graph.cc), policy `tensorflow`.

No cost model, no memory, no balance: without requests, everything that has a GPU kernel is on the first GPU. Only a few
preferences soften that. A source of one tensor goes to its consumers if they share a device, an operation that looks at
shapes alone goes to its input, and an Identity that nothing else depends on stays with its source.

Left out: the bodies of functions, and the element types of variants.
"""

from __future__ import annotations

from simgpu.graph import Graph
from simgpu.placement.candidates import Devices, candidates
from simgpu.placement.groups import Groups, Kinds, preferred_first
from simgpu.placement.placement import Placement, Problem
from simgpu.placement.reasons import Reasons
from simgpu.placement.references import makes_reference

METADATA = frozenset({"Shape", "Size", "Rank"})
"""Operations that need the shape of their input and not its elements."""


def place_as_tensorflow(problem: Problem) -> Placement:
    """Place a graph as TensorFlow 2.21 does. Raises PlacementError where the requests cannot be met."""
    return _Placer(problem).run()


class _Placer:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.graph = problem.graph
        self.devices = Devices(problem.machine)
        self.kinds = _supported_kinds(problem, self.devices)
        self.groups = Groups(problem, self.kinds)
        self.assigned = [-1] * len(self.graph)
        self.followed: dict[int, str] = {}

    def run(self) -> Placement:
        consumers = _readers_of_sources(self.graph)
        for index in self.graph.order:
            if index not in consumers:
                self._assign(index, self._input_device(index))
        for index, readers in consumers.items():
            self._assign(index, self._consumer_device(index, readers))
        reasons = Reasons(self.problem, self.groups, self.devices, self.kinds)
        return Placement(
            graph=self.graph,
            machine=self.problem.machine,
            kernels=self.problem.kernels.name,
            devices=tuple(self.assigned),
            reasons=reasons.explain(self.assigned, self.followed),
        )

    def _assign(self, index: int, neighbour: tuple[int, str] | None) -> None:
        """Choose the neighbour's device if it is allowed, else the best one; the rest of the group is bound to it."""
        allowed = candidates(self.problem, self.groups, self.devices, index)
        device = allowed[0]
        if neighbour is not None and neighbour[0] != device and neighbour[0] in allowed:
            device, self.followed[index] = neighbour
        self.assigned[index] = device
        self.groups.of(index).assigned = device

    def _input_device(self, index: int) -> tuple[int, str] | None:
        data = self.graph.data
        if data.types[index] not in METADATA or not data.inputs[index]:
            return None
        source = data.producers[data.inputs[index][0]]
        return self.assigned[source], f"follows its input {data.names[source]}"

    def _consumer_device(self, index: int, readers: list[int]) -> tuple[int, str] | None:
        devices = {self.assigned[reader] for reader in readers}
        if len(devices) != 1:
            return None
        return devices.pop(), f"follows its consumer {self.graph.data.names[readers[0]]}"


def _supported_kinds(problem: Problem, devices: Devices) -> list[Kinds]:
    known: dict[tuple[tuple[str, int], ...], Kinds] = {}
    supported = []
    for operation in problem.graph:
        found = [problem.kernels.find(operation, kind) for kind in devices.kinds]
        entries = tuple((kernel.kind, kernel.priority) for kernel in found if kernel is not None)
        if entries not in known:
            known[entries] = preferred_first(list(entries))
        supported.append(known[entries])
    return supported


def _readers_of_sources(graph: Graph) -> dict[int, list[int]]:
    """Return the sources of one tensor, and all that read them or wait for them, in the order of the graph."""
    data = graph.data
    readers: dict[int, list[int]] = {index: [] for index in graph.order if _is_source(graph, index)}
    for index in range(len(graph)):
        for source in [*(data.producers[tensor] for tensor in data.inputs[index]), *data.control_inputs[index]]:
            if source in readers:
                readers[source].append(index)
    return readers


def _is_source(graph: Graph, index: int) -> bool:
    data = graph.data
    outputs = data.first_tensor[index + 1] - data.first_tensor[index]
    return not data.inputs[index] and outputs == 1 and not makes_reference(graph, index)
