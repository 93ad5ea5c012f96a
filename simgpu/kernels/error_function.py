"""The error function, for array modules that lack it.

W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969): one quotient of
polynomials for |x| <= 0.46875 and one beyond. The coefficients are those of his routine CALERF (SPECFUN, netlib),
highest power first. Absolute error below 1e-15.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simgpu.kernels.rules import Attributes

BORDER = 0.46875
LARGEST = 6.0
"""From here on, erf is 1 in float64."""

INNER_OVER = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
INNER_UNDER = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
OUTER_OVER = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
OUTER_UNDER = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)


def compute_erf(xp: Any, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes) -> None:
    """Write erf of the input into the output."""
    x, y = inputs[0], outputs[0]
    size = xp.minimum(xp.abs(x), LARGEST)
    beyond = 1 - xp.exp(-size * size) * _quotient(size, OUTER_OVER, OUTER_UNDER)
    xp.multiply(xp.sign(x), beyond, out=y)
    square = xp.minimum(size, BORDER) ** 2
    xp.copyto(y, x * _quotient(square, INNER_OVER, INNER_UNDER), where=size <= BORDER)


def _quotient(x: Any, over: Sequence[float], under: Sequence[float]) -> Any:
    quotient = _polynomial(x, over)
    quotient /= _polynomial(x, under)
    return quotient


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    result = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        result += coefficient
        result *= x
    result += coefficients[-1]
    return result
