"""Triangulation, clipped cells and uniform moments of the compiled core against rational arithmetic and brute force."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial import Delaunay

from diracs import _core

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def area_of(vertices):
    """Area of a polygon by the shoelace formula."""
    x, y = (np.asarray(vertices, float) - vertices[0]).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def brute_force_cell(i, positions, weights, domain):
    """Vertices of cell i about its seed, the domain cut by all half planes, in rational arithmetic."""
    (xi, yi), wi = map(Fraction, positions[i].tolist()), Fraction(float(weights[i]))
    polygon = [(Fraction(x) - xi, Fraction(y) - yi) for x, y in domain.tolist()]
    for (xj, yj), wj in zip(positions.tolist(), weights.tolist()):
        nx, ny = Fraction(xj) - xi, Fraction(yj) - yi
        if nx == ny == 0:
            continue
        offset = (nx * nx + ny * ny + wi - Fraction(wj)) / 2
        room = [offset - nx * x - ny * y for x, y in polygon]
        cut = []
        for p, q, a, b in zip(polygon, polygon[1:] + polygon[:1], room, room[1:] + room[:1]):
            if a >= 0:
                cut.append(p)
            if a * b < 0:
                cut.append((p[0] + a / (a - b) * (q[0] - p[0]), p[1] + a / (a - b) * (q[1] - p[1])))
        polygon = cut
    return polygon


def boundary_moments(polygon):
    """Area, ∫x and ∫|x|² of a polygon by Green's theorem."""
    area = x = y = second = Fraction(0)
    for (px, py), (qx, qy) in zip(polygon, polygon[1:] + polygon[:1]):
        turn = px * qy - py * qx
        area += turn / 2
        x += turn * (px + qx) / 6
        y += turn * (py + qy) / 6
        second += turn * (px * px + px * qx + qx * qx + py * py + py * qy + qy * qy) / 12
    return float(area), np.array([float(x), float(y)]), float(second)


def true_neighbours(positions, weights):
    """Pairs whose cells share an edge of positive length in the plane, in rational arithmetic; distinct positions."""
    seeds = [tuple(map(Fraction, (*map(float, y), float(w)))) for y, w in zip(positions, weights)]
    pairs = set()
    for i, (xi, yi, wi) in enumerate(seeds):
        for j, (xj, yj, wj) in enumerate(seeds[:i]):
            nx, ny = xj - xi, yj - yi
            # A point of the radical axis about seed i, and the direction of the axis.
            share = (nx * nx + ny * ny + wi - wj) / (2 * (nx * nx + ny * ny))
            px, py, low, high, empty = share * nx, share * ny, None, None, False
            for k, (xk, yk, wk) in enumerate(seeds):
                if k in (i, j):
                    continue
                mx, my = xk - xi, yk - yi
                slope = my * nx - mx * ny
                room = (mx * mx + my * my + wi - wk) / 2 - (mx * px + my * py)
                if slope > 0:
                    high = room / slope if high is None else min(high, room / slope)
                elif slope < 0:
                    low = room / slope if low is None else max(low, room / slope)
                elif room <= 0:
                    empty = True
            if not empty and (low is None or high is None or low < high):
                pairs.add((j, i))
    return pairs


def adjacent_pairs(indptr, indices):
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return {(int(i), int(j)) for i, j in zip(rows, indices) if j >= 0}


def representatives(positions, weights):
    """The seed of largest weight at each position, the first of several."""
    order = np.lexsort((np.arange(len(weights)), -weights))
    _, first, place = np.unique(positions[order], axis=0, return_index=True, return_inverse=True)
    found = np.empty(len(weights), int)
    found[order] = order[first[place.ravel()]]
    return found


def check_against_rationals(positions, weights, reach):
    """Neighbours of seeds that may coincide, and which cells are empty, where all vertices are within reach."""
    positions, weights = np.ascontiguousarray(positions, float), np.ascontiguousarray(weights, float)
    middle = 0.5 * (positions.min(axis=0) + positions.max(axis=0))
    indptr, _, labels = _core.cells(positions, weights, middle + 2.0 * reach * (SQUARE - 0.5))
    representative = representatives(positions, weights)
    kept = np.flatnonzero(representative == np.arange(len(positions)))
    found = adjacent_pairs(indptr, labels)
    expected = {(kept[i], kept[j]) for i, j in true_neighbours(positions[kept], weights[kept])}
    assert expected <= {(min(pair), max(pair)) for pair in found}
    assert {i for pair in found for i in pair} <= set(kept)
    # Hidden seeds have no cell, nor have those that share their place with a heavier one.
    alive = np.flatnonzero(np.diff(indptr))
    assert {i for pair in expected for i in pair} <= set(alive) <= set(kept)
    assert len(kept) > 1 or list(alive) == list(kept)


