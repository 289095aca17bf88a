"""Univariate laws in their own unit: what `nearest` asks of a law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.cells.univariate import StandardLine
from diracs.certificates.rounding import ROUNDINGS
from diracs.certificates.upper.nearest import BoundedCells
from diracs.codebooks.line_image import voronoi_borders
from diracs.laws.univariate.law import Univariate
from diracs.laws.univariate.standard import Standard

_EPS = float(np.finfo(np.float64).eps)
# Squares of what is further away may overflow.
_FARTHEST = 1e150


@dataclass(frozen=True)
class UnitUnivariate:
    """The standard law: x = loc + scale·z."""

    family: Standard
    centre: np.ndarray  # (1,)
    unit: float

    @classmethod
    def of(cls, law: Univariate) -> UnitUnivariate:
        loc, scale = law.placed
        return cls(law.family, np.array([loc]), scale)

    @property
    def law(self) -> StandardLine:
        """The law of z, for transport on the line."""
        return StandardLine(self.family)

    @property
    def reach(self) -> float:
        """The farther end of the support; of heavy tails nothing nearer would hold all that doubles hold."""
        return min(max(map(abs, self.family.support)), _FARTHEST)

    def cells(self, y: np.ndarray) -> BoundedCells:
        """The Voronoi cells of seeds (n, 1)."""
        order = np.argsort(y[:, 0], kind="stable")
        levels, back = y[order, 0], np.argsort(order)
        mass, first, second, mass_error, second_error, _ = self.between(levels, voronoi_borders(levels))
        return BoundedCells(mass[back], first[back], second[back], mass_error[back], second_error[back])

    def between(self, levels: np.ndarray, borders: np.ndarray) -> BoundedCells:
        """The cells of sorted levels (n,) between consecutive borders (n + 1,)."""
        found = self.family.moments(levels, borders)
        return BoundedCells(found.mass, found.first[:, None], found.second, found.mass_error, found.second_error)

    def rounding(self) -> float:
        """Of the scale, where it is computed from another library's parameters."""
        return ROUNDINGS * _EPS * math.sqrt(self.family.variance + self.family.mean**2)
