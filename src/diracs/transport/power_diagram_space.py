"""Power diagrams in space: cells are polyhedra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy

from diracs import _core
from diracs.backend import checks
from diracs.backend.arrays import concrete, framework
from diracs.cells.record import Cells, Edges
from diracs.cells.spaces import Euclidean
from diracs.transport.power_diagram import PowerDiagram


class Polyhedron(NamedTuple):
    """A convex cell."""

    vertices: np.ndarray  # (v, 3)
    faces: list[np.ndarray]  # for each face the numbers of its vertices, counterclockwise seen from outside


@dataclass(frozen=True)
class Facets:
    """The facets between cells i ≤ j, each once; i = j between a cell and its own image on a torus."""

    i: np.ndarray  # (f,)
    j: np.ndarray  # (f,)
    displacement: np.ndarray  # (f, 3) from seed i to the image of seed j that is meant: along the normal
    area: np.ndarray  # (f,)
    centroid: np.ndarray  # (f, 3) next to seed i

    @property
    def normal(self) -> np.ndarray:
        """(f, 3) unit normals, from i to j."""
        return self.displacement / np.linalg.norm(self.displacement, axis=1, keepdims=True)


class SpacePowerDiagram(PowerDiagram):
    """A `PowerDiagram` of seeds (n, 3), made by that name.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import PowerDiagram
    >>> halves = PowerDiagram(np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]]), domain=[[0.0, 0, 0], [1.0, 1, 1]])
    >>> halves.masses, halves.facets.area
    (array([0.5, 0.5]), array([1.]))
    """

    @cached_property
    def cells(self) -> tuple[Any, ...]:
        """The polyhedra; without vertices where a cell is empty. On a torus they lie around their seeds."""
        first, vertices, face, _, _, corner, corners = self._polyhedra
        return tuple(
            Polyhedron(
                vertices[first[k] : first[k + 1]],
                [corners[corner[f] : corner[f + 1]] for f in range(face[k], face[k + 1])],
            )
            for k in range(len(self))
        )

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, ...]:
        """For each cell and face the cell on the other side, maybe itself on a torus; −1 on the domain's border."""
        _, _, face, labels, *_ = self._polyhedra
        return tuple(labels[face[k] : face[k + 1]] for k in range(len(self)))

    @property
    def masses(self) -> np.ndarray:
        """(n,) volumes of the cells in the domain."""
        return self._moments[0].mass

    @property
    def barycenters(self) -> np.ndarray:
        """(n, 3) of the cells, next to their seeds on a torus; an empty cell has its seed there."""
        mass, first = self._moments[0][:2]
        held = np.where(mass > 0, mass, 1.0)[:, None]
        return self.positions + np.where(mass[:, None] > 0, first / held, 0.0)

    @property
    def facets(self) -> Facets:
        """All facets between cells."""
        edges = self._moments[1]
        area, first = edges.integrals[:, 0], edges.integrals[:, 1:]
        return Facets(edges.i, edges.j, edges.displacement, area, self.positions[edges.i] + first / area[:, None])

    def locate(self, x: Any) -> np.ndarray:
        """The seeds' indices (k,) of the cells that hold points x (k, 3), in or beyond the domain.

        Raises
        ------
        ValueError
            For points of another shape.
        """
        points = concrete(checks.floating("x", x, framework(x)))
        if points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(f"x must have shape (k, 3), got {points.shape}")
        # |x − y|² − w is a square of distances in four dimensions, up to a constant.
        lifted = np.column_stack([self._wrapped(points), np.zeros(len(points))])
        return np.asarray(self._tree.query(lifted)[1])

    @cached_property
    def _polyhedra(self) -> tuple[np.ndarray, ...]:
        return Euclidean(self.periodic).polyhedra(self.positions, self.weights, self.domain)

    @cached_property
    def _moments(self) -> tuple[Cells, Edges]:
        law = _core.SpaceBox(self.domain, 1.0, np.array(self.periodic))
        return _core.moments(law, self.positions, self.weights, edges=True)

    @cached_property
    def _sides(self) -> np.ndarray:
        return np.where(self.periodic, self.domain[1] - self.domain[0], 0.0)

    def _wrapped(self, points: np.ndarray) -> np.ndarray:
        """About the low corner, within one period along periodic axes."""
        out = points - self.domain[0]
        for axis, side in enumerate(self._sides):
            if side > 0:
                out[:, axis] = np.mod(out[:, axis], side)
                out[out[:, axis] >= side, axis] = 0.0
        return np.asarray(out)

    @cached_property
    def _tree(self) -> scipy.spatial.cKDTree:
        height = np.sqrt(self.weights.max() - self.weights)
        return scipy.spatial.cKDTree(
            np.column_stack([self._wrapped(self.positions), height]), boxsize=np.append(self._sides, 0.0)
        )
