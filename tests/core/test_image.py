"""Moments, line integrals and potentials of images against rational arithmetic and exact sums."""

import math
from fractions import Fraction

import numpy as np
import pytest

from diracs import _core

UNIT = ((0.0, 0.0), (1.0, 1.0))


def image(values, box=UNIT):
    return _core.Image(np.ascontiguousarray(values, dtype=float), np.array(box, dtype=float))


def moments(values, box, positions, weights=None):
    """Masses, first and second moments about the seeds, edges as {(i, j): ∫ρ dℓ}."""
    positions = np.ascontiguousarray(positions, dtype=float)
    weights = np.zeros(len(positions)) if weights is None else np.ascontiguousarray(weights, dtype=float)
    cells, edges = _core.moments(image(values, box), positions, weights, edges=True, threads=1)
    lines = dict(zip(zip(edges.i.tolist(), edges.j.tolist()), edges.integrals[:, 0].tolist()))
    return cells.mass, cells.first, cells.second, lines


def halfplane(polygon, a, b, c):
    """The part of a convex polygon where a x + b y ≤ c, in the arithmetic of its coordinates."""
    result = []
    height = [a * x + b * y - c for x, y in polygon]
    for k, (q, hq) in enumerate(zip(polygon, height)):
        p, hp = polygon[k - 1], height[k - 1]
        if hp * hq < 0:
            t = hp / (hp - hq)
            result.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        if hq <= 0:
            result.append(q)
    return result


def polygon_moments(polygon, x, y):
    """Area, ∫(u − (x, y)) and ∫|u − (x, y)|² by Green's theorem."""
    m = bx = by = s = Fraction(0)
    for (px, py), (qx, qy) in zip(polygon, polygon[1:] + polygon[:1]):
        px, py, qx, qy = px - x, py - y, qx - x, qy - y
        c = px * qy - qx * py
        m += c / 2
        bx += c * (px + qx) / 6
        by += c * (py + qy) / 6
        s += c * (px * px + px * qx + qx * qx + py * py + py * qy + qy * qy) / 12
    return m, bx, by, s


def exact_cell(values, box, positions, weights, i):
    """The cell's mass, first and second moment: no rounding before the last step."""
    nx, ny = values.shape
    seeds = [(Fraction(x), Fraction(y)) for x, y in positions.tolist()]
    w = [Fraction(v) for v in weights.tolist()]
    (x0, y0), (x1, y1) = [[Fraction(float(v)) for v in corner] for corner in box]
    cell = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    x, y = seeds[i]
    for k, (u, v) in enumerate(seeds):
        if k != i and cell:
            cell = halfplane(cell, 2 * (u - x), 2 * (v - y), u * u + v * v - w[k] - x * x - y * y + w[i])
    total = [Fraction(0)] * 4
    for column in range(nx if cell else 0):
        low, high = x0 + (x1 - x0) * column / nx, x0 + (x1 - x0) * (column + 1) / nx
        part = halfplane(halfplane(cell, 1, 0, high), -1, 0, -low)
        for row in range(ny if part else 0):
            low, high = y0 + (y1 - y0) * row / ny, y0 + (y1 - y0) * (row + 1) / ny
            piece = halfplane(halfplane(part, 0, 1, high), 0, -1, -low)
            if len(piece) > 2 and values[column, row]:
                value = Fraction(float(values[column, row]))
                total = [t + value * p for t, p in zip(total, polygon_moments(piece, x, y))]
    return [float(t) for t in total]


def gaussian(nx, ny, scale=50.0):
    x, y = np.meshgrid((np.arange(nx) + 0.5) / nx, (np.arange(ny) + 0.5) / ny, indexing="ij")
    return np.exp(-scale * ((x - 0.05) ** 2 + (y - 0.1) ** 2))


def sparse(nx, ny):
    rng = np.random.default_rng(3)
    return np.where(rng.random((nx, ny)) < 0.4, 0.0, rng.random((nx, ny)))


