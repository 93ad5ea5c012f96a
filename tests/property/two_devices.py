"""Every public call on arrays, with arrays of two devices: which refuse, which move or read, and which need but one."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from simgpu.arrays import Runtime
from simgpu.arrays.array import Array
from simgpu.machine import Machine
from simgpu.storage import storage_named

Call = Callable[..., Any]


class Given(NamedTuple):
    """Arrays of one device: a positive definite matrix, a row of it, integers, bools, and one float and one int."""

    x: Array
    row: Array
    n: Array
    b: Array
    one: Array
    two: Array

    @classmethod
    def on(cls, xp: Any, device: str) -> Given:
        x = np.array([[4, 1, 0], [1, 5, 2], [0, 2, 6]], np.float32)
        n = np.array([2, 0, 1])
        values = (x, x[0], n, n > 0, np.float32(3), np.int64(2))
        return cls(*(xp.asarray(value, device=device) for value in values))


class Seen(NamedTuple):
    """What was done with the memory of devices, by their numbers: kernels, copies (from, to), and reads by the host."""

    kernels: list[frozenset[int]]
    copies: list[tuple[int, int]]
    reads: list[int]


class Watched:
    """Storage that notes in which regions the arrays of each piece of work lie."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.storage = make()
        self.regions: list[Any] = []
        self.seen = Seen([], [], [])
        for name in ("open", "compute", "compute_dynamic", "function", "copy", "read"):
            setattr(self.storage, name, self._noting(name, getattr(self.storage, name)))

    def start_over(self) -> Seen:
        """Forget what was seen, and return what will be."""
        self.seen = Seen([], [], [])
        return self.seen

    def place(self, array: Any) -> int | None:
        """Return the device in whose memory an array lies; None for values of the host, and for no bytes."""
        if not hasattr(array, "nbytes") or array.nbytes == 0:
            return None
        holders = [number for number, region in enumerate(self.regions) if _holds(region, array)]
        assert len(holders) < 2, "no byte is of two devices"
        return holders[0] if holders else None

    def _noting(self, name: str, function: Call) -> Call:
        def open(*arguments: Any, **options: Any) -> Any:
            self.regions.append(function(*arguments, **options))
            return self.regions[-1]

        def compute(rule: Any, inputs: Any, outputs: Any, attributes: Any) -> None:
            self._kernel(*inputs, *outputs)
            function(rule, inputs, outputs, attributes)

        def compute_dynamic(rule: Any, inputs: Any, attributes: Any) -> Any:
            self._kernel(*inputs)
            return function(rule, inputs, attributes)

        def launched(kernel: str) -> Any:
            found = function(kernel)
            return found and self._kernel_noting(found)

        def copied(source: Any, target: Any) -> Any:
            self.seen.copies.append((self.place(source), self.place(target)))
            return function(source, target)

        def read(source: Any) -> Any:
            self.seen.reads.append(self.place(source))
            return function(source)

        stands: Mapping[str, Call] = {"open": open, "compute": compute, "compute_dynamic": compute_dynamic}
        return {**stands, "function": launched, "copy": copied, "read": read}[name]

    def _kernel_noting(self, kernel: Call) -> Call:
        def run(*arrays: Any) -> None:
            self._kernel(*arrays)
            kernel(*arrays)

        return run

    def _kernel(self, *arrays: Any) -> None:
        places = frozenset(place for place in map(self.place, arrays) if place is not None)
        self.seen.kernels.append(places)


def _holds(region: Any, array: Any) -> bool:
    try:
        return bool(region.holds(array))
    except (AttributeError, TypeError):  # an array of another kind of memory
        return False


def two_devices(make: Callable[[], Any]) -> tuple[Watched, Runtime]:
    """Return a runtime of two GPUs of a card, and its storage, which is watched."""
    watched = Watched(make)
    return watched, Runtime(Machine("1 x 16MiB").split({"GPU:0": ["4MiB", "4MiB"]}), storage=watched.storage)


def on_numpy() -> Any:
    """Make NumPy storage."""
    return storage_named("numpy")


TWO_FLOATS = (
    *("add", "atan2", "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal", "hypot", "less"),
    *("less_equal", "logaddexp", "maximum", "minimum", "multiply", "nextafter", "not_equal", "pow", "remainder"),
    *("subtract", "matmul", "tensordot", "vecdot", "linalg.matmul", "linalg.tensordot"),
    *("linalg.vecdot", "linalg.cross", "linalg.solve"),
)
TWO_INTEGERS = ("bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "isin")
TWO_BOOLS = ("logical_and", "logical_or", "logical_xor")
TWO_VECTORS = ("meshgrid", "linalg.outer", "searchsorted")
FLOAT_OPERATORS = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
)
INTEGER_OPERATORS = ("and_", "or_", "xor", "lshift", "rshift")


def function(xp: Any, name: str) -> Call:
    """Return a function of a namespace, or of an extension: `linalg.inv`."""
    return operator.attrgetter(name)(xp)  # type: ignore[no-any-return]


