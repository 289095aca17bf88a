"""Exact cells of images in the plane against values by hand, brute force in fractions, solved transport, sampling."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from scipy.spatial import cKDTree

import diracs
from diracs.verification import images
from diracs.verification.bounds import _by_cells
from diracs.verification.images import image_bounds, pixels_of, power_cells
from diracs.verification.transported import target_of


def given(law, positions, masses, w2):
    positions = np.asarray(positions, dtype=float)
    return diracs.Quantization(law, diracs.PointScheme(positions), positions, np.asarray(masses), w2, False)


def image(seed, *shape, domain=None):
    return diracs.PolynomialGrid(np.random.default_rng(seed).random(shape) ** 2, domain)


def draw(law, count):
    """Points of an image on [0, 1]², by its definition."""
    rng, shape = np.random.default_rng(2), law.values.shape
    places = np.unravel_index(rng.choice(law.values.size, count, p=law.values.ravel() / law.values.sum()), shape)
    return (np.column_stack(places) + rng.random((count, 2))) / shape


def test_two_points_by_hand():
    """The cells are the halves of [0, 1]², whose variances are 1/48 and 1/12."""
    law = diracs.PolynomialGrid(np.ones((2, 2)))
    found = diracs.verify(given(law, [[0.25, 0.5], [0.75, 0.5]], [0.5, 0.5], 0.4))
    exact = np.sqrt(1 / 48 + 1 / 12)
    assert found.closed and found.low == pytest.approx(exact, rel=1e-15) and found.high - found.low <= 1e-15


def test_other_masses_by_hand():
    """The border between x = 1/4 and 3/4 moves to 3/4, where W₂² = ∫₀^¾ (x − ¼)² + ∫_¾^1 (x − ¾)² + 1/12."""
    law = diracs.PolynomialGrid(np.ones((3, 2)))
    found = diracs.verify(given(law, [[0.25, 0.5], [0.75, 0.5]], [0.75, 0.25], 0.4))
    exact = np.sqrt((0.5**3 + 0.25**3) / 3 + 0.25**3 / 3 + 1 / 12)
    assert found.closed and found.low == pytest.approx(exact, rel=1e-13) and found.high - found.low <= 1e-12


def test_weights_that_are_half_right_by_hand():
    """The border is at 5/8 for the weights (1/8, 0), and the dual adds (3/4 − 5/8)/8 to the cost of the cells."""
    y = np.array([[0.25, 0.5], [0.75, 0.5]])
    with ctx.workprec(128):
        pixels = pixels_of(diracs.PolynomialGrid(np.ones((2, 2))), 1.0)
        found = image_bounds(pixels, y, np.array([0.75, 0.25]), 100, lambda: np.array([0.125, 0.0]))
    assert found is not None
    square = (0.375**3 + 2 * 0.25**3 + 0.125**3) / 3 + 1 / 12
    assert float(found[0].mid()) == pytest.approx(np.sqrt(square + 1 / 64), rel=1e-14)


def brute(law, points):
    """E min|X − y|² in fractions: pixels are cut by all bisectors, pieces go to the Dirac nearest to their middle."""
    points = [tuple(map(Fraction, y)) for y in points.tolist()]
    values = law.values.tolist()
    n, m = law.values.shape
    out, whole = Fraction(0), sum(map(Fraction, law.values.ravel().tolist()))
    for i, j in np.ndindex(n, m):
        low, high = (Fraction(i, n), Fraction(j, m)), (Fraction(i + 1, n), Fraction(j + 1, m))
        pieces = [[low, (high[0], low[1]), high, (low[0], high[1])]]
        for a, b in combinations(points, 2):
            line = [2 * (b[0] - a[0]), 2 * (b[1] - a[1]), a[0] ** 2 + a[1] ** 2 - b[0] ** 2 - b[1] ** 2]
            pieces = [part for piece in pieces for part in cut(piece, line)]
        for piece in pieces:
            middle = [sum(v[k] for v in piece) / len(piece) for k in (0, 1)]
            y = min(points, key=lambda y: sum((s - t) ** 2 for s, t in zip(y, middle)))
            out += Fraction(values[i][j]) / whole * n * m * second(piece, y)
    return out


def cut(piece, line):
    sides = [line[0] * x + line[1] * y + line[2] for x, y in piece]
    for sign in (1, -1):
        part = []
        for k in range(len(piece)):
            (v, s), (w, t) = (piece[k - 1], sign * sides[k - 1]), (piece[k], sign * sides[k])
            if s * t < 0:
                part.append(tuple(p + (q - p) * s / (s - t) for p, q in zip(v, w)))
            if t >= 0:
                part.append(w)
        if any(sign * s > 0 for s in sides):
            yield part


def second(piece, y):
    """∫ |x − y|² by the edges' midpoints of triangles from the first vertex, exact for squares."""
    out = Fraction(0)
    for u, v in pairwise(piece[1:]):
        w = piece[0]
        area = abs((u[0] - w[0]) * (v[1] - w[1]) - (u[1] - w[1]) * (v[0] - w[0])) / 2
        for a, b in ((u, v), (v, w), (w, u)):
            out += area / 3 * sum(((s + t) / 2 - c) ** 2 for s, t, c in zip(a, b, y))
    return out


