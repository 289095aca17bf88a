"""Weights of power cells that have given masses, from a transport that is solved; nothing of it has to be right."""

from __future__ import annotations

import itertools
import warnings
from functools import singledispatch
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, map_arrays
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.histogram import Histogram
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.transport.convergence import ConvergenceWarning
from diracs.transport.plan import optimal_transport_plan

# What the masses may be off by, relative.
_SOLVED = 1e-13


def transported_weights(law: Any, positions: np.ndarray, masses: np.ndarray, unit: float) -> np.ndarray | None:
    """Weights (n,) over the unit squared; None for laws that are no target of transport, and where it is not solved."""
    target = target_of(law) if positions.shape[1] in (2, 3) else None
    if target is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            plan = optimal_transport_plan(SumOfDiracs(positions, masses), map_arrays(target, concrete), tol=_SOLVED)
        except (ValueError, TypeError, ArithmeticError):
            return None
    weights = np.asarray(concrete(plan.weights), dtype=np.float64) / unit / unit
    return weights if np.isfinite(weights).all() else None


@singledispatch
def target_of(law: Any) -> Any:
    """A law as transport takes it, or one that is nearly the same; None if there is none."""
    return None


@target_of.register(GaussianMixture)
@target_of.register(PolynomialGrid)
def _(law: GaussianMixture | PolynomialGrid) -> GaussianMixture | PolynomialGrid:
    return law


@target_of.register
def _(law: Histogram) -> Mesh:
    """Bins as two triangles or six tetrahedra each: paths along edges from a corner to the opposite one (Kuhn)."""
    shape, d = law.masses.shape, law.ndim
    vertices = np.stack(np.meshgrid(*law.edges, indexing="ij"), axis=-1).reshape(-1, d)
    steps = np.cumprod([1, *(n + 1 for n in shape[:0:-1])])[::-1]  # from a vertex to the next along each axis
    bins = np.argwhere(law.masses > 0)
    paths = [np.cumsum([0, *steps[list(order)]]) for order in itertools.permutations(range(d))]
    simplices = (bins @ steps)[:, None, None] + np.array(paths)
    values = (law.masses / law.volumes)[law.masses > 0]
    return Mesh(vertices, simplices.reshape(-1, d + 1), np.repeat(values, len(paths)), per="simplex")
