"""Cells for the law of a state by merging: fine boxes of all components, in groups around the best points.

With the barycenters of the groups for Diracs, E δδᵀ = Σ V_j + Σ m_j (c_j − y)(c_j − y)ᵀ over boxes of masses m_j,
barycenters c_j and second moments V_j about these: the identity of `diracs.merging.merge`, with matrices.
"""

from __future__ import annotations

import math

import numpy as np

from diracs.cells.boxes import Components
from diracs.certificates.masses import settled
from diracs.certificates.rounding import ROUNDINGS, with_moved_masses
from diracs.merging.merge import group_masses
from diracs.merging.mixture import UnitMixtureCells, affordable, refined
from diracs.propagation.bounds import StepError
from diracs.propagation.cells import Cells
from diracs.propagation.law import Law, without_empty
from diracs.propagation.step import Choice, bias_of
from diracs.schemes.points import PointScheme

_EPS = 2.0**-52
# Boxes are cut until no more than this share of W₂² is to be gained; sums of matrices are right to this share of them.
_SHARE, _SLACK = 0.004, 1e-13


def can_merge(law: Law, n: int) -> bool:
    """Whether merging pays and takes seconds at most: on the line grids are as good."""
    return 1 < n and law.means.shape[1] > 1 and affordable(law.means.shape[1], n, len(law.means))


def merged_cells(law: Law, n: int, *, biased: bool) -> Choice:
    """Cells of at most n points for a law, and their error; its bias only if `biased`, else without a bound on it."""
    law = without_empty(law)
    d = law.means.shape[1]
    unit = UnitMixtureCells.of(law.means, law.covs[law.kind], law.weights)
    boxes, parts, labels, _ = refined(unit.boxes(n), unit.into(unit.best_points(n)), _SHARE)
    used, labels = np.unique(labels, return_inverse=True)
    pair = group_masses(labels, parts.mass, len(used))
    y = np.zeros((len(used), d))
    np.add.at(y, labels, parts.mass[:, None] * parts.barycenter)
    y /= np.where(pair[0] > 0, pair[0], 1.0)[:, None]
    off = parts.barycenter - y[labels]
    error = (parts.mass[:, None] * off).T @ off + _within(boxes.law, boxes.component, parts.mass, boxes.variance)
    masses, change, fraction = settled(y, pair, (ROUNDINGS + d) * _EPS * pair[0])
    square = float(np.trace(error))
    wrong = float(with_moved_masses(np.asarray(square), np.asarray(change), fraction)) - square
    bias = None
    if biased:
        bias = np.zeros((int(law.source.max()) + 1, d))
        np.add.at(bias, law.source[boxes.component], parts.mass[:, None] * off * unit.unit)
    size = np.sqrt((parts.barycenter**2).sum(axis=1)) + np.sqrt((y**2).sum(axis=1))[labels]
    moved = unit.law.rounding + 8.0 * d * _EPS * math.sqrt(float(parts.mass @ size**2))
    points = unit.out_of(y)
    error = (0.5 * (error + error.T) + (wrong + _SLACK * square) * np.eye(d)) * unit.unit**2
    cells = Cells(masses, np.zeros(len(y), dtype=int), points, error, bias, [])
    away = 8.0 * _EPS * float(np.sqrt(masses @ (points**2).sum(axis=1)))
    step = StepError(error, bias_of(law, bias), np.zeros((1, 1)), moved * unit.unit + away)
    return Choice(PointScheme(points), cells, step)


def _within(law: Components, component: np.ndarray, mass: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Σ V_j (d, d): boxes are products along the axes of their component, where coordinates are not correlated."""
    own = np.zeros(law.deviations.shape)
    np.add.at(own, component, mass[:, None] * variance)
    own *= law.deviations**2
    return np.asarray(np.einsum("kde,ke,kfe->df", law.axes, own, law.axes, optimize=True))
