"""Meshes as targets of transport: a frame, a density, derivatives in the values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from diracs.backend.callback import Numbers
from diracs.cells.line import LineDensity
from diracs.cells.meshes import core_of
from diracs.laws.mesh import Mesh
from diracs.laws.simplices import Simplices
from diracs.transport.density import UnitDensity
from diracs.transport.density_mesh import MeshDensity
from diracs.transport.families import Parameters


class MeshTarget:
    """Simplices with a density (s, d + 1) at their corners, of any positive mass."""

    def __init__(self, simplices: Simplices, values: np.ndarray, per_vertex: bool) -> None:
        self.simplices, self.per_vertex = simplices, per_vertex
        self.values = values
        self.sides = simplices.box[1] - simplices.box[0]
        self.size = simplices.size
        self._vertices = np.ascontiguousarray(self.normalized(simplices.vertices))

    def normalized(self, positions: np.ndarray) -> np.ndarray:
        """From the lowest corner: the middle of the box need not be a double, and differences of neighbours are."""
        return np.asarray(((positions - self.simplices.box[0]) - 0.5 * self.sides) / self.size)

    def original(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(self.simplices.box[0] + (0.5 * self.sides + points * self.size))

    def line(self) -> LineDensity:
        raise ValueError("a mesh lies in the plane or in space")

    def density(self) -> UnitDensity:
        densities = self.simplices.at_corners(self.values, self.per_vertex)
        return MeshDensity.of(self._vertices, self.simplices.simplices, densities)

    @property
    def ndim(self) -> int:
        return len(self.sides)

    def box(self) -> np.ndarray:
        half = 0.5 * self.sides / self.size
        return np.stack([-half, half])

    def slopes(self, positions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """∫ φᶜ over each simplex, or against the function that is one at a vertex and zero at all others."""
        unique, first = np.unique(self.normalized(positions), axis=0, return_index=True)
        w = np.ascontiguousarray((weights / self.size**2)[first])
        simplices = self.simplices.simplices
        core = core_of(self._vertices, simplices, np.ones(simplices.shape))
        found = core.potential(unique, w) * self.size ** (2 + self.ndim)
        if not self.per_vertex:
            return (found.sum(axis=1),)
        return (np.bincount(simplices.ravel(), found.ravel(), minlength=len(self.values)),)


def mesh_numbers(mesh: Mesh) -> Numbers:
    """Whether values belong to vertices, and the simplices."""
    return (float(mesh.per == "vertex"), *mesh._simplices.numbers)


def mesh_target(numbers: Numbers, parameters: Parameters) -> MeshTarget:
    return MeshTarget(_simplices(numbers[1:]), parameters[0], bool(numbers[0]))


# A few meshes are met again and again, where a loss is minimized.
@lru_cache(maxsize=4)
def _simplices(numbers: Numbers) -> Simplices:
    return Simplices.from_numbers(numbers)
