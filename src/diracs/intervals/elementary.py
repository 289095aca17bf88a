"""Elementary functions on intervals, and the exact ranges of their derivatives.

Values at ends are NumPy's or SciPy's, right to 4 units in the last place as NumPy's own tests demand; `spread` allows
sixteen, since formulas of a few operations end there as well. What is only known to be between bounds, sines say, is
cut off there. Slopes are the range of f′ on the interval, of Clarke's generalized derivative at kinks. NaN stands for
no bounded slope: at jumps, where f is not defined on all of the interval, and where f′ has a pole on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from diracs.intervals.arithmetic import (
    LARGEST,
    Interval,
    add,
    choose,
    contains,
    divide,
    down,
    magnitude,
    mignitude,
    multiply,
    negate,
    point,
    square,
    up,
    whole,
)

Map = Callable[[np.ndarray], np.ndarray]
Range = Callable[[Interval], Interval]

_STEPS = 8
_QUARTER = 0.25


@dataclass(frozen=True)
class Elementary:
    """The ranges of a function and of its derivative on intervals."""

    value: Range
    slope: Range


def spread(
    low: np.ndarray, high: np.ndarray, least: float = -np.inf, most: float = np.inf, steps: int = _STEPS
) -> Interval:
    """Computed ends, made safe, of a function that is known to stay between `least` and `most`."""
    return Interval(np.clip(down(low, steps), least, most), np.clip(up(high, steps), least, most))


def rising(f: Map, least: float = -np.inf, most: float = np.inf) -> Range:
    return lambda u: spread(f(u.low), f(u.high), least, most)


def on(least: float, most: float, f: Range) -> Range:
    """`f` on [least, most]; all numbers where the interval goes beyond."""

    def restricted(u: Interval) -> Interval:
        inside = Interval(np.clip(u.low, least, most), np.clip(u.high, least, most))
        return choose((u.low < least) | (u.high > most), whole(u.low.shape), f(inside))

    return restricted


def constant(x: float) -> Range:
    return lambda u: Interval(np.full(u.low.shape, x), np.full(u.low.shape, x))


def reaches(u: Interval, phase: float) -> np.ndarray:
    """Whether some phase + k (in turns of 2π) may lie in u; 2⁻⁵⁰ of the ends is more than they were rounded by."""
    low, high = u.low / (2 * np.pi), u.high / (2 * np.pi)
    slack = (np.maximum(np.abs(low), np.abs(high)) + 1.0) * 2.0**-50
    return ~(np.floor(high - phase + slack) < np.ceil(low - phase - slack))


def cosine(u: Interval) -> Interval:
    return _wave(u, np.cos, 0.0)


def sine(u: Interval) -> Interval:
    return _wave(u, np.sin, _QUARTER)


def _wave(u: Interval, f: Map, top: float) -> Interval:
    finite = np.isfinite(u.low) & np.isfinite(u.high)
    ends = [f(np.where(finite, x, 0.0)) for x in u]
    low, high = spread(np.minimum(*ends), np.maximum(*ends), -1.0, 1.0)
    bottom = reaches(u, top + 0.5)
    return Interval(np.where(~finite | bottom, -1.0, low), np.where(~finite | reaches(u, top), 1.0, high))


def step(f: Map) -> Range:
    """Of a rising step function: exact, with no slope at jumps."""
    return lambda u: Interval(np.minimum(f(u.low), LARGEST), np.maximum(f(u.high), -LARGEST))


def _flat(f: Map) -> Range:
    """The slope of such a function; jumps at the ends count."""

    def slope(u: Interval) -> Interval:
        jumps = (f(u.low) != f(u.high)) | (f(np.nextafter(u.low, -np.inf)) != f(np.nextafter(u.high, np.inf)))
        zero = np.where(jumps, np.nan, 0.0)
        return Interval(zero, zero.copy())

    return slope


def absolute(u: Interval) -> Interval:
    return Interval(mignitude(u), magnitude(u))


def signs(u: Interval) -> Interval:
    """Clarke's derivative of |u|."""
    return Interval(np.where(u.low > 0, 1.0, -1.0), np.where(u.high < 0, -1.0, 1.0))


def reciprocal(u: Interval) -> Interval:
    return divide(point(1.0), u)


def no_pole(u: Interval, f: Range) -> Interval:
    """f(u), NaN where zero is in u."""
    return choose(contains(u, 0.0), point_nan(u), f(u))


def point_nan(u: Interval) -> Interval:
    nan = np.full(u.low.shape, np.nan)
    return Interval(nan, nan)


def power(u: Interval, p: float) -> Interval:
    """u^p for a constant p; all numbers where that is not defined."""
    if p == 0:
        return constant(1.0)(u)
    if p == 1:
        return u
    if p < 0:
        return divide(point(1.0), power(u, -p))
    if p == 2:
        return square(u)
    if p % 2 == 0:
        return spread(mignitude(u) ** p, magnitude(u) ** p, 0.0)
    if p % 1 == 0:
        return spread(u.low**p, u.high**p)
    return on(0.0, np.inf, rising(lambda x: x**p, 0.0))(u)


def power_slope(u: Interval, p: float) -> Interval:
    """p u^(p − 1); NaN where there is none."""
    if p == 0:
        return constant(0.0)(u)
    out = multiply(point(p), power(u, p - 1.0))
    if p >= 1 and p % 1 == 0:
        return out
    bad = (u.low < 0) if p > 1 else contains(u, 0.0)
    if p % 1 != 0:
        bad = bad | (u.low < 0)
    return choose(bad, point_nan(u), out)


