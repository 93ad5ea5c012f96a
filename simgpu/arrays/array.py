"""The array that programs hold: values on one logical device, with a share in its memory.

It is the array object of the Python array API standard, 2025.12. What it leaves to others: `arithmetic` makes the
operators, `indexing` and `views` say what stands between brackets, `reading` brings values to Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from simgpu.arrays.arithmetic import binary, in_place, reflected, unary
from simgpu.arrays.dlpack import dlpack_capsule, dlpack_device, host_view
from simgpu.arrays.dtypes import dtype_of
from simgpu.arrays.indexing import get_items, items_along_first_axis, set_items
from simgpu.arrays.kind import Kind, Site
from simgpu.arrays.memory import Buffer
from simgpu.arrays.products import in_place_matmul, matmul, reflected_matmul
from simgpu.arrays.reading import one_value, text
from simgpu.arrays.views import here, matrices_transposed
from simgpu.errors import InvalidValue, RuntimeClosedError

_OWN_REFERENCES = 3  # the array's slot, the local name, and getrefcount's argument


class Array:
    """An array on a logical device. Made by a runtime; the constructor is not for users."""

    __slots__ = ("__weakref__", "_buffer", "_data", "_kind")
    __array_ufunc__ = None  # NumPy's operators leave mixed operands to ours, which refuse NumPy's arrays

    _data: Any
    _buffer: Buffer
    _kind: Kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._kind.spec.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._kind.spec.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._kind.spec.size

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._kind.spec.nbytes

    @property
    def dtype(self) -> Any:
        """The dtype of the elements, as the namespace has it under its name."""
        return dtype_of(self._kind.spec.dtype)

    @property
    def device(self) -> str:
        """Full name of the logical device that the array is on."""
        return self._kind.runtime.machine.devices[self._kind.site.device].name

    @property
    def backing_device(self) -> str:
        """Full name of the device whose memory holds the bytes: the CPU's for what kernels keep in host memory."""
        return self._kind.memory.device.name

    @property
    def T(self) -> Array:
        """The transpose of a matrix, as a view. Raises InvalidValue unless there are two dimensions."""
        if self.ndim != 2:
            raise InvalidValue(f"T is for two dimensions, and this is {self._kind.spec}; use .mT, or permute_dims")
        return matrices_transposed(self)

    @property
    def mT(self) -> Array:
        """The transpose of a matrix, or of a stack of matrices, as a view."""
        return matrices_transposed(self)

    def to_device(self, device: Any, /, *, stream: Any = None) -> Array:
        """Return a copy on a device, or this array if it is there. Host storage knows no streams, so leave it out."""
        if stream is not None:
            raise InvalidValue(f"to_device: there are no streams here, so stream must be None, not {stream!r}")
        runtime = self._kind.runtime
        index = runtime.machine.index(str(getattr(device, "name", device)))
        if index == self._kind.site.device:
            return self
        array = here(self)
        return array._kind.runtime.copy(array, Site(index, index))

    def free(self) -> None:
        """Return the memory now. Raises InvalidValue while views share it; the array cannot be used afterwards."""
        buffer = self._buffer
        if sys.getrefcount(buffer) > _OWN_REFERENCES:
            raise InvalidValue(f"{self._kind.spec} on {self.device} has views that are alive; free those first")
        buffer.free()
        self._data = None

    def value(self) -> Any:
        """Return the values as the caller's own: a NumPy array, or shape and dtype on `shape` storage."""
        self.check_live()
        return self._kind.runtime.storage.read(self._data)

    def check_live(self) -> None:
        """Raise RuntimeClosedError if the memory has been freed."""
        if self._data is None or not self._buffer.is_live:
            raise RuntimeClosedError(f"this {self._kind.spec} on {self.device} has been freed; make a new array")

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        """Return the namespace whose functions take this array."""
        rules = self._kind.rules
        return self._kind.runtime.xp(rules.default if rules.follows_inputs else None, api_version or rules.api_version)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Give NumPy the values, if the array is on a CPU. Raises TypeError elsewhere: there are no silent copies."""
        return host_view(self, dtype, copy)

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Export the memory. Raises BufferError for another device than the host's, or without values."""
        return dlpack_capsule(self, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return (1, 0), the host: that is where the bytes are, whatever the logical device."""
        return dlpack_device(self)

    def __getitem__(self, key: Any, /) -> Array:
        """Return a view for integers, slices, None and an ellipsis; a copy for arrays of integers or bools."""
        return get_items(self, key)

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Replace elements by those of an array on the same device, or by a scalar."""
        set_items(self, key, value)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"a {self._kind.spec} has no axes, and so no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return items_along_first_axis(self)

    def __bool__(self) -> bool:
        return bool(one_value(self, "bool", "bool int float complex"))

    def __int__(self) -> int:
        return int(one_value(self, "int", "bool int float"))

    def __float__(self) -> float:
        return float(one_value(self, "float", "bool int float"))

    def __complex__(self) -> complex:
        return complex(one_value(self, "complex", "bool int float complex"))

    def __index__(self) -> int:
        return int(one_value(self, "an index", "int"))

    def __repr__(self) -> str:
        return text(self)

    def __format__(self, form: str) -> str:
        if not form:
            return str(self)
        return format(one_value(self, f"text in the form {form!r}", "bool int float complex"), form)

    def __copy__(self) -> Array:
        array = here(self)
        return array._kind.runtime.copy(array, self._kind.site)

    def __deepcopy__(self, memo: Any) -> Array:
        return self.__copy__()

    def __reduce__(self) -> Any:
        spec = self._kind.spec
        raise TypeError(f"this {spec} is on {self.device} of a runtime and cannot be pickled; pickle x.value()")

    __hash__ = None  # type: ignore[assignment] # arrays are compared element by element

    __abs__ = unary("abs")
    __invert__ = unary("bitwise_invert")
    __neg__ = unary("negative")
    __pos__ = unary("positive")

    __add__, __radd__, __iadd__ = binary("add"), reflected("add"), in_place("add")
    __sub__, __rsub__, __isub__ = binary("subtract"), reflected("subtract"), in_place("subtract")
    __mul__, __rmul__, __imul__ = binary("multiply"), reflected("multiply"), in_place("multiply")
    __truediv__, __rtruediv__, __itruediv__ = binary("divide"), reflected("divide"), in_place("divide")
    __floordiv__, __rfloordiv__ = binary("floor_divide"), reflected("floor_divide")
    __ifloordiv__ = in_place("floor_divide")
    __mod__, __rmod__, __imod__ = binary("remainder"), reflected("remainder"), in_place("remainder")
    __pow__, __rpow__, __ipow__ = binary("pow"), reflected("pow"), in_place("pow")
    __and__, __rand__, __iand__ = binary("bitwise_and"), reflected("bitwise_and"), in_place("bitwise_and")
    __or__, __ror__, __ior__ = binary("bitwise_or"), reflected("bitwise_or"), in_place("bitwise_or")
    __xor__, __rxor__, __ixor__ = binary("bitwise_xor"), reflected("bitwise_xor"), in_place("bitwise_xor")
    __lshift__, __rlshift__ = binary("bitwise_left_shift"), reflected("bitwise_left_shift")
    __ilshift__ = in_place("bitwise_left_shift")
    __rshift__, __rrshift__ = binary("bitwise_right_shift"), reflected("bitwise_right_shift")
    __irshift__ = in_place("bitwise_right_shift")
    __matmul__, __rmatmul__, __imatmul__ = matmul, reflected_matmul, in_place_matmul

    __eq__, __ne__ = binary("equal"), binary("not_equal")
    __lt__, __le__ = binary("less"), binary("less_equal")
    __gt__, __ge__ = binary("greater"), binary("greater_equal")
