"""Meshes: what they take and refuse, how they are normalized, copied and read."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from meshes import cut_cube
from numpy.testing import assert_allclose

from diracs import Mesh

SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
HALVES = [[0, 1, 2], [0, 2, 3]]


def test_values_of_simplices_and_of_vertices():
    one = Mesh(SQUARE, HALVES, [1.0, 3.0])
    assert one.per == "simplex" and one.ndim == 2
    assert_allclose(one.values @ one.volumes, 1.0)
    assert_allclose(one.densities, [[0.5] * 3, [1.5] * 3])
    two = Mesh(SQUARE, HALVES, [1.0, 2.0, 3.0, 4.0])
    assert two.per == "vertex"
    assert_allclose(two.densities.mean(axis=1) @ two.volumes, 1.0)
    assert_allclose(two.values / two.values[0], [1.0, 2.0, 3.0, 4.0])
    assert_allclose(Mesh(SQUARE, HALVES).values, 1.0)
    assert_allclose(Mesh(SQUARE, HALVES, per="vertex").values, 1.0)
    assert two.domain.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_as_many_simplices_as_vertices():
    vertices = [[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1.5, 1.0]]
    simplices = [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [1, 2, 5], [5, 5, 5]]
    with pytest.raises(ValueError, match="per='simplex' or per='vertex'"):
        Mesh(vertices, simplices, np.ones(6))
    assert Mesh(vertices, simplices, np.ones(6), per="vertex").per == "vertex"
    assert Mesh(vertices, simplices, np.ones(6), per="simplex").per == "simplex"
    assert Mesh(vertices, simplices).per == "simplex"


@pytest.mark.parametrize("d", [2, 3])
def test_orientation_does_not_matter(d):
    vertices, simplices = cut_cube(2, d)
    rng = np.random.default_rng(0)
    turned = np.array([rng.permutation(row) for row in simplices])
    values = rng.random(len(vertices))
    assert_allclose(Mesh(vertices, turned, values, per="vertex").volumes, Mesh(vertices, simplices).volumes)
    assert_allclose(Mesh(vertices, turned, values, per="vertex").values, Mesh(vertices, simplices, values).values)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6, 1e-90])
def test_scales(scale):
    vertices, simplices = cut_cube(2, 3)
    mesh = Mesh(scale * vertices, simplices)
    assert_allclose(mesh.values, scale**-3.0)
    assert_allclose(mesh.volumes.sum(), scale**3.0)


@pytest.mark.parametrize(
    "vertices, simplices, values, message",
    [
        ([[0, 0], [1, np.nan], [0, 1]], [[0, 1, 2]], None, "vertices must be finite"),
        ([0.0, 1.0], [[0, 1, 2]], None, r"vertices must have shape \(v, 2\) or \(v, 3\)"),
        ([[0.0], [1.0]], [[0, 1]], None, r"vertices must have shape"),
        (SQUARE, [[0, 1, 2, 3]], None, r"simplices must have shape \(s, 3\), triangles"),
        (SQUARE, [0, 1, 2], None, "simplices must have shape"),
        (SQUARE, np.zeros((0, 3), int), None, "simplices must have shape"),
        (SQUARE, [[0, 1, 4]], None, "number vertices from 0 to 3"),
        (SQUARE, [[0, 1, -1]], None, "number vertices from 0 to 3"),
        (SQUARE, HALVES, [1.0, -1.0], "values must not be negative"),
        (SQUARE, HALVES, [1.0, np.inf], "values must be finite"),
        (SQUARE, HALVES, [0.0, 0.0], "values must not be zero wherever"),
        (SQUARE, [[0, 1, 2], [3, 3, 3]], [0.0, 1.0], "values must not be zero wherever"),
        (SQUARE, HALVES, [1.0, 1.0, 1.0], r"values must have shape \(2,\), one per simplex, or \(4,\)"),
        (SQUARE, [[0, 1, 1]], None, "flat"),
        ([[2.0, 3.0]], [[0, 0, 0]], None, "box of volume"),
        (SQUARE, [[0, 1, 2], [0, 1, 3]], None, "overlap, but 0 and 1"),
        (SQUARE, [[0, 1, 2], [2, 0, 1]], None, "overlap"),
    ],
)
def test_bad_input(vertices, simplices, values, message):
    with pytest.raises(ValueError, match=message):
        Mesh(vertices, simplices, values)


def test_more_bad_input():
    with pytest.raises(TypeError, match="simplices must be integers"):
        Mesh(SQUARE, [[0.0, 1.0, 2.0]])
    with pytest.raises(ValueError, match="per must be"):
        Mesh(SQUARE, HALVES, per="triangle")
    with pytest.raises(ValueError, match=r"shape \(4,\), one per vertex"):
        Mesh(SQUARE, HALVES, [1.0, 2.0], per="vertex")
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="derivatives in values only"):
        Mesh(torch.tensor(SQUARE, requires_grad=True), HALVES)


def test_three_simplices_at_a_facet():
    """A third one lies on the side of one of the others."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [0.1, 0.1, 2.0]])
    Mesh(vertices, [[0, 1, 2, 3], [0, 1, 2, 4]])
    with pytest.raises(ValueError, match="overlap"):
        Mesh(vertices, [[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 2, 5]])