@pytest.mark.parametrize("seed, n", [(0, 3), (1, 3), (2, 5)])
def test_nearest_points_against_fractions(seed, n):
    law, y = image(seed, 2, 2), np.random.default_rng(seed).random((n, 2))
    with ctx.workprec(256):
        square = brute(law, y)
        exact = arb(fmpq(square.numerator, square.denominator)).sqrt()
        voronoi = image_bounds(pixels_of(law, 1.0), y, np.full(n, 1 / n), 1000)
        assert voronoi is not None and abs(voronoi[0] - exact) < exact * arb(1e-60)
        assert voronoi[1] > exact  # Masses are far from those of the cells.


@pytest.mark.parametrize("n", [5, 50, 100])
def test_honest_ones_are_verified_and_forgeries_are_not(n):
    law = image(n, 12, 9, domain=[[0, 0], [2, 1]])
    q = diracs.quantize(law, n)
    found = diracs.verify(q)
    assert found.verdict == "verified" and found.closed
    assert found.high <= found.low * (1 + 1e-13) and q.w2 <= found.high * (1 + 1e-9)
    assert diracs.verify(given(law, q.positions, q.weights, q.w2 * (1 - 1e-9))).refuted
    # Masses and points are stationary, so that what moves costs its square only.
    masses, moved = q.weights.copy(), q.positions.copy()
    masses[:2] += [1e-5, -1e-5]
    moved[0] += 1e-4
    assert diracs.verify(given(law, q.positions, masses, q.w2)).refuted
    assert diracs.verify(given(law, moved, q.weights, q.w2)).refuted


@pytest.mark.parametrize("n", [5, 50])
def test_given_masses(n):
    """Of points that are not stationary: changes by ε cost ε."""
    law, rng = image(n, 10, 10), np.random.default_rng(n)
    y, m = rng.random((n, 2)), rng.random(n) + 0.5
    w2 = diracs.recertify(law, diracs.SumOfDiracs(y, m)).w2_given
    found = diracs.verify(given(law, y, m / m.sum(), w2))
    assert found.closed and found.verdict == "verified" and w2 <= found.high * (1 + 1e-9)
    low, high = _by_cells(law, y, m / m.sum(), 20_000)
    assert low <= found.low and found.high <= high
    pulled = diracs.optimal_transport_plan(diracs.SumOfDiracs(y, m), law).barycenters - y
    moved = y - 1e-6 * pulled
    assert diracs.verify(given(law, moved, m / m.sum(), w2)).refuted


def test_matched_moments():
    found = diracs.verify(diracs.quantize(image(3, 8, 8), 20, match_moments=True))
    assert found.closed and found.verdict == "verified"


def test_by_sampling():
    law = image(4, 6, 5)
    q = diracs.quantize(law, 12)
    squares = cKDTree(q.positions).query(draw(law, 100_000))[0] ** 2
    found = diracs.verify(q)
    assert abs(found.low**2 - squares.mean()) <= 4 * squares.std() / np.sqrt(len(squares))


def test_degenerate_lattice_and_duplicates():
    y = (np.stack(np.meshgrid(np.arange(4), np.arange(4)), -1).reshape(-1, 2) + 0.5) / 4
    exact = np.sqrt(1 / 6) / 4
    for shape in ((4, 4), (3, 5)):
        found = diracs.verify(given(diracs.PolynomialGrid(np.ones(shape)), y, np.full(16, 1 / 16), exact))
        assert found.closed and found.low == pytest.approx(exact, rel=1e-15) == found.high
        twice = np.full(32, 1 / 32)
        assert diracs.verify(given(diracs.PolynomialGrid(np.ones(shape)), np.tile(y, (2, 1)), twice, exact)) == found