def segment_moments(a, b, yi, yj):
    """∫(1, t, t²) along a segment, t to the left of yj − yi about the line through both."""
    gap = (yj - yi) / np.abs(yj - yi).max()
    tangent = np.array([-gap[1], gap[0]]) / np.hypot(*gap)
    t, half = (0.5 * (a + b) - yi) @ tangent, 0.5 * np.linalg.norm(b - a)
    return np.array([2 * half, 2 * half * t, 2 * half * (t * t + half * half / 3)])


def check_moments(positions, weights, domain, rtol=1e-11, edge_tol=1e-9):
    """Moments, edges and polygons against brute force, and the sum of the masses."""
    positions, weights = np.ascontiguousarray(positions, float), np.ascontiguousarray(weights, float)
    density, n = 3.0, len(positions)
    area = area_of(domain)
    cells, edges = _core.moments(_core.Polygon(domain, density), positions, weights, edges=True, threads=1)
    (mass, first, second, _), (edge_i, edge_j, displacement, gap, line) = cells, edges
    assert_array_equal(displacement, positions[edge_j] - positions[edge_i])
    assert_array_equal(gap, np.sqrt((displacement**2).sum(axis=1)))
    size = np.sqrt(area)
    assert_allclose(mass.sum(), density * area, rtol=1e-13)
    assert (mass >= 0).all() and (second >= 0).all()
    representative = representatives(positions, weights)
    indptr, vertices, labels = _core.cells(positions, weights, domain)
    lines = {(int(i), int(j)): v / density for i, j, v in zip(edge_i, edge_j, line)}
    assert len(lines) == len(edge_i) and (edge_i < edge_j).all() and (line[:, [0, 2]] > 0).all()
    for i in range(n):
        if representative[i] != i:
            assert mass[i] == 0 and second[i] == 0 and not first[i].any() and indptr[i] == indptr[i + 1]
            continue
        m, b, s = boundary_moments(brute_force_cell(i, positions, weights, domain))
        reach = max(size, np.abs(domain - positions[i]).max())
        assert_allclose(mass[i], density * m, rtol=rtol, atol=rtol * area)
        assert_allclose(first[i], density * b, rtol=rtol, atol=rtol * area * reach)
        assert_allclose(second[i], density * s, rtol=rtol, atol=rtol * area * reach**2)
        cell = vertices[indptr[i] : indptr[i + 1]]
        if len(cell):
            assert_allclose(density * area_of(cell), mass[i], rtol=rtol, atol=rtol * area)
        for k, j in enumerate(labels[indptr[i] : indptr[i + 1]]):
            # A cell of no area that lies on an edge takes its label on one side only.
            if j >= 0 and mass[j] > 1e-12 * area:
                i_, j_ = min(i, j), max(i, j)
                expected = segment_moments(cell[k], cell[(k + 1) % len(cell)], positions[i_], positions[j_])
                for p, (a, b) in enumerate(zip(lines.get((i_, j_), np.zeros(3)), expected)):
                    assert_allclose(a, b, rtol=rtol, atol=edge_tol * reach ** (p + 1))


coordinates = st.integers(0, 4)
seeds = st.lists(st.tuples(coordinates, coordinates, st.integers(-6, 6)), min_size=1, max_size=12)
# Exact: where coordinates are rounded, seeds on a line have edges far away (sanitize_neighbours.cpp has such).
scales = st.sampled_from([1.0, 2.0**-20, 2.0**20, 0.125, 2.0**-500, 2.0**480])
translations = st.sampled_from([0.0, 1.0, -1e3, 0.25])


@given(seeds, scales, translations, st.booleans())
@settings(max_examples=25, deadline=None)
def test_neighbours_of_degenerate_seeds(seeds, scale, translation, weighted):
    points = np.array(seeds, float)
    weights = points[:, 2] * (scale * scale if weighted else 0.0)
    check_against_rationals(scale * (points[:, :2] + translation), weights, 1e4 * scale)


