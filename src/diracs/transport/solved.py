"""Solving the transport between given numbers: NumPy in, NumPy out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.backend.progress import report
from diracs.cells.line import power_cells
from diracs.transport.continuation import OtherStart, solve
from diracs.transport.families import Target
from diracs.transport.line import transport_on_line
from diracs.transport.newton import are_right, relative_error
from diracs.transport.problem import Problem
from diracs.transport.small import small_transports
from diracs.transport.target import GridTarget

# Seeds further from the density than so many of its sizes have no digits left to tell its points apart.
_FARTHEST = 1e12
# Masses as good as this are those asked for up to rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Transport:
    """A solved problem in NumPy, everything in the units of the positions."""

    distance: float  # W₂²
    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, d), ∫ (x − y) dρ over the cell
    second: np.ndarray  # (n,)
    weights: np.ndarray  # (n,)
    error: float  # the largest of |m − ν|/ν
    converged: bool
    iterations: int
    message: str


def transport(
    positions: np.ndarray,
    masses: np.ndarray,
    goal: Target,
    tolerance: float,
    start: np.ndarray | None = None,
    other: OtherStart | None = None,
) -> Transport:
    """Solve for positions (n, d), masses (n,), and the density that they go to, maybe from known weights (n,).

    Where these leave cells empty, `other()` may have better ones.
    """
    if start is None and isinstance(goal, GridTarget) and (found := _small(positions, masses, goal, tolerance)):
        return found
    size = goal.size
    positive = masses > 0
    # A slice takes no copies.
    held = slice(None) if positive.all() else positive
    # Seeds on one spot are one seed; those without mass have no cell.
    with np.errstate(over="ignore", invalid="ignore"):
        spots = goal.normalized(positions[held])
    farthest = getattr(goal, "farthest", _FARTHEST)
    if not np.abs(spots).max() < farthest:
        raise ValueError(f"positions of the diracs must lie within {farthest:g} sizes of the density")
    seeds, place = _distinct(spots)
    target = np.bincount(place, masses[held])
    if seeds.shape[1] == 1:
        line = transport_on_line(seeds[:, 0], target / target.sum(), goal.line())
        mass, first, second, weights = line.mass, line.first[:, None], line.second, line.weights
        converged, iterations = are_right(mass, target / target.sum(), tolerance), 0
        message = "sorted" if converged else "masses too unequal, or components too narrow, for rounding"
    else:
        problem = Problem(np.ascontiguousarray(seeds), target / target.sum(), goal.density())

        def normalized(weights: np.ndarray | None) -> np.ndarray | None:
            if weights is None:
                return None
            of_spots = np.zeros(len(seeds))
            of_spots[place] = weights[held] / size**2
            return of_spots

        following = None if other is None else lambda: normalized(other())
        solution = solve(problem, tolerance, normalized(start), other=following)
        moments = solution.moments
        mass, first, second, weights = moments.mass, moments.first, moments.second, solution.weights
        converged, iterations, message = solution.converged, solution.iterations, solution.message
    share = masses[held] / target[place]
    nu = target / target.sum()
    error = relative_error(mass, nu)
    cost = float(second.sum())
    if error < _ROUNDING:
        # The dual's value: what error is left in the masses counts there by its square only.
        cost += float((weights - np.median(weights)) @ (nu - mass))
    weights = (weights - target @ weights) * size**2
    n, d = positions.shape
    out = Transport(
        cost * size**2,
        np.zeros(n),
        np.zeros((n, d)),
        np.zeros(n),
        np.zeros(n),
        error,
        converged,
        iterations,
        message,
    )
    out.mass[held] = share * mass[place]
    out.first[held] = share[:, None] * first[place, :d] * size
    out.second[held] = share * second[place] * size**2
    out.weights[held] = weights[place]
    if not positive.all():
        far, potential = _to_corners(goal, goal.normalized(positions[~positive]), seeds, weights / size**2)
        # The least weight that leaves a cell: |x − y|² − w − φᶜ is a largest of affine functions, least at a corner.
        least = (far - potential).min(axis=1)
        out.weights[~positive] = (least - 1e-12 * (1.0 + np.abs(least))) * size**2
    return out


def _small(positions: np.ndarray, masses: np.ndarray, goal: GridTarget, tolerance: float) -> Transport | None:
    """One small problem to an image of the plane, in the compiled core; None if it is none, or asks for more."""
    found = small_transports(positions[None], masses[None], goal, goal.values[None], tolerance)
    if found is None or not found.solved[0]:
        return None
    error, steps = float(found.error[0]), int(found.iterations[0])
    report("Newton steps of transport", steps)
    parts = found.mass[0], found.first[0], found.second[0], found.weights[0]
    return Transport(float(found.distance[0]), *parts, error, True, steps, "converged")


def _distinct(spots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points without repetitions, along the line or a curve, so that neighbours are near in memory; their places."""
    if spots.shape[1] == 1:
        points, place = np.unique(spots[:, 0], return_inverse=True)
        return points[:, None], place
    first, place = _core.spots(np.ascontiguousarray(spots))
    return spots[first], place


def _to_corners(
    goal: Target, points: np.ndarray, seeds: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (m, c) from points (m, d) to the corners of all cells in the box, and φᶜ (c,) there."""
    box = goal.box()
    if seeds.shape[1] == 1:
        borders = np.clip(power_cells(seeds[:, 0], weights)[1], box[0], box[1])
        corners = np.concatenate([box[0], borders, box[1]])[:, None]
        return (points - corners.T) ** 2, ((corners - seeds[:, 0]) ** 2 - weights).min(axis=1)
    space = goal.density().space
    corners, owner = space.corners(seeds, weights, box)
    steps = space.shortest(points[:, None, :] - corners, box[1] - box[0])
    return (steps**2).sum(axis=2), ((corners - seeds[owner]) ** 2).sum(axis=1) - weights[owner]
