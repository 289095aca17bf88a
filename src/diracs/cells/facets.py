"""The facets of a power diagram: borders on the line, edges in the plane, polygons in space; and what lies on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from diracs.backend.arrays import frozen
from diracs.cells.record import Edges


class FacetMoments(NamedTuple):
    """Moments of a density on the f facets between cells i ≤ j, about seed i, the same in every dimension d."""

    i: np.ndarray  # (f,)
    j: np.ndarray  # (f,)
    displacement: np.ndarray  # (f, d) from seed i to the image of seed j that is meant
    mass: np.ndarray  # (f,) ∫ρ
    first: np.ndarray  # (f, d) ∫ (x − yᵢ) ρ
    second: np.ndarray  # (f, d, d) ∫ (x − yᵢ)(x − yᵢ)ᵀ ρ

    @property
    def gap(self) -> np.ndarray:
        """(f,) distances of the seeds."""
        gap: np.ndarray = np.linalg.norm(self.displacement, axis=1)
        return gap

    def of_axes(self, d: int) -> FacetMoments:
        """On the first d axes only: what prisms over polygons, or slabs over intervals, have of these."""
        step, first, second = self.displacement[:, :d], self.first[:, :d], self.second[:, :d, :d]
        return self._replace(displacement=step, first=first, second=second)

    def products(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(f, d, d) ∫ (x − yᵢ)(x − yᵢ)ᵀ ρ, ∫ (x − yᵢ)(x − yⱼ)ᵀ ρ and ∫ (x − yⱼ)(x − yⱼ)ᵀ ρ."""
        step = self.displacement[:, None, :]
        moved = self.first[:, :, None] * step
        across = self.second - moved
        square = self.mass[:, None, None] * self.displacement[:, :, None] * step
        return self.second, across, across - moved.swapaxes(1, 2) + square

    def spread(self) -> np.ndarray:
        """(f,) mean squares of the distances along the facets from the lines through both seeds."""
        normal = self.displacement / self.gap[:, None]
        along = np.trace(self.second, axis1=1, axis2=2) - np.einsum("fa,fab,fb->f", normal, self.second, normal)
        return np.divide(np.maximum(along, 0.0), self.mass, out=np.zeros(len(normal)), where=self.mass > 0)


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

    def __repr__(self) -> str:
        return f"Facets({len(self.i)} between cells in dimension {self.displacement.shape[1]})"


def planar_moments(edges: Edges, weights: np.ndarray) -> FacetMoments:
    """From integrals (f, 3) of 1, τ, τ² along edges."""
    i, j, step, gap, integrals = edges
    # Column by column: arrays with a last axis of two are slow.
    mass, tau, square = integrals.T
    along = step.T / gap
    left = -along[1], along[0]
    # The line through both seeds meets the edge's at (d² + wᵢ − wⱼ)/2d from seed i; τ runs to the left of it.
    foot = 0.5 * (gap + (weights[i] - weights[j]) / gap) * along
    second = np.empty((len(gap), 2, 2))
    first = [mass * foot[a] + tau * left[a] for a in range(2)]
    for a, b in ((0, 0), (0, 1), (1, 1)):
        second[:, a, b] = second[:, b, a] = first[a] * foot[b] + (tau * foot[a] + square * left[a]) * left[b]
    return FacetMoments(i, j, step, integrals[:, 0], np.stack(first, axis=1), second)


# Where a symmetric matrix has its six numbers xx, xy, xz, yy, yz, zz.
_SYMMETRIC = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def space_moments(edges: Edges) -> FacetMoments:
    """From integrals (f, 10) over facets of 1, x − yᵢ, (x − yᵢ)(x − yᵢ)ᵀ."""
    integrals = edges.integrals
    second = integrals[:, 4:][:, _SYMMETRIC]
    return FacetMoments(edges.i, edges.j, edges.displacement, integrals[:, 0], integrals[:, 1:4], second)


def facet_moments(edges: Edges, weights: np.ndarray) -> FacetMoments:
    """From what the core says of edges, with second moments, and weights (n,)."""
    return planar_moments(edges, weights) if edges.displacement.shape[1] == 2 else space_moments(edges)


def planar_facets(edges: Edges, positions: np.ndarray, weights: np.ndarray) -> Facets:
    """From integrals of the uniform law along edges."""
    found = planar_moments(edges, weights)
    centroid = positions[found.i] + found.first / found.mass[:, None]
    return Facets(found.i, found.j, found.displacement, found.mass, frozen(centroid))


def space_facets(edges: Edges, positions: np.ndarray) -> Facets:
    """From integrals of the uniform law over facets, of 1 and of x − yᵢ (d columns), and more."""
    area, first = edges.integrals[:, 0], edges.integrals[:, 1 : 1 + positions.shape[1]]
    return Facets(edges.i, edges.j, edges.displacement, area, frozen(positions[edges.i] + first / area[:, None]))
