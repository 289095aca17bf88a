"""Laws of several dimensions of other libraries that are no Gaussian mixtures, and kernel density estimates.

As in `convert`, classes are told by their names, never imported.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diracs.laws.balls import Balls
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.independent import Independent
from diracs.laws.univariate.convert import refuse_batch
from diracs.laws.univariate.families.inverse_gamma import InverseGamma
from diracs.laws.univariate.law import Univariate


def multivariate(x: Any) -> Independent | Elliptical | GaussianMixture | Balls | None:
    """`x` as a law of several dimensions of diracs; None if it is none that is known."""
    names = {cls.__name__ for cls in type(x).__mro__}
    if "multivariate_t_frozen" in names:
        return _student(x)
    if "gaussian_kde" in names:
        return _gaussian_kernels(np.asarray(x.dataset).T, np.asarray(x.covariance), np.asarray(x.weights))
    if "KernelDensity" in names and hasattr(x, "kernel"):
        return _kernel_density(x)
    if "Independent" in names and hasattr(x, "base_dist"):
        return _independent(x)
    return None


def _student(x: Any) -> Elliptical:
    """s² = ν/χ²_ν: (ν/2)^½ times the root of the inverse of a gamma law of shape ν/2."""
    nu, mean, cov = float(x.df), np.asarray(x.loc, dtype=np.float64), np.asarray(x.shape, dtype=np.float64)
    if not nu > 2.0:
        raise ValueError(f"distribution must have a variance, but a t law of {nu:g} degrees of freedom has none")
    scale = Univariate(InverseGamma(0.5 * nu, 2.0), np.asarray(0.0), np.asarray(math.sqrt(0.5 * nu)))
    return Elliptical(scale, mean, cov)


def _gaussian_kernels(points: np.ndarray, cov: np.ndarray, weights: np.ndarray | None) -> GaussianMixture:
    """Kernels that share one covariance (d, d), around points (k, d)."""
    return GaussianMixture(points, np.broadcast_to(cov, (len(points), *cov.shape)), weights)


def _kernel_density(x: Any) -> GaussianMixture | Balls:
    if not hasattr(x, "tree_"):
        raise ValueError(f"this {type(x).__name__} has not been fitted yet: call its fit(points) first")
    points = np.asarray(x.tree_.data, dtype=np.float64)
    held = getattr(x.tree_, "sample_weight", None)
    weights = None if held is None else np.asarray(held, dtype=np.float64)
    if x.metric != "euclidean" or x.kernel not in ("gaussian", "tophat"):
        raise TypeError(
            f"cannot take a KernelDensity of kernel {x.kernel!r} and metric {x.metric!r}: accepted are the kernels"
            " 'gaussian' and 'tophat' with the metric 'euclidean'"
        )
    width = float(x.bandwidth_)
    if x.kernel == "gaussian":
        return GaussianMixture(points, np.full(len(points), width**2), weights)
    return Balls(points, width, weights)


def _independent(x: Any) -> Independent | None:
    """`torch.distributions.Independent(base, 1)` of a univariate base of batch shape (d,)."""
    base = x.base_dist
    if len(x.event_shape) != 1 or len(base.event_shape):
        return None
    if len(x.batch_shape):
        refuse_batch("torch.distributions.Independent", [tuple(x.batch_shape)])
    (d,) = base.batch_shape
    columns = {name: getattr(base, name).expand(d) for name in base.arg_constraints if hasattr(base, name)}
    like = base.mean
    return Independent(
        [type(base)(**{name: column[k] for name, column in columns.items()}) for k in range(d)],
        offset=like.detach() * 0.0,
    )
