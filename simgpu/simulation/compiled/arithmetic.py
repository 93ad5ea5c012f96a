"""Durations, to the bit as `fluid` computes them with integers that have no end."""

from __future__ import annotations

import math

import numpy as np

from simgpu.simulation.compiled.covering import LIMIT_PS
from simgpu.simulation.compiled.jit import compiled
from simgpu.simulation.fluid import TICK_TOLERANCE
from simgpu.units import PS_PER_S

BEYOND_PS = LIMIT_PS + 1
_FLOAT_PS_PER_S = float(PS_PER_S)
_DIGITS = 21  # bits of a quotient that are found at a time


@compiled
def moving_ps(amount: int, per_s: int) -> int:
    """Return how long an amount takes at a rate of up to LIMIT_PER_S: exact, and rounded up to a tick.

    The float's error is below 2**9 ticks, so what it leaves of the amount is below 2**62, and is exact although both
    products are computed modulo 2**64.
    """
    estimate = amount * _FLOAT_PS_PER_S / per_s
    if estimate >= LIMIT_PS:
        return BEYOND_PS
    ticks_ps = int(estimate)
    left = amount * PS_PER_S - ticks_ps * per_s
    return ticks_ps - (-left // per_s)


@compiled
def seconds(ps: int) -> float:
    """Return picoseconds up to LIMIT_PS in seconds, rounded once."""
    if ps < 2**53:
        return ps / _FLOAT_PS_PER_S
    whole, left = ps // PS_PER_S, ps % PS_PER_S
    high, left = (left << _DIGITS) // PS_PER_S, (left << _DIGITS) % PS_PER_S
    low, left = (left << _DIGITS) // PS_PER_S, (left << _DIGITS) % PS_PER_S
    digits = (whole << 2 * _DIGITS) | (high << _DIGITS) | low
    if left:
        digits |= 1  # the last of 56 to 63 bits, of which a float has 53: it tells that there are more
    return digits / 2.0 ** (2 * _DIGITS)


@compiled
def ticks(duration: float) -> int:
    """Round a duration up to whole ticks, as `fluid.ticks` does."""
    if duration >= LIMIT_PS:
        return BEYOND_PS
    nearest = np.rint(duration)
    tolerance = TICK_TOLERANCE
    if duration >= 2.0**41:  # below that, four units in the last place are less
        tolerance = 4 * np.spacing(duration)
    if abs(duration - nearest) < tolerance:
        return max(0, int(nearest))
    return max(0, math.ceil(duration))
