"""Power cells in space: a partition, facets that match, lattices, tori, and all that is degenerate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial import ConvexHull, Voronoi

from diracs import _core

CUBE = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
OPEN = np.zeros(3, bool)
TORUS = np.ones(3, bool)


def space_moments(law, seeds, weights, facets, threads=0):
    """Mass, first, second; of the facets i, j, displacement, area, first."""
    cells, edges = _core.moments(law, seeds, weights, edges=facets, threads=threads)
    area, lever = edges.integrals[:, 0], edges.integrals[:, 1:]
    return cells.mass, cells.first, cells.second, edges.i, edges.j, edges.displacement, area, lever


def moments(seeds, weights=None, box=CUBE, periodic=OPEN, density=1.0, threads=0):
    weights = np.zeros(len(seeds)) if weights is None else weights
    law = _core.SpaceBox(np.ascontiguousarray(box, float), density, np.array(periodic, bool))
    return space_moments(law, np.ascontiguousarray(seeds, float), weights, facets=True, threads=threads)


def check_partition(seeds, weights, box=CUBE, periodic=OPEN, tolerance=1e-12):
    """Volumes add up; moments agree with the box's; the forces of facets on a closed surface cancel."""
    seeds, weights = np.ascontiguousarray(seeds, float), np.ascontiguousarray(weights, float)
    mass, first, second, i, j, _step, area, _lever = moments(seeds, weights, box, periodic)
    volume = np.prod(box[1] - box[0])
    size = np.abs(box).max() + np.abs(seeds).max()
    assert_allclose(mass.sum(), volume, rtol=tolerance)
    assert (mass >= 0).all() and (second >= 0).all() and (area > 0).all() and (i <= j).all()
    if not np.any(periodic):
        total = (first + mass[:, None] * seeds).sum(axis=0)
        assert_allclose(total, volume * box.mean(axis=0), atol=tolerance * volume * size)
    start, vertices, face, _labels, _steps, _corner, _corners = _core.space_cells(
        seeds, weights, np.ascontiguousarray(box, float), np.array(periodic, bool)
    )
    for k in np.flatnonzero(mass > 1e-9 * volume)[:8]:
        own = vertices[start[k] : start[k + 1]]
        # Euler's formula, with three edges at each vertex.
        assert len(own) == 2 * (face[k + 1] - face[k]) - 4
        side = (box[1] - box[0]).max()
        hull = ConvexHull((own - own.mean(axis=0)) / side, qhull_options="QJ Pp")
        assert_allclose(hull.volume * side**3, mass[k], rtol=1e-4)
        # Every corner is nearest to its own seed.
        gaps = own[:, None] - seeds
        if np.any(periodic):
            gaps -= np.round(gaps / (box[1] - box[0])) * (box[1] - box[0]) * np.array(periodic)
        powers = (gaps**2).sum(axis=2) - weights
        assert_allclose(powers.min(axis=1), powers[:, k], atol=1e-11 * size**2 + 1e-12 * np.abs(weights).max())
    return mass, i, j, area


coordinates = st.integers(0, 4)
seed_lists = st.lists(st.tuples(coordinates, coordinates, coordinates, st.integers(-3, 3)), min_size=1, max_size=14)


@given(seed_lists, st.sampled_from([1.0, 1e-6, 1e6, 0.1]), st.sampled_from([0.0, 0.01, 1.0]), st.integers(0, 7))
@settings(max_examples=15, deadline=None)
def test_degenerate_seeds(seeds, scale, heaviness, axes):
    points = np.array(seeds, float)
    box = scale * np.array([[0.0, -0.5, 0.5], [4.0, 4.5, 3.0]])
    check_partition(
        scale * points[:, :3], heaviness * scale**2 * points[:, 3], box, [axes & 1, axes >> 1 & 1, axes >> 2 & 1]
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([0.0, 1e-2, 0.3, 10.0]), st.integers(0, 7))
@settings(max_examples=10, deadline=None)
def test_random_seeds(seed, n, heaviness, axes):
    rng = np.random.default_rng(seed)
    check_partition(rng.random((n, 3)), heaviness * rng.normal(size=n), CUBE, [axes & 1, axes >> 1 & 1, axes >> 2 & 1])


