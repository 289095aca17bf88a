"""A transport problem in the plane or in space, normalized: distinct seeds, target masses, a density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diracs import _core
from diracs.cells.spaces import PLANE
from diracs.transport.density import UnitDensity


@dataclass(frozen=True)
class Moments:
    """What a density has in the cells of n seeds, and on the edges between them."""

    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, d), ∫ (x − y) dρ
    second: np.ndarray  # (n,), ∫ |x − y|² dρ
    i: np.ndarray  # (e,) edges between cells i < j
    j: np.ndarray
    coupling: np.ndarray  # (e,) ∂m_i/∂w_j = −∫_edge ρ / (2|y_i − y_j|), without the sign


@dataclass(frozen=True)
class Problem:
    """Distinct seeds (n, d), d = 2 or 3, with positive target masses (n,) of sum 1, and a density."""

    seeds: np.ndarray
    target: np.ndarray
    density: UnitDensity

    @cached_property
    def _fixed(self) -> _core.FixedSeeds:
        """The seeds of a problem in the plane, with the triangulation for the weights of the last call."""
        return _core.FixedSeeds(self.seeds)

    def moments(self, weights: np.ndarray, density: UnitDensity | None = None, known: Moments | None = None) -> Moments:
        """Moments of the power cells {x : |x − yᵢ|² − wᵢ ≤ |x − yⱼ|² − wⱼ}; those known for other weights save time."""
        density, weights = density or self.density, np.ascontiguousarray(weights)
        # As `PlaneDensity` and `SpaceDensity` have it; asking for protocols takes a tenth of a small diagram.
        couplings, near = getattr(density, "couplings", None), getattr(density, "moments_near", None)
        if couplings is not None and density.space is PLANE:
            cells, edges_between = couplings(self._fixed, weights)
            return Moments(cells.mass, cells.first, cells.second, *edges_between)
        if known is not None and near is not None:
            cells, edges = near(self.seeds, weights, (known.i, known.j))
        else:
            cells, edges = density.moments(self.seeds, weights)
        coupling = edges.integrals[:, 0] / (2.0 * edges.gap)
        i, j = edges.i, edges.j
        # A cell may meet its own image on a torus: no weight moves that facet.
        if (own := i == j).any():
            i, j, coupling = i[~own], j[~own], coupling[~own]
        return Moments(cells.mass, cells.first, cells.second, i, j, coupling)
