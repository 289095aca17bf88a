"""Laws that can be cut as laws for merging: the best points, and certified errors for given ones, in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.cells.divisible import Divisible
from diracs.cells.laws import divisible, extent
from diracs.cells.partition import Partition
from diracs.merging.cutting import Sent, coarse, sent_within
from diracs.merging.kmeans import MOST_TREE, kmeans
from diracs.merging.merge import assign, barycenters, certified, close_points

_EPS = 2.0**-52
# Pieces for each point that the points are optimized on, fewest and most, and Lloyd's steps after that.
_EACH, _FEWEST, _MOST, _EXACT = 256, 2**14, 2**18, 2
# Pieces that the certificate begins with, fewest and most.
_FEW, _MANY = 1024, 2**16
# Pieces are cut until about this share of W₂ is to be gained, by dimension, or there are so many, in few and in many
# dimensions; and for barycenters.
_PRECISION = (0.001, 0.003, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03)
_MOST_PIECES, _ROUGH, _MOST_ROUGH = (600_000, 100_000), 0.02, 200_000
# Of the unit: ways shorter than that have squares below the least number.
_LOST = 1e-150


@dataclass(frozen=True)
class UnitPieces:
    """A law in its own unit: x = centre + unit·u, to be cut into pieces."""

    law: Divisible
    centre: np.ndarray  # (d,)
    unit: float

    @classmethod
    def of(cls, law: object) -> UnitPieces:
        """From a law of diracs."""
        centre, size = extent(law)
        unit = math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
        return cls(divisible(law, centre, unit), centre, unit)

    def into(self, points: np.ndarray) -> np.ndarray:
        """Points of space in the unit."""
        return np.ascontiguousarray((points - self.centre) / self.unit)

    def out_of(self, points: np.ndarray) -> np.ndarray:
        """Points of the unit in space."""
        return self.centre + self.unit * points

    def cells(self, count: int) -> Partition:
        """About so many, of equal spreads nearly."""
        cells = coarse(self.law, count)[1].cells
        held = cells.mass > 0
        return Partition(*(np.ascontiguousarray(x[held]) for x in cells))

    def best_points(self, n: int, *, seed: int = 0, steps: int = _EXACT) -> np.ndarray:
        """At most n points of space (m, d), near the best, after so many of Lloyd's steps of the law itself."""
        cells = self.cells(int(np.clip(_EACH * n, _FEWEST, _MOST)))
        y = barycenters(cells, kmeans(cells, n, seed=seed))
        for _ in range(steps if len(y) > 1 else 0):
            # Barycenters of the law itself.
            y = self._sent(y, _ROUGH, _MOST_ROUGH).found.barycenters()
        return self.out_of(y)

    def error(self, n: int) -> float:
        """About the root mean square error of n points."""
        cells = self.cells(int(np.clip(64 * n, _FEWEST // 4, _MOST)))
        return math.sqrt(assign(cells, kmeans(cells, n, breaths=0, steps=4)).square) * self.unit

    def sent(self, points: np.ndarray) -> Sent:
        """The law, in its unit, gone to points (n, d) of space, nearly all of it to the nearest."""
        y, close = close_points(self.into(points), math.inf)
        precision = _PRECISION[min(self.law.ndim, len(_PRECISION)) - 1]
        most = _MOST_PIECES[self.law.ndim > MOST_TREE]
        return self._sent(np.ascontiguousarray(y[close]), precision, most).among(y, close)

    def _sent(self, y: np.ndarray, precision: float, most: int) -> Sent:
        rows = coarse(self.law, int(np.clip(4 * len(y), _FEW, _MANY)))[0]
        return sent_within(self.law, rows, y, precision, max(most, 2 * len(rows)))

    def certify(self, found: Sent) -> tuple[np.ndarray, float]:
        """Masses (n,) of the points that pieces of the law went to, and a bound on W₂ with these."""
        mass = found.found.masses[0]
        doubt = np.divide(found.mass_error, mass, out=np.zeros_like(mass), where=mass > 0)
        blur = 8.0 * self.law.ndim * _EPS
        masses, root = certified(found.found, doubt, blur, found.cost_error)
        lost = _LOST if found.found.moved > 0 else 0.0
        return masses, (root + self.law.rounding + lost) * self.unit
