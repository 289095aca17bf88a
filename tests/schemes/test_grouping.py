"""Modes are those of the density; merge levels are nested; moments of groups are kept."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs.schemes.grouping import merge_levels, modes, moment_match


def same_partition(a, b) -> bool:
    pairs = set(zip(np.asarray(a).tolist(), np.asarray(b).tolist()))
    return len(pairs) == len({p[0] for p in pairs}) == len({p[1] for p in pairs})


def climbed(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Labels by maximizing the log-density from each mean with SciPy's L-BFGS."""
    precision, log_root = np.linalg.inv(covs), 0.5 * np.linalg.slogdet(covs)[1]

    def negative(x):
        delta = x - means
        e = np.log(weights) - log_root - 0.5 * np.einsum("ki,kij,kj->k", delta, precision, delta)
        p = np.exp(e - e.max())
        gradient = np.einsum("k,kij,kj->i", p / p.sum(), precision, delta)
        return -e.max() - np.log(p.sum()), gradient

    options = {"ftol": 1e-15, "gtol": 1e-10}
    ends = [scipy.optimize.minimize(negative, m, jac=True, method="L-BFGS-B", options=options).x for m in means]
    representatives: list[np.ndarray] = []
    labels = []
    for end in ends:
        near = [i for i, r in enumerate(representatives) if np.linalg.norm(end - r) < 1e-3]
        labels.append(near[0] if near else len(representatives))
        if not near:
            representatives.append(end)
    return np.array(labels)


def isotropic(variances, d: int) -> np.ndarray:
    return np.asarray(variances, dtype=float)[:, None, None] * np.eye(d)


EXAMPLES = {
    "far apart": ([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], isotropic([1, 1, 1], 2), None, 3),
    "heavy overlap": ([[0.0, 0.0], [1.0, 0.0], [0.5, 0.8], [0.5, 0.3]], isotropic([1, 1, 1, 1], 2), None, 1),
    "overlapping pairs": ([[0.0], [1.0], [8.0], [9.0]], isotropic([1, 1, 1, 1], 1), None, 2),
    "duplicates": ([[0.0, 1.0]] * 4, isotropic([1, 1, 1, 1], 2), None, 1),
    "narrow inside wide": ([[0.0, 0.0], [0.1, 0.0]], isotropic([4.0, 0.01], 2), None, 1),
    "narrow beside the top of a wide one": ([[0.0, 0.0], [3.0, 0.0]], isotropic([4.0, 0.01], 2), [0.9, 0.1], 2),
    "two deviations apart": ([[0.0], [1.9]], isotropic([1.0, 1.0], 1), None, 1),
    "more than two deviations apart": ([[0.0], [2.3]], isotropic([1.0, 1.0], 1), None, 2),
    "crossed ellipses": ([[0.0, 0.0], [0.1, 0.1]], np.array([np.diag([9.0, 0.1]), np.diag([0.1, 9.0])]), None, 1),
    "unequal weights": ([[0.0], [2.3]], isotropic([1.0, 1.0], 1), [0.98, 0.02], 1),
    "far from the origin": ([[1e6, 1e6], [1e6 + 0.01, 1e6], [1e6 + 0.001, 1e6]], isotropic([1e-6] * 3, 2), None, 2),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_modes_are_the_maxima_that_scipy_climbs_to(name):
    means, covs, weights, count = EXAMPLES[name]
    means = np.asarray(means)
    weights = np.full(len(means), 1 / len(means)) if weights is None else np.asarray(weights)
    labels = modes(means, covs, weights)
    assert labels.max() + 1 == count
    assert sorted(set(labels.tolist())) == list(range(count))
    if name != "far from the origin":
        assert same_partition(labels, climbed(means, covs, weights))


def test_equal_gaussians_on_the_line_part_at_two_deviations():
    # ½N(±a, 1) has two modes if and only if a > 1.
    for a, count in ((0.5, 1), (0.98, 1), (1.02, 2), (1.5, 2)):
        labels = modes(np.array([[-a], [a]]), isotropic([1.0, 1.0], 1), np.array([0.5, 0.5]))
        assert labels.max() + 1 == count, a


def test_point_masses_are_modes_of_their_own():
    means = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.0], [3.0, 0.0]])
    labels = modes(means, isotropic([1.0, 0.0, 0.0, 0.0], 2), np.full(4, 0.25))
    assert labels[1] == labels[2]
    assert labels[3] not in (labels[1], labels[0])
    assert modes(means, np.zeros((4, 2, 2)), np.full(4, 0.25)).max() == 2
    assert modes(np.zeros((3, 2)), np.zeros((3, 2, 2)), np.full(3, 1 / 3)).max() == 0


