"""The facets of a power diagram: edges in the plane, polygons in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.backend.arrays import frozen
from diracs.cells.record import Edges


@dataclass(frozen=True)
class Facets:
    """Those between cells i ≤ j, each once; i = j between a cell and its own image on a torus."""

    i: np.ndarray  # (f,)
    j: np.ndarray  # (f,)
    displacement: np.ndarray  # (f, d) from seed i to the image of seed j that is meant: along the normal
    area: np.ndarray  # (f,), lengths in the plane
    centroid: np.ndarray  # (f, d) next to seed i

    @property
    def normal(self) -> np.ndarray:
        """(f, d) unit normals, from i to j."""
        return self.displacement / np.linalg.norm(self.displacement, axis=1, keepdims=True)


def planar_facets(edges: Edges, positions: np.ndarray, weights: np.ndarray) -> Facets:
    """From integrals of the uniform law along edges."""
    i, j, step, gap, integrals = edges
    along = step / gap[:, None]
    # The line through both seeds meets the edge's at (d² + wᵢ − wⱼ)/2d from seed i; τ runs to the left of it.
    foot = 0.5 * (gap + (weights[i] - weights[j]) / gap)
    left = np.column_stack([-along[:, 1], along[:, 0]])
    middle = integrals[:, 1] / integrals[:, 0]
    centroid = positions[i] + foot[:, None] * along + middle[:, None] * left
    return Facets(i, j, step, integrals[:, 0], frozen(centroid))


def space_facets(edges: Edges, positions: np.ndarray) -> Facets:
    """From integrals (f, 1 + d) of the uniform law over facets, of 1 and of x − yᵢ."""
    area, first = edges.integrals[:, 0], edges.integrals[:, 1:]
    return Facets(edges.i, edges.j, edges.displacement, area, frozen(positions[edges.i] + first / area[:, None]))
