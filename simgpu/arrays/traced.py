"""One trace of a function: the operations of its body, and how a call runs them.

Operations run one by one on the runtime, each where its request and the runtime's rules say. Those that ask for
nothing go to the device that the scopes around the call ask for, as those of a TensorFlow function do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simgpu.arrays.array import Array
from simgpu.arrays.constants import make_constant
from simgpu.arrays.deciding import CONSTANT
from simgpu.arrays.kind import Site
from simgpu.arrays.nests import mapped
from simgpu.arrays.rules import Rules
from simgpu.arrays.runtime import Runtime
from simgpu.arrays.scopes import ANYWHERE
from simgpu.arrays.symbols import Tracer, TraceRecording
from simgpu.arrays.variable import Variable
from simgpu.arrays.versions import RecordedOperation
from simgpu.errors import PlacementError
from simgpu.graph import Constant, Data, Graph, Initializer, Tensor, TensorSpec
from simgpu.naming import DeviceSpec


@dataclass(frozen=True, slots=True)
class Result:
    """A place in what a function returns: this tensor, on a device if the rules of its array fix one."""

    tensor: Tensor
    device: int | None


@dataclass(frozen=True, slots=True)
class Trace:
    """What a function does for one signature. `results` is what it returns, with a `Result` for each symbol.

    `arguments` and `captured` name the operations that stand for what comes from outside, `constants` those for values
    of Python; `last_use` says after which operation nothing needs a tensor any more.
    """

    recording: TraceRecording
    operations: tuple[RecordedOperation, ...]
    arguments: Mapping[str, str]
    captured: Mapping[str, Array | Variable]
    constants: Mapping[str, Any]
    results: Any
    fetches: tuple[Tensor, ...]
    last_use: Mapping[Tensor, int]

    def graph(self) -> Graph:
        """Return the graph for both engines: arguments are its inputs, what was captured is in it, as it is now."""
        values = {name: held.value() for name, held in self.captured.items()} | dict(self.constants)
        recipes: dict[str, Initializer] = {
            name: Constant(0) if isinstance(value, TensorSpec) else Data(value) for name, value in values.items()
        }
        versions = self.recording._followed()
        return versions.graph(keep_devices=True, initializers=recipes, fetches=self.fetches)

    def run(self, runtime: Runtime, arguments: Mapping[str, Array]) -> Any:
        """Run the body, and return what the function returns."""
        call = runtime.scopes.current()
        values = {Tensor(self.arguments[path], 0, array._kind.spec): array for path, array in arguments.items()}
        for name, held in self.captured.items():
            array = held.array if isinstance(held, Variable) else held
            values[Tensor(name, 0, array._kind.spec)] = array
        for index, operation in enumerate(self.operations):
            if operation.type != "Input" or operation.name in self.constants:
                inputs = [values[tensor] for tensor in operation.inputs]
                outputs = _run(runtime, operation, inputs, call, self.constants.get(operation.name))
                for slot, output in enumerate(outputs):
                    values[Tensor(operation.name, slot, operation.outputs[slot])] = output
                del inputs, outputs
            for tensor in operation.inputs:
                if self.last_use[tensor] == index:
                    values.pop(tensor, None)

        def result(_: str, leaf: Any) -> Any:
            return _handed_back(runtime, leaf, values[leaf.tensor]) if isinstance(leaf, Result) else leaf

        return mapped(self.results, result)


def trace_of(tracer: Tracer, returned: Any, arguments: Mapping[str, Array]) -> Trace:
    """Return what was traced. Raises GraphError where it is no graph. `arguments` are the symbols of the arguments."""
    recording, fetches = tracer.recording, []

    def result(_: str, leaf: Any) -> Any:
        leaf = leaf.array if isinstance(leaf, Variable) and leaf._array._kind.runtime is tracer else leaf
        if not (isinstance(leaf, Array) and leaf._kind.runtime is tracer):
            return leaf
        fetches.append(recording.tensor(leaf))
        return Result(fetches[-1], leaf._kind.site.device if leaf._kind.rules.follows_inputs else None)

    results = mapped(returned, result)
    named = {path: recording.tensor(symbol).operation for path, symbol in arguments.items()}
    captured = {recording.tensor(symbol).operation: held for held, symbol in tracer.captured.values()}
    recording.graph_for()  # raises if there is none
    constants = recording.feeds
    operations = tuple(recording._followed().operations)
    last_use = {tensor: index for index, operation in enumerate(operations) for tensor in operation.inputs}
    last_use.update(dict.fromkeys(fetches, len(operations)))
    return Trace(recording, operations, named, captured, constants, results, tuple(fetches), last_use)


def _run(
    runtime: Runtime, operation: RecordedOperation, inputs: Sequence[Array], call: DeviceSpec, value: Any
) -> Sequence[Array]:
    """Run one operation where it asks to, or where the call is. `value` is what a constant is made of."""
    asked = DeviceSpec.parse(operation.device)
    request = call if asked.matches(call) else asked
    try:
        with runtime.scopes.only(*(() if request == ANYWHERE else (request,))):
            return _apply(runtime, operation, inputs, value)
    except PlacementError:
        if operation.device:
            raise
    with runtime.scopes.only():  # the device of the call is a preference, and not a request, of what asks for nothing
        return _apply(runtime, operation, inputs, value)


def _apply(runtime: Runtime, operation: RecordedOperation, inputs: Sequence[Array], value: Any) -> Sequence[Array]:
    rules = operation.rules or (inputs[0]._kind.rules if inputs else runtime.rules)
    if operation.type == "Variable":
        value = operation.attributes["initializer"].array
    if value is not None:
        return (_constant(runtime, operation, rules, value),)
    if not rules.follows_inputs:
        return runtime.apply(operation.type, inputs, operation.attributes)
    if inputs and operation.device:
        device = runtime.machine.index(operation.device)
        inputs = [_moved(runtime, array, device) for array in inputs]
    return runtime.apply(operation.type, inputs, operation.attributes, rules)


def _constant(runtime: Runtime, operation: RecordedOperation, rules: Rules, value: Any) -> Array:
    (spec,) = operation.outputs
    if not (rules.follows_inputs and operation.device):
        return make_constant(runtime, value, spec.dtype)
    device = runtime.machine.index(operation.device)
    made = runtime.make(runtime.kind(spec, Site(device, device), rules), "constant")
    runtime.storage.write(made._data, value)
    return made


def _moved(runtime: Runtime, array: Array, device: int) -> Array:
    return array if array._kind.site.device == device else runtime.copy(array, Site(device, device))


def _handed_back(runtime: Runtime, result: Result, array: Array) -> Array:
    """Return a result on its own device, or else where the call would put a new array of its dtype."""
    if result.device is not None:
        return _moved(runtime, array, result.device)
    try:
        site = runtime.place_source(CONSTANT, array._kind.spec.dtype).writes[0]
    except PlacementError:
        return array
    return array if array._kind.site.memory == site.memory else runtime.copy(array, site)
