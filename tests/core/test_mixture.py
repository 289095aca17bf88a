"""Moments of power cells under Gaussian mixtures against rational clipping, positive quadrature and mpmath."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr, owens_t

from diracs import _core

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


class Mixture:
    """Means (k, 2), covariances (k, 2, 2), weights (k,) and accurate Cholesky factors."""

    def __init__(self, means, covariances, weights=None):
        self.means = np.ascontiguousarray(means, float).reshape(-1, 2)
        self.covs = np.ascontiguousarray(covariances, float).reshape(-1, 2, 2)
        k = len(self.means)
        self.weights = np.full(k, 1.0 / k) if weights is None else np.ascontiguousarray(weights, float)
        with mpmath.workdps(50):
            self.factors = [
                np.array(mpmath.cholesky(mpmath.matrix(c.tolist()), tol=0).tolist(), float) for c in self.covs
            ]

    @property
    def core(self):
        return _core.Mixture(self.means, self.covs, self.weights)

    def moments(self, positions, weights=None, threads=1):
        positions = np.ascontiguousarray(positions, float).reshape(-1, 2)
        weights = np.zeros(len(positions)) if weights is None else np.ascontiguousarray(weights, float)
        cells, edges = _core.moments(self.core, positions, weights, edges=True, threads=threads)
        return cells.mass, cells.first, cells.second, edges.i, edges.j, edges.integrals


def isotropic(means, deviations, weights=None):
    return Mixture(means, [s * s * np.eye(2) for s in np.atleast_1d(deviations)], weights)


STANDARD = isotropic([(0.0, 0.0)], 1.0)
PLANE = Mixture(
    [(0.3, -0.2), (-0.7, 0.4), (0.1, 0.9)],
    [[[0.5, 0.3], [0.3, 0.6]], [[0.2, -0.1], [-0.1, 0.15]], [[0.05, 0.0], [0.0, 0.9]]],
    [0.5, 0.3, 0.2],
)


def clip(polygon, a, b, c, label):
    """The part of a convex polygon, (x, y, label of the edge that follows), where a x + b y ≤ c; rational."""
    room = [c - a * x - b * y for x, y, _ in polygon]
    if min(room, default=0) >= 0:
        return polygon
    cut = []
    for p, q, at_p, at_q in zip(polygon, polygon[1:] + polygon[:1], room, room[1:] + room[:1]):
        if at_p >= 0:
            cut.append(p if at_p > 0 or at_q >= 0 else (p[0], p[1], label))
        if at_p * at_q < 0:
            t = at_p / (at_p - at_q)
            cut.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1]), label if at_p > 0 else p[2]))
    return cut


def square(x, y, size):
    return [(x - size, y - size, -1), (x + size, y - size, -1), (x + size, y + size, -1), (x - size, y + size, -1)]


def exact_cell(i, positions, weights, size=1000):
    """The cell about its seed within a square, cut by all half planes in rational arithmetic."""
    (xi, yi), wi = map(Fraction, positions[i].tolist()), Fraction(float(weights[i]))
    polygon = square(-xi, -yi, Fraction(size))
    distance = np.sum((positions - positions[i]) ** 2, axis=1) - weights
    for j in np.argsort(distance, kind="stable"):
        nx, ny = Fraction(positions[j, 0]) - xi, Fraction(positions[j, 1]) - yi
        if nx or ny:
            polygon = clip(polygon, nx, ny, (nx * nx + ny * ny + wi - Fraction(float(weights[j]))) / 2, int(j))
    return polygon


def rounded(polygon):
    """Vertices (m, 2) and labels."""
    return np.array([(float(x), float(y)) for x, y, _ in polygon]).reshape(-1, 2), [k for _, _, k in polygon]


def panels(cuts, longest):
    """Gauss nodes and weights on the intervals between sorted cuts, none longer than `longest`."""
    parts = np.maximum(1, np.ceil(np.diff(cuts) / longest).astype(int))
    a = np.concatenate([np.linspace(p, q, k + 1)[:-1] for p, q, k in zip(cuts, cuts[1:], parts)])
    half = np.repeat(np.diff(cuts) / parts, parts) / 2
    return (a[:, None] + half[:, None] * (1 + NODES)).ravel(), np.multiply.outer(half, WEIGHTS).ravel()


def nearest_radius(u):
    """Distance of the origin from a convex polygon."""
    v = np.roll(u, -1, axis=0)
    d = v - u
    if (u[:, 0] * v[:, 1] > u[:, 1] * v[:, 0]).all():
        return 0.0
    t = np.clip(-(u * d).sum(1) / np.maximum((d * d).sum(1), 1e-300), 0, 1)
    return np.sqrt(((u + t[:, None] * d) ** 2).sum(1).min())


def component_moments(z, offset, factor):
    """∫(1, z, |z|²) under N(−offset, L Lᵀ) over a polygon with vertices z: positive terms only, over slices."""
    if len(z) < 3:
        return np.zeros(4)
    # About −offset + L centre, so that small polygons keep their digits.
    centre, u = np.linalg.solve(factor, offset), np.linalg.solve(factor, z.T).T
    nearest = nearest_radius(u + centre)
    if nearest > 38.5:
        return np.zeros(4)
    reach = np.sqrt(nearest**2 + 90.0)
    low, high = max(u[:, 0].min(), -reach - centre[0]), min(u[:, 0].max(), reach - centre[0])
    if not low < high:
        return np.zeros(4)
    # Slices at constant u₁ break at vertices and where an edge crosses a level of u₂.
    cuts = [u[:, 0]]
    for p, q in zip(u, np.roll(u, -1, axis=0)):
        if abs(q[1] - p[1]) > abs(q[0] - p[0]):
            first, last = sorted((p[1], q[1]))
            levels = np.arange(max(-reach - centre[1], first), min(reach - centre[1], last), 0.7)
            cuts.append(p[0] + (q[0] - p[0]) * (levels - p[1]) / (q[1] - p[1]))
    longest = 0.7 if reach < 12 else 0.35
    a, weight = panels(np.unique(np.clip(np.concatenate([*cuts, [low, high]]), low, high)), longest)
    bottom, top = np.full(len(a), np.inf), np.full(len(a), -np.inf)
    for p, q in zip(u, np.roll(u, -1, axis=0)):
        if p[0] == q[0]:
            continue
        t = (a - p[0]) / (q[0] - p[0])
        on = (t >= 0) & (t <= 1)
        height = np.where(np.abs(t) < 0.5, p[1] + t * (q[1] - p[1]), q[1] + (t - 1) * (q[1] - p[1]))
        if p[0] < q[0]:
            bottom[on] = np.minimum(bottom[on], height[on])
        else:
            top[on] = np.maximum(top[on], height[on])
    limit = np.sqrt(np.maximum(reach**2 - (centre[0] + a) ** 2, 0.0))
    bottom, top = (np.clip(v, -limit - centre[1], limit - centre[1]) for v in (bottom, top))
    thick = np.maximum(top - bottom, 0.0)
    at, share = panels(np.array([0.0, 1.0]), 1.0 / max(1, int(np.ceil(thick.max() / longest))))
    b = bottom[:, None] + np.multiply.outer(thick, at)
    a = a[:, None]
    rho = (weight * thick)[:, None] * share * np.exp(-0.5 * ((centre[0] + a) ** 2 + (centre[1] + b) ** 2))
    x, y = factor[0, 0] * a, factor[1, 0] * a + factor[1, 1] * b
    return np.array([rho.sum(), (rho * x).sum(), (rho * y).sum(), (rho * (x * x + y * y)).sum()]) / (2 * np.pi)


def near_component(polygon, seed, mean, cov):
    """What a component sees of a cell about its seed: 40 standard deviations, so that vertices are not far away."""
    (x, y), (mx, my) = map(Fraction, seed.tolist()), map(Fraction, mean.tolist())
    for sign in (1, -1):
        polygon = clip(polygon, sign, 0, sign * (mx - x) + Fraction(40 * np.sqrt(cov[0, 0])), -1)
        polygon = clip(polygon, 0, sign, sign * (my - y) + Fraction(40 * np.sqrt(cov[1, 1])), -1)
    return rounded(polygon)


def cell_moments(mixture, polygon, seed):
    """Mass, first and second moment of a cell given about its seed."""
    parts = [
        component_moments(near_component(polygon, seed, mean, cov)[0], seed - mean, factor)
        for mean, cov, factor in zip(mixture.means, mixture.covs, mixture.factors)
    ]
    return mixture.weights @ np.array(parts)


def check_cells(mixture, positions, weights=None, *, which=None, rtol=None, atol=1e-12, least=0.0):
    """Moments of cells against quadrature: absolutely, or relative to the cell's (first: to √(mass · second))."""
    positions = np.ascontiguousarray(positions, float)
    weights = np.zeros(len(positions)) if weights is None else weights
    mass, first, second, *_ = mixture.moments(positions, weights)
    checked = 0
    for i in range(len(positions)) if which is None else which:
        m, bx, by, s = cell_moments(mixture, exact_cell(i, positions, weights), positions[i])
        if rtol is not None and not m > least:
            continue
        scale = (atol, atol, atol) if rtol is None else (rtol * m, rtol * np.sqrt(m) * np.sqrt(s), rtol * s)
        assert abs(mass[i] - m) <= scale[0]
        assert np.abs(first[i] - (bx, by)).max() <= scale[1]
        assert abs(second[i] - s) <= scale[2]
        checked += 1
    return checked


