"""Moments of cells on meshes: squares and cubes cut into simplices, linear densities, borders, potentials."""

from __future__ import annotations

import numpy as np
import pytest
from meshes import cut_cube
from numpy.testing import assert_allclose

from diracs import _core
from diracs.cells.meshes import halved

KINDS = {2: _core.Mesh, 3: _core.SpaceMesh}


def mesh(corners):
    """From corners (s, d + 1, d + 1), whose last column are densities."""
    s, d = len(corners), corners.shape[1] - 1
    numbers = np.arange(s * (d + 1), dtype=np.int32).reshape(s, d + 1)
    vertices = np.ascontiguousarray(corners[..., :d].reshape(-1, d))
    return KINDS[d](vertices, numbers, np.ascontiguousarray(corners[..., d]))


def cube(n, d, density=lambda x: np.ones(len(x))):
    vertices, simplices = cut_cube(n, d)
    return np.concatenate([vertices, density(vertices)[:, None]], axis=1)[simplices]


def whole(d):
    if d == 2:
        return _core.Polygon(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 1.0)
    return _core.SpaceBox(np.array([[0.0] * 3, [1.0] * 3]), 1.0, np.zeros(3, dtype=bool))


def same(one, other, atol):
    (cells, edges), (ours, between) = one, other
    for name in ("mass", "first", "second"):
        assert_allclose(getattr(ours, name), getattr(cells, name), atol=atol)
    found = [{(i, j): x for i, j, x in zip(e.i, e.j, e.integrals)} for e in (edges, between)]
    for pair in found[0].keys() | found[1].keys():
        a, b = (np.zeros(edges.integrals.shape[1]) if pair not in f else f[pair] for f in found)
        assert_allclose(a, b, atol=atol)


@pytest.mark.parametrize("d, n, seeds", [(2, 1, 1), (2, 4, 50), (2, 20, 30), (3, 1, 40), (3, 4, 25)])
def test_a_cube_in_simplices_is_the_cube(d, n, seeds):
    rng = np.random.default_rng(n)
    y, w = 1.4 * rng.random((seeds, d)) - 0.2, 0.02 * rng.random(seeds)
    density = mesh(cube(n, d))
    same(_core.moments(whole(d), y, w, edges=True), _core.moments(density, y, w, edges=True), 1e-13)


@pytest.mark.parametrize("d", [2, 3])
def test_cells_with_borders_on_those_of_simplices(d):
    """Borders between simplices, and between a simplex and nothing: there half of the density counts."""
    n = 4
    y = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * d, indexing="ij"), axis=-1).reshape(-1, d)
    y, w = np.ascontiguousarray(y), np.zeros(n**d)
    same(_core.moments(whole(d), y, w, edges=True), _core.moments(mesh(cube(n, d)), y, w, edges=True), 1e-13)
    half = cube(n, d)
    half = np.ascontiguousarray(half[half[..., 0].max(axis=1) <= 0.5])
    far = np.concatenate([half, half + np.eye(d + 1)[0] * 3.0])
    edges = _core.moments(mesh(far), y, w, edges=True)[1]
    on_border = np.isclose(y[edges.i, 0] + y[edges.j, 0], 1.0) & (edges.displacement[:, 0] != 0)
    assert on_border.sum() == n ** (d - 1)
    assert_allclose(edges.integrals[on_border, 0], 0.5 / n ** (d - 1))


@pytest.mark.parametrize("d", [2, 3])
def test_linear_densities_do_not_depend_on_the_cutting(d):
    rng = np.random.default_rng(3)
    slope = rng.random(d)
    corners = cube(2, d, lambda x: 0.5 + x @ slope)
    y, w = rng.random((12, d)), 0.01 * rng.random(12)
    one = _core.moments(mesh(corners), y, w, edges=True)
    same(one, _core.moments(mesh(halved(halved(corners))), y, w, edges=True), 1e-14)
    mass, first = one[0].mass, one[0].first
    assert_allclose(mass.sum(), 0.5 + slope.sum() / 2)
    assert_allclose((first + mass[:, None] * y).sum(axis=0), 0.25 + slope.sum() / 4 + slope / 12, rtol=1e-13)


