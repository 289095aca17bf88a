"""Crosses: shells against adaptive integrals, cells against brute force, radii against finite differences."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfc, ndtri

from diracs import CrossCodebook
from diracs.codebooks.cross import maximum_density, optimal_crosses, shell_moments
from diracs.codebooks.normal import normal_levels


def exact_shells(radii, ndim):
    """P(shell), E[M; shell]; the latter by parts: the integral of P(M > x) and its ends."""

    def above(x):
        return -math.expm1(ndim * math.log1p(-erfc(x / math.sqrt(2)))) if x > 0 else 1.0

    p = np.sort(radii)
    ends = np.minimum([0.0, *(p[1:] + p[:-1]) / 2, 16.0], 16.0)
    out = []
    for a, b in itertools.pairwise(ends):
        cuts = np.linspace(a, b, 2 + int(2 * (b - a)))
        area = sum(quad(above, u, v, epsabs=1e-16, epsrel=1e-13)[0] for u, v in itertools.pairwise(cuts))
        out.append((above(a) - above(b), a * above(a) - b * above(b) + area))
    return np.array(out).T


CASES = [
    ([1.0], 1),
    ([0.3, 1.4], 1),
    ([1.5], 2),
    ([0.4, 1.1, 1.2, 2.9], 3),
    ([2.0], 15),
    ([1.2, 2.2, 3.1], 40),
    ([3.2], 1000),
    ([2.9, 3.6], 1000),
    ([1e-9, 2.0, 30.0, 31.0], 4),
    ([25.0], 7),
    ([1.0, 1.0, 1.0], 5),
]


@pytest.mark.parametrize("radii, ndim", CASES)
def test_shells_agree_with_adaptive_quadrature(radii, ndim):
    mass, moment = shell_moments(np.array(radii), ndim)
    exact_mass, exact_moment = exact_shells(radii, ndim)
    assert (mass >= 0).all() and (moment >= 0).all()
    assert mass == pytest.approx(exact_mass, rel=1e-11, abs=1e-13)
    assert moment == pytest.approx(exact_moment, rel=1e-11, abs=1e-13)
    assert mass.sum() == pytest.approx(1, rel=1e-13)


@pytest.mark.parametrize("ndim", [1, 2, 7, 300])
def test_density_of_the_maximum_is_the_derivative_of_its_law(ndim):
    for x in (0.0, 1e-9, 0.01, 0.8, 2.5, 6.0, 20.0):
        with mpmath.workdps(30):
            body = (2 * mpmath.ncdf(x) - 1) ** (ndim - 1) if x or ndim > 1 else 1
            exact = 2 * ndim * mpmath.npdf(x) * body
        assert float(maximum_density(np.float64(x), ndim)) == pytest.approx(float(exact), rel=1e-12 * ndim, abs=1e-15)


def test_points_are_plus_and_minus_each_radius_on_each_axis():
    points = CrossCodebook([2.0, 0.5], 3).points()
    assert points.shape == (12, 3)
    expected = {tuple(s * p * np.eye(3)[k]) for s, p, k in itertools.product((1, -1), (2.0, 0.5), range(3))}
    assert {tuple(x) for x in points} == expected
    assert np.abs(points).max(axis=1).tolist() == [0.5] * 6 + [2.0] * 6


@pytest.mark.parametrize("radii, ndim", [([1.2], 2), ([0.6, 1.5], 3), ([1.0, 2.0, 2.6], 6), ([0.2, 3.0], 1)])
def test_cells_are_voronoi_cells_and_their_moments_those_of_random_draws(radii, ndim):
    book, scale, count = CrossCodebook(radii, ndim), 0.8, 50_000
    got = book.moments(np.zeros((1, ndim)), np.full((1, ndim), scale**2), np.full((1, ndim), scale))
    z = np.random.default_rng(ndim).standard_normal((count, ndim))
    y = book.points()
    nearest = ((y**2).sum(axis=1) - 2 * z @ y.T).argmin(axis=1)
    q = scale * y[nearest]
    share = np.bincount(nearest, minlength=len(y)) / count
    assert np.abs(share - got.masses[0]).max() < 5 * math.sqrt(share.max() / count)
    error = (scale * z - q) ** 2
    assert np.abs(error.mean(axis=0) - got.distortion[0]).max() < 5 * error.std() / math.sqrt(count)
    aligned = z * q
    assert np.abs(aligned.mean(axis=0) - got.alignment[0]).max() < 5 * aligned.std() / math.sqrt(count)
    assert got.excess == pytest.approx(0, abs=1e-15)
    assert got.masses.sum() == pytest.approx(1, rel=1e-13)


def test_excess_is_the_second_moment_that_the_cross_does_not_model():
    mean, variance, scale = np.array([[0.3, -1.0]]), np.array([[2.0, 0.1]]), np.array([[1.1, 0.4]])
    got = CrossCodebook([1.3], 2).moments(mean, variance, scale)
    assert got.excess == pytest.approx(variance + mean**2 - scale**2, rel=1e-15)
    assert got.deviation == pytest.approx(scale, rel=1e-15)


@pytest.mark.parametrize("ndim, shells", [(1, 2), (2, 1), (5, 3), (1000, 1)])
def test_optimal_radii_are_stationary_and_no_small_move_is_better(ndim, shells):
    radii, reduction = (x[0] for x in optimal_crosses((ndim,), shells))
    assert radii.shape == (shells,) and (np.diff(radii) > 0).all() and (radii > 0).all()

    def gain(p):
        mass, moment = exact_shells(p, ndim)
        return float((2 * p * moment - p * p * mass).sum())

    best = gain(radii)
    assert float(reduction) == pytest.approx(best, rel=1e-11)
    h = 1e-4
    for j in range(shells):
        step = h * np.eye(shells)[j]
        up, down = gain(radii + step), gain(radii - step)
        assert abs(up - down) / (2 * h) < 1e-7
        assert up < best and down < best


@pytest.mark.parametrize("ndim, shells", [(2, 1), (3, 2), (12, 3)])
def test_no_random_radii_beat_the_optimal_ones(ndim, shells):
    reduction = float(optimal_crosses((ndim,), shells)[1][0])
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = np.sort(ndtri(0.5 + 0.5 * rng.uniform(size=shells) ** (1 / ndim))) + 1e-6
        mass, moment = shell_moments(p, ndim)
        assert float((2 * p * moment - p * p * mass).sum()) <= reduction * (1 + 1e-12)


@pytest.mark.parametrize("shells", [1, 2, 5])
def test_cross_on_one_axis_is_the_optimal_even_quantizer_of_the_line(shells):
    radii, reduction = optimal_crosses((1,), shells)
    levels, distortion = normal_levels(2 * shells)
    assert radii[0] == pytest.approx(levels[shells:], rel=1e-10)
    assert 1 - float(reduction[0]) == pytest.approx(distortion, rel=1e-10)


def test_several_crosses_at_once_equal_each_alone():
    radii, reduction = optimal_crosses((1, 4, 90), 2)
    for i, ndim in enumerate((1, 4, 90)):
        alone = optimal_crosses((ndim,), 2)
        assert radii[i] == pytest.approx(alone[0][0], rel=1e-12) and reduction[i] == pytest.approx(
            alone[1][0], rel=1e-12
        )


@pytest.mark.parametrize(
    "radii, ndim, error, name",
    [
        ([], 2, ValueError, "radii"),
        ([0.0], 2, ValueError, "radii"),
        ([-1.0, 1.0], 2, ValueError, "radii"),
        ([[1.0]], 2, ValueError, "radii"),
        ([np.nan], 2, ValueError, "radii"),
        ([1.0], 0, ValueError, "ndim"),
        ([1.0], 1.5, TypeError, "ndim"),
    ],
)
def test_radii_and_dimension_that_make_no_cross_are_refused(radii, ndim, error, name):
    with pytest.raises(error, match=name):
        CrossCodebook(radii, ndim)