@pytest.mark.parametrize("heaviness", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("density", [STANDARD, PLANE])
@pytest.mark.parametrize("n", [1, 2, 3, 12, 50])
def test_cells_match_quadrature(density, heaviness, n):
    rng = np.random.default_rng(n)
    positions, weights = rng.normal(size=(n, 2)), heaviness * rng.normal(size=n)
    check_cells(density, positions, weights, which=range(0, n, -(-n // 5)))


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2])
@pytest.mark.parametrize("condition", [1e6, 1e12])
def test_narrow_components(condition, angle):
    rng = np.random.default_rng(0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    cov = turn @ np.diag([1.0, 1.0 / condition]) @ turn.T
    mixture = Mixture([(0.1, 0.2)], [(cov + cov.T) / 2])
    shape = turn @ np.diag([1.0, condition**-0.5])
    for positions in (rng.normal(size=(10, 2)), 0.1 + rng.normal(size=(10, 2)) @ shape.T):
        check_cells(mixture, positions, which=range(0, 10, 3), atol=1e-15 * np.sqrt(condition))
    # Across the narrow direction alone: cells as wide as the component.
    across = np.array([0.1, 0.2]) + np.outer(np.arange(-3, 4), shape[:, 1])
    check_cells(mixture, across, which=range(1, 7, 2), atol=1e-15 * np.sqrt(condition))


def test_components_of_different_size():
    rng = np.random.default_rng(1)
    mixture = isotropic([(0.2, 0.1), (0.5, -0.4), (0.0, 0.0)], [1e-6, 1.0, 1e-3])
    near = np.array([0.2, 0.1]) + 1e-6 * rng.normal(size=(10, 2))
    for positions in (rng.normal(size=(10, 2)), near, np.vstack([near[:5], rng.normal(size=(5, 2))])):
        check_cells(mixture, positions, which=range(0, 10, 2), atol=5e-12)
    # Long edges through the small component: its mass is divided by lines whose ends are far away.
    for angle in rng.uniform(0, 6.28, 2):
        normal = np.array([np.cos(angle), np.sin(angle)])
        check_cells(mixture, np.array([0.2, 0.1]) + np.array([-normal, normal]) + 1e-7, atol=1e-10)


def exact_rectangle(low, high, seed):
    """Moments of the standard normal density over a rectangle, about the seed, in 80 digits."""
    with mpmath.workdps(80):
        axes = []
        for a, b, y in zip(low, high, seed):
            a, b, y = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(y)
            m = (mpmath.erfc(a / mpmath.sqrt(2)) - mpmath.erfc(b / mpmath.sqrt(2))) / 2
            pa, pb = mpmath.npdf(a), mpmath.npdf(b)
            x, xx = pa - pb, m + a * pa - b * pb
            axes.append((m, x - y * m, xx - 2 * y * x + y * y * m))
        (m, x, xx), (n, y, yy) = axes
        return [float(v) for v in (m * n, x * n, m * y, xx * n + m * yy)]


@pytest.mark.parametrize("at", [(0.0, 0.0), (0.4, -0.3), (5.0, 4.0), (12.0, 9.0), (16.5, 0.25)])
@pytest.mark.parametrize("spacing", [1.0, 2.0**-5, 2.0**-30])
def test_squares_down_to_tiny_masses(at, spacing):
    # Masses from 0.1 to 1e-78.
    corner = spacing * np.round(np.array(at) / spacing)
    grid = corner + spacing * np.stack(np.meshgrid(np.arange(-3, 4), np.arange(-3, 4), indexing="ij"), -1).reshape(
        -1, 2
    )
    mass, first, second, *_ = STANDARD.moments(grid)
    for i in (16, 24, 33):
        m, bx, by, s = exact_rectangle(grid[i] - spacing / 2, grid[i] + spacing / 2, grid[i])
        assert mass[i] == pytest.approx(m, rel=3e-12)
        assert second[i] == pytest.approx(s, rel=2e-9)
        assert np.abs(first[i] - (bx, by)).max() < 1e-9 * np.sqrt(m * s)


@pytest.mark.parametrize("center", [(0.0, 0.0), (0.3, -0.2), (3.0, 0.3), (8.0, 1.0), (14.0, 0.3)])
@pytest.mark.parametrize("size", [1e-1, 1e-2, 1e-3, 1e-9])
def test_small_cells_keep_their_digits(center, size):
    positions = np.array(center) + size * np.random.default_rng(2).normal(size=(25, 2))
    rtol = 2e-9 if center[0] > 4 and size > 1e-3 else 2e-11
    assert check_cells(STANDARD, positions, which=range(0, 25, 5), rtol=rtol, least=1e-280) > 2


@pytest.mark.parametrize("width", [1e-1, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("center", [(0.0, 0.0), (0.4, 0.3), (3.0, 1.0)])
def test_slivers(center, width):
    positions = np.array(center) + width * np.column_stack([np.arange(-4, 5), np.zeros(9)])
    positions += 1e-3 * width * np.random.default_rng(3).normal(size=(9, 2))
    check_cells(STANDARD, positions, which=range(1, 8, 2), rtol=1e-9)


def test_wedges_are_owens_function():
    # T(h, a) is the mass of x > h, 0 < y < a x: the cell of a seed among its mirror images.
    for h, a in [(0.0, 1.0), (0.5, 0.3), (2.0, 2.0), (5.0, 0.7), (1.0, 1e-3)]:
        seed = np.array([h + 1.0, a * (h + 1.0) / 2])
        normal = np.array([-a, 1.0]) / np.hypot(a, 1.0)
        images = [[2 * h - seed[0], seed[1]], [seed[0], -seed[1]], seed - 2 * (normal @ seed) * normal]
        assert STANDARD.moments(np.vstack([[seed], images]))[0][0] == pytest.approx(owens_t(h, a), rel=1e-11)


@pytest.mark.parametrize("h", [0.0, 1.0, -3.0, 8.0, 20.0])
def test_half_planes(h):
    positions = np.array([[h - 0.7, 5.0], [h + 0.7, 5.0]])
    mass, first, _, i, j, line = STANDARD.moments(positions)
    assert_allclose(mass, [ndtr(h), ndtr(-h)], rtol=1e-13)
    density = np.exp(-h * h / 2) / np.sqrt(2 * np.pi)
    assert_allclose(
        first[:, 0], [-density - mass[0] * positions[0, 0], density - mass[1] * positions[1, 0]], atol=1e-14
    )
    assert (i[0], j[0]) == (0, 1)
    assert_allclose(line, [density * np.array([1.0, -5.0, 26.0])], rtol=1e-13)


def test_one_seed_has_everything():
    for seed in ([0.0, 0.0], [0.3, -0.2], [1e3, 0.0]):
        mass, first, second, i, _, line = PLANE.moments([seed])
        mean = PLANE.weights @ PLANE.means
        spread = PLANE.weights @ (np.trace(PLANE.covs, axis1=1, axis2=2) + ((PLANE.means - seed) ** 2).sum(1))
        assert_allclose(mass, 1.0, rtol=1e-14)
        assert_allclose(first[0], mean - seed, atol=1e-13 * (1 + np.abs(seed).max()))
        assert_allclose(second, spread, rtol=1e-13)
        assert len(i) == 0 and line.shape == (0, 3)


@pytest.mark.parametrize("sides", [2, 3, 4, 6, 13])
@pytest.mark.parametrize("radius", [1e-6, 0.3, 4.0, 30.0])
def test_symmetric_cells(sides, radius):
    # The mean is a vertex of all cells, or on the edge of both; then also the seed of one more cell.
    angles = 2 * np.pi * np.arange(sides) / sides + 0.1
    ring = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    mass = STANDARD.moments(ring)[0]
    assert_allclose(mass, 1.0 / sides, rtol=1e-13)
    mass, first, _, i, _, line = STANDARD.moments(np.vstack([[[0.0, 0.0]], ring]))
    assert_allclose(mass[1:], mass[1], rtol=1e-12)
    assert_allclose(mass.sum(), 1.0, rtol=1e-14)
    assert np.abs(first[0]).max() < 1e-16
    spokes = line[(i == 0) & (line[:, 0] > 1e-280)]
    assert_allclose(spokes[:, 0], line[i == 0][0, 0], rtol=1e-12)


def test_lattices_around_the_mean():
    # Four cells meet in a vertex up to rounding: edges of no length and of any direction, far from the mean.
    rng = np.random.default_rng(4)
    lattice = np.stack(np.meshgrid(np.arange(-3, 4), np.arange(-3, 4)), -1).reshape(-1, 2).astype(float)
    for spacing in (0.5, 3.0, 6.0):
        for shift in ((0.0, 0.0), (0.3, 0.1), (0.5, 0.5)):
            for jitter in (0.0, 1e-16, 1e-15, 1e-13):
                positions = spacing * (lattice + shift) + jitter * rng.normal(size=lattice.shape)
                mass = STANDARD.moments(positions)[0]
                assert abs(mass.sum() - 1.0) < 1e-13 and mass.min() >= 0.0
                u, v = positions.T / spacing
                low, high = spacing * (u[24] - 0.5), spacing * (u[24] + 0.5)
                below, above = spacing * (v[24] - 0.5), spacing * (v[24] + 0.5)
                expected = (ndtr(high) - ndtr(low)) * (ndtr(above) - ndtr(below))
                assert mass[24] == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("n", [1, 7, 800])
def test_cells_add_up_to_the_mixture(n):
    rng = np.random.default_rng(n)
    positions, weights = rng.normal(size=(n, 2)), 0.1 / n * rng.normal(size=n)
    mass, first, second, *_ = PLANE.moments(positions, weights)
    assert_allclose(mass.sum(), 1.0, rtol=1e-13)
    assert_allclose((first + mass[:, None] * positions).sum(0), PLANE.weights @ PLANE.means, atol=1e-13)
    about_origin = second + 2 * (positions * first).sum(1) + mass * (positions**2).sum(1)
    spread = np.trace(PLANE.covs, axis1=1, axis2=2) + (PLANE.means**2).sum(1)
    assert_allclose(about_origin.sum(), PLANE.weights @ spread, rtol=1e-13)


def test_lines_that_almost_meet_in_a_point():
    """Seeds on a line up to rounding, heavier by their distance from q: slivers, with vertices in any order."""
    mean, covs = PLANE.weights @ PLANE.means, PLANE.covs + PLANE.means[:, :, None] * PLANE.means[:, None]
    square = PLANE.weights @ np.trace(covs, axis1=1, axis2=2)
    rng = np.random.default_rng(5)
    for _ in range(300):
        n = int(rng.integers(4, 9))
        positions = np.outer(rng.uniform(-2.0, 2.0, n), rng.normal(size=2)) + rng.normal(size=2)
        weights = ((positions - 0.5 * rng.normal(size=2)) ** 2).sum(1)
        mass, first, second, *_ = PLANE.moments(positions, weights)
        assert mass.min() > -1e-14
        assert_allclose(mass.sum(), 1.0, rtol=1e-13)
        assert_allclose((first + mass[:, None] * positions).sum(0), mean, atol=1e-12)
        about_origin = second + 2 * (positions * first).sum(1) + mass * (positions**2).sum(1)
        assert_allclose(about_origin.sum(), square, rtol=1e-11)


def line_quadrature(mixture, positions, i, j, polygon):
    """∫(1, t, t²)ρ along the edge between i and j of the exact cell of i, about seed i."""
    gap = positions[j] - positions[i]
    tangent = np.array([-gap[1], gap[0]]) / np.hypot(*gap)
    total = np.zeros(3)
    for mean, cov, weight in zip(mixture.means, mixture.covs, mixture.weights):
        vertices, labels = near_component(polygon, positions[i], mean, cov)
        if j not in labels:
            continue
        k = labels.index(j)
        a, b = vertices[k], vertices[(k + 1) % len(vertices)]
        s, share = panels(np.linspace(0.0, 1.0, 151), 1.0)
        x = a + np.multiply.outer(s, b - a) + positions[i] - mean
        rho = np.exp(-0.5 * np.einsum("ni,ij,nj->n", x, np.linalg.inv(cov), x)) / (
            2 * np.pi * np.sqrt(np.linalg.det(cov))
        )
        t = (a + np.multiply.outer(s, b - a)) @ tangent
        total += weight * np.hypot(*(b - a)) * np.array([(share * rho * t**p).sum() for p in range(3)])
    return total


@pytest.mark.parametrize("n", [2, 3, 9])
@pytest.mark.parametrize("spread", [1.0, 0.03])
def test_line_moments_match_quadrature(n, spread):
    rng = np.random.default_rng(n)
    positions, weights = spread * rng.normal(size=(n, 2)), spread**2 * 0.1 * rng.normal(size=n)
    *_, edge_i, edge_j, line = PLANE.moments(positions, weights)
    found = dict(zip(zip(edge_i.tolist(), edge_j.tolist()), line))
    for i in range(n):
        polygon = exact_cell(i, positions, weights)
        for j in {k for _, _, k in polygon if k > i}:
            expected = line_quadrature(PLANE, positions, i, j, polygon)
            scale = np.sqrt(expected[0] * expected[2])
            assert_allclose(found.get((i, j), np.zeros(3)), expected, rtol=1e-11, atol=1e-13 * scale + 1e-200)


def test_line_integrals_are_derivatives_of_masses():
    rng = np.random.default_rng(5)
    positions, weights = rng.normal(size=(12, 2)), 0.1 * rng.normal(size=12)
    *_, edge_i, edge_j, line = PLANE.moments(positions, weights)
    jacobian = np.zeros((12, 12))
    coupling = line[:, 0] / (2 * np.linalg.norm(positions[edge_i] - positions[edge_j], axis=1))
    np.add.at(jacobian, (edge_i, edge_j), -coupling)
    np.add.at(jacobian, (edge_j, edge_i), -coupling)
    jacobian -= np.diag(jacobian.sum(1))
    for k, step in enumerate(1e-5 * np.eye(12)):
        difference = (PLANE.moments(positions, weights + step)[0] - PLANE.moments(positions, weights - step)[0]) / 2e-5
        assert_allclose(difference, jacobian[k], atol=1e-9)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_edges_far_out_are_kept(order):
    # The mass beyond x = −12 is 2e-33 and hangs on one edge.
    positions = np.array([[0.0, 0.0], [2.0, 0.0], [-24.0, 0.0]])[list(order)]
    mass, *_, edge_i, edge_j, line = STANDARD.moments(positions)
    far = order.index(2)
    assert mass[far] == pytest.approx(float(mpmath.ncdf(-12)), rel=1e-12)
    assert line[(edge_i == far) | (edge_j == far), 0] == pytest.approx([float(mpmath.npdf(12))], rel=1e-12)


def test_small_component_far_out():
    # A component of weight 1e-30 has the far seeds' mass, another one the rest.
    mixture = isotropic([(0.0, 0.0), (9.0, 0.0)], [0.3, 0.01], [1.0, 1e-30])
    grid = np.stack(np.meshgrid(np.arange(-2.0, 10.0), np.arange(-2.0, 3.0)), -1).reshape(-1, 2)
    assert check_cells(mixture, grid, which=range(0, 60, 3), rtol=1e-10, least=1e-280) > 10


def test_many_components_are_the_sum_of_each():
    rng = np.random.default_rng(6)
    k, n = 100, 60
    means, deviations = rng.uniform(-2, 2, (k, 2)), 10.0 ** rng.uniform(-3, -0.5, k)
    weights = 10.0 ** rng.uniform(-8, 0, k)
    weights /= weights.sum()
    positions = rng.uniform(-2, 2, (n, 2))
    found = isotropic(means, deviations, weights).moments(positions)
    total = np.zeros(n), np.zeros((n, 2)), np.zeros(n)
    lines = {}
    for mean, deviation, weight in zip(means, deviations, weights):
        density = _core.Mixture(mean[None], deviation**2 * np.eye(2)[None], np.ones(1))
        cells, edges = _core.moments(density, positions, np.zeros(n), edges=True, threads=1)
        for a, b in zip(total, (cells.mass, cells.first, cells.second)):
            a += weight * b
        for pair, own in zip(zip(edges.i.tolist(), edges.j.tolist()), edges.integrals):
            lines[pair] = lines.get(pair, 0.0) + weight * own
    size = np.sqrt(total[0] * total[2])
    assert_allclose(found[0], total[0], rtol=1e-11)
    assert_allclose(found[2], total[2], rtol=1e-11)
    assert (np.abs(found[1] - total[1]) < 1e-11 * size[:, None]).all()
    for i, j, line in zip(*found[3:]):
        assert_allclose(line, lines[i, j], rtol=1e-10, atol=1e-13 * np.sqrt(line[0] * line[2]))
    assert {(i, j) for i, j in zip(found[3].tolist(), found[4].tolist())} >= {
        p for p, v in lines.items() if v[0] > 1e-300
    }


def potential(mean, cov, positions, weights):
    return _core.Mixture(np.array([mean]), np.array([cov]), np.ones(1)).components(positions, weights)[0][0]


@pytest.mark.parametrize("n", [1, 2, 15, 100])
def test_derivatives_of_components(n):
    rng = np.random.default_rng(n)
    positions, weights = rng.normal(size=(n, 2)), 0.1 / n * rng.normal(size=n)
    value, first, curvature = PLANE.core.components(positions, weights)
    mass, _, second, *_ = PLANE.moments(positions, weights)
    assert PLANE.weights @ value == pytest.approx((second - weights * mass).sum(), rel=1e-12, abs=1e-14)
    h = 1e-4
    for k, (mean, cov) in enumerate(zip(PLANE.means, PLANE.covs)):
        assert value[k] == pytest.approx(potential(mean, cov, positions, weights), rel=1e-12)
        for step in h * np.eye(2):
            slope = potential(mean + step, cov, positions, weights) - potential(mean - step, cov, positions, weights)
            assert slope / (2 * h) == pytest.approx(2 * first[k] @ step / h, abs=1e-6)
        for step in h * np.array([[[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]]):
            slope = potential(mean, cov + step, positions, weights) - potential(mean, cov - step, positions, weights)
            assert slope / (2 * h) == pytest.approx(((np.eye(2) - curvature[k]) * step).sum() / h, abs=1e-5)


def test_light_components_have_accurate_derivatives():
    # What the sum of all hardly shows is exact for each.
    positions = np.random.default_rng(7).uniform(-1, 1, (300, 2))
    mixture = isotropic([(0.0, 0.0), (0.2, 0.1)], [0.5, 0.7], [1.0, 1e-12])
    both = mixture.core.components(positions, np.zeros(300))
    alone = isotropic([(0.2, 0.1)], [0.7]).core.components(positions, np.zeros(300))
    for a, b in zip(both, alone):
        assert_allclose(a[1], b[0], rtol=1e-11, atol=1e-14)


def test_threads_do_not_change_results():
    rng = np.random.default_rng(8)
    positions, weights = rng.normal(size=(1000, 2)), 1e-4 * rng.normal(size=1000)
    mixture = isotropic(rng.normal(size=(10, 2)), 10.0 ** rng.uniform(-3, 0, 10))
    expected = mixture.moments(positions, weights, threads=1)
    sums = mixture.core.components(positions, weights, threads=1)
    for threads in (3,):
        for a, b in zip(expected, mixture.moments(positions, weights, threads=threads)):
            assert_array_equal(a, b)
        for a, b in zip(sums, mixture.core.components(positions, weights, threads=threads)):
            assert_array_equal(a, b)


@pytest.mark.parametrize("scale", [1e-60, 1e-9, 1e9, 1e60])
def test_scaling_the_plane_scales_the_moments(scale):
    rng = np.random.default_rng(9)
    positions, weights = rng.normal(size=(50, 2)), 0.1 * rng.normal(size=50)
    mass, first, second, edge_i, edge_j, line = PLANE.moments(positions, weights)
    scaled = Mixture(scale * PLANE.means, scale**2 * PLANE.covs, PLANE.weights).moments(
        scale * positions, scale**2 * weights
    )
    assert_array_equal(scaled[3], edge_i)
    assert_array_equal(scaled[4], edge_j)
    assert_allclose(scaled[0], mass, rtol=1e-11)
    assert_allclose(scaled[1], scale * first, rtol=1e-9, atol=1e-12 * scale)
    assert_allclose(scaled[2], scale**2 * second, rtol=1e-10)
    assert_allclose(scaled[5][:, 0], line[:, 0] / scale, rtol=1e-10)


def test_hidden_and_equal_seeds_have_nothing():
    positions = np.array([[0.0, 0.0], [0.05, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    mass, first, second, *_ = STANDARD.moments(positions, np.array([5.0, 0.0, 5.0, 4.0, 5.0, 5.0]))
    assert mass[1] == mass[3] == second[1] == second[3] == 0.0 and not first[[1, 3]].any()
    assert_allclose(mass.sum(), 1.0, rtol=1e-14)


def test_wrong_mixtures_are_refused():
    mean, cov, one = np.zeros((1, 2)), np.eye(2)[None], np.ones(1)
    with pytest.raises(ValueError, match="positive definite"):
        _core.Mixture(mean, np.ones((1, 2, 2)), one)
    with pytest.raises(ValueError, match="positive"):
        _core.Mixture(mean, cov, np.zeros(1))
    with pytest.raises(ValueError, match="finite"):
        _core.Mixture(np.array([[np.nan, 0.0]]), cov, one)
    with pytest.raises(ValueError, match="length"):
        _core.Mixture(mean, cov, np.ones(2))
