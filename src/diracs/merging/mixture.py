"""Gaussian mixtures as laws for merging: the best points, and certified errors for given ones, in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from diracs.cells.boxes import FAR, Boxes, Components, grid_boxes
from diracs.certificates.rounding import ROUNDINGS
from diracs.merging.kmeans import MOST_TREE, kmeans
from diracs.merging.merge import assign, barycenters, certified, close_points
from diracs.merging.refinement import Each, Gathered, sent_within
from diracs.merging.samples import samples

_EPS = 2.0**-52
# Samples for each point that the points are optimized with, fewest and most, and Lloyd's steps on them, on four times
# as many, and on the law.
_SAMPLES, _FEW_SAMPLES, _MOST_SAMPLES = 128, 2**15, 2**22
_STEPS, _POLISH, _EXACT = 40, 40, 1
# In haste, below five dimensions and from there.
_HASTY_SAMPLES, _HASTY_STEPS = (64, 32), 10
# Boxes that the certificate begins with, fewest and most.
_FEWEST, _MOST = 256, 4096
# Boxes are cut until about this share of W₂ is to be gained, by dimension, or there are so many; in haste within so
# many times that; and for barycenters of cells.
_PRECISION = (0.002, 0.002, 0.004, 0.006, 0.009, 0.012, 0.015, 0.02, 0.025, 0.03)
_MOST_BOXES, _HASTE, _MOST_HASTE = 8_000_000, 2.5, (300_000, 200_000)
_ROUGH, _MOST_ROUGH = 0.02, 1_000_000
# Merging takes seconds in so many dimensions at most, up to so many points, and components times points.
MOST_AXES, MOST_POINTS, MOST_TERMS = 8, 2000, 2_000_000


@dataclass(frozen=True)
class UnitMixtureCells:
    """A mixture in its own unit: x = centre + unit·u, to be cut into boxes."""

    law: Components
    centre: np.ndarray  # (d,)
    unit: float
    haste: bool = False  # points and bounds in a few seconds, and about one percent worse
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
        """Coarse ones, which the certificate for n points cuts further."""
        return grid_boxes(self.law, int(np.clip(n // 2, _FEWEST, _MOST)))

    def best_points(self, n: int, *, seed: int = 0, start: np.ndarray | None = None) -> np.ndarray:
        """At most n points of space (m, d), near the best; `start` are points of space too."""
        begun = None if start is None else self.into(start)
        each = _HASTY_SAMPLES[self.law.means.shape[1] >= 5] if self.haste else _SAMPLES
        some = samples(self.law, int(np.clip(each * n, _FEW_SAMPLES, _MOST_SAMPLES)), seed)
        if self.haste:
            y = kmeans(some, n, seed=seed, start=begun, breaths=0, steps=_HASTY_STEPS)
            return self.out_of(barycenters(some, y))
        if self.law.means.shape[1] > MOST_TREE:
            # Where each of Lloyd's steps meets all points, more of them than these are too dear.
            y = kmeans(some, n, seed=seed, start=begun, breaths=0, steps=_STEPS)
            return self.out_of(barycenters(some, y))
        y = kmeans(some, n, seed=seed, start=begun, steps=_STEPS)
        many = samples(self.law, min(4 * len(some.mass), _MOST_SAMPLES), seed + 1)
        y = barycenters(many, kmeans(many, n, start=y, breaths=0, steps=_POLISH))
        for _ in range(_EXACT):
            # Barycenters of the law itself.
            y = sent_within(self.law, self.boxes(n), y, _ROUGH, _MOST_ROUGH, self.each)[0].barycenters()
        return self.out_of(y)

    def error(self, n: int) -> float:
        """About the root mean square error of n points."""
        some = samples(self.law, int(np.clip(32 * n, _FEW_SAMPLES // 8, _MOST_SAMPLES)))
        return math.sqrt(assign(some, kmeans(some, n, breaths=0, steps=4)).square) * self.unit

    def sent(self, points: np.ndarray, precision: float | None = None) -> Gathered:
        """The law, in its unit, gone to points (n, d) of space, nearly all of it to the nearest.

        Boxes that the borders between points cross are cut, until no more than about `precision` is to be gained in W₂.
        """
        d = points.shape[1]
        wanted = _PRECISION[min(d, len(_PRECISION)) - 1] * (_HASTE if self.haste else 1.0)
        wanted = wanted if precision is None else precision
        y, close = close_points(self.into(points), self.reach)
        most = _MOST_HASTE[d >= 6] if self.haste else _MOST_BOXES
        near = np.ascontiguousarray(y[close])
        return sent_within(self.law, self.boxes(len(points)), near, wanted, most, self.each)[0].among(y, close)

    @property
    def reach(self) -> float:
        """A ball of this radius about the origin holds the barycenters of all boxes."""
        wide = np.sqrt((self.law.deviations**2).sum(axis=1))
        return float((np.sqrt((self.law.means**2).sum(axis=1)) + FAR * wide).max())

    def certify(self, found: Gathered) -> tuple[np.ndarray, float]:
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
