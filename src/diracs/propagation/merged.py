"""Cells for the law of a state by merging: fine cells, in groups around the best points.

With the barycenters y of the groups for Diracs, E δδᵀ = (that of the fine cells) + Σ m_j (c_j − y)(c_j − y)ᵀ over fine
cells of masses m_j and barycenters c_j: the identity of `diracs.merging.merge`, with matrices.
"""

from __future__ import annotations

import math

import numpy as np

from diracs.cells.partition import Partition
from diracs.certificates.masses import settled
from diracs.certificates.rounding import ROUNDINGS, with_moved_masses
from diracs.merging.kmeans import kmeans
from diracs.merging.merge import assign
from diracs.propagation.bounds import StepError
from diracs.propagation.cells import StateCells
from diracs.propagation.fine import FineCells, fineness
from diracs.propagation.law import Law, without_empty
from diracs.propagation.step import Choice, biases_of
from diracs.propagation.switching import ParallelCells, Switch
from diracs.schemes.points import PointScheme

_EPS = 2.0**-52
# Smaller masses do not count for the points. Sums of matrices are right to this share of them.
_EMPTY, _SLACK = 1e-300, 1e-13
# Axes, and fine cells for each point at least, below which there is nothing to gain; points at most.
_AXES, _FEWEST, MOST_POINTS = 6, 20, 2000
# In sizes of the law: so far are sides of a switch from each other.
_APART = 1e3
# Breaths and Lloyd's steps at the end, for up to so many points and for more.
_FEW, _SEARCH, _HASTE = 200, (3, 40), (0, 20)


def can_merge(law: Law, n: int) -> bool:
    """Whether merging pays and takes seconds at most: on the line grids are as good."""
    d = law.means.shape[1]
    return 1 < d <= _AXES and 1 < n <= MOST_POINTS and fineness(d, n, len(law.means)) >= _FEWEST * n


def merged_cells(law: Law, n: int, *, biased: bool, switch: Switch | None = None) -> Choice:
    """Cells of at most n points for a law, and their error; its bias only if `biased`, else without a bound on it.

    With a switch no cell reaches across its borders.
    """
    law = without_empty(law)
    d = law.means.shape[1]
    count = fineness(d, n, len(law.means))
    fine = FineCells(law, count) if switch is None else ParallelCells(law, count, switch)
    mass = fine.parts.mass
    centre, unit = _unit(fine.parts)
    cells = Partition(mass, (fine.parts.barycenter - centre) / unit, fine.parts.spread)
    held = Partition(*(x[mass > _EMPTY] for x in cells))
    breaths, steps = _SEARCH if n <= _FEW else _HASTE
    if isinstance(fine, ParallelCells):
        # Sides lie far from each other along one more axis.
        far = _APART * fine.sides[:, None]
        cells, held = (
            Partition(x.mass, np.concatenate([x.barycenter, far[keep]], axis=1), x.spread)
            for x, keep in ((cells, slice(None)), (held, mass > _EMPTY))
        )
    found = assign(cells, kmeans(held, n, breaths=breaths, steps=steps))
    used, labels = np.unique(found.labels, return_inverse=True)
    pair, y = (found.masses[0][used], found.masses[1][used]), found.points[used, :d]
    first = np.zeros(y.shape)
    np.add.at(first, labels, mass[:, None] * (cells.barycenter[:, :d] - y[labels]))
    y = y + first / np.where(pair[0] > 0, pair[0], 1.0)[:, None]
    off = (cells.barycenter[:, :d] - y[labels]) * unit
    error = fine.error + (mass[:, None] * off).T @ off
    square = float(np.trace(error))
    # A mass is a product of d shares, summed over the components.
    doubt = (ROUNDINGS + d + 0.5 * len(law.means)) * _EPS
    masses, change, fraction = settled(y, pair, doubt * pair[0])
    wrong = float(with_moved_masses(np.asarray(square), np.asarray(change * unit**2), fraction)) - square
    error = 0.5 * (error + error.T) + (wrong + _SLACK * square) * np.eye(d)
    points = centre + unit * y
    bias = fine.bias(points[labels]) if biased else None
    variances = np.trace(law.covs, axis1=1, axis2=2)[law.kind]
    moved = (ROUNDINGS + d) * _EPS * math.sqrt(float(law.weights @ variances))
    moved += 8.0 * d * _EPS * math.sqrt(float(masses @ (points**2).sum(axis=1)))
    step = StepError(error, biases_of(law, bias), np.zeros((1, 1)), moved)
    if isinstance(fine, ParallelCells) and switch is not None:
        step = step._replace(parted=float(mass[fine.sides != switch.sides(points)[labels]].sum()))
    return Choice(PointScheme(points), StateCells(masses, np.zeros(len(y), dtype=int), points, error, bias, []), step)


def _unit(cells: Partition) -> tuple[np.ndarray, float]:
    """The barycenter of all cells (d,), and a power of two near their size."""
    centre = cells.mass @ cells.barycenter / cells.mass.sum()
    size = math.sqrt(float(cells.mass @ ((cells.barycenter - centre) ** 2).sum(axis=1)))
    return centre, math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
