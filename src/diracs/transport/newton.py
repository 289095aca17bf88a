"""Damped Newton's method on the semi-discrete dual (Kitagawa, Mérigot & Thibert 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.transport.density import PlanarDensity
from diracs.transport.linear import solve_by_parts
from diracs.transport.problem import Moments, Problem

# A cell may lose at most this factor of its mass, or of its target, in a step.
_LEAST = 0.1
_SHORTEST = 1e-4
# Errors of masses that sum to one.
_ROUNDING = 4e-15
# Steps cut below this are short.
_SHORT = 0.25


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
    density: PlanarDensity,
    weights: np.ndarray,
    tolerance: float,
    most: int,
    moments: Moments | None = None,
    patience: int | None = None,
) -> Solution:
    """Newton's method for one density, from weights with no empty cell, whose moments may be known.

    It ends where the masses are right (`are_right`), after `most` steps, or after more than `patience` short ones in a
    row.
    """
    target = problem.target
    moments = problem.moments(weights, density) if moments is None else moments
    short = 0
    for step in range(most + 1):
        mass = moments.mass
        if are_right(mass, target, tolerance):
            return Solution(weights, moments, step, True, "converged")
        if not mass.min() > 0.0:
            return Solution(weights, moments, step, False, "a cell is empty")
        error = np.abs(mass - target).max()
        if step == most:
            break
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
    problem: Problem, density: PlanarDensity, weights: np.ndarray, moments: Moments
) -> tuple[float, np.ndarray, Moments] | None:
    """One damped step: its length, and where it ends.

    The logarithmic residual m·log(ν/m), with which small cells grow by factors, comes first. If that step is cut, ν − m
    is tried; then the one for cells that grow and the other for those that shrink: small cells vanish at a finite
    weight, like a power of what is left.
    """
    target, mass = problem.target, moments.mass
    ratio = np.log(target / mass)
    logarithmic = mass * ratio
    cautious = np.where(target > mass, logarithmic, target - mass)
    best: tuple[float, np.ndarray, Moments] | None = None
    for residual in (logarithmic, target - mass, cautious):
        # Of sum zero: what grows is taken from all in proportion.
        rhs = residual - mass * (residual.sum() / mass.sum())
        accuracy = min(1e-5, 0.1 * float(np.abs(ratio).max()))
        direction = solve_by_parts(problem.seeds, moments.i, moments.j, moments.coupling, rhs, max(accuracy, 1e-12))
        length, found = _search(problem, density, weights, moments, direction, _SHORTEST if best is None else best[0])
        if found is not None and (best is None or length > best[0]):
            best = length, weights + length * direction, found
        if best is not None and best[0] >= _SHORT:
            break
    return best


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


def are_right(mass: np.ndarray, target: np.ndarray, tolerance: float) -> bool:
    """Whether max |m − ν| ≤ tolerance·min ν; if rounding of masses of order one forbids that, |m − ν| ≤ tolerance·ν."""
    gap = np.abs(mass - target)
    return bool((gap <= tolerance * target).all() and gap.max() <= max(tolerance * target.min(), _ROUNDING))


def relative_error(mass: np.ndarray, target: np.ndarray) -> float:
    """The largest of |m − ν|/ν."""
    return float((np.abs(mass - target) / target).max())


def _residual(mass: np.ndarray, target: np.ndarray) -> float:
    return float(np.sqrt(((mass - target) ** 2 / target).sum()))
