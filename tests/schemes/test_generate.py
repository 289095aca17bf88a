"""Generated schemes: at most as many points as asked, of the configuration asked, with sound certificates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs import (
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    generate_scheme,
)
from diracs.schemes.grouping import modes

CONFIGURATIONS = ("grid", "cross", "product")


def random_mixture(seed: int, d: int, k: int) -> GaussianMixture:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d)) * rng.choice([0.2, 1.0], size=(k, 1, 1))
    return GaussianMixture(rng.normal(size=(k, d)) * 3, roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(k)))


@settings(deadline=None, max_examples=20, derandomize=True)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(1, 12),
    st.integers(1, 200),
    st.sampled_from(CONFIGURATIONS),
    st.booleans(),
)
def test_schemes_have_at_most_the_points_asked_for_and_help(seed, d, k, n, configuration, per_mode):
    mixture = random_mixture(seed, d, k)
    scheme = generate_scheme(mixture, n, configuration=configuration, per_mode=per_mode)
    assert isinstance(scheme, LayeredScheme)
    assert scheme.size <= n
    assert scheme.ndim == d
    assert len(scheme.groups) == k
    assert scheme.positions().shape == (scheme.size, d)
    q = discretize(mixture, scheme)
    assert len(q) == scheme.size
    mean = mixture.weights @ mixture.means
    total = mixture.weights @ (np.trace(mixture.covs, axis1=1, axis2=2) + ((mixture.means - mean) ** 2).sum(axis=1))
    # Never worse than one point for each group, which is never worse than one point in all.
    assert q.w2**2 <= total * (1 + 1e-9)


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_configurations_hold_the_codebooks_that_they_are_named_for(configuration):
    scheme = generate_scheme(random_mixture(0, 4, 3), 120, configuration=configuration, per_mode=False)
    for part in scheme.schemes:
        kinds = [type(book) for book in part.codebooks]
        if configuration == "grid":
            assert set(kinds) <= {ScalarCodebook}
        if configuration == "cross":
            assert kinds in ([CrossCodebook], [])


def test_groups_are_the_modes_or_the_components():
    mixture = GaussianMixture([[0.0, 0.0], [0.5, 0.0], [20.0, 0.0], [20.0, 0.5]], np.ones(4))
    by_mode = generate_scheme(mixture, 40)
    assert len(set(by_mode.groups)) == by_mode.stack == 2
    assert by_mode.groups[0] == by_mode.groups[1] != by_mode.groups[2] == by_mode.groups[3]
    single = generate_scheme(mixture, 40, per_mode=False)
    assert len(set(single.groups)) == single.stack == 4
    labels = modes(mixture.means, np.ones(4)[:, None, None] * np.eye(2), mixture.weights)
    assert labels.max() == 1


def test_groups_are_merged_if_there_are_more_of_them_than_points():
    means = np.array([[0.0], [1.0], [100.0], [101.0], [200.0]])
    mixture = GaussianMixture(means, np.full(5, 1e-4))
    for n in range(1, 6):
        for per_mode in (True, False):
            scheme = generate_scheme(mixture, n, per_mode=per_mode)
            assert scheme.size <= n
            assert scheme.stack <= n
    three = generate_scheme(mixture, 3)
    assert sorted(three.positions()[:, 0]) == pytest.approx([0.5, 100.5, 200.0])


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_one_point_is_the_mean(configuration):
    mixture = random_mixture(1, 3, 4)
    scheme = generate_scheme(mixture, 1, configuration=configuration)
    np.testing.assert_allclose(scheme.positions(), [mixture.weights @ mixture.means], atol=1e-12)


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("support", [1, 2, 3, 10])
def test_no_more_axes_than_the_support_are_quantized_those_of_largest_variance(configuration, support):
    law = Gaussian(np.zeros(5), [1.0, 9.0, 4.0, 16.0, 2.0])
    scheme = generate_scheme(law, 500, configuration=configuration, ndim_support=support)
    assert all(part.ndim_support <= support for part in scheme.schemes)
    moved = np.flatnonzero(np.ptp(scheme.positions(), axis=0) > 1e-9)
    assert set(moved) <= {3, 1, 2, 4, 0} if support >= 5 else set(moved) <= set([3, 1, 2, 4, 0][:support])
    if support == 1:
        q = discretize(law, scheme)
        assert q.w2**2 >= 16.0 * (1 - 1e-12)


def test_one_gaussian_gets_the_best_grid():
    # Variances 4 and 1, 6 points: 3 × 2 leaves 4·0.1902 + 0.3634, 4 × 1 leaves more, 6 × 1 too.
    q = discretize(Gaussian([0.0, 0.0], [4.0, 1.0]), generate_scheme(Gaussian([0.0, 0.0], [4.0, 1.0]), 6))
    assert len(q) == 6
    assert q.w2**2 == pytest.approx(4 * 0.43608948536728**2 + 1 - 2 / np.pi, rel=1e-9)


def test_axes_are_the_principal_axes():
    angle = 0.3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    law = Gaussian([1.0, 2.0], rotation @ np.diag([4.0, 0.5]) @ rotation.T)
    for n in (2, 6, 30):
        turned = discretize(law, generate_scheme(law, n))
        straight = Gaussian([0.0, 0.0], [4.0, 0.5])
        assert turned.w2 == pytest.approx(discretize(straight, generate_scheme(straight, n)).w2, rel=1e-9)
        assert turned.exact


def test_diracs_and_zero_weights_and_singular_covariances():
    scheme = generate_scheme(SumOfDiracs([[0.0, 0.0], [3.0, 0.0]], [0.2, 0.8]), 10)
    np.testing.assert_allclose(np.sort(scheme.positions()[:, 0]), [0.0, 3.0], atol=1e-12)
    for configuration in CONFIGURATIONS:
        for per_mode in (True, False):
            mixture = GaussianMixture(
                [[0.0, 0.0], [5.0, 5.0], [1.0, 1.0]],
                [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]],
                [0.5, 0.5, 0.0],
            )
            q = discretize(mixture, generate_scheme(mixture, 20, configuration=configuration, per_mode=per_mode))
            assert len(q) <= 20
            assert np.isfinite(q.w2)


def test_more_points_than_useful_are_not_used():
    assert generate_scheme(Gaussian([1.0, 2.0], 0.0), 1000).size == 1
    line = generate_scheme(Gaussian([0.0, 0.0], [1.0, 0.0]), 100)
    assert line.size == 100
    assert np.ptp(line.positions()[:, 1]) == 0.0


@pytest.mark.parametrize("power", [-500, 500])
def test_generated_schemes_scale_with_the_unit(power):
    unit = 2.0**power
    means, covs = np.array([[0.0, 0.0], [1.0, 1.0], [9.0, 3.0]]), np.array([1.0, 2.0, 0.1])
    for configuration in CONFIGURATIONS:
        for per_mode in (True, False):
            options = {"configuration": configuration, "per_mode": per_mode}
            one = generate_scheme(GaussianMixture(means, covs), 30, **options)
            scaled = generate_scheme(GaussianMixture(means * unit, covs * unit * unit), 30, **options)
            np.testing.assert_allclose(scaled.positions() / unit, one.positions(), atol=1e-9)


def test_many_components_and_many_points():
    rng = np.random.default_rng(0)
    mixture = GaussianMixture(rng.normal(size=(100, 2)) * 10, rng.uniform(0.01, 1.0, size=(100, 2)))
    for n in (20, 100, 1000):
        scheme = generate_scheme(mixture, n, per_mode=False)
        assert scheme.size <= n
        assert np.isfinite(discretize(mixture, scheme).w2)