@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.sampled_from([0.0, 1e-3, 0.1, 1.0, 1e6]))
@settings(max_examples=15, deadline=None)
def test_neighbours_of_random_seeds(seed, n, heaviness):
    rng = np.random.default_rng(seed)
    check_against_rationals(rng.normal(size=(n, 2)), heaviness * rng.normal(size=n), 1e6 * (1.0 + heaviness))


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-4, 4)), min_size=1, max_size=12), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_neighbours_of_collinear_seeds(seeds, direction):
    t, w = np.array(seeds, float).T
    check_against_rationals(t[:, None] * np.array([(1, 0), (0, 1), (1, -2), (0.5, 3)][direction]) + 7.0, w, 1e4)


def test_representative_of_equal_positions():
    weights = np.array([0.0, -1.0, 2.0, 2.0])
    for scale in (1.0, 1e-300):
        mass = _core.moments(_core.Polygon(SQUARE, 1.0), np.full((4, 2), 0.3), scale * weights, edges=False)[0].mass
        assert_array_equal(mass, [0.0, 0.0, 1.0, 0.0])


def test_neighbours_are_those_of_delaunay():
    rng = np.random.default_rng(1)
    positions = rng.random((1000, 2))
    indptr, _, labels = _core.cells(positions, np.zeros(1000), 1e6 * (SQUARE - 0.5))
    offsets, neighbours = Delaunay(positions).vertex_neighbor_vertices
    assert adjacent_pairs(indptr, labels) == adjacent_pairs(offsets, neighbours)
    assert (indptr.dtype, labels.dtype) == ("i8", "i4")


@given(seeds, st.sampled_from([1e-6, 1e6, 0.1, 1.0]), st.sampled_from([0.0, 0.01, 1.0]))
@settings(max_examples=25, deadline=None)
def test_moments_of_degenerate_seeds(seeds, scale, heaviness):
    points = np.array(seeds, float)
    domain = scale * np.array([[0.5, 0.0], [3.0, -1.0], [4.0, 2.0], [2.5, 4.5], [1.0, 4.0]])
    check_moments(scale * points[:, :2], heaviness * scale**2 * points[:, 2], domain)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.sampled_from([0.0, 1e-3, 0.1, 10.0]))
@settings(max_examples=10, deadline=None)
def test_moments_of_random_seeds(seed, n, heaviness):
    rng = np.random.default_rng(seed)
    check_moments(rng.random((n, 2)), heaviness * rng.normal(size=n), SQUARE)


@pytest.mark.parametrize("distance", [1.0, 1e3, 1e6])
def test_moments_of_seeds_far_outside(distance):
    rng = np.random.default_rng(2)
    positions = distance * rng.normal(size=(12, 2))
    # Weights that bring all radical axes into the square: the diagram of nearer seeds, tilted.
    weights = np.sum((positions - rng.random((12, 2))) ** 2, axis=1)
    check_moments(positions, np.zeros(12), SQUARE)
    check_moments(positions, weights, SQUARE)


def test_tiny_cells_keep_their_digits():
    # A cluster of size 1e-7 in the unit square: its inner cells equal those of the same cluster at size 1.
    rng = np.random.default_rng(3)
    cluster = rng.random((200, 2)) - 0.5
    square = _core.Polygon(SQUARE - 0.5, 1.0)
    scale = 2.0**-23
    large, _ = _core.moments(square, cluster, np.zeros(200), edges=False)
    small, _ = _core.moments(square, scale * cluster, np.zeros(200), edges=False)
    indptr, _, labels = _core.cells(cluster, np.zeros(200), SQUARE - 0.5)
    inner = [i for i in range(200) if large.mass[i] and not (labels[indptr[i] : indptr[i + 1]] < 0).any()]
    assert len(inner) > 100
    assert_allclose(small.mass[inner], scale**2 * large.mass[inner], rtol=1e-12)
    assert_allclose(small.second[inner], scale**4 * large.second[inner], rtol=1e-12)


def test_lattice_has_equal_cells():
    x = (np.arange(50) + 0.5) / 50
    positions = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    cells, _ = _core.moments(_core.Polygon(SQUARE, 1.0), positions, np.zeros(2500), edges=True)
    assert_allclose(cells.mass, 4e-4, rtol=1e-12)
    assert_allclose(cells.first, 0.0, atol=4e-4 * 1e-15)
    assert_allclose(cells.second, 4e-4**2 / 6, rtol=1e-12)


