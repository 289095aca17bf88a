"""Point clouds in any dimension: each atom goes to the nearest Dirac.

A difference of two doubles is right to one rounding of itself, so that squared distances in d dimensions are right to
d + 2 of them, and sums of positive terms by `math.fsum` to one more each.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import singledispatch
from typing import Any

import numpy as np
from flint import arb
from scipy.spatial import cKDTree

from diracs.backend.arrays import concrete
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import GaussianMixture
from diracs.verification.balls import Ball, exact_sum, normalized, root
from diracs.verification.mismatch import with_given_masses

_EPS = 2.0**-52
# All pairs are looked at up to so many, some at a time; beyond, a tree finds the nearest, up to so many roundings of
# the largest square.
_PAIRS, _BLOCK, _TREE = 400_000_000, 4_000_000, 64.0


@singledispatch
def points_of(law: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Points (N, d) and weights (N,) of a cloud, also one that is a mixture of components of no variance; else None."""
    return None


@points_of.register
def _(law: SumOfDiracs) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(concrete(law.positions), np.float64), np.asarray(concrete(law.weights), np.float64)


@points_of.register
def _(law: GaussianMixture) -> tuple[np.ndarray, np.ndarray] | None:
    if np.any(concrete(law.covs)):
        return None
    return np.asarray(concrete(law.means), np.float64), np.asarray(concrete(law.weights), np.float64)


def cloud_bounds(
    points: np.ndarray, weights: np.ndarray, positions: np.ndarray, masses: np.ndarray
) -> tuple[Ball, Ball]:
    """Lower and upper bounds on W₂ between two clouds (N, d) and (n, d) with weights (N,) and masses (n,).

    Doubles, in a unit in which squares neither overflow nor matter where they underflow.
    """
    kept, used = np.flatnonzero(weights > 0), np.flatnonzero(masses > 0)
    points, weights, positions, masses = points[kept], weights[kept], positions[used], masses[used]
    n, d = positions.shape
    index, doubt = _nearest(points, positions)
    near = ((points - positions[index]) ** 2).sum(axis=1)
    if not near.any() and _same(weights, masses, index):
        return arb(0), arb(0)
    whole = exact_sum(weights.tolist())
    relative = (d + 4) * _EPS
    square = arb(math.fsum((weights * near).tolist())) / whole
    order = np.argsort(index, kind="stable")
    groups = np.split(order, np.searchsorted(index[order], np.arange(1, n)))
    arriving = [exact_sum(weights[group].tolist()) / whole for group in groups]
    seconds = [
        arb(math.fsum((weights[group] * near[group]).tolist())) / whole * (1 + arb(relative)) for group in groups
    ]
    high = root(with_given_masses(positions, arriving, normalized(masses), square * (1 + arb(relative)), seconds))
    low = root(square * (1 - arb(relative)) - arb(doubt))
    return low, high


def _nearest(points: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, float]:
    """Indices (N,) of the nearest, and by how much a square may be too large for that."""
    if len(points) * len(positions) > _PAIRS:
        size = float(max(np.abs(points).max(), np.abs(positions).max()))
        return cKDTree(positions).query(points)[1], _TREE * _EPS * points.shape[1] * size**2
    step = max(_BLOCK // positions.size, 1)
    blocks = [points[i : i + step] for i in range(0, len(points), step)]
    found = [((block[:, None] - positions) ** 2).sum(axis=2).argmin(axis=1) for block in blocks]
    return np.concatenate(found), 0.0


def _same(weights: np.ndarray, masses: np.ndarray, index: np.ndarray) -> bool:
    """Whether the weights that go to each Dirac are its mass, once both are normalized."""
    sums = [Fraction(0)] * len(masses)
    for i, w in zip(index.tolist(), weights.tolist()):
        sums[i] += Fraction(w)
    given = [Fraction(m) for m in masses.tolist()]
    one, other = sum(sums, Fraction(0)), sum(given, Fraction(0))
    return all(a * other == b * one for a, b in zip(sums, given))
