"""Sums and products with twice the digits: numbers as unevaluated sums of two doubles (high, low).

What an addition or a product of doubles rounds away is a double itself (Knuth, TAOCP 2, 4.2.2, theorem B; Dekker 1971).
"""

from __future__ import annotations

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


def two_sum(a: np.ndarray, b: np.ndarray) -> Pair:
    """a + b and what its rounding lost."""
    total = a + b
    added = total - a
    return total, (a - (total - added)) + (b - added)


def two_product(a: np.ndarray, b: np.ndarray) -> Pair:
    """a · b and what its rounding lost."""
    product = a * b
    (c, d), (e, f) = _halves(a), _halves(b)
    return product, ((c * e - product) + c * f + d * e) + d * f


def normalized(high: np.ndarray, low: np.ndarray) -> Pair:
    """The same sum, its first part the rounded sum."""
    total = high + low
    return total, low - (total - high)


def add(a: Pair, b: Pair) -> Pair:
    """a + b for numbers that are not negative."""
    high, lost = two_sum(a[0], b[0])
    return normalized(high, lost + (a[1] + b[1]))


def multiply(a: Pair, b: Pair) -> Pair:
    """a · b."""
    high, lost = two_product(a[0], b[0])
    return normalized(high, lost + (a[0] * b[1] + a[1] * b[0]))


def divide(a: Pair, b: Pair) -> Pair:
    """a / b, for b ≠ 0."""
    quotient = a[0] / b[0]
    product, lost = multiply((quotient, np.zeros_like(quotient)), b)
    rest = ((a[0] - product) - lost) + a[1]
    return normalized(quotient, rest / b[0])


def sums(values: np.ndarray) -> Pair:
    """Sums over the last axis of numbers that are not negative."""
    pair = values, np.zeros_like(values)
    while (n := pair[0].shape[-1]) > 1:
        half = n // 2
        first, second = (tuple(x[..., i : i + half] for x in pair) for i in (0, half))
        high, low = add(first, second)  # type: ignore[arg-type]
        if n % 2:
            high, low = (np.concatenate([x, y[..., -1:]], axis=-1) for x, y in zip((high, low), pair))
        pair = high, low
    return pair[0][..., 0], pair[1][..., 0]


def running_sums(values: np.ndarray) -> Pair:
    """Running sums (n,) of values (n,): a small one far from the rest must not drown in them."""
    high = np.cumsum(values)
    before = np.concatenate([[0.0], high[:-1]])
    added = high - before
    lost = (before - (high - added)) + (values - added)
    return normalized(high, np.cumsum(lost))


def _halves(x: np.ndarray) -> Pair:
    """Two numbers of 26 bits with the sum x, whose products are exact."""
    scaled = 134217729.0 * x
    high = scaled - (scaled - x)
    return high, x - high