IMAGES = {
    "random": (np.random.default_rng(0).random((6, 5)), UNIT),
    "range of 1e-35": (gaussian(9, 8), UNIT),
    "zeros": (sparse(7, 6), UNIT),
    "one row": (np.random.default_rng(1).random((1, 23)), UNIT),
    "one column": (np.random.default_rng(2).random((19, 1)), UNIT),
    "one pixel": (np.array([[0.7]]), UNIT),
    "wide box": (np.random.default_rng(4).random((5, 9)), ((-3.0, 1.0), (7.0, 1.5))),
    "tall box": (np.random.default_rng(5).random((9, 5)), ((0.1, -2.0), (0.2, 5.0))),
}


@pytest.mark.parametrize(("name", "spread"), [*((name, 0.3) for name in IMAGES), ("random", 0.03), ("tall box", 0.03)])
def test_cells_match_rational_clipping(name, spread):
    values, box = IMAGES[name]
    rng = np.random.default_rng(7)
    low, size = np.array(box[0]), np.subtract(box[1], box[0])
    positions = low + size * (0.4 + spread * rng.uniform(-1, 1, (9, 2)))
    weights = 0.02 * (spread * size.min()) ** 2 * rng.random(9)
    mass, first, second, _ = moments(values, box, positions, weights)
    for i in range(0, 9, 2):
        m, bx, by, s = exact_cell(values, box, positions, weights, i)
        if m == 0:
            assert mass[i] == first[i, 0] == second[i] == 0
            continue
        assert mass[i] == pytest.approx(m, rel=1e-12)
        assert second[i] == pytest.approx(s, rel=1e-12)
        np.testing.assert_allclose(first[i], [bx, by], rtol=0, atol=1e-12 * math.sqrt(m * s))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scaling_the_box_scales_the_moments(scale):
    values = np.random.default_rng(0).random((31, 18))
    positions = np.random.default_rng(1).random((40, 2))
    weights = 0.01 * np.random.default_rng(2).random(40)
    mass, first, second, edges = moments(values, UNIT, positions, weights)
    box = ((0, 0), (scale, scale))
    scaled = moments(values, box, positions * scale, weights * scale**2)
    np.testing.assert_allclose(scaled[0], mass * scale**2, rtol=1e-12)
    np.testing.assert_allclose(scaled[1], first * scale**3, rtol=0, atol=1e-12 * scale**3 * np.abs(first).max())
    np.testing.assert_allclose(scaled[2], second * scale**4, rtol=1e-12)
    assert scaled[3].keys() == edges.keys()
    np.testing.assert_allclose(list(scaled[3].values()), [scale * v for v in edges.values()], rtol=1e-11, atol=0)


def exact_totals(values, box):
    """Mass, first and second moment of the image about the origin."""
    (x0, y0), (x1, y1) = box
    nx, ny = values.shape
    dx, dy = (x1 - x0) / nx, (y1 - y0) / ny
    x, y = np.meshgrid(x0 + dx * (np.arange(nx) + 0.5), y0 + dy * (np.arange(ny) + 0.5), indexing="ij")
    m = dx * dy * values
    return [math.fsum(t.ravel()) for t in (m, m * x, m * y, m * (x * x + y * y + (dx * dx + dy * dy) / 12))]


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (64, 64), (129, 67), (1, 2000), (2000, 1)])
@pytest.mark.parametrize("n", [1, 30, 1000])
def test_cells_add_up_to_the_image(shape, n):
    rng = np.random.default_rng(n)
    box = UNIT if n == 30 else ((-2.0, 3.0), (1.0, 4.0))
    values = np.where(rng.random(shape) < 0.2, 0.0, rng.random(shape)) + 1e-3
    positions = np.array(box[0]) + np.subtract(box[1], box[0]) * rng.random((n, 2))
    mass, first, second, _ = moments(values, box, positions, 1e-4 * rng.random(n))
    total = exact_totals(values, box)
    assert math.fsum(mass) == pytest.approx(total[0], rel=1e-13)
    about_origin = first + mass[:, None] * positions
    np.testing.assert_allclose(about_origin.sum(0), total[1:3], rtol=1e-12)
    s = second + 2 * (positions * first).sum(1) + mass * (positions**2).sum(1)
    assert math.fsum(s) == pytest.approx(total[3], rel=1e-12)


