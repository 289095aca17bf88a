"""Laws of several dimensions through the front door: certificates against samples, and everything that takes them."""

import numpy as np
import pytest
import scipy.stats as st
from scipy.spatial import cKDTree

from diracs import (
    Elliptical,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    Independent,
    Mixture,
    PointScheme,
    PolynomialGrid,
    Quantization,
    SumOfDiracs,
    discretize,
    expectation,
    probability,
    quantize,
    recertify,
)
from diracs.laws.balls import Balls
from diracs.quantization.moment_matching import moments_of

MATRIX = np.random.default_rng(3).normal(size=(3, 3))
SKEW = Independent([st.gamma(2), st.laplace(), st.uniform()], MATRIX, [1.0, 2.0, 3.0])
STUDENT = st.multivariate_t([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]], df=6)
VALUES = np.random.default_rng(1).random((4, 3, 2, 3))
GRID = PolynomialGrid(VALUES)
ATOMS = Mixture([Gaussian([0.0, 0.0], [[1.0, 0.3], [0.3, 0.5]]), SumOfDiracs([[4.0, 4.0]])], [3, 1])
BALLS = Balls(np.random.default_rng(0).normal(size=(5, 2)), 0.5)


def draw_skew(count: int, rng: np.random.Generator) -> np.ndarray:
    z = np.stack([rng.gamma(2, size=count), rng.laplace(size=count), rng.random(count)], axis=1)
    return z @ MATRIX.T + [1.0, 2.0, 3.0]


def draw_grid(count: int, rng: np.random.Generator) -> np.ndarray:
    cell = rng.choice(VALUES.size, count, p=(VALUES / VALUES.sum()).ravel())
    return (np.stack(np.unravel_index(cell, VALUES.shape), axis=1) + rng.random((count, 4))) / VALUES.shape


def draw_student(count: int, rng: np.random.Generator) -> np.ndarray:
    return STUDENT.rvs(count, random_state=rng)


def draw_atoms(count: int, rng: np.random.Generator) -> np.ndarray:
    x = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.3], [0.3, 0.5]], count)
    x[rng.random(count) < 0.25] = 4.0
    return x


