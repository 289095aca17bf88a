"""Distributions of other libraries, as Gaussians and Gaussian mixtures.

Classes are told by their names, never imported: an object can only be of a library that its owner has already loaded.
"""

from __future__ import annotations

import inspect
import os
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    concrete,
    framework,
    is_array,
    is_lazy,
    is_traced,
    leaves,
    map_arrays,
    namespace,
    to_framework,
)
from diracs.laws.balls import Balls
from diracs.laws.diracs import SumOfDiracs, whole
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, GaussianMixture
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mesh import Mesh
from diracs.laws.mixed import Mixture, joined_gaussians, joined_on_line
from diracs.laws.own import CutsItself
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.convert import univariate_of
from diracs.laws.univariate.discrete import atoms_of
from diracs.laws.univariate.law import Univariate

ACCEPTED = """\
  diracs                Gaussian, GaussianMixture, SumOfDiracs
  torch.distributions   MultivariateNormal, Normal, Independent(Normal(...), 1), or a MixtureSameFamily of these
  scikit-learn          a fitted GaussianMixture or BayesianGaussianMixture, of any covariance type
  scipy.stats           multivariate_normal(mean, cov), norm(mean, deviation)
and where results need no derivatives
  diracs                Independent, Elliptical, Mixture, PolynomialGrid, Mesh
  scipy.stats           multivariate_t(loc, shape, df), gaussian_kde(points)
  scikit-learn          a fitted KernelDensity of kernel 'gaussian' or 'tophat'
  torch.distributions   Independent(base, 1) of laws on the line
  a class of your own   with ndim and cells(N): docs/your_own_law.md
where any law on the line will do also
  scipy.stats           frozen continuous distributions of finite variance, such as gamma(2, scale=3)
  torch.distributions   Beta, Chi2, Exponential, Gamma, Gumbel, HalfNormal, Laplace, LogNormal, Pareto, StudentT,
                        Uniform, Weibull, and what has cdf and icdf
  discrete ones         frozen ones of scipy.stats; Bernoulli, Binomial, Geometric, Poisson of torch.distributions"""


_KNOWN = (
    *(Gaussian, GaussianMixture, SumOfDiracs, PolynomialGrid, Mesh, Histogram, Balls),
    *(Univariate, Independent, Elliptical, Mixture),
)


def as_distribution(x: Any) -> Gaussian | GaussianMixture | SumOfDiracs:
    """`x` as a distribution of diracs; those of diracs itself come back unchanged.

    Parameters
    ----------
    x : distribution
        Of diracs, `torch.distributions`, scikit-learn or `scipy.stats`. Batch shapes become leading axes, derivatives
        flow to the parameters of `x`, a univariate normal becomes a law on the line, d = 1.

    Returns
    -------
    Gaussian, GaussianMixture or SumOfDiracs

    Raises
    ------
    TypeError
        If `x` is not of a kind that is understood; the message lists those that are.
    ValueError
        If `x` is an estimator that has not been fitted, or its parameters are not those of a normal law.
    """
    if isinstance(x, Gaussian | GaussianMixture | SumOfDiracs):
        return whole(x) if isinstance(x, SumOfDiracs) else x
    names = {cls.__name__ for cls in type(x).__mro__}
    if "MixtureSameFamily" in names:
        return _torch_mixture(x)
    if {"GaussianMixture", "BayesianGaussianMixture"} & names and hasattr(x, "covariance_type"):
        return _sklearn_mixture(x)
    parameters = _normal_parameters(x)
    if parameters is None:
        raise TypeError(f"cannot take {_described(x)} for a distribution; accepted are\n{ACCEPTED}")
    return Gaussian(*parameters)


