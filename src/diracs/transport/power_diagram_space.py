"""Power diagrams in space: cells are polyhedra."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from diracs import _core
from diracs.backend.arrays import frozen
from diracs.cells.facets import Facets, space_facets
from diracs.cells.record import Cells, Edges, read_only
from diracs.cells.spaces import Euclidean, half_spaces
from diracs.transport.power_diagram import PowerDiagram


class Polyhedron(NamedTuple):
    """A convex cell."""

    vertices: np.ndarray  # (v, 3)
    faces: list[np.ndarray]  # for each face the numbers of its vertices, counterclockwise seen from outside


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

    @cached_property
    def _polyhedra(self) -> tuple[np.ndarray, ...]:
        found = Euclidean(self.periodic).polyhedra(self.positions, self.weights, self.domain, self._planes)
        return tuple(map(frozen, found))

    @property
    def _planes(self) -> np.ndarray | None:
        return None if self.hull is None else half_spaces(self.hull)

    def cut(self, axis: int, at: float) -> PowerDiagram:
        """The section with the plane on which a coordinate has a value: a power diagram of the plane.

        Parameters
        ----------
        axis : int
            Which coordinate, 0, 1 or 2; the other two are those of the section.
        at : float
        """
        if axis not in (0, 1, 2):
            raise ValueError(f"axis must be 0, 1 or 2, got {axis!r}")
        rest = [a for a in range(3) if a != axis]
        steps = np.zeros_like(self.positions)
        steps[:, axis] = at - self.positions[:, axis]
        off = Euclidean(self.periodic).shortest(steps, self.domain[1] - self.domain[0])[:, axis]
        flags = tuple(self.periodic[a] for a in rest)
        domain = self.domain[:, rest] if self.hull is None else _section(self.hull, axis, at)
        return PowerDiagram(self.positions[:, rest], self.weights - off**2, domain, periodic=flags)

    def save(self, path: str | os.PathLike[str], cell_data: Mapping[str, Any] | None = None) -> None:
        from diracs.show.vtu import write_polyhedra

        write_polyhedra(self, path, cell_data)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the cells; see `diracs.show.space.plot_space_diagram`."""
        from diracs.show.space import plot_space_diagram

        return plot_space_diagram(self, ax, **options)

    @cached_property
    def facets(self) -> Facets:
        return space_facets(self._moments[1], self.positions)

    @cached_property
    def _moments(self) -> tuple[Cells, Edges]:
        law = _core.SpaceBox(self.domain, 1.0, np.array(self.periodic), self._planes)
        return read_only(*_core.moments(law, self.positions, self.weights, edges=True))


def _section(corners: np.ndarray, axis: int, at: float) -> np.ndarray:
    """Points (k, 2) whose hull is the section of a convex polyhedron with the plane where a coordinate has a value."""
    above = corners[:, axis] - at
    low, high = corners[above <= 0.0], corners[above >= 0.0]
    if not (len(low) and len(high)):
        raise ValueError(f"at must be within the domain, got {at:g}")
    a, b = low[:, None, :], high[None, :, :]
    height = b[..., axis] - a[..., axis]
    share = np.where(height > 0.0, (at - a[..., axis]) / np.where(height > 0.0, height, 1.0), 0.0)
    points = (a + share[..., None] * (b - a)).reshape(-1, 3)
    return np.delete(points, axis, axis=1)
