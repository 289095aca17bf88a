"""What the front doors of transport refuse."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs._arrays import common_framework, concrete, framework, is_traced
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.grid import PolynomialGrid
from diracs.transport.target import Density, as_density, parts, singular


def check_problem(diracs: Any, density: Any) -> Density:
    """Raise unless these are single Diracs and a density of the same dimension, 1 or 2, and of one framework.

    Returns the density, a mixture if it is of another library.
    """
    if not isinstance(diracs, SumOfDiracs):
        raise TypeError(f"diracs must be a SumOfDiracs, got {type(diracs).__name__}")
    density = check_density(density)
    if diracs.positions.ndim != 2:
        raise ValueError(f"diracs must be one sum, got a batch of positions of shape {tuple(diracs.positions.shape)}")
    if diracs.ndim != density.ndim:
        raise ValueError(f"diracs lie in dimension {diracs.ndim}, but density in dimension {density.ndim}")
    if density.ndim > 2:
        raise ValueError(f"density must have dimension 1 or 2, got {density.ndim}")
    parameters = parts(density)[1]
    if framework(parameters[0]) != "numpy":
        common_framework(diracs=diracs.positions, density=parameters[0])
    return density


def check_density(density: Any) -> Density:
    """A grid, or one mixture of components that all have a density; raises for anything else."""
    density = as_density(density)
    if isinstance(density, PolynomialGrid):
        return density
    if density.batch_shape:
        raise ValueError(f"density must be one mixture, got a batch of shape {density.batch_shape}")
    if not is_traced(density.covs) and not is_traced(density.means):
        without = np.flatnonzero(singular(concrete(density.means), concrete(density.covs)))
        if without.size:
            raise ValueError(
                f"density has components without a density: covariance {without[0]} is singular; add a small multiple"
                " of the identity, or use quantize, which takes them"
            )
    return density
