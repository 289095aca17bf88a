"""Means, covariances and draws of Diracs, mixtures and quantizations."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs import Gaussian, GaussianMixture, SumOfDiracs, quantize

torch = optional("torch")

RNG = np.random.default_rng(5)
POINTS, MASSES = RNG.normal(size=(40, 3)), RNG.random(40)
COVS = {
    "isotropic": [1.0, 0.2],
    "diagonal": [[1.0, 0.5], [0.0, 2.0]],
    "full": [[[2.0, 1.0], [1.0, 1.0]], np.ones((2, 2))],
}


def test_moments_of_diracs_are_those_of_numpy():
    diracs = SumOfDiracs(POINTS, MASSES)
    np.testing.assert_allclose(diracs.mean, np.average(POINTS, axis=0, weights=MASSES), rtol=1e-13)
    np.testing.assert_allclose(diracs.cov, np.cov(POINTS.T, aweights=MASSES, bias=True), rtol=1e-12)
    batch = SumOfDiracs(np.stack([POINTS, POINTS + 1.0]))
    assert batch.mean.shape == (2, 3) and batch.cov.shape == (2, 3, 3)
    np.testing.assert_allclose(batch.cov[0], batch.cov[1], rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_moments_at_any_scale_and_far_from_the_origin(scale):
    near, far = SumOfDiracs(POINTS, MASSES), SumOfDiracs(scale * POINTS, MASSES)
    np.testing.assert_allclose(far.cov, scale**2 * near.cov, rtol=1e-12)
    np.testing.assert_allclose(SumOfDiracs(POINTS + 1e8, MASSES).mean - 1e8, near.mean, atol=2e-8)


@pytest.mark.parametrize("kind", COVS)
def test_moments_and_draws_of_mixtures(kind):
    law = GaussianMixture([[0.0, 1.0], [3.0, -1.0]], COVS[kind], [3, 1])
    draws = law.sample(200_000, 1)
    np.testing.assert_allclose(draws.mean(0), law.mean, atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), law.cov, atol=0.05)
    # Of the two components in proportion to their weights.
    first = ((draws - law.means[0]) ** 2).sum(1) < ((draws - law.means[1]) ** 2).sum(1)
    assert kind == "full" or first.mean() == pytest.approx(0.75, abs=0.05)


def test_equal_seeds_give_equal_draws_and_generators_go_on():
    law = GaussianMixture([[0.0], [9.0]], [1.0, 1.0])
    np.testing.assert_array_equal(law.sample(5, 3), law.sample(5, np.random.default_rng(3)))
    rng = np.random.default_rng(3)
    assert (law.sample(5, rng) != law.sample(5, rng)).all()
    with pytest.raises(ValueError, match="seed must be"):
        law.sample(5, -1)
    with pytest.raises(ValueError, match="size must be at least 1"):
        law.sample(0)
    with pytest.raises(ValueError, match=r"batch of shape \(2,\)"):
        GaussianMixture(np.zeros((2, 1, 1)), np.ones((2, 1))).sample(3)


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
def test_draws_are_reparametrized(kind):
    covs = torch.tensor({"isotropic": [2.0], "diagonal": [[2.0, 3.0]], "full": [[[2.0, 0.0], [0.0, 3.0]]]}[kind])
    means = torch.zeros(1, 2, requires_grad=True)
    covs.requires_grad_()
    draws = GaussianMixture(means, covs).sample(4)
    draws[:, 0].sum().backward()
    assert means.grad.tolist() == [[4.0, 0.0]]
    # ∂(σ z)/∂σ² = x/2σ².
    assert float(covs.grad.ravel()[0]) == pytest.approx(float(draws[:, 0].sum().detach()) / 4.0, rel=1e-5)


def test_draws_of_diracs_are_points_in_proportion_to_their_masses():
    diracs = SumOfDiracs([[0.0], [1.0], [2.0]], [1, 0, 3])
    draws = diracs.sample(10_000)
    assert set(draws.ravel().tolist()) == {0.0, 2.0}
    assert (draws == 2.0).mean() == pytest.approx(0.75, abs=0.02)


def test_quantizations_have_the_moments_of_their_diracs():
    q = quantize(Gaussian([1.0, 2.0], 1.0), 30, match_moments=True)
    np.testing.assert_allclose(q.mean, [1.0, 2.0], atol=1e-12)
    np.testing.assert_allclose(q.cov, np.eye(2), atol=1e-12)
    np.testing.assert_array_equal(q.sample(7, 2), q.diracs.sample(7, 2))
    gaussian = Gaussian([1.0, 2.0], 1.0)
    np.testing.assert_array_equal(gaussian.sample(3), gaussian.as_mixture().sample(3))
