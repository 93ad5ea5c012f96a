"""Making a row of the operation table: what every operation checks before its own shape rule looks at anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from simgpu.errors import AxisError, ExecutionError, GraphError
from simgpu.graph import TensorSpec
from simgpu.kernels.dtypes import ANY
from simgpu.kernels.rules import Attributes, Compute, ComputeDynamic, Infer, OperationRule, Specs

CountFlop = Callable[[Specs, Specs, Attributes], int]
Accepts = Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class Signature:
    """What an operation takes. `accepts` holds the dtypes of each input; its last entry serves all that follow."""

    name: str
    fewest: int
    most: int | None
    accepts: Accepts
    attributes: frozenset[str]


def no_flop(inputs: Specs, outputs: Specs, attributes: Attributes) -> int:
    """Cost of an operation that only moves bytes."""
    return 0


def flop_per_output(count: int) -> CountFlop:
    """Return the cost of an operation with `count` arithmetic operations for each element of its first output."""
    return lambda inputs, outputs, attributes: count * outputs[0].size


def flop_per_input(count: int) -> CountFlop:
    """Return the cost of an operation with `count` arithmetic operations for each element of its first input."""
    return lambda inputs, outputs, attributes: count * inputs[0].size


def row(
    name: str,
    infer: Infer,
    compute: Compute,
    *,
    tensorflow: str,
    inputs: int | tuple[int, int | None] = 1,
    accepts: Accepts = (ANY,),
    attributes: str = "",
    flop: CountFlop = no_flop,
    function: str = "",
) -> OperationRule:
    """Return the rule of one operation.

    `inputs` is their number, or fewest and most (None: no limit). `attributes` are the names it knows, in one text.
    """
    fewest, most = (inputs, inputs) if isinstance(inputs, int) else inputs
    signature = Signature(name, fewest, most, tuple(accepts), frozenset(attributes.split()))
    checked = partial(_infer, signature, infer)
    return OperationRule(name, checked, count_flop=flop, compute=compute, tensorflow=tensorflow, function=function)


def dynamic_row(name: str, check: Infer, compute: ComputeDynamic, **options: Any) -> OperationRule:
    """Return the rule of an operation whose result shapes depend on values; `options` are those of `row`.

    `check` raises GraphError where the inputs do not fit; what it returns is not used.
    """

    def infer(inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
        check(inputs, attributes)
        raise GraphError(
            "the shape of its result depends on the values of its inputs, and there are none here (a graph or the "
            "storage `shape` has none); run it on storage with values"
        )

    return replace(row(name, infer, partial(_write_dynamic, name, compute), **options), compute_dynamic=compute)


def _write_dynamic(
    name: str,
    compute: ComputeDynamic,
    xp: Any,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    attributes: Attributes,
) -> None:
    results = compute(xp, inputs, attributes)
    found, expected = [y.shape for y in results], [y.shape for y in outputs]
    if found != expected:
        raise ExecutionError(
            f"{name} gave results of shapes {found}, but there is room for {expected}; its inputs have other values "
            "than those from which the shapes were learned"
        )
    for y, result in zip(outputs, results, strict=True):
        xp.copyto(y, result)


def _infer(signature: Signature, infer: Infer, inputs: Specs, attributes: Attributes) -> tuple[TensorSpec, ...]:
    try:
        _check_inputs(signature, inputs)
        _check_names(signature, attributes)
        return infer(inputs, attributes)
    except GraphError as error:
        refused = AxisError if isinstance(error, AxisError) else GraphError
        raise refused(f"{signature.name}({', '.join(map(str, inputs))}): {error}") from None


def _check_inputs(signature: Signature, inputs: Specs) -> None:
    most = signature.most
    if len(inputs) < signature.fewest or (most is not None and len(inputs) > most):
        span = f"{signature.fewest} or more" if most is None else f"{signature.fewest} to {most}"
        wanted = str(most) if most == signature.fewest else span
        raise GraphError(f"takes {wanted} input{'' if wanted == '1' else 's'}, not {len(inputs)}")
    for position, spec in enumerate(inputs):
        accepted = signature.accepts[min(position, len(signature.accepts) - 1)]
        if spec.dtype not in accepted:
            raise GraphError(f"input {position} is {spec}; it must be one of {', '.join(sorted(accepted))}")


def _check_names(signature: Signature, attributes: Attributes) -> None:
    unknown = sorted(set(attributes) - signature.attributes)
    if unknown:
        known = ", ".join(sorted(signature.attributes)) or "none"
        raise GraphError(f"knows no attribute {unknown[0]!r}; it has {known}")


def require(attributes: Attributes, key: str) -> Any:
    """Return an attribute that the operation cannot do without."""
    if key not in attributes:
        raise GraphError(f"needs the attribute {key!r}")
    return attributes[key]


def choice(attributes: Attributes, key: str, allowed: Sequence[str]) -> str:
    """Return a text attribute, by default the first of `allowed`."""
    value = attributes.get(key, allowed[0])
    if value not in allowed:
        raise GraphError(f"{key} is {value!r}; it can be {', '.join(allowed)}")
    return str(value)


def ints(attributes: Attributes, key: str, default: Sequence[int], *, least: int | None = None) -> tuple[int, ...]:
    """Return a list of integers, as long as `default`, each at least `least`."""
    values = integers(attributes.get(key, default), key)
    if len(values) != len(default) or (least is not None and any(value < least for value in values)):
        bound = "" if least is None else f" of {least} or more"
        raise GraphError(f"{key} is {values}; it must be {len(default)} integers{bound}")
    return values


def integers(values: Any, key: str) -> tuple[int, ...]:
    """Return `values` as a tuple, if it is a sequence of integers."""
    if not isinstance(values, tuple | list) or not all(type(value) is int for value in values):
        raise GraphError(f"{key} is {values!r}; it must be a tuple of integers")
    return tuple(values)
