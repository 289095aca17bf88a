"""Small problems, each solved whole in the compiled core: images of the plane and up to a thousand Diracs.

A start, Newton's steps and what the derivatives need are one call there, on one thread for each problem. What asks for
more (`continuation`) is left to the loop of `solved`, with the same solutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.transport.families import Target
from diracs.transport.target import GridTarget

# With more Diracs the work on one problem is worth the threads.
_MOST = 1000


@dataclass(frozen=True)
class SmallTransports:
    """Solutions of b problems in the units of the positions; zeros for those that are left."""

    solved: np.ndarray  # (b,)
    distance: np.ndarray  # (b,), W₂²
    mass: np.ndarray  # (b, n)
    first: np.ndarray  # (b, n, 2), ∫ (x − y) dρ over the cell
    second: np.ndarray  # (b, n)
    weights: np.ndarray  # (b, n)
    error: np.ndarray  # (b,), the largest of |m − ν|/ν
    iterations: np.ndarray  # (b,)


def small_transports(
    positions: np.ndarray, masses: np.ndarray, goal: Target, values: np.ndarray, tolerance: float
) -> SmallTransports | None:
    """Solve from images to Diracs; None if they are not of that kind.

    Parameters
    ----------
    positions : array (b, n, d)
    masses : array (b, n) or (1, n)
    goal : Target
        That of one of the images: all are on one box.
    values : array (b, n₁, n₂) or (1, n₁, n₂)
        Pixels of any positive sums.
    tolerance : float
        As for `solve`.
    """
    if type(goal) is not GridTarget or values.ndim != 3 or positions.shape[1] > _MOST or not len(positions):
        return None
    sides, pixels = goal.sides / goal.size, values.shape[1] * values.shape[2]
    # What is no number, or no problem, is not solved.
    with np.errstate(all="ignore"):
        densities = values / values.sum(axis=(1, 2), keepdims=True) / (float(sides.prod()) / pixels)
        spots = goal.normalized(positions)
    images, seeds, own = (np.ascontiguousarray(x, np.float64) for x in (densities, spots, masses))
    solved, distance, mass, first, second, weights, error, iterations = _core.transport_small(
        images, goal.box(), seeds, own, tolerance
    )
    size, area = goal.size, goal.size**2
    return SmallTransports(
        solved.astype(bool), distance * area, mass, first * size, second * area, weights * area, error, iterations
    )
