"""Laws of a user's own as laws for merging: they are asked for ever more cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.cells.divisible import Cut
from diracs.cells.fixed import Fixed
from diracs.cells.laws import extent
from diracs.cells.partition import Partition
from diracs.laws.own import CutsItself, cells_of
from diracs.merging.cutting import Sent, sent_within
from diracs.merging.pieces import UnitPieces

# Cells for each point that the certificate begins with, so many more each time, and most of them.
_FIRST, _GROWTH, _MOST_CELLS = 64, 4, 2**20
# They are enough when about this share of W₂ is to be gained.
_PRECISION = 0.005


class _Loose(Fixed):
    """Cells that could be cut if asked for anew: about the same in all directions, as nothing else is known."""

    def cut(self, pieces: np.ndarray) -> Cut:
        cells, doubt, _ = super().cut(pieces)
        return Cut(cells, doubt, cells.spread)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        mass, _, spread = self.cut(pieces).cells
        return spread / mass / self.ndim * (along**2).sum(axis=1)


@dataclass(frozen=True)
class UnitOwn(UnitPieces):
    """Such a law in its own unit."""

    own: CutsItself

    @classmethod
    def of(cls, law: CutsItself) -> UnitOwn:  # type: ignore[override]
        centre, size = extent(law)
        unit = math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
        return cls(Fixed(Partition.of_points(np.zeros((1, len(centre))), np.ones(1))), centre, unit, law)

    def cells(self, count: int) -> Partition:
        """About so many, or more."""
        mass, barycenter, spread = cells_of(self.own, count)
        held = mass > 0
        places = np.ascontiguousarray((barycenter[held] - self.centre) / self.unit)
        return Partition(mass[held], places, spread[held] / self.unit / self.unit)

    def _sent(self, y: np.ndarray, precision: float, most: int) -> Sent:
        count, before = _FIRST * len(y), 0
        while True:
            law = _Loose(self.cells(min(count, _MOST_CELLS)))
            rows = law.whole()
            found = sent_within(law, rows, y, precision, 0)
            enough = found.excess <= 2.0 * max(precision, _PRECISION) * found.found.square
            if enough or len(rows) <= before or count >= _MOST_CELLS:
                return found
            count, before = _GROWTH * count, len(rows)
