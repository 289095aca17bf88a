"""Power diagrams as files for ParaView, VTK and PyVista: VTK's XML format for unstructured grids (`.vtu`).

The format is that of VTK's documentation, "XML file formats": arrays are base64 of their size in bytes and their bytes,
little-endian. A polyhedron (cell type 42) has its faces besides, as their number, and for each its size and points.
meshio reads polygons; of polyhedra it (5.3) mixes up the data where their numbers of points differ.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import concrete, framework

if TYPE_CHECKING:
    from diracs.transport.power_diagram import PowerDiagram
    from diracs.transport.power_diagram_space import SpacePowerDiagram

# VTK's numbers for its kinds of cells.
_POLYGON, _POLYHEDRON = 7, 42


class _Mesh(NamedTuple):
    """Cells with points of their own."""

    seeds: np.ndarray  # (c,) the cells that are not empty
    points: np.ndarray  # (p, 3)
    ends: np.ndarray  # (c,) of the points of each cell
    kind: int
    faces: np.ndarray | None = None  # of polyhedra, as above
    face_ends: np.ndarray | None = None  # (c,)


def write_polygons(diagram: PowerDiagram, path: str | os.PathLike[str], cell_data: Mapping[str, Any] | None) -> None:
    """The cells of a diagram of the plane, at height zero."""
    sizes = np.array([len(cell) for cell in diagram.cells])
    kept = np.flatnonzero(sizes)
    corners = np.concatenate([np.empty((0, 2)), *diagram.cells])
    points = np.column_stack([corners, np.zeros(len(corners))])
    _write(path, diagram, _Mesh(kept, points, np.cumsum(sizes[kept]), _POLYGON), cell_data)


def write_polyhedra(
    diagram: SpacePowerDiagram, path: str | os.PathLike[str], cell_data: Mapping[str, Any] | None
) -> None:
    """The cells of a diagram of space."""
    first, vertices, face, _, _, corner, corners = diagram._polyhedra
    kept = np.flatnonzero(np.diff(first))
    faces, sizes = np.diff(face), np.diff(corner)
    owner = np.repeat(np.arange(len(diagram)), faces)
    points = corners + np.repeat(first[owner], sizes)
    # Before the points of each face their number, before the faces of each cell theirs.
    stream = np.insert(points, corner[:-1], sizes)
    begins = corner[face[kept]] + face[kept]
    stream = np.insert(stream, begins, faces[kept])
    ends = np.cumsum(1 + faces[kept] + np.bincount(owner, sizes, minlength=len(diagram))[kept].astype(np.int64))
    _write(path, diagram, _Mesh(kept, vertices, first[kept + 1], _POLYHEDRON, stream, ends), cell_data)


def as_pyvista(diagram: PowerDiagram, cell_data: Mapping[str, Any] | None) -> Any:
    """The cells as a grid of PyVista, which has to be installed."""
    import pyvista

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.vtu"
        diagram.save(path, cell_data)
        return pyvista.read(path)


def _write(
    path: str | os.PathLike[str], diagram: PowerDiagram, mesh: _Mesh, cell_data: Mapping[str, Any] | None
) -> None:
    """The cells that are not empty, with their seeds' numbers, masses and weights, and more data (n, …)."""
    if Path(path).suffix.lower() != ".vtu":
        raise ValueError(f"path must end in .vtu, got {os.fspath(path)!r}")
    data = {"seed": np.arange(len(diagram)), "mass": diagram.masses, "weight": diagram.weights}
    for name, values in (cell_data or {}).items():
        given = concrete(checks.floating("cell_data", values, framework(values)))
        if given.ndim not in (1, 2) or len(given) != len(diagram):
            raise ValueError(f"cell_data[{name!r}] must have shape ({len(diagram)},) or ({len(diagram)}, k)")
        data[str(name)] = given
    cells = {
        "connectivity": np.arange(len(mesh.points)),
        "offsets": mesh.ends,
        "types": np.full(len(mesh.seeds), mesh.kind, np.uint8),
    }
    if mesh.faces is not None and mesh.face_ends is not None:
        cells |= {"faces": mesh.faces, "faceoffsets": mesh.face_ends}
    shown = {name: values[mesh.seeds] for name, values in data.items()}
    body = "\n".join(
        f"<{tag}>\n{''.join(_array(name, values) for name, values in arrays.items())}</{tag}>"
        for tag, arrays in (("Points", {"Points": mesh.points}), ("Cells", cells), ("CellData", shown))
    )
    piece = f'<Piece NumberOfPoints="{len(mesh.points)}" NumberOfCells="{len(mesh.seeds)}">\n{body}\n</Piece>'
    head = 'type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" header_type="UInt64"'
    text = f"<VTKFile {head}>\n<UnstructuredGrid>\n{piece}\n</UnstructuredGrid>\n</VTKFile>\n"
    Path(path).write_text(f'<?xml version="1.0"?>\n{text}', encoding="utf-8")


def _array(name: str, values: np.ndarray) -> str:
    """One array, integers as Int64 (bytes as they are), all else as Float64."""
    kind = "UInt8" if values.dtype == np.uint8 else "Int64" if values.dtype.kind in "iu" else "Float64"
    raw = np.ascontiguousarray(values, {"UInt8": "u1", "Int64": "<i8", "Float64": "<f8"}[kind]).tobytes()
    text = base64.b64encode(np.array(len(raw), "<u8").tobytes() + raw).decode("ascii")
    components = f' NumberOfComponents="{values.shape[1]}"' if values.ndim == 2 else ""
    label = name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<DataArray type="{kind}" Name="{label}"{components} format="binary">{text}</DataArray>\n'
