"""Densities on the line that are constant on pixels, in their own unit: what `nearest` asks of a law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.cells.line import LineImage
from diracs.certificates.rounding import ROUNDINGS
from diracs.certificates.upper.nearest import BoundedCells, UnitImage
from diracs.codebooks.line_image import voronoi_borders

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class UnitLineImage:
    """Pixels, from the first that is not empty to the last, on [−½, ½]."""

    law: LineImage
    centre: np.ndarray  # (1,)
    unit: float
    outside: float  # the largest border of the domain, in the unit

    @classmethod
    def of(cls, values: np.ndarray, domain: np.ndarray) -> UnitLineImage:
        """From float64 values (k,) of pixels and the interval (2, 1).

        Empty ends are left out: what is left may be narrow, and is to be resolved.
        """
        (low,), (high,) = domain
        held = np.flatnonzero(values > 0)
        begin, end, k = int(held[0]), int(held[-1]) + 1, len(values)
        unit = (high - low) * ((end - begin) / k)
        # The middle, where the shares of both ends are right to a rounding.
        share = (begin + end) / (2 * k)
        centre = low * (1.0 - share) + high * share
        shares = values[begin:end] / values.max()
        outside = max(abs(float(low)), abs(float(high))) / unit
        return cls(LineImage(shares / shares.sum()), np.array([centre]), float(unit), outside)

    @property
    def reach(self) -> float:
        """Half the interval."""
        return 0.5

    def cells(self, y: np.ndarray) -> BoundedCells:
        """The Voronoi cells of seeds (n, 1)."""
        order = np.argsort(y[:, 0], kind="stable")
        levels, back = y[order, 0], np.argsort(order)
        found = self.between(levels, voronoi_borders(levels))
        return BoundedCells.positive(found.mass[back], found.first[back], found.second[back])

    def between(self, levels: np.ndarray, borders: np.ndarray) -> BoundedCells:
        """The cells of sorted levels (n,) between consecutive borders (n + 1,)."""
        mass, first, second = self.law.cell_moments(levels, borders)
        return BoundedCells.positive(mass, first[:, None], second)

    def rounding(self) -> float:
        """Of the interval and its pixels' edges."""
        return ROUNDINGS * _EPS * (self.reach + self.outside)


def unit_image(values: np.ndarray, domain: np.ndarray) -> UnitLineImage | UnitImage:
    """An image on the line, in the plane or in space, in its own unit."""
    return UnitLineImage.of(values, domain) if values.ndim == 1 else UnitImage.of(values, domain)
