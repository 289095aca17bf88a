"""Interval arithmetic on arrays of doubles, rounded outward.

An interval is a pair of arrays of one shape, low ≤ high. Ends may be infinite, which says that there is no bound on
that side; infinity itself is no element, so that 0 · ∞ = 0. Hence low < ∞ and high > −∞ always, and sums of ends are
never NaN.

Sums, products and quotients of doubles are right to half an ulp, 2⁻⁵³ of themselves, or to less than the smallest
normal number. `down` and `up` go 2⁻⁵¹ of the number and that number further, which covers this and their own roundings.
Where an operand is neutral (zero for sums, 0 and ±1 for products) the result is exact and stays: derivatives of
coordinates keep their zeros and ones. NumPy's warnings of overflow and invalid operands are for the caller to silence:
both are meant here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

_STEP = 2.0**-51
_TINY = float(np.finfo(np.float64).tiny)
LARGEST = float(np.finfo(np.float64).max)


class Interval(NamedTuple):
    """Arrays of the lower and the upper ends, of one shape."""

    low: np.ndarray
    high: np.ndarray


def down(x: np.ndarray, steps: int = 1) -> np.ndarray:
    """Surely below what rounded to x; what overflowed is at least the largest double."""
    finite = np.minimum(x, LARGEST)
    return finite - (np.abs(finite) * (steps * _STEP) + steps * _TINY)


def up(x: np.ndarray, steps: int = 1) -> np.ndarray:
    return -down(-x, steps)


def outward(low: np.ndarray, high: np.ndarray, exact: np.ndarray | bool = False) -> Interval:
    """Ends rounded away from each other, but for those that are exact."""
    if exact is False:
        return Interval(down(low), up(high))
    return Interval(np.where(exact, low, down(low)), np.where(exact, high, up(high)))


def point(x: Any) -> Interval:
    """Constants; NaN is any number, and infinity is what lies beyond all doubles."""
    a = np.array(x, dtype=np.float64)
    if np.isfinite(a).all():
        return Interval(a, a)
    unknown = np.isnan(a)
    return Interval(
        np.where(unknown, -np.inf, np.minimum(a, LARGEST)), np.where(unknown, np.inf, np.maximum(a, -LARGEST))
    )


def whole(shape: tuple[int, ...]) -> Interval:
    return Interval(np.full(shape, -np.inf), np.full(shape, np.inf))


def hull(a: Interval, b: Interval) -> Interval:
    return Interval(np.minimum(a.low, b.low), np.maximum(a.high, b.high))


def choose(where: np.ndarray, a: Interval, b: Interval) -> Interval:
    return Interval(np.where(where, a.low, b.low), np.where(where, a.high, b.high))


def contains(a: Interval, x: float) -> np.ndarray:
    return (a.low <= x) & (x <= a.high)


def disjoint(a: Interval, b: Interval) -> np.ndarray:
    return (a.high < b.low) | (b.high < a.low)


def magnitude(a: Interval) -> np.ndarray:
    """max |x|."""
    return np.maximum(np.abs(a.low), np.abs(a.high))


def mignitude(a: Interval) -> np.ndarray:
    """min |x|."""
    return np.maximum(np.maximum(a.low, -a.high), 0.0)


def negate(a: Interval) -> Interval:
    return Interval(-a.high, -a.low)


def add(a: Interval, b: Interval) -> Interval:
    return Interval(
        np.where((a.low == 0) | (b.low == 0), a.low + b.low, down(a.low + b.low)),
        np.where((a.high == 0) | (b.high == 0), a.high + b.high, up(a.high + b.high)),
    )


def subtract(a: Interval, b: Interval) -> Interval:
    return add(a, negate(b))


def multiply(a: Interval, b: Interval) -> Interval:
    """Products of all pairs; of ends, since they are bilinear."""
    if b.low is b.high:
        ends = [_zero_if_nan(a.low * b.low), _zero_if_nan(a.high * b.low)]
    else:
        ends = [_zero_if_nan(x * y) for x in a for y in b]
    return outward(np.minimum.reduce(ends), np.maximum.reduce(ends), _neutral(a) | _neutral(b))


def divide(a: Interval, b: Interval) -> Interval:
    """Quotients of all pairs; anything where the divisor may be zero."""
    zero = contains(b, 0.0)
    divisor = Interval(np.where(zero, 1.0, b.low), np.where(zero, 1.0, b.high))
    # ∞/∞ stands for small numbers over large ones too; zero is the limit of such quotients.
    ends = [_zero_if_nan(x / y) for x in a for y in divisor]
    exact = ((a.low == 0) & (a.high == 0)) | ((np.abs(b.low) == 1) & (b.low == b.high))
    low, high = outward(np.minimum.reduce(ends), np.maximum.reduce(ends), exact)
    return Interval(np.where(zero, -np.inf, low), np.where(zero, np.inf, high))


def square(a: Interval) -> Interval:
    least, most = mignitude(a), magnitude(a)
    low, high = outward(least * least, most * most, (least == 0) & (most == 0))
    return Interval(np.where(least == 0, 0.0, np.maximum(low, 0.0)), high)


def total(a: Interval, axis: tuple[int, ...]) -> Interval:
    """Sums; of n numbers in any order, right to n 2⁻⁵² Σ|xᵢ| (Higham 2002, § 4.2). Twice that is taken off."""
    n = int(np.prod([a.low.shape[k] for k in axis], dtype=int))
    if n == 1:
        return Interval(a.low.sum(axis=axis), a.high.sum(axis=axis))
    return Interval(_total(a.low, axis, n), -_total(-a.high, axis, n))


def _total(low: np.ndarray, axis: tuple[int, ...], n: int) -> np.ndarray:
    size = np.abs(np.where(np.isfinite(low), low, 0.0)).sum(axis=axis)
    return down(unbounded_if_lost(low.sum(axis=axis)) - n * _STEP * size)


def unbounded_if_lost(low: np.ndarray) -> np.ndarray:
    """Lower ends, −∞ where sums have overflowed."""
    return np.where(np.isfinite(low), low, -np.inf)


def contract(subscripts: str, matrix: np.ndarray, a: Interval) -> Interval:
    """einsum(subscripts, matrix, x) for all x in a, the matrix's entries being exact.

    With M = P + N, P ≥ 0 ≥ N, the ends are P low + N high and P high + N low. Of these sums of n products each,
    computed in any order, the error is at most (n + 3) 2⁻⁵² Σ|Mᵢ||xᵢ| and n of the smallest numbers (Higham 2002, §
    3.5); twice that is taken off.
    """
    inputs, output = subscripts.split("->")
    letters = inputs.split(",")
    shape = dict(zip(letters[0] + letters[1], matrix.shape + a.low.shape))
    n = int(np.prod([size for letter, size in shape.items() if letter not in output], dtype=int)) + 3
    positive, negative = np.maximum(matrix, 0.0), np.minimum(matrix, 0.0)
    open_low, open_high = np.isneginf(a.low), np.isposinf(a.high)
    low, high = np.where(open_low, 0.0, a.low), np.where(open_high, 0.0, a.high)
    # Infinite ends count as zero in the sums, and are seen to below.
    size = _einsum(subscripts, np.abs(matrix), np.maximum(np.abs(low), np.abs(high)))
    slack = n * _STEP * size + n * _TINY
    below = unbounded_if_lost(_einsum(subscripts, positive, low) + _einsum(subscripts, negative, high))
    above = unbounded_if_lost(-_einsum(subscripts, positive, high) - _einsum(subscripts, negative, low))
    below, above = down(below - slack), down(above - slack)
    if open_low.any() or open_high.any():
        rises, falls = (matrix > 0).astype(float), (matrix < 0).astype(float)
        lost = _einsum(subscripts, rises, open_low * 1.0) + _einsum(subscripts, falls, open_high * 1.0)
        below[lost > 0] = -np.inf
        lost = _einsum(subscripts, rises, open_high * 1.0) + _einsum(subscripts, falls, open_low * 1.0)
        above[lost > 0] = -np.inf
    return Interval(below, -above)


def _einsum(subscripts: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    # `optimize` leads to BLAS.
    return np.asarray(np.einsum(subscripts, x, y, optimize=True))


def _zero_if_nan(x: np.ndarray) -> np.ndarray:
    lost = np.isnan(x)
    return np.where(lost, 0.0, x) if lost.any() else x


def _neutral(a: Interval) -> np.ndarray:
    low, high = np.abs(a.low), np.abs(a.high)
    return ((low == 0) | (low == 1)) & ((high == 0) | (high == 1))
