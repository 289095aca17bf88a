"""Elliptical laws: scale mixtures of a normal law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, companion, pytree
from diracs.laws.coordinates import as_univariate
from diracs.laws.gaussian import Gaussian
from diracs.laws.shown import Drawn
from diracs.laws.univariate.law import Univariate


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Elliptical(Drawn):
    """The law of x = mean + s·L z, with s ≥ 0 independent of z ~ N(0, I), L Lᵀ = cov.

    Student's t with ν degrees of freedom has s² = ν/χ²_ν; `scipy.stats.multivariate_t` is taken as it is. A Laplace law
    has s² exponential.

    Parameters
    ----------
    scale : univariate law
        Of s, on [0, ∞), of finite variance: a frozen law of `scipy.stats`, or of `torch.distributions`.
    mean : array (d,)
    cov : array
        () an isotropic variance, (d,) diagonal variances, or (d, d) a full matrix; may be singular.

    Attributes
    ----------
    scale : Univariate
    mean : array (d,)
    cov : array

    Raises
    ------
    ValueError, TypeError
        For a scale that may be negative or is no univariate law, and as for `Gaussian`.

    Examples
    --------
    >>> import diracs, scipy
    >>> law = diracs.Elliptical(scipy.stats.uniform(0, 1), [0.0, 0.0], 3.0)
    >>> round(float(diracs.quantize(law, 1).w2) ** 2, 9)  # E s² tr cov = 6/3
    2.0
    """

    scale: Univariate
    mean: Array
    cov: Array

    _leaves = ("mean", "cov")
    _static = ("scale",)

    def __init__(self, scale: Any, mean: Any, cov: Any) -> None:
        s = as_univariate(scale, "scale")
        if not s.support[0] >= 0:
            raise ValueError(f"scale must be a law on [0, ∞), got one on {s.support}: it multiplies deviations")
        kind = common_framework(mean=mean, cov=cov)
        checks.floating("mean", mean, kind, companion(mean, cov))
        normal = Gaussian(mean, cov)
        if normal.mean.ndim != 1:
            raise ValueError(f"mean must have shape (d,), got {tuple(normal.mean.shape)}: no batches")
        object.__setattr__(self, "scale", s)
        object.__setattr__(self, "mean", normal.mean)
        object.__setattr__(self, "cov", normal.cov)

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.mean.shape[-1]

    @property
    def second(self) -> float:
        """E s²."""
        return self.scale.variance + self.scale.mean**2

    def normal(self) -> Gaussian:
        """N(mean, cov), the law where s is 1."""
        return Gaussian(self.mean, self.cov)

    def __repr__(self) -> str:
        return f"Elliptical(dimension {self.ndim})"
