"""Point clouds as laws: the best few points for many, and the exact W₂ to given ones, in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from diracs.cells.partition import Partition
from diracs.certificates.rounding import diffused, mass_change, with_moved_masses
from diracs.certificates.upper.nearest import FARTHEST
from diracs.merging.kmeans import kmeans
from diracs.merging.merge import Merged, assign, certified, close_points, groups

_EPS = 2.0**-52
# Of the unit: ways shorter than that have squares below the least number.
_LOST = 1e-150


@dataclass(frozen=True)
class UnitCloud:
    """Weighted points in their own unit: x = centre + unit·u, u of size about one. Cells may stand for points."""

    cells: Partition  # u (N, d) with positive masses
    points: np.ndarray  # (N, d) x, as given
    centre: np.ndarray  # (d,)
    unit: float

    @classmethod
    def of(cls, points: np.ndarray, weights: np.ndarray, spreads: np.ndarray | None = None) -> UnitCloud:
        """From float64 points (N, d), weights (N,), and spreads (N,) of what the points stand for."""
        spreads = np.zeros(len(points)) if spreads is None else spreads
        held = weights > 0
        if not held.all():
            points, weights, spreads = points[held], weights[held], spreads[held]
        low, high = points.min(axis=0), points.max(axis=0)
        centre = 0.5 * low + 0.5 * high
        largest = float(np.maximum(high - centre, centre - low).max())
        unit = math.ldexp(1.0, math.frexp(largest)[1]) if largest > 0 else 1.0
        return cls(Partition(weights, (points - centre) / unit, spreads / unit / unit), points, centre, unit)

    def into(self, points: np.ndarray) -> np.ndarray:
        """Points of space in the unit."""
        return np.ascontiguousarray((points - self.centre) / self.unit)

    def out_of(self, points: np.ndarray) -> np.ndarray:
        """Points of the unit in space."""
        return self.centre + self.unit * points

    def seen_from(self, points: np.ndarray) -> UnitCloud:
        """The same cloud; if it is a single spot, in a unit of the size of the way to points (n, d) of space."""
        largest = float(np.abs(points - self.centre).max())
        if self.cells.barycenter.any() or self.cells.spread.any() or not largest > 0:
            return self
        return replace(self, unit=math.ldexp(1.0, math.frexp(largest)[1]))

    def best_points(
        self, n: int, *, seed: int = 0, start: np.ndarray | None = None, breaths: int | None = None
    ) -> np.ndarray:
        """At most n points of space (m, d), near the best, in space; `start` are points of space too.

        Points of the cloud that groups consist of come back as they are.
        """
        start = None if start is None else self.into(start)
        options = {} if breaths is None else {"breaths": breaths}
        y = kmeans(self.cells, n, seed=seed, start=start, **options)
        found = groups(self.cells, y)
        placed = self.out_of(found.barycenter)
        placed[found.single] = self.points[found.first[found.single]]
        return placed

    def error(self, n: int) -> float:
        """About the root mean square error of n points."""
        y = kmeans(self.cells, n, breaths=0, steps=4)
        return math.sqrt(assign(self.cells, y).square) * self.unit

    def certify(self, found: Merged) -> tuple[np.ndarray, float]:
        """Masses (n,) of the points that the cloud went to, and a bound on W₂ with these.

        Coordinates are differences, right to half a rounding, and barycenters sums.
        """
        masses, root = certified(found, 0.0, 8.0 * _EPS)
        return masses, root * self.unit


@dataclass(frozen=True)
class CloudToPoints:
    """Each point of a cloud went to the nearest of given ones."""

    masses: np.ndarray  # (n,) float64
    w2: float  # W₂, not below
    square: float  # W₂² in the unit, but for rounding
    labels: np.ndarray  # (N,) of the points of positive weight


def to_nearest(cloud: UnitCloud, points: np.ndarray) -> CloudToPoints:
    """The best masses on points (n, d) of space, and W₂ with these: exact but for rounding, which raises it.

    Raises
    ------
    ValueError
        If all points lie further from the cloud than 10¹² of its sizes.
    """
    close, found = sent_to(cloud, points)
    some, root = certified(found, 0.0, _EPS)
    masses = np.zeros(len(points))
    masses[close] = some
    # Squares below the least number are lost.
    root += _LOST if found.moved > 0 else 0.0
    return CloudToPoints(masses, root * cloud.unit, found.square, close[found.labels])


def sent_to(cloud: UnitCloud, points: np.ndarray, threads: int = 0) -> tuple[np.ndarray, Merged]:
    """The places of points (n, d) of space that may have mass, and the cloud sent to these.

    Coordinates in the unit are differences, right to half a rounding: only what is equal in space stays where it is.
    """
    y, close = close_points(cloud.into(points), 2.0 * math.sqrt(points.shape[1]))
    found = assign(cloud.cells, np.ascontiguousarray(y[close]), threads)
    goes = (cloud.points != points[close[found.labels]]).any(axis=1) | (cloud.cells.spread > 0)
    size = np.sqrt((cloud.cells.barycenter**2).sum(axis=1)) + np.sqrt((found.points**2).sum(axis=1))[found.labels]
    moved = float((cloud.cells.mass * np.maximum(size, _LOST) ** 2)[goes].sum())
    return close, found._replace(moved=moved)


def narrowed(cloud: UnitCloud, points: np.ndarray, found: CloudToPoints, dtype: type) -> tuple[np.ndarray, float]:
    """The masses in a dtype, and the bound with these, float64."""
    if dtype == np.float64:
        return found.masses, found.w2
    masses = diffused(found.masses, dtype)
    y = np.clip(cloud.into(points), -FARTHEST, FARTHEST)
    change, fraction = mass_change(y, found.masses, masses)
    square = with_moved_masses(np.asarray((found.w2 / cloud.unit) ** 2), np.asarray(change), fraction)
    return masses, math.sqrt(float(square)) * cloud.unit
