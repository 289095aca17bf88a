"""Merging cells into few points, with exact accounting.

Send cell j of a law, of mass m_j, barycenter c_j and spread v_j, to the point y_{a(j)}. As E[X − c_j | cell j] = 0,

    E |X − y_a|² = Σ v_j + Σ m_j |c_j − y_{a(j)}|²,

an equality: W₂² to the points with the masses of their groups is at most that, and is that where the cells are points
and each goes to the nearest. Merging what has been merged adds once more.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from diracs import _core
from diracs.backend import doubled
from diracs.cells.partition import Partition
from diracs.certificates.masses import settled
from diracs.certificates.rounding import with_moved_masses
from diracs.certificates.upper.nearest import FARTHEST
from diracs.merging.kmeans import BREATHS, STEPS, kmeans
from diracs.merging.refinement import Gathered

_EPS = 2.0**-52
# Relative, on mean squares: sums of positive terms, pairwise.
_SLACK = 1e-13
# Squares of what lies no further than that do not overflow.
FAR_AWAY = 1e150


class Merged(NamedTuple):
    """Cells in groups around points."""

    points: np.ndarray  # (n, d)
    masses: doubled.Pair  # (n,) twice: to twice the digits
    labels: np.ndarray  # (N,)
    square: float  # mean square error: Σ v_j + Σ m_j |c_j − y|², the masses taken as they are
    moved: float  # mean square of the sizes of what goes from where to where: for rounding of the coordinates

    def cells(self, cells: Partition) -> Partition:
        """The groups as cells: to be merged again."""
        mass, first = self.masses[0], np.empty_like(self.points)
        n = len(mass)
        for k, (x, y) in enumerate(zip(cells.barycenter.T, self.points.T)):
            first[:, k] = np.bincount(self.labels, cells.mass * (x - y[self.labels]), minlength=n)
        barycenter = self.points + first / np.where(mass > 0, mass, 1.0)[:, None]
        off = ((cells.barycenter - barycenter[self.labels]) ** 2).sum(axis=1)
        return Partition(mass, barycenter, np.bincount(self.labels, cells.spread + cells.mass * off, minlength=n))


def merge(
    cells: Partition,
    n: int,
    *,
    seed: int = 0,
    start: np.ndarray | None = None,
    breaths: int = BREATHS,
    steps: int = STEPS,
    threads: int = 0,
) -> Merged:
    """Merge cells into at most n points, near the least mean square error.

    Parameters
    ----------
    cells : Partition
        Of size about one, masses positive, of sum about one.
    n : int
    seed : int
        Of the draws; the result does not depend on the number of threads.
    start : array (m, d), m ≤ n, optional
        Points to start from.
    breaths, steps : int
        Attempts to get to a better optimum, and Lloyd's steps at the end, at most.
    threads : int
        0: as many as the machine has.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.cells.partition import Partition
    >>> from diracs.merging.merge import merge
    >>> cells = Partition(np.full(4, 0.25), np.array([[0.0], [0.1], [1.0], [1.1]]), np.zeros(4))
    >>> found = merge(cells, 2)
    >>> np.sort(found.points[:, 0]).round(3).tolist(), round(found.square, 4)
    ([0.05, 1.05], 0.0025)
    """
    y = kmeans(cells, n, seed=seed, start=start, breaths=breaths, steps=steps, threads=threads)
    return assign(cells, barycenters(cells, y, threads), threads)


class Groups(NamedTuple):
    """Barycenters of groups of cells, none of them empty."""

    barycenter: np.ndarray  # (m, d)
    first: np.ndarray  # (m,) the first cell of each
    single: np.ndarray  # (m,) whether all cells of it lie on one spot, that of the first


def groups(cells: Partition, centres: np.ndarray, threads: int = 0) -> Groups:
    """The groups of cells around centres (n, d); of cells on one spot the barycenter is that spot itself."""
    labels, _ = _nearest(cells, centres, threads)
    labels = np.unique(labels, return_inverse=True)[1].ravel()
    m = int(labels.max()) + 1
    mass = np.bincount(labels, cells.mass, minlength=m)
    first = np.full(m, -1)
    first[labels[::-1]] = np.arange(len(labels))[::-1]
    spot = cells.barycenter[first]
    y, single = spot.copy(), np.ones(m, dtype=bool)
    for k, x in enumerate(cells.barycenter.T):
        off = x - spot[labels, k]
        y[:, k] += np.bincount(labels, cells.mass * off, minlength=m) / mass
        single[labels[off != 0]] = False
    return Groups(np.ascontiguousarray(y), first, single)


def barycenters(cells: Partition, centres: np.ndarray, threads: int = 0) -> np.ndarray:
    """The barycenters (m, d) of the groups of cells around centres (n, d), those of empty groups left out."""
    return groups(cells, centres, threads).barycenter


def assign(cells: Partition, points: np.ndarray, threads: int = 0) -> Merged:
    """Each cell goes to the nearest of points (n, d); those that no cell goes to have no mass."""
    labels, square = _nearest(cells, points, threads)
    total = float(cells.spread.sum() + (cells.mass * square).sum())
    size = np.sqrt((cells.barycenter**2).sum(axis=1)) + np.sqrt((points**2).sum(axis=1))[labels]
    moved = float((cells.mass * size**2)[(square > 0) | (cells.spread > 0)].sum())
    return Merged(points, group_masses(labels, cells.mass, len(points)), labels, total, moved)


def _nearest(cells: Partition, points: np.ndarray, threads: int) -> tuple[np.ndarray, np.ndarray]:
    mass, barycenter, spread = (np.ascontiguousarray(x, dtype=np.float64) for x in cells)
    held = _core.WeightedPoints(barycenter, mass, spread, threads=threads)
    label, square = held.nearest(np.ascontiguousarray(points, dtype=np.float64), threads=threads)
    return label, square


def close_points(y: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d), those at hand no further than can be looked at, and the places of those that may have mass.

    Points that are further from all of a law within `reach` of the origin than some other have none.

    Raises
    ------
    ValueError
        If all points lie further from the law than 10¹² of its sizes.
    """
    y = np.clip(y, -FAR_AWAY, FAR_AWAY)
    distance = np.hypot.reduce(np.abs(y), axis=1)
    nearest = float(distance.min())
    if not nearest < FARTHEST:
        raise ValueError(f"points must not all lie further from the distribution than {FARTHEST:g} of its sizes")
    return y, np.flatnonzero(distance <= (nearest + 2.0 * reach) * (1.0 + 1e-9))


