"""W₂ between sums of Diracs with given masses, from above."""

from __future__ import annotations

import math

import numpy as np
import scipy

# Pairs up to which the linear programme is solved.
MOST_PAIRS = 40_000
_EPS = 2.0**-52


def transport_cost(cost: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Cost of a coupling of masses a (m,) and b (n,) of equal sums, near the least for costs (m, n).

    The solution of the linear programme is right to its tolerances only: it is made a coupling by scaling rows, then
    columns, down to the masses and sending what is left anywhere (J. Altschuler, J. Weed, P. Rigollet 2017).
    """
    m, n = cost.shape
    rows = scipy.sparse.kron(scipy.sparse.eye(m), np.ones((1, n)), format="csr")
    columns = scipy.sparse.kron(np.ones((1, m)), scipy.sparse.eye(n), format="csr")
    # One of the constraints follows from the others.
    matrix = scipy.sparse.vstack([rows, columns[:-1]], format="csr")
    scale = float(cost.max())
    if not scale > 0:
        return 0.0
    found = scipy.optimize.linprog(
        cost.ravel() / scale, A_eq=matrix, b_eq=np.concatenate([a, b[:-1]]), bounds=(0, None), method="highs"
    )
    plan = np.outer(a, b) / b.sum() if found.x is None else np.maximum(found.x.reshape(m, n), 0.0)
    for axis, wanted in ((1, a), (0, b)):
        sums = plan.sum(axis=axis)
        factor = np.minimum(np.divide(wanted, sums, out=np.zeros_like(wanted), where=sums > 0), 1.0)
        plan = plan * (factor[:, None] if axis == 1 else factor)
    left_a, left_b = np.maximum(a - plan.sum(axis=1), 0.0), np.maximum(b - plan.sum(axis=0), 0.0)
    square = float((plan * cost).sum())
    if left_a.sum() > 0 and left_b.sum() > 0:
        square += float(left_a @ cost @ left_b) / min(float(left_a.sum()), float(left_b.sum()))
    # Sums of masses are right to roundings; what these leave goes anywhere.
    return square * (1.0 + 1e-13) + 8.0 * _EPS * (m + n) * scale


def line_cost(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The same for points x (m,) and y (n,) of a line and the cost |x − y|²: quantiles go to quantiles."""
    i, j = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    up_to_x, up_to_y = np.cumsum(a[i]), np.cumsum(b[j])
    breaks = np.union1d(up_to_x[:-1], up_to_y[:-1])
    breaks = breaks[breaks < min(up_to_x[-1], up_to_y[-1])]
    ends = np.append(breaks, min(up_to_x[-1], up_to_y[-1]))
    starts = np.append(0.0, breaks)
    from_x = x[i][np.minimum(np.searchsorted(up_to_x, starts, side="right"), len(x) - 1)]
    to_y = y[j][np.minimum(np.searchsorted(up_to_y, starts, side="right"), len(y) - 1)]
    scale = max(float(x.max() - y.min()), float(y.max() - x.min())) ** 2
    square = float(((ends - starts) * (from_x - to_y) ** 2).sum())
    return square * (1.0 + 1e-13) + 8.0 * _EPS * (len(x) + len(y)) * scale


def with_given_masses(
    points: np.ndarray, weights: np.ndarray, w2: float, positions: np.ndarray, best: np.ndarray, given: np.ndarray
) -> float:
    """A bound on W₂ from a cloud to positions (n, d) with the masses given (n,), from that with the best ones, w2.

    For few pairs it is W₂ itself; else, by the triangle inequality, W₂ plus what moving masses between positions costs.
    """
    size = max(float(np.abs(points - points[0]).max()), float(np.abs(positions - points[0]).max()))
    bound = with_moved_masses_between(w2, positions, best, given)
    if not size > 0 or bound == w2:
        return w2
    given, weights = given / given.sum(), weights / weights.sum()
    held = given > 0
    if points.shape[1] == 1:
        square = line_cost(points[:, 0] / size, positions[held, 0] / size, weights, given[held])
    elif len(points) * int(held.sum()) <= MOST_PAIRS:
        square = transport_cost(_squares(points, positions[held], size), weights, given[held])
    else:
        return bound
    return min(bound, math.sqrt(square) * size + 8.0 * _EPS * size)


def with_moved_masses_between(w2: float, positions: np.ndarray, best: np.ndarray, given: np.ndarray) -> float:
    """A bound on W₂ to positions (n, d) with the masses given (n,), from that with the best ones, w2.

    By the triangle inequality: what moving masses between positions costs is added.
    """
    size = float(np.abs(positions - positions[0]).max())
    given, best = given / given.sum(), best / best.sum()
    # What both have stays.
    more, less = np.maximum(best - given, 0.0), np.maximum(given - best, 0.0)
    i, j = np.flatnonzero(more > 0), np.flatnonzero(less > 0)
    if not size > 0 or not len(i) or not len(j):
        return w2
    off = abs(float(more.sum()) - float(less.sum())) + 4.0 * _EPS * len(best)
    moved = float(more.sum())
    a, b = more[i] / moved, less[j] / less[j].sum()
    x, y = (positions[i] - positions[0]) / size, (positions[j] - positions[0]) / size
    farthest = float(((np.maximum(x.max(axis=0), y.max(axis=0)) - np.minimum(x.min(axis=0), y.min(axis=0))) ** 2).sum())
    square = transport_cost(_squares(x, y, 1.0), a, b) if len(i) * len(j) <= MOST_PAIRS else _all_to_all(x, y, a, b)
    return w2 + math.sqrt(moved * square + off * farthest) * size


def _all_to_all(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Σ aᵢ bⱼ |xᵢ − yⱼ|² for masses of sum one: both variances and the square between the means."""
    p, q = a @ x, b @ y
    return float(a @ ((x - p) ** 2).sum(axis=1) + b @ ((y - q) ** 2).sum(axis=1) + ((p - q) ** 2).sum())


def _squares(x: np.ndarray, y: np.ndarray, size: float) -> np.ndarray:
    return ((x[:, None, :] / size - y[None, :, :] / size) ** 2).sum(axis=2)