def _normal_parameters(x: Any) -> tuple[Any, Any] | None:
    """Means (..., d) and covariances (..., d) or (..., d, d) of normal laws, None if `x` is something else."""
    names = {cls.__name__ for cls in type(x).__mro__}
    if "MultivariateNormal" in names or "LowRankMultivariateNormal" in names:
        return x.loc, x.covariance_matrix
    if "Independent" in names and len(x.event_shape) == 1 and _is_normal(x.base_dist):
        return x.base_dist.loc, x.base_dist.scale**2
    if _is_normal(x):
        return x.loc[..., None], x.scale[..., None] ** 2
    if "multivariate_normal_frozen" in names:
        covariance = getattr(x, "cov_object", None)
        return x.mean, x.cov if covariance is None else covariance.covariance
    if "norm_gen" in {cls.__name__ for cls in type(getattr(x, "dist", None)).__mro__}:
        return np.asarray(x.mean())[..., None], np.asarray(x.var())[..., None]
    return None


def _is_normal(x: Any) -> bool:
    """True for `torch.distributions.Normal` (SciPy has a `Normal` too, with other attributes)."""
    return "Normal" in {cls.__name__ for cls in type(x).__mro__} and hasattr(x, "loc") and hasattr(x, "scale")


def _torch_mixture(x: Any) -> GaussianMixture:
    """`MixtureSameFamily`: batch shapes of the weights (..., k) and of the components broadcast."""
    components = x.component_distribution
    parameters = _normal_parameters(components)
    if parameters is None:
        raise TypeError(
            f"cannot take a MixtureSameFamily of {_described(components)}; its components must be MultivariateNormal,"
            " Normal or Independent(Normal(...), 1)"
        )
    means, covs = parameters
    # Weights made by hand are often of another precision than the components.
    probs = checks.floating("the mixture's weights", x.mixture_distribution.probs, framework(means))
    probs = to_framework(probs, framework(means), means)
    if probs.shape == means.shape[:-1]:
        return GaussianMixture(means, covs, probs)
    xp = namespace(means)
    batch = np.broadcast_shapes(tuple(probs.shape), tuple(means.shape[:-1]))
    event = tuple(covs.shape[means.ndim - 1 :])
    return GaussianMixture(
        xp.broadcast_to(means, (*batch, means.shape[-1])),
        xp.broadcast_to(covs, (*batch, *event)),
        xp.broadcast_to(probs, batch),
    )


def _sklearn_mixture(x: Any) -> GaussianMixture:
    """Covariances of type full (k, d, d), tied (d, d), diag (k, d) or spherical (k,)."""
    if not hasattr(x, "means_"):
        raise ValueError(f"this {type(x).__name__} has not been fitted yet: call its fit(points) first")
    covs = x.covariances_
    xp = namespace(covs)
    if x.covariance_type in ("full", "tied"):
        # Sums over many points are symmetric only up to the rounding of that many terms.
        covs = (covs + xp.matrix_transpose(covs)) / 2
    if x.covariance_type == "tied":
        covs = xp.broadcast_to(covs, (x.means_.shape[0], *covs.shape))
    return GaussianMixture(x.means_, covs, x.weights_)


def _described(x: Any) -> str:
    """The kind of `x` in words, with a hint where a likely slip is known."""
    module, name = type(x).__module__, type(x).__qualname__
    if isinstance(x, type):
        return f"the class {x.__qualname__} (an instance is needed)"
    if name == "Quantization" and hasattr(x, "diracs"):
        return "a Quantization (take its `diracs`, or the law that they stand for, its `distribution`)"
    if is_array(x) or isinstance(x, list | tuple) or hasattr(x, "to_numpy"):
        return (
            f"{'a list of numbers' if isinstance(x, list | tuple) else f'an array ({name})'} (for samples use"
            " SumOfDiracs(samples), or the law of a fit, fit_mixture(samples, k).mixture; for an image"
            " PolynomialGrid(values))"
        )
    if isinstance(x, str | os.PathLike):
        return f"{name} (read the file first; a picture becomes PolynomialGrid(values), as docs/recipes.md shows)"
    if inspect.isroutine(x):
        return f"a {name} (of a density take values on a grid, PolynomialGrid(values, domain); docs/recipes.md)"
    if "UnivariateDistribution" in {cls.__name__ for cls in type(x).__mro__}:
        return f"{name} of SciPy's new kind of distributions (take a frozen one, such as scipy.stats.gamma(2))"
    if name in ("multivariate_normal_gen", "norm_gen"):
        return f"{name} (call it with its parameters first)"
    return name if module == "builtins" else f"{module}.{name}"


