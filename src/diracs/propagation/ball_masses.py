"""How far a Gaussian mixture is from a point: its distribution function, enclosed.

|x − c|² = Σ λ_j (ξ_j + δ_j)² for one component, with ξ standard normal. Ruben (1962) writes it as a mixture of
chi-squares,

    P(|x − c|² ≤ y) = Σ_k a_k P(χ²_{d+2k} ≤ y/β),   a_k ≥ 0, Σ a_k = 1 for β = min λ,
    a_0 = e^{−Σδ²/2} Π (β/λ_j)^{1/2},   a_k = (1/k) Σ_{r<k} b_{k−r} a_r,
    b_k = ½ Σ_j [(1 − β/λ_j)^k + k (β/λ_j) δ_j² (1 − β/λ_j)^{k−1}],

so that what is cut off lies between nothing and P(χ²_{d+2K} ≤ y/β) times its share. Where λ is nearly singular or c
many deviations away, simple bounds are better: the half-space at c's side, and balls of √λ_max ξ about the mean.
"""

from __future__ import annotations

import math

import numpy as np
import scipy

from diracs.propagation.worst_mass import BEYOND, Nominal

_EPS = 2.0**-52
_TERMS = 400
# Sums of so many positive terms, each right to some 1e-15 of a chi-square's probability.
_OFF = 1e-13
# Terms are dropped once what they leave is less than this.
_LEFT = 2e-14


def distance_bounds(law: Nominal, center: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on P(|x − center| ≤ r) for radii (R,), any of them negative."""
    low, high = np.zeros(len(radii)), np.zeros(len(radii))
    d = len(center)
    for mean, cov, weight in zip(law.means, law.covs, law.weights, strict=True):
        values, vectors = np.linalg.eigh(cov)
        size = max(float(values[-1]), 0.0)
        # Eigenvalues are off by some roundings of the largest: by this the law moves but for 1e-18.
        loose = 4 * d * _EPS * (np.linalg.norm(mean) + np.linalg.norm(center))
        root = 8 * d * _EPS * size / math.sqrt(max(float(values[0]), 8 * d * _EPS * size, 1e-300))
        loose += (BEYOND + math.sqrt(d)) * math.sqrt(d) * root
        shifts = vectors.T @ (mean - center)
        inner, outer = (np.maximum(radii + sign * loose, -1.0) for sign in (-1.0, 1.0))
        a, b = (x.reshape(2, -1) for x in _component(values, shifts, np.concatenate([inner, outer])))
        low += weight * np.where(inner >= 0, np.maximum(a[0] - _OFF, 0.0), 0.0)
        high += weight * np.where(outer >= 0, np.minimum(b[1] + _OFF, 1.0), 0.0)
    return low, high


def _component(values: np.ndarray, shifts: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For one component, in its principal axes: variances (d,) and distances of the mean from the center (d,)."""
    d, r = len(values), np.maximum(radii, 0.0)
    away, top = float(np.linalg.norm(shifts)), float(values[-1])
    if top <= 0:
        inside = (r >= away).astype(float)
        return inside, inside
    along = float(shifts @ (np.maximum(values, 0.0) * shifts)) / away**2 if away > 0 else top
    low = np.where(r > away, scipy.special.chdtr(d, np.maximum(r - away, 0.0) ** 2 / top), 0.0)
    high = scipy.special.ndtr((r - away) / math.sqrt(max(along, 1e-300))) if away > 0 else np.ones(len(r))
    beta = float(values[0])
    delta = shifts**2 / np.maximum(values, 1e-300)
    undecided = np.flatnonzero((low < 1.0 - _OFF) & (high > _OFF))
    if len(undecided) and beta > 1e-4 * top and delta.sum() < 1000.0:
        a, left = _mixture(beta / values, delta)
        sums, rest = _chi_squares(a, d, r[undecided] ** 2 / beta)
        low[undecided] = np.maximum(low[undecided], sums)
        high[undecided] = np.minimum(high[undecided], sums + left * rest)
    return low, high


def _chi_squares(a: np.ndarray, d: int, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ a_k P(χ²_{d+2k} ≤ y) and the probability of the first one that is left out: each is the last less a density."""
    held, sums = scipy.special.chdtr(d, y), np.zeros(len(y))
    with np.errstate(divide="ignore"):
        drop = np.exp(0.5 * d * np.log(0.5 * y) - 0.5 * y - scipy.special.gammaln(0.5 * d + 1.0))
    for k, share in enumerate(a.tolist()):
        sums += share * held
        held = np.maximum(held - drop, 0.0)
        drop = drop * 0.5 * y / (0.5 * d + k + 1.0)
    return sums, held


def _mixture(ratios: np.ndarray, delta: np.ndarray) -> tuple[np.ndarray, float]:
    """Ruben's weights a_k, and what is left of them: those of Poisson where all variances are the same."""
    if (ratios == 1.0).all():
        half, k = 0.5 * float(delta.sum()), np.arange(_TERMS)
        a = np.exp(k * math.log(max(half, 1e-300)) - half - scipy.special.gammaln(k + 1.0))
        a = a[: max(int(np.searchsorted(np.cumsum(a), 1.0 - _LEFT)), 1) + 1]
        return a, max(1.0 - float(a.sum()), 0.0) + _LEFT
    k = np.arange(1, _TERMS)[:, None]
    b = 0.5 * ((1.0 - ratios) ** k + k * ratios * delta * (1.0 - ratios) ** (k - 1)).sum(axis=1)
    a = np.zeros(_TERMS)
    a[0] = math.exp(-0.5 * float(delta.sum())) * math.sqrt(float(np.prod(ratios)))
    for n in range(1, _TERMS):
        a[n] = b[n - 1 :: -1] @ a[:n] / n if n > 1 else b[0] * a[0]
        if n % 10 == 0 and 1.0 - a.sum() < _LEFT:
            break
    return a[: n + 1], max(1.0 - float(a.sum()), 0.0) + _LEFT
