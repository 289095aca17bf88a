"""Images on tori in their own unit: each point of the torus goes to the nearest of given points.

Masses that are wrong move along a curve through the points in the box: ways on the torus are no longer than those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.certificates.rounding import ROUNDINGS
from diracs.certificates.upper.nearest import BoundedCells, bounded_cells
from diracs.codebooks.torus_law import TorusLaw

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class UnitTorus:
    """An image with periodic axes in its own unit."""

    law: TorusLaw
    domain: np.ndarray  # (2, d)
    centre: np.ndarray  # (d,)
    unit: float

    @classmethod
    def of(cls, values: np.ndarray, domain: np.ndarray, periodic: tuple[bool, ...]) -> UnitTorus:
        """From float64 values (n₁, …, n_d) of pixels, the box (2, d) and which of its axes are periodic."""
        sides = domain[1] - domain[0]
        unit = math.ldexp(1.0, math.frexp(float(sides.max()))[1])
        shares = values / values.max()
        law = TorusLaw.of(shares / shares.sum(), sides / unit, periodic)
        return cls(law, domain, 0.5 * domain[0] + 0.5 * domain[1], unit)

    @property
    def reach(self) -> float:
        """Half the diagonal of the box."""
        return 0.5 * float(np.linalg.norm(self.law.extent))

    def wrapped(self, points: np.ndarray) -> np.ndarray:
        """Points (n, d) within one period, up to rounding."""
        low, sides = self.domain[0], self.domain[1] - self.domain[0]
        periods = np.where(self.law.periodic, np.floor((points - low) / sides), 0.0)
        return np.asarray(points - periods * sides)

    def cells(self, y: np.ndarray, weights: np.ndarray | None = None) -> BoundedCells:
        """By the compiled core: sums of positive terms, with vertices right to roundings of the box."""
        w = np.zeros(len(y)) if weights is None else weights
        return bounded_cells(self.law, self.reach, y, w, self.reach)

    def rounding(self) -> float:
        """Of the borders of the box, and of points that are moved by periods."""
        return ROUNDINGS * _EPS * (self.reach + float(np.abs(self.centre).max()) / self.unit)
