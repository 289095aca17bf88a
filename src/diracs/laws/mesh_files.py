"""Triangles and tetrahedra of files, by meshio."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any, Literal

import numpy as np

Filename = str | os.PathLike[str]

_KINDS = {"tetra": "tetrahedra", "triangle": "triangles"}


def read(path: Filename) -> Any:
    """A meshio.Mesh; FileNotFoundError if there is no file."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {os.fspath(path)!r}")
    return _meshio().read(path)


def taken(
    mesh: Any, name: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Literal["simplex", "vertex"] | None]:
    """Vertices, simplices, values and what these belong to: of tetrahedra if there are any, or else of triangles."""
    points = np.asarray(mesh.points, dtype=np.float64)
    kinds = [block.type for block in mesh.cells]
    kind = next((kind for kind in _KINDS if kind in kinds), None)
    if kind is None:
        raise ValueError(f"mesh must have triangles or tetrahedra, got cells of type {', '.join(sorted(set(kinds)))}")
    blocks = [b for b, own in enumerate(kinds) if own == kind]
    simplices = np.concatenate([np.asarray(mesh.cells[b].data) for b in blocks]).astype(np.int64)
    if kind == "triangle":
        points = _flat(points, simplices)
    elif points.shape[1] != 3:
        raise ValueError(f"points of tetrahedra must have three coordinates, got shape {points.shape}")
    if name is None:
        return points, simplices, None, None
    if name in mesh.cell_data:
        held = np.concatenate([np.asarray(mesh.cell_data[name][b], dtype=np.float64) for b in blocks])
        return points, simplices, held, "simplex"
    if name in mesh.point_data:
        return points, simplices, np.asarray(mesh.point_data[name], dtype=np.float64), "vertex"
    known = ", ".join(map(repr, [*mesh.cell_data, *mesh.point_data])) or "none"
    raise ValueError(f"values must name data of the mesh, of which there are: {known}; got {name!r}")


def _flat(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Points of the plane, of a mesh whose triangles have one height."""
    if points.shape[1] == 2:
        return points
    used = points[triangles.ravel()]
    if np.ptp(used[:, 2]) > 1e-9 * np.ptp(used[:, :2], axis=0).max():
        raise ValueError("triangles must lie in a plane z = constant, or be the faces of tetrahedra: these do not")
    return np.ascontiguousarray(points[:, :2])


def _meshio() -> ModuleType:
    try:
        import meshio
    except ImportError as error:
        raise ImportError("meshes are read by meshio: pip install 'diracs[mesh]'") from error
    module: ModuleType = meshio
    return module
