"""Diracs with the law's mean and covariance: the moments, the coupling's cost, and that it is a bound."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import dual_cost
from scipy.linalg import sqrtm
from scipy.stats import norm

from diracs import Gaussian, GaussianMixture, PolynomialGrid, SumOfDiracs, quantize
from diracs.quantization.barycenters import barycentric
from diracs.quantization.moment_matching import moments_of


def mixture(rng, k, d, rank=None):
    roots = 0.5 * rng.normal(size=(k, d, d if rank is None else rank))
    return GaussianMixture(
        1.5 * rng.normal(size=(k, d)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.full(k, 3.0))
    )


def second_moments(points, weights):
    mean = weights @ points
    return mean, (weights[:, None] * (points - mean)).T @ (points - mean)


def check(q):
    mean, cov = moments_of(q.distribution)
    got = second_moments(np.asarray(q.positions), np.asarray(q.weights))
    size = np.sqrt(np.trace(cov))
    assert got[0] == pytest.approx(mean, abs=1e-13 * (size + np.abs(mean).max()))
    assert got[1] == pytest.approx(cov, abs=1e-13 * np.trace(cov))
    return mean, cov


LAWS = [
    (Gaussian([0.3], [2.0]), 5, "auto"),
    (mixture(np.random.default_rng(0), 3, 1), 20, "auto"),
    (mixture(np.random.default_rng(1), 3, 2), 17, "auto"),
    (mixture(np.random.default_rng(2), 3, 2), 40, "grid"),
    (mixture(np.random.default_rng(3), 3, 2), 40, "cross"),
    (mixture(np.random.default_rng(4), 4, 3), 60, "grid"),
    (mixture(np.random.default_rng(5), 4, 6), 48, "cross"),
    (mixture(np.random.default_rng(6), 3, 4), 50, "product"),
    (Gaussian(np.zeros(6), np.geomspace(1.0, 0.01, 6)), 12, "auto"),
    (PolynomialGrid(np.random.default_rng(7).random((5, 8)), [[0, 0], [2, 1]]), 12, "auto"),
    (PolynomialGrid(np.random.default_rng(8).random(9)), 6, "auto"),
    (SumOfDiracs(np.random.default_rng(9).normal(size=(30, 2))), 10, "auto"),
]


@lru_cache
def plain(case):
    law, n, scheme = LAWS[case]
    return quantize(law, n, scheme=scheme)


@pytest.mark.parametrize("case", range(len(LAWS)))
def test_moments_are_the_laws_and_the_cost_is_gelbrichs_formula(case):
    law, n, scheme = LAWS[case]
    q = quantize(law, n, scheme=scheme, match_moments=True)
    _, cov = check(q)
    assert len(q) <= n
    cells = barycentric(plain(case))
    _, between = second_moments(cells.barycenters, cells.masses)
    if np.linalg.eigvalsh(between)[0] > 1e-6 * np.trace(between):
        root = sqrtm(cov).real
        formula = 2.0 * np.trace(cov) - 2.0 * np.trace(sqrtm(root @ between @ root).real)
        assert float(q.w2) <= np.sqrt(formula) * (1 + 1e-6)


@pytest.mark.parametrize("case", range(len(LAWS)))
def test_barycenters_keep_the_mean_and_lose_the_error(case):
    """tr Cov X = tr Cov c + E|X − c|², and E c = E X: both fail for points that are no barycenters."""
    q = plain(case)
    cells = barycentric(q)
    mean, cov = moments_of(q.distribution)
    got = second_moments(cells.barycenters, cells.masses)
    assert got[0] == pytest.approx(mean, abs=1e-10 * np.sqrt(np.trace(cov)))
    assert np.trace(cov) - np.trace(got[1]) == pytest.approx(cells.w2**2, rel=1e-6)


def test_on_the_line_the_error_is_of_second_order():
    """W₂² = D + D²/4σ² + …, and the exact W₂ by quantiles is no larger."""
    for n in (5, 20, 40):
        d = float(quantize(Gaussian([0.0], [1.0]), n).w2) ** 2
        q = quantize(Gaussian([0.0], [1.0]), n, match_moments=True)
        assert float(q.w2) ** 2 == pytest.approx(d + d**2 / 4, rel=2 * d**2 + 1e-9)
        order = np.argsort(q.positions[:, 0])
        levels, masses = q.positions[order, 0], q.weights[order]
        ends = norm.ppf(np.clip(np.concatenate([[0.0], np.cumsum(masses)]), 0, 1))
        a, b = ends[:-1], ends[1:]
        with np.errstate(invalid="ignore"):
            tails = [np.where(np.isfinite(e), e * norm.pdf(e), 0.0) for e in (a, b)]
        mass, first, second = masses, norm.pdf(a) - norm.pdf(b), masses + tails[0] - tails[1]
        true = (second - 2 * levels * first + levels**2 * mass).sum()
        assert np.sqrt(true) <= float(q.w2) * (1 + 1e-12)


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_the_bound_is_never_below_the_dual_of_transport(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    law = mixture(rng, int(rng.integers(1, 4)), d, rank=int(rng.integers(1, d + 1)))
    n = int(rng.integers(2 * d, 20))
    q = quantize(law, n, scheme="cross" if rng.random() < 0.5 else "auto", match_moments=True)
    check(q)
    least = dual_cost(law.means, law.covs, law.weights, q.positions, q.weights, 30_000)
    assert least.value - 5 * least.error <= float(q.w2) ** 2


def test_sigma_points_of_the_unscented_transform():
    """2 d points of equal mass at √d deviations on the principal axes (Julier & Uhlmann 1997, κ = 0)."""
    variances = np.array([4.0, 1.0, 0.25, 0.01])
    q = quantize(Gaussian(np.ones(4), variances), 8, match_moments=True)
    assert q.weights == pytest.approx(np.full(8, 1 / 8))
    away = np.sort(np.linalg.norm(q.positions - 1.0, axis=1))
    assert away == pytest.approx(np.sort(np.repeat(np.sqrt(4 * variances), 2)))


@pytest.mark.parametrize("size", [1e-140, 1e140])
def test_any_scale_and_singular_covariances(size):
    q = quantize(
        Gaussian(np.zeros(3), size * np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])),
        9,
        match_moments=True,
    )
    got = second_moments(q.positions / np.sqrt(size), q.weights)
    assert got[1] == pytest.approx(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]), abs=1e-12)


def test_an_error_to_reach_and_batches():
    law = mixture(np.random.default_rng(1), 3, 2)
    q = quantize(law, w2=0.3, match_moments=True)
    assert float(q.w2) <= 0.3 and len(q) <= 1.2 * len(quantize(law, w2=0.3)) + 2
    check(q)
    batch = quantize(GaussianMixture(np.zeros((2, 1, 2)), np.array([[1.0], [4.0]])), 9, match_moments=True)
    assert batch.positions.shape == (2, 9, 2)
    assert batch.w2[1] == pytest.approx(2 * batch.w2[0])


def test_single_precision_pays_for_its_rounding():
    law = Gaussian(np.float32([0.0, 3.0]), np.float32([1.0, 2.0]))
    q = quantize(law, 12, match_moments=True)
    assert q.positions.dtype == np.float32 and q.w2.dtype == np.float32
    assert float(q.w2) >= float(quantize(Gaussian([0.0, 3.0], [1.0, 2.0]), 12, match_moments=True).w2)


def test_points_that_cannot_have_the_covariance_are_refused():
    with pytest.raises(ValueError, match="do not span"):
        quantize(Gaussian(np.zeros(6), 1.0), 6, match_moments=True)
    assert float(quantize(SumOfDiracs([[1.0, 2.0]]), 1, match_moments=True).w2) < 1e-14