def test_dark_half_keeps_its_digits():
    # Prefix sums over the bright half would leave nothing of a mass of 1e-21.
    values = np.ones((256, 128))
    values[:, 40:] = 1e-21
    rng = np.random.default_rng(0)
    dark = np.column_stack([rng.random(60), 0.6 + 0.4 * rng.random(60)])
    bright = np.column_stack([rng.random(40), 0.2 * rng.random(40)])
    mass, first, second, _ = moments(values, UNIT, np.vstack([bright, dark]))
    uniform = moments(np.ones((1, 1)), UNIT, np.vstack([bright, dark]))
    inside = np.abs(mass[40:] / 1e-21 / uniform[0][40:] - 1) < 0.5  # cells that stay in the dark
    assert inside.sum() > 40
    np.testing.assert_allclose(mass[40:][inside], 1e-21 * uniform[0][40:][inside], rtol=1e-12)
    np.testing.assert_allclose(second[40:][inside], 1e-21 * uniform[2][40:][inside], rtol=1e-12)
    size = np.sqrt(uniform[0] * uniform[2])[40:][inside, None]
    assert np.all(np.abs(first[40:][inside] / 1e-21 - uniform[1][40:][inside]) < 1e-12 * size)


def test_constant_image_is_the_uniform_density():
    positions = np.random.default_rng(0).random((200, 2))
    weights = 1e-3 * np.random.default_rng(1).random(200)
    coarse, fine = (
        moments(np.ones((1, 1)), UNIT, positions, weights),
        moments(np.ones((97, 203)), UNIT, positions, weights),
    )
    np.testing.assert_allclose(fine[0], coarse[0], rtol=1e-11, atol=0)
    np.testing.assert_allclose(fine[2], coarse[2], rtol=1e-11, atol=0)
    np.testing.assert_allclose(fine[1], coarse[1], rtol=0, atol=1e-16)
    assert fine[3] == pytest.approx(coarse[3], rel=1e-11, abs=1e-15)


def test_tiny_cells_in_large_pixels():
    positions = 0.37 + 1e-7 * np.random.default_rng(0).random((200, 2))
    values = np.random.default_rng(1).random((3, 3))
    mass, _, second, _ = moments(values, UNIT, positions)
    inner = [i for i in range(200) if mass[i] < 1e-14]
    assert len(inner) > 100
    uniform = moments(np.ones((1, 1)), UNIT, positions)
    np.testing.assert_allclose(mass[inner], values[1, 1] * uniform[0][inner], rtol=1e-14)
    np.testing.assert_allclose(second[inner], values[1, 1] * uniform[2][inner], rtol=1e-14)


def test_cells_that_cover_many_pixels_match_pixelwise_sums():
    # Seeds on a lattice whose borders are borders of pixels: each cell is a block of 50 × 40 whole pixels.
    rng = np.random.default_rng(0)
    values = 10.0 ** rng.uniform(-20, 0, (200, 160))
    x, y = np.meshgrid((np.arange(4) + 0.5) / 4, (np.arange(4) + 0.5) / 4, indexing="ij")
    mass, _, _, _ = moments(values, UNIT, np.column_stack([x.ravel(), y.ravel()]))
    blocks = values.reshape(4, 50, 4, 40).transpose(0, 2, 1, 3).reshape(16, -1)
    np.testing.assert_allclose(mass, [math.fsum(b) / values.size for b in blocks], rtol=1e-13)


