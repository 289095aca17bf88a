"""Laws as mixtures of affine images x = o + A z of independent coordinates z, whose axes are cut by binary trees.

Offsets o and matrices A are doubles and taken for exact; what the law differs from the mixture of these by in W₂ is
paid. Intervals of the axes have masses, means and variances from balls, rounded to nearest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import scipy
from flint import arb

from diracs.backend.arrays import concrete
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.verification.balls import Ball, NotSeparated, balls, matrix, root, rounded_up, total
from diracs.verification.families import NOTHING
from diracs.verification.gaussians import covariance_of
from diracs.verification.line_laws import LineLaw, bins, gaussian, univariate

# Halvings of an axis: of one that all pieces share, and of the axes of independent coordinates.
_DEPTH, _FEWER = 12, 9
_EPS = 2.0**-52


class Axes(NamedTuple):
    """Intervals in binary trees: those that interval i is halved into are child[i] and child[i] + 1, −1 if none."""

    child: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mass: np.ndarray
    mean: np.ndarray
    variance: np.ndarray  # given the interval


class Pieces(NamedTuple):
    """K of them in dimension d, each of r coordinates."""

    weights: np.ndarray  # (K,), of sum 1 up to rounding
    offsets: np.ndarray  # (K, d)
    matrices: np.ndarray  # (K, d, r)
    whole: np.ndarray  # (K, r): the interval of `axes` that is the whole axis
    axes: Axes
    off: float  # at least the W₂ between the law and their mixture


@singledispatch
def pieces_of(law: Any) -> Pieces:
    """The pieces of a law of any dimension.

    Raises
    ------
    TypeError
        For a law that is not known here.
    """
    raise TypeError(
        f"cannot verify a {type(law).__name__} in dimension {law.ndim}; in several dimensions verify knows Gaussian"
        " mixtures, point clouds, pixels and histograms that are not periodic, Independent, and mixtures of these"
    )


@pieces_of.register
def _(law: GaussianMixture) -> Pieces:
    """Components as o + A z with A Aᵀ nearly their covariance; the root of the trace norm of what lacks is paid.

    |Σ^½ − T^½|² ≤ tr|Σ − T| (Powers & Størmer 1970) ≤ d^½ ‖Σ − T‖, and W₂ of the normal laws is at most the left-hand
    side.
    """
    means, covs, weights = (np.asarray(concrete(x), dtype=np.float64) for x in (law.means, law.covs, law.weights))
    held = weights > 0
    means, covs, weights = means[held], covs[held], weights[held]
    count, d = means.shape
    if covs.ndim < 3:
        matrices = np.sqrt(np.broadcast_to(covs.reshape(count, -1), (count, d)))[:, :, None] * np.eye(d)
    else:
        size = np.trace(covs, axis1=1, axis2=2)[:, None, None]
        values, vectors = np.linalg.eigh(covs / np.where(size > 0, size, 1.0))
        matrices = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :] * np.sqrt(size)
    shares = weights / weights.sum()
    off = math.sqrt(math.fsum(w * _off(cov, a) ** 2 for w, cov, a in zip(shares, covs, matrices)))
    axes = _cut(gaussian(0.0, 1.0), -math.inf, math.inf, _DEPTH)
    return Pieces(shares, means, matrices, np.zeros((count, d), dtype=np.int64), axes, off * (1.0 + 1e-12))


@pieces_of.register
def _(law: Gaussian) -> Pieces:
    return pieces_of(law.as_mixture())


def _off(cov: np.ndarray, a: np.ndarray) -> float:
    d = len(a)
    if cov.ndim < 2:
        return rounded_up(
            root(
                total((arb(v).sqrt() - s) ** 2 for v, s in zip(np.broadcast_to(cov, (d,)).tolist(), balls(np.diag(a))))
            )
        )
    given, wrong = covariance_of(cov, d)
    held = matrix(a)
    rest = given - held * held.transpose()
    norm = root(total(x * x for x in rest.entries()))
    return rounded_up(wrong + root(arb(d).sqrt() * norm))


@pieces_of.register
def _(law: SumOfDiracs) -> Pieces:
    points, weights = (np.asarray(concrete(x), dtype=np.float64) for x in (law.positions, law.weights))
    nothing = np.zeros((*points.shape, 1))
    axes = _cut(bins([arb(0), arb(1)], np.ones(1)), 0.0, 1.0, 1)
    return Pieces(weights / weights.sum(), points, nothing, np.zeros((len(points), 1), dtype=np.int64), axes, 0.0)


@pieces_of.register
def _(law: PolynomialGrid) -> Pieces:
    if any(law.periodic):
        raise TypeError("cannot verify a periodic PolynomialGrid: distances on a torus are not known to verify")
    values = np.asarray(concrete(law.values), dtype=np.float64)
    return _bins([np.linspace(low, high, n + 1) for low, high, n in zip(*law.domain, values.shape)], values)


@pieces_of.register
def _(law: Histogram) -> Pieces:
    return _bins([np.asarray(edge) for edge in law.edges], law.masses)


def _bins(edges: list[np.ndarray], masses: np.ndarray) -> Pieces:
    """Bins with some mass; a law that is uniform on [a, b] is as near to one on [a′, b′] as their ends are."""
    places = np.nonzero(masses > 0)
    low = np.stack([edge[i] for edge, i in zip(edges, places)], axis=1)
    width = np.stack([np.diff(edge)[i] for edge, i in zip(edges, places)], axis=1)
    shares = masses[places] / masses[places].sum()
    # linspace and differences are right to a few roundings of the ends.
    off = 8.0 * _EPS * math.sqrt(math.fsum(float(np.abs(edge).max()) ** 2 for edge in edges))
    axes = _cut(bins([arb(0), arb(1)], np.ones(1)), 0.0, 1.0, _DEPTH)
    return Pieces(shares, low, width[:, :, None] * np.eye(len(edges)), np.zeros(low.shape, dtype=np.int64), axes, off)


@pieces_of.register
def _(law: Independent) -> Pieces:
    """One piece."""
    offset, a = (np.asarray(concrete(x), dtype=np.float64) for x in (law.offset, law.matrix))
    trees = [_cut(univariate(part), *part.support, _FEWER) for part in law.laws]
    axes, starts = _together(trees)
    return Pieces(np.ones(1), offset[None], a[None], np.array([starts]), axes, 0.0)


@pieces_of.register
def _(law: Mixture) -> Pieces:
    parts = [pieces_of(part) for part in law.laws]
    shares = np.asarray(concrete(law.weights), dtype=np.float64)
    shares = shares / shares.sum()
    axes, starts = _together([part.axes for part in parts])
    r = max(part.whole.shape[1] for part in parts)
    # Coordinates that a part lacks have columns of zeros.
    matrices = [np.pad(part.matrices, ((0, 0), (0, 0), (0, r - part.whole.shape[1]))) for part in parts]
    whole = [np.pad(p.whole, ((0, 0), (0, r - p.whole.shape[1]))) + start for p, start in zip(parts, starts)]
    weights = [w * part.weights for w, part in zip(shares, parts)]
    off = math.sqrt(math.fsum(w * part.off**2 for w, part in zip(shares, parts))) * (1.0 + 1e-12)
    offsets = [part.offsets for part in parts]
    joined = [np.concatenate(x) for x in (weights, offsets, matrices, whole)]
    return Pieces(joined[0], joined[1], joined[2], joined[3], axes, off)


def scaled(pieces: Pieces, unit: float) -> Pieces:
    """The same over a unit, a power of two; what underflows is paid."""
    small = 1e-150 if unit > 1.0 else 0.0
    return pieces._replace(
        offsets=pieces.offsets / unit, matrices=pieces.matrices / unit, off=pieces.off / unit + small
    )


def lifted(pieces: Pieces) -> Pieces:
    """The same in a space of one dimension more, where they lie at height 0."""
    return pieces._replace(
        offsets=np.pad(pieces.offsets, ((0, 0), (0, 1))), matrices=np.pad(pieces.matrices, ((0, 0), (0, 1), (0, 0)))
    )


def _together(trees: Sequence[Axes]) -> tuple[Axes, list[int]]:
    """Trees one after the other, and where each begins."""
    starts = np.cumsum([0, *(len(tree.mass) for tree in trees[:-1])]).tolist()
    moved = [np.where(tree.child < 0, -1, tree.child + start) for tree, start in zip(trees, starts)]
    rest = (np.concatenate(x) for x in zip(*(tree[1:] for tree in trees)))
    return Axes(np.concatenate(moved), *rest), starts


def _cut(law: LineLaw, low: float, high: float, depth: int) -> Axes:
    """Borders are dense where those of optimal codebooks of normal laws are: at the quantiles of N(0, 3) for these."""
    count = 2 ** (depth - 1)
    z = math.sqrt(3.0) * scipy.special.ndtri(np.arange(1, count) / count)
    borders = np.unique(law.quantiles(scipy.special.ndtr(z), scipy.special.ndtr(-z))) if count > 1 else np.empty(0)
    inner = borders[(borders > low) & (borders < high)].tolist()
    ends = [low, *inner, high]
    sums = [NOTHING, *(law.up_to(b) for b in inner), law.whole]
    rows: list[tuple[float, ...]] = []
    spans = [(0, len(ends) - 1)]
    while len(rows) < len(spans):
        i, j = spans[len(rows)]
        cell = sums[j] - sums[i]
        mean = cell.first / cell.mass
        spread = cell.second / cell.mass - mean * mean
        _check(cell.mass, mean, spread)
        child = -1.0
        if j - i > 1:
            child = float(len(spans))
            spans += [(i, (i + j) // 2), ((i + j) // 2, j)]
        rows.append((child, ends[i], ends[j], *(float(x.mid()) for x in (cell.mass, mean, spread))))
    columns = np.array(rows).T
    return Axes(columns[0].astype(np.int64), *columns[1:])


def _check(mass: Ball, mean: Ball, spread: Ball) -> None:
    """Whether the middles of balls are right to less than half a rounding of doubles."""
    fine = arb(2) ** -56
    sure = mass > 0 and spread > 0 and mass.rad() < fine * mass and spread.rad() < fine * spread
    if not sure or not mean.rad() < fine * spread.sqrt():
        raise NotSeparated
