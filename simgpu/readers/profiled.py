"""Operations whose time and sizes are given: what readers of profiles make of a layer or a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simgpu.graph import Constant, GraphBuilder, TensorSpec
from simgpu.kernels import add_operation

_FLOAT_BYTES = 4


def sized(size_bytes: int) -> TensorSpec:
    """Return the spec of a tensor of so many bytes: float32, or bool where they are not a multiple of 4.

    Neither is an integer, so that every kernel set has GPU kernels for it.
    """
    if size_bytes % _FLOAT_BYTES:
        return TensorSpec((size_bytes,), "bool")
    return TensorSpec((size_bytes // _FLOAT_BYTES,), "float32")


def add_profiled(
    builder: GraphBuilder,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[TensorSpec],
    *,
    attributes: Mapping[str, Any],
    device: str = "",
    control_inputs: Sequence[str] = (),
    colocate_with: Sequence[str] = (),
) -> None:
    """Add an operation whose duration is in `attributes`. Inputs are `name` or `name:slot`, also of later ones."""
    specs = tuple(outputs)
    builder.add(
        "Profiled",
        inputs,
        outputs=specs,
        name=name,
        attributes={**attributes, "outputs": specs},
        device=device,
        control_inputs=control_inputs,
        colocate_with=colocate_with,
    )


def add_memory(
    builder: GraphBuilder, name: str, size_bytes: int, *, device: str = "", colocate_with: Sequence[str] = ()
) -> None:
    """Add a variable of so many bytes, all of them 0."""
    add_operation(
        builder,
        "Variable",
        name=name,
        spec=sized(size_bytes),
        initializer=Constant(0),
        device=device,
        colocate_with=colocate_with,
    )
