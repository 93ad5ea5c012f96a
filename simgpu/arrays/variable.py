"""Variables: values that stay on the device where they were made, and change by assignment.

The rules are TensorFlow's: a variable goes where its handle has a kernel, whatever its value could do; what changes it
runs on its device, whatever the scopes say; what reads it runs where the scopes say. On the kernel set `float-only`
integer variables are therefore on the CPU, on `tensorflow` those of int32 and strings.
"""

from __future__ import annotations

from typing import Any

from simgpu.arrays.array import Array
from simgpu.arrays.constants import given_dtype, host_values, make_constant
from simgpu.arrays.deciding import VARIABLE
from simgpu.arrays.default import chosen_runtime
from simgpu.arrays.kind import Site
from simgpu.arrays.operators import forward_operators
from simgpu.arrays.placement_log import PLACEMENT_LOG
from simgpu.arrays.runtime import Runtime, wrap
from simgpu.errors import InvalidValue, check_type
from simgpu.graph import TensorSpec


class Variable:
    """A value on one device, made in the scopes that are open. `initial_value` may be an array, or a function for one.

    An assignment makes a new array on the device and lets the old one go: what was read before does not change.
    """

    __slots__ = ("_array", "name")

    def __init__(
        self,
        initial_value: Any,
        dtype: Any = None,
        *,
        name: str = "Variable",
        runtime: Runtime | None = None,
    ) -> None:
        check_type(name, str, "name", "text")
        self.name, dtype = name, given_dtype(dtype)
        value = initial_value() if callable(initial_value) else initial_value
        value = value.array if isinstance(value, Variable) else value
        is_from_array = runtime is None and isinstance(value, Array)
        runtime = value._kind.runtime if is_from_array else chosen_runtime(runtime)
        array, is_ours = _as_array(runtime, value, dtype, owner=name)
        decision = runtime.place_source(VARIABLE, array._kind.spec.dtype)
        self._array = _settled(array, Site(decision.device, decision.device), is_ours, owner=name)
        if PLACEMENT_LOG in runtime.observers:
            PLACEMENT_LOG.placed("Variable", self.device, decision.reason)

    @property
    def array(self) -> Array:
        """The array that holds the value now. Later assignments do not change it; changing it changes the variable.

        In the body of a traced function it is what the variable holds at each call.
        """
        tracer = self._array._kind.runtime.scopes.tracer()
        return self._array if tracer is None else tracer.capture(self)

    @property
    def device(self) -> str:
        """Full name of the device where the value is and where assignments run."""
        return self._array.device

    @property
    def backing_device(self) -> str:
        """Full name of the device whose memory holds the value: `device`, for every variable."""
        return self._array.backing_device

    @property
    def dtype(self) -> Any:
        """The dtype of the value, as arrays have it."""
        return self._array.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._array.shape

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._array.nbytes

    def read_value(self) -> Array:
        """Return a copy of the value, where the scopes say."""
        array = self.array
        return array._kind.runtime.apply("Identity", (array,))[0]

    def assign(self, value: Any) -> Variable:
        """Replace the value by one of the same shape and dtype, and return this variable."""
        array, is_ours = self._fitting(value, "assign")
        self._array = _settled(array, self._array._kind.site, is_ours, owner=self.name)
        return self

    def assign_add(self, delta: Any) -> Variable:
        """Add to the value, on the variable's device, and return this variable."""
        return self._update("Add", delta, "assign_add")

    def assign_sub(self, delta: Any) -> Variable:
        """Subtract from the value, on the variable's device, and return this variable."""
        return self._update("Sub", delta, "assign_sub")

    def value(self) -> Any:
        """Return the value as the caller's own, as `Array.value` does."""
        return self.array.value()

    numpy = value

    def free(self) -> None:
        """Return the memory now. The variable cannot be used afterwards."""
        self._array.free()

    def __repr__(self) -> str:
        return f"<Variable {self.name!r} {self._array._kind.spec} on {self.device}>"

    def _update(self, type: str, delta: Any, what: str) -> Variable:
        array, _ = self._fitting(delta, what)
        runtime = self._array._kind.runtime
        with runtime.device(self.device):
            self._array = runtime.apply(type, (self._array, array))[0]
        return self

    def _fitting(self, value: Any, what: str) -> tuple[Array, bool]:
        """Return a value of the variable's shape and dtype as an array, and whether nobody else has it."""
        spec, runtime = self._array._kind.spec, self._array._kind.runtime
        runtime.scopes.refuse_in_body(f"assign to {self.name}")
        value = value.array if isinstance(value, Variable) else value
        if isinstance(value, Array):
            _check_array(runtime, value, spec.dtype, self.name)
        else:
            value = host_values(value, spec.dtype)[0]
        if value.shape != spec.shape:
            raise InvalidValue(_misfit(self, what, TensorSpec(value.shape, spec.dtype)))
        return _as_array(runtime, value, spec.dtype, owner=self.name)


def _as_array(runtime: Runtime, value: Any, dtype: str | None, *, owner: str) -> tuple[Array, bool]:
    """Return the value as an array, and whether nobody else has it."""
    if not isinstance(value, Array):
        return make_constant(runtime, value, dtype, owner=owner), True
    _check_array(runtime, value, dtype, owner)
    return value, False


def _check_array(runtime: Runtime, array: Array, dtype: str | None, owner: str) -> None:
    if array._kind.runtime is not runtime:
        raise InvalidValue(f"{owner} is given an array of another runtime; move its values: `x.value()`")
    if dtype not in (None, array._kind.spec.dtype):
        raise InvalidValue(f"{owner} has dtype {dtype} and is given {array._kind.spec}; convert it first")


def _settled(array: Array, site: Site, is_ours: bool, *, owner: str) -> Array:
    """Return the array at a site: the same memory if it is there already and nobody else's, or a copy."""
    runtime = array._kind.runtime
    if is_ours and array._kind.site.memory == site.memory:
        return wrap(array._data, array._buffer, runtime.kind(array._kind.spec, site, runtime.rules))
    return runtime.copy(array, site, runtime.rules, owner=owner)


def _misfit(variable: Variable, what: str, given: TensorSpec) -> str:
    there = variable.array._kind.spec
    return f"{what} of {variable.name} takes {there}, not {given}; give a value of the variable's shape and dtype"


forward_operators(Variable, to="array")
