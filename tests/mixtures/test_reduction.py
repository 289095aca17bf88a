"""reduce_mixture: its bound is never below the true distance, exactly known on the line."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from diracs import Gaussian, GaussianMixture, SumOfDiracs, reduce_mixture
from diracs.laws.gaussian import full_covariances
from diracs.mixtures.reduction import bures, clusters


def w2_on_the_line(first, second, levels=2001):
    """W₂ of two mixtures on the line from their quantile functions, from below but for the quadrature."""
    p = (np.arange(levels) + 0.5) / levels
    quantiles = []
    for law in (first, second):
        mu, sigma = law.means[:, 0], np.sqrt(full_covariances(law.means, law.covs)[:, 0, 0])
        grid = np.linspace((mu - 8 * sigma).min() - 1e-9, (mu + 8 * sigma).max() + 1e-9, 10_001)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(sigma[:, None] > 0, (grid - mu[:, None]) / sigma[:, None], np.sign(grid - mu[:, None]) * 50)
        quantiles.append(np.interp(p, law.weights @ ndtr(z), grid))
    inner = slice(levels // 200, -(levels // 200))
    return np.sqrt(((quantiles[0] - quantiles[1])[inner] ** 2).sum() / levels)


def random_mixture(rng, k, d, kind):
    roots = rng.normal(size=(k, d, d)) * rng.choice([0.1, 1.0], size=(k, 1, 1))
    covs = roots @ np.swapaxes(roots, 1, 2)
    if kind != "full":
        covs = np.diagonal(covs, axis1=1, axis2=2) if kind == "diagonal" else covs[:, 0, 0]
    return GaussianMixture(rng.normal(size=(k, d)) * 2, covs, rng.dirichlet(np.ones(k)))


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_bound_is_above_the_exact_distance_on_the_line(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 30))
    law = random_mixture(rng, k, 1, rng.choice(["isotropic", "diagonal", "full"]))
    reduced, bound = reduce_mixture(law, int(rng.integers(1, k + 1)))
    assert w2_on_the_line(law, reduced) <= bound + 1e-3 * max(bound, 1e-3)
    assert reduced.weights.sum() == pytest.approx(1.0)
    assert reduced.covariance_kind == law.covariance_kind


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
def test_bound_is_above_projections_and_falls_with_more_components(kind):
    rng = np.random.default_rng(0)
    law = random_mixture(rng, 20, 3, kind)
    bounds = []
    for k in (1, 3, 10, 20):
        reduced, bound = reduce_mixture(law, k)
        assert reduced.n_components <= k
        bounds.append(bound)
        assert law.weights @ law.means == pytest.approx(reduced.weights @ reduced.means, abs=1e-12)
        for axis in np.eye(3):
            line = [
                GaussianMixture(
                    (m.means @ axis)[:, None],
                    np.einsum("i,kij,j->k", axis, full_covariances(m.means, m.covs), axis),
                    m.weights,
                )
                for m in (law, reduced)
            ]
            assert w2_on_the_line(*line) <= bound + 1e-4
    assert (np.diff(bounds) < 0).all()
    assert bounds[-1] == 0.0


def test_merging_identical_components_is_exact():
    means = np.repeat([[0.0, 1.0], [2.0, 3.0], [5.0, -1.0]], [3, 1, 2], axis=0)
    covs = np.repeat([0.5, 0.5, 2.0], [3, 1, 2])
    reduced, bound = reduce_mixture(GaussianMixture(means, covs, np.array([2, 4, 2, 4, 3, 1]) / 16.0), 3)
    assert bound == 0.0
    assert reduced.weights.tolist() == [0.5, 0.25, 0.25]
    # Sums that are rounded are paid for.
    law = GaussianMixture(means, covs, [0.1, 0.2, 0.1, 0.3, 0.2, 0.1])
    reduced, bound = reduce_mixture(law, 3)
    given, new = ([Fraction(float(w)) for w in m.weights] for m in (law, reduced))
    missing = sum(given[:3]) / sum(given) - new[0] / sum(new)
    assert 2.0 * np.sqrt(2.0 * abs(float(missing))) <= bound < 1e-7
    assert reduced.means == pytest.approx(np.array([[0.0, 1.0], [2.0, 3.0], [5.0, -1.0]]))
    assert reduced.weights == pytest.approx([0.4, 0.3, 0.3])
    alone, bound = reduce_mixture(Gaussian([1.0, 2.0], 1.0), 5)
    assert bound == 0.0
    assert alone.n_components == 1


def test_two_gaussians_by_hand():
    """Halves N(±1, 1) on the line merge to N(0, 1), as far as 1 from each."""
    reduced, bound = reduce_mixture(GaussianMixture([[-1.0], [1.0]], [1.0, 1.0]), 1)
    assert bound == pytest.approx(1.0)
    assert reduced.covs == pytest.approx([1.0])
    # Of unequal width the barycenter has the mean deviation: (1 + 3)/2, at distance 1 from both.
    reduced, bound = reduce_mixture(GaussianMixture([[0.0], [0.0]], [1.0, 9.0]), 1)
    assert reduced.covs == pytest.approx([4.0])
    assert bound == pytest.approx(1.0)


def test_barycenter_of_covariances_that_do_not_commute_beats_moments():
    rng = np.random.default_rng(3)
    roots = rng.normal(size=(5, 3, 3))
    covs = roots @ np.swapaxes(roots, 1, 2)
    weights = rng.dirichlet(np.ones(5))
    reduced, bound = reduce_mixture(GaussianMixture(np.zeros((5, 3)), covs, weights), 1)
    assert bound**2 == pytest.approx(weights @ bures(covs, reduced.covs[0]), rel=1e-9)
    assert bound**2 < weights @ bures(covs, np.tensordot(weights, covs, 1))
    for _ in range(50):
        near = reduced.covs[0] + 1e-3 * (step := rng.normal(size=(3, 3))) + 1e-3 * step.T
        assert bound**2 <= weights @ bures(covs, near) + 1e-9


def test_diracs_are_reduced_like_k_means():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = np.repeat(centres, 50, axis=0) + 0.1 * rng.normal(size=(150, 2))
    reduced, bound = reduce_mixture(SumOfDiracs(points), 3)
    assert bound < 0.2
    assert np.sort(reduced.means[:, 0]) == pytest.approx([0.0, 0.0, 10.0], abs=0.1)
    labels = clusters(points, np.full(150, 1 / 150), 3)
    assert len({tuple(np.unique(labels[i : i + 50])) for i in (0, 50, 100)}) == 3


@pytest.mark.slow
def test_thousands_of_components():
    rng = np.random.default_rng(0)
    for law in (random_mixture(rng, 5000, 2, "diagonal"), random_mixture(rng, 1000, 4, "full")):
        reduced, bound = reduce_mixture(law, 100)
        assert reduced.n_components <= 100
        assert 0 < bound < 3.0


def test_more_components_than_are_compared_in_pairs(monkeypatch):
    law = random_mixture(np.random.default_rng(0), 300, 2, "diagonal")
    _, whole = reduce_mixture(law, 10)
    monkeypatch.setattr("diracs.mixtures.reduction._MOST", 60)
    reduced, bound = reduce_mixture(law, 10)
    assert reduced.n_components <= 10
    assert 0 < bound < 1.2 * whole


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frameworks_and_rounding(dtype):
    torch = pytest.importorskip("torch")

    rng = np.random.default_rng(0)
    law = random_mixture(rng, 20, 2, "full")
    t = getattr(torch, dtype)
    given = GaussianMixture(*(torch.tensor(a).to(t) for a in (law.means, law.covs, law.weights)))
    reduced, bound = reduce_mixture(given, 6)
    assert reduced.means.dtype == bound.dtype == t
    plain = reduce_mixture(law, 6)[1]
    assert plain * (1 - 1e-6) <= float(bound) <= plain * (1 + (1e-2 if dtype == "float32" else 1e-9))


def test_distances_of_singular_covariances_are_not_low():
    """Between the lines of a and b: |a|² + |b|² − 2|a·b|. A zero that comes out as 1e-16 has a root of 1e-8."""
    rng = np.random.default_rng(0)
    for d in (2, 3, 6):
        a, b = rng.normal(size=(2, 200, d))
        exact = (a**2).sum(axis=1) + (b**2).sum(axis=1) - 2 * np.abs((a * b).sum(axis=1))
        found = bures(a[:, :, None] * a[:, None, :], b[:, :, None] * b[:, None, :])
        assert (found >= exact).all()
        assert found == pytest.approx(exact, abs=1e-5)


def test_weights_rounded_to_float32_are_paid_for():
    torch = pytest.importorskip("torch")

    law = GaussianMixture(torch.tensor([[0.0]] * 3 + [[10.0]]), torch.ones(4), torch.tensor([0.1, 0.1, 0.1, 0.7]))
    reduced, bound = reduce_mixture(law, 4)
    assert reduced.n_components == 2
    given, new = (np.asarray(m.weights, dtype=float) for m in (law, reduced))
    assert float(bound) >= 10.0 * np.sqrt(abs(given[3] / given.sum() - new[1] / new.sum()))


@pytest.mark.parametrize("kind", ["isotropic", "diagonal"])
def test_rounding_looks_at_all_covariances(kind):
    # Of deviations 1e-3 … 1e5, rounded to single precision: the largest ones cost most.
    variances = np.float32([1e-6, 1e6, 1e10])
    covs = variances if kind == "isotropic" else variances[:, None] * np.ones(2, np.float32)
    law = GaussianMixture(np.zeros((3, 2), np.float32), covs, np.float32([3, 5, 6]))
    for k in (1, 2, 3):
        reduced, bound = reduce_mixture(law, k)
        assert float(bound) >= float(_moment_gap(law, reduced)) * (1 - 1e-14)
    assert bound == 0.0


def _moment_gap(first, second):
    """|√E|X|² − √E|Y|²|, a lower bound on W₂, in 40 digits."""
    with mpmath.workdps(40):
        sizes = []
        for law in (first, second):
            shares = [mpmath.mpf(float(w)) for w in law.weights]
            full = full_covariances(law.means.astype(float), law.covs.astype(float))
            squares = [
                sum(mpmath.mpf(float(x)) ** 2 for x in mean) + sum(mpmath.mpf(float(x)) for x in np.diag(cov))
                for mean, cov in zip(law.means, full)
            ]
            sizes.append(mpmath.sqrt(sum(w * x for w, x in zip(shares, squares)) / sum(shares)))
        return abs(sizes[0] - sizes[1])


def test_tiny_masses_far_away_pay_for_the_rounding_of_their_sums():
    means = np.array([[0.0], [0.0], [0.0], [1e8]])
    law = GaussianMixture(means, np.ones(4), [0.1, 0.2, 0.3, 0.4])
    reduced, bound = reduce_mixture(law, 2)
    given, new = ([Fraction(float(w)) for w in m.weights] for m in (law, reduced))
    missing = abs(given[3] / sum(given) - new[1] / sum(new))
    assert bound >= 1e8 * np.sqrt(float(missing)) > 0


def _root(matrix):
    values, vectors = mpmath.eigsy(matrix)
    return vectors * mpmath.diag([mpmath.sqrt(max(x, mpmath.mpf(0))) for x in values]) * vectors.T


def _gaussian_distance(law, reduced):
    """W₂ of the Gaussians of equal moments, a lower bound on that of the laws (Gelbrich 1990), in 50 digits."""
    with mpmath.workdps(50):
        moments = []
        for m in (law, reduced):
            d, full = m.ndim, full_covariances(m.means, m.covs)
            shares = [mpmath.mpf(float(w)) for w in m.weights]
            shares = [w / sum(shares) for w in shares]
            means = [mpmath.matrix(mean.tolist()) for mean in m.means]
            centre = sum((w * mean for w, mean in zip(shares, means)), mpmath.matrix(d, 1))
            cov = mpmath.matrix(d, d)
            for w, mean, own in zip(shares, means, full):
                cov += w * (mpmath.matrix(own.tolist()) + (mean - centre) * (mean - centre).T)
            moments.append((centre, cov))
        (a, first), (b, second) = moments
        root = _root(first)
        inner = root * second * root
        values = mpmath.eigsy((inner + inner.T) / 2, eigvals_only=True)
        trace = sum(first[i, i] + second[i, i] for i in range(d))
        square = trace - 2 * sum(mpmath.sqrt(max(x, mpmath.mpf(0))) for x in values)
        return mpmath.sqrt(max(square + sum((x - y) ** 2 for x, y in zip(a, b)), mpmath.mpf(0)))


def test_rank_deficient_covariances_of_any_scale():
    rng = np.random.default_rng(0)
    for case in range(50):
        d, k = int(rng.integers(1, 4)), int(rng.integers(2, 6))
        factors = rng.normal(size=(k, d, int(rng.integers(1, d + 1)))) * 10.0 ** rng.uniform(-3, 3, size=(k, 1, 1))
        scale = 10.0 ** rng.uniform(-150, 150)
        covs = factors * scale @ np.swapaxes(factors * scale, 1, 2)
        law = GaussianMixture(rng.normal(size=(k, d)) * scale, 0.5 * (covs + np.swapaxes(covs, 1, 2)))
        reduced, bound = reduce_mixture(law, int(rng.integers(1, 3)))
        assert np.isfinite(bound)
        assert (reduced.covs == np.swapaxes(reduced.covs, 1, 2)).all()
        # It is taken as a law again.
        _, nothing = reduce_mixture(reduced, reduced.n_components)
        assert nothing == 0.0
        if case % 5 == 0:
            assert bound >= _gaussian_distance(law, reduced)


def test_a_barycenter_of_lines():
    u, v = np.array([0.4, -0.7]), np.array([-1.3, -2.2])
    law = GaussianMixture([[0.0, 0.0], [1.0, 0.0]], [np.outer(u, u), np.outer(v, v)])
    _, bound = reduce_mixture(law, 1)
    # Both are images of one z; the best signs give (u ± v)/2, as |u ∓ v|/2 is then least.
    cost = 0.25 + 0.25 * min((u - v) @ (u - v), (u + v) @ (u + v))
    assert bound == pytest.approx(np.sqrt(cost), rel=1e-6)


@pytest.mark.parametrize("power", [-500, -300, 300, 500])
def test_any_unit(power):
    law = random_mixture(np.random.default_rng(1), 12, 3, "full")
    unit = 2.0**power
    one, bound = reduce_mixture(law, 3)
    other, scaled = reduce_mixture(GaussianMixture(law.means * unit, law.covs * unit * unit, law.weights), 3)
    assert scaled == bound * unit
    assert (other.covs == one.covs * unit * unit).all()


def test_bad_input_is_refused():
    law = GaussianMixture([[0.0], [1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="k must be at least 1"):
        reduce_mixture(law, 0)
    with pytest.raises(TypeError, match="whole number"):
        reduce_mixture(law, 1.5)
    with pytest.raises(TypeError, match="cannot take"):
        reduce_mixture("mixture", 2)
    with pytest.raises(ValueError, match="batch"):
        reduce_mixture(GaussianMixture(np.zeros((2, 3, 1)), np.ones((2, 3))), 2)
