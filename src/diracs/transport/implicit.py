"""Derivatives of a solved problem: how weights and barycenters follow positions and masses (implicit function theorem).

The masses m(w, y) of the cells are those asked for, p: L dw + K dy = dp with L = ∂m/∂w and K = ∂m/∂y, so that
dw = L⁺(dp − K dy) and db = ∂b/∂w dw + ∂b/∂y dy. In reverse that is one solve with the Laplacian L, which is symmetric.
"""

from __future__ import annotations

import numpy as np
import scipy

from diracs.backend.callback import InvalidValues
from diracs.cells.jacobian import CellJacobian
from diracs.transport.families import Target
from diracs.transport.jacobian import Linearized, linearized
from diracs.transport.linear import parts, solve_by_parts

# Relative residual of the linear system, where it is solved by conjugate gradients.
_ACCURACY = 1e-12


def pull_back(
    positions: np.ndarray,
    masses: np.ndarray,
    weights: np.ndarray,
    goal: Target,
    by_barycenters: np.ndarray,
    by_weights: np.ndarray,
    in_masses: bool = True,
    found: Linearized | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives in positions and masses of ⟨by_barycenters, b⟩ + ⟨by_weights, w⟩ for the optimal plan.

    Parameters
    ----------
    positions, masses, weights : arrays (n, d), (n,), (n,)
        The solved problem; weights in its gauge, Σ masses·weights = 0.
    goal : Target
    by_barycenters : array (n, d)
        A Dirac without mass has its own position for barycenter.
    by_weights : array (n,)
    in_masses : bool
        Whether derivatives in the masses are asked for; else these are zero.
    found : Linearized, optional
        If it is known.

    Returns
    -------
    in positions, in masses : arrays (n, d), (n,)

    Raises
    ------
    InvalidValues
        If a Dirac without mass takes part by its mass or its weight: there cells begin, and masses and weights have no
        derivatives, or one-sided ones.
    """
    found = linearized(positions, masses, weights, goal) if found is None else found
    held, place, size = found.held, found.place, goal.size
    if not held.all() and (in_masses or by_weights[~held].any()):
        raise InvalidValues("derivatives in masses, and of weights, are there only where all masses are positive")
    s, d = found.shift.shape
    of_barycenters, of_weights = np.zeros((s, d)), np.zeros(s)
    np.add.at(of_barycenters, place, size * by_barycenters[held])
    np.add.at(of_weights, place, size**2 * by_weights[held])
    # In the gauge of the weights: w = w₀ − (p·w₀)1.
    total, p, cells = of_weights.sum(), found.target, found.cells
    rhs = cells.barycenters_weights.T @ of_barycenters.ravel() + of_weights - total * p
    moved = solve(found.seeds, cells, rhs)
    in_spots = (cells.barycenters_positions.T @ of_barycenters.ravel() - cells.masses_positions.T @ moved).reshape(s, d)
    slopes = np.array(by_barycenters)
    slopes[held] = found.share[:, None] * in_spots[place] / size
    by_masses = np.zeros(len(masses))
    if in_masses:
        # Masses are taken as shares of their sum.
        own = moved - total * weights[held][np.unique(place, return_index=True)[1]] / size**2
        by_masses[held] = (own - p @ own)[place] / masses.sum()
    return slopes, by_masses


def solve(seeds: np.ndarray, cells: CellJacobian, rhs: np.ndarray) -> np.ndarray:
    """L⁺ rhs, part by part where no mass passes from one to another."""
    upper = scipy.sparse.triu(cells.masses_weights, 1).tocoo()
    coupled = upper.data < 0.0
    i, j = (np.ascontiguousarray(x[coupled], np.int32) for x in (upper.row, upper.col))
    coupling = np.ascontiguousarray(-upper.data[coupled])
    n = len(seeds)
    graph = scipy.sparse.coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    part = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    size = np.bincount(part)
    rhs = rhs - (np.bincount(part, rhs) / size)[part]
    scale = float(np.abs(rhs).max())
    if not scale > 0.0:
        return np.zeros(n)
    # The compiled solver draws graphs in the plane or in space.
    drawn = seeds if seeds.shape[1] > 1 else np.pad(seeds, ((0, 0), (0, 1)))
    found = solve_by_parts(drawn, i, j, coupling, rhs / scale, _ACCURACY, parts(n, i, j, coupling)) * scale
    return np.asarray(found - (np.bincount(part, found) / size)[part])


def hessian_product(
    positions: np.ndarray,
    masses: np.ndarray,
    weights: np.ndarray,
    goal: Target,
    along: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Second derivatives of W₂² in positions (n, d) and masses (n,), a symmetric matrix, times a direction.

    The first ones are 2p(y − b) in positions, p the masses as shares of their sum, and the weights in masses.
    """
    by_positions, by_masses = along
    found = linearized(positions, masses, weights, goal)
    total, in_masses = masses.sum(), bool((masses > 0).all())
    if by_masses.any() and not in_masses:
        raise InvalidValues("second derivatives in masses are there only where all masses are positive")
    share = masses / total
    off = np.zeros_like(positions)  # from barycenters
    off[found.held] = -goal.size * found.shift[found.place]
    slopes, by_share = pull_back(
        positions, masses, weights, goal, -2.0 * share[:, None] * by_positions, by_masses, in_masses, found
    )
    own = 2.0 * (by_positions * off).sum(axis=1)
    by_share = by_share + (own - share @ own) / total if in_masses else np.full(len(masses), np.nan)
    return slopes + 2.0 * share[:, None] * by_positions, by_share
