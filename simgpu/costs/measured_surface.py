"""Interpolation between samples: a law that is linear in physical terms, and what is left, from the samples nearby.

time = (w1 * t1 + w2 * t2 + ...) * exp(residual)

The terms are stated for each operation: kernels launched, bytes moved, time of the matrix products inside. The weights
are never negative, and make the sum of squared relative errors least. The residual is a function of the operation's
place (logarithms of its sizes): by kriging with the covariance exp(-d), which is nearly linear between neighbours
(C. E. Rasmussen, C. K. I. Williams: Gaussian Processes for Machine Learning, 2006, algorithm 2.1). There d is the
distance with each coordinate divided by its length. Lengths, and the share of noise, are those with the least error of
predicting each sample from the others (equation 5.12 there).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

LENGTHS = (1.0, 3.0, 10.0, 30.0)
"""Lengths tried for each coordinate, in factors of two of what it measures."""
NOISES = (1e-6, 0.03, 0.2, 0.6)
"""Shares of noise in the variance of residuals that are tried: with the first, a surface goes through its samples."""
_FEWEST, _MOST_DECIDING = 4, 250
_OUTLIER, _OUTLIERS_SPREAD, _MOST_OUTLIERS = 0.7, 6.0, 0.15
"""An outlier is twice too large or small, and six times further off than half of all samples. More than so large a
share of them is no outliers, but the law's own fault."""


class Prediction(NamedTuple):
    """A time, and how far it is from what was measured.

    `beyond` is how far the place lies outside the sampled range, `nearest` the distance to the nearest sample; both are
    logarithms to the base of 2, of the coordinate that differs most. `outgrown` is how far a term is above that of any
    sample, in the same way: sizes that each were measured may be so large together. `error` is the typical relative
    error of predicting a sample from the others.
    """

    time: float
    beyond: float
    outgrown: float
    nearest: float
    error: float


class Surface:
    """What samples of one kind of operation say: `terms`, `places` and `times` have a row for each sample."""

    def __init__(self, terms: Floats, places: Floats, times: Floats) -> None:
        times = np.maximum(times, 1.0)
        self.weights = least_relative_squares(terms, times)
        self._largest = np.maximum(terms.max(axis=0), 1.0)
        self._places, where = np.unique(places, axis=0, return_inverse=True)
        residuals = np.log(times / self._law(terms))
        count = np.bincount(where.ravel())
        self._residuals = np.bincount(where.ravel(), residuals) / count
        self._fit()
        self._drop_outliers()

    def predict(self, terms: Floats, place: Floats) -> Prediction:
        """Return the time at a place. Beyond the sampled range, the residual is that of the border."""
        low, high = self._places.min(axis=0), self._places.max(axis=0)
        inside = np.clip(place, low, high)
        apart = np.abs(self._places - place).max(axis=1)
        bound = np.clip(self._residual(inside), self._residuals.min() - 0.1, self._residuals.max() + 0.1)
        law = float(self._law(terms[None, :])[0])
        time = law * float(np.exp(bound))
        beyond = float(np.abs(place - inside).max(initial=0.0))
        outgrown = float(np.log2(np.maximum(terms / self._largest, 1.0)).max())
        return Prediction(time, beyond, outgrown, float(apart.min()), self.error)

    def _law(self, terms: Floats) -> Floats:
        law: Floats = terms @ self.weights
        return np.maximum(law, 1.0)

    def _fit(self) -> None:
        self._mean = float(np.median(self._residuals))
        rest = self._residuals - self._mean
        count, dims = self._places.shape
        self._lengths = np.full(dims, 10.0)
        if count < _FEWEST:
            self._factors, self._errors, self.error = rest, np.zeros(count), 0.0
            return
        self._lengths, noise = _lengths(self._places, rest)
        self._errors, self._factors = _left_out(self._places / self._lengths, rest, noise)
        self.error = float(np.abs(self._errors).mean())

    def _drop_outliers(self) -> None:
        """Fit again without samples that the others contradict: something else was at work on the device then."""
        apart = np.abs(self._errors)
        is_good = apart <= max(_OUTLIER, _OUTLIERS_SPREAD * float(np.median(apart)))
        if is_good.sum() >= max(_FEWEST, (1 - _MOST_OUTLIERS) * len(is_good)) and not is_good.all():
            self._places, self._residuals = self._places[is_good], self._residuals[is_good]
            self._fit()

    def _residual(self, place: Floats) -> float:
        if len(self._places) < _FEWEST:
            return self._mean + float(self._factors[np.abs(self._places - place).sum(axis=1).argmin()])
        apart = np.sqrt((((self._places - place) / self._lengths) ** 2).sum(axis=1))
        return self._mean + float(np.exp(-apart) @ self._factors)


def least_relative_squares(terms: Floats, times: Floats) -> Floats:
    """Return weights of 0 or more for which `terms @ weights` has the least squared errors, relative to the times.

    By leaving out the term with the most negative weight until none is negative.
    """
    scaled = terms / times[:, None]
    used = [column for column in range(terms.shape[1]) if scaled[:, column].any()]
    weights = np.zeros(terms.shape[1])
    while used:
        scale = np.abs(scaled[:, used]).max(axis=0)
        solved = np.linalg.lstsq(scaled[:, used] / scale, np.ones(len(times)), rcond=None)[0]
        if solved.min() >= 0:
            weights[used] = solved / scale
            break
        used.pop(int(solved.argmin()))
    return weights


def _lengths(places: Floats, rest: Floats) -> tuple[Floats, float]:
    """Return the length of each coordinate, and the share of noise, with the least error: one after the other, twice.

    Of many samples, some that are evenly strewn over all of them decide.
    """
    chosen = np.random.default_rng(0).permutation(len(rest))[:_MOST_DECIDING]
    places, rest = places[chosen], rest[chosen]
    dims = places.shape[1]
    found, best = np.array([*[LENGTHS[-2]] * dims, NOISES[0]]), np.inf
    for axis in (*range(dims + 1), *range(dims + 1)):
        for value in LENGTHS if axis < dims else NOISES:
            tried = found.copy()
            tried[axis] = value
            error = float(np.abs(_left_out(places / tried[:-1], rest, tried[-1])[0]).mean())
            if error < best - 1e-12:
                best, found = error, tried
    return found[:-1], float(found[-1])


def _left_out(places: Floats, rest: Floats, noise: float) -> tuple[Floats, Floats]:
    """Return the error of predicting each sample from the others, and the factors of the samples."""
    apart = np.sqrt(((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2))
    inverse = np.linalg.inv(np.exp(-apart) + noise * np.eye(len(rest)))
    factors = inverse @ rest
    return factors / np.diag(inverse), factors
