"""Arguments of the namespace's functions: checked, and made what attributes of operations must be."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from simgpu.arrays.arithmetic import plain_scalar
from simgpu.arrays.array import Array
from simgpu.errors import InvalidValue, check_type
from simgpu.kernels import rule


def run(type: str, *inputs: Any, **attributes: Any) -> Array:
    """Run an operation with one result. Raises TypeError for an input that is no array."""
    return run_many(type, *inputs, **attributes)[0]


def run_many(type: str, *inputs: Any, **attributes: Any) -> tuple[Array, ...]:
    """Run an operation and return its results. Raises TypeError for an input that is no array."""
    for array in inputs:
        if array.__class__ is not Array:
            raise no_array(type, array)
    results: tuple[Array, ...] = inputs[0]._kind.runtime.apply(type, inputs, attributes)
    return results


def as_arrays(name: str, *values: Any) -> tuple[Array, ...]:
    """Return arrays as they are. Raises TypeError for anything else."""
    for value in values:
        if value.__class__ is not Array:
            raise no_array(name, value)
    return values


def no_array(name: str, value: Any) -> TypeError:
    """Return the error for an argument that is not an array of this library."""
    return TypeError(
        f"{name} takes arrays of this library, not {value.__class__.__name__}; make one first: xp.asarray(...)"
    )


def no_scalar(name: str, value: Any) -> TypeError:
    """Return the error for an argument that is neither a number nor, where one is allowed, an array of this library."""
    hint = "read it: float(x)" if isinstance(value, Array) else "arrays of this library are made by xp.asarray(...)"
    return TypeError(f"{name} takes a number here, not {value.__class__.__name__}; {hint}")


def check_call(type: Any, inputs: Any, attributes: Any) -> None:
    """Refuse a call of an operation that is not known, on what are no arrays, or with attributes that have no hash."""
    rule(type)
    check_type(attributes, Mapping, f"{type}: attributes", "a mapping; give their values by their names")
    as_arrays(type, *several(type, inputs, fewest=0))
    for name, value in attributes.items():
        try:
            hash(value)
        except TypeError:
            raise InvalidValue(f"{type}: {name}={value!r:.60} has no hash; give a tuple in place of a list") from None


def several(name: str, arrays: Any, *, fewest: int = 1) -> tuple[Any, ...]:
    """Return what is given as one list of arrays. Raises TypeError for no list, InvalidValue for an empty one."""
    try:
        found = tuple(arrays)
    except TypeError:
        raise TypeError(f"{name} takes a list of arrays, not {arrays.__class__.__name__}") from None
    if len(found) < fewest:
        raise InvalidValue(f"{name} takes a list of arrays, and this one is empty; give it one at least")
    return found


def scalar(name: str, value: Any, *, none: bool = False, array: bool = False) -> Any:
    """Return a scalar as exactly bool, int, float or complex; with `none` also None. Raises TypeError.

    `array` tells whether an array could stand there as well.
    """
    found = value if value is None and none else plain_scalar(value)
    if found is NotImplemented and array:
        raise TypeError(
            f"{name} takes a bool, int, float or complex, or an array of this library, and not "
            f"{value.__class__.__name__}"
        )
    if found is NotImplemented:
        raise no_scalar(name, value)
    return found


def integer(name: str, value: Any) -> int:
    """Return an int from whatever counts as one. Raises InvalidValue."""
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidValue(f"{name} must be an int, not {value!r}") from None


def axis_or_none(value: Any) -> int | None:
    """Return an axis, or None."""
    return None if value is None else integer("axis", value)


def axes(value: Any, name: str = "axis") -> Any:
    """Return one axis, a tuple of axes, or None."""
    if value is None or value.__class__ is int:
        return value
    return integers(name, value) if isinstance(value, tuple | list) else integer(name, value)


def integers(name: str, values: Any) -> tuple[int, ...]:
    """Return a tuple of ints. A single int counts as a tuple of one."""
    if not isinstance(values, tuple | list):
        return (integer(name, values),)
    return tuple(integer(name, value) for value in values)
