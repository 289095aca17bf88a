"""Weights to start from once Diracs have moved from where a plan is known."""

from __future__ import annotations

import numpy as np

from diracs.cells.record import Edges
from diracs.transport.density import UnitDensity
from diracs.transport.linear import parts, solve_by_parts

# Relative residual of the linear system of predictions, whose errors are of second order.
_ACCURACY = 3e-3
# Beyond so many distances between Diracs, in the mean, moves change weights more than those of neighbours differ.
_FAR = 0.15
# The share of the moves, in squares, that may go elsewhere than to the barycenters.
_ELSEWHERE = 0.25


def moved_weights(weights: np.ndarray, shift: np.ndarray, moves: np.ndarray, spacing: float) -> np.ndarray | None:
    """Weights (n,) after long moves of the Diracs to the barycenters; None if moves are short, or go elsewhere.

    Diracs that go a share t of the way have the weights (1 − t)(w − t|b − y|²): the plan to (1 − t)y + tb is that to y,
    interpolated with the identity (McCann 1997). Its convex potential is (1 − t)u + t|x|²/2, of which the conjugate at
    (1 − t)y + tb is (1 − t)ψ + t|b|²/2, and w = |y|² − 2ψ.

    Parameters
    ----------
    weights : array (n,)
    shift : array (n, d)
        Ways b − y to the barycenters before.
    moves : array (n, d)
    spacing : float
        The mean distance between Diracs.
    """
    squares, length = (shift**2).sum(axis=1), float((moves**2).sum())
    if not length > len(weights) * (_FAR * spacing) ** 2 or not squares.sum() > 0.0:
        return None
    share = float((moves * shift).sum() / squares.sum())
    if not 0.0 < share < 1.0 + 1e-9 or float(((moves - share * shift) ** 2).sum()) > _ELSEWHERE * length:
        return None
    result: np.ndarray = (1.0 - share) * (weights - share * squares)
    return result


def predicted_weights(density: UnitDensity, seeds: np.ndarray, weights: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Weights (n,) that keep all masses, to first order in the moves of any seeds that are not on a torus.

    It is the potential ψ = (|y|² − w)/2 that is taken to be linear in the moves dy: the planes x·y − ψ are what cells
    depend on. So w + dw + |dy|², where L dw + K dy = 0 (`OtJacobian`). This is exact where all seeds move alike.

    Parameters
    ----------
    density : UnitDensity
    seeds : array (n, d)
        Distinct, before they move.
    weights : array (n,)
    moves : array (n, d)
    """
    cells, edges = density.moments(seeds, weights)
    i, j = edges.i, edges.j
    flow = _flow(edges, weights, moves)
    gained = np.bincount(i, flow, minlength=len(seeds)) - np.bincount(j, flow, minlength=len(seeds))
    gained -= cells.mass * (gained.sum() / cells.mass.sum())
    scale = float(np.abs(gained).max())
    squares = (moves**2).sum(axis=1)
    if not scale > 0.0:
        return np.asarray(weights + squares)
    coupling = edges.integrals[:, 0] / (2.0 * edges.gap)
    part = parts(len(seeds), i, j, coupling)
    follow = solve_by_parts(seeds, i, j, coupling, gained / scale, _ACCURACY, part)
    return np.asarray(weights - scale * follow + squares)


def _flow(edges: Edges, weights: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """(e,) masses that cells i take from cells j as seeds move: ∫((x − yᵢ)·dyᵢ + (yⱼ − x)·dyⱼ)ρ/|yᵢ − yⱼ| on facets."""
    i, j, step, gap, integrals = edges
    mass, at_i, at_j = integrals[:, 0], moves[i], moves[j]
    from_j = mass * (step * at_j).sum(axis=1)
    turned = at_i - at_j
    if step.shape[1] == 3:
        return np.asarray((from_j + (integrals[:, 1:4] * turned).sum(axis=1)) / gap)
    # The line through both seeds meets the edge's at this share of the way.
    foot = 0.5 + (weights[i] - weights[j]) / (2.0 * gap**2)
    first = mass * foot * (step * turned).sum(axis=1)
    left = (step[:, 0] * turned[:, 1] - step[:, 1] * turned[:, 0]) / gap
    return np.asarray((from_j + first + integrals[:, 1] * left) / gap)
