"""Voxel images and Gaussian mixtures in cells of space, against sums over pieces, quadrature and each other."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from diracs import _core

CUBE = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
OPEN = np.zeros(3, bool)


def space_moments(law, seeds, weights, facets, threads=0):
    """Mass, first, second; of the facets i, j, displacement, area, first."""
    cells, edges = _core.moments(law, seeds, weights, edges=facets, threads=threads)
    area, lever = edges.integrals[:, 0], edges.integrals[:, 1:]
    return cells.mass, cells.first, cells.second, edges.i, edges.j, edges.displacement, area, lever


def uniform_parts(values, seeds, weights, box):
    """Moments of an image as a sum over its voxels, each a uniform law on its own box."""
    mass, first, second = np.zeros(len(seeds)), np.zeros((len(seeds), 3)), np.zeros(len(seeds))
    facets = {}
    step = (box[1] - box[0]) / values.shape
    for index in np.ndindex(values.shape):
        low = box[0] + step * index
        law = _core.SpaceBox(np.stack([low, low + step]), float(values[index]), OPEN)
        m, f, s, i, j, _, area, lever = space_moments(law, seeds, weights, facets=True)
        mass, first, second = mass + m, first + f, second + s
        for a, b, x, y in zip(i, j, area, lever, strict=True):
            facets[a, b] = facets.get((a, b), 0.0) + np.append(x, y)
    return mass, first, second, facets


@pytest.mark.parametrize("n", [1, 3, 15])
def test_image_is_the_sum_of_its_voxels(n):
    rng = np.random.default_rng(n)
    values = np.exp(-30 * rng.random((3, 4, 6))) * (rng.random((3, 4, 6)) < 0.8)
    box = np.array([[-1.0, 0.0, 2.0], [1.0, 1.0, 5.0]])
    seeds, weights = box[0] + rng.random((n, 3)) * (box[1] - box[0]), 0.05 * rng.normal(size=n)
    mass, first, second, facets = uniform_parts(values, seeds, weights, box)
    found = space_moments(_core.SpaceImage(values, box, OPEN), seeds, weights, facets=True)
    assert_allclose(found[0], mass, rtol=1e-11)
    assert_allclose(found[1], first, atol=1e-13)
    assert_allclose(found[2], second, rtol=1e-11)
    for a, b, x, y in zip(found[3], found[4], found[6], found[7], strict=True):
        assert_allclose(np.append(x, y), facets[a, b], atol=1e-11)


def test_dark_voxels_keep_their_digits():
    rng = np.random.default_rng(0)
    values = np.ones((6, 6, 6))
    values[3:] = 1e-20
    seeds = rng.random((30, 3))
    dark = seeds[:, 0] > 0.75
    weights = np.zeros(30)
    mass = space_moments(_core.SpaceImage(values, CUBE, OPEN), seeds, weights, facets=False)[0]
    right = _core.SpaceBox(np.array([[0.5, 0, 0], [1.0, 1, 1]]), 1e-20, OPEN)
    left = _core.SpaceBox(np.array([[0.0, 0, 0], [0.5, 1, 1]]), 1.0, OPEN)
    parts = [space_moments(law, seeds, weights, facets=False)[0] for law in (left, right)]
    assert_allclose(mass, parts[0] + parts[1], rtol=1e-12)
    assert (mass[dark] < 1e-18).any()


def test_facets_between_voxels_take_the_mean():
    values = np.array([[[1.0]], [[3.0]]])
    seeds = np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]])
    for periodic in (OPEN, np.ones(3, bool)):
        *_, i, j, _step, area, _lever = space_moments(
            _core.SpaceImage(values, CUBE, periodic), seeds, np.zeros(2), facets=True
        )
        between = (i == 0) & (j == 1)
        assert_allclose(area[between], 2.0)


def test_periodic_image_is_its_tiling():
    rng = np.random.default_rng(2)
    values, seeds, weights = rng.random((3, 4, 2)), rng.random((5, 3)), 0.02 * rng.normal(size=5)
    found = space_moments(_core.SpaceImage(values, CUBE, np.ones(3, bool)), seeds, weights, facets=True)
    shifts = np.stack(np.meshgrid(*[[0, -1, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    copies = np.concatenate([seeds + s for s in shifts])
    tiled = _core.SpaceImage(np.tile(values, (5, 5, 5)), np.array([[-2.0] * 3, [3.0] * 3]), OPEN)
    expected = space_moments(tiled, copies, np.tile(weights, 27), facets=True)
    assert_allclose(found[0], expected[0][:5], rtol=1e-11)
    assert_allclose(found[1], expected[1][:5], atol=1e-13)
    assert_allclose(found[2], expected[2][:5], rtol=1e-11)
    coupling = np.bincount(found[3], found[6], 5) + np.bincount(found[4], found[6], 5)
    own = np.bincount(expected[3] % 5, expected[6] * (expected[3] < 5), 5)
    assert_allclose(coupling, own + np.bincount(expected[4] % 5, expected[6] * (expected[4] < 5), 5), rtol=1e-9)


def test_potential_is_the_derivative_in_the_values():
    rng = np.random.default_rng(3)
    values, seeds, weights = rng.random((3, 2, 4)), rng.random((6, 3)), 0.1 * rng.normal(size=6)
    for periodic in (OPEN, np.ones(3, bool)):
        found = _core.SpaceImage(values, CUBE, periodic).potential(seeds, weights)

        def dual(v, periodic=periodic):
            image = _core.SpaceImage(v, CUBE, periodic)
            mass, _, second, *_ = space_moments(image, seeds, weights, facets=False)
            return second.sum() - mass @ weights

        one = np.zeros(values.shape)
        one[1, 1, 2] = 1.0
        assert_allclose(found[1, 1, 2], dual(values + one) - dual(values), rtol=1e-11)
        assert_allclose((found * values).sum(), dual(values), rtol=1e-12)


COVARIANCE = np.array([[1.0, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, 2.0]])


def gaussian(seeds, weights, mean=(0.1, -0.2, 0.3), cov=COVARIANCE, facets=True):
    law = _core.SpaceMixture(np.array([mean], float), np.ascontiguousarray(cov)[None], np.ones(1))
    return space_moments(law, np.ascontiguousarray(seeds, float), weights, facets=facets)


def test_gaussian_in_boxes():
    # An isotropic Gaussian in the cells of a lattice: products of intervals.
    x = np.array([-1.5, -0.5, 0.5, 1.5])
    seeds = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)
    mean, sigma = np.array([0.0, 0.25, 0.5]), 0.8
    mass, first, second, i, j, _step, area, _ = gaussian(seeds, np.zeros(64), mean, sigma**2 * np.eye(3))
    borders = np.array([-np.inf, -1, 0, 1, np.inf])
    z = (borders - mean[:, None]) / sigma
    shares = np.diff(stats.norm.cdf(z), axis=1)
    expected = shares[0][:, None, None] * shares[1][:, None] * shares[2]
    assert_allclose(mass, expected.ravel(), rtol=1e-11)
    means = mean[:, None] - sigma * np.diff(stats.norm.pdf(z), axis=1) / shares
    centres = np.stack(np.meshgrid(*means, indexing="ij"), axis=-1).reshape(-1, 3)
    assert_allclose(first / mass[:, None], centres - seeds, atol=1e-11)
    assert_allclose(
        second.sum() + 2 * (first * seeds).sum() + mass @ (seeds**2).sum(axis=1), 3 * sigma**2 + mean @ mean
    )
    k = np.flatnonzero((i == 0) & (j == 16))
    assert_allclose(area[k], stats.norm.pdf(z[0, 1]) / sigma * shares[1, 0] * shares[2, 0], rtol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 5, 200])
def test_gaussian_moments_add_up(n):
    rng = np.random.default_rng(n)
    seeds, weights = rng.normal(size=(n, 3)), 0.1 * rng.normal(size=n)
    mass, first, second, *_ = gaussian(seeds, weights)
    mean = np.array([0.1, -0.2, 0.3])
    assert_allclose(mass.sum(), 1.0, atol=1e-12)
    assert_allclose((first + mass[:, None] * seeds).sum(axis=0), mean, atol=1e-12)
    total = second.sum() + 2 * (first * seeds).sum() + mass @ (seeds**2).sum(axis=1)
    assert_allclose(total, np.trace(COVARIANCE) + mean @ mean, rtol=1e-12)


def test_gaussian_masses_by_sampling():
    rng = np.random.default_rng(4)
    seeds, weights = rng.normal(size=(12, 3)), 0.3 * rng.normal(size=12)
    mass, _first, *_ = gaussian(seeds, weights)
    x = rng.multivariate_normal([0.1, -0.2, 0.3], COVARIANCE, 100_000)
    cell = (((x[:, None] - seeds) ** 2).sum(axis=2) - weights).argmin(axis=1)
    share = np.bincount(cell, minlength=12) / len(x)
    assert (np.abs(share - mass) < 5 * np.sqrt(mass / len(x)) + 1e-5).all()


def test_gaussian_derivatives():
    rng = np.random.default_rng(5)
    seeds, weights = rng.normal(size=(9, 3)), 0.1 * rng.normal(size=9)
    _, _, _, i, j, step, area, lever = gaussian(seeds, weights)
    h = 1e-5
    up, down = weights.copy(), weights.copy()
    up[2] += h
    down[2] -= h
    plus, minus = gaussian(seeds, up), gaussian(seeds, down)
    expected, moved = np.zeros(9), np.zeros((9, 3))
    for a, b, s, size, d in zip(i, j, step, area, lever, strict=True):
        for this, other, arm in ((a, b, d), (b, a, d - size * s)):
            change = (float(this == 2) - float(other == 2)) / (2 * np.linalg.norm(s))
            expected[this] += change * size
            moved[this] += change * arm
    assert_allclose((plus[0] - minus[0]) / (2 * h), expected, atol=1e-8)
    assert_allclose((plus[1] - minus[1]) / (2 * h), moved, atol=1e-8)


def test_far_cells_keep_their_digits():
    # Slabs, quadrants and octants ten deviations out: masses of 1e-23, 1e-46, 1e-69.
    x = np.array([0.0, 20.0])
    seeds = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)
    mass, *_, i, j, _, area, _ = gaussian(seeds, np.zeros(8), np.zeros(3), np.eye(3))
    tail, edge = stats.norm.sf(10.0), stats.norm.pdf(10.0)
    assert_allclose(mass[[1, 3, 7]], [tail, tail**2, tail**3], rtol=1e-9)
    assert_allclose(area[(i == 0) & (j == 1)], edge, rtol=1e-11)
    assert_allclose(area[(i == 1) & (j == 3)], edge * tail, rtol=1e-9)


def test_small_and_large_cells_agree():
    # The same cells by pyramids and, with the seeds and the law stretched, by edges.
    rng = np.random.default_rng(6)
    cluster = rng.random((40, 3)) - 0.5
    outer = np.array([[1.5, 0, 0], [-1.5, 0, 0], [0, 1.5, 0], [0, -1.5, 0], [0, 0, 1.5], [0, 0, -1.5]])
    seeds = np.concatenate([cluster, outer])
    for wide in (0.5, 2.0, 8.0, 20.0):
        mean = np.array([0.3, 0.1, 1.0 * wide])
        mass, first, second, *_ = gaussian(seeds, np.zeros(46), mean, wide**2 * np.eye(3))
        assert_allclose(mass.sum(), 1.0, atol=1e-12)
        total = second.sum() + 2 * (first * seeds).sum() + mass @ (seeds**2).sum(axis=1)
        assert_allclose(total, 3 * wide**2 + mean @ mean, rtol=1e-12)
        nodes, w = np.polynomial.legendre.leggauss(12)
        start, vertices, face, _, _, corner, corners = _core.space_cells(
            seeds, np.zeros(46), np.array([[-90.0] * 3, [90.0] * 3]), OPEN
        )
        for k in range(2):
            own = vertices[start[k] : start[k + 1]]
            c, integral = own.mean(axis=0), 0.0
            u = 0.5 * (nodes + 1)
            r, s, t = (x.ravel() for x in np.meshgrid(u, u, u, indexing="ij"))
            scale = np.einsum("i,j,k->ijk", w, w, w).ravel() / 8 * r**2 * s
            for f in range(face[k], face[k + 1]):
                ring = own[corners[corner[f] : corner[f + 1]]]
                for a, b in itertools.pairwise(ring):
                    x = c + r[:, None] * ((ring[0] - c) + s[:, None] * ((a - ring[0]) + t[:, None] * (b - a)))
                    volume = abs(np.linalg.det(np.stack([ring[0] - c, a - ring[0], b - a])))
                    density = np.exp(-0.5 * ((x - mean) ** 2).sum(axis=1) / wide**2) / (2 * np.pi * wide**2) ** 1.5
                    integral += volume * (scale * density).sum()
            assert_allclose(mass[k], integral, rtol=2e-12)


def test_feet_on_vertices_and_edges():
    # Means on corners, edges and faces of cells, near and far.
    x = np.arange(-2.0, 3.0)
    seeds = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)
    for mean in ([0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0], [0.5, 0.5, 0], [7.5, 0.5, 0.5], [7.5, 0.5, 0.0]):
        for sigma in (0.02, 0.3, 1.0, 30.0):
            mass, _first, _second, *_ = gaussian(seeds, np.zeros(125), mean, sigma**2 * np.eye(3))
            borders = np.concatenate([[-np.inf], x[:-1] + 0.5, [np.inf]])
            shares = [np.diff(stats.norm.cdf((borders - m) / sigma)) for m in mean]
            expected = (shares[0][:, None, None] * shares[1][:, None] * shares[2]).ravel()
            assert_allclose(mass, expected, atol=2e-13)


def test_components_are_derivatives():
    rng = np.random.default_rng(7)
    means, covs = rng.normal(size=(2, 3)), np.stack([COVARIANCE, 0.3 * np.eye(3)])
    seeds, weights = rng.normal(size=(8, 3)), 0.1 * rng.normal(size=8)
    law = _core.SpaceMixture(means, covs, np.array([0.5, 0.5]))
    potential, first, curvature = law.components(seeds, weights)

    def dual(mean, cov):
        mass, _, second, *_ = gaussian(seeds, weights, mean, cov, facets=False)
        return second.sum() - mass @ weights

    for k in range(2):
        assert_allclose(potential[k], dual(means[k], covs[k]), rtol=1e-12)
        h = 1e-5
        for a in range(3):
            step = h * np.eye(3)[a]
            slope = (dual(means[k] + step, covs[k]) - dual(means[k] - step, covs[k])) / (2 * h)
            assert_allclose(2 * first[k, a], slope, atol=1e-8)
        bump = h * np.array([[1.0, 0.5, 0.2], [0.5, 0.7, 0.1], [0.2, 0.1, 0.3]])
        slope = (dual(means[k], covs[k] + bump) - dual(means[k], covs[k] - bump)) / (2 * h)
        assert_allclose(np.sum((np.eye(3) - curvature[k]) * bump) / h, slope, atol=1e-8)


def test_needles_among_cospherical_seeds():
    """All cells meet in the middle, where facets have edges between vertices on one spot, of any direction."""
    n, rng = 10, np.random.default_rng(10)
    means = np.array([[0.3, 0.4, 0.5], [0.5, 0.9, -0.2]])
    covs = np.array([[[0.04, 0.01, 0.0], [0.01, 0.02, 0.005], [0.0, 0.005, 0.5]], np.diag([1e-6, 1e-6, 1.0])])
    for _ in range(8):
        ways = rng.random((n, 3)) - 0.5
        seeds = 0.5 + 0.3 * ways / np.linalg.norm(ways, axis=1, keepdims=True)
        law = _core.SpaceMixture(means, covs, np.array([0.5, 0.5]))
        mass = space_moments(law, np.ascontiguousarray(seeds), np.zeros(n), facets=True)[0]
        assert_allclose(mass.sum(), 1.0, atol=1e-12)


@pytest.mark.parametrize("case", range(5))
def test_planes_that_almost_share_a_line(case):
    """Found by chance: faces with corners in any order; in the last one cracks of no width between edges."""
    found = np.load(Path(__file__).parents[1] / "data" / "pencils.npz")
    seeds, weights = found[f"seeds{case}"], found[f"weights{case}"]
    box = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
    covs = np.stack([np.diag([0.5, 0.3, 0.2]), np.diag([0.05, 0.2, 0.3])])
    laws = [
        (_core.SpaceBox(box, 0.125, OPEN), np.zeros(3)),
        (_core.SpaceImage(np.full((3, 4, 2), 0.125), box, OPEN), np.zeros(3)),
        *((_core.SpaceMixture(np.full((1, 3), 0.1), cov[None], np.ones(1)), np.full(3, 0.1)) for cov in covs),
        (_core.SpaceMixture(np.array([[0.1, 0.2, 0.1]]), covs[:1], np.ones(1)), np.array([0.1, 0.2, 0.1])),
        (_core.SpaceMixture(np.array([[-0.3, 0.4, 0.0]]), covs[1:], np.ones(1)), np.array([-0.3, 0.4, 0.0])),
    ]
    for law, mean in laws:
        mass, first, *_, area, _ = space_moments(law, seeds, weights, facets=True)
        assert mass.min() >= 0.0 and area.min() > 0.0
        assert_allclose(mass.sum(), 1.0, atol=1e-12)
        assert_allclose((first + mass[:, None] * seeds).sum(axis=0), mean, atol=1e-11)


def laws():
    rng = np.random.default_rng(12)
    covs = np.stack([0.05 * COVARIANCE, 0.3 * np.eye(3)])
    several = _core.SpaceMixture(np.array([[0.2, 0.5, 0.4], [0.7, 0.3, 0.6]]), covs, np.array([0.6, 0.4]))
    narrow = _core.SpaceMixture(np.full((1, 3), 0.5), 0.003 * COVARIANCE[None], np.ones(1))
    return [
        _core.SpaceBox(CUBE, 1.0, OPEN),
        _core.SpaceBox(CUBE, 1.0, np.array([True, False, True])),
        _core.SpaceImage(rng.random((3, 2, 4)), CUBE, OPEN),
        several,
        narrow,
    ]


@pytest.mark.parametrize("law", laws(), ids=["box", "partly periodic", "voxels", "mixture", "narrow"])
@pytest.mark.parametrize("n", [2, 25])
def test_second_moments_of_facets_are_derivatives(law, n):
    # At x the facet between i and j moves towards j by (dyᵢ·(x − yᵢ) − dyⱼ·(x − yⱼ))/|yᵢ − yⱼ|.
    rng = np.random.default_rng(n)
    seeds, along = rng.random((n, 3)), rng.normal(size=(n, 3))
    cells, edges = _core.moments(law, seeds, np.zeros(n), edges=True, second=True)
    plain = _core.moments(law, seeds, np.zeros(n), edges=True)[1]
    assert np.array_equal(edges.integrals[:, :4], plain.integrals) and edges.integrals.shape[1] == 10
    expected = -cells.mass[:, None] * along
    pick = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    for i, j, step, gap, (zeroth, *rest) in zip(*edges, strict=True):
        first, second = np.array(rest[:3]), np.array(rest[3:])[pick]
        moved = (second @ (along[i] - along[j]) + first * (step @ along[j])) / gap
        expected[i] += moved
        mass = (first @ (along[i] - along[j]) + zeroth * (step @ along[j])) / gap
        expected[j] -= moved - step * mass
    h = 1e-5
    plus, minus = (_core.moments(law, seeds + s * h * along, np.zeros(n), edges=False)[0].first for s in (1, -1))
    assert_allclose((plus - minus) / (2 * h), expected, atol=2e-7)


@pytest.mark.parametrize("apart", [1e8, 1e9, 3e9])
def test_edges_far_from_a_component_come_to_an_end(apart):
    # Whitened coordinates of such edges are so large that steps along them may be below their spacing.
    rng = np.random.default_rng(0)
    means = apart * np.array([[0.0, 0.0, 0.0], [1.0, 0.7, 0.3], [0.2, 1.0, 0.9]])
    law = _core.SpaceMixture(means, np.stack([np.eye(3)] * 3), np.full(3, 1 / 3))
    for _ in range(10):
        seeds = means[rng.integers(3, size=12)] + rng.normal(size=(12, 3)) * 10.0 ** rng.uniform(-1, 4)
        cells = space_moments(law, seeds, np.zeros(12), facets=True)
        assert_allclose(cells[0].sum(), 1.0, rtol=1e-6)
