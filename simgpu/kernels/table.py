"""The operation table: one row for each operation type that the library can infer, count and compute.

A new operation is one row in the file of its kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from simgpu.errors import GraphError, UnknownOperation, check_type
from simgpu.graph import GraphBuilder, Operation, Tensor, TensorSpec
from simgpu.kernels import (
    activation,
    array_api,
    convolution,
    elementwise,
    linear,
    movement,
    normalisation,
    pooling,
    profiled,
    reduction,
    reshaping,
    sampling,
    sources,
    strings,
)
from simgpu.kernels.rules import Attributes, OperationRule, Specs, Work

_KINDS = (
    activation,
    array_api,
    convolution,
    elementwise,
    linear,
    movement,
    normalisation,
    pooling,
    profiled,
    reduction,
    reshaping,
    sampling,
    sources,
    strings,
)

OPERATIONS: Mapping[str, OperationRule] = MappingProxyType({rule.name: rule for kind in _KINDS for rule in kind.ROWS})
"""Every operation that is known, by its type. Names and meaning are those of ONNX, or of the array API standard.

ONNX's begin with a capital letter, the standard's with a small one.
"""


def rule(type: str) -> OperationRule:
    """Return the row of an operation type. Raises UnknownOperation, with the names that come near."""
    try:
        return OPERATIONS[type]
    except (KeyError, TypeError):
        raise UnknownOperation(f"no operation is called {type!r:.60}; {_nearest(str(type))}") from None


def infer(type: str, inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    """Return shapes and dtypes of the outputs. Raises GraphError where inputs and attributes do not fit."""
    return rule(type).infer(inputs, attributes)


def work(operation: Operation) -> Work:
    """Return FLOP and bytes of one execution of an operation."""
    return rule(operation.type).work(operation.input_specs, operation.output_specs, operation.attributes)


def add_operation(
    builder: GraphBuilder,
    type: str,
    inputs: Sequence[Tensor] = (),
    *,
    name: str | None = None,
    device: str = "",
    colocate_with: Sequence[str] = (),
    control_inputs: Sequence[str] = (),
    **attributes: Any,
) -> tuple[Tensor, ...]:
    """Add an operation whose output shapes follow from the table, and return its output tensors."""
    check_type(builder, GraphBuilder, "builder", "a GraphBuilder; make one: GraphBuilder()")
    try:
        specs = [tensor.spec for tensor in inputs]
    except (TypeError, AttributeError):
        raise GraphError(f"{type}: inputs={inputs!r:.60} is not a list of tensors; give those of operations") from None
    outputs = infer(type, specs, attributes)
    return builder.add(
        type,
        inputs,
        outputs=outputs,
        name=name,
        attributes=attributes,
        device=device,
        colocate_with=colocate_with,
        control_inputs=control_inputs,
    )


def _nearest(type: str) -> str:
    lowered: dict[str, list[str]] = {}
    for name in OPERATIONS:
        lowered.setdefault(name.lower(), []).append(name)
    near = [name for match in difflib.get_close_matches(type.lower(), lowered) for name in sorted(lowered[match])]
    return f"near it: {', '.join(near)}" if near else f"the {len(OPERATIONS)} known are in simgpu.kernels.OPERATIONS"
