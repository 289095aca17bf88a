"""The logarithm of a Gaussian mixture's density, in NumPy, PyTorch and JAX."""

from __future__ import annotations

import math

import numpy as np

from diracs.backend.arrays import Array, asarray_like, concrete, framework, is_traced, namespace, to_framework, working

# Entries of what is worked on at a time, in NumPy.
_BLOCK = 1 << 22


def log_density(x: Array, means: Array, covs: Array, weights: Array) -> Array:
    """log Σ w_k φ(x; μ_k, Σ_k) (..., m) at x (..., m, d), for covariances of any kind, in the kind of the means.

    Raises
    ------
    ValueError
        If a component of positive weight has a singular covariance.
    """
    given = working(x, means, covs, weights)
    at = given[0]
    size = max(1, _BLOCK // math.prod(means.shape))
    # Far away squares overflow, and the density is zero, as it should be.
    with np.errstate(over="ignore", divide="ignore"):
        if isinstance(at, np.ndarray) and at.shape[-2] > size:
            starts = range(0, at.shape[-2], size)
            values = np.concatenate([_values(at[..., i : i + size, :], *given[1:]) for i in starts], axis=-1)
        else:
            values = _values(*given)
    return to_framework(values, framework(means), means)


def _values(x: Array, means: Array, covs: Array, weights: Array) -> Array:
    """The same in the dtype of the numbers."""
    xp = namespace(x, means, covs, weights)
    d, rank = means.shape[-1], covs.ndim - means.ndim
    held = weights > 0
    off = x[..., :, None, :] - means[..., None, :, :]
    if rank < 1:
        variances = covs if rank == 0 else covs[..., None] + 0.0 * means
        variances = xp.where(held[..., None], variances, xp.ones_like(variances))
        _check_definite(variances)
        whitened = off / variances[..., None, :, :] ** 0.5
        halves = 0.5 * xp.log(variances).sum(-1)
    else:
        eye = asarray_like(np.eye(d), covs)
        lower = _cholesky(xp.where(held[..., None, None], covs, eye))
        # Points as columns of one system for each component.
        columns = xp.moveaxis(off, -3, -1)
        whitened = xp.moveaxis(xp.linalg.solve(lower, columns), -1, -3)
        halves = xp.log((lower * eye).sum(-1)).sum(-1)
    shares = xp.log(xp.where(held, weights, xp.ones_like(weights))) - halves - 0.5 * d * math.log(2.0 * math.pi)
    terms = shares[..., None, :] - 0.5 * (whitened**2).sum(-1)
    terms = xp.where(held[..., None, :], terms, xp.full_like(terms, -math.inf))
    top = xp.max(terms, axis=-1, keepdims=True)
    # Where all are −∞ nothing is to be taken away.
    top = xp.where(top > -math.inf, top, xp.zeros_like(top))
    return top[..., 0] + xp.log(xp.exp(terms - top).sum(-1))


def _cholesky(covs: Array) -> Array:
    """The lower factors (..., d, d); of traced ones that are singular NaN, or the framework's own error."""
    if not is_traced(covs):
        values = np.linalg.eigvalsh(concrete(covs))
        # Cholesky's factor of a singular matrix may come out as one of rounding.
        _check_definite(values - 4e-16 * values.shape[-1] * values[..., -1:])
    return namespace(covs).linalg.cholesky(covs)


def _check_definite(variances: Array) -> None:
    if not is_traced(variances) and not (concrete(variances) > 0).all():
        raise ValueError("a component has a singular covariance, and so the mixture no density: there is no pdf")
