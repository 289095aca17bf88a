"""A mesh in its own unit, with the moments of Voronoi cells and what rounding does to them.

Vertices in the unit are those of the mesh up to a rounding. Where they move, a simplex moves with them, which costs no
more than they do; but its volume changes by slivers along its border, and so do the masses of cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diracs.cells.meshes import boundaries_of
from diracs.certificates.rounding import ROUNDINGS
from diracs.certificates.upper.nearest import BoundedCells, bounded_cells
from diracs.codebooks.mesh_laws import MeshLaw

_EPS = 2.0**-52
# Roundings of borders.
_BORDER = 16.0


@dataclass(frozen=True)
class UnitMesh:
    """A mesh of the plane, or of space, in its own unit."""

    law: MeshLaw
    centre: np.ndarray  # (d,)
    unit: float

    @classmethod
    def of(cls, vertices: np.ndarray, simplices: np.ndarray, densities: np.ndarray) -> UnitMesh:
        """From float64 vertices (v, d), simplices (s, d + 1) and densities at their corners."""
        used = vertices[simplices].reshape(-1, vertices.shape[1])
        low, high = used.min(axis=0), used.max(axis=0)
        unit = math.ldexp(1.0, math.frexp(float((high - low).max()))[1])
        centre = low + 0.5 * (high - low)
        law = MeshLaw.of((vertices - centre) / unit, simplices, densities / densities.max())
        return cls(law, centre, unit)

    @cached_property
    def reach(self) -> float:
        """The distance of the farthest corner."""
        return float(np.linalg.norm(self.law.corners, axis=2).max())

    def cells(self, y: np.ndarray, weights: np.ndarray | None = None) -> BoundedCells:
        """By the compiled core."""
        w = np.zeros(len(y)) if weights is None else weights
        found = bounded_cells(self.law, self.reach, y, w, self.reach)
        if y.shape[1] == 2:
            return found
        # Any cell may have all slivers between simplices, as far as is known here.
        far = (np.linalg.norm(y, axis=1) + self.reach) ** 2
        mass_error, second_error = found.mass_error + self.sliver_mass, found.second_error + self.sliver_mass * far
        return found._replace(mass_error=mass_error, second_error=second_error)

    def rounding(self) -> float:
        """Of the vertices about the centre."""
        return ROUNDINGS * _EPS * self.reach

    @property
    def slivers(self) -> np.ndarray:
        """(s,) volumes along borders that are off by roundings of the reach."""
        return _BORDER * _EPS * self.reach * boundaries_of(self.law.corners)

    @cached_property
    def sliver_mass(self) -> float:
        """What all of these may hold."""
        return float(self.law.densities.max(axis=1) @ self.slivers)
