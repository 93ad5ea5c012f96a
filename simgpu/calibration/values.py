"""Values for inputs of a case that cannot be just any numbers: indices, truth values, matrices that have an inverse.

All others are what the memory was filled with: as float32, numbers from 0.5 to 1.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from simgpu.calibration.case import Case
from simgpu.calibration.plan_dynamic import KEPT, OF_EACH_VALUE, REPEATS
from simgpu.graph import TensorSpec
from simgpu.kernels import array_dtype

_PATTERN = 4099
"""How many values are drawn; then they are repeated."""
_INDEX_OF: Mapping[str, tuple[int, int]] = {"Gather": (1, 0), "take": (1, 0), "take_along_axis": (1, -1)}
"""The input that holds indices, and the axis by default."""
_RANGES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("acos", "asin", "atanh"), (-0.9, 0.9)),
    "acosh": (1.1, 5.0),
    **dict.fromkeys(("prod", "cumulative_prod"), (0.999, 1.001)),
}
"""Where a function is defined, and between what a long product stays a moderate number."""
_DIVISIONS = ("Div", "divide", "floor_divide", "remainder")
_POWERS, _SHIFTS = ("Pow", "pow"), ("bitwise_left_shift", "bitwise_right_shift")
_DEFINITE = ("cholesky", "det", "eigh", "eigvalsh", "inv", "matrix_power", "slogdet", "solve")
_GENERAL = ("eig", "eigvals", "matrix_norm", "matrix_rank", "pinv", "qr", "svd", "svdvals")
_OFF_DIAGONAL = 0.2
_HALF = ("float16", "bfloat16")
Values = np.ndarray[Any, Any]
Make = Callable[[], Values]


def has_values(case: Case, number: int) -> bool:
    """Tell whether an input must hold certain values."""
    return _maker(case, number) is not None


def values_of(case: Case, number: int) -> Values | None:
    """Return values for an input that must hold certain ones; None where any will do."""
    make, spec = _maker(case, number), case.inputs[number]
    if make is None:
        return None
    return np.resize(make(), spec.shape).astype(array_dtype(spec.dtype), copy=False)


def _maker(case: Case, number: int) -> Make | None:
    """Return what makes values, as many as there are or fewer, which are then repeated."""
    spec = case.inputs[number]
    if case.results is not None:
        return _of_dynamic(case, number)
    if spec.dtype == "bool":
        return lambda: _random().random(_PATTERN) < 0.5
    rows = _rows_to_choose(case, number)
    if rows is not None:
        return lambda: _random().integers(0, rows, _PATTERN)
    if "int" in spec.dtype:
        return _of_integers(case, number)
    name = case.type.removeprefix("linalg.")
    if case.type.startswith("linalg.") and number == 0 and name in _DEFINITE + _GENERAL:
        return lambda: _matrix(spec, is_definite=name in _DEFINITE)
    if case.type == "searchsorted" and number == 0:
        return lambda: np.linspace(0.5, 1.5, spec.size)
    if case.type in _RANGES:
        low, high = _RANGES[case.type]
        return lambda: low + (high - low) * _random().random(_PATTERN)
    return (lambda: 0.5 + _random().random(_PATTERN)) if spec.dtype in _HALF else None


def _of_dynamic(case: Case, number: int) -> Make | None:
    """Return what makes the values from which the shapes of the results follow."""
    if case.type == "nonzero" or (case.type == "getitem_mask" and number == 1):
        return lambda: np.array(KEPT)
    if case.type == "repeat_each":
        return (lambda: np.array([REPEATS])) if number == 1 else None
    if case.type.startswith("unique"):
        return lambda: _random().permutation(max(1, case.inputs[0].size // OF_EACH_VALUE))
    return None


def _of_integers(case: Case, number: int) -> Make | None:
    """Return what makes divisors, exponents and shifts of integers, and what is placed in order."""
    if case.type in _DIVISIONS:
        return lambda: _random().integers(1, 100, _PATTERN)
    if case.type in _POWERS + _SHIFTS and number == 1:
        return lambda: _random().integers(0, 4, _PATTERN)
    if case.type == "searchsorted" and number == 0:
        return lambda: np.arange(case.inputs[0].size)
    return None


def _rows_to_choose(case: Case, number: int) -> int | None:
    """Return the length of the axis that an input chooses from; None if it holds no indices."""
    shape = case.inputs[0].shape
    place, axis = _INDEX_OF.get(case.type, (0, 0))
    if place and number == place:
        chosen: int = case.attributes.get("axis", axis)
        return shape[chosen]
    keys = [entry for entry in case.attributes.get("key", ()) if entry == "array"]
    return shape[number - 1] if 0 < number <= len(keys) else None


def _matrix(spec: TensorSpec, *, is_definite: bool) -> Values:
    """Return a random matrix for all of a stack; a definite one has eigenvalues of 0.6 to 1.4 (Wigner's semicircle).

    So determinants and powers of it stay moderate numbers.
    """
    parts = 2 if "complex" in spec.dtype else 1
    drawn = _random().standard_normal((parts, *spec.shape[-2:]))
    found: Values = drawn[0] + 1j * drawn[1] if parts == 2 else drawn[0]
    if not is_definite:
        return found
    scale = _OFF_DIAGONAL / math.sqrt(2 * parts * max(1, len(found)))
    return np.asarray(np.eye(len(found)) + scale * (found + found.conj().T))


def _random() -> np.random.Generator:
    return np.random.default_rng(1)