def test_bins_of_unequal_widths_and_zeros():
    """Bins [0, 1]² and [1, 3] × [1, 2], sent to their middles; 3x + 2y = 5 is between, |x − y₀|² = |x − y₁|² − ¾."""
    law = diracs.PolynomialGrid.from_histogram([[1, 0], [0, 1]], [[0.0, 1.0, 3.0], [0.0, 1.0, 2.0]])
    y, m = np.array([[0.5, 0.5], [2.0, 1.5]]), np.array([0.5, 0.5])
    exact = np.sqrt((1 / 6 + 5 / 12) / 2)
    with ctx.workprec(128):
        found = image_bounds(pixels_of(law, 1.0), y, m, 100, lambda: np.array([0.0, 0.75]))
        assert found is not None and [float(x.mid()) for x in found] == pytest.approx([exact, exact], rel=1e-15)
    proved = diracs.verify(given(law, y, m, 1.0))
    assert proved.closed and proved.low == pytest.approx(exact, rel=1e-7) == proved.high


@pytest.mark.parametrize("n", [5, 40])
def test_histograms_with_given_masses(n):
    rng = np.random.default_rng(n)
    edges = [np.sort(rng.random(m + 1)) for m in (6, 5)]
    law = diracs.PolynomialGrid.from_histogram(rng.random((6, 5)) ** 2, edges)
    y, m = rng.random((n, 2)), rng.random(n) + 0.5
    found = diracs.verify(given(law, y, m / m.sum(), 1.0))
    assert found.closed and found.high - found.low <= 1e-12 * found.high
    mesh = target_of(law)
    assert found.high**2 == pytest.approx(float(diracs.distance(diracs.SumOfDiracs(y, m), mesh)), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-140, 1e140])
def test_any_scale(scale):
    law = image(6, 4, 4)
    q = diracs.quantize(law, 9)
    wide = diracs.PolynomialGrid(law.values, [[0, 0], [scale, scale]])
    found, plain = diracs.verify(given(wide, q.positions * scale, q.weights, scale)), diracs.verify(q)
    assert found.closed and found.high == pytest.approx(plain.high * scale, rel=1e-12)


def areas(cells):
    return {i: images._twice_area(cell) for i, cell in cells}


def test_bisectors_that_are_left_out_are_found_out():
    """Cells hold too much without them: then all are looked at."""
    with ctx.workprec(128):
        sites = images._sites(np.array([[0.1, 0.2], [0.8, 0.3], [0.4, 0.9]]), np.zeros(3))
        pixel = (fmpq(0), fmpq(0)), (fmpq(1), fmpq(1))
        right = areas(power_cells(*pixel, sites, np.arange(3)))
        assert len(right) == 3 and sum(right.values(), fmpq(0)) == 2
        assert areas(power_cells(*pixel, sites._replace(doubt=-0.3), np.arange(3))) == right


@pytest.mark.parametrize("weights", [np.zeros(25), np.linspace(0, 0.03, 25), np.linspace(1e8, 1e8 + 0.03, 25)])
def test_no_dirac_that_meets_a_pixel_is_passed_over(weights):
    """Also where borders of cells are those of pixels, to a rounding."""
    y = np.stack(np.meshgrid(np.arange(5), np.arange(5)), -1).reshape(-1, 2) / 5 + 0.1 + 1e-16
    with ctx.workprec(128):
        pixels, sites = pixels_of(diracs.PolynomialGrid(np.ones((5, 5))), 1.0), images._sites(y, weights)
        meeting = images._meeting(pixels, sites, 10_000)
        assert meeting is not None and (weights.max() > 1 or sum(map(len, meeting)) < 400)
        for low, high, some in zip(pixels.low, pixels.high, meeting):
            assert areas(power_cells(low, high, sites, some)) == areas(power_cells(low, high, sites, np.arange(25)))


def test_too_many_pieces_are_left_to_fine_cells():
    law = image(7, 6, 6)
    q = diracs.quantize(law, 10)
    few, exact = diracs.verify(q, cells=100), diracs.verify(q)
    assert not few.closed and few.low <= exact.low and exact.high <= few.high
