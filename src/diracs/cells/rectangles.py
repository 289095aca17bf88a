"""Masses of rectangles under correlated normals: joint cells of two scalar codebooks.

φ(x)·(Φ(upper | x) − Φ(lower | x)) is integrated over x, where inclusion–exclusion of bivariate distribution functions
has lost a third of a mass at 7σ. Given x, the second coordinate has deviation √(1−ρ²), so that its borders are felt as
steps at x = b/ρ of width √(1−ρ²)/|ρ|: what this width is decides how fine the integration must be.
"""

from __future__ import annotations

import numpy as np

from diracs import _core
from diracs.backend.arrays import Array, asarray_like, namespace
from diracs.cells.intervals import density, probability, standardize

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# Gaussian mass further out than this many deviations is below 1e-32.
_LIMIT = 12.0
# Where pieces of integration end: so many widths from each step, and every two deviations.
_STEPS = (-8.0, -4.0, 0.0, 4.0, 8.0)
_MARKS = np.arange(-_LIMIT, _LIMIT + 1.0, 2.0)
# Length of the panels by the width of the steps; below the first width, the band of the steps.
_WIDTHS = (0.0625, 0.125, 0.25, 0.5, 1.0)
_PANELS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)


def rectangle_masses(a: Array, b: Array, correlation: Array) -> Array:
    """Masses of the cells of a grid under standard bivariate normals with the given correlations.

    Parameters
    ----------
    a : array (k, n₁ + 1)
        Sorted borders on the first axis, standardized, within ±40.
    b : array (k, n₂ + 1)
        Sorted borders on the second axis.
    correlation : array (k,)
        In [−1, 1], the ends included.

    Returns
    -------
    array (k, n₁, n₂)
    """
    xp = namespace(a, b, correlation)
    if a.shape[-1] < b.shape[-1]:
        return xp.matrix_transpose(rectangle_masses(b, a, correlation))
    if not isinstance(a, np.ndarray):
        return _between_steps(a, b, correlation)
    rest = np.sqrt(np.maximum((1.0 - correlation) * (1.0 + correlation), 0.0))
    width = rest / np.maximum(np.abs(correlation), 1e-300)
    panel = np.array(_PANELS)[np.searchsorted(_WIDTHS, width, side="right")]
    smooth = np.flatnonzero(panel > 0)
    if smooth.size == len(panel):
        a, b, correlation = (np.ascontiguousarray(x) for x in (a, b, correlation))
        return _core.rectangle_masses(a, b, correlation, panel)
    out = np.empty((a.shape[0], a.shape[1] - 1, b.shape[1] - 1))
    if smooth.size:
        out[smooth] = _core.rectangle_masses(a[smooth], b[smooth], correlation[smooth], panel[smooth])
    for row in np.flatnonzero(panel == 0):
        out[row] = _along_band(a[row], b[row], float(correlation[row]), float(rest[row]))
    return out


def _along_band(a: np.ndarray, b: np.ndarray, correlation: float, rest: float) -> np.ndarray:
    """Rectangle masses (n₁, n₂) of one nearly singular normal, whose mass lies in a band about y = ρx."""
    width = rest / abs(correlation)
    steps = [b[1:-1] / correlation + s * width for s in _STEPS]
    ends = np.unique(np.clip(np.concatenate([a, *steps, _MARKS]), -_LIMIT, _LIMIT))
    half = 0.5 * np.diff(ends)
    x = 0.5 * (ends[1:] + ends[:-1])[:, None] + half[:, None] * _NODES
    weight = density(x) * half[:, None] * _WEIGHTS
    strip = np.clip(np.searchsorted(a, x[:, 8]) - 1, 0, len(a) - 2)
    # Of each piece only the borders that lie within nine deviations, and one more on each side.
    y = correlation * x
    first = np.maximum(np.searchsorted(b, y.min(axis=1) - 9.0 * rest) - 1, 0)
    last = np.minimum(np.searchsorted(b, y.max(axis=1) + 9.0 * rest), len(b) - 1)
    index = np.minimum(first[:, None] + np.arange((last - first).max() + 1), last[:, None])
    t = standardize(b[index][:, None, :] - y[:, :, None], np.full((1, 1, 1), rest))
    mass = np.einsum("pq,pqj->pj", weight, probability(t[..., :-1], t[..., 1:]))
    out = np.zeros((len(a) - 1, len(b) - 1))
    np.add.at(out, (strip[:, None], np.minimum(index[:, :-1], len(b) - 2)), mass)
    return out


def _between_steps(a: Array, b: Array, correlation: Array) -> Array:
    """Rectangle masses for any correlation: 16 nodes between any two of the borders, the steps, and marks 2 apart."""
    xp = namespace(a, b, correlation)
    k, n1 = a.shape[0], a.shape[1] - 1
    rho = correlation[:, None]
    rest = (1.0 - rho) * (1.0 + rho)
    rest = xp.where(rest > 0, xp.sqrt(xp.where(rest > 0, rest, 1.0)), 0.0)
    safe_rho = xp.where(abs(rho) > 0.05, rho, 1.0)
    width = xp.where(abs(rho) > 0.05, rest / abs(safe_rho), 0.0)
    steps = [xp.where(abs(rho) > 0.05, b[:, 1:-1] / safe_rho, 0.0) + s * width for s in _STEPS]
    marks = asarray_like(_MARKS, a)
    ends = xp.concat([a, *steps, marks + xp.zeros_like(a[:, :1])], axis=1)
    ends = xp.clip(ends, -_LIMIT, _LIMIT)
    # A piece lies beyond as many borders as come before it, by rank: where a border meets a mark, values do not tell.
    borders = xp.astype(xp.argsort(ends, axis=1, stable=True) <= n1, a.dtype)
    strip = xp.cumulative_sum(borders, axis=1)[:, None, :-1] - 1.0  # (k, 1, pieces)
    inside = xp.astype(strip == asarray_like(np.arange(n1)[:, None], a), a.dtype)  # (k, n₁, pieces)
    ends = xp.sort(ends, axis=1, stable=True)

    lo, hi = ends[:, :-1], ends[:, 1:]
    middle = 0.5 * (lo + hi)
    nodes = asarray_like(_NODES, a)
    half = 0.5 * (hi - lo)
    x = middle[..., None] + half[..., None] * nodes  # (k, pieces, 16)
    w = density(x) * half[..., None] * asarray_like(_WEIGHTS, a)
    out = []
    for j in range(b.shape[1] - 1):
        lower = standardize(b[:, j, None, None] - rho[..., None] * x, rest[..., None])
        upper = standardize(b[:, j + 1, None, None] - rho[..., None] * x, rest[..., None])
        piece = xp.sum(w * probability(lower, upper), axis=-1)  # (k, pieces)
        out.append(xp.matmul(inside, piece[..., None])[..., 0])
    masses = xp.stack(out, axis=-1)
    return xp.reshape(masses, (k, n1, b.shape[1] - 1))