@pytest.mark.parametrize("distance", [1.0, 1e3, 1e6])
def test_seeds_far_outside(distance):
    rng = np.random.default_rng(2)
    seeds = distance * rng.normal(size=(15, 3))
    # Weights that bring all bisectors into the cube: the diagram of nearer seeds, tilted.
    weights = ((seeds - rng.random((15, 3))) ** 2).sum(axis=1)
    check_partition(seeds, np.zeros(15), tolerance=1e-10)
    mass, *_ = moments(seeds, weights)
    assert_allclose(mass.sum(), 1.0, rtol=1e-12)
    assert (mass > 0).sum() > 1


def test_lattices_are_analytic():
    x = (np.arange(6) + 0.5) / 6
    cubes = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)
    for periodic in (OPEN, TORUS):
        mass, first, second, *_, area, _ = moments(cubes, periodic=periodic)
        assert_allclose(mass, 6.0**-3, rtol=1e-12)
        assert_allclose(first, 0.0, atol=1e-17)
        assert_allclose(second, 6.0**-5 / 4, rtol=1e-12)
        large = area > 1e-10
        assert large.sum() == (3 * 216 if periodic is TORUS else 3 * 180)
        assert_allclose(area[large], 1 / 36, rtol=1e-12)
    # Body-centred cubic: truncated octahedra, whose second moment is 19/(192·2^{1/3}) V^{5/3} by 3 axes.
    body = np.concatenate([cubes, (cubes + 0.5 / 6) % 1.0])
    mass, _, second, *_ = moments(body, periodic=TORUS)
    assert_allclose(mass, 6.0**-3 / 2, rtol=1e-12)
    assert_allclose(second, 3 * 19 / (192 * 2 ** (1 / 3)) * mass ** (5 / 3), rtol=1e-12)
    # Face-centred cubic: rhombic dodecahedra, at some of whose corners four faces meet.
    shifts = 0.5 / 6 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
    face = np.concatenate([cubes + s for s in shifts])
    mass, _, second, _i, _j, _, area, _ = moments(face, periodic=TORUS)
    assert_allclose(mass, 6.0**-3 / 4, rtol=1e-12)
    assert (area > 1e-10).sum() == 6 * len(face)


def test_cospherical_seeds():
    rng = np.random.default_rng(5)
    sphere = rng.normal(size=(60, 3))
    sphere = 0.5 + 0.3 * sphere / np.linalg.norm(sphere, axis=1, keepdims=True)
    _mass, *_ = check_partition(sphere, np.zeros(60))
    # All cells meet in the centre.
    first, vertices, *_ = _core.space_cells(sphere, np.zeros(60), CUBE, OPEN)
    nearest = np.minimum.reduceat(np.linalg.norm(vertices - 0.5, axis=1), first[:-1])
    assert nearest.max() < 1e-12


def test_neighbours_are_those_of_voronoi():
    rng = np.random.default_rng(1)
    seeds = rng.random((250, 3))
    _, _, _, i, j, *_ = moments(seeds, box=np.array([[-50.0] * 3, [50.0] * 3]))
    found = set(zip(i.tolist(), j.tolist(), strict=True))
    diagram = Voronoi(seeds)
    for pair, ridge in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        inside = -1 not in ridge and np.abs(diagram.vertices[ridge]).max() < 50
        if inside:
            assert tuple(sorted(pair.tolist())) in found


def test_duplicates_share_nothing():
    rng = np.random.default_rng(3)
    seeds = np.round(1024 * rng.random((20, 3))) / 1024
    twice = np.concatenate([seeds, seeds, seeds])
    weights = np.repeat([0.0, 0.01, 0.01], 20)
    mass, *_ = moments(twice, weights)
    assert (mass[:20] == 0).all() and (mass[40:] == 0).all()
    assert_allclose(mass[20:40], moments(seeds)[0], rtol=1e-13)
    # Images of one another on a torus are duplicates as well.
    images = np.concatenate([seeds, seeds + np.array([1, 0, -1])])
    assert (moments(images, periodic=TORUS)[0][20:] == 0).all()


