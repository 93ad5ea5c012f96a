"""Views: arrays that show the memory of another one, and cost none; and arrays that change in place.

Both keep to what observers must know: what is a view of what, and which array is about to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from simgpu.errors import AxisError, GraphError, InvalidValue
from simgpu.graph import TensorSpec
from simgpu.kernels import infer
from simgpu.storage import Show

if TYPE_CHECKING:
    from simgpu.arrays.array import Array

Attributes = Mapping[str, Any]


def here(array: Array) -> Array:
    """Return the array, or in the body of a traced function the symbol that stands for it there."""
    runtime = array._kind.runtime
    tracer = runtime.scopes.tracer() if runtime.observers else None
    return array if tracer is None else tracer.capture(array)


def view(array: Array, type: str, attributes: Attributes, show: Show) -> Array:
    """Return a view: what `show` makes of the memory, as the operation `type` would make it.

    Raises GraphError with the operation's own words where `show` cannot, AxisError if it is for an axis or a place
    that there is not, and InvalidValue if only a copy could.
    """
    array = here(array)
    array.check_live()
    kind = array._kind
    runtime = kind.runtime
    try:
        data, spec = runtime.storage.view(array._data, show)
    except (ValueError, TypeError, IndexError) as error:
        raise _refusal(type, kind.spec, attributes, error) from None
    made = object.__new__(array.__class__)
    made._data = data
    made._buffer = array._buffer
    made._kind = runtime.kind(spec, kind.site, kind.rules)
    for observer in runtime.observers:
        observer.viewed(type, attributes, array, made)
    return made


def _refusal(type: str, spec: TensorSpec, attributes: Attributes, reason: Exception) -> Exception:
    try:
        infer(type, [spec], attributes)
    except GraphError as error:
        return AxisError(str(error)) if isinstance(reason, IndexError) else error
    return InvalidValue(f"{type}({spec}) cannot be a view: {reason}; allow a copy")


def change(target: Array, type: str, inputs: Sequence[Array], attributes: Attributes) -> None:
    """Run an operation whose result takes the place of an array's values; views of it see them.

    Raises GraphError where the result has another shape or dtype, and what `Runtime.apply` raises.
    """
    kind = target._kind
    runtime = kind.runtime
    target.check_live()
    for observer in runtime.observers:
        observer.changing(target)
    if not runtime.storage.is_writable(target._data):
        raise InvalidValue(f"this {kind.spec} is a broadcast view: its elements share places; change a copy of it")
    inputs, plan = runtime.plan(type, runtime.adopted(inputs), attributes)
    if [made.spec for made in plan.outputs] != [kind.spec]:
        made_text = ", ".join(str(made.spec) for made in plan.outputs)
        raise GraphError(f"{type} in place gives {made_text}, which does not fit into {kind.spec}; make a new array")
    start_ns = perf_counter_ns() if runtime.observers else 0
    if plan.outputs[0].site.memory != kind.site.memory:
        (made,) = runtime.apply(type, inputs, attributes)
        runtime.storage.copy(made._data, target._data)
        for observer in runtime.observers:
            observer.copied(made, target, start_ns)
        return
    runtime.storage.compute(plan.decision.rule, [array._data for array in inputs], [target._data], attributes)
    for observer in runtime.observers:
        observer.computed(type, attributes, inputs, (target,), plan.decision, start_ns)


def matrices_transposed(array: Array) -> Array:
    """Return a view with the last two axes exchanged."""
    return view(array, "matrix_transpose", {}, lambda data: data.swapaxes(-1, -2))
