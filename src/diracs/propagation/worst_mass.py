"""The most mass that a law within a radius of a Gaussian mixture may have in a closed set: duality, and half-spaces.

With D the distance to the set K, for every d > 0 and every law ν within ρ of μ in W₂,

    ν(K) ≤ E_μ (1 − D²/d²)₊ + ρ²/d²,

since (1 − |x − y|²/d²)₊ ≤ (1 − D(x)²/d²)₊ for y in K. The least of these bounds is attained: the mass nearest to K
moves there (Gao & Kleywegt 2016; Blanchet & Murthy 2019). Any d gives a bound, so that the search for the best need not
be exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from diracs.laws.gaussian import GaussianMixture, components_of

# The gain of a set: E (1 − D²/d²)₊ for a reach d, the mass of the set for d = 0.
Gain = Callable[[float], float]

_EPS = 2.0**-52
# Normal probabilities, their differences and Gauss–Legendre sums of bounded terms are right to this.
SLACK = 1e-14
# No deviation is beyond so many but with a probability of 2e-19.
BEYOND = 9.0
# With d so many times ρ, in logarithms, the budget costs less than a rounding.
_FARTHEST = 18.0
_NODES, _SHARES = (0.5 * (x + o) for x, o in zip(np.polynomial.legendre.leggauss(20), (1.0, 0.0), strict=True))


class Nominal(NamedTuple):
    """The mixture in the middle of the ball, in a unit 2^unit in which its size and the radius are about 1."""

    means: np.ndarray  # (K, d)
    covs: np.ndarray  # (K, d, d)
    weights: np.ndarray  # (K,)
    reach: float
    unit: int

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Lengths in the unit; what overflows is as good as very far."""
        with np.errstate(over="ignore"):
            return np.clip(np.ldexp(x, -self.unit), -1e100, 1e100)


class Lines(NamedTuple):
    """Projections of the components on unit vectors: normals on the line, each off by at most `loose` but for 2e-19."""

    means: np.ndarray  # (K, F)
    deviations: np.ndarray  # (K, F)
    loose: np.ndarray  # (K, F)


def nominal(law: GaussianMixture, radius: float) -> Nominal:
    """The law in its unit, without components of no weight."""
    means, covs, weights = components_of(law)
    held = weights > 0
    means, covs, weights = means[held], covs[held], weights[held]
    size = max(np.abs(means).max(), math.sqrt(np.abs(covs).max()), radius)
    unit = math.frexp(size)[1] if size > 0 else 0
    # Twice, as the square of a unit may not be a double.
    covs = np.ldexp(np.ldexp(covs, -unit), -unit)
    return Nominal(np.ldexp(means, -unit), covs, weights / weights.sum(), math.ldexp(radius, -unit), unit)


def lines(law: Nominal, normals: np.ndarray) -> Lines:
    """Projections on the unit vectors (F, d).

    Sums of d terms, of normals that are off by two roundings, are off by d + 4 roundings of the sum of the sizes; the
    root of a variance v that is off by e, by e/√v or √e.
    """
    d, sizes = normals.shape[1], np.abs(normals)
    variances = np.maximum(np.einsum("fi,kij,fj->kf", normals, law.covs, normals), 0.0)
    off = 2 * (d + 4) * _EPS * np.einsum("fi,kij,fj->kf", sizes, np.abs(law.covs), sizes)
    root = off / np.sqrt(np.maximum(variances, off) + (off == 0))
    loose = (d + 4) * _EPS * (np.abs(law.means) @ sizes.T) + BEYOND * root
    return Lines(law.means @ normals.T, np.sqrt(variances), loose)


def beyond(distances: np.ndarray, deviations: np.ndarray, d: float) -> np.ndarray:
    """E (1 − D²/d²)₊ for N(0, s²) and D the distance to [distance, ∞); arrays of one shape.

    With t = distance/s and h = d/s it is 1 − Φ(t) + ∫₀¹ (1 − u²) φ(t − h u) h du: by Gauss–Legendre for h ≤ 2, where
    the closed form ∫ (t − x)² φ(x) dx = (1 + t²) ΔΦ + t φ(t) − (t + h) φ(t − h) over [t − h, t] would cancel.
    """
    s = np.maximum(deviations, 1e-60 * max(d, 1.0))
    t, h = np.clip(distances / s, -1e70, 1e70), np.minimum(d / s, 1e60)
    found = scipy.special.ndtr(-t)
    near = h <= 2.0
    x = t[near, None] - h[near, None] * _NODES
    found[near] += h[near] * ((1.0 - _NODES**2) * _density(x) @ _SHARES)
    t, h = t[~near], h[~near]
    low = t - h
    mass = np.where(
        low > 0, scipy.special.ndtr(-low) - scipy.special.ndtr(-t), scipy.special.ndtr(t) - scipy.special.ndtr(low)
    )
    square = (1.0 + t**2) * mass + t * _density(t) - (t + h) * _density(low)
    # So far out that all is below the slack, where t² times a rounding is not.
    part = np.where((low < 40.0) & (t > -40.0), mass - square / h**2, 0.0)
    found[~near] += np.clip(part, 0.0, mass)
    return found


def most(gain: Gain, reach: float) -> tuple[float, float]:
    """The least bound gain(d) + reach²/d², and its d.

    As a function of 1/d² the gain of a set is convex; bounds on it need not be, so that all decades are looked at
    first.
    """
    if reach == 0.0:
        return min(gain(0.0) + SLACK, 1.0), 0.0

    def bound(x: float) -> float:
        return gain(reach * math.exp(x)) + math.exp(-2.0 * x)

    coarse = np.linspace(0.0, _FARTHEST, 25)
    at = int(np.argmin([bound(x) for x in coarse]))
    ends = coarse[max(at - 1, 0)], coarse[min(at + 1, len(coarse) - 1)]
    found = scipy.optimize.minimize_scalar(bound, bounds=ends, method="bounded", options={"xatol": 1e-7})
    return min(float(found.fun) + SLACK, 1.0), reach * math.exp(float(found.x))


def _density(x: np.ndarray) -> np.ndarray:
    """φ."""
    found: np.ndarray = np.exp(-0.5 * np.minimum(np.abs(x), 40.0) ** 2) / math.sqrt(2.0 * math.pi)
    return found
