"""From what happened to what was computed: tensors that never change, for arrays that may.

An array that changes in place, or is seen through a view, is one piece of memory with many values in turn. In a graph
each of these values is a tensor of its own. `Versions` follows the entries of a recording and knows, for every array
that is alive, the tensor that it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simgpu.arrays.putting_back import putting_back
from simgpu.arrays.recorded import Computed, Copied, Entry, Fed, Granted, Returned, Seen, Viewed
from simgpu.arrays.rules import Rules
from simgpu.graph import Graph, GraphBuilder, Initializer, Tensor, TensorSpec
from simgpu.memory import Block

Attributes = Mapping[str, Any]
FED = "came from outside"
VIEW = "on the device of the array that is viewed"
COPY = "on the device of the array that is copied"


@dataclass(frozen=True, slots=True)
class RecordedOperation:
    """An operation of the graph to be. `device` is what it asks for; `rules` are those it ran under, if it had any."""

    name: str
    type: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[TensorSpec, ...]
    attributes: Attributes
    device: str
    reason: str
    rules: Rules | None = None


@dataclass(slots=True, eq=False)
class _Window:
    """What one storage array shows of a block: all of it, or a view of another window.

    `tensor` was its value when the block had this `version`; None if nobody has read it yet.
    """

    data: Any
    spec: TensorSpec
    device: str
    version: int
    tensor: Tensor | None
    source: _Window | None = None
    type: str = ""
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class _Memory:
    """A live block, with all that is known to look into it. `version` counts changes in place."""

    block: Block
    version: int = 0
    windows: dict[int, _Window] = field(default_factory=dict)


class Versions:
    """The operations of a recording, and the tensor that each array holds."""

    def __init__(self) -> None:
        self.operations: list[RecordedOperation] = []
        self.values: dict[str, Any] = {}
        self.problem: str | None = None
        self._memories: dict[int, _Memory] = {}
        self._names: dict[str, int] = {}

    def take(self, entry: Entry) -> str:
        """Follow one entry. Return the name of the operation or tensor that it is about, if it made or moved one."""
        match entry:
            case Computed():
                return self._compute(entry)
            case Copied():
                return self._copy(entry)
            case Fed():
                return self._feed(entry)
            case Viewed():
                self._view(entry)
            case Granted() | Returned():
                self._memories.pop(id(entry.block), None)
        return ""

    def knows(self, array: Seen) -> bool:
        """Tell whether an array took part in what was recorded."""
        return self._window(array) is not None

    def tensor(self, array: Seen) -> Tensor:
        """Return the tensor that an array holds now; for a view that was not read yet, an operation is added."""
        window = self._window(array)
        assert window is not None, f"{array.spec} is read before it is noted where it comes from"
        return self._value(self._memories[id(array.block)], window)

    def graph(self, *, keep_devices: bool, initializers: Mapping[str, Initializer], fetches: Iterable[Tensor]) -> Graph:
        """Return the graph. What was fed becomes a Variable where there is an initializer for it, else an Input."""
        builder = GraphBuilder()
        for made in self.operations:
            type, attributes = made.type, made.attributes
            if made.name in initializers:
                type, attributes = "Variable", {**attributes, "initializer": initializers[made.name]}
            device = made.device if keep_devices else ""
            builder.add(type, made.inputs, outputs=made.outputs, name=made.name, attributes=attributes, device=device)
        builder.fetch(*fetches)
        return builder.build()

    def _compute(self, entry: Computed) -> str:
        inputs = tuple(self.tensor(array) for array in entry.inputs)
        specs = tuple(array.spec for array in entry.outputs)
        made = self._unused(entry.type)
        self.operations.append(
            RecordedOperation(
                made, entry.type, inputs, specs, entry.attributes, entry.device, entry.reason, entry.rules
            )
        )
        for slot, (array, spec) in enumerate(zip(entry.outputs, specs, strict=True)):
            self._hold(array, Tensor(made, slot, spec))
        return made

    def _copy(self, entry: Copied) -> str:
        """Let the target hold the same tensor. Within one memory, a copy is work, so it becomes an operation."""
        tensor = self.tensor(entry.source)
        if entry.source.memory == entry.target.memory:
            tensor = self._add("Identity", (tensor,), tensor.spec, {}, entry.target.device, COPY)
        self._hold(entry.target, tensor)
        return name_of(tensor)

    def _feed(self, entry: Fed) -> str:
        spec, name = entry.array.spec, self._unused(entry.name)
        self.operations.append(
            RecordedOperation(name, "Input", (), (spec,), {"spec": spec}, entry.array.device, FED, entry.array.rules)
        )
        self.values[name] = entry.value
        self._hold(entry.array, Tensor(name, 0, spec))
        return name

    def _view(self, entry: Viewed) -> None:
        source, view = self._window(entry.source), entry.view
        assert source is not None, f"{entry.type} is a view of {entry.source.spec}, which was not noted"
        windows = self._memories[id(view.block)].windows
        if id(view.data) not in windows:
            windows[id(view.data)] = _Window(
                view.data, view.spec, view.device, -1, None, source, entry.type, entry.attributes
            )

    def _window(self, array: Seen) -> _Window | None:
        memory = self._memories.get(id(array.block))
        return memory.windows.get(id(array.data)) if memory else None

    def _value(self, memory: _Memory, window: _Window) -> Tensor:
        if window.tensor is None or window.version != memory.version:
            source = window.source
            assert source is not None, "the array behind all views always has a value"
            inputs = (self._value(memory, source),)
            window.tensor = self._add(window.type, inputs, window.spec, window.attributes, window.device, VIEW)
            window.version = memory.version
        return window.tensor

    def _hold(self, array: Seen, tensor: Tensor) -> None:
        """Note that an array holds a tensor from now on: a new array, or one that changed in place."""
        memory = self._memories.setdefault(id(array.block), _Memory(array.block))
        window = memory.windows.get(id(array.data))
        own = [window, *_sources(window)] if window else []
        strange = [other for other in memory.windows.values() if other.source is None and other not in own]
        if strange:
            self.problem = self.problem or _unknown_view(array.spec, strange[0].spec)
        if window is None:
            window = _Window(array.data, array.spec, array.device, memory.version, tensor)
            memory.windows[id(array.data)] = window
        else:
            self._change(memory, window, tensor)

    def _change(self, memory: _Memory, window: _Window, tensor: Tensor) -> None:
        behind = list(_sources(window))
        before = [self._value(memory, source) for source in behind]
        memory.version += 1
        window.tensor, window.version = tensor, memory.version
        for source, old in zip(behind, before, strict=True):
            tensor = self._put_back(window, old, tensor)
            source.tensor, source.version = tensor, memory.version
            window = source

    def _put_back(self, view: _Window, source: Tensor, changed: Tensor) -> Tensor:
        undo = putting_back(view.type, view.attributes, source.spec)
        if undo is None:
            self.problem = self.problem or f"a {view.type} of {source.spec} was changed in place; change a copy of it"
            return source
        inputs = (source, changed) if undo.needs_source else (changed,)
        return self._add(undo.type, inputs, source.spec, undo.attributes, view.device, VIEW)

    def _add(
        self, type: str, inputs: tuple[Tensor, ...], spec: TensorSpec, attributes: Attributes, device: str, reason: str
    ) -> Tensor:
        """Add an operation that nobody wrote."""
        name = self._unused(type)
        self.operations.append(RecordedOperation(name, type, inputs, (spec,), attributes, device, reason))
        return Tensor(name, 0, spec)

    def _unused(self, wanted: str) -> str:
        name = wanted
        while name in self._names:
            self._names[wanted] += 1
            name = f"{wanted}_{self._names[wanted]}"
        self._names[name] = 0
        return name


def name_of(tensor: Tensor) -> str:
    """Return the name that a tensor has in its graph."""
    return tensor.operation + (f":{tensor.slot}" if tensor.slot else "")


def _sources(window: _Window) -> Iterable[_Window]:
    while window.source is not None:
        window = window.source
        yield window


def _unknown_view(array: TensorSpec, other: TensorSpec) -> str:
    return (
        f"a {array} shares memory with a {other}, and how was not recorded: one of them is a view taken before; "
        "start recording before views are taken, or use copies"
    )
