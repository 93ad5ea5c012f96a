"""The kernel sets `tensorflow` and `tensorflow-plugin`: which kernels TensorFlow 2.21 has for a GPU.

An operation of a graph is either TensorFlow's own, with its type attributes (`T`, `dtype`, ...), or one of our table;
the latter stands for a TensorFlow operation, and its type attributes follow from the dtypes of its tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simgpu.errors import UnknownOperation
from simgpu.graph import Operation
from simgpu.kernels.kernel import Kernel, in_device_memory
from simgpu.kernels.table import OPERATIONS
from simgpu.kernels.tensorflow_table import Argument, Registration, TensorFlowOperation, tensorflow_table

VARIABLE = "Variable"
"""Our variable holds the value itself. It goes where TensorFlow 2 has a kernel for the handle of one, VarHandleOp."""


@dataclass(frozen=True, slots=True)
class TensorFlowKernels:
    """TensorFlow's kernels. Every operation has one on the CPU, for every dtype that it accepts.

    With `is_plugin`, a GPU is one that a plug-in brings to a build of TensorFlow without CUDA: such a build has the
    kernels for any device (DEFAULT), and not one of those written for GPUs. That set exists to repeat placements
    recorded on such a machine, where floating-point arithmetic stays on the CPU.
    """

    name: str = "tensorflow"
    is_plugin: bool = False
    _found: dict[tuple[Any, ...], Kernel | None] = field(default_factory=dict, repr=False, compare=False)

    def find(self, operation: Operation, kind: str) -> Kernel | None:
        """Return the kernel of an operation on a kind of device, or None.

        Raises UnknownOperation for a type that is neither in our table nor in TensorFlow's.
        """
        key = (kind, *_identity(operation))
        if key not in self._found:
            self._found[key] = self._find(operation, kind)
        return self._found[key]

    def missing(self, operation: Operation, kind: str) -> str:
        """Return the operation's type and, if others of its dtypes have a kernel there, the dtype at fault."""
        target, is_ours = _resolve(operation)
        registrations = self._registrations(target)
        types = _types(operation, target, is_ours)
        for attribute in target.attributes:
            served = {dtype for kernel in registrations for dtype in kernel.allowed.get(attribute, ())}
            wrong = [dtype for dtype in types[attribute] if dtype not in served]
            if served and wrong:
                return f"{operation.type} on {wrong[0]}"
        return operation.type

    def _find(self, operation: Operation, kind: str) -> Kernel | None:
        target, is_ours = _resolve(operation)
        if kind == "CPU":
            return in_device_memory("CPU", len(operation.inputs), len(operation.outputs), target.cpu_priority)
        types = _types(operation, target, is_ours)
        serving = [kernel for kernel in self._registrations(target) if kernel.serves(types)]
        if not serving:
            return None
        # A kernel for the kind goes before one for any device; then the priority decides.
        best = max(serving, key=lambda kernel: (kernel.device == kind, kernel.priority))
        if operation.type == VARIABLE:
            return in_device_memory(kind, 0, 1, best.priority)
        return Kernel(
            kind,
            best.priority,
            _on_host(best, target.inputs, len(operation.inputs), is_ours),
            _on_host(best, target.outputs, len(operation.outputs), is_ours),
        )

    def _registrations(self, target: TensorFlowOperation) -> Sequence[Registration]:
        if not self.is_plugin:
            return target.registrations
        return [kernel for kernel in target.registrations if kernel.device == "DEFAULT" and not kernel.is_cuda_only]


def _identity(operation: Operation) -> tuple[Any, ...]:
    """All of an operation that decides about its kernels."""
    dtypes = (
        tuple([spec.dtype for spec in operation.input_specs]),
        tuple([spec.dtype for spec in operation.output_specs]),
    )
    given = operation.attributes
    target = tensorflow_table().operations.get(operation.type) if given else None
    names = target.attributes if target else ()
    return operation.type, *dtypes, tuple([(name, _as_types(given[name])) for name in names if name in given])


def _resolve(operation: Operation) -> tuple[TensorFlowOperation, bool]:
    """Return the TensorFlow operation behind an operation, and whether the operation is one of ours."""
    known = tensorflow_table().operations
    target = known.get(operation.type)
    is_theirs = target is not None and any(name in operation.attributes for name in target.attributes)
    rule = None if is_theirs else OPERATIONS.get(operation.type)
    name = operation.type if rule is None else rule.tensorflow
    if operation.type == VARIABLE:
        name = "VarHandleOp"
    if name not in known:
        raise UnknownOperation(
            f"operation {operation.name!r} is of type {operation.type!r}, unknown to TensorFlow's kernel table; "
            "place it with the kernel set 'float-only' or 'all'"
        )
    return known[name], rule is not None


def _types(operation: Operation, target: TensorFlowOperation, is_ours: bool) -> Mapping[str, Sequence[str]]:
    """Return the values of the type attributes that decide about kernels."""
    given = {} if is_ours else operation.attributes
    carried = _carried(operation, target, is_ours)
    return {name: _as_types(given[name]) if name in given else carried(name) for name in target.attributes}


def _carried(operation: Operation, target: TensorFlowOperation, is_ours: bool) -> Any:
    """Return a function from a type attribute to the dtype of the tensors that carry it, or its default.

    An operation of ours may hold as an attribute what is a tensor in TensorFlow, such as a shape: no dtype is asked of
    that.
    """
    inputs, outputs = operation.input_specs, operation.output_specs
    slots = [
        *zip(_arguments(target.inputs, len(inputs), is_ours), inputs, strict=True),
        *zip(_arguments(target.outputs, len(outputs), is_ours), outputs, strict=True),
    ]
    dtypes = {argument.attribute: spec.dtype for argument, spec in reversed(slots) if argument is not None}
    anything = next((spec.dtype for spec in (*inputs, *outputs)), "float32")
    left_out = {argument.attribute for argument in target.inputs[len(inputs) :]}

    def carried(attribute: str) -> tuple[str, ...]:
        dtype = dtypes.get(attribute) or tensorflow_table().defaults.get(attribute)
        return () if dtype is None and attribute in left_out else (dtype or anything,)

    return carried


def _on_host(kernel: Registration, arguments: Sequence[Argument], count: int, is_ours: bool) -> tuple[bool, ...]:
    slots = _arguments(arguments, count, is_ours)
    return tuple(slot is not None and slot.name in kernel.host_arguments for slot in slots)


def _arguments(arguments: Sequence[Argument], count: int, is_ours: bool) -> Sequence[Argument | None]:
    """Return the argument that each of `count` slots belongs to.

    A list takes what the arguments after it leave; an operation of ours has no arguments after a list.
    """
    slots: list[Argument | None] = []
    for position, argument in enumerate(arguments):
        after = 0 if is_ours else len(arguments) - position - 1
        slots += [argument] * (max(count - len(slots) - after, 0) if argument.is_list else 1)
    last = arguments[-1] if arguments else None
    return (slots + [last] * count)[:count]


def _as_types(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