def _tangent(u: Interval) -> Interval:
    inside = ~reaches(u, _QUARTER) & ~reaches(u, -_QUARTER) & np.isfinite(u.low) & np.isfinite(u.high)
    ends = [np.tan(np.where(inside, x, 0.0)) for x in u]
    return choose(inside, spread(ends[0], ends[1]), whole(u.low.shape))


def _tangent_slope(u: Interval) -> Interval:
    t = _tangent(u)
    return choose(np.isfinite(t.low), add(point(1.0), square(t)), point_nan(u))


def _cosh(u: Interval) -> Interval:
    return spread(np.cosh(mignitude(u)), np.cosh(magnitude(u)), 1.0)


def _inverse_root(f: Range) -> Range:
    """1/√f."""
    return lambda u: reciprocal(_ROOT(f(u)))


def _scaled(f: Range, low: float, high: float) -> Range:
    """f times a number between `low` and `high`."""
    return lambda u: multiply(f(u), Interval(np.float64(low), np.float64(high)))


def _quotient_by(bottom: float, top: float) -> Range:
    """1/(u c), c between the two, on u > 0; NaN from zero on."""
    return lambda u: choose(
        u.low <= 0, point_nan(u), divide(point(1.0), multiply(u, Interval(np.float64(bottom), np.float64(top))))
    )


def _one_plus_square(u: Interval) -> Interval:
    return add(point(1.0), square(u))


def _one_minus_square(u: Interval) -> Interval:
    return add(point(1.0), negate(square(u)))


def _within_one(f: Range) -> Range:
    """f on (−1, 1), NaN otherwise."""
    return lambda u: choose((u.low <= -1) | (u.high >= 1), point_nan(u), f(u))


_LN2, _LN10 = float(np.log(2.0)), float(np.log(10.0))
_ROOT = on(0.0, np.inf, rising(np.sqrt, 0.0))
EXP = rising(np.exp, 0.0)
_AROUND = (1 - 2.0**-52, 1 + 2.0**-52)

ELEMENTARY: dict[str, Elementary] = {
    "sin": Elementary(sine, cosine),
    "cos": Elementary(cosine, lambda u: negate(sine(u))),
    "tan": Elementary(_tangent, _tangent_slope),
    "exp": Elementary(EXP, EXP),
    "exp2": Elementary(rising(np.exp2, 0.0), _scaled(rising(np.exp2, 0.0), _LN2 * _AROUND[0], _LN2 * _AROUND[1])),
    "expm1": Elementary(rising(np.expm1, -1.0), EXP),
    "log": Elementary(on(0.0, np.inf, rising(np.log)), _quotient_by(1.0, 1.0)),
    "log2": Elementary(on(0.0, np.inf, rising(np.log2)), _quotient_by(_LN2 * _AROUND[0], _LN2 * _AROUND[1])),
    "log10": Elementary(on(0.0, np.inf, rising(np.log10)), _quotient_by(_LN10 * _AROUND[0], _LN10 * _AROUND[1])),
    "log1p": Elementary(on(-1.0, np.inf, rising(np.log1p)), lambda u: _quotient_by(1.0, 1.0)(add(point(1.0), u))),
    "sqrt": Elementary(_ROOT, lambda u: choose(u.low <= 0, point_nan(u), divide(point(0.5), _ROOT(u)))),
    "cbrt": Elementary(
        rising(np.cbrt),
        lambda u: no_pole(u, lambda v: divide(point(1.0), multiply(point(3.0), square(rising(np.cbrt)(v))))),
    ),
    "square": Elementary(square, lambda u: multiply(point(2.0), u)),
    "reciprocal": Elementary(reciprocal, lambda u: no_pole(u, lambda v: negate(reciprocal(square(v))))),
    "absolute": Elementary(absolute, signs),
    "sign": Elementary(step(np.sign), _flat(np.sign)),
    "floor": Elementary(step(np.floor), _flat(np.floor)),
    "ceil": Elementary(step(np.ceil), _flat(np.ceil)),
    "rint": Elementary(step(np.rint), _flat(np.rint)),
    "trunc": Elementary(step(np.trunc), _flat(np.trunc)),
    "arctan": Elementary(
        rising(np.arctan, -np.pi / 2 * _AROUND[1], np.pi / 2 * _AROUND[1]), lambda u: reciprocal(_one_plus_square(u))
    ),
    "sinh": Elementary(rising(np.sinh), _cosh),
    "cosh": Elementary(_cosh, rising(np.sinh)),
    "arcsinh": Elementary(rising(np.arcsinh), _inverse_root(_one_plus_square)),
    "arcsin": Elementary(on(-1.0, 1.0, rising(np.arcsin)), _within_one(_inverse_root(_one_minus_square))),
    "arccos": Elementary(
        on(-1.0, 1.0, lambda u: spread(np.arccos(u.high), np.arccos(u.low), 0.0)),
        _within_one(lambda u: negate(_inverse_root(_one_minus_square)(u))),
    ),
    "arctanh": Elementary(on(-1.0, 1.0, rising(np.arctanh)), _within_one(lambda u: reciprocal(_one_minus_square(u)))),
}
