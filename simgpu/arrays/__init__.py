"""Logical devices that programs use: eager arrays, variables, device scopes, settings, runtimes."""

from simgpu.arrays.array import Array
from simgpu.arrays.default import constant, current_runtime, default_runtime, device, record, set_default_runtime
from simgpu.arrays.recording import Recording
from simgpu.arrays.rules import Rules
from simgpu.arrays.runtime import Runtime
from simgpu.arrays.tracing import Function, function
from simgpu.arrays.variable import Variable

__all__ = [
    "Array",
    "Function",
    "Recording",
    "Rules",
    "Runtime",
    "Variable",
    "constant",
    "current_runtime",
    "default_runtime",
    "device",
    "function",
    "record",
    "set_default_runtime",
]