def draw_balls(count: int, rng: np.random.Generator) -> np.ndarray:
    angle, r = 2 * np.pi * rng.random(count), 0.5 * np.sqrt(rng.random(count))
    at = np.asarray(BALLS.centres)[rng.integers(0, 5, count)]
    return at + r[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize(
    ("law", "draw", "n"),
    [
        (SKEW, draw_skew, 100),
        (STUDENT, draw_student, 50),
        (GRID, draw_grid, 60),
        (ATOMS, draw_atoms, 20),
        (BALLS, draw_balls, 30),
    ],
)
def test_certificates_are_those_of_nearest_points_nearly(law, draw, n):
    q = quantize(law, n)
    assert len(q) <= n and q.weights.sum() == pytest.approx(1.0, abs=1e-14)
    square = cKDTree(q.positions).query(draw(300_000, np.random.default_rng(8)))[0] ** 2
    mean, error = square.mean(), square.std() / 300_000**0.5
    assert (mean - 5 * error) ** 0.5 <= q.w2 <= 1.01 * (mean + 4 * error) ** 0.5
    assert 0 < q.w2_lower <= q.w2
    again = discretize(law, q.scheme)
    assert again.w2 == pytest.approx(float(q.w2), rel=1e-12)


@pytest.mark.parametrize("law", [SKEW, STUDENT, GRID, ATOMS, BALLS])
def test_a_number_of_points_or_an_error(law):
    w2 = 1.2 * float(quantize(law, 12).w2)
    q = quantize(law, w2=w2)
    assert q.w2 <= w2 and len(q) <= 12


def test_one_point_has_the_whole_variance():
    for law in (SKEW, STUDENT, GRID, ATOMS, BALLS):
        q = quantize(law, 1)
        mean, cov = moments_of(q.distribution)
        assert q.w2 == pytest.approx(np.trace(cov) ** 0.5, rel=1e-9) and q.w2 >= np.trace(cov) ** 0.5 * (1 - 1e-13)
        np.testing.assert_allclose(q.positions[0], mean, atol=1e-9)
        assert q.w2_lower == pytest.approx(float(q.w2), rel=1e-6)


def test_symmetric_points_have_a_closed_form():
    """±y along the first axis: E|x − y|² = E|x|² − 2 y E|x₁| + y², for t with s² = ν/χ²."""
    points = np.array([[1.1, 0.0, 0.0], [-1.1, 0.0, 0.0]])
    scales = st.invgamma(3.0, scale=3.0)
    law = st.multivariate_t(np.zeros(3), np.eye(3), df=6)
    first = scales.expect(np.sqrt) * np.sqrt(2 / np.pi)
    exact = 3 * scales.mean() - 2 * 1.1 * first + 1.21
    assert discretize(law, PointScheme(points)).w2 ** 2 == pytest.approx(exact, rel=1e-8)
    square = Independent([st.uniform(-1, 2), st.uniform(-1, 2)])
    q = discretize(square, PointScheme([[0.5, 0.0], [-0.5, 0.0]]))
    assert q.w2**2 == pytest.approx(1 / 12 + 1 / 3, rel=1e-12)


def test_an_elliptical_law_of_constant_angle():
    """s uniform on [0, √3], cov 1 in the plane: E s² tr cov = 2."""
    law = Elliptical(st.uniform(0, 3**0.5), [5.0, 5.0], 1.0)
    assert quantize(law, 1).w2 == pytest.approx(2**0.5, rel=1e-12)


def test_degenerate_laws():
    line = Independent([st.gamma(2), st.norm()], [[1.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    q = quantize(line, 10, scheme="optimal")
    best = float(quantize(st.gamma(2), 10).w2)
    assert 3 * best * (1 - 1e-6) <= q.w2 <= 3 * best * 1.01
    np.testing.assert_allclose(q.positions @ [[2.0, 0], [-1, 1], [0, -1]], 0.0, atol=1e-12)
    spot = Elliptical(st.gamma(2), [1.0, 2.0], 0.0)
    assert quantize(spot, 3).w2 <= 1e-140
    assert discretize(spot, PointScheme([[1.0, 3.0]])).w2 == pytest.approx(1.0)
    atoms = Mixture([SumOfDiracs([[0.0, 0.0], [1.0, 0.0]]), SumOfDiracs([[0.0, 5.0]])], [2, 1])
    assert quantize(atoms, 3).w2 < 1e-14
    assert quantize(atoms, 2).w2 == pytest.approx((2 / 3) ** 0.5 * 0.5)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_scales(scale):
    here = quantize(SKEW, 8, scheme="optimal")
    there = quantize(Independent(SKEW.laws, MATRIX * scale, np.array([1.0, 2.0, 3.0]) * scale), 8, scheme="optimal")
    assert there.w2 / scale == pytest.approx(float(here.w2), rel=1e-2)
    law = Elliptical(st.gamma(2), np.zeros(2), scale**2 if 1e-100 < scale < 1e100 else scale)
    assert 0 < quantize(law, 4).w2 < np.inf
    grid = PolynomialGrid.from_histogram([[1, 2], [3, 4]], [[0, scale, 5 * scale], [0, scale, 2 * scale]])
    assert quantize(grid, 1).w2 / scale == pytest.approx(np.trace(moments_of(grid)[1] / scale / scale) ** 0.5)


def test_far_from_the_origin():
    """Barycenters lie next to a centre that coordinates are differences to."""
    offset = np.array([1e9, -1e9, 1e9])
    q = quantize(Independent(SKEW.laws, MATRIX, offset), 20, scheme="optimal")
    near = quantize(SKEW, 20, scheme="optimal")
    assert q.w2 == pytest.approx(float(near.w2), rel=1e-3)


def test_rounding_of_the_place_is_paid():
    """A mean that doubles do not hold is off by up to 6e-8 here: as much as is added."""
    z = [st.uniform(0, 2.0**-20), st.uniform(0, 2.0**-20)]
    far, near = Independent(z, None, [1e9 + 0.3, 0.0]), Independent(z)
    more = quantize(far, 1).w2 - quantize(near, 1).w2
    assert 6e-8 <= more <= 1e-6
    assert quantize(near, 1).w2 == pytest.approx(2.0**-20 * (2 / 12) ** 0.5, rel=1e-12)


def test_matched_moments():
    for law in (SKEW, STUDENT, GRID, ATOMS, BALLS):
        q = quantize(law, 25, match_moments=True)
        mean, cov = moments_of(q.distribution)
        np.testing.assert_allclose(q.weights @ q.positions, mean, atol=1e-12)
        off = q.positions - mean
        np.testing.assert_allclose((q.weights[:, None] * off).T @ off, cov, atol=1e-11)
        assert quantize(law, 25).w2 <= q.w2 <= 1.1 * quantize(law, 25).w2


def test_moments_against_samples():
    for law, draw in ((SKEW, draw_skew), (GRID, draw_grid), (ATOMS, draw_atoms), (BALLS, draw_balls)):
        x = draw(200_000, np.random.default_rng(2))
        mean, cov = moments_of(law)
        np.testing.assert_allclose(mean, x.mean(axis=0), atol=0.05)
        np.testing.assert_allclose(cov, np.cov(x.T), atol=0.03 * np.trace(cov))


def test_recertified():
    q = quantize(ATOMS, 10)
    found = recertify(ATOMS, q)
    assert found.w2 == pytest.approx(float(q.w2)) and found.w2_given == pytest.approx(float(q.w2))
    equal = recertify(ATOMS, SumOfDiracs(q.positions))
    assert equal.w2_given > equal.w2
    # One point has all of the mass, whatever the others.
    one = recertify(GRID, SumOfDiracs([[0.5] * 4, [0.0] * 4], [1.0, 0.0]))
    mean, cov = moments_of(GRID)
    exact = np.trace(cov) + ((mean - 0.5) ** 2).sum()
    assert one.w2_given**2 >= exact * (1 - 1e-9)


def test_questions_files_and_float32(tmp_path):
    law = Independent([st.gamma(2), st.uniform()], np.array([[1.0, 0.5], [0.0, 1.0]], dtype=np.float32))
    q = quantize(law, 30)
    assert q.positions.dtype == np.float32 == q.weights.dtype
    assert q.w2 >= quantize(Independent([st.gamma(2), st.uniform()], [[1.0, 0.5], [0.0, 1.0]]), 30).w2 * (1 - 1e-5)
    mean = expectation(q, lambda x: x[:, 0], lipschitz=1.0)
    assert mean.low <= 2.25 <= mean.high
    inside = probability(q, HalfSpace([0.0, 1.0], 0.5))
    assert inside.low <= 0.5 <= inside.high
    for name, one in (
        ("a.npz", q),
        ("b.json", quantize(STUDENT, 5)),
        ("c.npz", quantize(ATOMS, 5)),
        ("d.json", quantize(BALLS, 3)),
    ):
        one.save(tmp_path / name)
        read = Quantization.load(tmp_path / name)
        assert read.w2 == one.w2 and repr(read.distribution) == repr(one.distribution)
        assert discretize(read.distribution, read.scheme).w2 == one.w2


def test_histograms():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 4)) * [1, 2, 1, 0.5]
    law = PolynomialGrid.from_histogram(*np.histogramdd(x, bins=12))
    assert isinstance(law, PolynomialGrid)
    q = quantize(law, 50)
    cost = cKDTree(q.positions).query(x)[0] ** 2
    assert q.w2 == pytest.approx(cost.mean() ** 0.5, rel=0.05)
    edges = [np.array([0.0, 1.0, 4.0]), np.array([0.0, 2.0, 3.0, 5.0])]
    uneven = PolynomialGrid.from_histogram([[1, 0, 2], [0, 3, 0]], edges)
    # As one with bins of one width that these are unions of.
    fine = np.zeros((4, 5))
    fine[0, :2], fine[0, 3:], fine[1:, 2] = 1 / 2, 2 / 2, 3 / 3
    even = PolynomialGrid(fine, [[0, 0], [4, 5]])
    points = PointScheme(rng.random((6, 2)) * [4, 5])
    assert (
        discretize(even, points).w2 * (1 - 1e-9) <= discretize(uneven, points).w2 <= discretize(even, points).w2 * 1.005
    )
    assert quantize(uneven, 6).w2_lower <= quantize(even, 6).w2
    with pytest.raises(ValueError, match="at most 8 axes"):
        quantize(PolynomialGrid(np.ones((1,) * 9)), 3)
    with pytest.raises(ValueError, match="periodic"):
        quantize(PolynomialGrid(np.ones((2, 2, 2, 2)), periodic=True), 3)


def test_sparse_histograms_cost_what_they_hold():
    values = np.zeros((40, 40, 40, 40))
    at = np.random.default_rng(0).integers(0, 40, (200, 4))
    values[tuple(at.T)] = 1.0
    q = quantize(PolynomialGrid(values, [[0] * 4, [40] * 4]), 20)
    cost = cKDTree(q.positions).query(at + 0.5)[0] ** 2
    assert q.w2**2 == pytest.approx(cost.mean() + 4 / 12, rel=0.02)


def test_mixtures_of_gaussians_alone_are_gaussian_mixtures():
    parts = [Gaussian([0.0, 0.0], 1.0), GaussianMixture([[1.0, 0.0], [2.0, 2.0]], [1.0, 0.5], [1, 3])]
    q = quantize(Mixture([Mixture(parts, [1, 1]), Gaussian([5.0, 0.0], 1.0)], [2, 2]), 20)
    assert isinstance(q.distribution, GaussianMixture) and q.exact
    np.testing.assert_allclose(q.distribution.weights, [0.25, 0.0625, 0.1875, 0.5])


def test_a_mixture_on_the_line():
    """Of one law it is that law, whose optimum is known."""
    law = Mixture([st.gamma(2), st.gamma(2)], [1, 3])
    best = float(quantize(st.gamma(2), 10).w2)
    assert best * (1 - 1e-6) <= quantize(law, 10).w2 <= 1.01 * best


def test_refusals():
    with pytest.raises(ValueError, match="'grid' or 'product' for a Independent, got 'cross'"):
        quantize(SKEW, 5, scheme="cross")
    with pytest.raises(ValueError, match="'auto' or 'optimal' for a Mixture"):
        quantize(ATOMS, 5, scheme="grid")
    with pytest.raises(ValueError, match="dimension"):
        discretize(SKEW, PointScheme([[0.0, 0.0]]))
    with pytest.raises(ValueError, match="dimension"):
        recertify(SKEW, SumOfDiracs([[0.0, 0.0]]))
    with pytest.raises(ValueError, match="further"):
        discretize(SKEW, PointScheme([[1e30, 0.0, 0.0]]))
