"""Files of power diagrams, read back by a parser of their own and, where it is there, by meshio."""

import base64
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from diracs import PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan

RNG = np.random.default_rng(0)
DIAGRAMS = {
    "plane": PowerDiagram(RNG.random((12, 2)), 0.05 * RNG.random(12), domain=[[0.0, 0.0], [1.0, 2.0]]),
    "plane torus": PowerDiagram(RNG.random((12, 2)), domain=[[0.0, 0.0], [1.0, 1.0]], periodic=True),
    "space": PowerDiagram(RNG.random((12, 3)), 0.05 * RNG.random(12), domain=[[0.0, 0, 0], [1.0, 2, 1]]),
    "space torus": PowerDiagram(RNG.random((5, 3)), domain=[[0.0, 0, 0], [1.0, 1, 1]], periodic=True),
    "hidden": PowerDiagram(RNG.random((6, 3)), [0.0, -9.0, 0.0, 0.0, -9.0, 0.0], domain=[[0.0, 0, 0], [1.0, 1, 1]]),
    "hidden in the plane": PowerDiagram(RNG.random((4, 2)), [0.0, -9.0, 0.0, 0.0], domain=[[0.0, 0], [1.0, 1]]),
}


def read(path):
    """All arrays of a file by their names."""
    arrays = {}
    for node in ET.parse(path).iter("DataArray"):
        raw = base64.b64decode(node.text)
        dtype = {"Float64": "<f8", "Int64": "<i8", "UInt8": "u1"}[node.get("type")]
        assert int(np.frombuffer(raw[:8], "<u8")[0]) == len(raw) - 8
        values = np.frombuffer(raw[8:], dtype)
        arrays[node.get("Name")] = values.reshape(-1, int(node.get("NumberOfComponents", 1)))
    return {name: x[:, 0] if x.shape[1] == 1 else x for name, x in arrays.items()}


def size(points, faces):
    """Volume of a polyhedron whose faces are counterclockwise seen from outside, by the divergence theorem."""
    total = 0.0
    for face in faces:
        a, rest = points[face[0]], points[face[1:]]
        total += np.einsum("i,ki->", a, np.cross(rest[:-1], rest[1:])) / 6
    return total


@pytest.mark.parametrize("name", DIAGRAMS)
def test_cells_come_back_with_their_masses(name, tmp_path):
    diagram = DIAGRAMS[name]
    vectors = RNG.random((len(diagram), 3))
    diagram.save(tmp_path / "cells.vtu", {"shift & more": vectors})
    found = read(tmp_path / "cells.vtu")
    kept = np.flatnonzero(diagram.masses > 0)
    np.testing.assert_array_equal(found["seed"], kept)
    np.testing.assert_array_equal(found["mass"], diagram.masses[kept])
    np.testing.assert_array_equal(found["weight"], diagram.weights[kept])
    np.testing.assert_array_equal(found["shift & more"], vectors[kept])
    assert len(found["connectivity"]) == len(found["Points"]) == found["offsets"][-1]
    begin, face_begin = 0, 0
    for cell, end in enumerate(found["offsets"]):
        points = found["Points"][found["connectivity"][begin:end]]
        if diagram.positions.shape[1] == 2:
            assert found["types"][cell] == 7
            x, y = points[:, :2].T
            area = 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))
        else:
            assert found["types"][cell] == 42
            stream = list(found["faces"][face_begin : found["faceoffsets"][cell]])
            face_begin, count, faces = found["faceoffsets"][cell], stream.pop(0), []
            while stream:
                faces.append(np.array(stream[1 : 1 + stream[0]]))
                stream = stream[1 + stream[0] :]
            assert len(faces) == count
            assert set(np.concatenate(faces)) <= set(range(begin, end))
            area = size(found["Points"], faces)
        assert area == pytest.approx(found["mass"][cell], rel=1e-9)
        begin = end


@pytest.mark.parametrize("name", ["plane", "hidden in the plane"])
def test_meshio_reads_polygons(name, tmp_path):
    meshio = pytest.importorskip("meshio")
    diagram = DIAGRAMS[name]
    diagram.save(tmp_path / "cells.vtu")
    mesh = meshio.read(tmp_path / "cells.vtu")
    assert sum(len(block.data) for block in mesh.cells) == (diagram.masses > 0).sum()
    assert np.concatenate(mesh.cell_data["mass"]).sum() == pytest.approx(diagram.masses.sum())


def test_cells_of_a_plan_with_its_masses(tmp_path):
    plan = optimal_transport_plan(SumOfDiracs(RNG.random((8, 2))), PolynomialGrid(RNG.random((3, 3))))
    plan.power_diagram.save(tmp_path / "cells.vtu", {"held": plan.cell_masses})
    np.testing.assert_allclose(read(tmp_path / "cells.vtu")["held"], 1 / 8, rtol=1e-8)


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.vtu"):
        DIAGRAMS["plane"].save(tmp_path / "cells.vtk")
    with pytest.raises(ValueError, match=r"cell_data\['x'\] must have shape"):
        DIAGRAMS["plane"].save(tmp_path / "cells.vtu", {"x": np.zeros(3)})


@pytest.mark.parametrize("d", [2, 3])
def test_grids_of_pyvista(d):
    pytest.importorskip("pyvista")
    diagram = PowerDiagram(np.random.default_rng(d).random((12, d)), domain=[[0.0] * d, [1.0] * d])
    grid = diagram.to_pyvista({"grain": np.arange(12.0)})
    sizes = grid.compute_cell_sizes()["Area" if d == 2 else "Volume"]
    np.testing.assert_allclose(np.abs(sizes), diagram.masses[grid["seed"]], rtol=1e-9)
    np.testing.assert_array_equal(grid["grain"], grid["seed"])
    assert grid.n_cells == 12
