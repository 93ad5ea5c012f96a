"""What the array API standard 2025.12 says of its functions, and one call of each for the tests.

Signatures are those of the standard's stubs (data-apis/array-api, `src/array_api_stubs/_2025_12`), without types. A
call is given the function and `a`, which makes an array of NumPy's; NumPy's own function of the name gets the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

SIGNATURES = """
abs(x, /)
acos(x, /)
acosh(x, /)
add(x1, x2, /)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
arange(start, /, stop=None, step=1, *, dtype=None, device=None)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
argsort(x, /, *, axis=-1, descending=False, stable=True)
asarray(obj, /, *, dtype=None, device=None, copy=None)
asin(x, /)
asinh(x, /)
astype(x, dtype, /, *, copy=True, device=None)
atan(x, /)
atan2(x1, x2, /)
atanh(x, /)
bitwise_and(x1, x2, /)
bitwise_invert(x, /)
bitwise_left_shift(x1, x2, /)
bitwise_or(x1, x2, /)
bitwise_right_shift(x1, x2, /)
bitwise_xor(x1, x2, /)
broadcast_arrays(*arrays)
broadcast_shapes(*shapes)
broadcast_to(x, /, shape)
can_cast(from_, to, /)
ceil(x, /)
clip(x, /, min=None, max=None)
concat(arrays, /, *, axis=0)
conj(x, /)
copysign(x1, x2, /)
cos(x, /)
cosh(x, /)
count_nonzero(x, /, *, axis=None, keepdims=False)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
divide(x1, x2, /)
empty(shape, *, dtype=None, device=None)
empty_like(x, /, *, dtype=None, device=None)
equal(x1, x2, /)
exp(x, /)
expand_dims(x, /, axis)
expm1(x, /)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)
fft.fft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.fftn(x, /, *, s=None, axes=None, norm='backward')
fft.fftshift(x, /, *, axes=None)
fft.hfft(x, /, *, n=None, axis=-1, norm='backward')
fft.ifft(x, /, *, n=None, axis=-1, norm='backward')
fft.ifftn(x, /, *, s=None, axes=None, norm='backward')
fft.ifftshift(x, /, *, axes=None)
fft.ihfft(x, /, *, n=None, axis=-1, norm='backward')
fft.irfft(x, /, *, n=None, axis=-1, norm='backward')
fft.irfftn(x, /, *, s=None, axes=None, norm='backward')
fft.rfft(x, /, *, n=None, axis=-1, norm='backward')
fft.rfftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.rfftn(x, /, *, s=None, axes=None, norm='backward')
finfo(type, /)
flip(x, /, *, axis=None)
floor(x, /)
floor_divide(x1, x2, /)
from_dlpack(x, /, *, device=None, copy=None)
full(shape, fill_value, *, dtype=None, device=None)
full_like(x, /, fill_value, *, dtype=None, device=None)
greater(x1, x2, /)
greater_equal(x1, x2, /)
hypot(x1, x2, /)
iinfo(type, /)
imag(x, /)
isdtype(dtype, kind)
isfinite(x, /)
isin(x1, x2, /, *, invert=False)
isinf(x, /)
isnan(x, /)
less(x1, x2, /)
less_equal(x1, x2, /)
linalg.cholesky(x, /, *, upper=False)
linalg.cross(x1, x2, /, *, axis=-1)
linalg.det(x, /)
linalg.diagonal(x, /, *, offset=0)
linalg.eig(x, /)
linalg.eigh(x, /)
linalg.eigvals(x, /)
linalg.eigvalsh(x, /)
linalg.inv(x, /)
linalg.matmul(x1, x2, /)
linalg.matrix_norm(x, /, *, keepdims=False, ord='fro')
linalg.matrix_power(x, n, /)
linalg.matrix_rank(x, /, *, rtol=None)
linalg.matrix_transpose(x, /)
linalg.outer(x1, x2, /)
linalg.pinv(x, /, *, rtol=None)
linalg.qr(x, /, *, mode='reduced')
linalg.slogdet(x, /)
linalg.solve(x1, x2, /)
linalg.svd(x, /, *, full_matrices=True)
linalg.svdvals(x, /)
linalg.tensordot(x1, x2, /, *, axes=2)
linalg.trace(x, /, *, offset=0, dtype=None)
linalg.vecdot(x1, x2, /, *, axis=-1)
linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True)
log(x, /)
log10(x, /)
log1p(x, /)
log2(x, /)
logaddexp(x1, x2, /)
logical_and(x1, x2, /)
logical_not(x, /)
logical_or(x1, x2, /)
logical_xor(x1, x2, /)
matmul(x1, x2, /)
matrix_transpose(x, /)
max(x, /, *, axis=None, keepdims=False)
maximum(x1, x2, /)
mean(x, /, *, axis=None, keepdims=False)
meshgrid(*arrays, indexing='xy')
min(x, /, *, axis=None, keepdims=False)
minimum(x1, x2, /)
moveaxis(x, source, destination, /)
multiply(x1, x2, /)
negative(x, /)
nextafter(x1, x2, /)
nonzero(x, /)
not_equal(x1, x2, /)
ones(shape, *, dtype=None, device=None)
ones_like(x, /, *, dtype=None, device=None)
permute_dims(x, /, axes)
positive(x, /)
pow(x1, x2, /)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
real(x, /)
reciprocal(x, /)
remainder(x1, x2, /)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape, *, copy=None)
result_type(*arrays_and_dtypes)
roll(x, /, shift, *, axis=None)
round(x, /)
searchsorted(x1, x2, /, *, side='left', sorter=None)
sign(x, /)
signbit(x, /)
sin(x, /)
sinh(x, /)
sort(x, /, *, axis=-1, descending=False, stable=True)
sqrt(x, /)
square(x, /)
squeeze(x, /, axis)
stack(arrays, /, *, axis=0)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
subtract(x1, x2, /)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
take(x, indices, /, *, axis=None)
take_along_axis(x, indices, /, *, axis=-1)
tan(x, /)
tanh(x, /)
tensordot(x1, x2, /, *, axes=2)
tile(x, repetitions, /)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
trunc(x, /)
unique_all(x, /)
unique_counts(x, /)
unique_inverse(x, /)
unique_values(x, /)
unstack(x, /, *, axis=0)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
vecdot(x1, x2, /, *, axis=-1)
where(condition, x1, x2, /)
zeros(shape, *, dtype=None, device=None)
zeros_like(x, /, *, dtype=None, device=None)
"""

SINCE_2025 = {"broadcast_shapes", "isin", "linalg.eig", "linalg.eigvals"}

REALS = np.asarray([[0.5, -0.25, 0.75, 0.125], [1.0, 0.0, -0.5, 0.25], [-1.0, 0.375, 0.5, 0.625]])
OTHERS = np.asarray([[2.0, 0.5, 0.25, 1.5], [1.0, 3.0, 0.75, 0.5], [0.5, 1.25, 2.0, 1.0]])
LARGE = REALS * 3 + 4
INTEGERS = np.asarray([[3, 1, 4, 1], [5, 9, 2, 6]])
SHIFTS = np.asarray([[1, 2, 0, 3], [2, 1, 3, 0]])
TRUTHS = np.asarray([True, False, True, False])
OTHER_TRUTHS = np.asarray([True, True, False, False])
COMPLEX = np.asarray([1 + 2j, -3 + 0.5j, 2 - 1j, 0.25j])
SQUARE = np.asarray([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])
SKEWED = np.asarray([[2.0, -1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.25, 3.0]])
VECTOR = np.asarray([3.0, 1.0, 2.0])
SORTED = np.asarray([1.0, 2.0, 3.0, 5.0])

Function = Any
Make = Callable[[np.ndarray[Any, Any]], Any]
Call = Callable[[Function, Make], Any]


def _one(values: np.ndarray[Any, Any]) -> Call:
    return lambda f, a: f(a(values))


def _two(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> Call:
    return lambda f, a: f(a(left), a(right))


_OF_ONE = {
    "abs acos asin atan atanh cos cosh exp expm1 log1p sin sinh tan tanh asinh ceil floor trunc round sign signbit "
    "isfinite isinf isnan negative positive square real": REALS * 0.875,
    "acosh log log2 log10 sqrt reciprocal": LARGE,
    "bitwise_invert": INTEGERS,
    "logical_not": TRUTHS,
    "conj imag": COMPLEX,
    "argmax argmin max min mean prod std sum var all any count_nonzero nonzero sort argsort flip matrix_transpose "
    "unique_all unique_counts unique_inverse unique_values unstack tril triu": OTHERS,
    "empty_like ones_like zeros_like": INTEGERS,
    "cumulative_sum cumulative_prod diff": VECTOR,
    "linalg.det linalg.inv linalg.cholesky linalg.eigh linalg.eigvalsh linalg.slogdet linalg.svd linalg.svdvals "
    "linalg.qr linalg.pinv linalg.matrix_rank linalg.matrix_norm linalg.trace linalg.diagonal": SQUARE,
    "linalg.matrix_transpose linalg.vector_norm": OTHERS,
    "linalg.eig linalg.eigvals": SKEWED,
    "fft.rfft fft.rfftn fft.ihfft fft.fftshift fft.ifftshift": VECTOR,
    "fft.fft fft.fftn fft.ifft fft.irfft fft.ifftn fft.irfftn fft.hfft": COMPLEX,
}
_OF_TWO: Mapping[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = {
    "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp maximum "
    "minimum multiply nextafter not_equal remainder subtract": (REALS, OTHERS),
    "pow": (LARGE, REALS),
    "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift": (INTEGERS, SHIFTS),
    "logical_and logical_or logical_xor": (TRUTHS, OTHER_TRUTHS),
    "matmul linalg.matmul": (SQUARE, SKEWED),
    "tensordot linalg.tensordot": (SQUARE, SKEWED),
    "vecdot linalg.vecdot": (REALS, OTHERS),
    "linalg.cross linalg.outer": (VECTOR, VECTOR[::-1]),
    "linalg.solve": (SQUARE, VECTOR),
    "isin": (INTEGERS, SHIFTS),
    "searchsorted": (SORTED, VECTOR),
    "broadcast_arrays": (VECTOR, SQUARE),
    "meshgrid": (VECTOR, SORTED),
}

CALLS: dict[str, Call] = {
    **{name: _one(values) for names, values in _OF_ONE.items() for name in names.split()},
    **{name: _two(*values) for names, values in _OF_TWO.items() for name in names.split()},
    "astype": lambda f, a: f(a(REALS), a(np.ones(1, np.float32)).dtype),
    "broadcast_to": lambda f, a: f(a(VECTOR), (2, 3)),
    "clip": lambda f, a: f(a(REALS), a(REALS - 0.125), a(OTHERS - 1.0)),
    "concat": lambda f, a: f([a(REALS), a(OTHERS)], axis=1),
    "expand_dims": lambda f, a: f(a(REALS), axis=1),
    "full_like": lambda f, a: f(a(INTEGERS), 7),
    "linalg.matrix_power": lambda f, a: f(a(SQUARE), 3),
    "moveaxis": lambda f, a: f(a(REALS), 0, 1),
    "permute_dims": lambda f, a: f(a(REALS), (1, 0)),
    "repeat": lambda f, a: f(a(VECTOR), a(np.asarray([2, 0, 1]))),
    "reshape": lambda f, a: f(a(REALS), (4, 3)),
    "roll": lambda f, a: f(a(REALS), 2, axis=1),
    "squeeze": lambda f, a: f(a(REALS[None]), axis=0),
    "stack": lambda f, a: f([a(REALS), a(OTHERS)], axis=1),
    "take": lambda f, a: f(a(OTHERS), a(np.asarray([2, 0])), axis=0),
    "take_along_axis": lambda f, a: f(a(INTEGERS), a(SHIFTS), axis=1),
    "tile": lambda f, a: f(a(VECTOR), (2, 2)),
    "where": lambda f, a: f(a(TRUTHS), a(REALS), a(OTHERS)),
}
"""Functions of arrays. Each returns an array, or several."""

MAKING: dict[str, Callable[[Function, Any], Any]] = {
    "arange": lambda f, device: f(2, 11, 3, **device),
    "asarray": lambda f, device: f([[1.5, 2.0], [3.0, 4.0]], **device),
    "empty": lambda f, device: f((2, 3), **device),
    "eye": lambda f, device: f(3, 4, k=1, **device),
    "from_dlpack": lambda f, device: f(VECTOR, **device),
    "full": lambda f, device: f((2, 3), 7, **device),
    "linspace": lambda f, device: f(0.0, 1.0, 5, **device),
    "ones": lambda f, device: f((2, 3), **device),
    "zeros": lambda f, device: f((2, 3), **device),
    "fft.fftfreq": lambda f, device: f(5, d=0.5, **device),
    "fft.rfftfreq": lambda f, device: f(5, d=0.5, **device),
}
"""Functions that make arrays of other things."""

OF_DTYPES = {"can_cast", "finfo", "iinfo", "isdtype", "result_type", "broadcast_shapes"}
"""Functions that neither take nor make values."""

VIEWS = {
    *("broadcast_arrays", "broadcast_to", "expand_dims", "flip", "imag", "matrix_transpose", "linalg.matrix_transpose"),
    *("moveaxis", "permute_dims", "real", "reshape", "squeeze", "unstack"),
}
"""Functions whose results share the memory of their input."""

BY_VALUES = {"nonzero", "repeat", "unique_all", "unique_counts", "unique_inverse", "unique_values"}
"""Functions whose result shapes follow from values in the calls above."""
