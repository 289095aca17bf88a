"""Lloyd's method: Diracs at the barycenters of their cells, with free or with equal masses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import common_framework, companion, concrete, framework, to_framework
from diracs.laws.diracs import SumOfDiracs, diracs_in
from diracs.transport.checks import check_density
from diracs.transport.continuation import solve
from diracs.transport.families import parts, target_of
from diracs.transport.newton import Solution
from diracs.transport.problem import Problem
from diracs.transport.target import Density


def lloyd(
    density: Density,
    n_or_positions: Any,
    *,
    masses: str = "free",
    iterations: int = 50,
    tol: float = 1e-4,
    seed: int = 0,
    callback: Callable[[int, SumOfDiracs, float], None] | None = None,
) -> SumOfDiracs:
    """Place Diracs at the barycenters of their cells (Lloyd 1982).

    With free masses the cells are Voronoi's: a stationary quantizer, whose masses are those of the cells. With equal
    masses the cells are those of the optimal transport from equal masses: blue noise (de Goes et al. 2012).

    Parameters
    ----------
    density : PolynomialGrid or GaussianMixture
        In the plane; mixtures on all of it, with positive definite covariances where the weight is not zero.
    n_or_positions : int, array (n, 2), SumOfDiracs or Quantization
        A number of Diracs, drawn from the density, or where they start.
    masses : {"free", "equal"}
    iterations : int
        At most so many.
    tol : float
        Stop when no Dirac moves further than this share of the mean distance between Diracs.
    seed : int
        For the first positions.
    callback : callable, optional
        Called as callback(iteration, diracs, cost) after each iteration, with the cost E|x − y|² before it.

    Returns
    -------
    SumOfDiracs
        In the framework of the positions, or of the density where a number or NumPy's positions were given.

    Raises
    ------
    ValueError, TypeError
        For an unknown kind of masses, wrong shapes, densities that are not planar.
    """
    density = check_density(density)
    if density.ndim != 2:
        raise ValueError(f"density must lie in the plane, got dimension {density.ndim}")
    if not isinstance(masses, str) or masses not in ("free", "equal"):
        raise ValueError(f"masses must be 'free' or 'equal', got {masses!r}")
    steps, tolerance = checks.count("iterations", iterations), checks.positive("tol", tol)
    form, parameters = parts(density)
    target = target_of(form, tuple(map(concrete, parameters)))
    planar = target.planar()
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {type(callback).__name__}")
    rng = np.random.default_rng(checks.seed(seed))
    like = parameters[0]
    start = diracs_in(n_or_positions)
    if start is not None:
        n_or_positions = start.positions
    if isinstance(n_or_positions, list | tuple) or len(getattr(n_or_positions, "shape", ())):
        kind = common_framework(density=like, n_or_positions=n_or_positions)
        given = checks.floating("n_or_positions", n_or_positions, kind, companion(n_or_positions, like))
        if given.ndim != 2 or given.shape[1] != 2:
            raise ValueError(f"n_or_positions must be a number or have shape (n, 2), got {tuple(given.shape)}")
        like = given
        seeds = target.normalized(concrete(given))
    else:
        seeds = planar.draw(checks.count("n_or_positions", n_or_positions), rng)

    n = len(seeds)
    equal = np.full(n, 1.0 / n)
    spacing = float(np.sqrt(planar.spread().prod() / n))

    def as_diracs(points: np.ndarray, held: np.ndarray | None) -> SumOfDiracs:
        y = to_framework(target.original(points), framework(like), like)
        return SumOfDiracs(y, None if held is None else to_framework(held, framework(like), like))

    weights: np.ndarray | None = None
    for iteration in range(1, steps + 1):
        seeds = _apart(seeds, spacing, rng)
        problem = Problem(np.ascontiguousarray(seeds), equal, planar)
        if masses == "equal":
            solution: Solution = solve(problem, 1e-3, weights)
            weights, moments = solution.weights, solution.moments
        else:
            moments = problem.moments(np.zeros(n))
        empty = moments.mass <= 0
        shift = moments.first / np.where(empty, 1.0, moments.mass)[:, None]
        moved = seeds + shift
        if empty.any():
            moved[empty] = planar.draw(int(empty.sum()), rng)
        seeds = moved
        if callback is not None:
            callback(
                iteration,
                as_diracs(seeds, None if masses == "equal" else moments.mass),
                float(moments.second.sum()) * target.size**2,
            )
        if not empty.any() and np.linalg.norm(shift, axis=1).max() <= tolerance * spacing:
            break
    if masses == "equal":
        return as_diracs(seeds, None)
    # Of the positions as they are rounded: far from the origin cells may move visibly.
    out = target.normalized(concrete(as_diracs(seeds, None).positions))
    return as_diracs(seeds, Problem(np.ascontiguousarray(out), equal, planar).moments(np.zeros(n)).mass)


def _apart(seeds: np.ndarray, spacing: float, rng: np.random.Generator) -> np.ndarray:
    """Seeds on one spot, moved apart a little: they would share a cell for ever."""
    unique, first = np.unique(seeds, axis=0, return_index=True)
    if len(unique) == len(seeds):
        return seeds
    again = np.setdiff1d(np.arange(len(seeds)), first)
    out = seeds.copy()
    out[again] += 0.1 * spacing * rng.standard_normal((len(again), 2))
    return out
