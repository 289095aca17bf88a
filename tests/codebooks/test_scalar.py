"""Scalar codebooks: moments against 50-digit cell integrals, for any order, duplicates and any scale of levels."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import DIGITS, cell_moments

from diracs import ScalarCodebook


def truth(levels, scale, mean, variance):
    """Masses, distortion and E ξ q, ξ the standardized coordinate."""
    with mpmath.workdps(DIGITS):
        y = sorted(mpmath.mpf(float(v)) for v in np.asarray(levels) * scale)
        deviation = mpmath.sqrt(mpmath.mpf(variance))
        ends = [mpmath.mpf("-inf"), *((u + v) / 2 for u, v in itertools.pairwise(y)), mpmath.mpf("inf")]
        cells = [cell_moments(a, b, mean, deviation, v) for a, b, v in zip(ends, ends[1:], y)]
        distortion = mpmath.fsum(c[2] for c in cells)
        # E (Z − μ) q = Σ q (first moment about the mean)
        aligned = mpmath.fsum(v * (c[1] + (v - mean) * c[0]) for v, c in zip(y, cells))
        return [float(c[0]) for c in cells], distortion, aligned / deviation if deviation else mpmath.mpf(0)


def moments(levels, scale, mean, variance):
    return ScalarCodebook(levels).moments(np.array([[mean]]), np.array([[variance]]), np.array([[scale]]))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.lists(st.floats(-8, 8), min_size=1, max_size=7),
    st.sampled_from([0.0, 1e-3, 1.0, 7.3, 1e6]),
    st.floats(-3, 3),
    st.sampled_from([0.0, 1e-24, 1e-6, 1.0, 4.7, 1e8]),
)
def test_moments_agree_with_fifty_digits(levels, scale, mean, variance):
    got = moments(levels, scale, mean, variance)
    masses, distortion, aligned = truth(levels, scale, mean, variance)
    size = max(abs(float(v)) for v in np.asarray(levels) * scale) + abs(mean) + math.sqrt(variance)
    deviation = math.sqrt(variance)
    # Borders are rounded to floats: felt in units of the deviation.
    slack = min(1.0, 1e-12 + (4e-16 * size / deviation if deviation else 0.0))
    assert got.masses[0] == pytest.approx(masses, abs=slack)
    assert float(got.distortion[0, 0]) == pytest.approx(float(distortion), rel=1e-12, abs=1e-290)
    if deviation:
        assert float(got.alignment[0, 0]) == pytest.approx(float(aligned), abs=slack * size)
    assert float(got.deviation[0, 0]) == pytest.approx(deviation, rel=1e-15)
    assert float(got.excess[0, 0]) == 0.0


@pytest.mark.parametrize("n", [1, 2, 10, 150])
def test_distortion_of_many_levels_is_never_too_low_by_a_trillionth(n):
    rng = np.random.default_rng(n)
    levels = 3.0 * rng.standard_normal(n)
    got = float(moments(levels, 0.7, 0.3, 1.9).distortion[0, 0])
    exact = float(truth(levels, 0.7, 0.3, 1.9)[1])
    assert abs(got / exact - 1) < 1e-12


def test_order_of_levels_does_not_matter():
    levels = np.random.default_rng(1).standard_normal(20)
    ordered, shuffled = (moments(v, 1.3, 0.2, 0.8) for v in (np.sort(levels), levels))
    assert all(np.array_equal(a, b) for a, b in zip(ordered, shuffled))
    assert ScalarCodebook(levels).points()[:, 0].tolist() == np.sort(levels).tolist()


def test_duplicate_levels_share_a_cell_and_cost_nothing():
    single, double = moments([-1.0, 0.5, 2.0], 1.0, 0.2, 0.8), moments([-1.0, 0.5, 0.5, 0.5, 2.0, 2.0], 1.0, 0.2, 0.8)
    assert double.distortion == pytest.approx(single.distortion, rel=1e-15)
    merged = [double.masses[0, :1].sum(), double.masses[0, 1:4].sum(), double.masses[0, 4:].sum()]
    assert merged == pytest.approx(single.masses[0].tolist(), rel=1e-14)


def test_scale_of_zero_puts_all_levels_on_the_offset():
    got = moments([-1.0, 0.5, 2.0], 0.0, 3.0, 4.0)
    assert float(got.distortion[0, 0]) == pytest.approx(13.0, rel=1e-15)
    assert got.masses.sum() == pytest.approx(1.0, rel=1e-15)
    assert float(got.alignment[0, 0]) == 0.0


def test_levels_far_from_the_gaussian_keep_the_distance():
    got = moments([1e6, 2e6], 1.0, 0.0, 1e-6)
    assert float(got.distortion[0, 0]) == pytest.approx(1e12 + 1e-6, rel=1e-15)
    assert got.masses[0].tolist() == [1.0, 0.0]


def test_each_gaussian_of_a_batch_gets_its_own_moments():
    rng = np.random.default_rng(0)
    mean, variance, scale = rng.normal(size=(5, 1)), rng.uniform(0, 2, (5, 1)), rng.uniform(0, 2, (5, 1))
    together = ScalarCodebook([-1.0, 0.0, 0.7]).moments(mean, variance, scale)
    for i in range(5):
        alone = moments([-1.0, 0.0, 0.7], scale[i, 0], mean[i, 0], variance[i, 0])
        assert all(np.allclose(a[i], b[0], rtol=1e-15, atol=0) for a, b in zip(together, alone))


@pytest.mark.parametrize("levels", [[], [[1.0]], 1.0, [np.nan], [np.inf, 0.0]])
def test_levels_that_are_no_finite_list_are_refused(levels):
    with pytest.raises(ValueError, match="levels"):
        ScalarCodebook(levels)
