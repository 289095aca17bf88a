"""Moments of intervals and masses of rectangles against 50-digit closed forms and quadrature."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import DIGITS, cell_moments
from scipy.special import ndtr
from scipy.stats import norm

from diracs.cells.intervals import (
    density,
    distribution,
    interval_moments,
    probability,
    standardize,
    voronoi_gaps,
)
from diracs.cells.rectangles import rectangle_masses


def moments(level, left, right, mean, variance):
    return [float(x) for x in interval_moments(*(np.float64(v) for v in (level, left, right, mean, variance)))]


def truth(level, left, right, mean, variance):
    with mpmath.workdps(DIGITS):
        level, left, right = (mpmath.mpf(v) for v in (level, left, right))
        deviation = mpmath.sqrt(mpmath.mpf(variance))
        mass, first, second = cell_moments(level - left, level + right, mean, deviation, level)
        return mass, first, second, ((first + (level - mean) * mass) / deviation if deviation else mpmath.mpf(0))


@pytest.mark.parametrize("width", [1e-12, 1e-5, 0.03, 0.7, 3.0, math.inf])
def test_probability_keeps_all_digits_in_both_tails(width):
    starts = np.array([-37.0, -20.0, -8.0, -3.0, -0.4, -1e-9, 0.0, 1e-12, 0.7, 5.0, 12.0, 30.0, 36.5])
    for a, b, got in zip(starts, starts + width, probability(starts, starts + width)):
        with mpmath.workdps(DIGITS):
            exact = cell_moments(mpmath.mpf(a), mpmath.mpf(b), 0, 1, 0)[0]
            # A difference of two tails: each is good to t² roundings, and they agree up to width·t.
            t = max(abs(a), 1.0)
            allowed = 2e-13 + 1e-15 * t * t / min(width * t, 1.0)
            assert abs(float(got / exact) - 1) < allowed, a


@pytest.mark.parametrize("x", [-37.5, -10.0, -1.0, 0.0, 0.3, 6.0, 38.0])
def test_density_and_distribution_are_those_of_the_standard_normal(x):
    with mpmath.workdps(DIGITS):
        assert float(density(np.float64(x)) / mpmath.npdf(x)) == pytest.approx(1, rel=5e-11 if abs(x) > 30 else 4e-13)
        assert float(distribution(np.float64(x)) / mpmath.ncdf(x)) == pytest.approx(
            1, rel=5e-11 if abs(x) > 30 else 4e-13
        )


@pytest.mark.parametrize("reach", [1e-9, 1e-6, 1e-3, 0.05])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_narrow_cells_have_relative_accuracy_even_in_far_tails(reach, share):
    deviation, mean = 1.7, 0.25
    left, right = share * reach, (1 - share) * reach
    for t in (0.0, 0.3, -2.0, 5.0, -9.0, 15.0, 25.0, -34.0):
        level = mean + t * deviation
        got, exact = moments(level, left, right, mean, deviation**2), truth(level, left, right, mean, deviation**2)
        # The level is a float: moving it by its rounding changes the density by t times that.
        slack = 2e-13 + 1e-15 * t * t
        assert got[0] == pytest.approx(float(exact[0]), rel=slack)
        assert got[2] == pytest.approx(float(exact[2]), rel=slack)
        assert abs(got[1] - float(exact[1])) <= slack * reach * float(exact[0])
        assert abs(got[3] - float(exact[3])) <= slack * max(abs(t), 1) * float(exact[0])


@settings(deadline=None, max_examples=50, derandomize=True)
@given(  # below some 1e-9 of a deviation the fifty digits would cancel
    st.floats(-30, 30),
    st.sampled_from([0.0, math.inf]) | st.floats(1e-9, 10) | st.floats(1e-9, 1e-2),
    st.sampled_from([0.0, math.inf]) | st.floats(1e-9, 10) | st.floats(1e-9, 1e-2),
    st.floats(-3, 3),
    st.floats(-6, 6),
)
def test_moments_of_any_cell_agree_with_fifty_digits(t, left, right, mean, log_deviation):
    deviation = 10.0**log_deviation
    variance = deviation**2
    level, left, right = mean + t * deviation, left * deviation, right * deviation
    got, exact = moments(level, left, right, mean, variance), truth(level, left, right, mean, variance)
    mass = float(exact[0])
    # Rounding of a level near the mean is felt in units of the deviation.
    slack = 1e-12 + 4e-15 * (1 + t * t) + 1e-15 * (1 + abs(t)) * abs(mean) / deviation
    slack *= 1 + abs(t)
    size = deviation * (1 + abs(t)) + max(x for x in (left, right, 0.0) if math.isfinite(x))
    assert abs(got[0] - mass) <= slack * mass + 1e-300
    assert abs(got[1] - float(exact[1])) <= slack * mass * size + 1e-300
    assert abs(got[2] - float(exact[2])) <= slack * mass * size**2 + 1e-300
    assert all(math.isfinite(x) for x in got) and got[0] >= 0


@pytest.mark.parametrize(
    "mean, shares", [(-1.0, (1, 0, 0)), (0.5, (0.5, 0.5, 0)), (0.7, (0, 1, 0)), (2.0, (0, 0.5, 0.5))]
)
def test_point_mass_goes_to_its_cell_and_is_halved_by_a_border(mean, shares):
    levels = np.array([0.0, 1.0, 3.0])
    got = interval_moments(levels, *voronoi_gaps(levels), np.float64(mean), np.float64(0.0))
    assert got.mass == pytest.approx(shares, abs=0)
    assert got.first == pytest.approx(np.array(shares) * (mean - levels), abs=0)
    assert got.second == pytest.approx(np.array(shares) * (mean - levels) ** 2, abs=0)


def test_cell_without_width_has_no_moments():
    got = interval_moments(np.array([0.0, 3.0, 50.0]), *np.zeros((2, 3)), np.float64(0.0), np.float64(1.0))
    assert all((np.abs(x) == 0).all() for x in got)


def test_infinite_cell_holds_the_whole_gaussian():
    got = interval_moments(np.float64(2.0), np.float64(np.inf), np.float64(np.inf), np.float64(-1.0), np.float64(0.25))
    assert (float(got.mass), float(got.first), float(got.second)) == pytest.approx((1.0, -3.0, 9.25), rel=1e-15)


def test_cells_beyond_forty_deviations_are_empty_and_finite():
    got = interval_moments(np.array([1e9, -1e150]), np.ones(2), np.ones(2), np.float64(0.0), np.float64(1.0))
    assert all((x == 0).all() for x in got)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    st.lists(st.floats(-50, 50), min_size=1, max_size=30),
    st.floats(-20, 20),
    st.one_of(st.just(0.0), st.floats(1e-12, 1e3)),
)
def test_cells_of_sorted_levels_share_out_the_whole_gaussian(levels, mean, variance):
    levels = np.sort(levels)
    got = interval_moments(levels, *voronoi_gaps(levels), np.float64(mean), np.float64(variance))
    assert (got.mass >= 0).all() and (got.second >= 0).all()
    assert got.mass.sum() == pytest.approx(1, rel=1e-13)
    assert abs(got.slope.sum()) < 1e-13
    size = np.abs(levels).max() + abs(mean) + 1
    assert (got.first + levels * got.mass).sum() == pytest.approx(mean, abs=1e-12 * size)


def test_voronoi_gaps_are_half_the_distances_to_the_neighbours():
    left, right = voronoi_gaps(np.array([[0.0, 1.0, 1.0, 4.0], [0.0, 0.0, 0.0, 2.0]]))
    assert left.tolist() == [[math.inf, 0.5, 0, 1.5], [math.inf, 0, 0, 1]]
    assert right.tolist() == [[0.5, 0, 1.5, math.inf], [0, 0, 1, math.inf]]


@pytest.mark.parametrize(
    "offset, deviation, expected",
    [
        (1.0, 0.5, 2.0),
        (1e300, 1e-300, 40.0),
        (-math.inf, 1.0, -40.0),
        (0.0, 0.0, 0.0),
        (1e-300, 0.0, 40.0),
        (-2.0, 0.0, -40.0),
    ],
)
def test_standardize_clips_to_forty_without_overflow(offset, deviation, expected):
    assert float(standardize(np.float64(offset), np.float64(deviation))) == expected


# --- rectangles -------------------------------------------------------------------------------------------------------


def rectangle(a, b, rho):
    """Mass of (a₀, a₁] × (b₀, b₁] by 30 Gauss nodes on each of many pieces of x, with SciPy's Φ in the smaller tail."""
    rest = math.sqrt((1 - rho) * (1 + rho))
    low, high = max(a[0], -14.0), min(a[1], 14.0)
    if low >= high:
        return 0.0
    steps = [v / rho + s * rest / abs(rho) for v in b for s in (-12, -6, -3, 0, 3, 6, 12)] if rho else []
    cuts = np.unique([low, high, *(x for x in (*steps, *range(-14, 15)) if low < x < high)])
    nodes, weights = np.polynomial.legendre.leggauss(30)
    half = 0.5 * np.diff(cuts)[:, None]
    x = cuts[:-1, None] + half * (1 + nodes)
    lower, upper = ((v - rho * x) / rest for v in b)
    flip = lower + upper > 0
    lower, upper = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    inner = norm.pdf(x) * (ndtr(upper) - ndtr(lower))
    return float((half * weights * inner).sum())


