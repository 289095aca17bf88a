"""Meshes as the compiled core takes them, in a unit of their own size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.cells.meshes import core_of, drawn_from, volumes_of
from diracs.codebooks.cell_laws import CoreLaw, thinned


@dataclass(frozen=True)
class MeshLaw(CoreLaw):
    """A density on simplices near the origin, of mass 1."""

    corners: np.ndarray  # (s, d + 1, d), of simplices that hold something
    densities: np.ndarray  # (s, d + 1) at these
    core: _core.Mesh | _core.SpaceMesh
    components = 1

    @classmethod
    def of(cls, vertices: np.ndarray, simplices: np.ndarray, densities: np.ndarray) -> MeshLaw:
        """From densities of any positive mass."""
        volumes = volumes_of(vertices[simplices])
        held = volumes * densities.mean(axis=1) > 0
        simplices, densities = simplices[held], densities[held]
        densities = densities / float(volumes[held] @ densities.mean(axis=1))
        return cls(vertices[simplices], densities, core_of(vertices, simplices, densities))

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Spread like f^{d/(d + 2)}, as the best quantizers of many points are (Zador 1982), evenly along a curve.

        That power goes linearly between the corners here, which is near enough for a start.
        """
        d = self.corners.shape[2]
        x = drawn_from(self.corners, self.densities ** (d / (d + 2)), 20 * count, rng)
        return thinned(x, np.ones(len(x)), count, rng)
