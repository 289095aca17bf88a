"""Optimal scalar quantizers against mpmath, plain Lloyd from many starts, and allocations of points to components."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from diracs import GaussianMixture, quantize
from diracs.codebooks.optimal import mixture_distortion, normal_distortion, normal_levels, optimal_levels


def one(means, variances, weights, n):
    """Levels of a single mixture and their distortion."""
    group = np.zeros(len(means), dtype=int)
    levels = optimal_levels(np.array(means), np.array(variances), np.array(weights), group, n)
    assert levels.shape == (1, n)
    assert np.isfinite(levels).all() and (np.diff(levels) >= 0).all()
    return levels[0], mixture_distortion(levels, means, variances, weights, group)[0]


def cell_moments(levels, mean, deviation, weight):
    """Masses and first and second moments about zero of the Voronoi cells, (starts, n), by the textbook formulas."""
    borders = 0.5 * (levels[:, 1:] + levels[:, :-1])
    z = (borders[:, :, None] - mean) / deviation
    ends = np.ones((len(levels), 1, len(mean)))
    cdf = np.concatenate([0 * ends, ndtr(z), ends], axis=1)
    phi = np.concatenate([0 * ends, np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi), 0 * ends], axis=1)
    zphi = np.concatenate([0 * ends, z, 0 * ends], axis=1) * phi
    m, f, s = np.diff(cdf, axis=1), -np.diff(phi, axis=1), np.diff(cdf, axis=1) - np.diff(zphi, axis=1)
    return (
        (weight * m).sum(-1),
        (weight * (mean * m + deviation * f)).sum(-1),
        (weight * (mean**2 * m + 2 * mean * deviation * f + deviation**2 * s)).sum(-1),
    )


def plain_distortion(levels, mean, deviation, weight):
    m, f, s = cell_moments(levels, mean, deviation, weight)
    return (s - 2 * levels * f + levels**2 * m).sum(-1)


def lloyd(levels, mean, deviation, weight, steps):
    for _ in range(steps):
        m, f, _ = cell_moments(levels, mean, deviation, weight)
        levels = np.sort(np.where(m > 1e-12, f / np.where(m > 1e-12, m, 1.0), levels), axis=1)
    return levels


def compositions(n, k):
    """All ways to write n as an ordered sum of k positive numbers."""
    for cut in itertools.combinations(range(1, n), k - 1):
        yield np.diff([0, *cut, n])


@pytest.mark.parametrize(
    ("n", "error"),
    [(1, 1.0), (2, math.sqrt(1 - 2 / math.pi)), (10, 0.1514498363), (100, 0.0163313263), (1000, 0.00164773367)],
)
def test_normal_errors(n, error):
    levels, distortion = normal_levels(n)
    assert math.sqrt(distortion) == pytest.approx(error, rel=3e-9 if n > 2 else 1e-14)
    assert levels.shape == (n,)
    assert (levels == -levels[::-1]).all()
    assert not levels.flags.writeable
    assert normal_levels(n)[0] is levels


@pytest.mark.parametrize("n", [2, 3, 65, 250])
def test_normal_levels_are_centroids(n):
    levels, distortion = normal_levels(n)
    with mpmath.workdps(40):
        y = [mpmath.mpf(float(v)) for v in levels]
        borders = [-mpmath.inf, *((a + b) / 2 for a, b in itertools.pairwise(y)), mpmath.inf]
        cdf = [mpmath.ncdf(b) for b in borders]
        phi = [mpmath.npdf(b) for b in borders]
        zphi = [b * p if mpmath.isfinite(b) else mpmath.mpf(0) for b, p in zip(borders, phi)]
        exact = mpmath.mpf(0)
        for j, v in enumerate(y):
            mass, first = cdf[j + 1] - cdf[j], phi[j] - phi[j + 1]
            gap = min(abs(v - u) for u in y[max(j - 1, 0) : j + 2] if u != v)
            assert abs(first / mass - v) < 1e-12 * gap
            exact += mass + zphi[j] - zphi[j + 1] - 2 * v * first + v * v * mass
        assert abs(distortion / exact - 1) < 1e-13


@pytest.mark.parametrize("n", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_very_many_levels_come_near_zadors_limit(n):
    levels, distortion = normal_levels(n)
    assert (np.diff(levels) > 0).all()
    assert (levels == -levels[::-1]).all()
    assert distortion * n * n == pytest.approx(math.sqrt(3) * math.pi / 2, rel=3 / n)
    # n²·D increases towards √3π/2: fewer points are farther away.
    assert distortion * n * n > normal_levels(n // 10)[1] * (n // 10) ** 2


def test_normal_distortion():
    n = np.array([[1, 2, 3, 17], [63, 64, 65, 67], [99, 150, 501, 1777], [3333, 4999, 5001, 10_000]])
    exact = np.array([[normal_levels(int(m))[1] for m in row] for row in n])
    error = np.abs(normal_distortion(n) / exact - 1)
    assert error[n <= 64].max() < 1e-14
    assert error.max() < 1e-6
    assert normal_distortion(5).shape == ()
    # Decreasing and convex, as sharing points by marginal gain needs.
    values = normal_distortion(np.arange(1, 3000))
    assert (np.diff(values) < 0).all()
    assert (np.diff(values, 2) > 0).all()
    far = 10_000_000
    assert normal_distortion(far) * far**2 == pytest.approx(math.sqrt(3) * math.pi / 2, rel=1e-6)


def test_single_gaussian_is_a_scaled_normal():
    levels, distortion = one([3.0], [4.0], [7.0], 12)
    np.testing.assert_array_equal(levels, 3.0 + 2.0 * normal_levels(12)[0])
    assert distortion == pytest.approx(4.0 * normal_levels(12)[1], rel=1e-13)
    split, _ = one([3.0, 3.0], [4.0, 4.0], [1.0, 2.0], 12)
    np.testing.assert_allclose(split, levels, rtol=1e-12)


def test_distortion_is_not_on_the_low_side():
    # Split components go through the general sums, which must be as good as the normal law's.
    for n in (2, 5, 9, 30, 250):
        levels, exact = normal_levels(n)
        group = np.zeros(2, dtype=int)
        distortion = mixture_distortion(levels[None], np.zeros(2), np.ones(2), np.array([1.0, 2.0]), group)
        assert distortion[0] == pytest.approx(exact, rel=1e-13)


def test_one_level_is_the_mean():
    levels, distortion = one([0.0, 4.0], [1.0, 0.0], [3.0, 1.0], 1)
    assert levels[0] == pytest.approx(1.0, rel=1e-15)
    assert distortion == pytest.approx(0.75 + 3.0, rel=1e-14)


def test_no_saddle():
    levels, distortion = one([-1.5, 1.5], [0.0225, 0.0225], [0.5, 0.5], 3)
    assert distortion == pytest.approx(0.015338, abs=1e-6)
    assert abs(levels[1]) > 1.0
    # The symmetric saddle has a level at 0, which serves nobody.
    saddle = mixture_distortion(np.array([[-1.5, 0.0, 1.5]]), [-1.5, 1.5], [0.0225, 0.0225], [1, 1], np.zeros(2, int))
    assert saddle[0] == pytest.approx(0.0225, rel=1e-3)


@st.composite
def mixtures(draw):
    k = draw(st.integers(2, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=k) * draw(st.sampled_from([0.5, 2.0, 6.0]))
    deviation = np.exp(rng.normal(size=k) * draw(st.sampled_from([0.2, 0.7, 1.5])))
    weight = np.exp(rng.normal(size=k) * draw(st.sampled_from([0.2, 1.0])))
    return mean, deviation, weight / weight.sum(), draw(st.integers(2, 7)), rng


@settings(max_examples=6, deadline=None, derandomize=True)
@given(mixtures())
def test_never_worse_than_lloyd_from_many_starts(case):
    mean, deviation, weight, n, rng = case
    _, distortion = one(mean, deviation**2, weight, n)
    k = rng.choice(len(mean), size=(32, n), p=weight)
    starts = np.sort(mean[k] + 1.5 * deviation[k] * rng.normal(size=k.shape), axis=1)
    found = plain_distortion(lloyd(starts, mean, deviation, weight, 80), mean, deviation, weight)
    assert distortion <= found.min() * (1 + 1e-9)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(mixtures())
def test_never_worse_than_any_allocation_to_components(case):
    mean, deviation, weight, n, _ = case
    n = len(mean) + n // 2
    _, distortion = one(mean, deviation**2, weight, n)
    unions = [
        np.sort(np.concatenate([m + s * normal_levels(int(c))[0] for m, s, c in zip(mean, deviation, counts)]))
        for counts in compositions(n, len(mean))
    ]
    assert distortion <= plain_distortion(np.array(unions), mean, deviation, weight).min() * (1 + 1e-9)
    bound = min(
        float((weight * deviation**2 * normal_distortion(counts)).sum()) for counts in compositions(n, len(mean))
    )
    assert distortion <= bound * (1 + 1e-12)


@pytest.mark.parametrize("n", [2, 5, 30, 200])
def test_stationary(n):
    rng = np.random.default_rng(n)
    mean, deviation, weight = 3 * rng.normal(size=5), rng.uniform(0.3, 2.0, 5), rng.dirichlet(np.ones(5))
    levels, distortion = one(mean, deviation**2, weight, n)
    m, f, _ = cell_moments(levels[None], mean, deviation, weight)
    np.testing.assert_allclose(f[0] / m[0], levels, atol=1e-12 * n)
    assert distortion == pytest.approx(plain_distortion(levels[None], mean, deviation, weight)[0], rel=1e-9)


def test_many_levels():
    mean, deviation, weight = np.array([0.0, 1.0, 5.0]), np.array([0.3, 1.0, 0.6]), np.array([1.0, 2.0, 3.0]) / 6
    n = 2000
    levels, distortion = one(mean, deviation**2, weight, n)
    assert (np.diff(levels) > 0).all()
    # Zador: n²·D → (∫f^{1/3})³/12.
    x = np.linspace(-20, 25, 20_001)
    f = (weight / deviation * np.exp(-0.5 * ((x[:, None] - mean) / deviation) ** 2)).sum(1) / math.sqrt(2 * math.pi)
    limit = (np.cbrt(f).sum() * (x[1] - x[0])) ** 3 / 12
    assert distortion * n * n == pytest.approx(limit, rel=3e-3)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_enough_levels_for_point_masses(n):
    levels, distortion = one([5.0, 0.1, 0.7, 5.0], [0.0] * 4, [1.0, 2.0, 3.0, 4.0], n)
    assert set(levels) == {0.1, 0.7, 5.0}
    assert distortion == 0.0


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(3, 9), st.integers(2, 5))
def test_too_few_levels_for_point_masses(seed, k, n):
    rng = np.random.default_rng(seed)
    n = min(n, k - 1)
    atoms, weight = np.sort(rng.normal(size=k)), rng.dirichlet(np.ones(k))
    _, distortion = one(atoms, np.zeros(k), weight, n)
    best = math.inf
    for counts in compositions(k, n):
        parts = np.split(np.arange(k), np.cumsum(counts)[:-1])
        centres = [np.average(atoms[p], weights=weight[p]) for p in parts]
        best = min(best, sum(float((weight[p] * (atoms[p] - c) ** 2).sum()) for p, c in zip(parts, centres)))
    assert distortion == pytest.approx(best, rel=1e-10)


def test_point_mass_beside_a_gaussian():
    levels, distortion = one([0.0, 100.0], [1.0, 0.0], [0.5, 0.5], 6)
    np.testing.assert_allclose(levels, [*normal_levels(5)[0], 100.0], atol=1e-12)
    assert distortion == pytest.approx(0.5 * normal_levels(5)[1], rel=1e-12)


def test_narrow_components_far_apart():
    levels, distortion = one([0.0, 1e6], [1.0, 1e-6], [0.5, 0.5], 12)
    best = min(0.5 * normal_levels(m)[1] + 0.5e-6 * normal_levels(12 - m)[1] for m in range(1, 12))
    assert distortion == pytest.approx(best, rel=1e-9)
    assert (levels[-1] > 1e6 - 1) and (levels[-3] < 10)


def test_scale_translation_and_reflection():
    mean, variance, weight = np.array([-1.0, 0.3, 4.0]), np.array([0.2, 1.0, 0.0]), np.array([1.0, 2.0, 0.5])
    levels, _ = one(mean, variance, weight, 9)
    for exponent in (-498, 3, 498):
        scale = 2.0**exponent
        scaled, _ = one(mean * scale, variance * scale * scale, weight * 1e-200, 9)
        np.testing.assert_allclose(scaled / scale, levels, rtol=1e-12, atol=1e-12)
    shifted, _ = one(mean + 512.0, variance, weight, 9)
    np.testing.assert_allclose(shifted - 512.0, levels, atol=1e-9)
    mirrored, _ = one(-mean, variance, weight, 9)
    np.testing.assert_allclose(-mirrored[::-1], levels, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 16])
def test_batch_equals_one_by_one(n):
    rng = np.random.default_rng(n)
    counts = np.array([1, 3, 2, 1, 5, 2])
    group = np.repeat(np.arange(6), counts)
    k = len(group)
    means, variances, weights = 3 * rng.normal(size=k), rng.exponential(size=k), rng.random(k) + 0.1
    variances[[2, 4, 5]] = 0.0
    levels = optimal_levels(means, variances, weights, group, n)
    distortion = mixture_distortion(levels, means, variances, weights, group)
    for g in range(6):
        part = group == g
        alone, d = one(means[part], variances[part], weights[part], n)
        np.testing.assert_allclose(levels[g], alone, rtol=1e-10, atol=1e-10)
        assert distortion[g] == pytest.approx(d, rel=1e-10, abs=1e-300)


def test_many_components():
    rng = np.random.default_rng(0)
    k, n = 300, 20
    mean, deviation, weight = rng.normal(size=k), rng.uniform(0.01, 0.5, k), rng.dirichlet(np.ones(k))
    _, distortion = one(mean, deviation**2, weight, n)
    quantiles = np.sort(rng.choice(mean, size=(3, n), p=weight), axis=1)
    assert distortion < plain_distortion(lloyd(quantiles, mean, deviation, weight, 20), mean, deviation, weight).min()


@pytest.mark.parametrize(
    ("d", "variance"), [(1, 1e-20), (1, 1e-40), (1, 1e-150), (1, 1e-300), (2, 1e-40), (2, 1e-300), (3, 1e-40)]
)
def test_components_too_narrow_for_their_means_are_quantized(d, variance):
    # Deviations below the rounding of the means: no cell of a grid holds them.
    means = np.concatenate([np.zeros((1, d)), np.ones((1, d)), np.full((1, d), 3.0)])
    for n in (2, 4):
        q = quantize(GaussianMixture(means, np.array([variance, 1e-3 * variance, variance])), n=n)
        assert 0 < q.w2 <= (np.sqrt(d / 6.0) * 1.01 if n == 2 else 1.01 * np.sqrt(variance * d) + 1e-14)
    wide = quantize(GaussianMixture(means, np.array([variance, 1.0, variance])), n=5)
    assert 0 < wide.w2 < np.sqrt(d)