def as_law(x: Any) -> Any:
    """`x` as a law of diracs where it is one of another library that is no Gaussian mixture; else unchanged.

    A `Mixture` of Gaussians and Gaussian mixtures alone is the Gaussian mixture that it is, one of points their cloud,
    one of univariate laws and Gaussians a univariate law.

    Raises
    ------
    TypeError, ValueError
        As `univariate_of` and `multivariate`.
    """
    from diracs.laws.convert_multivariate import multivariate

    if isinstance(x, Mixture):
        return _joined(x)
    if isinstance(x, SumOfDiracs):
        return whole(x)
    if isinstance(x, _KNOWN) or _normal_parameters(x) is not None:
        return x
    line = univariate_of(x)
    found = multivariate(x) if line is None else line
    return x if found is None else found


def as_part(x: Any) -> Any:
    """`x` as a law of diracs, or one that cuts itself into cells, to be part of another.

    Raises
    ------
    TypeError, ValueError
        As `as_distribution`.
    """
    if atoms_of(x) is not None:
        raise TypeError(
            f"cannot take the discrete law {_described(x)} for a part of another: give its atoms as"
            " SumOfDiracs(points, masses)"
        )
    law = x if isinstance(x, Mixture) else as_law(x)
    own = isinstance(law, CutsItself) and hasattr(law, "ndim") and not isinstance(law, type)
    return law if own or isinstance(law, _KNOWN) else as_distribution(law)


def _joined(x: Mixture) -> Mixture | GaussianMixture | SumOfDiracs | Univariate:
    """The same as one Gaussian mixture, point cloud or univariate law, if its parts allow that."""
    if any(is_traced(a) for a in leaves(x)):
        return x
    weights, like = concrete(x.weights), x.weights
    if all(isinstance(law, SumOfDiracs) for law in x.laws):
        positions = np.concatenate([concrete(law.positions) for law in x.laws])
        shares = [w * concrete(law.weights) for w, law in zip(weights, x.laws)]
        return SumOfDiracs(positions, np.concatenate(shares))
    if all(isinstance(law, Gaussian | GaussianMixture) for law in x.laws):
        return map_arrays(joined_gaussians(x.laws, weights), lambda a: to_framework(a, framework(like), like))
    joined = joined_on_line(x.laws, weights, like) if x.ndim == 1 else None
    return x if joined is None else joined


def as_mixture(x: Any) -> GaussianMixture:
    """`x` as a Gaussian mixture: a Gaussian is one of one component, Diracs are components of zero variance.

    Raises
    ------
    TypeError, ValueError
        As `as_distribution`.
    """
    law = as_law(x)
    other = isinstance(law, _KNOWN) and not isinstance(law, Gaussian | GaussianMixture | SumOfDiracs)
    if other or (isinstance(law, CutsItself) and not isinstance(law, type)):
        raise TypeError(
            f"cannot take a law of class {type(law).__name__} where a mixture of Gaussians is needed: such laws go to"
            " quantize, discretize and recertify"
        )
    distribution = as_distribution(law)
    if isinstance(distribution, Gaussian):
        return distribution.as_mixture()
    if isinstance(distribution, SumOfDiracs):
        positions, weights = distribution.positions, distribution.weights
        return GaussianMixture(positions, namespace(positions).zeros_like(weights), weights)
    return distribution


def points_of(mixture: GaussianMixture) -> SumOfDiracs | None:
    """The sum of Diracs that a mixture is of which no component has a covariance, as can be seen; None for others."""
    if is_lazy(mixture.covs) or concrete(mixture.covs).any():
        return None
    return SumOfDiracs._of(mixture.means, mixture.weights)


def without_covariances(mixture: GaussianMixture) -> GaussianMixture | SumOfDiracs:
    """The same law as points if it is that."""
    points = points_of(mixture)
    return mixture if points is None else points
