"""Lloyd's method: Diracs at the barycenters of their cells, with free, equal or given masses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from diracs.backend import checks
from diracs.backend.arrays import common_framework, companion, concrete, framework, to_framework
from diracs.backend.progress import report, reporting
from diracs.laws.diracs import SumOfDiracs, diracs_in
from diracs.transport.checks import check_density
from diracs.transport.continuation import solve
from diracs.transport.families import parts, target_of
from diracs.transport.moved import moved_weights
from diracs.transport.newton import Solution
from diracs.transport.plan import OtPlan, optimal_transport_plan
from diracs.transport.problem import Problem
from diracs.transport.target import Density
from diracs.typing import Masses, Progress

# How well the masses of each iteration are met, beside how far Diracs move with the next, in units of their distance;
# at most and at least.
_SHARE, _LOOSEST, _TIGHTEST = 0.1, 1e-2, 1e-3


@overload
def lloyd(
    density: Density,
    n_or_positions: Any,
    *,
    masses: Masses | ArrayLike = "free",
    iterations: int = 50,
    tol: float = 1e-4,
    damping: float = 1.0,
    seed: int = 0,
    callback: Callable[[int, SumOfDiracs, float], None] | None = None,
    progress: Progress = False,
    return_plan: Literal[False] = False,
) -> SumOfDiracs: ...


@overload
def lloyd(
    density: Density,
    n_or_positions: Any,
    *,
    masses: Masses | ArrayLike = "free",
    iterations: int = 50,
    tol: float = 1e-4,
    damping: float = 1.0,
    seed: int = 0,
    callback: Callable[[int, SumOfDiracs, float], None] | None = None,
    progress: Progress = False,
    return_plan: Literal[True],
) -> tuple[SumOfDiracs, OtPlan]: ...


def lloyd(
    density: Density,
    n_or_positions: Any,
    *,
    masses: Masses | ArrayLike = "free",
    iterations: int = 50,
    tol: float = 1e-4,
    damping: float = 1.0,
    seed: int = 0,
    callback: Callable[[int, SumOfDiracs, float], None] | None = None,
    progress: Progress = False,
    return_plan: bool = False,
) -> SumOfDiracs | tuple[SumOfDiracs, OtPlan]:
    """Place Diracs at the barycenters of their cells (Lloyd 1982).

    With free masses the cells are Voronoi's: a stationary quantizer, whose masses are those of the cells. With equal or
    given masses the cells are those of the optimal transport from these: blue noise (de Goes et al. 2012), or grains of
    given volumes (Bourne et al. 2020).

    Parameters
    ----------
    density : PolynomialGrid, Mesh or GaussianMixture
        In the plane or in space; mixtures on all of it, with positive definite covariances where the weight is not
        zero. On a torus Diracs move on across its borders.
    n_or_positions : int, array (n, d), SumOfDiracs or Quantization
        A number of Diracs, drawn from the density, or where they start.
    masses : {"free", "equal"} or array (n,)
        Given masses are normalized.
    iterations : int
        At most so many.
    tol : float
        Stop when no Dirac moves further than this share of the mean distance between Diracs; 0 for all iterations: just
        as many steps as asked for.
    damping : float
        The share of the way to the barycenter that Diracs go, at most 1.
    seed : int
        For the first positions.
    callback : callable, optional
        Called as callback(iteration, diracs, cost) after each iteration, with the cost E|x − y|² before it.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.
    return_plan : bool
        Whether to return the optimal plan to the Diracs, with their cells, besides.

    Returns
    -------
    SumOfDiracs, or SumOfDiracs and OtPlan
        In the framework of the positions, or of the density where a number or NumPy's positions were given.

    Raises
    ------
    ValueError, TypeError
        For an unknown kind of masses, wrong shapes, densities on the line or beyond space.

    Examples
    --------
    Two steps, half of the way each:

    >>> from diracs import PolynomialGrid, SumOfDiracs, lloyd
    >>> start = [[0.1, 0.5], [0.9, 0.5]]
    >>> diracs, plan = lloyd(PolynomialGrid([[1.0]]), start, iterations=2, tol=0, damping=0.5, return_plan=True)
    >>> diracs.positions[:, 0].round(6), plan.cell_masses
    (array([0.2125, 0.7875]), array([0.5, 0.5]))
    """
    density = check_density(density)
    d = density.ndim
    if d not in (2, 3):
        raise ValueError(f"density must lie in the plane or in space, got dimension {d}")
    if isinstance(masses, str):
        checks.choice("masses", masses, Masses, other=" or an array")
    steps, tolerance = checks.count("iterations", iterations), 0.0 if tol == 0 else checks.positive("tol", tol)
    share = checks.positive("damping", damping)
    if share > 1.0:
        raise ValueError(f"damping must be at most 1, got {damping!r}")
    form, parameters = parts(density)
    target = target_of(form, tuple(map(concrete, parameters)))
    law = target.density()
    checks.callback("callback", callback)
    rng = np.random.default_rng(checks.seed(seed))
    like = parameters[0]
    start = diracs_in(n_or_positions)
    if start is not None:
        n_or_positions = start.positions
    if isinstance(n_or_positions, list | tuple) or len(getattr(n_or_positions, "shape", ())):
        kind = common_framework(density=like, n_or_positions=n_or_positions)
        given = checks.floating("n_or_positions", n_or_positions, kind, companion(n_or_positions, like))
        if given.ndim != 2 or given.shape[1] != d:
            raise ValueError(f"n_or_positions must be a number or have shape (n, {d}), got {tuple(given.shape)}")
        like = given
        seeds = target.normalized(concrete(given))
    else:
        seeds = law.draw(checks.count("n_or_positions", n_or_positions), rng)

    n = len(seeds)
    free = isinstance(masses, str) and masses == "free"
    goal = np.full(n, 1.0 / n) if isinstance(masses, str) else _given(masses, n)
    spacing = float((law.spread().prod() / n) ** (1.0 / d))

    def as_diracs(points: np.ndarray, held: np.ndarray | None) -> SumOfDiracs:
        y = to_framework(target.original(points), framework(like), like)
        return SumOfDiracs(y, None if held is None else to_framework(held, framework(like), like))

    kept = None if isinstance(masses, str) else goal
    weights: np.ndarray | None = None
    accuracy = _LOOSEST
    with reporting(progress):
        for iteration in range(1, steps + 1):
            seeds = _apart(seeds, spacing, rng, d)
            problem = Problem(np.ascontiguousarray(seeds), goal, law)
            if not free:
                solution: Solution = solve(problem, accuracy, weights)
                weights, moments = solution.weights, solution.moments
            else:
                moments = problem.moments(np.zeros(n))
            empty = moments.mass <= 0
            shift = moments.first / np.where(empty, 1.0, moments.mass)[:, None]
            moved = seeds + share * shift
            if empty.any():
                moved[empty] = law.draw(int(empty.sum()), rng)
            seeds = moved
            report("iterations of Lloyd's method", iteration, steps)
            if callback is not None:
                callback(
                    iteration,
                    as_diracs(seeds, moments.mass if free else kept),
                    float(moments.second.sum()) * target.size**2,
                )
            farthest = float(np.linalg.norm(shift, axis=1).max()) / spacing
            if tolerance > 0.0 and not empty.any() and farthest <= tolerance:
                break
            if weights is not None:
                followed = moved_weights(weights, shift, share * shift, spacing)
                weights = weights if followed is None else followed
            accuracy = min(_LOOSEST, max(_TIGHTEST, _SHARE * farthest))
    if free:
        # Of the positions as they are rounded: far from the origin cells may move visibly.
        out = target.normalized(concrete(as_diracs(seeds, None).positions))
        kept = Problem(np.ascontiguousarray(out), goal, law).moments(np.zeros(n)).mass
        weights = None
    diracs = as_diracs(seeds, kept)
    if not return_plan:
        return diracs
    begin = np.zeros(n) if weights is None else weights * target.size**2
    return diracs, optimal_transport_plan(diracs, density, start=begin)


def _given(masses: Any, n: int) -> np.ndarray:
    """Masses (n,) of sum 1."""
    given = concrete(checks.floating("masses", masses, framework(masses)))
    if given.shape != (n,):
        raise ValueError(f"masses must have shape ({n},), one per Dirac, got {given.shape}")
    if not given.min() > 0:
        raise ValueError(f"masses must be positive, smallest is {given.min():g}")
    return np.asarray(given / given.sum())


def _apart(seeds: np.ndarray, spacing: float, rng: np.random.Generator, d: int) -> np.ndarray:
    """Seeds on one spot, moved apart a little: they would share a cell for ever."""
    unique, first = np.unique(seeds, axis=0, return_index=True)
    if len(unique) == len(seeds):
        return seeds
    again = np.setdiff1d(np.arange(len(seeds)), first)
    out = seeds.copy()
    out[again, :d] += 0.1 * spacing * rng.standard_normal((len(again), d))
    return out
