"""Empty power cells brought back to life, with a part of their target masses.

The cell of a seed y appears where |x − y|² − φᶜ(x) is least, φᶜ the minimum of the others' powers |x − yₖ|² − wₖ. That
is a largest of affine functions of x, hence convex, and a walk from cell to cell finds the corner where it is least.
Above this weight w* its area grows like the square of w − w*, its volume like the cube, in units of the distance to the
seed whose cell it was.
"""

from __future__ import annotations

import numpy as np
import scipy

from diracs import _core
from diracs.cells.spaces import rectangle
from diracs.transport.density import UnitDensity
from diracs.transport.problem import Moments, Problem
from diracs.transport.revival_space import in_cuboid

# Cells with less than this share of their target mass are as good as empty.
EMPTY = 1e-9
# As many empty cells as this, by number, do not matter to the others.
_FEW = 0.1
# The share of the guessed weight above the least: what is born small hides no others, and grows in Newton's steps.
_SMALL = 0.3
# Of its target mass, or a thousandth of it, what may lie beyond each side of the box in which a cell is to appear.
_BEYOND = 1e-2
_ROUNDS = 3
# A corner is lower if by more than this.
_ROUNDING = 1e-13


def empty(moments: Moments, target: np.ndarray) -> np.ndarray:
    """(n,) which cells are as good as empty."""
    return np.asarray(moments.mass <= EMPTY * target)


def few_empty(moments: Moments, target: np.ndarray) -> bool:
    """Whether that is so of one cell, and of a tenth of the others, at most."""
    return bool(empty(moments, target).sum() <= 1.0 + _FEW * (len(target) - 1.0))


def revived(
    problem: Problem, density: UnitDensity, weights: np.ndarray, moments: Moments
) -> tuple[np.ndarray, Moments]:
    """Weights (n,) with which fewer cells are empty, and their moments.

    Seeds that appear in the same corner may hide each other: what is empty in the end can be revived again.
    """
    target = problem.target
    before = len(target) + 1
    for _ in range(_ROUNDS):
        dead = np.flatnonzero(empty(moments, target))
        # In gaps of the density cells are empty wherever they are.
        if not 0 < len(dead) < before:
            break
        before = len(dead)
        space, d = density.space, problem.seeds.shape[1]
        least, host, size = _thresholds(problem, density, weights, dead)
        steps = problem.seeds[host] - problem.seeds[dead]
        gap = np.linalg.norm(space.shortest(steps, np.diff(density.box, axis=0)[0]), axis=1)
        share = np.minimum(target[dead] / np.maximum(target, moments.mass)[host], 1.0)
        weights = weights.copy()
        weights[dead] = least + _SMALL * gap * (size * share) ** (1.0 / d)
        moments = problem.moments(weights, density, moments)
    return weights, moments


def _thresholds(
    problem: Problem, density: UnitDensity, weights: np.ndarray, dead: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (m,) with which cells of the seeds `dead` (m,) appear, in whose cells (m,), and the sizes of these.

    In a far tail they would hold nothing. But where a box cuts off mass that is theirs they would appear too late, with
    several times what they are to have: the smaller the target mass, the larger the box.
    """
    d = problem.seeds.shape[1]
    # These may have corners still, and are to be measured against the others. With weights far below all others
    # instead they would spoil the bounds by which neighbours are found in space.
    living = np.delete(np.arange(len(weights)), dead)
    seeds, others = np.ascontiguousarray(problem.seeds[living]), np.ascontiguousarray(weights[living])
    thousands, group = np.unique(np.floor(np.log10(problem.target[dead]) / 3.0), return_inverse=True)
    boxes = np.array([density.bulk(_BEYOND * 1000.0**k) for k in thousands])
    boxes, same = np.unique(boxes, axis=0, return_inverse=True)
    group = same.ravel()[group]
    least, host, size = np.empty(len(dead)), np.empty(len(dead), int), np.empty(len(dead))
    for k, box in enumerate(boxes):
        rows = np.flatnonzero(group == k)
        least[rows], host[rows], size[rows] = _IN_BOX[d](seeds, others, problem.seeds[dead[rows]], density, box)
    return least, living[host], size


def _in_rectangle(
    seeds: np.ndarray, others: np.ndarray, dead: np.ndarray, density: UnitDensity, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same in a box (2, 2), of areas, for the seeds `dead` (m, 2) among others (k, 2) with weights (k,)."""
    indptr, corners, labels = _core.cells(seeds, others, rectangle(box))
    sizes = np.diff(indptr)

    def lowest(rows: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least |x − y|² − φᶜ(x) over the corners of one cell for each row, and which corner that is."""
        count = sizes[cells]
        begin = np.cumsum(count) - count
        corner = np.arange(count.sum()) + np.repeat(indptr[cells] - begin, count)
        own = np.repeat(np.arange(len(rows)), count)
        y, z = dead[rows][own], seeds[cells][own]
        value = ((z - y) * (2.0 * corners[corner] - y - z)).sum(axis=1) + others[cells][own]
        low = np.minimum.reduceat(value, begin)
        at = np.flatnonzero(value == low[own])
        at = at[np.diff(own[at], prepend=-1) > 0]
        return low, corner[at] - indptr[cells]

    alive = np.flatnonzero(sizes)
    cell = alive[scipy.spatial.cKDTree(seeds[alive]).query(dead)[1]]
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
            better = low < found[inside] - _ROUNDING * np.maximum(np.abs(low), np.abs(found[inside]))
            chosen, moved = rows[inside[better]], inside[better]
            value[chosen], cell[chosen], corner[chosen] = low[better], there[moved], place[better]
            found[moved] = low[better]
        rows = rows[cell[rows] != here]
    return value, cell, _areas(indptr, corners)[cell]


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


_IN_BOX = {2: _in_rectangle, 3: in_cuboid}