@pytest.mark.parametrize("repeat", [(7, 11), (64, 1), (1, 64)])
@pytest.mark.parametrize("name", ["range of 1e-35", "zeros", "tall box"])
def test_splitting_pixels_changes_nothing(name, repeat):
    # The same density, once by cutting pixels and once mostly by blocks of whole pixels.
    values, box = IMAGES[name]
    split = np.repeat(np.repeat(values, repeat[0], 0), repeat[1], 1)
    positions = np.array(box[0]) + np.subtract(box[1], box[0]) * np.random.default_rng(0).random((25, 2))
    coarse, fine = moments(values, box, positions), moments(split, box, positions)
    np.testing.assert_allclose(fine[0], coarse[0], rtol=1e-11, atol=0)
    np.testing.assert_allclose(fine[2], coarse[2], rtol=1e-11, atol=0)
    size = np.sqrt(coarse[0] * coarse[2])[:, None]
    assert np.all(np.abs(fine[1] - coarse[1]) <= 1e-11 * size)
    assert fine[3] == pytest.approx(coarse[3], rel=1e-10, abs=1e-14 * values.max())


@pytest.mark.parametrize("k", [2, 5, 32, 64])
@pytest.mark.parametrize("offset", [0.0, 0.5])
@pytest.mark.parametrize("jitter", [0.0, 1e-16, 1e-13])
@pytest.mark.parametrize("stagger", [0.0, 0.5])
def test_lattices_along_the_pixels(k, offset, jitter, stagger):
    # Edges of cells on, or within rounding of, the borders of pixels; staggered, like bricks, they have vertices in the
    # middle of vertical edges. Every pixel is counted once.
    values = 10.0 ** np.random.default_rng(0).uniform(-15, 0, (32, 48))
    x, y = np.meshgrid((np.arange(k) + offset) / k, (np.arange(k) + 0.5) / k, indexing="ij")
    y[::2] += stagger / k
    positions = np.column_stack([x.ravel(), y.ravel()])
    positions += jitter * np.random.default_rng(1).uniform(-1, 1, positions.shape)
    mass, _, _, _ = moments(values, UNIT, positions, jitter * np.random.default_rng(2).random(k * k))
    assert math.fsum(mass) == pytest.approx(values.mean(), rel=1e-13)
    assert mass.min() > 0


def exact_line(values, box, a, b):
    """∫ρ along a segment: cut at every border, then the pixel at the middle of each part."""
    (x0, y0), (x1, y1) = box
    nx, ny = values.shape
    cuts = [0.0, 1.0]
    for start, step, borders in (
        (a[0], b[0] - a[0], np.linspace(x0, x1, nx + 1)),
        (a[1], b[1] - a[1], np.linspace(y0, y1, ny + 1)),
    ):
        if step:
            cuts.extend((borders - start) / step)
    cuts = np.unique(np.clip(cuts, 0, 1))
    middle = a + np.multiply.outer((cuts[1:] + cuts[:-1]) / 2, b - a)
    i = np.clip(((middle[:, 0] - x0) / (x1 - x0) * nx).astype(int), 0, nx - 1)
    j = np.clip(((middle[:, 1] - y0) / (y1 - y0) * ny).astype(int), 0, ny - 1)
    return np.hypot(*(b - a)) * (np.diff(cuts) * values[i, j]).sum()


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("n", [12, 80])
def test_line_integrals(name, n):
    values, box = IMAGES[name]
    positions = np.array(box[0]) + np.subtract(box[1], box[0]) * np.random.default_rng(n).random((n, 2))
    _, _, _, edges = moments(values, box, positions)
    (x0, y0), (x1, y1) = box
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    indptr, vertices, labels = _core.cells(positions, np.zeros(n), corners)
    seen = 0
    for i in range(n):
        span = np.arange(indptr[i], indptr[i + 1])
        for k, following in zip(span, np.roll(span, -1)):
            if labels[k] > i:
                expected = exact_line(values, box, vertices[k], vertices[following])
                # A vertex is known to rounding of its coordinates, so very short edges have fewer digits.
                slack = 1e-15 * np.abs(corners).max() * values.max()
                assert edges.get((i, labels[k]), 0.0) == pytest.approx(expected, rel=1e-11, abs=20 * slack)
                seen += expected > 0
    assert seen == len(edges) or abs(seen - len(edges)) <= 2  # an edge as short as rounding may be dropped


