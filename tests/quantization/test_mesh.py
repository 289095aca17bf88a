"""Quantizers of meshes: bounds on both sides, shapes of several parts, points of one's own, moments."""

from __future__ import annotations

import numpy as np
import pytest
from independent import mesh_cost
from meshes import cut_cube
from numpy.testing import assert_allclose

from diracs import Mesh, PointScheme, PolynomialGrid, Quantization, discretize, quantize, recertify
from diracs.cells.meshes import halved, mean_and_covariance
from diracs.quantization.moment_matching import moments_of


def parts(d, linear):
    """Two blocks, one of them twice as dense, or with a slope."""
    vertices, simplices = cut_cube(1, d)
    far = vertices + 2.0 * np.eye(d)[0]
    every = np.concatenate([vertices, far]), np.concatenate([simplices, simplices + len(vertices)])
    if linear:
        return Mesh(*every, 0.1 + every[0][:, 0] + every[0][:, 1], per="vertex")
    return Mesh(*every, np.repeat([1.0, 2.0], len(simplices)), per="simplex")


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_a_square_in_triangles_is_the_square(n):
    square, mesh = PolynomialGrid([[1.0]]), Mesh(*cut_cube(3, 2))
    one, two = quantize(square, n), quantize(mesh, n)
    assert_allclose(two.w2, one.w2, rtol=2e-3)
    assert two.w2_lower <= one.w2 and one.w2_lower <= two.w2
    assert_allclose(discretize(mesh, one.scheme).w2, one.w2, rtol=1e-10)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("n", [1, 2, 6])
def test_bounds_on_both_sides(d, linear, n):
    mesh = parts(d, linear)
    q = quantize(mesh, n)
    assert len(q) == n and q.exact
    truth = float(mesh_cost(mesh, q.positions)) ** 0.5 if n < 3 else float(q.w2)
    assert q.w2_lower <= truth <= q.w2 <= truth * (1 + 1e-7)
    assert q.w2_lower >= (1 - 1e-9 if n == 1 else 0.7 if d == 3 else 0.9) * q.w2


@pytest.mark.parametrize("d", [2, 3])
def test_fewest_points(d):
    mesh = parts(d, False)
    target = float(quantize(mesh, 12).w2)
    q = quantize(mesh, w2=1.02 * target)
    assert len(q) <= 13 and q.w2 <= 1.02 * target


def test_the_cube_by_eight():
    q = quantize(Mesh(*cut_cube(2, 3)), 8)
    assert_allclose(q.w2, 0.25, rtol=1e-4)
    assert_allclose(np.abs(q.positions - 0.5), 0.25, atol=5e-3)


@pytest.mark.parametrize("scale, away", [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e6)])
@pytest.mark.parametrize("d", [2, 3])
def test_scales_and_places(d, scale, away):
    mesh = parts(d, True)
    one, points = quantize(mesh, 4), None
    moved = Mesh(scale * mesh.vertices + away, mesh.simplices, mesh.values, per="vertex")
    points = scale * one.positions + away
    found = discretize(moved, PointScheme(points))
    assert_allclose(found.w2 / scale, one.w2, rtol=1e-8)
    assert_allclose(found.weights, one.weights, atol=1e-8)
    assert found.w2_lower <= found.w2


def test_overlaps_have_less_of_a_lower_bound():
    """Twice the same square, in other numbers of vertices: what levels hold is not known."""
    vertices, simplices = cut_cube(2, 2)
    twice = Mesh(np.concatenate([vertices, vertices]), np.concatenate([simplices, simplices + len(vertices)]))
    one, two = quantize(Mesh(vertices, simplices), 20), quantize(twice, 20)
    assert_allclose(two.w2, one.w2, rtol=1e-2)
    assert two.w2_lower == 0.0 < one.w2_lower


@pytest.mark.parametrize("d", [2, 3])
def test_given_masses_and_moments(d):
    mesh = parts(d, True)
    q = quantize(mesh, 8)
    again = recertify(mesh, q)
    assert_allclose(again.w2, q.w2, rtol=1e-9)
    assert_allclose(again.w2_given, q.w2, rtol=1e-6)
    m = quantize(mesh, 8, match_moments=True)
    mean, cov = moments_of(mesh)
    off = m.positions - m.weights @ m.positions
    assert_allclose(m.weights @ m.positions, mean, atol=1e-12)
    assert_allclose((off * m.weights[:, None]).T @ off, cov, atol=1e-12)
    assert q.w2 <= m.w2


@pytest.mark.parametrize("d", [2, 3])
def test_moments_by_refinement(d):
    rng = np.random.default_rng(0)
    corners = rng.random((3, d + 1, d + 1))
    exact = mean_and_covariance(corners[..., :d], corners[..., d])
    fine = halved(halved(halved(corners)))
    again = mean_and_covariance(fine[..., :d], fine[..., d])
    x, r = fine[..., :d].mean(axis=1), fine[..., d].mean(axis=1) * np.tile([1.0], len(fine))
    for one, two in zip(exact, again):
        assert_allclose(two, one, rtol=1e-12)
    volumes = np.abs(np.linalg.det(fine[:, 1:, :d] - fine[:, :1, :d])) * r
    mean = volumes @ x / volumes.sum()
    assert_allclose(mean, exact[0], rtol=2e-2)
    assert_allclose(((x - mean) * volumes[:, None]).T @ (x - mean) / volumes.sum(), exact[1], atol=5e-3)


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_files(tmp_path, suffix):
    q = quantize(parts(3, True), 3)
    q.save(tmp_path / f"mesh{suffix}")
    again = Quantization.load(tmp_path / f"mesh{suffix}")
    assert again.w2 == q.w2 and again.distribution.per == "vertex"
    assert again.distribution._simplices == q.distribution._simplices
    assert_allclose(discretize(again.distribution, again.scheme).w2, q.w2, rtol=1e-14)


def test_frameworks():
    torch = pytest.importorskip("torch")
    vertices, simplices = cut_cube(1, 2)
    q = quantize(Mesh(vertices, simplices, torch.tensor([1.0, 2.0])), 3)
    assert q.positions.dtype == torch.float32
    one = quantize(Mesh(vertices, simplices, [1.0, 2.0]), 3)
    assert_allclose(q.w2, one.w2, rtol=1e-4)


def test_other_schemes_are_refused():
    with pytest.raises(ValueError, match="'auto' or 'optimal' for a Mesh"):
        quantize(Mesh(*cut_cube(1, 2)), 3, scheme="grid")
    with pytest.raises(ValueError, match="got 2 and 3"):
        discretize(Mesh(*cut_cube(1, 2)), PointScheme(np.zeros((2, 3))))
