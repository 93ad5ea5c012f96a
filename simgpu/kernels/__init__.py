"""What each operation is: its result shapes, its work, its array code, and on which kinds of device it can run."""

from simgpu.kernels.array_api.keys import key_attribute
from simgpu.kernels.array_api.promotion import integer_range
from simgpu.kernels.dtypes import array_dtype
from simgpu.kernels.kernel import Kernel, KernelSet
from simgpu.kernels.rules import Attributes, OperationRule, Work
from simgpu.kernels.sets import KERNEL_SETS, kernel_set
from simgpu.kernels.table import OPERATIONS, add_operation, infer, rule, work

__all__ = [
    "KERNEL_SETS",
    "OPERATIONS",
    "Attributes",
    "Kernel",
    "KernelSet",
    "OperationRule",
    "Work",
    "add_operation",
    "array_dtype",
    "infer",
    "integer_range",
    "kernel_set",
    "key_attribute",
    "rule",
    "work",
]
