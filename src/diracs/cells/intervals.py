"""Gaussian moments of intervals, in closed form: factors of product cells, and power cells on the line.

Everything is relative to a *level* inside the cell, given with its distances to the two borders, because differences of
nearby absolute positions would lose the digits that a certificate needs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from diracs.backend.arrays import Array, erfc, namespace

# Beyond 40 standard deviations a Gaussian has no mass that float64 can hold.
_FAR = 40.0
# exp(−r²/2) is below the smallest double there.
REACH = 39.0
# Cells with width·max(|a|, |b|, 1) up to the last limit go through Gauss–Legendre, where closed forms cancel; up to the
# others, fewer nodes leave no error either.
_RULES = tuple((limit, np.polynomial.legendre.leggauss(p)) for limit, p in ((0.02, 4), (0.25, 6), (1.0, 8), (5.0, 12)))


class IntervalMoments(NamedTuple):
    """Moments of N(μ, σ²) over the cells of levels y, about each level."""

    mass: Array  # ∫ dN over the cell
    first: Array  # ∫ (x − y) dN
    second: Array  # ∫ (x − y)² dN
    slope: Array  # ∫ (x − μ)/σ dN: the derivative of the mass as the Gaussian moves, times σ


def density(x: Array) -> Array:
    """φ(x), the standard normal density."""
    return namespace(x).exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))


def distribution(x: Array) -> Array:
    """Φ(x), with full relative accuracy in the left tail."""
    return 0.5 * erfc(x * -math.sqrt(0.5))


def probability(a: Array, b: Array) -> Array:
    """Φ(b) − Φ(a) for a ≤ b, from whichever tail keeps it accurate."""
    xp = namespace(a, b)
    flip = a + b > 0
    return distribution(xp.where(flip, -a, b)) - distribution(xp.where(flip, -b, a))


def standardize(offset: Array, deviation: Array) -> Array:
    """offset / deviation, clipped to ±40; for zero deviation −40, 0 or 40 by the sign of the offset.

    A point mass that sits on a border is so split in halves, which is a coupling of least cost like any other split.
    """
    xp = namespace(offset, deviation)
    zero = deviation == 0
    # Clip before dividing: the quotient may overflow, and then its derivative is NaN.
    far = _FAR * deviation
    quotient = xp.where(offset > far, far, xp.where(offset < -far, -far, offset)) / xp.where(zero, 1.0, deviation)
    middle = xp.zeros_like(offset)
    side = xp.where(offset > 0, middle + _FAR, xp.where(offset < 0, middle - _FAR, middle))
    return xp.where(zero, side, quotient)


def interval_moments(level: Array, left: Array, right: Array, mean: Array, variance: Array) -> IntervalMoments:
    """Moments of N(mean, variance) over [level − left, level + right].

    Parameters
    ----------
    level, left, right : array
        Cells; left, right ≥ 0 are distances to the borders, infinite for unbounded cells.
    mean, variance : array, broadcasting against the cells
        The Gaussians; variance may be zero.

    Notes
    -----
    Closed form (docs/certificates.md, "Product schemes") for wide cells; 12-point Gauss–Legendre about the level, a sum
    of positive terms, for narrow ones, where the closed form for the second moment loses 12(1+t²)/h² in relative
    accuracy.
    """
    shift = level - mean
    return _moments(shift, left, right, shift - left, shift + right, variance)


def voronoi_moments(levels: Array, mean: Array, variance: Array) -> IntervalMoments:
    """Moments of N(mean, variance) over the Voronoi cells of sorted levels (..., n); mean and variance (..., 1).

    Both cells at a border are given the same number for it: computed from either level it would differ by rounding, and
    a Gaussian narrower than that would be counted half or one and a half times.
    """
    xp = namespace(levels, mean, variance)
    left, right = voronoi_gaps(levels)
    shift = levels - mean
    inner = shift[..., :-1] + right[..., :-1]
    far = xp.full_like(shift[..., :1], math.inf)
    lower, upper = xp.concat([-far, inner], axis=-1), xp.concat([inner, far], axis=-1)
    return _moments(shift, left, right, lower, upper, variance)


def _moments(shift: Array, left: Array, right: Array, lower: Array, upper: Array, variance: Array) -> IntervalMoments:
    """Moments about levels at `shift` from the mean; the borders as distances from the level and from the mean."""
    xp = namespace(shift, left, right, variance)
    positive = variance > 0
    deviation = xp.where(positive, xp.sqrt(xp.where(positive, variance, 1.0)), 0.0)
    a = standardize(lower, deviation)
    b = standardize(upper, deviation)
    reach = xp.where(abs(a) > abs(b), abs(a), abs(b))
    extent = (b - a) * xp.where(reach > 1.0, reach, 1.0)
    narrow = positive & (reach < 0.99 * _FAR) & (extent <= _RULES[-1][0])
    if isinstance(extent, np.ndarray):
        return _sorted_by_width(shift, left, right, deviation, a, b, np.where(narrow, extent, np.inf))
    # Both branches everywhere; the one that is not used gets a harmless cell.
    closed = _closed_form(shift, deviation, a, b)
    lo, hi = xp.where(narrow, left, 0.5), xp.where(narrow, right, 0.5)
    scale = xp.where(narrow, deviation, 1.0)
    summed = _quadrature(xp.where(narrow, shift, 0.0), lo, hi, scale, _RULES[-1][1])
    return IntervalMoments(*(xp.where(narrow, new, old) for new, old in zip(summed, closed, strict=True)))


def _sorted_by_width(
    shift: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    deviation: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    extent: np.ndarray,
) -> IntervalMoments:
    """Each cell by the cheapest formula that is good enough for it: NumPy only."""
    shape = np.broadcast_shapes(shift.shape, left.shape, extent.shape)
    cells = [np.broadcast_to(x, shape).ravel() for x in (shift, left, right, deviation, a, b)]
    kind = np.searchsorted([limit for limit, _ in _RULES], np.broadcast_to(extent, shape).ravel())
    out = np.empty((4, kind.size))
    for number in range(len(_RULES) + 1):
        i = np.flatnonzero(kind == number)
        if i.size:
            x, lo, hi, scale, start, end = (c[i] for c in cells)
            quadrature = number < len(_RULES)
            found = (
                _quadrature(x, lo, hi, scale, _RULES[number][1]) if quadrature else _closed_form(x, scale, start, end)
            )
            out[:, i] = np.stack(found)
    return IntervalMoments(*out.reshape(4, *shape))


def _closed_form(shift: Array, deviation: Array, a: Array, b: Array) -> tuple[Array, Array, Array, Array]:
    """Mass, first, second moment and slope over standardized borders [a, b]."""
    xp = namespace(shift, deviation, a, b)
    mass = probability(a, b)
    phi_a, phi_b = density(a), density(b)
    fall = 0.5 * (b - a) * (b + a)  # log φ(a)/φ(b)
    # Not −|fall|, whose derivative is none where a = −b: about the mean itself.
    slope = xp.where(fall > 0, -phi_a, phi_b) * xp.expm1(xp.where(fall > 0, -fall, fall))
    first = deviation * slope - shift * mass
    second = deviation * (deviation * (mass + a * phi_a - b * phi_b) - 2.0 * shift * slope) + shift * shift * mass
    return mass, first, second, slope


def _quadrature(
    shift: Array, left: Array, right: Array, deviation: Array, rule: tuple[np.ndarray, np.ndarray]
) -> tuple[Array, Array, Array, Array]:
    """The same by Gauss–Legendre about the level: sums of positive terms."""
    centre = shift / deviation
    m = f = s = t = 0.0
    for node, weight in zip(*rule, strict=True):
        x = right * (0.5 * (1.0 + node)) - left * (0.5 * (1.0 - node))
        z = centre + x / deviation
        w = density(z) * weight
        m = m + w
        f = f + w * x
        s = s + w * x * x
        t = t + w * z
    half = 0.5 * (left + right) / deviation
    return m * half, f * half, s * half, t * half


def voronoi_gaps(levels: Array) -> tuple[Array, Array]:
    """Distances from sorted levels (..., n) to the left and right borders of their Voronoi cells (outermost: inf)."""
    xp = namespace(levels)
    half = 0.5 * (levels[..., 1:] - levels[..., :-1])
    far = xp.full_like(levels[..., :1], math.inf)
    return xp.concat([far, half], axis=-1), xp.concat([half, far], axis=-1)
