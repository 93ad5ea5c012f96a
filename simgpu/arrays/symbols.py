"""Tracing: a function runs once on symbols, arrays without values, and what it does to them is recorded.

A `Tracer` is a runtime of its own, with the devices of another but without bytes or caps. While a body runs, whatever
the other runtime is asked to do goes to the tracer instead; arrays of the other one that the body uses are captured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from simgpu.arrays.array import Array
from simgpu.arrays.current import enter_runtime, leave_runtime
from simgpu.arrays.deciding import Decision
from simgpu.arrays.memory import DeviceMemory
from simgpu.arrays.recorded import Seen
from simgpu.arrays.recording import Recording
from simgpu.arrays.rules import Rules
from simgpu.arrays.runtime import NO_ATTRIBUTES, Runtime
from simgpu.arrays.scopes import Body, BodyScopes
from simgpu.arrays.starting import Started
from simgpu.arrays.variable import Variable
from simgpu.errors import GraphError
from simgpu.graph import Tensor, TensorSpec
from simgpu.kernels import Attributes, OperationRule
from simgpu.memory import Block, MemoryPool
from simgpu.storage import ShapeArray, ShapeStorage

_UNLIMITED_BYTES = 2**62


class SymbolStorage(ShapeStorage):
    """Storage of symbols: nothing can be read. What the body writes from Python's values is kept for its graph."""

    def __init__(self) -> None:
        self.written: dict[int, tuple[ShapeArray, Any]] = {}  # by id of the array, which is kept alive

    def write(self, target: ShapeArray, value: Any) -> None:
        """Keep the values."""
        self.written[id(target)] = target, np.array(value)

    def read(self, source: ShapeArray) -> TensorSpec:
        """Refuse: there are no values yet."""
        raise GraphError(
            f"the value of a {source.spec} is not known while a function is traced: use `where` instead of `if`, "
            "return the array instead of reading it, or give Python values as arguments"
        )

    def compute_dynamic(
        self, rule: OperationRule, inputs: Sequence[Any], attributes: Attributes
    ) -> list[tuple[TensorSpec, Any]]:
        """Refuse: shapes that follow from values are not known yet."""
        raise GraphError(
            f"the result shapes of {rule.name} follow from values, which are not known while a function is traced: "
            "call it outside of the function"
        )


class TraceRecording(Recording):
    """A recording of symbols. Operations ask for what the scopes of the body ask for, which may be nothing."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__(tracer)
        self.scopes = tracer.scopes
        self._written = tracer.storage.written
        self.given: dict[int, str] = {}  # id of the block of an argument or captured array -> its name

    def changing(self, array: Array) -> None:
        """Refuse changes of arguments and captured arrays: callers of the graph would not see them."""
        name = self.given.get(id(array._buffer.block))
        if name is not None:
            raise GraphError(
                f"a traced function cannot change {name} in place, since that is not kept; change a copy and return it"
            )
        super().changing(array)

    def tensor(self, array: Array) -> Tensor:
        """Return the tensor that a symbol holds."""
        seen = self._seen(array)
        self._note_origin(seen)
        return self._followed().tensor(seen)

    def _request(self, rules: Rules | None, device: str, *, is_new: bool) -> str:
        if rules is None or not rules.follows_inputs:
            return self.scopes.asked()
        return self.scopes.asked() or str(rules.default) if is_new else device

    def _seen(self, array: Array) -> Seen:
        found = super()._seen(array)
        return found if array._kind.rules.follows_inputs else found._replace(device="")

    def _name_of(self, array: Seen) -> str:
        return self.given.get(id(array.block), "Input")

    def _value_of(self, array: Seen) -> Any:
        return self._written.get(id(array.data), (None, array.spec))[1]


class Tracer(Runtime):
    """A runtime on which the body of a function runs for `real`, the runtime that will run its graph."""

    scopes: BodyScopes
    storage: SymbolStorage

    def __init__(self, real: Runtime) -> None:
        super().__init__(real.machine, storage=SymbolStorage(), soft=real.soft)
        self.rules = real.rules
        self.real = real
        self.scopes = BodyScopes(real.scopes)
        self.recording = TraceRecording(self)
        self.captured: dict[int, tuple[Array | Variable, Array]] = {}  # by id of what is captured, which is kept alive

    def start(self) -> Started:
        """Bring the devices to life, without caps and without taking anything of the cards."""
        if self._started is None:
            devices, region = self.described.devices, self.storage.open(_UNLIMITED_BYTES)
            memories = (
                DeviceMemory(index, device, region, MemoryPool(device.name, _UNLIMITED_BYTES))
                for index, device in enumerate(devices)
            )
            self._started = Started(self.described, tuple(memories), ())
        return self._started

    @contextmanager
    def body(self) -> Iterator[TraceRecording]:
        """Send here what happens inside. What is left of it afterwards cannot be used."""
        guard, before = _Guard(self.real), enter_runtime(self)
        self.real.watch(guard)
        try:
            with self.recording, self.real.scopes.only(Body(self)):
                yield self.recording
        finally:
            self.real.unwatch(guard)
            leave_runtime(before)
            self.close()

    def symbol(self, array: Array, name: str) -> Array:
        """Return a symbol for an array of the real runtime."""
        kind = array._kind
        made = self.make(self.kind(kind.spec, kind.site, kind.rules), name)
        self.recording.given[id(made._buffer.block)] = name
        return made

    def capture(self, held: Array | Variable) -> Array:
        """Return the symbol of an array or variable of the real runtime, whose value is that of each later call."""
        if id(held) not in self.captured:
            array, name = (held._array, held.name) if isinstance(held, Variable) else (held, "captured")
            self.captured[id(held)] = held, self.symbol(array, name)
        return self.captured[id(held)][1]

    def apply(
        self,
        type: str,
        inputs: Sequence[Array] = (),
        attributes: Mapping[str, Any] = NO_ATTRIBUTES,
        rules: Rules | None = None,
    ) -> tuple[Array, ...]:
        """Note an operation, and return symbols for its outputs."""
        if self.is_closed:
            raise GraphError(f"{type} is given an array that a traced function left behind; return it instead")
        return super().apply(type, self.adopted(inputs), attributes, rules)

    def adopted(self, inputs: Sequence[Array]) -> list[Array]:
        """Return inputs with symbols for those of the real runtime."""
        return [self.capture(array) if array._kind.runtime is self.real else array for array in inputs]


class _Guard:
    """Keeps the body of a traced function from changing arrays of the real runtime: an observer of that runtime."""

    def __init__(self, real: Runtime) -> None:
        self._real = real

    def changing(self, array: Array) -> None:
        """Refuse, if it happens in a body."""
        self._real.scopes.refuse_in_body(f"change a {array._kind.spec} from outside in place")

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        """Do nothing."""

    def copied(self, source: Array, target: Array, start_ns: int) -> None:
        """Do nothing."""

    def viewed(self, type: str, attributes: Mapping[str, Any], source: Array, view: Array) -> None:
        """Do nothing."""

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Do nothing."""

    def returned(self, device: int, block: Block) -> None:
        """Do nothing."""
