"""Solving a problem: where to start Newton's method, and continuation in width where no start is good enough.

Densities that vanish between separate supports, or with parts of very different sizes, are blurred first. While the
width is large beside a part of the density, that part's potential shrinks in proportion to the width: along the tangent
of the path the next width may be many times narrower.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from diracs.transport.collinear import collinear_weights
from diracs.transport.density import UnitDensity
from diracs.transport.linear import parts, solve_by_parts
from diracs.transport.newton import Solution, newton, relative_error
from diracs.transport.problem import Moments, Problem
from diracs.transport.revival import EMPTY, empty
from diracs.transport.start import sinkhorn_weights

# Cells of random seeds under the uniform law have m/ν with logarithms of mean square 0.58².
_FAIR = 0.62
# No cell may hold less than this share of its target mass where a path goes on.
_ADMISSIBLE = 0.02
# The widest, in units of the density's size, are as good as one Gaussian or uniform.
_WIDTHS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0)
# From one width to the next; the density itself if possible.
_FACTORS = (0.0, 1 / 64, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.7, 0.85, 0.95, 0.975, 0.99)
# Widths below this share of the finest detail are next to none.
_LEAST_WIDTH = 0.03
# After more short steps in a row another width is tried.
_PATIENCE = 2
# Weights that leave a larger share of the cells empty are no start.
_EMPTY = 0.5
# How well blurred densities are solved: once no mass passes between two parts their balance stays as it is.
_LOOSE = 1e-4
# Where masses are as good as this and steps fail, rounding is the reason, not the start.
_ROUNDING = 1e-5
# So it is where they are as good as sums to one can be, however small the rest are.
_SUMS = 4e-15


def solve(problem: Problem, tolerance: float, start: np.ndarray | None, most: int = 500) -> Solution:
    """Weights for which every cell has its target mass, max |m − ν| ≤ tolerance·min ν.

    Parameters
    ----------
    problem : Problem
    tolerance : float
    start : array (n,), optional
        Weights to start from; others are found where these leave most cells empty or lead nowhere.
    most : int
        Newton steps in all.

    Returns
    -------
    Solution
        That with the smallest error if none is within the tolerance.
    """
    path = _Path(problem, tolerance, most)
    voronoi, moments = np.zeros(len(problem.target)), None
    if start is not None:
        known = problem.moments(start)
        lost = empty(known, problem.target).mean()
        if lost > 0.0:
            moments = problem.moments(voronoi, known=known)
        # To revive cells takes longer than to start again, where that is easy.
        again = moments is not None and _spread(moments, problem) < _FAIR
        if lost <= _EMPTY and not again and path.solved(start, known, 2 * _PATIENCE):
            return path.best()
    strips = collinear_weights(problem)
    if strips is not None and path.solved(strips, patience=_PATIENCE):
        return path.best()
    # Where seeds are spread like the density, as with random seeds and the uniform law, Voronoi's cells will do.
    moments = problem.moments(voronoi) if moments is None else moments
    if _spread(moments, problem) < _FAIR and path.solved(voronoi, moments, _PATIENCE):
        return path.best()
    weights, moments = _start(problem, problem.density, moments)
    if path.solved(weights, moments, 2 * _PATIENCE):
        return path.best()
    path.narrow()
    return path.best()


def _start(problem: Problem, density: UnitDensity, known: Moments | None = None) -> tuple[np.ndarray, Moments]:
    """Entropic weights, or Voronoi's, whose moments may be known, where these are nearer to the target masses."""
    entropic, voronoi = sinkhorn_weights(problem.seeds, problem.target, density), np.zeros(len(problem.target))
    held = problem.moments(entropic, density, known)
    known = problem.moments(voronoi, density, held) if known is None else known
    return (entropic, held) if _spread(held, problem) <= _spread(known, problem) else (voronoi, known)