def test_heavy_seed_hides_all_others():
    positions = np.random.default_rng(4).random((500, 2))
    weights = np.zeros(500)
    weights[123] = 1e9
    mass = _core.moments(_core.Polygon(SQUARE, 1.0), positions, weights, edges=False)[0].mass
    assert mass[123] == 1.0 and mass.sum() == 1.0
    # Of those on the hull of all some have cells far away.
    alive = np.flatnonzero(np.diff(_core.cells(positions, weights, 1e12 * (SQUARE - 0.5))[0]))
    assert 123 in alive and 1 < len(alive) < 100


@pytest.mark.parametrize("exponent", [-300, -150, 0, 150, 300])
@pytest.mark.parametrize("weight_exponent", [-300, 0, 300])
def test_extreme_magnitudes_end(exponent, weight_exponent):
    rng = np.random.default_rng(5)
    positions = rng.normal(size=(200, 2)) * 10.0**exponent
    weights = rng.normal(size=200) * 10.0**weight_exponent
    indptr, vertices, labels = _core.cells(positions, weights, SQUARE)
    assert indptr[-1] == len(vertices) == len(labels)
    image = _core.Image(np.ones((5, 7)), np.array([[0.0, 0.0], [1.0, 1.0]]))
    huge = _core.Polygon(1e308 * (SQUARE - 0.5), 1.0)
    mixed = np.where(rng.random((200, 2)) < 0.5, positions, rng.normal(size=(200, 2)))
    for density in (_core.Polygon(SQUARE, 1.0), image, huge):
        _core.moments(density, positions, weights, edges=True)
        _core.moments(density, mixed, weights, edges=True)


def test_threads_do_not_change_results():
    rng = np.random.default_rng(6)
    positions, weights = rng.random((5000, 2)), 1e-5 * rng.normal(size=5000)
    density = _core.Polygon(SQUARE, 1.0)
    results = [_core.moments(density, positions, weights, edges=True, threads=t) for t in (1, 2, 5)]
    for other in results[1:]:
        for a, b in zip(sum(results[0], ()), sum(other, ())):
            assert_array_equal(a, b)


def test_concurrent_calls_agree():
    rng = np.random.default_rng(7)
    density = _core.Polygon(SQUARE, 1.0)
    inputs = [(rng.random((1000, 2)), 1e-4 * rng.normal(size=1000)) for _ in range(4)]

    def solve(k):
        return _core.moments(density, *inputs[k % 4], edges=True, threads=2)

    expected = [solve(k) for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for k, result in enumerate(pool.map(solve, range(8))):
            for a, b in zip(sum(expected[k % 4], ()), sum(result, ())):
                assert_array_equal(a, b)


def test_results_outlive_their_inputs():
    positions = np.random.default_rng(8).random((100, 2))
    mass = _core.moments(_core.Polygon(SQUARE.copy(), 1.0), positions, np.zeros(100), edges=True)[0].mass
    del positions
    assert_allclose(mass.sum(), 1.0, rtol=1e-13)


def test_wrong_arrays_are_refused():
    density = _core.Polygon(SQUARE, 1.0)
    positions = np.random.default_rng(9).random((10, 2))
    for bad in (positions.astype(np.float32), np.asfortranarray(positions), positions[:, :1], positions[::2]):
        with pytest.raises(TypeError):
            _core.moments(density, bad, np.zeros(len(bad)), edges=True)
    with pytest.raises(ValueError, match="length"):
        _core.moments(density, positions, np.zeros(9), edges=True)
    with pytest.raises(ValueError, match="three"):
        _core.Polygon(SQUARE[:2].copy(), 1.0)


def test_no_seeds():
    cells, edges = _core.moments(_core.Polygon(SQUARE, 1.0), np.zeros((0, 2)), np.zeros(0), edges=True)
    assert [c.shape for c in cells] == [(0,), (0, 2), (0,), (0, 2)]
    assert [e.shape for e in edges] == [(0,), (0,), (0, 2), (0,), (0, 3)]
    assert_array_equal(_core.cells(np.zeros((0, 2)), np.zeros(0), SQUARE)[0], [0])
