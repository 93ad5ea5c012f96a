"""TensorFlow's kernel registrations as data, read from the package when they are first needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an operation. `attribute` names the type attribute that gives its dtype, if one does."""

    name: str
    attribute: str | None
    is_list: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """One kernel. It serves an operation whose type attributes all have an allowed value.

    `device` is `GPU`, or `DEFAULT`: any device without a kernel of its own. `is_cuda_only` marks a DEFAULT kernel that
    is compiled only with CUDA.
    """

    device: str
    allowed: Mapping[str, frozenset[str]]
    host_arguments: frozenset[str]
    priority: int
    is_cuda_only: bool

    def serves(self, types: Mapping[str, Sequence[str]]) -> bool:
        """Tell whether the kernel is for these values of the type attributes. Each value is a sequence of dtypes."""
        return all(allowed.issuperset(types[attribute]) for attribute, allowed in self.allowed.items())


@dataclass(frozen=True, slots=True)
class TensorFlowOperation:
    """A TensorFlow operation: its arguments in order, and its kernels for other devices than the CPU.

    `attributes` are the type attributes that decide which kernel serves it.
    """

    name: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    registrations: tuple[Registration, ...]
    attributes: tuple[str, ...]
    cpu_priority: int


@dataclass(frozen=True, slots=True)
class TensorFlowTable:
    """All operations by name, and the values of type attributes that are not given."""

    source: str
    operations: Mapping[str, TensorFlowOperation]
    defaults: Mapping[str, str]


@cache
def tensorflow_table() -> TensorFlowTable:
    """Read the table that ships with the package, once."""
    text = files("simgpu.kernels").joinpath("data", "tensorflow_kernels.json").read_text("utf-8")
    content = json.loads(text)
    operations = {name: _operation(name, entry) for name, entry in content["operations"].items()}
    return TensorFlowTable(content["source"], operations, content["defaults"])


def _operation(name: str, entry: Mapping[str, Any]) -> TensorFlowOperation:
    inputs, _, outputs = entry["signature"].partition("->")
    registrations = tuple(map(_registration, entry["kernels"]))
    return TensorFlowOperation(
        name=name,
        inputs=tuple(map(_argument, inputs.split())),
        outputs=tuple(map(_argument, outputs.split())),
        registrations=registrations,
        attributes=tuple(dict.fromkeys(name for kernel in registrations for name in kernel.allowed)),
        cpu_priority=entry.get("cpu_priority", 0),
    )


def _argument(text: str) -> Argument:
    name, _, attribute = text.removesuffix("*").partition(":")
    return Argument(name, attribute or None, text.endswith("*"))


def _registration(entry: Mapping[str, Any]) -> Registration:
    return Registration(
        device=entry["on"],
        allowed={attribute: frozenset(dtypes.split()) for attribute, dtypes in entry["where"].items()},
        host_arguments=frozenset(entry.get("host", ())),
        priority=entry.get("priority", 0),
        is_cuda_only=entry.get("cuda_build_only", False),
    )
