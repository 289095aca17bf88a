"""Optimal quantizers of the standard normal law."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from diracs.cells.intervals import density, interval_moments
from diracs.codebooks.newton import CellMoments, minimize_distortion

# lim n²·D(n), Zador's constant of the standard normal law: (∫φ^{1/3})³/12.
ZADOR = math.pi * math.sqrt(3.0) / 2.0
_EXACT = 64
_NODES = (56, 60, 64, 72, 90, 128, 200, 360, 800, 2000, 5000)


@lru_cache(maxsize=256)
def normal_levels(n: int) -> tuple[np.ndarray, float]:
    """The optimal n-point quantizer of N(0, 1), unique since the density is log-concave (Kieffer 1983), and its error.

    Parameters
    ----------
    n : int
        At least 1.

    Returns
    -------
    levels : array (n,)
        Sorted, exactly antisymmetric, read-only.
    distortion : float
        E min_j (x − y_j)², a sum of positive terms.
    """
    levels, distortion = _solved()[n] if n <= _EXACT else _solve((n,))[0]
    levels.flags.writeable = False
    return levels, distortion


def normal_distortion(n: Any) -> np.ndarray:
    """Least E min_j (x − y_j)² of n levels for N(0, 1).

    Parameters
    ----------
    n : array of int
        At least 1 each, any shape.

    Returns
    -------
    array of the same shape
        Exact for n ≤ 64, to about 1e-6 relative beyond: a cubic spline of n²·D in 1/n through computed values (n up to
        5000) and Zador's limit at 0.
    """
    n = np.asarray(n, dtype=np.int64)
    table, spline = _table()
    m = np.maximum(n, _EXACT).astype(np.float64)
    return np.where(n <= _EXACT, table[np.minimum(n, _EXACT)], spline(1.0 / m) / (m * m))


@lru_cache(maxsize=1)
def _table() -> tuple[np.ndarray, Any]:
    """Errors of 0 … 64 levels, and the spline."""
    sizes = np.array(list(_solved()))
    errors = np.array([error for _, error in _solved().values()])
    nodes = np.isin(sizes, _NODES)
    x = np.append(0.0, 1.0 / sizes[nodes][::-1])
    spline = scipy.interpolate.CubicSpline(x, np.append(ZADOR, (errors * sizes * sizes)[nodes][::-1]))
    return np.append(np.inf, errors[:_EXACT]), spline


@lru_cache(maxsize=1)
def _solved() -> dict[int, tuple[np.ndarray, float]]:
    """All small quantizers and some larger ones, in one batch."""
    numbers = (*range(1, _EXACT + 1), *(m for m in _NODES if m > _EXACT))
    return dict(zip(numbers, _solve(numbers), strict=True))


def _solve(numbers: tuple[int, ...]) -> list[tuple[np.ndarray, float]]:
    """Quantizers of several sizes at once, by their positive levels, from the quantiles of N(0, 3) ∝ φ^{1/3}."""
    half = np.array([n // 2 for n in numbers])
    rows = np.flatnonzero(half)
    parity = np.array(numbers)[rows] % 2
    starts = [math.sqrt(3.0) * scipy.special.ndtri((np.arange((n + 1) // 2, n) + 0.5) / n) for n in numbers if n > 1]

    def law(y: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> CellMoments:
        return _positive_half(y, sizes, parity[rows])

    sizes = half[rows]
    y = np.concatenate([*starts, np.empty(0)])
    if len(rows):
        y = minimize_distortion(y, sizes, law)
        second = np.add.reduceat(_positive_half(y, sizes, parity).second, np.cumsum(sizes) - sizes)
    out: list[tuple[np.ndarray, float]] = []
    pieces = iter(zip(np.split(y, np.cumsum(sizes)[:-1]), second)) if len(rows) else iter(())
    zero = np.zeros(1)
    for n in numbers:
        if n == 1:
            out.append((zero.copy(), 1.0))
            continue
        positive, error = next(pieces)
        out.append((np.concatenate([-positive[::-1], zero[: n % 2], positive]), 2.0 * float(error)))
    return out


def _positive_half(y: np.ndarray, sizes: np.ndarray, parity: np.ndarray) -> CellMoments:
    """Cells of the positive levels of antisymmetric quantizers; the level 0 of the odd ones is fixed."""
    starts = np.cumsum(sizes) - sizes
    right = np.empty_like(y)
    right[:-1] = 0.5 * (y[1:] - y[:-1])
    right[starts + sizes - 1] = np.inf
    left = np.empty_like(y)
    left[1:] = right[:-1]
    first = y[starts]
    left[starts] = np.where(parity == 1, 0.5 * first, first)
    zero, one = np.array(0.0), np.array(1.0)
    mass, offset, second, _ = interval_moments(y, left, right, zero, one)
    # Half of the cell of the fixed level belongs to the distortion of this half.
    middle = interval_moments(0.0 * first, 0.0 * first, 0.5 * first, zero, one).second
    second[starts] += np.where(parity == 1, middle, 0.0)
    finite = np.isfinite(right)
    inner = np.where(finite, right, 0.0)
    coupling = np.where(finite, 0.5 * inner * density(y + inner), 0.0)
    edge = np.zeros_like(y)
    # For even n the border at 0 does not move; for odd n it is half-way to a level that does not.
    edge[starts] = np.where(parity == 1, 0.25 * first * density(0.5 * first), 0.0)
    return CellMoments(mass, offset, second, coupling, edge)
