"""Lower bounds on the W₂ between a point cloud and every measure of n points."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.lower.line import least_partition

_EPS = 2.0**-52
# Relative, on mean squares: sums, eigenvalues and frames.
_SLACK = 1e-10
# Atoms that stand for a projection on an axis, and points up to which that is looked at.
_ATOMS, _MOST_ON_LINE = 512, 64


def cloud_lower_bound(points: np.ndarray, weights: np.ndarray, n: int) -> float:
    """A number that the W₂ (not squared) between a cloud and any measure of n points is never below.

    Parameters
    ----------
    points : array (N, d)
    weights : array (N,)
        Non-negative, of sum about one.
    n : int

    Notes
    -----
    The larger of two: what the best affine space of dimension n − 1 misses, the trailing eigenvalues of the covariance;
    and the sum over the principal axes of the least costs of n points on each, as |x − y|² = Σ (x_k − y_k)². On an axis
    q(X), one of some hundred means of runs of the sorted points, is optimized exactly: no ν has a W₂ to X below that to
    q(X) less that between X and q(X).
    """
    held = weights > 0
    x, m = points[held], weights[held]
    centre = 0.5 * x.min(axis=0) + 0.5 * x.max(axis=0)
    size = float(np.abs(x - centre).max())
    if not size > 0 or n >= len(m):
        return 0.0
    unit = math.ldexp(1.0, math.frexp(size)[1])
    u = (x - centre) / unit
    m = m / m.sum()
    off = u - m @ u
    spectrum, axes = np.linalg.eigh((m[:, None] * off).T @ off)
    d = len(spectrum)
    # Eigenvalues are those of a matrix off by roundings of its trace, for each of the sums of a product.
    error = _EPS * (8.0 * d + 4.0 * math.log2(len(m)) + 64.0) * float(np.maximum(spectrum, 0.0).sum())
    square = float(np.maximum(spectrum[: max(d - n + 1, 0)] - error, 0.0).sum())
    if n == 1:
        square = float((m[:, None] * off**2).sum())
    elif n <= _MOST_ON_LINE:
        square = max(square, sum(_on_axis(off @ axis, m, n) for axis in axes.T))
    # Differences of coordinates are right to a rounding of themselves.
    root = math.sqrt(square * (1.0 - _SLACK)) - 16.0 * _EPS * float(np.sqrt((m[:, None] * u**2).sum()))
    return max(0.0, math.nextafter(root * unit, 0.0))


def _on_axis(t: np.ndarray, m: np.ndarray, n: int) -> float:
    """A number that the mean square error of n levels for values t (N,) with masses m (N,) is not below."""
    order = np.argsort(t, kind="stable")
    t, m = t[order], m[order]
    if not t[-1] > t[0]:
        return 0.0
    run = np.minimum((_spaced(t, m) * _ATOMS).astype(int), _ATOMS - 1)
    run = np.unique(run, return_inverse=True)[1].ravel()
    first = t[np.searchsorted(run, run)]
    mass = np.bincount(run, m)
    atoms = t[np.searchsorted(run, np.arange(len(mass)))] + np.bincount(run, m * (t - first)) / mass
    within = float((m * (t - atoms[run]) ** 2).sum())
    least = least_partition(atoms, mass, n) if n < len(atoms) else 0.0
    blur = 64.0 * _EPS * float(np.abs(t).max())
    return max(0.0, math.sqrt(least * (1.0 - 1e-9)) - math.sqrt(within * (1.0 + 1e-9)) - blur) ** 2


def _spaced(t: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Places in [0, 1] (N,) of sorted values: half by mass, half by distance."""
    mass = np.cumsum(m) - 0.5 * m
    return 0.5 * mass / mass[-1] + 0.5 * (t - t[0]) / (t[-1] - t[0])
