"""Univariate laws as parts of others: coordinates of `Independent`, scales of `Elliptical`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, is_lazy, leaves, map_arrays
from diracs.laws.gaussian import Gaussian, GaussianMixture
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.law import Univariate


def as_univariate(x: Any, name: str) -> Univariate:
    """`x` as a univariate law, NumPy float64.

    Raises
    ------
    TypeError
        If it is none.
    ValueError
        If it is a batch of them, or has no variance.
    """
    from diracs.laws.convert import as_law, as_part

    law = as_part(as_law(x))
    if isinstance(law, Univariate):
        if any(is_lazy(a) for a in leaves(law)):
            raise TypeError(f"{name} must be known numbers without derivatives, which laws of several dimensions lack")
        found: Univariate = map_arrays(law, concrete)
        return found
    if isinstance(law, Gaussian) and law.ndim == 1 and law.mean.ndim == 1:
        return _normal(name, concrete(law.mean), concrete(law.cov))
    if isinstance(law, GaussianMixture) and law.means.shape[-2:] == (1, 1) and law.means.ndim == 2:
        return _normal(name, concrete(law.means), concrete(law.covs))
    several = isinstance(law, Gaussian)
    raise TypeError(
        f"{name} must be a univariate law, such as scipy.stats.gamma(2), got {type(x).__name__}"
        + (": give norm(0, 1) for each of its axes, a factor of the covariance in the matrix" if several else "")
    )


def _normal(name: str, mean: np.ndarray, variance: np.ndarray) -> Univariate:
    if not variance.ravel()[0] > 0:
        raise ValueError(f"{name} must have a variance above zero: add what is constant to the offset")
    deviation = np.sqrt(variance.ravel()[0])
    return Univariate(TruncatedNormal(-math.inf, math.inf), mean.ravel()[0][()], deviation)
