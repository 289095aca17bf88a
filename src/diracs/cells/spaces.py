"""Spaces in which power cells are polygons or polyhedra: how to subtract two points, and where corners of cells lie."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy

from diracs import _core


class Space(Protocol):
    """Dimension d = 2 or 3, maybe with axes along which everything repeats."""

    dimension: int
    periodic: tuple[bool, ...]

    def shortest(self, steps: np.ndarray, sides: np.ndarray) -> np.ndarray:
        """The shortest of the displacements (..., d) that differ by periods, (d,)."""

    def corners(self, seeds: np.ndarray, weights: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners (c, d) of all power cells in a box (2, d), and whose they are (c,)."""


class Plane:
    """The plane: cells are polygons."""

    dimension = 2

    def __init__(self) -> None:
        self.periodic: tuple[bool, ...] = (False, False)

    def shortest(self, steps: np.ndarray, sides: np.ndarray) -> np.ndarray:
        return steps

    def corners(self, seeds: np.ndarray, weights: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        indptr, corners, _ = _core.cells(np.ascontiguousarray(seeds), np.ascontiguousarray(weights), rectangle(box))
        return corners, np.repeat(np.arange(len(seeds)), np.diff(indptr))


class Euclidean:
    """Space: cells are polyhedra. Along periodic axes it is a torus; corners lie around their seeds there."""

    dimension = 3

    def __init__(self, periodic: tuple[bool, ...] = (False, False, False)) -> None:
        self.periodic = periodic

    def shortest(self, steps: np.ndarray, sides: np.ndarray) -> np.ndarray:
        if not any(self.periodic):
            return steps
        return np.asarray(steps - np.where(self.periodic, np.round(steps / sides), 0.0) * sides)

    def corners(self, seeds: np.ndarray, weights: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, corners, *_ = self.polyhedra(seeds, weights, box)
        return corners, np.repeat(np.arange(len(seeds)), np.diff(first))

    def polyhedra(
        self, seeds: np.ndarray, weights: np.ndarray, box: np.ndarray, planes: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        """All cells, as `_core.space_cells` gives them, in a box or in what half spaces (m, 4) leave of it."""
        y, w, domain = (np.ascontiguousarray(x) for x in (seeds, weights, box))
        return _core.space_cells(y, w, domain, np.array(self.periodic), planes)


PLANE, SPACE = Plane(), Euclidean()


def rectangle(box: np.ndarray) -> np.ndarray:
    """Corners (4, 2) of a box (2, 2), counterclockwise."""
    (x0, y0), (x1, y1) = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def hull_of(points: np.ndarray) -> np.ndarray:
    """Corners (m, d) of the convex hull of points (k, d), in the plane counterclockwise.

    Raises
    ------
    ValueError
        If the hull has no area, or volume.
    """
    try:
        return np.ascontiguousarray(points[_hull(points).vertices])
    except scipy.spatial.QhullError:
        raise ValueError("domain must have corners that span an area, or a volume: its convex hull is flat") from None


def half_spaces(corners: np.ndarray) -> np.ndarray:
    """Normals and offsets (m, d + 1) of the half spaces {x : normal · x ≤ offset} that bound a convex hull."""
    found = _hull(corners).equations
    return np.ascontiguousarray(np.column_stack([found[:, :-1], -found[:, -1]]))


def _hull(points: np.ndarray) -> scipy.spatial.ConvexHull:
    return scipy.spatial.ConvexHull(points)
