"""Gaussian mixtures as laws for merging: the best points, and certified errors for given ones, in any dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy

from diracs import _core
from diracs.cells.boxes import FAR, Boxes, Components, grid_boxes
from diracs.cells.intervals import density
from diracs.cells.partition import Partition
from diracs.certificates.rounding import ROUNDINGS
from diracs.merging.kmeans import kmeans
from diracs.merging.merge import Merged, assign, barycenters, certified, close_points, group_masses

_EPS = 2.0**-52
# Boxes for each point that the points are optimized with, fewest and most.
_FINE, _FEWEST, _MOST = 120, 4000, 400_000
# Boxes are cut until the certificate is within this share of the cost of nearest points, in W₂, by dimension; in haste
# within so many times that, and points are moved by so many of Lloyd's steps.
_PRECISION = (0.002, 0.002, 0.003, 0.007, 0.015, 0.03)
_HASTE, _STEPS = 2.0, 40
_CUT_MOST, _ROUNDS = 3_000_000, 16
# Merging takes seconds in so many dimensions at most, up to so many points, and components times points.
MOST_AXES, MOST_POINTS, MOST_TERMS = 8, 2000, 2_000_000
# So many boxes at a time, whose columns stay in the cache.
_BLOCK = 8192
# In each round the boxes are cut that make up this share of what there is to gain.
_PART = 0.8

# What works on blocks of boxes: `map`, or that of an executor.
Each = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class UnitMixtureCells:
    """A mixture in its own unit: x = centre + unit·u, to be cut into boxes."""

    law: Components
    centre: np.ndarray  # (d,)
    unit: float
    haste: bool = False  # points and bounds in a few seconds, and about half a percent worse
    each: Each = field(default=map, compare=False)

    @classmethod
    def of(
        cls, means: np.ndarray, covs: np.ndarray, weights: np.ndarray, *, haste: bool = False, each: Each = map
    ) -> UnitMixtureCells:
        """From float64 means (K, d), covariances (K, d, d) and weights (K,)."""
        held = weights > 0
        low, high = means[held].min(axis=0), means[held].max(axis=0)
        centre = 0.5 * low + 0.5 * high
        largest = max(float(np.maximum(high - centre, centre - low).max()), math.sqrt(float(covs[held].max())))
        unit = math.ldexp(1.0, math.frexp(largest)[1]) if largest > 0 else 1.0
        law = Components.of((means[held] - centre) / unit, covs[held] / unit / unit, weights[held])
        return cls(law, centre, unit, haste, each)

    def into(self, points: np.ndarray) -> np.ndarray:
        """Points of space in the unit."""
        return np.ascontiguousarray((points - self.centre) / self.unit)

    def out_of(self, points: np.ndarray) -> np.ndarray:
        """Points of the unit in space."""
        return self.centre + self.unit * points

    def boxes(self, n: int) -> Boxes:
        """As many as n points are optimized with."""
        return grid_boxes(self.law, int(np.clip(_FINE * n, _FEWEST, _MOST)))

    def best_points(self, n: int, *, seed: int = 0, start: np.ndarray | None = None) -> np.ndarray:
        """At most n points of space (m, d), near the best; `start` are points of space too."""
        cells = _held(self.boxes(n).cells())
        begun = None if start is None else self.into(start)
        if self.haste:
            return self.out_of(barycenters(cells, kmeans(cells, n, seed=seed, start=begun, breaths=0, steps=_STEPS)))
        y = kmeans(cells, n, seed=seed, start=begun)
        return self.out_of(barycenters(cells, y))

    def error(self, n: int) -> float:
        """About the root mean square error of n points."""
        cells = _held(self.boxes(max(1, n // 2)).cells())
        return math.sqrt(assign(cells, kmeans(cells, n, breaths=0, steps=4)).square) * self.unit

    def sent(self, points: np.ndarray, precision: float | None = None) -> tuple[Partition, Merged]:
        """Cells of the law, in its unit, that went to points (n, d) of space, nearly all to the nearest.

        Boxes that the border between the two nearest points of their barycenter crosses are cut, until no more than
        `precision` is to be gained in W₂.
        """
        d = points.shape[1]
        wanted = _PRECISION[min(d, len(_PRECISION)) - 1] * (_HASTE if self.haste else 1.0)
        wanted = wanted if precision is None else precision
        y, close = close_points(self.into(points), self.reach)
        near = np.ascontiguousarray(y[close])
        _, cells, labels, square = refined(self.boxes(len(points)), near, 2.0 * wanted, self.each)
        return cells, merged(cells, y, close[labels], square)

    @property
    def reach(self) -> float:
        """A ball of this radius about the origin holds the barycenters of all boxes."""
        wide = np.sqrt((self.law.deviations**2).sum(axis=1))
        return float((np.sqrt((self.law.means**2).sum(axis=1)) + FAR * wide).max())

    def certify(self, found: Merged) -> tuple[np.ndarray, float]:
        """Masses (n,) of the points that cells of the law went to, and a bound on W₂ with these.

        A share of d factors and a weight, each right to a few roundings, makes a mass; a sum of d products a
        coordinate.
        """
        d = found.points.shape[1]
        masses, root = certified(found, (ROUNDINGS + d) * _EPS, 4.0 * d * _EPS)
        return masses, (root + self.law.rounding) * self.unit


def affordable(ndim: int, n: int, components: int) -> bool:
    """True if merging into n points takes seconds at most."""
    return ndim <= MOST_AXES and n <= MOST_POINTS and n * components <= MOST_TERMS


def _held(cells: Partition) -> Partition:
    held = cells.mass > 1e-300
    return cells if held.all() else Partition(*(x[held] for x in cells))


def merged(cells: Partition, y: np.ndarray, labels: np.ndarray, square: np.ndarray) -> Merged:
    """The record of cells that went to given points."""
    total = float(cells.spread.sum() + (cells.mass * square).sum())
    size = np.sqrt((cells.barycenter**2).sum(axis=1)) + np.sqrt((y**2).sum(axis=1))[labels]
    return Merged(y, group_masses(labels, cells.mass, len(y)), labels, total, float((cells.mass * size**2).sum()))


def refined(
    boxes: Boxes, y: np.ndarray, share: float, each: Each = map
) -> tuple[Boxes, Partition, np.ndarray, np.ndarray]:
    """Boxes cut until about this share of the mean square error is to be gained, their cells, labels and squares.

    The difference of the squares of the ways to the two nearest points is linear in the box; taken for normal with its
    mean and variance, it tells what the part of the box beyond the border costs too much.
    """
    if len(y) == 1:
        cells = boxes.cells()
        return boxes, cells, np.zeros(len(cells.mass), dtype=np.int32), ((cells.barycenter - y[0]) ** 2).sum(axis=1)
    blocks = (boxes.take(some).alone() for some in _blocks(np.arange(len(boxes))))
    seen = _joined(list(each(partial(_look, y=y), blocks)))
    for _ in range(_ROUNDS):
        total, gain = seen.cost, float(seen.excess.sum())
        if gain <= share * (total - gain) or len(boxes) >= _CUT_MOST:
            break
        order = np.argsort(-seen.excess, kind="stable")
        sums = np.cumsum(seen.excess[order])
        # What is left uncut may hold no more than a part of what is allowed.
        goal = max(_PART * gain, gain - 0.5 * share * (total - gain))
        chosen = order[: min(int(np.searchsorted(sums, goal)) + 1, _CUT_MOST - len(boxes))]
        some = _blocks(chosen)
        blocks = (boxes.take(index).alone() for index in some)
        where = [seen.axis[index] for index in some], [seen.at[index] for index in some]
        halves, looks = zip(*each(partial(_cut, y=y), blocks, *where))
        parts = [half.of(boxes.law, np.unique(boxes.component[index])) for half, index in zip(halves, some)]
        kept = np.ones(len(boxes), dtype=bool)
        kept[chosen] = False
        seen = _joined([_Seen(*(x[kept] for x in seen)), *looks])
        boxes = Boxes.joined([boxes.take(np.flatnonzero(kept)), *parts])
    return boxes, Partition(seen.mass, seen.barycenter, seen.spread), seen.label, seen.square


class _Seen(NamedTuple):
    """Boxes as cells, with the nearest point, what cutting them gains about, and where."""

    mass: np.ndarray
    barycenter: np.ndarray
    spread: np.ndarray
    label: np.ndarray
    square: np.ndarray  # of the way from the barycenter to the point
    excess: np.ndarray
    axis: np.ndarray
    at: np.ndarray

    @property
    def cost(self) -> float:
        return float(self.spread.sum() + (self.mass * self.square).sum())


def _blocks(index: np.ndarray) -> list[np.ndarray]:
    return [index[i : i + _BLOCK] for i in range(0, len(index), _BLOCK)]


def _joined(parts: list[_Seen]) -> _Seen:
    return _Seen(*(np.concatenate(columns) for columns in zip(*parts)))


def _cut(boxes: Boxes, axis: np.ndarray, at: np.ndarray, y: np.ndarray) -> tuple[Boxes, _Seen]:
    parts = boxes.cut(axis, at)
    return parts, _look(parts, y)


def _look(boxes: Boxes, y: np.ndarray) -> _Seen:
    cells = boxes.cells()
    found = _core.WeightedPoints(*(np.ascontiguousarray(x) for x in (cells.barycenter, cells.mass, cells.spread)))
    labels, square, other, further = found.nearest(y, both=True)
    slopes = boxes.slopes(2.0 * (y[other] - y[labels]))
    along = slopes**2 * boxes.variance
    deviation = np.sqrt(along.sum(axis=1))
    margin = further - square
    t = np.divide(margin, deviation, out=np.full_like(margin, np.inf), where=deviation > 0)
    t = np.minimum(t, 38.0)
    beyond = np.maximum(density(t) - t * scipy.special.ndtr(-t), 0.0)
    excess = cells.mass * deviation * beyond
    axis = along.argmax(axis=1)
    rows = np.arange(len(boxes))
    slope = slopes[rows, axis]
    step = np.divide(margin, slope, out=np.zeros_like(margin), where=slope != 0)
    return _Seen(*cells, labels, square, excess, axis, boxes.mean[rows, axis] + step)
