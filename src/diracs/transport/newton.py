"""Damped Newton's method on the semi-discrete dual (Kitagawa, Mérigot & Thibert 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.transport.density import PlanarDensity
from diracs.transport.linear import solve_laplacian
from diracs.transport.problem import Moments, Problem
from diracs.transport.start import sinkhorn_weights

# A cell may lose at most this factor of its mass, or of its target, in a step.
_LEAST = 0.1
_SHORTEST = 1e-4
# With no cell below this share of its target mass, a density narrow enough for Newton has been found.
_ADMISSIBLE = 1e-2
# A density blurred so much, in units of its size, is as good as uniform.
_WIDEST = 2.0
# Cells of random seeds under the uniform law have logarithms of their masses that deviate by 0.55.
_FAIR = 0.6


@dataclass(frozen=True)
class Solution:
    """Weights and what the cells hold with them."""

    weights: np.ndarray  # (n,)
    moments: Moments
    iterations: int
    converged: bool
    message: str


def solve(problem: Problem, tolerance: float, start: np.ndarray | None, most: int = 200) -> Solution:
    """Weights for which every cell has its target mass, max |m − ν| ≤ tolerance·min ν.

    Parameters
    ----------
    problem : Problem
    tolerance : float
    start : array (n,), optional
        Weights to start from; those of a coarse entropic transport otherwise, or where cells are empty.
    most : int
        Newton steps in all.
    """
    steps = 0
    if start is not None:
        found = newton(problem, problem.density, start, tolerance, most)
        if found.converged:
            return found
        steps = found.iterations
    # Where seeds are spread like the density, as with random seeds and the uniform law, Voronoi's cells are a good
    # start.
    weights = np.zeros(len(problem.target))
    moments = problem.moments(weights)
    if not _spread(moments.mass, problem.target) < _FAIR:
        entropic = sinkhorn_weights(problem.seeds, problem.target, problem.density)
        held = problem.moments(entropic)
        # Entropy can starve small masses; Voronoi's cells are kept if only they are all alive.
        if held.mass.min() > 0.0 or not moments.mass.min() > 0.0:
            weights, moments = entropic, held
    found = newton(problem, problem.density, weights, tolerance, most - steps, moments)
    steps += found.iterations
    if not found.converged and steps < most:
        found = _narrowing(problem, weights, tolerance, steps, most)
        steps = found.iterations
    return Solution(found.weights, found.moments, steps, found.converged, found.message)


def _spread(mass: np.ndarray, target: np.ndarray) -> float:
    """Standard deviation of the logarithms of m/ν, infinite with empty cells."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = float(np.std(np.log(mass / target)))
    return spread if np.isfinite(spread) else np.inf


def newton(
    problem: Problem,
    density: PlanarDensity,
    weights: np.ndarray,
    tolerance: float,
    most: int,
    moments: Moments | None = None,
) -> Solution:
    """Newton's method for one density, from weights with no empty cell, whose moments may be known."""
    target = problem.target
    moments = problem.moments(weights, density) if moments is None else moments
    for step in range(most + 1):
        mass = moments.mass
        error = np.abs(mass - target).max()
        if error <= tolerance * target.min():
            return Solution(weights, moments, step, True, "converged")
        if not mass.min() > 0.0:
            return Solution(weights, moments, step, False, "a cell is empty")
        if step == most:
            break
        advanced = _advance(problem, density, weights, moments)
        if advanced is None:
            # Rounding is the end of what can be reached.
            return Solution(weights, moments, step, False, f"steps became too short, max |m − ν| = {error:.3g}")
        weights, moments = advanced
    return Solution(weights, moments, most, False, f"no convergence in {most} steps, max |m − ν| = {error:.3g}")


def _advance(
    problem: Problem, density: PlanarDensity, weights: np.ndarray, moments: Moments
) -> tuple[np.ndarray, Moments] | None:
    """One damped step: the logarithmic residual m·(log(ν/m) + c) first, ν − m if that is cut below a quarter."""
    target, mass = problem.target, moments.mass
    ratio = np.log(target / mass)
    logarithmic = mass * (ratio - (mass @ ratio) / mass.sum())
    best: tuple[float, np.ndarray, Moments] | None = None
    for rhs in (logarithmic, (target - mass) - (target - mass).mean()):
        accuracy = min(1e-5, 0.1 * float(np.abs(ratio).max()))
        direction = solve_laplacian(problem.seeds, moments.i, moments.j, moments.coupling, rhs, max(accuracy, 1e-12))
        length, found = _search(problem, density, weights, moments, direction, _SHORTEST if best is None else best[0])
        if found is not None and (best is None or length > best[0]):
            best = length, weights + length * direction, found
        if best is not None and best[0] >= 0.25:
            break
    return None if best is None else (best[1], best[2])


def _search(
    problem: Problem,
    density: PlanarDensity,
    weights: np.ndarray,
    moments: Moments,
    direction: np.ndarray,
    shortest: float,
) -> tuple[float, Moments | None]:
    """The longest of the steps 1, ½, ¼, … that keeps cells alive and lowers the residual enough."""
    target = problem.target
    least = _LEAST * np.minimum(moments.mass, target)
    residual = _residual(moments.mass, target)
    length = 1.0
    while length > shortest:
        trial = problem.moments(weights + length * direction, density)
        if (trial.mass >= least).all() and _residual(trial.mass, target) <= (1.0 - 0.25 * length) * residual:
            return length, trial
        length *= 0.5
    return length, None


def _residual(mass: np.ndarray, target: np.ndarray) -> float:
    return float(np.sqrt(((mass - target) ** 2 / target).sum()))


def _narrowing(problem: Problem, weights: np.ndarray, tolerance: float, steps: int, most: int) -> Solution:
    """Continuation in width, for densities that vanish between separate supports.

    Each density is a blurred one, solved from the last weights; the next is the sharp one as soon as its cells hold
    enough, else the narrowest that they hold enough of.
    """
    sharp = problem.density
    finest = sharp.finest
    width = _narrowest(problem, weights, 0.25 * finest)
    if width > _WIDEST:
        # Nearly uniform densities suit Voronoi's cells.
        weights = np.zeros_like(weights)
        width = _narrowest(problem, weights, 0.25 * finest)
    while True:
        found = newton(problem, sharp.blurred(width), weights, 1e-2, most - steps)
        steps += found.iterations
        weights = found.weights
        if steps >= most:
            return Solution(weights, problem.moments(weights), steps, False, f"no convergence in {most} steps")
        if not found.converged:
            return Solution(weights, problem.moments(weights), steps, False, f"blurred density: {found.message}")
        if _admissible(problem, sharp, weights):
            break
        narrower = [width / factor for factor in (8.0, 4.0, 2.0, np.sqrt(2.0), 1.2, 1.1)]
        possible = [w for w in narrower if _admissible(problem, sharp.blurred(w), weights)]
        if not possible or width < 1e-3 * finest:
            break
        width = possible[0]
    found = newton(problem, sharp, weights, tolerance, most - steps)
    return Solution(found.weights, found.moments, steps + found.iterations, found.converged, found.message)


def _narrowest(problem: Problem, weights: np.ndarray, width: float) -> float:
    """The narrowest of the widths w, √2 w, 2w, … up to the size of the density that is admissible."""
    while width <= _WIDEST and not _admissible(problem, problem.density.blurred(width), weights):
        width *= np.sqrt(2.0)
    return width


def _admissible(problem: Problem, density: PlanarDensity, weights: np.ndarray) -> bool:
    return bool((problem.moments(weights, density).mass >= _ADMISSIBLE * problem.target).all())