def test_flat_simplices_are_allowed():
    line = [*SQUARE, [2.0, 0.0]]
    mesh = Mesh(line, [*HALVES, [0, 1, 4], [0, 1, 1]], [1.0, 1.0, 5.0, 7.0])
    assert_allclose(mesh.values, [1.0, 1.0, 5.0, 7.0])


def test_numbers_of_frameworks():
    torch = pytest.importorskip("torch")
    values = torch.tensor([1.0, 3.0], dtype=torch.float32, requires_grad=True)
    mesh = Mesh(torch.tensor(SQUARE), torch.tensor(HALVES), values)
    assert mesh.values.dtype == torch.float32 and isinstance(mesh.vertices, np.ndarray)
    mesh.values[0].backward()
    # v₀ / (½ v₀ + ½ v₁)
    assert_allclose(values.grad, [3.0 / 2 / 4, -1.0 / 2 / 4], rtol=1e-6)
    assert Mesh(torch.tensor(SQUARE), HALVES).values.dtype == torch.float32


def test_copies():
    mesh = Mesh(*cut_cube(2, 3))
    for again in (pickle.loads(pickle.dumps(mesh)), copy.copy(mesh), copy.deepcopy(mesh)):
        assert_allclose(again.values, mesh.values)
        assert not again.vertices.flags.writeable
        assert again._simplices == mesh._simplices and hash(again._simplices) == hash(mesh._simplices)
    assert mesh._simplices != Mesh(*cut_cube(1, 3))._simplices
    assert repr(mesh) == "Mesh(48 tetrahedra, 27 vertices, constant on each)"
    with pytest.raises(ValueError, match="read-only"):
        mesh.vertices[0] = 1.0


def test_pickles_hold_no_hash():
    """That of bytes is another in every process."""
    mesh = Mesh(*cut_cube(2, 3))
    before = len(pickle.dumps(mesh))
    assert hash(mesh._simplices) and mesh._simplices.numbers and mesh._simplices.unit_volumes.size
    assert len(pickle.dumps(mesh)) == before


def test_nobody_else_holds_the_arrays():
    vertices, simplices, values = np.array(SQUARE), np.array(HALVES), np.array([1.0, 3.0])
    mesh = Mesh(vertices, simplices, values)
    for array in (vertices, values, simplices):
        array[0] = 0
    assert mesh.vertices[1, 0] == 1.0 and mesh.values[0] == 0.5 and mesh.simplices[0].tolist() == [0, 1, 2]


def _as_meshio(points, cells, **data):
    blocks = [SimpleNamespace(type=kind, data=np.array(rows)) for kind, rows in cells]
    return SimpleNamespace(points=np.array(points), cells=blocks, cell_data={}, point_data={}, **data)


def test_from_meshio():
    flat = np.c_[SQUARE, np.full(4, 0.7)]
    given = _as_meshio(flat, [("line", [[0, 1]]), ("triangle", HALVES[:1]), ("triangle", HALVES[1:])])
    given.cell_data["heat"] = [np.zeros(1), np.ones(1), 3.0 * np.ones(1)]
    given.point_data["cold"] = np.arange(4.0)
    assert_allclose(Mesh.from_meshio(given).values, 1.0)
    assert_allclose(Mesh.from_meshio(given, "heat").values, [0.5, 1.5])
    assert Mesh.from_meshio(given, "cold").per == "vertex"
    with pytest.raises(ValueError, match="'heat', 'cold'; got 'warm'"):
        Mesh.from_meshio(given, "warm")
    given.points[2, 2] = 0.0
    with pytest.raises(ValueError, match="plane z = constant"):
        Mesh.from_meshio(given)
    with pytest.raises(ValueError, match="got cells of type line"):
        Mesh.from_meshio(_as_meshio(flat, [("line", [[0, 1]])]))
    solid = _as_meshio(np.eye(4)[:, :3], [("triangle", [[0, 1, 2]]), ("tetra", [[0, 1, 2, 3]])])
    assert Mesh.from_meshio(solid).ndim == 3


def test_from_file(tmp_path):
    meshio = pytest.importorskip("meshio")
    vertices, simplices = cut_cube(2, 3)
    heat = np.arange(48.0)
    meshio.Mesh(vertices, [("tetra", simplices)], cell_data={"heat": [heat]}).write(tmp_path / "cube.vtu")
    mesh = Mesh.from_file(tmp_path / "cube.vtu", "heat")
    assert_allclose(mesh.values, Mesh(vertices, simplices, heat).values)
    assert_allclose(mesh.vertices, vertices)
    with pytest.raises(FileNotFoundError, match="no file"):
        Mesh.from_file(tmp_path / "sphere.vtu")
