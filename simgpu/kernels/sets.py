"""Kernel sets by name: which operation has a kernel for which dtypes on which kind of device.

* `float-only`: no GPU kernel for an operation that touches an integer or string tensor. The default.
* `tensorflow`: the kernels of TensorFlow 2.21, with int32 tensors in host memory and int32 variables on the CPU.
* `tensorflow-plugin`: the same as TensorFlow built without CUDA sees it on a GPU that a plug-in provides.
* `all`: a GPU kernel for everything but strings and calls back into Python, as CuPy has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from simgpu.errors import InvalidValue
from simgpu.graph import INTEGER_DTYPES, Operation
from simgpu.kernels.kernel import Kernel, KernelSet, in_device_memory
from simgpu.kernels.tensorflow import TensorFlowKernels

CPU_OPERATIONS = frozenset({"AsString", "Print", "PrintV2", "PyFunc", "PyFuncStateless", "EagerPyFunc"})
"""Operations that talk to people or to Python and run on the CPU in every set."""


@dataclass(frozen=True, slots=True)
class DtypeKernels:
    """Kernels for every operation on every kind of device, but on the CPU alone if it touches some dtypes."""

    name: str
    cpu_dtypes: frozenset[str]

    def find(self, operation: Operation, kind: str) -> Kernel | None:
        """Return the kernel of an operation on a kind of device, or None if one of its dtypes has none there."""
        if kind != "CPU" and self._obstacle(operation) is not None:
            return None
        return in_device_memory(kind, len(operation.inputs), len(operation.outputs))

    def missing(self, operation: Operation, kind: str) -> str:
        """Return the dtype at fault, or the operation's type."""
        return self._obstacle(operation) or operation.type

    def _obstacle(self, operation: Operation) -> str | None:
        if operation.type in CPU_OPERATIONS:
            return operation.type
        dtypes = [spec.dtype for spec in (*operation.input_specs, *operation.output_specs)]
        if "resource" in dtypes:  # the handle of a variable, whose own dtype is an attribute
            dtypes.append(operation.attributes.get("dtype", ""))
        return next((dtype for dtype in dtypes if dtype in self.cpu_dtypes), None)


KERNEL_SETS: Mapping[str, Callable[[], KernelSet]] = {
    "float-only": lambda: DtypeKernels("float-only", INTEGER_DTYPES | {"string"}),
    "tensorflow": TensorFlowKernels,
    "tensorflow-plugin": lambda: TensorFlowKernels("tensorflow-plugin", is_plugin=True),
    "all": lambda: DtypeKernels("all", frozenset({"string"})),
}


def kernel_set(name: str) -> KernelSet:
    """Return a kernel set by name. Raises InvalidValue for a name that there is not."""
    if not isinstance(name, str) or name not in KERNEL_SETS:
        raise InvalidValue(f"there is no kernel set {name!r:.60}; choose {', '.join(KERNEL_SETS)}")
    return _made(name)


@cache
def _made(name: str) -> KernelSet:
    return KERNEL_SETS[name]()