def test_singular_covariances_and_components_without_weight_have_modes():
    line = np.array([[1.0, 1.0], [1.0, 1.0]])
    labels = modes(np.array([[0.0, 0.0], [10.0, 10.0], [10.1, 10.1]]), np.array([line] * 3), np.array([0.5, 0.5, 0.0]))
    assert same_partition(labels, [0, 1, 1])


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_on_the_line_there_are_no_more_groups_than_maxima_and_every_peak_keeps_its_component(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 9))
    means, deviations, weights = (
        rng.normal(size=k) * rng.choice([1, 2, 4]),
        rng.uniform(0.2, 1.5, k),
        rng.dirichlet(np.ones(k)),
    )
    labels = modes(means[:, None], (deviations**2)[:, None, None], weights)
    x = np.linspace(means.min() - 0.1, means.max() + 0.1, 20_001)
    f = (weights / deviations * np.exp(-0.5 * ((x[:, None] - means) / deviations) ** 2)).sum(axis=1)
    peaks = x[1:-1][(f[1:-1] > f[:-2]) & (f[1:-1] >= f[2:])]
    assert labels.max() + 1 <= len(peaks)
    # Components that all but sit on a peak are labelled by it.
    near = np.abs(means[:, None] - peaks).argmin(axis=1)
    on = np.flatnonzero(np.abs(means - peaks[near]) < 0.02 * deviations.min())
    assert same_partition(labels[on], near[on]) or len(on) < 2


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_merge_levels_are_nested_and_have_as_many_groups_as_asked(k, d, seed):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(k, d)) * rng.choice([0.5, 5.0])
    roots = rng.normal(size=(k, d, d)) * 0.5
    levels = merge_levels(means, roots @ np.swapaxes(roots, 1, 2), np.full(k, 1 / k), list(range(1, k + 1)))
    assert sorted(levels) == list(range(1, k + 1))
    for count, labels in levels.items():
        groups = labels.max() + 1
        assert groups == count
        assert sorted(set(labels.tolist())) == list(range(groups))
    assert (levels[1] == 0).all()
    assert levels[k].tolist() == list(range(k))
    for count in range(1, k):
        fine, coarse = levels[count + 1], levels[count]
        assert len(set(zip(fine.tolist(), coarse.tolist()))) == fine.max() + 1


def test_clusters_far_apart_are_found_by_their_level():
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(3), 5)
    means = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])[truth] + rng.normal(size=(15, 2))
    assert same_partition(merge_levels(means, isotropic(np.ones(15), 2), np.full(15, 1 / 15), [3])[3], truth)
    # Same means, different widths: the covariance counts too.
    wide = np.repeat([0.01, 100.0], 4)
    assert same_partition(merge_levels(np.zeros((8, 2)), isotropic(wide, 2), np.full(8, 1 / 8), [2])[2], wide > 1)


def test_more_components_than_are_compared_in_pairs_are_grouped_by_their_clusters(monkeypatch):
    monkeypatch.setattr("diracs.schemes.grouping._MOST", 200)
    rng = np.random.default_rng(0)
    k = 400
    truth = rng.integers(0, 2, k)
    means = np.array([[0.0, 0.0], [100.0, 0.0]])[truth] + 0.1 * rng.normal(size=(k, 2))
    covs, weights = isotropic(np.ones(k), 2), np.full(k, 1 / k)
    levels = merge_levels(means, covs, weights, [1, 2, k])
    # Median cuts may leave a single component on the wrong side.
    assert min((levels[2] != truth).sum(), (levels[2] == truth).sum()) <= 4


def test_moments_of_groups_are_those_of_the_mixture_of_their_components():
    rng = np.random.default_rng(0)
    means, roots, weights = rng.normal(size=(6, 3)), rng.normal(size=(6, 3, 3)), rng.dirichlet(np.ones(6))
    covs = roots @ np.swapaxes(roots, 1, 2)
    labels = np.array([0, 1, 0, 2, 1, 0])
    total, mean, cov = moment_match(means, covs, weights, labels)
    for g in range(3):
        w = weights[labels == g]
        np.testing.assert_allclose(total[g], w.sum(), rtol=1e-14)
        m = w @ means[labels == g] / w.sum()
        second = np.einsum(
            "k,kij->ij", w, covs[labels == g] + means[labels == g, :, None] * means[labels == g, None, :]
        )
        np.testing.assert_allclose(mean[g], m, rtol=1e-12)
        np.testing.assert_allclose(cov[g], second / w.sum() - np.outer(m, m), atol=1e-12)
