"""Empty power cells brought back to life: each gets the weight with which it holds about its target mass.

The cell of a seed y appears where |x − y|² − φᶜ(x) is least, φᶜ the minimum of the others' powers |x − yₖ|² − wₖ. That
is a largest of affine functions of x, hence convex, and a walk from cell to cell finds the corner where it is least.
Above this weight w* the mass grows like a power of w − w*, at a corner inside the domain like the square.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from diracs import _core
from diracs.transport.density import PlanarDensity
from diracs.transport.problem import Moments, Problem

# Cells with less than this share of their target mass are as good as empty.
_EMPTY = 1e-9
# Cells with less than this share, and newborn ones with more than its inverse, are corrected one by one.
_POOR = 0.2
# Where none is newborn, from this share on.
_LOST = 0.01
# As many empty cells as this, by number, do not matter to the others.
_FEW = 0.1
# By at most this factor of w − w* at a time.
_FACTOR = 8.0
_ROUNDS = 3
# A corner is lower if by more than this.
_ROUNDING = 1e-13


def empty(moments: Moments, target: np.ndarray) -> np.ndarray:
    """(n,) which cells are as good as empty."""
    return np.asarray(moments.mass <= _EMPTY * target)


def few_empty(moments: Moments, target: np.ndarray) -> bool:
    """Whether that is so of a tenth of the cells at most."""
    return bool(empty(moments, target).mean() <= _FEW)


def revived(
    problem: Problem, density: PlanarDensity, weights: np.ndarray, moments: Moments
) -> tuple[np.ndarray, Moments]:
    """Weights (n,) with which fewer cells are empty, and their moments.

    Seeds that appear in the same corner may hide each other: what is empty in the end can be revived again.
    """
    target = problem.target
    height = np.zeros(len(target))  # w − w* of newborn cells
    for _ in range(_ROUNDS):
        mass, dead = moments.mass, empty(moments, target)
        poor = ~dead & ((mass < _POOR * target) | ((height > 0.0) & (_POOR * mass > target)))
        if not (dead.any() or (mass < _LOST * target).any() or height.any() and poor.any()):
            break
        weights = weights.copy()
        # For m ~ (w − w*)ᵖ the derivative is p·m/(w − w*): of p and w − w* one gives the other.
        slope = _diagonal(moments)[poor]
        above = np.where(height[poor] > 0.0, height[poor], 2.0 * mass[poor] / slope)
        power = np.clip(slope * above / mass[poor], 1.0, 2.0)
        factor = np.clip((target[poor] / mass[poor]) ** (1.0 / power), 1.0 / _FACTOR, _FACTOR)
        weights[poor] += above * (factor - 1.0)
        height[poor] = above * factor
        if dead.any():
            thresholds, host, area = _thresholds(problem, density, weights, np.flatnonzero(dead))
            gap = np.linalg.norm(problem.seeds[host] - problem.seeds[dead], axis=1)
            share = target[dead] / np.maximum(target, mass)[host]
            height[dead] = gap * np.sqrt(area * np.minimum(share, 1.0))
            weights[dead] = thresholds + height[dead]
        moments = problem.moments(weights, density)
    return weights, moments


def _diagonal(moments: Moments) -> np.ndarray:
    """(n,) derivatives of the masses in the cells' own weights."""
    n = len(moments.mass)
    return np.bincount(moments.i, moments.coupling, n) + np.bincount(moments.j, moments.coupling, n)


def _thresholds(
    problem: Problem, density: PlanarDensity, weights: np.ndarray, dead: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (m,) with which the cells of the seeds `dead` (m,) appear, in whose cells (m,), and these cells' areas."""
    seeds = problem.seeds
    (x0, y0), (x1, y1) = density.box
    box = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    # These may have corners still; they are to be measured against the others.
    others = weights.copy()
    others[dead] = weights.min() - 1.0 - _reach(seeds, box)
    indptr, corners, labels = _core.cells(seeds, others, box)
    sizes = np.diff(indptr)

    def lowest(rows: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least |x − y|² − φᶜ(x) over the corners of one cell for each row, and which corner that is."""
        count = sizes[cells]
        begin = np.cumsum(count) - count
        corner = np.arange(count.sum()) + np.repeat(indptr[cells] - begin, count)
        own = np.repeat(np.arange(len(rows)), count)
        y, z = seeds[dead[rows]][own], seeds[cells][own]
        value = ((z - y) * (2.0 * corners[corner] - y - z)).sum(axis=1) + others[cells][own]
        low = np.minimum.reduceat(value, begin)
        at = np.flatnonzero(value == low[own])
        at = at[np.diff(own[at], prepend=-1) > 0]
        return low, corner[at] - indptr[cells]

    alive = np.flatnonzero(sizes)
    cell = alive[cKDTree(seeds[alive]).query(seeds[dead])[1]]
    rows = np.arange(len(dead))
    value, corner = lowest(rows, cell)
    while rows.size:
        here, at = cell[rows], corner[rows]
        found = value[rows].copy()
        for step in (0, -1):
            # Across the two edges that meet in the corner.
            there = labels[indptr[here] + (at + step) % sizes[here]]
            inside = np.flatnonzero(there >= 0)
            inside = inside[sizes[there[inside]] > 0]
            if not inside.size:
                continue
            low, place = lowest(rows[inside], there[inside])
            better = low < found[inside] - _ROUNDING * (1.0 + np.abs(found[inside]))
            chosen, moved = rows[inside[better]], inside[better]
            value[chosen], cell[chosen], corner[chosen] = low[better], there[moved], place[better]
            found[moved] = low[better]
        rows = rows[cell[rows] != here]
    return value, cell, _areas(indptr, corners)[cell]


def _reach(seeds: np.ndarray, box: np.ndarray) -> float:
    """A bound on differences of squared distances between the seeds and points of the box."""
    low, high = np.minimum(seeds.min(axis=0), box.min(axis=0)), np.maximum(seeds.max(axis=0), box.max(axis=0))
    return float(((high - low) ** 2).sum())


def _areas(indptr: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(n,) of polygons; zero without corners."""
    filled = np.flatnonzero(np.diff(indptr))
    begin, last = indptr[filled], indptr[filled + 1] - 1
    shifted = corners - np.repeat(corners[begin], np.diff(indptr)[filled], axis=0)
    following = np.roll(shifted, -1, axis=0)
    following[last] = shifted[begin]
    twice = shifted[:, 0] * following[:, 1] - shifted[:, 1] * following[:, 0]
    areas = np.zeros(len(indptr) - 1)
    areas[filled] = 0.5 * np.add.reduceat(twice, begin)
    return areas
