"""Creation functions of a namespace: they make arrays on the device asked for, or where scopes or the default say."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from simgpu.arrays.arguments import as_arrays, integer, integers, run, run_many, scalar
from simgpu.arrays.array import Array
from simgpu.arrays.dlpack import imported
from simgpu.arrays.dtypes import dtype_name, optional_dtype_name
from simgpu.arrays.host_values import host_values, make_from_host
from simgpu.arrays.namespace_manipulation import broadcast_to
from simgpu.arrays.reading import one_value
from simgpu.arrays.rules import Rules
from simgpu.arrays.views import here, view
from simgpu.errors import DeviceMismatchError, InvalidValue

if TYPE_CHECKING:
    from simgpu.arrays.runtime import Runtime


class Creation:
    """The functions that make arrays, of one runtime and under one set of rules."""

    def __init__(self, runtime: Runtime, rules: Rules) -> None:
        self._runtime = runtime
        self._rules = rules

    def arange(
        self, start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None
    ) -> Array:
        """Return numbers from `start` in steps of `step` to before `stop`; with one argument, from 0 to before it.

        An array without dimensions counts as its element, which is read.
        """
        ends = {"start": start, "stop": stop, "step": step}
        numbers = {name: None if value is None else _number("arange", value) for name, value in ends.items()}
        return self._made("arange", device, **numbers, dtype=optional_dtype_name(dtype))

    def asarray(self, obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
        """Return an array of Python values, of a buffer, of another library's array, or of an array of this one.

        The latter is returned as it is if dtype and device fit and no copy is asked for; a nest of them is stacked on
        their device. What is not yet on a device is copied there: with `copy=False`, InvalidValue.
        """
        wanted = optional_dtype_name(dtype)
        if isinstance(obj, Array):
            return self._from_array(obj, wanted, device, copy)
        if _holds_array(obj):
            return self._from_array(self._joined(obj), wanted, device, None if copy else copy)
        values, name = host_values(obj, wanted)
        if copy is False:
            raise InvalidValue("asarray: values of the host come onto a logical device by a copy; do not forbid it")
        with self._scope(device):
            return make_from_host(self._here(), values, name, self._rules)

    def empty(self, shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array without values of its own: those that the memory held."""
        return self._of_shape("empty", shape, dtype, device)

    def empty_like(self, x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array without values of its own, in shape, dtype and device like another."""
        return self._like("empty", x, dtype, device)

    def eye(
        self, n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
    ) -> Array:
        """Return a matrix with ones on a diagonal and zeros elsewhere."""
        columns = None if n_cols is None else integer("n_cols", n_cols)
        sizes = {"n_rows": integer("n_rows", n_rows), "n_cols": columns, "k": integer("k", k)}
        return self._made("eye", device, **sizes, dtype=_dtype(dtype))

    def from_dlpack(self, x: object, /, *, device: Any = None, copy: bool | None = None) -> Array:
        """Return an array of what another library exports: on the CPU, where host memory is, or on `device`.

        An array of this runtime keeps its device, and is viewed, not copied, where the arguments allow it. Raises
        BufferError where `copy=False` cannot be.
        """
        if isinstance(x, Array) and x._kind.runtime is self._runtime:
            return self._viewed(x, device, copy)
        values = imported(x, copy=copy)
        with self._scope("CPU:0" if device is None else device):
            return make_from_host(self._here(), values, dtype_name(values.dtype), self._rules)

    def full(self, shape: int | tuple[int, ...], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array with one value everywhere. Without `dtype`, it is the default one of the value's kind.

        The value may be that of an array without dimensions, whose dtype and device are the default then.
        """
        if isinstance(fill_value, Array):
            return _filled("full", integers("shape", shape), fill_value, dtype, device)
        value, wanted = scalar("full", fill_value), optional_dtype_name(dtype)
        return self._made("full", device, shape=integers("shape", shape), fill_value=value, dtype=wanted)

    def full_like(self, x: Array, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array with one value everywhere, in shape, dtype and device like another.

        The value may be that of an array without dimensions. Raises DeviceMismatchError if that is on another device
        than `x`, and none is given.
        """
        if isinstance(fill_value, Array):
            (x,) = as_arrays("full_like", x)
            if device is None and fill_value.device != x.device:
                raise DeviceMismatchError(
                    f"full_like has its shape from {x.device} and its value from {fill_value.device}; move them to one "
                    "device first (`x.to_device(...)`), or name the device: device=..."
                )
            return _filled("full_like", x.shape, fill_value, x.dtype if dtype is None else dtype, device)
        return self._like("full", x, dtype, device, fill_value=scalar("full_like", fill_value))

    def linspace(
        self, start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
    ) -> Array:
        """Return `num` numbers at equal distances from `start` to `stop`, which is the last one with `endpoint`.

        An array without dimensions counts as its element, which is read.
        """
        ends = {"start": _number("linspace", start), "stop": _number("linspace", stop), "num": integer("num", num)}
        return self._made("linspace", device, **ends, dtype=optional_dtype_name(dtype), endpoint=bool(endpoint))

    def ones(self, shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array of ones."""
        return self._of_shape("ones", shape, dtype, device)

    def ones_like(self, x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array of ones, in shape, dtype and device like another."""
        return self._like("ones", x, dtype, device)

    def zeros(self, shape: int | tuple[int, ...], *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array of zeros."""
        return self._of_shape("zeros", shape, dtype, device)

    def zeros_like(self, x: Array, /, *, dtype: Any = None, device: Any = None) -> Array:
        """Return an array of zeros, in shape, dtype and device like another."""
        return self._like("zeros", x, dtype, device)

    def fftfreq(self, n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
        """Return the frequencies of the result of `fft` of n values taken `d` apart."""
        step = float(scalar("fftfreq", d))
        return self._made("fft.fftfreq", device, n=integer("n", n), d=step, dtype=_dtype(dtype))

    def rfftfreq(self, n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
        """Return the frequencies of the result of `rfft` of n values taken `d` apart."""
        step = float(scalar("rfftfreq", d))
        return self._made("fft.rfftfreq", device, n=integer("n", n), d=step, dtype=_dtype(dtype))

    def _of_shape(self, type: str, shape: Any, dtype: Any, device: Any) -> Array:
        return self._made(type, device, shape=integers("shape", shape), dtype=_dtype(dtype))

    def _made(self, type: str, device: Any, **attributes: Any) -> Array:
        with self._scope(device):
            return self._runtime.apply(type, (), attributes, self._rules)[0]

    def _like(self, type: str, x: Array, dtype: Any, device: Any, **attributes: Any) -> Array:
        (x,) = as_arrays(f"{type}_like", x)
        kind, wanted = x._kind, optional_dtype_name(dtype) or x._kind.spec.dtype
        attributes |= {"shape": kind.spec.shape, "dtype": wanted}
        with self._scope(x.device if device is None else device):
            return kind.runtime.apply(type, (), attributes, kind.rules)[0]

    def _from_array(self, x: Array, dtype: str | None, device: Any, copy: bool | None) -> Array:
        self._check_own(x)
        index = x._kind.site.device if device is None else self._index(device)
        is_same = index == x._kind.site.device and dtype in (None, x._kind.spec.dtype)
        if is_same and not copy:
            return x
        if copy is False:
            raise InvalidValue(f"asarray: this {x._kind.spec} on {x.device} needs a copy for that; do not forbid it")
        if dtype not in (None, x._kind.spec.dtype):
            return run("astype", x, dtype=dtype).to_device(self._name(index))
        return self._copied(x, index)

    def _joined(self, nest: Any) -> Array:
        """Return the arrays and scalars of a nest of lists as one array, on the device of the arrays."""
        first = _first_array(nest)

        def made(item: Any) -> Array:
            if isinstance(item, list | tuple) and item:
                return run("stack", *map(made, item), axis=0)
            return item if isinstance(item, Array) else self.asarray(item, device=first.device)

        return made(nest)

    def _viewed(self, x: Array, device: Any, copy: bool | None) -> Array:
        index = x._kind.site.device if device is None else self._index(device)
        if index == x._kind.site.device and not copy:
            return view(x, "getitem", {"key": ("...",)}, lambda data: data[...])
        if copy is False:
            raise BufferError(f"this {x._kind.spec} on {x.device} comes onto another device only by a copy")
        return self._copied(x, index)

    def _copied(self, x: Array, index: int) -> Array:
        if index != x._kind.site.device:
            return x.to_device(self._name(index))
        array = here(x)
        return array._kind.runtime.copy(array, x._kind.site)

    def _check_own(self, x: Array) -> None:
        if x._kind.runtime is not self._runtime and x._kind.runtime is not self._here():
            raise InvalidValue("asarray is given an array of another runtime; move its values: `asarray(x.value())`")

    def _here(self) -> Runtime:
        """Return the runtime, or what takes its place in the body of a traced function."""
        runtime = self._runtime
        return (runtime.scopes.tracer() if runtime.observers else None) or runtime

    def _scope(self, device: Any) -> AbstractContextManager[Any]:
        """Return a scope for exactly this device. Raises MachineError if there is none; it is never another one."""
        return nullcontext() if device is None else self._runtime.device(self._name(self._index(device)))

    def _index(self, device: Any) -> int:
        return self._runtime.machine.index(str(getattr(device, "name", device)))

    def _name(self, index: int) -> str:
        return self._runtime.machine.devices[index].name


def _holds_array(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(item, Array) or _holds_array(item) for item in value)


def _first_array(nest: Any) -> Array:
    while not isinstance(nest, Array):
        nest = next(item for item in nest if isinstance(item, Array) or _holds_array(item))
    return nest


def _number(name: str, value: Any) -> Any:
    """Return a scalar, or the element of an array without dimensions. Raises TypeError."""
    return scalar(name, one_value(value, "a number", "bool int float complex") if isinstance(value, Array) else value)


def _filled(name: str, shape: tuple[int, ...], value: Array, dtype: Any, device: Any) -> Array:
    """Return an array with the one element of another everywhere, on its device unless another is asked for."""
    if value.ndim:
        raise InvalidValue(f"{name}: {value._kind.spec} is no fill value; take one element of it: x[0]")
    value = value if device is None else value.to_device(device)
    return run("astype", broadcast_to(value, shape), dtype=optional_dtype_name(dtype) or value._kind.spec.dtype)


def _dtype(dtype: Any) -> str:
    return "float64" if dtype is None else dtype_name(dtype)


def meshgrid(*arrays: Array, indexing: Literal["xy", "ij"] = "xy") -> tuple[Array, ...]:
    """Return for each vector an array of the shape of all of them together, in which it runs along its own axis."""
    return run_many("meshgrid", *arrays, indexing=indexing) if arrays else ()


def tril(x: Array, /, *, k: int = 0) -> Array:
    """Return matrices with zeros above a diagonal."""
    return run("tril", x, k=integer("k", k))


def triu(x: Array, /, *, k: int = 0) -> Array:
    """Return matrices with zeros below a diagonal."""
    return run("triu", x, k=integer("k", k))


OF_A_RUNTIME = (
    *("arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace"),
    *("ones", "ones_like", "zeros", "zeros_like"),
)
"""The functions of `Creation` that belong to the main namespace."""
FUNCTIONS = {function.__name__: function for function in (meshgrid, tril, triu)}
"""The creation functions of the standard that need no runtime, by name."""
