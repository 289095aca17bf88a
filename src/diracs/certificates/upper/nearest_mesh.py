"""A mesh in its own unit, with the moments of Voronoi cells and what rounding does to them.

Vertices in the unit are those of the mesh up to a rounding. Where they move, a simplex moves with them, which costs no
more than they do; but its volume changes by slivers along its border, and so do the masses of cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diracs import _core
from diracs.cells.meshes import boundaries_of
from diracs.certificates.rounding import ROUNDINGS
from diracs.certificates.upper.nearest import BoundedCells, planar_cells
from diracs.codebooks.mesh_laws import MeshLaw

_EPS = 2.0**-52
# Relative errors of sums over pieces; roundings of borders.
_FAN, _BORDER = 1e-13, 16.0


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
        w = np.ascontiguousarray(np.zeros(len(y)) if weights is None else weights)
        if y.shape[1] == 2:
            return planar_cells(self.law, self.reach, y, w, self.reach)
        (mass, first, second, _), (i, j, _, gap, integrals) = _core.moments(self.law.core, y, w, edges=True)
        # Any cell may have all slivers between simplices, as far as is known here.
        far = (np.linalg.norm(y, axis=1) + self.reach) ** 2
        mass_error = _FAN * mass + self.sliver_mass
        second_error = _FAN * second + self.sliver_mass * far
        outside = np.maximum(np.linalg.norm(y, axis=1) - self.reach, 0.0)
        off = gap + np.abs(w[i] - w[j]) / gap + outside[i] + outside[j] + 2.0 * self.reach
        sliver = _BORDER * _EPS * off * integrals[:, 0]
        for ends in (i, j):
            mass_error += np.bincount(ends, sliver, minlength=len(y))
            second_error += np.bincount(ends, sliver, minlength=len(y)) * far
        return BoundedCells(mass, first, second, mass_error, second_error)

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