@pytest.mark.parametrize("rho", [0.0, 0.04, -0.06, 0.5, -0.9, 0.999, -0.999999])
def test_rectangle_masses_agree_with_quadrature(rho):
    a, b = np.array([-40.0, -6.0, -0.3, 0.5, 40.0]), np.array([-40.0, 0.2, 4.5, 40.0])
    got = rectangle_masses(a[None], b[None], np.array([rho]))[0]
    assert got.shape == (4, 3) and (got >= 0).all()
    for i, j in itertools.product(range(4), range(3)):
        exact = rectangle(a[i : i + 2], b[j : j + 2], rho)
        assert got[i, j] == pytest.approx(exact, rel=1e-10, abs=1e-18), (i, j)


def test_rectangle_masses_at_seven_deviations_keep_their_digits():
    a, b, rho = np.array([-40.0, 7.0, 40.0]), np.array([-40.0, 7.0, 40.0]), -0.3
    got = rectangle_masses(a[None], b[None], np.array([rho]))[0]
    exact = rectangle((7.0, 40.0), (7.0, 40.0), rho)
    assert exact < 1e-30
    assert got[1, 1] == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("rho", [1.0, -1.0])
def test_rectangles_of_a_perfect_correlation_lie_on_the_diagonal(rho):
    rng = np.random.default_rng(0)
    a = np.concatenate([[-40], np.sort(rng.normal(size=9)), [40]])
    b = np.concatenate([[-40], np.sort(rng.normal(size=5)), [40]])
    got = rectangle_masses(a[None], b[None], np.array([rho]))[0]
    for i, j in itertools.product(range(10), range(6)):
        other = b[j : j + 2] if rho > 0 else -b[j : j + 2][::-1]
        low, high = max(a[i], other[0]), min(a[i + 1], other[1])
        exact = float(cell_moments(low, high, 0, 1, 0)[0]) if low < high else 0.0
        assert got[i, j] == pytest.approx(exact, rel=1e-12, abs=1e-16), (i, j)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(
    st.lists(st.floats(-9, 9), max_size=12),
    st.lists(st.floats(-9, 9), max_size=12),
    st.one_of(st.floats(-1, 1), st.sampled_from([1 - 1e-15, -1 + 1e-12, 1 - 1e-8, 1e-9])),
)
def test_rectangle_masses_have_normal_marginals(inner_a, inner_b, rho):
    a, b = (np.concatenate([[-40.0], np.sort(x), [40.0]]) for x in (inner_a, inner_b))
    got = rectangle_masses(a[None], b[None], np.array([rho]))[0]
    assert (got >= 0).all()
    assert got.sum(axis=1) == pytest.approx(probability(a[:-1], a[1:]), abs=1e-13)
    assert got.sum(axis=0) == pytest.approx(probability(b[:-1], b[1:]), abs=2e-11)


def test_rectangle_masses_are_transposed_when_axes_swap_and_batch():
    a, b, c = np.array([[-40.0, -1, 0.3, 2, 40]]), np.array([[-40.0, 0.1, 40]]), np.array([[-40.0, 1.0, 40]])
    one, two = (rectangle_masses(a, v, np.array([r]))[0] for v, r in ((b, 0.7), (c, -0.2)))
    assert rectangle_masses(b, a, np.array([0.7]))[0] == pytest.approx(one.T, rel=1e-12)
    both = rectangle_masses(np.concatenate([a, a]), np.concatenate([b, c]), np.array([0.7, -0.2]))
    assert both[0] == pytest.approx(one, rel=1e-14) and both[1] == pytest.approx(two, rel=1e-14)


def test_border_on_a_point_mass_splits_rectangles_in_halves():
    # A deviation of zero standardizes a border at the mean to 0 and others to ±40.
    a, b = np.array([[-40.0, 0.0, 40.0]]), np.array([[-40.0, 0.6, 40.0]])
    got = rectangle_masses(a, b, np.array([0.0]))[0]
    assert got == pytest.approx(0.5 * np.stack([probability(b[0, :-1], b[0, 1:])] * 2), rel=1e-13)