def group_masses(labels: np.ndarray, masses: np.ndarray, n: int) -> doubled.Pair:
    """Sums (n,) of masses in groups, to twice the digits.

    Multiples of 2⁻⁵² of the whole add up exactly; what is left of each mass is below half of that.
    """
    scale = math.ldexp(1.0, 52 - math.frexp(float(masses.sum()))[1] - 1)
    coarse = np.rint(masses * scale) / scale
    high = np.bincount(labels, coarse, minlength=n)
    low = np.bincount(labels, masses - coarse, minlength=n)
    return doubled.normalized(high, low)


def certified(
    found: Merged | Gathered, doubt: float | np.ndarray, blur: float, wrong: float | None = None
) -> tuple[np.ndarray, float]:
    """Masses (n,) in doubles of sum one, and a bound on W₂ with these.

    Parameters
    ----------
    found : Merged or Gathered
    doubt : float or array (n,)
        Relative error of the cells' masses, or of those of each point.
    blur : float
        Coordinates of barycenters and points are right to this share of themselves.
    wrong : float, optional
        What the mean square error may be off by, if that is not due to a `doubt` that is the same for all.
    """
    held = np.flatnonzero(found.masses[0] > 0)
    pair = found.masses[0][held], found.masses[1][held]
    total = float(found.masses[0].sum())
    masses = np.zeros(len(found.points))
    doubts = np.broadcast_to(doubt, masses.shape)[held]
    some, change, fraction = settled(found.points[held], pair, doubts * pair[0])
    masses[held] = some
    off = 4.0 * float(np.max(doubt)) * found.square if wrong is None else wrong
    square = np.asarray((found.square * (1.0 + _SLACK) + off) / total)
    root = math.sqrt(float(with_moved_masses(square, np.asarray(change), fraction)))
    return masses, root + blur * math.sqrt(found.moved / total)