def _each(names: tuple[str, ...], of: str) -> dict[str, Call]:
    def call(name: str) -> Call:
        return lambda xp, a, b: function(xp, name)(getattr(a, of), getattr(b, of))

    return {name: call(name) for name in names}


def _operators(names: tuple[str, ...], of: str) -> dict[str, Call]:
    def call(name: str) -> Call:
        return lambda xp, a, b: getattr(operator, name)(getattr(a, of), getattr(b, of))

    in_place = tuple(f"i{name.rstrip('_')}" for name in names if name not in ("eq", "ne", "lt", "le", "gt", "ge"))
    return {f"operator {name}": call(name) for name in (*names, *in_place)}


MIXED: Mapping[str, Call] = {
    **_each(TWO_FLOATS, "x"),
    **_each(TWO_INTEGERS, "n"),
    **_each(TWO_BOOLS, "b"),
    **_each(TWO_VECTORS, "row"),
    **_operators(FLOAT_OPERATORS, "x"),
    **_operators(INTEGER_OPERATORS, "n"),
    "add, of one element": lambda xp, a, b: a.x + b.one,
    "add, to one element": lambda xp, a, b: b.one + a.x,
    "asarray": lambda xp, a, b: xp.asarray([a.row, b.row]),
    "asarray, of elements": lambda xp, a, b: xp.asarray([[a.one, 1.0], [2.0, b.one]]),
    "clip": lambda xp, a, b: xp.clip(a.x, b.row, None),
    "clip, from above": lambda xp, a, b: xp.clip(a.x, None, b.x),
    "clip, both": lambda xp, a, b: xp.clip(a.x, a.row, b.row),
    "concat": lambda xp, a, b: xp.concat([a.x, b.x]),
    "concat, of three": lambda xp, a, b: xp.concat([a.x, a.x, b.x]),
    "diff, prepend": lambda xp, a, b: xp.diff(a.x, prepend=b.x),
    "diff, append": lambda xp, a, b: xp.diff(a.x, append=b.x),
    "full_like": lambda xp, a, b: xp.full_like(a.x, b.one),
    "linalg.matrix_rank": lambda xp, a, b: xp.linalg.matrix_rank(a.x, rtol=b.one),
    "linalg.pinv": lambda xp, a, b: xp.linalg.pinv(a.x, rtol=b.one),
    "linalg.solve, of a vector": lambda xp, a, b: xp.linalg.solve(a.x, b.row),
    "repeat": lambda xp, a, b: xp.repeat(a.row, b.n),
    "searchsorted, with an order": lambda xp, a, b: xp.searchsorted(a.row, a.row, sorter=b.n),
    "stack": lambda xp, a, b: xp.stack([a.x, b.x]),
    "take": lambda xp, a, b: xp.take(a.x, b.n, axis=0),
    "take_along_axis": lambda xp, a, b: xp.take_along_axis(a.row, b.n),
    "where": lambda xp, a, b: xp.where(b.b, a.x, a.x),
    "where, first": lambda xp, a, b: xp.where(a.b, b.x, 1.0),
    "where, second": lambda xp, a, b: xp.where(a.b, a.x, b.x),
    "get items": lambda xp, a, b: a.x[b.n, :],
    "get items at": lambda xp, a, b: a.x[a.n, b.n],
    "get items by a mask": lambda xp, a, b: a.x[b.x > 1],
    "set items": lambda xp, a, b: operator.setitem(a.x, ..., b.x),
    "set an item": lambda xp, a, b: operator.setitem(a.row, 0, b.one),
    "set items at": lambda xp, a, b: operator.setitem(a.row, b.n, 1.0),
    "set items by a mask": lambda xp, a, b: operator.setitem(a.row, b.b, 1.0),
    "set items at, to": lambda xp, a, b: operator.setitem(a.row, a.n, b.row),
}
"""Calls that take arrays of both devices, and refuse."""

MOVING: Mapping[str, Call] = {
    "asarray": lambda xp, a, b: xp.asarray(a.x, device=b.x.device),
    "asarray, to another dtype": lambda xp, a, b: xp.asarray(a.x, dtype=xp.float64, device=b.x.device),
    "asarray, of a nest": lambda xp, a, b: xp.asarray([a.row, a.row], device=b.x.device),
    "astype": lambda xp, a, b: xp.astype(a.x, xp.float64, device=b.x.device),
    "from_dlpack": lambda xp, a, b: xp.from_dlpack(a.x, device=b.x.device),
    "full": lambda xp, a, b: xp.full((2, 3), a.one, device=b.x.device),
    "full_like": lambda xp, a, b: xp.full_like(b.x, a.one, device=b.x.device),
    "to_device": lambda xp, a, b: a.x.to_device(b.x.device),
    "to_device, of a view": lambda xp, a, b: a.x.T[1:, ::-1].to_device(b.x.device),
}
"""Calls that bring what lies on the first device to the second, by one copy, as they are told to."""

