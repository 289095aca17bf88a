"""What functions do with interval dual numbers: one operation for each name, whatever the framework calls it.

A derivative is the interval product of the slope of the outer function and the derivatives of its arguments. Constants
may stand in any place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import diracs.intervals.activations  # noqa: F401 (adds to the table)
from diracs.intervals import arithmetic as ia
from diracs.intervals.arithmetic import Interval
from diracs.intervals.dual import D, Dual, constant
from diracs.intervals.elementary import ELEMENTARY, power, power_slope, spread
from diracs.intervals.errors import not_understood
from diracs.intervals.truth import Truth, equal, less, less_equal, truth, where


def wide(a: Interval) -> Interval:
    """Values beside slopes: an axis for the coordinates."""
    if a.low is a.high:
        low = a.low[..., None, :]
        return Interval(low, low)
    return Interval(a.low[..., None, :], a.high[..., None, :])


def unary(name: str, u: D) -> D:
    f = ELEMENTARY[name]
    return u.like(f.value(u.value), _chained(f.slope(u.value), u.slope))


def _chained(outer: Interval, inner: Interval) -> Interval:
    """Outer slope times inner; NaN, no slope, is no bound in any coordinate."""
    lost = wide(Interval(np.isnan(outer.low), np.isnan(outer.low))).low
    slope = ia.multiply(wide(outer), inner)
    return Interval(np.where(lost, -np.inf, slope.low), np.where(lost, np.inf, slope.high))


def add(u: D, v: D) -> D:
    return u.like(ia.add(u.value, v.value), ia.add(u.slope, v.slope))


def negative(u: D) -> D:
    return u.like(ia.negate(u.value), ia.negate(u.slope))


def subtract(u: D, v: D) -> D:
    return add(u, negative(v))


def multiply(u: D, v: D) -> D:
    if u is v:
        return unary("square", u)
    value = ia.multiply(u.value, v.value)
    if v.is_constant or u.is_constant:
        u, v = (u, v) if v.is_constant else (v, u)
        return u.like(value, ia.multiply(u.slope, wide(v.value)))
    return u.like(value, ia.add(ia.multiply(wide(u.value), v.slope), ia.multiply(wide(v.value), u.slope)))


def divide(u: D, v: D) -> D:
    """(u/v)′ = (u′ − (u/v) v′)/v."""
    value = ia.divide(u.value, v.value)
    if v.is_constant:
        return u.like(value, ia.divide(u.slope, wide(v.value)))
    slope = ia.divide(ia.subtract(u.slope, ia.multiply(wide(value), v.slope)), wide(v.value))
    return u.like(value, slope)


def powered(u: D, v: D) -> D:
    """u^v; if v is one constant, by its own rule, else exp(v log u)."""
    low, high = v.value
    p = low.flat[0] if low.size else 1.0
    if v.slope.low.any() or v.slope.high.any() or not (low == high).all() or not (low == p).all():
        return unary("exp", multiply(v, unary("log", u)))
    out = u.like(power(u.value, p), _chained(power_slope(u.value, p), u.slope))
    return out.broadcast(np.broadcast_shapes(u.shape, v.shape))


def maximum(u: D, v: D) -> D:
    """Where neither is the larger for sure, the slope is one of both or between."""
    value = Interval(np.maximum(u.value.low, v.value.low), np.maximum(u.value.high, v.value.high))
    above, below = wide_truth(less(v, u)), wide_truth(less(u, v))
    slope = ia.choose(above.sure, u.slope, ia.choose(below.sure, v.slope, ia.hull(u.slope, v.slope)))
    return u.like(value, slope)


def wide_truth(t: Truth) -> Truth:
    return Truth(t.sure[..., None, :], t.possible[..., None, :])


def minimum(u: D, v: D) -> D:
    return negative(maximum(negative(u), negative(v)))


def logaddexp(u: D, v: D) -> D:
    """The slope is a mean of both, by the logistic function of their difference."""
    ends = [np.logaddexp(a, b) for a, b in zip(u.value, v.value)]
    # Terms cancel where the sum is near one.
    slack = [(np.abs(a) + np.abs(b) + 1.0) * 2.0**-48 for a, b in zip(u.value, v.value)]
    value = Interval(np.maximum(ends[0] - slack[0], np.maximum(u.value.low, v.value.low)), ends[1] + slack[1])
    expit = ELEMENTARY["expit"].value
    mine = ia.multiply(wide(expit(ia.subtract(u.value, v.value))), u.slope)
    return u.like(value, ia.add(mine, ia.multiply(wide(expit(ia.subtract(v.value, u.value))), v.slope)))


def arctan2(u: D, v: D) -> D:
    """The angle of (v, u). Boxes that meet the cut, v ≤ 0 = u, jump."""
    (y0, y1), (x0, x1) = u.value, v.value
    cut = (y0 <= 0) & (y1 >= 0) & (x0 <= 0)
    # Away from the cut the angle is monotone along each side, so that its extremes are at corners.
    corners = [np.arctan2(y, x) for y in (y0, y1) for x in (x0, x1)]
    low, high = (
        np.where(cut, side, end)
        for side, end in ((-np.pi, np.minimum.reduce(corners)), (np.pi, np.maximum.reduce(corners)))
    )
    squares = ia.add(ia.square(u.value), ia.square(v.value))
    slope = ia.subtract(
        ia.multiply(wide(ia.divide(v.value, squares)), u.slope), ia.multiply(wide(ia.divide(u.value, squares)), v.slope)
    )
    jump = cut[..., None, :]
    return u.like(spread(low, high), Interval(np.where(jump, -np.inf, slope.low), np.where(jump, np.inf, slope.high)))


def remainder(u: D, v: D) -> D:
    """u − v ⌊u/v⌋, NumPy's % and Python's: slope that of u, but for jumps."""
    out = subtract(u, multiply(v, unary("floor", divide(u, v))))
    low, high = v.value
    # Between 0 and v whatever the rest says.
    value = Interval(
        np.clip(out.value.low, np.minimum(low, 0.0), np.maximum(high, 0.0)),
        np.clip(out.value.high, np.minimum(low, 0.0), np.maximum(high, 0.0)),
    )
    return u.like(value, out.slope)


BINARY: dict[str, Callable[[Dual, Dual], Dual]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "power": powered,
    "maximum": maximum,
    "minimum": minimum,
    "logaddexp": logaddexp,
    "arctan2": arctan2,
    "remainder": remainder,
}
COMPARISONS: dict[str, Callable[[Dual, Dual], Truth]] = {
    "less": less,
    "less_equal": less_equal,
    "greater": lambda a, b: less(b, a),
    "greater_equal": lambda a, b: less_equal(b, a),
    "equal": equal,
    "not_equal": lambda a, b: ~equal(a, b),
}
LOGIC: dict[str, Callable[..., Truth]] = {
    "logical_and": lambda a, b: truth(a) & b,
    "logical_or": lambda a, b: truth(a) | b,
    "logical_xor": lambda a, b: truth(a) ^ b,
    "logical_not": lambda a: ~truth(a),
}


def apply(name: str, *operands: Any) -> Any:
    """An operation by its name in NumPy; None if there is none of this name for so many operands."""
    if name in LOGIC:
        return LOGIC[name](*operands)
    if name in ("invert", "bitwise_and", "bitwise_or") and all(_is_truth(x) for x in operands):
        return apply({"invert": "logical_not", "bitwise_and": "logical_and"}.get(name, "logical_or"), *operands)
    model = next((x for x in operands if isinstance(x, Dual)), None)
    if model is None:
        return None
    if len(operands) == 1:
        return _alone(name, model)
    if len(operands) != 2:
        return None
    if name == "multiply" and any(isinstance(x, Truth) for x in operands):
        # x · (x > 0)
        condition = next(x for x in operands if isinstance(x, Truth))
        return where(condition, model, model.constant(0.0))
    found = BINARY.get(name) or COMPARISONS.get(name)
    if found is None:
        return None
    return found(*(as_dual(x, model) for x in operands))


def _alone(name: str, u: Dual) -> Dual | None:
    if name == "negative":
        return negative(u)
    if name in ("positive", "conjugate"):
        return u.copy()
    return unary(name, u) if name in ELEMENTARY else None


def as_dual(x: Any, model: D) -> D:
    if isinstance(x, Truth):
        raise not_understood("a comparison as a number", "use np.where")
    return x if isinstance(x, Dual) else model.constant(constant(x))  # type: ignore[return-value]


def chosen(condition: Any, a: Any, b: Any, continuous: bool = False) -> Any:
    """np.where of anything."""
    if isinstance(condition, Dual):
        condition = ~equal(condition, condition.constant(0.0))
    model = next((x for x in (a, b) if isinstance(x, Dual)), None)
    if model is None:
        if not isinstance(condition, Truth):
            return np.where(condition, a, b)
        raise not_understood("a choice between constants by a comparison, which jumps")
    return where(truth(condition), as_dual(a, model), as_dual(b, model), continuous)


def _is_truth(x: Any) -> bool:
    return isinstance(x, Truth) or (isinstance(x, np.ndarray | np.bool_ | bool) and np.asarray(x).dtype == bool)