@pytest.mark.parametrize("d", [2, 3])
def test_second_moments_by_refinement(d):
    """Constant densities on many small simplices come near: an error of second order."""
    rng = np.random.default_rng(4)
    corners = cube(1, d, lambda x: rng.random(len(x)))
    y, w = rng.random((5, d)), np.zeros(5)
    exact = _core.moments(mesh(corners), y, w, edges=False)[0]
    errors = []
    for _ in range(3):
        corners = halved(corners)
        flat = corners.copy()
        flat[..., d] = corners[..., d].mean(axis=1, keepdims=True)
        errors.append(np.abs(_core.moments(mesh(flat), y, w, edges=False)[0].second - exact.second).max())
    assert errors[2] < 0.3 * errors[1] < 0.3 * 0.5 * errors[0] < 0.002


@pytest.mark.parametrize("d", [2, 3])
def test_potential_is_the_derivative_in_densities(d):
    """∫ min(|x − y|² − w) ρ is linear in the densities, and known from the moments."""
    rng = np.random.default_rng(5)
    corners = cube(2, d, lambda x: rng.random(len(x)))
    corners[::2] = corners[::2][:, [1, 0, *range(2, d + 1)]]
    y, w = rng.random((9, d)), 0.02 * rng.random(9)
    cells = _core.moments(mesh(corners), y, w, edges=False)[0]
    slopes = mesh(corners).potential(y, w)
    assert slopes.shape == corners.shape[:2]
    assert_allclose((slopes * corners[..., d]).sum(), cells.second.sum() - w @ cells.mass, rtol=1e-13)
    for s in (0, 3, 5):
        only = np.ascontiguousarray(corners[s : s + 1])
        only[0, :, d] = np.eye(d + 1)[1]
        box = _core.moments(mesh(only), y, w, edges=False)[0]
        assert_allclose(slopes[s, 1], box.second.sum() - w @ box.mass, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_small_cells_keep_their_digits(d):
    """A cell of 1e-9 of the mesh, and a mesh of 1e-9 of a cell."""
    rng = np.random.default_rng(6)
    y = 0.3 + 1e-9 * rng.random((30, d))
    one = _core.moments(whole(d), y, np.zeros(30), edges=False)[0]
    two = _core.moments(mesh(cube(2, d)), y, np.zeros(30), edges=False)[0]
    inner = one.mass < 1e-9
    assert inner.any()
    assert_allclose(two.mass, one.mass, rtol=1e-6)
    assert_allclose(two.second[inner], one.second[inner], rtol=1e-6)


@pytest.mark.parametrize("d", [2, 3])
def test_overlaps(d):
    corners = cube(3, d)
    assert not mesh(corners).overlaps(1e-9)
    assert not mesh(halved(corners)).overlaps(1e-9)
    moved = corners[:1].copy()
    moved[..., 0] += 0.1
    assert mesh(np.concatenate([corners, moved])).overlaps(1e-9)
    assert mesh(np.concatenate([corners, corners[-1:]])).overlaps(1e-9)


def test_rectangles():
    """Moments as of cells, and densities that are not above the bound."""
    rng = np.random.default_rng(8)
    slope = rng.random(2)
    density = mesh(cube(4, 2, lambda x: 0.5 + x @ slope))
    low = 0.5 * rng.random((20, 2))
    high = low + 10.0 ** -rng.uniform(0.3, 4, (20, 1))
    mass, centroid, second, peak, rounding = density.rectangles(low, high)
    sides, middle = high - low, 0.5 * (low + high)
    true = (0.5 + middle @ slope) * sides.prod(axis=1)
    assert_allclose(mass, true, rtol=1e-10)
    assert (mass <= true * (1 + 1e-15)).all()
    off = slope * sides**2 / 12 / (0.5 + middle @ slope)[:, None]
    assert_allclose(centroid - middle, off, atol=1e-12)
    assert_allclose(second, true * ((sides**2).sum(axis=1) / 12 - (off**2).sum(axis=1)), rtol=1e-9)
    top = 0.5 + high @ slope
    assert (peak >= top * (1 - 1e-14)).all() and (peak <= top * (1 + 1e-9)).all()
    assert (rounding > 0).all() and (rounding[:, 1] < 1e-8 * second).all()


def test_bad_input():
    vertices, simplices = cut_cube(1, 2)
    density = np.ones(simplices.shape)
    for change in (simplices + 4, simplices - 9):
        with pytest.raises(ValueError, match="number vertices"):
            _core.Mesh(vertices, change, density)
    for wrong, match in ((np.nan * density, "finite"), (-density, "negative"), (0 * density, "hold something")):
        with pytest.raises(ValueError, match=match):
            _core.Mesh(vertices, simplices, wrong)
    with pytest.raises(ValueError, match="fit"):
        _core.SpaceMesh(vertices, simplices, density)