READING: Mapping[str, Call] = {
    "arange": lambda xp, a, b: xp.arange(a.two, device=b.x.device),
    "linspace": lambda xp, a, b: xp.linspace(a.one, 4.0, 5, device=b.x.device),
    "a shape": lambda xp, a, b: xp.ones((a.two, 2), device=b.x.device),
    "a bound of a slice": lambda xp, a, b: b.x[: a.two],
    "an index": lambda xp, a, b: b.row[a.two.__index__()],
    "bool": lambda xp, a, b: bool(a.one),
    "complex": lambda xp, a, b: complex(a.one),
    "float": lambda xp, a, b: float(a.one),
    "int": lambda xp, a, b: int(a.two),
    "repr": lambda xp, a, b: repr(a.one),
    "str": lambda xp, a, b: str(a.one),
    "format": lambda xp, a, b: f"{a.one:.2f}",
    "value": lambda xp, a, b: a.x.value(),
}
"""Calls in which the host reads a value, as Python's own conversions do, and what it reads may go elsewhere."""

APART: Mapping[str, Call] = {
    "broadcast_arrays": lambda xp, a, b: xp.broadcast_arrays(a.x, b.row),
}
"""Calls that take arrays of both devices and do to each what needs no other: results stay where they are."""

NO_ARRAYS = frozenset(
    {
        *("arange", "broadcast_shapes", "can_cast", "empty", "eye", "finfo", "fft.fftfreq", "fft.rfftfreq", "iinfo"),
        *("isdtype", "linspace", "ones", "result_type", "zeros"),
    }
)
"""Functions that look at no element of an array."""

ALONE: Mapping[str, Call] = {
    "astype": lambda xp, a: xp.astype(a.x, xp.float64),
    "bitwise_invert": lambda xp, a: ~a.n,
    "broadcast_to": lambda xp, a: xp.broadcast_to(a.row, (2, 3)),
    "expand_dims": lambda xp, a: xp.expand_dims(a.x, axis=0),
    "full_like": lambda xp, a: xp.full_like(a.x, 2.0),
    "imag": lambda xp, a: xp.imag(xp.astype(a.x, xp.complex64)),
    "logical_not": lambda xp, a: xp.logical_not(a.b),
    "moveaxis": lambda xp, a: xp.moveaxis(a.x, 0, 1),
    "permute_dims": lambda xp, a: xp.permute_dims(a.x, (1, 0)),
    "repeat": lambda xp, a: xp.repeat(a.x, 2),
    "reshape": lambda xp, a: (xp.reshape(a.x, (9,)), xp.reshape(a.x.T, (9,))),
    "roll": lambda xp, a: xp.roll(a.x, 1),
    "squeeze": lambda xp, a: xp.squeeze(a.x[:1, :], 0),
    "tile": lambda xp, a: xp.tile(a.x, (2, 1)),
    "cumulative_prod": lambda xp, a: xp.cumulative_prod(a.row),
    "cumulative_sum": lambda xp, a: xp.cumulative_sum(a.row),
    "linalg.matrix_power": lambda xp, a: xp.linalg.matrix_power(a.x, 2),
    "get items": lambda xp, a: (a.x[0], a.x[1:, ::-1], a.x[a.n, :], a.x[a.x > 1], a.x[..., None]),
    "set items": lambda xp, a: operator.setitem(a.x, a.x > 1, 0.0),
    "overlap": lambda xp, a: operator.setitem(a.x, slice(1, None), a.x[:-1]),
    "iterate": lambda xp, a: list(a.x),
    "copies": lambda xp, a: (copy.copy(a.x), copy.deepcopy(a.x), xp.asarray(a.x, copy=True)),
    "the same": lambda xp, a: (xp.asarray(a.x), a.x.to_device(a.x.device), xp.from_dlpack(a.x), a.x.T, a.x.mT),
    "unary operators": lambda xp, a: (-a.x, +a.x, abs(a.x), ~a.n),
    "scalars": lambda xp, a: (a.x + 1, 1 - a.x, 2.0**a.x, a.x @ a.x, a.n << 1, a.x == 3.0),
}
"""Calls on arrays of one device that are not simply `function(x)`."""


def functions_of(xp: Any) -> list[str]:
    """Return the names of all functions of a namespace and its extensions."""
    extensions = ("fft", "linalg")
    found = [name for name in dir(xp) if callable(getattr(xp, name)) and not _is_dtype(xp, name)]
    found += [f"{outer}.{name}" for outer in extensions for name in vars(getattr(xp, outer)) if name[0] != "_"]
    return sorted(name for name in found if name[0] != "_" and name not in extensions)


def _is_dtype(xp: Any, name: str) -> bool:
    return name in xp.__array_namespace_info__().dtypes() or name == "float16"


def arrays_in(made: Any) -> list[Array]:
    """Return all arrays in what a call gives."""
    if isinstance(made, Array):
        return [made]
    return [array for item in made for array in arrays_in(item)] if isinstance(made, tuple | list) else []