def test_torus_is_the_middle_of_27_copies():
    rng = np.random.default_rng(4)
    seeds, weights = rng.random((12, 3)), 0.05 * rng.normal(size=12)
    mass, first, second, i, j, step, area, _lever = moments(seeds, weights, periodic=TORUS)
    shifts = np.array(sorted(itertools.product((-1, 0, 1), repeat=3), key=lambda s: s != (0, 0, 0)))
    copies = np.concatenate([seeds + s for s in shifts])
    found = moments(copies, np.tile(weights, 27), box=np.array([[-2.0] * 3, [3.0] * 3]))
    assert_allclose(mass, found[0][:12], rtol=1e-11)
    assert_allclose(first, found[1][:12], atol=1e-13)
    assert_allclose(second, found[2][:12], rtol=1e-10)
    expected = {}
    for a, b, s, size in zip(found[3], found[4], found[5], found[6], strict=True):
        if a < 12:
            expected[a, b % 12, tuple(np.round(s, 9) + 0.0)] = size
            expected[b % 12, a, tuple(np.round(-s, 9) + 0.0)] = size
    for a, b, s, size in zip(i, j, step, area, strict=True):
        assert_allclose(size, expected.get((a, b, tuple(np.round(s, 9) + 0.0)), 0.0), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_few_seeds_on_a_torus(n):
    seeds = np.array([[0.2, 0.9, 0.5], [0.7, 0.9, 0.5]])[:n]
    mass, _, second, _i, _j, step, area, _ = moments(seeds, periodic=TORUS)
    assert_allclose(mass, 1 / n)
    assert_allclose(second.sum(), 0.25 if n == 1 else 1 / 12 + 1 / 12 + 1 / 48)
    assert_allclose(np.sort(area), np.ones(3) if n == 1 else [0.5, 0.5, 0.5, 0.5, 1, 1])
    assert_allclose(np.sort(np.linalg.norm(step, axis=1)), np.ones(3) if n == 1 else [0.5, 0.5, 1, 1, 1, 1])


def test_facet_integrals_are_derivatives():
    rng = np.random.default_rng(6)
    seeds, weights = rng.random((10, 3)), 0.01 * rng.normal(size=10)
    for periodic in (OPEN, TORUS):
        _mass, _first, _, i, j, step, area, lever = moments(seeds, weights, periodic=periodic)
        h = 1e-5
        for k in range(3):
            up, down = weights.copy(), weights.copy()
            up[k] += h
            down[k] -= h
            plus, minus = moments(seeds, up, periodic=periodic), moments(seeds, down, periodic=periodic)
            gap = np.linalg.norm(step, axis=1)
            expected, moved = np.zeros(10), np.zeros((10, 3))
            for a, b, s, size, g, d in zip(i, j, step, area, gap, lever, strict=True):
                for this, other, arm in ((a, b, d), (b, a, d - size * s)):
                    change = (float(this == k) - float(other == k)) / (2 * g)
                    expected[this] += change * size
                    moved[this] += change * arm
            assert_allclose((plus[0] - minus[0]) / (2 * h), expected, atol=1e-7)
            assert_allclose((plus[1] - minus[1]) / (2 * h), moved, atol=1e-7)


def test_tiny_cells_keep_their_digits():
    rng = np.random.default_rng(7)
    cluster = rng.random((60, 3)) - 0.5
    box = np.array([[-0.5] * 3, [0.5] * 3])
    scale = 2.0**-30
    large, small = moments(cluster, box=box), moments(scale * cluster, box=box)
    labels = _core.space_cells(cluster, np.zeros(60), box, OPEN)
    inner = [k for k in range(60) if (labels[3][labels[2][k] : labels[2][k + 1]] >= 0).all()]
    assert len(inner) > 3
    assert_allclose(small[0][inner], scale**3 * large[0][inner], rtol=1e-11)
    assert_allclose(small[2][inner], scale**5 * large[2][inner], rtol=1e-11)


def test_hidden_cells_and_heavy_seeds():
    rng = np.random.default_rng(8)
    weights = np.zeros(300)
    weights[123] = 1e6
    mass = moments(rng.random((300, 3)), weights)[0]
    assert mass[123] == 1.0 and mass.sum() == 1.0


@pytest.mark.parametrize("exponent", [-150, -60, 60, 150])
def test_extreme_magnitudes_end(exponent):
    rng = np.random.default_rng(9)
    seeds, weights = rng.normal(size=(50, 3)) * 10.0**exponent, rng.normal(size=50) * 10.0**exponent
    for box in (CUBE, CUBE * 1e150):
        mass = moments(seeds, weights, box)[0]
        assert mass.shape == (50,)


def test_threads_do_not_change_results():
    rng = np.random.default_rng(10)
    seeds, weights = rng.random((400, 3)), 1e-3 * rng.normal(size=400)
    for a, b in zip(moments(seeds, weights, threads=1), moments(seeds, weights, threads=3), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("heaviness", [0.0, 1e-3, 0.1])
def test_pairs_that_are_near_change_nothing(heaviness):
    rng = np.random.default_rng(11)
    seeds, law = rng.random((500, 3)), _core.SpaceBox(CUBE, 1.0, OPEN)
    weights = heaviness * rng.normal(size=500)
    cells, edges = _core.moments(law, seeds, weights, edges=True)
    voronoi = _core.moments(law, seeds, np.zeros(500), edges=True)[1]
    some = rng.integers(0, 500, (2, 800)).astype(np.int32)  # pairs of all kinds, some more than once
    twice = np.concatenate([some, some[::-1], some[:, :9]], axis=1)
    for near in ((edges.i, edges.j), (voronoi.i, voronoi.j), (twice[0].copy(), twice[1].copy())):
        found, between = _core.moments(law, seeds, weights, edges=True, near=near)
        assert_allclose(found.mass, cells.mass, atol=1e-15)
        assert_allclose(found.second, cells.second, atol=1e-15)
        assert set(zip(between.i, between.j, strict=True)) == set(zip(edges.i, edges.j, strict=True))
        assert len(between.i) == len(edges.i)
    for wrong in ((edges.i, edges.j[1:].copy()), (edges.i, edges.j + np.int32(500)), (-1 - edges.i, edges.j)):
        with pytest.raises(ValueError, match="near"):
            _core.moments(law, seeds, weights, edges=True, near=wrong)


def test_cells_of_steep_weights():
    """Weights of a strongly curved potential: cells far narrower than the gaps between their seeds, and turned."""
    rng = np.random.default_rng(12)
    seeds = rng.random((300, 3)) - 0.5
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    hessian = turn @ np.diag([1e-3, 0.1, 5.0]) @ turn.T
    weights = (seeds**2).sum(axis=1) - np.einsum("ni,ij,nj->n", seeds, hessian, seeds)
    mass = moments(seeds, weights, 100.0 * (CUBE - 0.5))[0]
    points = 100.0 * (rng.random((200_000, 3)) - 0.5)
    powers = (seeds**2).sum(axis=1) - weights - 2.0 * points @ seeds.T
    share = np.bincount(powers.argmin(axis=1), minlength=300) / len(points)
    assert_allclose(mass.sum(), 1e6)
    deviation = np.sqrt(mass / mass.sum() / len(points))
    assert (np.abs(share - mass / mass.sum()) < 5.0 * deviation + 1e-4).all()


def test_wrong_arrays_are_refused():
    law = _core.SpaceBox(CUBE, 1.0, OPEN)
    with pytest.raises(ValueError, match="length"):
        space_moments(law, np.zeros((4, 3)), np.zeros(3), facets=True)
    with pytest.raises(TypeError):
        space_moments(law, np.zeros((4, 2)), np.zeros(4), facets=True)
    with pytest.raises(ValueError, match="finite"):
        space_moments(law, np.full((1, 3), np.nan), np.zeros(1), facets=True)
    with pytest.raises(ValueError, match="minima"):
        _core.SpaceBox(CUBE[::-1].copy(), 1.0, OPEN)
    assert [len(x) for x in moments(np.zeros((0, 3)))] == [0] * 8
