"""Gaussians and Gaussian mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    asarray_like,
    common_framework,
    companion,
    concrete,
    frozen,
    namespace,
    pytree,
)
from diracs.laws.log_density import log_density
from diracs.laws.moments import covariance, drawn, generator, mean, normal_draws
from diracs.laws.shown import Drawn
from diracs.typing import CovarianceKind

KINDS: dict[int, CovarianceKind] = {-1: "isotropic", 0: "diagonal", 1: "full"}


def _checked_covariances(name: str, means: Array, covs: Array) -> Array:
    """Isotropic, diagonal or full ones, told by their rank; checks their shape and values."""
    kind = KINDS.get(covs.ndim - means.ndim)
    d = means.shape[-1]
    expected = {"isotropic": means.shape[:-1], "diagonal": means.shape, "full": (*means.shape, d)}
    if kind is None or tuple(covs.shape) != tuple(expected[kind]):
        listed = ", ".join(f"{tuple(s)} ({k})" for k, s in expected.items())
        raise ValueError(
            f"{name} must have one of the shapes {listed} to go with means of shape {tuple(means.shape)},"
            f" got {tuple(covs.shape)}"
        )
    return checks.covariances(name, covs, kind == "full")


@pytree
@dataclass(frozen=True, eq=False, init=False)
class GaussianMixture(Drawn):
    """The law Σ w_k N(μ_k, Σ_k).

    Leading axes make a batch of mixtures. Arrays are copied: what is changed in them later does not reach the mixture.
    Numbers, lists and NumPy arrays take the framework, dtype and device of tensors that they stand beside.

    Parameters
    ----------
    means : array (..., k, d)
    covs : array
        (..., k) isotropic variances, (..., k, d) diagonal ones, or (..., k, d, d) full covariances, told apart by rank.
        Variances, not standard deviations. Singular and zero covariances are allowed.
    weights : array (..., k), optional
        Non-negative, normalized to sum 1; equal by default.

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or wrongly shaped arrays, negative weights, covariances that are not symmetric positive
        semidefinite, dtypes of half precision, masked or missing entries, PyTorch's tensors beside JAX's arrays.

    Examples
    --------
    >>> from diracs import GaussianMixture
    >>> mixture = GaussianMixture([[0.0, 0.0], [3.0, 1.0]], [[1.0, 4.0], [1.0, 1.0]], [3, 1])
    >>> mixture, mixture.weights.tolist()
    (GaussianMixture(2 diagonal components in dimension 2), [0.75, 0.25])
    """

    means: Array
    covs: Array
    weights: Array

    _leaves = ("means", "covs", "weights")
    _static = ()

    def __init__(self, means: Any, covs: Any, weights: Any = None) -> None:
        kind = common_framework(means=means, covs=covs, weights=weights)
        mu = checks.floating("means", means, kind, companion(means, covs, weights))
        if mu.ndim < 2:
            raise ValueError(f"means must have shape (k, d), got {tuple(mu.shape)}; for laws on a line use (k, 1)")
        cov = checks.floating("covs", covs, kind, mu)
        object.__setattr__(self, "means", mu)
        object.__setattr__(self, "covs", _checked_covariances("covs", mu, cov))
        object.__setattr__(self, "weights", checks.weights("weights", weights, kind, mu, tuple(mu.shape[:-1])))

    @classmethod
    def _of(cls, means: Array, covs: Array, weights: Array) -> GaussianMixture:
        """A mixture whose numbers are known to be good, neither copied nor normalized once more."""
        new = object.__new__(cls)
        for name, value in zip(cls._leaves, (means, covs, weights), strict=True):
            object.__setattr__(new, name, frozen(value))
        return new

    @property
    def covariance_kind(self) -> CovarianceKind:
        """'isotropic', 'diagonal' or 'full'."""
        return KINDS[self.covs.ndim - self.means.ndim]

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.means.shape[-1]

    @property
    def n_components(self) -> int:
        """The number k of components."""
        return self.means.shape[-2]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The leading axes; () for a single mixture."""
        return tuple(self.means.shape[:-2])

    @property
    def mean(self) -> Array:
        """The expectation (..., d)."""
        return mean(self.weights, self.means)

    @property
    def cov(self) -> Array:
        """The covariance (..., d, d) of the law: that within components, and that of their means."""
        within = (self.weights[..., None, None] * full_covariances(self.means, self.covs)).sum(-3)
        return within + covariance(self.weights, self.means)

    def logpdf(self, x: Any) -> Array:
        """The logarithm of the density at points x (..., d), as many values (...).

        In the framework of the mixture, differentiable in all arrays (PyTorch, JAX). Of a batch of mixtures x is
        (..., m, d), whose leading axes go with those of the batch.

        Raises
        ------
        ValueError, TypeError
            For points of another dimension, and where a component of positive weight has a singular covariance.

        Examples
        --------
        >>> from diracs import GaussianMixture
        >>> law = GaussianMixture([[0.0], [4.0]], [1.0, 1.0])
        >>> law.logpdf([[0.0], [2.0]]).round(4).tolist()
        [-1.6118, -2.9189]
        """
        kind = common_framework(x=x, means=self.means)
        points = checks.floating("x", x, kind, self.means)
        if points.shape[-1:] != (self.ndim,) or (self.batch_shape and points.ndim < 2):
            shape = f"(m, {self.ndim})" if self.batch_shape else f"(..., {self.ndim})"
            raise ValueError(f"x must have shape {shape}, got {tuple(points.shape)}")
        flat = points if self.batch_shape else points.reshape(-1, self.ndim)
        values = log_density(flat, self.means, self.covs, self.weights)
        return values if self.batch_shape else values.reshape(points.shape[:-1])

    def pdf(self, x: Any) -> Array:
        """The density at points x (..., d): exp of `logpdf`."""
        values = self.logpdf(x)
        return namespace(values).exp(values)

    def sample(self, size: int, seed: int | np.random.Generator = 0) -> Array:
        """Independent draws (size, d), in the framework of the mixture.

        Parameters
        ----------
        size : int
        seed : int or numpy.random.Generator
            Equal seeds give equal draws; a generator goes on from where it is.

        Raises
        ------
        ValueError, TypeError
            For a batch of mixtures, weights that are traced.

        Notes
        -----
        Draws are μ + Σ^{1/2} z, differentiable in means and in positive definite covariances, not in weights.

        Examples
        --------
        >>> from diracs import GaussianMixture
        >>> GaussianMixture([[3.0, 5.0]], [1.0]).sample(1000).mean(0).round(1).tolist()
        [3.0, 5.0]
        """
        count, rng = checks.count("size", size), generator(seed)
        which = drawn(self.weights, count, rng)
        return normal_draws(self.means, self.covs, which, rng)

    def __repr__(self) -> str:
        batch = f", batch {self.batch_shape}" if self.batch_shape else ""
        kind = f"{self.covariance_kind} component{'s' if self.n_components > 1 else ''}"
        return f"GaussianMixture({self.n_components} {kind} in dimension {self.ndim}{batch})"


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Gaussian(Drawn):
    """The law N(mean, cov).

    Parameters
    ----------
    mean : array (..., d), or a number for a law on the line
    cov : array
        (...) an isotropic variance, (..., d) diagonal variances, or (..., d, d) a full covariance; may be singular.

    Raises
    ------
    ValueError, TypeError
        As for `GaussianMixture`.

    Examples
    --------
    >>> from diracs import Gaussian, quantize
    >>> q = quantize(Gaussian(0.0, 1.0), 2)
    >>> sorted(q.positions.ravel().round(4).tolist()), f"{q.w2:.4f}"  # ±(2/π)^{1/2}, (1 − 2/π)^{1/2}
    ([-0.7979, 0.7979], '0.6028')
    """

    mean: Array
    cov: Array

    _leaves = ("mean", "cov")
    _static = ()

    def __init__(self, mean: Any, cov: Any) -> None:
        kind = common_framework(mean=mean, cov=cov)
        mu = checks.floating("mean", mean, kind, companion(mean, cov))
        mu = mu.reshape(1) if mu.ndim == 0 else mu
        sigma = checks.floating("cov", cov, kind, mu)
        object.__setattr__(self, "mean", mu)
        object.__setattr__(self, "cov", _checked_covariances("cov", mu, sigma))

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.mean.shape[-1]

    def as_mixture(self) -> GaussianMixture:
        """The same law as a mixture of one component."""
        xp = namespace(self.mean, self.cov)
        batch = self.mean.ndim - 1
        return GaussianMixture(xp.expand_dims(self.mean, axis=batch), xp.expand_dims(self.cov, axis=batch))

    def logpdf(self, x: Any) -> Array:
        """The logarithm of the density at points x; see `GaussianMixture.logpdf`."""
        return self.as_mixture().logpdf(x)

    def pdf(self, x: Any) -> Array:
        """The density at points x; see `GaussianMixture.pdf`."""
        return self.as_mixture().pdf(x)

    def sample(self, size: int, seed: int | np.random.Generator = 0) -> Array:
        """Independent draws (size, d); see `GaussianMixture.sample`."""
        return self.as_mixture().sample(size, seed)

    def __repr__(self) -> str:
        kind = KINDS[self.cov.ndim - self.mean.ndim]
        batch = f", batch {tuple(self.mean.shape[:-1])}" if self.mean.ndim > 1 else ""
        return f"Gaussian({kind}, in dimension {self.ndim}{batch})"


# Eigenvalues of covariances below this share of the largest, times d, are rounding: such a covariance is singular.
SINGULAR = 4e-16
# The same for covariances that were computed, as sums or products of others: these carry more rounding.
FLAT = 1e-14

SumOfGaussians = GaussianMixture  # the name used in the optimal transport literature


def full_covariances(means: Array, covs: Array) -> Array:
    """Covariances of any kind as matrices (..., k, d, d), in their framework."""
    kind = KINDS[covs.ndim - means.ndim]
    if kind == "full":
        return covs
    eye = asarray_like(np.eye(means.shape[-1]), covs)
    return (covs[..., None, None] if kind == "isotropic" else covs[..., :, None]) * eye


def components_of(mixture: GaussianMixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means (..., k, d), full covariances (..., k, d, d) and weights (..., k), NumPy float64."""
    means, covs, weights = (concrete(x) for x in (mixture.means, mixture.covs, mixture.weights))
    return means, full_covariances(means, covs), weights