def _spread(moments: Moments, problem: Problem) -> float:
    """Root of the mean square of log m/ν, with empty cells for very small ones.

    Not its deviation from the mean: that is small where one cell holds all.
    """
    logs = np.log(np.maximum(moments.mass, EMPTY * problem.target)) - np.log(problem.target)
    return float(np.sqrt(np.mean(logs**2)))


class _Path:
    """Attempts at one problem, the Newton steps that are left, and the best solution so far."""

    def __init__(self, problem: Problem, tolerance: float, most: int) -> None:
        self._problem, self._tolerance, self._most, self._left = problem, tolerance, most, most
        self._best: Solution | None = None
        self._error = np.inf

    def best(self) -> Solution:
        """With the steps of all attempts."""
        assert self._best is not None  # solve() has tried at least one start
        best = replace(self._best, iterations=self._most - self._left)
        if best.converged or not self._rounded(best):
            return best
        return replace(best, message=f"rounding leaves errors of {self._error:.2g} of the masses")

    def solved(self, weights: np.ndarray, moments: Moments | None = None, patience: int | None = None) -> bool:
        """Newton's method for the density itself, from these weights: whether this is the end."""
        found = self._newton(self._problem.density, weights, self._tolerance, moments, patience)
        error = relative_error(found.moments.mass, self._problem.target)
        if error < self._error or self._best is None:
            self._best, self._error = found, error
        return found.converged or self._rounded(found) or self._left <= 0

    def _rounded(self, found: Solution) -> bool:
        """Whether rounding is all that is left."""
        mass, target = found.moments.mass, self._problem.target
        return relative_error(mass, target) < _ROUNDING or float(np.abs(mass - target).max()) < _SUMS

    def _newton(
        self,
        density: UnitDensity,
        weights: np.ndarray,
        tolerance: float,
        moments: Moments | None,
        patience: int | None = _PATIENCE,
    ) -> Solution:
        found = newton(self._problem, density, weights, tolerance, self._left, moments, patience)
        self._left -= found.iterations
        return found

    def narrow(self) -> None:
        """Continuation in width down to zero, from the narrowest blurred density from which that succeeds."""
        problem = self._problem
        least = _LEAST_WIDTH * problem.density.finest
        for first in _WIDTHS:
            if first < least:
                continue
            width: float | None = first
            blurred = problem.density.blurred(first)
            weights, moments = _start(problem, blurred)
            found = self._newton(blurred, weights, _LOOSE, moments)
            if not found.converged:
                width = None
            while width is not None and self._left > 0:
                width, found = self._narrower(width, found, least)
                if width == 0.0:
                    return
            if self._left <= 0:
                return

    def _narrower(self, width: float, found: Solution, least: float) -> tuple[float | None, Solution]:
        """The narrowest width that can be solved from the tangent at this one; zero if that was the end, or none."""
        problem = self._problem
        slope = self._tangent(width, found)
        for factor in _FACTORS:
            if 0.0 < factor * width < least:
                continue
            density = problem.density.blurred(factor * width) if factor else problem.density
            weights = found.weights + (factor - 1.0) * width * slope
            moments = problem.moments(weights, density, found.moments)
            if not (moments.mass >= _ADMISSIBLE * problem.target).all():
                continue
            if not factor:
                if self.solved(weights, moments, _PATIENCE):
                    return 0.0, found
                continue
            solution = self._newton(density, weights, _LOOSE, moments)
            if solution.converged:
                return factor * width, solution
        return None, found

    def _tangent(self, width: float, found: Solution) -> np.ndarray:
        """dw/dσ for constant masses: H dw = −∂m/∂σ, the latter by a difference."""
        problem, moments = self._problem, found.moments
        step = 1e-3 * width
        narrower = problem.moments(found.weights, problem.density.blurred(width - step), moments)
        change = narrower.mass - moments.mass
        rhs = change - moments.mass * change.sum() / moments.mass.sum()
        edges = moments.i, moments.j, moments.coupling
        return solve_by_parts(problem.seeds, *edges, rhs, 1e-8, parts(len(rhs), *edges)) / step
