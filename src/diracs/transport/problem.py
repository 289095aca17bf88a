"""One planar transport problem in normalized coordinates: distinct seeds, target masses, a density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.transport.density import PlanarDensity


@dataclass(frozen=True)
class Moments:
    """What a density has in the cells of n seeds, and on the edges between them."""

    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, 2), ∫ (x − y) dρ
    second: np.ndarray  # (n,), ∫ |x − y|² dρ
    i: np.ndarray  # (e,) edges between cells i < j
    j: np.ndarray
    coupling: np.ndarray  # (e,) ∂m_i/∂w_j = −∫_edge ρ / (2|y_i − y_j|), without the sign


@dataclass(frozen=True)
class Problem:
    """Distinct seeds (n, 2) with positive target masses (n,) of sum 1, and a density."""

    seeds: np.ndarray
    target: np.ndarray
    density: PlanarDensity

    def moments(self, weights: np.ndarray, density: PlanarDensity | None = None) -> Moments:
        """Moments of the power cells {x : |x − yᵢ|² − wᵢ ≤ |x − yⱼ|² − wⱼ}."""
        core = (density or self.density).core
        cells, edges = _core.moments(core, self.seeds, np.ascontiguousarray(weights), edges=True)
        coupling = edges.integrals[:, 0] / (2.0 * edges.gap)
        return Moments(cells.mass, cells.first, cells.second, edges.i, edges.j, coupling)
