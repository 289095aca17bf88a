"""Means, covariances and draws of weighted points and of Gaussian mixtures, in their framework."""

from __future__ import annotations

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, asarray_like, concrete, is_traced, namespace, take


def mean(weights: Array, points: Array) -> Array:
    """Σ wᵢ yᵢ (..., d) of weights (..., n) that sum to 1 and points (..., n, d)."""
    first = points[..., :1, :]
    # About a point: far from the origin the sum of the weights is off by more than the points are.
    return first[..., 0, :] + (weights[..., None] * (points - first)).sum(-2)


def covariance(weights: Array, points: Array) -> Array:
    """Σ wᵢ (yᵢ − m)(yᵢ − m)ᵀ (..., d, d) about the mean m."""
    off = points - mean(weights, points)[..., None, :]
    xp = namespace(off)
    return xp.matmul(xp.matrix_transpose(weights[..., None] * off), off)


def drawn(weights: Array, size: int, rng: np.random.Generator) -> np.ndarray:
    """Indices (size,) drawn with weights (n,), one for all: which one is drawn has no derivative.

    Raises
    ------
    ValueError, TypeError
        For a batch, and for weights that cannot be looked at.
    """
    if is_traced(weights):
        raise TypeError("weights must be known to draw samples: they are traced, by jit, vmap or grad")
    if weights.ndim != 1:
        raise ValueError(f"samples are drawn of one law, got a batch of shape {tuple(weights.shape[:-1])}: pick one")
    sums = np.cumsum(concrete(weights))
    # Never one of weight zero, which the sum repeats.
    return np.searchsorted(sums / sums[-1], rng.random(size), side="right")


def normal_draws(means: Array, covs: Array, which: np.ndarray, rng: np.random.Generator) -> Array:
    """A draw (m, d) of each of the components `which` (m,), reparametrized: μ + Σ^{1/2} z.

    Of means (k, d) and covariances (k,), (k, d) or (k, d, d). Derivatives flow to both where covariances are positive
    definite.
    """
    xp = namespace(means, covs)
    z = asarray_like(rng.standard_normal((len(which), means.shape[-1])), means)
    if covs.ndim < 3:
        # The root of a zero variance has no derivative: there is none to take where nothing is added.
        held = covs > 0
        roots = xp.where(held, xp.where(held, covs, xp.ones_like(covs)) ** 0.5, xp.zeros_like(covs))
        scaled = z * (take(roots, which, 0)[:, None] if covs.ndim == 1 else take(roots, which, 0))
    else:
        scaled = xp.matmul(take(_roots(covs), which, 0), z[..., None])[..., 0]
    return take(means, which, 0) + scaled


def _roots(covs: Array) -> Array:
    """Matrices (k, d, d) whose squares L Lᵀ are these: Cholesky's, or of the spectrum where some are singular."""
    xp = namespace(covs)
    if is_traced(covs) or (np.linalg.eigvalsh(concrete(covs)) > 0).all(axis=-1).all():
        return xp.linalg.cholesky(covs)
    values, axes = xp.linalg.eigh(covs)
    held = values > 0
    roots = xp.where(held, xp.where(held, values, xp.ones_like(values)) ** 0.5, xp.zeros_like(values))
    return axes * roots[..., None, :]


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """NumPy's generator: the one that is given, which goes on, or a new one from a seed."""
    return seed if isinstance(seed, np.random.Generator) else np.random.default_rng(checks.seed(seed))
