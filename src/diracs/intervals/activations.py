"""The functions between the layers of networks, by the exact ranges of their slopes.

Each slope is even and falls, or is monotone between its few extrema. Where these have no closed form, their digits are
mpmath's.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from diracs.intervals.arithmetic import Interval, contains, magnitude, mignitude, multiply, negate, square
from diracs.intervals.elementary import ELEMENTARY, EXP, Elementary, Map, Range, rising, spread

# What sums of terms of order one may lose, far more than they do.
_CANCELLED = 1e-14
# Beyond this all of these functions have reached their limits to all digits.
_FAR = 1e3


def _even(f: Map, most: float) -> Range:
    """The range of an even function that falls from `most` at zero to 0."""
    return lambda u: spread(f(magnitude(u)), f(mignitude(u)), 0.0, most)


def _between(f: Map, extrema: tuple[float, ...], growth: float = 0.0) -> Range:
    """The range of f, monotone between its extrema, known to 16 digits; on the right f ends as `growth` · u."""

    def values(u: Interval) -> Interval:
        near = [np.clip(x, -_FAR, _FAR) for x in u]
        ends = [f(x) for x in near]
        low, high = np.minimum(*ends), np.maximum(*ends)
        for place in extrema:
            # Where an end is at the extremum up to rounding, f is equal up to rounding of second order.
            inside = contains(u, place)
            there = f(np.float64(place))
            low, high = np.where(inside, np.minimum(low, there), low), np.where(inside, np.maximum(high, there), high)
        if growth:
            # f(u) = growth · u to all digits.
            low, high = (np.where(x > _FAR, growth * x, y) for x, y in zip(u, (low, high)))
        bounds = spread(low, high)
        return Interval(bounds.low - _CANCELLED, bounds.high + _CANCELLED)

    return values


def _above_zero(u: Interval) -> Interval:
    """Clarke's derivative of max(u, 0)."""
    return Interval(np.where(u.low > 0, 1.0, 0.0), np.where(u.high < 0, 0.0, 1.0))


def _logistic(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _logistic_slope(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return e / ((1.0 + e) * (1.0 + e))


def _tanh_slope(x: np.ndarray) -> np.ndarray:
    """1 − tanh², without cancellation."""
    return 4.0 * _logistic_slope(2.0 * x)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _silu(x: np.ndarray) -> np.ndarray:
    return x * _logistic(x)


def _silu_slope(x: np.ndarray) -> np.ndarray:
    return _logistic(x) * (1.0 + x * _logistic(-x))


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * special.ndtr(x)


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    return special.ndtr(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def _tail(f: Map, least: float) -> Range:
    """The range of a distribution function of SciPy: tails are right to 4·10⁻¹³ of themselves, 10⁻¹² are allowed."""
    return lambda u: spread(f(u.low), f(u.high), least, 1.0, steps=4096)


def _bell(width: float, factor: float) -> Range:
    """factor · exp(−width u²); the interval of the square keeps what its rounding does to the exponential."""
    around = Interval(np.float64(factor * (1 - 2.0**-50)), np.float64(factor * (1 + 2.0**-50)))
    return lambda u: multiply(around, EXP(negate(multiply(square(u), Interval(np.float64(width), np.float64(width))))))


ELEMENTARY |= {
    "relu": Elementary(lambda u: Interval(np.maximum(u.low, 0.0), np.maximum(u.high, 0.0)), _above_zero),
    "tanh": Elementary(rising(np.tanh, -1.0, 1.0), _even(_tanh_slope, 1.0)),
    "expit": Elementary(rising(_logistic, 0.0, 1.0), _even(_logistic_slope, 0.25)),
    "softplus": Elementary(rising(_softplus, 0.0), rising(_logistic, 0.0, 1.0)),
    "silu": Elementary(
        _between(_silu, (-1.2784645427610738,), growth=1.0),
        _between(_silu_slope, (-2.3993572805154677, 2.3993572805154677)),
    ),
    "gelu": Elementary(
        _between(_gelu, (-0.7517915246935645,), growth=1.0), _between(_gelu_slope, (-np.sqrt(2.0), np.sqrt(2.0)))
    ),
    "erf": Elementary(_tail(special.erf, -1.0), _bell(1.0, 2 / np.sqrt(np.pi))),
    "ndtr": Elementary(_tail(special.ndtr, 0.0), _bell(0.5, 1 / np.sqrt(2 * np.pi))),
}
