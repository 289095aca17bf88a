"""Weights to start from once Diracs have moved from where a plan is known."""

from __future__ import annotations

import numpy as np

# Beyond so many distances between Diracs, in the mean, moves change weights more than those of neighbours differ.
_FAR = 0.15
# The share of the moves, in squares, that may go elsewhere than to the barycenters.
_ELSEWHERE = 0.25


def moved_weights(weights: np.ndarray, shift: np.ndarray, moves: np.ndarray, spacing: float) -> np.ndarray:
    """Weights (n,) after Diracs have moved; those known, unless the moves are long and go to the barycenters.

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
        return weights
    share = float((moves * shift).sum() / squares.sum())
    if not 0.0 < share < 1.0 + 1e-9 or float(((moves - share * shift) ** 2).sum()) > _ELSEWHERE * length:
        return weights
    result: np.ndarray = (1.0 - share) * (weights - share * squares)
    return result
