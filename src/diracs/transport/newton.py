"""Damped Newton's method on the semi-discrete dual (Kitagawa, Mérigot & Thibert 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.backend.progress import report
from diracs.transport.density import UnitDensity
from diracs.transport.linear import parts, solve_by_parts
from diracs.transport.problem import Moments, Problem
from diracs.transport.revival import empty, few_empty, revived

_SHORTEST = 1e-2
# Errors of masses that sum to one.
_ROUNDING = 4e-15
# Steps cut below this are short.
_SHORT = 0.25
# Relative residuals of linear systems with many unknowns: at most this; and no smaller than this share of the factor by
# which errors of masses are still to shrink.
_LOOSE, _ENOUGH = 3e-3, 0.03
_MANY = 5000
# With relative errors below this steps of length one converge quadratically.
_CLOSE = 0.1


@dataclass(frozen=True)
class Solution:
    """Weights and what the cells hold with them."""

    weights: np.ndarray  # (n,)
    moments: Moments
    iterations: int
    converged: bool
    message: str


def newton(
    problem: Problem,
    density: UnitDensity,
    weights: np.ndarray,
    tolerance: float,
    most: int,
    moments: Moments | None = None,
    patience: int | None = None,
) -> Solution:
    """Newton's method for one density, from weights with few empty cells, whose moments may be known.

    It ends where the masses are right (`are_right`), after `most` steps, or after more than `patience` short ones in a
    row.
    """
    target = problem.target
    moments = problem.moments(weights, density) if moments is None else moments
    short, loose = 0, len(target) >= _MANY
    for step in range(most + 1):
        report("Newton steps of transport", step)
        mass = moments.mass
        if are_right(mass, target, tolerance):
            return Solution(weights, moments, step, True, "converged")
        if step == 0:
            left = len(target)
            while not few_empty(moments, target) and (count := int(empty(moments, target).sum())) < left:
                left = count
                weights, moments = revived(problem, density, weights, moments)
            mass = moments.mass
            if not few_empty(moments, target):
                return Solution(weights, moments, step, False, "too many cells are empty")
        error = np.abs(mass - target).max()
        if step == most:
            break
        advanced = None
        if loose:
            gain = max(tolerance * target.min(), _ROUNDING) / error
            advanced = _advance(problem, density, weights, moments, gain)
            # Where steps are cut much their directions are to be right, from now on.
            loose = advanced is not None
        if not loose:
            advanced = _advance(problem, density, weights, moments)
        if advanced is None:
            # Rounding is the end of what can be reached.
            return Solution(weights, moments, step, False, f"steps became too short, max |m − ν| = {error:.3g}")
        length, weights, moments = advanced
        short = short + 1 if length < _SHORT else 0
        if patience is not None and short > patience:
            return Solution(weights, moments, step + 1, False, f"steps are short, max |m − ν| = {error:.3g}")
    return Solution(weights, moments, most, False, f"no convergence in {most} steps, max |m − ν| = {error:.3g}")


def _advance(
    problem: Problem, density: UnitDensity, weights: np.ndarray, moments: Moments, gain: float | None = None
) -> tuple[float, np.ndarray, Moments] | None:
    """One damped step: its length, and where it ends.

    The residual d m^{1−1/d} (ν^{1/d} − m^{1/d}) comes first: small cells are like simplices, whose volumes are powers
    of what their weights are above the least that leaves a cell. If that step is cut, cells that grow get m·log(ν/m),
    with which they grow by smaller factors, and those that shrink ν − m, with which none of these vanishes.

    Given the factor `gain` by which errors are to shrink in the end, the step is inexact: the linear system is solved
    as well as keeps convergence of order 3/2 (Dembo, Eisenstat & Steihaug 1982), or as that asks for, and short steps
    are not taken.
    """
    target, mass = problem.target, moments.mass
    alive = ~empty(moments, target)
    d = problem.seeds.shape[1]
    roots = d * mass ** (1.0 - 1.0 / d) * (target ** (1.0 / d) - mass ** (1.0 / d))
    part = parts(len(mass), moments.i, moments.j, moments.coupling)
    missing = np.where(alive, target - mass, 0.0)

    def direction(residual: np.ndarray, accuracy: float) -> np.ndarray:
        # Each part takes from the others what it lacks, and within a part what grows is taken from all in proportion.
        if part is None:
            rhs = residual + mass * ((missing - residual).sum() / mass.sum())
        else:
            rhs = residual + mass * _ratio(np.bincount(part, missing - residual), np.bincount(part, mass))[part]
        rhs -= mass * (rhs.sum() / mass.sum())
        return solve_by_parts(problem.seeds, moments.i, moments.j, moments.coupling, rhs, max(accuracy, 1e-12), part)

    if gain is not None:
        accuracy = min(_LOOSE, max(0.1 * hellinger(mass, target) ** 0.5, _ENOUGH * gain))
        return _search(problem, density, weights, moments, direction(roots, accuracy), 0.5 * _SHORT)
    ratio = np.log(np.where(alive, target, 1.0) / np.where(alive, mass, 1.0))
    accuracy = min(1e-5, 0.1 * float(np.abs(ratio).max()))
    best = _search(problem, density, weights, moments, direction(roots, accuracy), _SHORTEST)
    if best is not None and best[0] >= _SHORT:
        return best
    cautious = np.where(target > mass, mass * ratio, target - mass)
    least = _SHORTEST if best is None else best[0]
    return _search(problem, density, weights, moments, direction(cautious, accuracy), least) or best


def _search(
    problem: Problem,
    density: UnitDensity,
    weights: np.ndarray,
    moments: Moments,
    direction: np.ndarray,
    shortest: float,
) -> tuple[float, np.ndarray, Moments] | None:
    """The longest of the steps 1, ½, ¼, … that empties few cells and, these revived, lowers the residual enough."""
    residual, error = hellinger(moments.mass, problem.target), relative_error(moments.mass, problem.target)
    length = 1.0
    while length > shortest:
        end = weights + length * direction
        trial = problem.moments(end, density, moments)
        if few_empty(trial, problem.target):
            end, trial = revived(problem, density, end, trial)
            lower = hellinger(trial.mass, problem.target) <= (1.0 - 0.25 * length) * residual
            # Of small masses the residual sees no errors that are below the square root of rounding.
            if lower or (length == 1.0 and relative_error(trial.mass, problem.target) <= min(0.5 * error, _CLOSE)):
                return length, end, trial
        length *= 0.5
    return None


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above/below, 0 for nothing at all."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)


def are_right(mass: np.ndarray, target: np.ndarray, tolerance: float) -> bool:
    """Whether max |m − ν| ≤ tolerance·min ν; if rounding of masses of order one forbids that, |m − ν| ≤ tolerance·ν."""
    gap = np.abs(mass - target)
    return bool((gap <= tolerance * target).all() and gap.max() <= max(tolerance * target.min(), _ROUNDING))


def relative_error(mass: np.ndarray, target: np.ndarray) -> float:
    """The largest of |m − ν|/ν."""
    return float((np.abs(mass - target) / target).max())


def hellinger(mass: np.ndarray, target: np.ndarray) -> float:
    """Hellinger's distance: neither empty nor far too large cells count for more than the mass that is wrong there."""
    return float(np.sqrt(((np.sqrt(mass) - np.sqrt(target)) ** 2).sum()))
