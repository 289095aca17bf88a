"""Laplacian systems of the compiled core against SciPy and against exact solutions of small or extreme graphs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from diracs import _core
from diracs.transport.density import ImageDensity
from diracs.transport.problem import Problem
from diracs.transport.start import sinkhorn_weights

METHODS = ["direct", "multigrid"]


def planar_graph(n, rng):
    """Positions and the edges of their Delaunay triangulation."""
    positions = rng.random((n, 2))
    triangles = Delaunay(positions).simplices
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    edges = np.unique(np.sort(sides), axis=0)
    return positions, *edges.astype(np.int32).T.copy()


def laplacian(n, i, j, coupling):
    adjacency = sp.csr_matrix((coupling, (i, j)), shape=(n, n))
    adjacency = adjacency + adjacency.T
    return sp.csr_matrix(sp.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency)


def consistent(n, i, j, coupling, rng):
    """A right-hand side that sums to zero on each component, of the size of the diagonal."""
    matrix = laplacian(n, i, j, coupling)
    labels = connected_components(matrix != 0, directed=False)[1]
    diagonal = matrix.diagonal()
    rhs = diagonal * rng.standard_normal(n)
    share = np.bincount(labels, rhs)[labels] / np.where(diagonal > 0, np.bincount(labels, diagonal)[labels], 1.0)
    return np.where(diagonal > 0, rhs - diagonal * share, 0.0), labels, matrix


def scaled_residual(matrix, rhs, x):
    """|D^{-1/2}(b − Lx)| / |D^{-1/2} b|."""
    diagonal = matrix.diagonal()
    root = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    return np.linalg.norm((rhs - matrix @ x) / root) / np.linalg.norm(rhs / root)


def gap(x, y, matrix):
    """|x − y| / |y| in the norm of the energy xᵀLx."""
    return np.sqrt(((x - y) @ (matrix @ (x - y))) / (y @ (matrix @ y)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [4, 50, 2000])
def test_agrees_with_scipy_on_planar_graphs(n, method):
    rng = np.random.default_rng(n)
    positions, i, j = planar_graph(n, rng)
    coupling = rng.random(len(i)) ** 3
    rhs, _, matrix = consistent(n, i, j, coupling, rng)
    x, iterations, residual = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-10, method)
    ground = int(np.argmax(matrix.diagonal()))
    free = np.delete(np.arange(n), ground)
    expected = np.zeros(n)
    expected[free] = spl.spsolve(matrix[free][:, free].tocsc(), rhs[free])
    assert x[ground] == 0.0
    assert residual <= 1e-10
    assert gap(x, expected, matrix) < 1e-8
    assert_allclose(residual, scaled_residual(matrix, rhs, x), rtol=0.1, atol=1e-12)
    if method == "direct":
        assert iterations == 0
        assert_allclose(x, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    assert iterations <= 60


def two_peaks():
    t = np.linspace(0.0, 1.0, 64)
    x, y = np.meshgrid(t, t)
    return np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + np.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pixels", [np.ones((1, 1)), two_peaks()], ids=["square", "peaks"])
def test_newton_directions(pixels, method):
    n = 1000
    seeds = np.random.default_rng(1).random((n, 2)) - 0.5
    target = np.full(n, 1.0 / n)
    density = ImageDensity.of(pixels, np.ones(2))
    moments = Problem(seeds, target, density).moments(sinkhorn_weights(seeds, target, density))
    rhs = target - moments.mass
    rhs -= rhs.mean()
    x, _, residual = _core.solve_laplacian(seeds, moments.i, moments.j, moments.coupling, rhs, 1e-10, method)
    matrix = laplacian(n, moments.i, moments.j, moments.coupling)
    assert residual <= 1e-10
    assert scaled_residual(matrix, rhs, x) < 2e-10


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("width", [1, 3, 5])
def test_graphs_in_other_dimensions(width, method):
    """Neighbours on the line, in space and in five dimensions."""
    rng = np.random.default_rng(width)
    n = 1500
    positions = rng.random((n, width))
    if width == 1:
        along = np.argsort(positions[:, 0]).astype(np.int32)
        i, j = along[:-1].copy(), along[1:].copy()
    else:
        near = cKDTree(positions).query(positions, 5)[1]
        i, j = np.repeat(np.arange(n, dtype=np.int32), 4), near[:, 1:].astype(np.int32).ravel()
    coupling = rng.random(len(i))
    rhs, _, matrix = consistent(n, i, j, coupling, rng)
    x, _, residual = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-10, method)
    assert residual <= 1e-10
    assert scaled_residual(matrix, rhs, x) < 2e-10


def test_zeros_beside_coordinates_change_nothing():
    rng = np.random.default_rng(8)
    positions, i, j = planar_graph(1200, rng)
    coupling = rng.random(len(i))
    rhs, _, _ = consistent(1200, i, j, coupling, rng)
    line = positions[:, :1].copy()
    for method in METHODS:
        found = _core.solve_laplacian(line, i, j, coupling, rhs, 1e-10, method)[0]
        wide = np.hstack([line, np.zeros((1200, 1))])
        assert_array_equal(found, _core.solve_laplacian(wide, i, j, coupling, rhs, 1e-10, method)[0])


@pytest.mark.parametrize("method", METHODS)
def test_couplings_over_fifteen_orders(method):
    rng = np.random.default_rng(2)
    n = 2000
    positions, i, j = planar_graph(n, rng)
    # Smooth over the plane, as densities are, times a factor of each edge.
    height = 10.0 ** (-15.0 * positions[:, 0])
    coupling = np.sqrt(height[i] * height[j]) * rng.random(len(i))
    rhs, _, matrix = consistent(n, i, j, coupling, rng)
    x, iterations, residual = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-8, method)
    assert residual <= 1e-8
    assert scaled_residual(matrix, rhs, x) <= 1.1e-8
    assert iterations <= 60


def test_direct_solutions_are_accurate_in_every_entry():
    """Elimination without subtractions: compared with rational arithmetic on a graph with couplings 1 … 1e-15."""
    rng = np.random.default_rng(3)
    n = 25
    positions, i, j = planar_graph(n, rng)
    coupling = 10.0 ** rng.uniform(-15, 0, len(i))
    source, sink = 0, 17
    rhs = np.zeros(n)
    rhs[source], rhs[sink] = 1.0, -1.0
    matrix = [[Fraction(0)] * n for _ in range(n)]
    for a, b, c in zip(i.tolist(), j.tolist(), coupling.tolist()):
        c = Fraction(c)
        matrix[a][a] += c
        matrix[b][b] += c
        matrix[a][b] -= c
        matrix[b][a] -= c
    ground = max(range(n), key=lambda v: matrix[v][v])
    free = [v for v in range(n) if v != ground]
    rows = [[matrix[v][w] for w in free] + [Fraction(float(rhs[v]))] for v in free]
    for p in range(n - 1):
        for r in range(p + 1, n - 1):
            factor = rows[r][p] / rows[p][p]
            if factor:
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[p])]
    exact = [Fraction(0)] * (n - 1)
    for p in reversed(range(n - 1)):
        known = sum(rows[p][q] * exact[q] for q in range(p + 1, n - 1))
        exact[p] = (rows[p][-1] - known) / rows[p][p]
    x, _, _ = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-12)
    expected = np.zeros(n)
    expected[free] = [float(value) for value in exact]
    assert_allclose(x, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("method", METHODS)
def test_disconnected_graphs(method):
    rng = np.random.default_rng(4)
    n = 3000
    positions, i, j = planar_graph(n, rng)
    # Nothing crosses x = 1/3, and about a third of the other edges are missing: islands, pairs, single vertices.
    coupling = rng.random(len(i)) + 0.1
    left = positions[:, 0] < 1 / 3
    coupling[(left[i] != left[j]) | (rng.random(len(i)) < 0.6)] = 0.0
    rhs, labels, matrix = consistent(n, i, j, coupling, rng)
    x, _, residual = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-10, method)
    diagonal = matrix.diagonal()
    assert labels.max() > 100 and (diagonal == 0).any()
    assert residual <= 1e-10
    assert scaled_residual(matrix, rhs, x) < 2e-10
    assert_array_equal(x[diagonal == 0], 0.0)
    for component in range(labels.max() + 1):
        members = np.flatnonzero(labels == component)
        assert (x[members[diagonal[members] >= (1 - 1e-14) * diagonal[members].max()]] == 0.0).any()


@pytest.mark.parametrize("method", METHODS)
def test_inconsistent_part_is_removed(method):
    rng = np.random.default_rng(5)
    n = 1500
    positions, i, j = planar_graph(n, rng)
    coupling = rng.random(len(i))
    rhs, _, matrix = consistent(n, i, j, coupling, rng)
    x, _, _ = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-11, method)
    y, _, residual = _core.solve_laplacian(positions, i, j, coupling, rhs + 3.0 * matrix.diagonal(), 1e-11, method)
    assert residual <= 1e-11
    assert_allclose(y, x, atol=1e-7 * np.abs(x).max())


@pytest.mark.parametrize("method", METHODS)
def test_degenerate_graphs(method):
    empty = np.zeros(0, np.int32)

    def solve(n, i, j, coupling, rhs, positions=None):
        positions = np.zeros((n, 2)) if positions is None else positions
        edges = np.array(i, np.int32), np.array(j, np.int32)
        return _core.solve_laplacian(positions, *edges, np.array(coupling, float), np.array(rhs, float), 1e-12, method)

    for n in (0, 1, 3):
        x, iterations, residual = solve(n, empty, empty, [], np.ones(n))
        assert_array_equal(x, np.zeros(n))
        assert (iterations, residual) == (0, 0.0)
    assert_array_equal(solve(2, [0], [1], [0.0], [1, -1])[0], [0, 0])
    assert_array_equal(solve(2, [1], [1], [3.0], [1, -1])[0], [0, 0])
    # Edges given twice, in both directions, add up; loops do nothing.
    assert_allclose(solve(3, [0, 1, 1, 2], [1, 0, 2, 2], [1.0, 1.0, 4.0, 9.0], [1, 1, -2])[0], [0.5, 0.0, -0.5])
    assert_array_equal(solve(2, [0], [1], [1.0], [0, 0])[0], [0, 0])
    # Units must not matter.
    for scale in (1e-300, 1e300):
        assert_allclose(solve(3, [0, 1], [1, 2], [scale, 2 * scale], [1.0, 1.0, -2.0])[0] * scale, [1.0, 0.0, -1.0])
    # A coupling that is nothing beside another does not give infinities.
    x = solve(3, [0, 1], [1, 2], [1e-300, 1e10], [1.0, 1.0, -2.0])[0]
    assert np.isfinite(x).all()
    # A star, and a path of which all positions are equal.
    n = 3000
    spokes = np.arange(1, n)
    rhs = np.concatenate([[1.0 - n], np.ones(n - 1)])
    assert_allclose(solve(n, np.zeros(n - 1), spokes, np.ones(n - 1), rhs)[0], np.concatenate([[0.0], np.ones(n - 1)]))
    rhs = np.zeros(n)
    rhs[0], rhs[-1] = 1.0, -1.0
    x, _, residual = solve(n, np.arange(n - 1), spokes, np.ones(n - 1), rhs)
    assert residual < 1e-8
    assert_allclose(np.diff(x), -1.0, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_positions_only_guide_the_elimination(method):
    """Any positions, and graphs that are not planar, give a right answer."""
    rng = np.random.default_rng(6)
    n = 1200
    i, j = rng.integers(0, n, (2, 3 * n), dtype=np.int32)
    coupling = 10.0 ** rng.uniform(-6, 0, len(i)) * (i != j)
    rhs, _, matrix = consistent(n, i, j, coupling, rng)
    for positions in (rng.random((n, 2)), np.zeros((n, 2)), np.stack([np.arange(n) * 1e300, np.zeros(n)], axis=1)):
        x, _, residual = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-9, method)
        assert residual <= 1e-9
        assert scaled_residual(matrix, rhs, x) < 1.1e-9


@pytest.mark.parametrize("method", METHODS)
def test_repeated_and_concurrent_calls_are_identical(method):
    # So many that the work is shared among threads.
    n = 12_000 if method == "direct" else 40_000
    rng = np.random.default_rng(7)
    positions, i, j = planar_graph(n, rng)
    coupling = rng.random(len(i))
    rhs = rng.standard_normal(n)
    first = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-8, method)
    for threads in (1, 3):
        again = _core.solve_laplacian(positions, i, j, coupling, rhs, 1e-8, method, threads=threads)
        assert_array_equal(again[0], first[0])
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(_core.solve_laplacian, positions, i, j, coupling, rhs, 1e-8, method) for _ in range(3)]
        for call in calls:
            assert_array_equal(call.result()[0], first[0])
            assert call.result()[1:] == first[1:]


def test_large_fronts_shared_among_threads_are_the_same():
    rng = np.random.default_rng(9)
    n = 4000
    positions = rng.random((n, 3))
    near = cKDTree(positions).query(positions, 7)[1]
    i, j = np.repeat(np.arange(n, dtype=np.int32), 6), near[:, 1:].astype(np.int32).ravel()
    coupling = rng.random(len(i))
    rhs, _, _ = consistent(n, i, j, coupling, rng)
    one, four = (_core.solve_laplacian(positions, i, j, coupling, rhs, 1e-10, "direct", threads=t)[0] for t in (1, 4))
    assert_array_equal(one, four)


def test_multigrid_of_vertices_in_any_order():
    """A lattice whose neighbours are nearly all in other chunks."""
    side = 150
    rng = np.random.default_rng(10)
    number = rng.permutation(side**2).reshape(side, side).astype(np.int32)
    i = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    j = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    coupling = 0.1 + rng.random(len(i))
    rhs, _, matrix = consistent(side**2, i, j, coupling, rng)
    x, iterations, _ = _core.solve_laplacian(np.zeros((side**2, 2)), i, j, coupling, rhs, 1e-8, "multigrid")
    assert iterations <= 60
    assert scaled_residual(matrix, rhs, x) <= 1.1e-8


def test_few_digits_of_many_vertices_come_from_multigrid():
    rng = np.random.default_rng(11)
    for n, tolerance, iterated in ((6000, 1e-3, True), (6000, 1e-9, False), (3000, 1e-3, False)):
        positions, i, j = planar_graph(n, rng)
        coupling = rng.random(len(i))
        rhs, _, matrix = consistent(n, i, j, coupling, rng)
        x, iterations, residual = _core.solve_laplacian(positions, i, j, coupling, rhs, tolerance)
        assert (iterations > 0) == iterated
        assert residual <= tolerance
        assert scaled_residual(matrix, rhs, x) <= 1.01 * tolerance


def test_bad_input_is_refused():
    positions, i, j = np.zeros((2, 2)), np.array([0], np.int32), np.array([1], np.int32)
    good = (positions, i, j, np.ones(1), np.array([1.0, -1.0]))
    bad = [
        (0, np.zeros((3, 2))),
        (0, np.full((2, 2), np.nan)),
        (0, np.zeros((2, 0))),
        (1, np.array([-1], np.int32)),
        (2, np.array([2], np.int32)),
        (2, np.array([1, 1], np.int32)),
        (3, np.array([-1.0])),
        (3, np.array([np.nan])),
        (3, np.array([np.inf])),
        (4, np.array([np.nan, 0.0])),
    ]
    for place, value in bad:
        arguments = list(good)
        arguments[place] = value
        with pytest.raises(ValueError):
            _core.solve_laplacian(*arguments, 1e-9)
    with pytest.raises(ValueError):
        _core.solve_laplacian(*good, 1e-9, "cholesky")