@pytest.mark.parametrize("flip", [False, True])
def test_line_on_a_border_of_pixels_sees_both_sides(flip):
    values = np.array([[1.0, 1.0], [3.0, 5.0]])
    positions = np.array([[0.25, 0.5], [0.75, 0.5]])
    expected = (1.0 + 3.0) / 4 + (1.0 + 5.0) / 4
    if flip:
        values, positions = values.T, positions[::-1, ::-1]
    assert moments(values, UNIT, positions)[3] == {(0, 1): pytest.approx(expected, rel=1e-15)}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("outside", [False, True])
def test_first_and_second_line_moments(name, outside):
    """Sums over the pixels along each edge, about the line through both seeds."""
    values, box = IMAGES[name]
    (x0, y0), (x1, y1) = box
    n = 15
    rng = np.random.default_rng(11)
    positions = np.array(box[0]) + np.subtract(box[1], box[0]) * (rng.random((n, 2)) + (1.5 if outside else 0.0))
    weights = ((positions - np.array(box[0])) ** 2).sum(1) if outside else np.zeros(n)
    weights *= 1 + 0.01 * rng.random(n) if outside else 1.0
    _, edges = _core.moments(image(values, box), positions, weights, edges=True, threads=1)
    found = dict(zip(zip(edges.i.tolist(), edges.j.tolist()), edges.integrals))
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    indptr, vertices, labels = _core.cells(positions, weights, corners)
    nx, ny = values.shape
    for i in range(n):
        span = np.arange(indptr[i], indptr[i + 1])
        for k, following in zip(span, np.roll(span, -1)):
            j = int(labels[k])
            if j < i or np.allclose(vertices[k], vertices[following], rtol=0, atol=1e-9 * np.ptp(corners)):
                continue
            a, b = vertices[k], vertices[following]
            borders = [np.linspace(x0, x1, nx + 1), np.linspace(y0, y1, ny + 1)]
            cuts = np.concatenate([[0.0, 1.0], *((c - p) / d for c, p, d in zip(borders, a, b - a) if d)])
            cuts = np.unique(np.clip(cuts, 0.0, 1.0))
            x = a + np.multiply.outer((cuts[1:] + cuts[:-1]) / 2, b - a)
            at = ((x - corners[0]) / (corners[2] - corners[0]) * (nx, ny)).astype(int).clip(0, (nx - 1, ny - 1))
            gap = positions[j] - positions[i]
            tangent = np.array([-gap[1], gap[0]]) / np.hypot(*gap)
            t = (a + np.multiply.outer(cuts, b - a) - positions[i]) @ tangent
            rho = values[at[:, 0], at[:, 1]]
            expected = [(rho * np.diff(t ** (p + 1))).sum() / (p + 1) for p in range(3)]
            reach = np.abs(t).max()
            for p, (got, exact) in enumerate(zip(found.get((i, j), np.zeros(3)), expected)):
                assert got == pytest.approx(exact, rel=1e-9, abs=1e-12 * reach ** (p + 1) * values.max())


def test_potential_is_the_derivative_of_the_dual():
    # Σ s − w m is linear in the values and its coefficients are the potential's integrals.
    rng = np.random.default_rng(0)
    positions, weights = rng.random((60, 2)), 0.01 * rng.random(60)
    potential = image(np.ones((23, 37))).potential(positions, weights)
    assert potential.shape == (23, 37)
    for values in (rng.random((23, 37)), sparse(23, 37), np.eye(23, 37)):
        mass, _, second, _ = moments(values, UNIT, positions, weights)
        assert (potential * values).sum() == pytest.approx((second - weights * mass).sum(), rel=1e-12)
