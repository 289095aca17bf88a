"""Power diagrams of the plane with periodic axes: polygons that lie around their seeds."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from diracs import _core
from diracs.backend.arrays import frozen
from diracs.cells.facets import Facets, space_facets
from diracs.cells.record import Cells, Edges, read_only
from diracs.cells.spaces import Euclidean
from diracs.transport.power_diagram import PowerDiagram


class TorusPowerDiagram(PowerDiagram):
    """A `PowerDiagram` of seeds (n, 2) with periodic axes, made by that name.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import PowerDiagram
    >>> one = PowerDiagram(np.array([[0.9, 0.5]]), domain=[[0.0, 0.0], [1.0, 1.0]], periodic=(True, False))
    >>> one.cells[0].min(axis=0), one.cells[0].max(axis=0)
    (array([0.4, 0. ]), array([1.4, 1. ]))
    """

    @cached_property
    def _polygons(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The tops of prisms over the cells, whose sides know the neighbours."""
        seeds, box, size = self._prisms
        space = Euclidean((*self.periodic, False))
        first, vertices, face, labels, _, corner, corners = space.polyhedra(seeds, self.weights, box)
        outlines, across = [], []
        for k in range(len(self)):
            own = vertices[first[k] : first[k + 1]]
            faces = [corners[corner[f] : corner[f + 1]] for f in range(face[k], face[k + 1])]
            top = next((i for i, some in enumerate(faces) if (own[some, 2] > 0.25 * size).all()), None)
            if top is None:
                outlines.append(np.empty((0, 2)))
                across.append(np.empty(0, labels.dtype))
                continue
            # Counterclockwise seen from above; the face beside a side has its corners the other way round.
            beside = {
                (a, b): labels[face[k] + i] for i, some in enumerate(faces) for a, b in zip(some, np.roll(some, -1))
            }
            outline = faces[top]
            outlines.append(own[outline, :2])
            across.append(np.array([beside[b, a] for a, b in zip(outline, np.roll(outline, -1))], labels.dtype))
        indptr = np.concatenate([[0], np.cumsum([len(outline) for outline in outlines])])
        return frozen(indptr), frozen(np.concatenate(outlines)), frozen(np.concatenate(across))

    @property
    def _prisms(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Seeds (n, 3), a box (2, 3), and how thick it is."""
        size = float((self.domain[1] - self.domain[0]).max())
        box = np.column_stack([self.domain, [-0.5 * size, 0.5 * size]])
        return np.column_stack([self.positions, np.zeros(len(self))]), box, size

    @cached_property
    def facets(self) -> Facets:
        return space_facets(self._moments[1], self.positions)

    @cached_property
    def _moments(self) -> tuple[Cells, Edges]:
        seeds, box, size = self._prisms
        law = _core.SpaceBox(box, 1.0 / size, np.array((*self.periodic, False)))
        cells, edges = _core.moments(law, seeds, self.weights, edges=True)
        second = cells.second - cells.mass * size**2 / 12.0
        return read_only(
            cells._replace(first=cells.first[:, :2], second=second),
            edges._replace(displacement=edges.displacement[:, :2], integrals=edges.integrals[:, :3]),
        )
