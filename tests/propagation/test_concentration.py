"""Where a chain is: what is outside of boxes, against exact tails and simulation."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from diracs import Gaussian, GaussianMixture
from diracs.propagation.concentration import Box, Concentration, opened
from diracs.propagation.law import law_of
from diracs.propagation.metrics import JacobianSet


def beyond(r):
    """E(|s| − r)₊² for a standard Gaussian s."""
    tail = ndtr(-r)
    return 2 * ((1 + r * r) * tail - r * math.exp(-r * r / 2) / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("deviations", [0.5, 1.0, 2.0, 4.0, 6.0])
def test_the_excess_of_gaussians_is_above_the_exact_one_and_not_far(deviations):
    turn = 0.9 * np.array([[0.8, -0.6], [0.6, 0.8]])
    start, noise = Gaussian([1.0, 2.0], [[2.0, 0.3], [0.3, 1.0]]), Gaussian([0.0, 0.0], [0.5, 0.1])
    found = Concentration.of(law_of(start.as_mixture()), JacobianSet.hull_of(turn[None]))
    cov = np.asarray(start.cov)
    for _ in range(3):
        found.advance(law_of(noise.as_mixture()))
        cov = turn @ cov @ turn.T + np.diag([0.5, 0.1])
    np.testing.assert_allclose(found.gamma, cov, rtol=1e-6)
    box = found.box(np.zeros(2), np.zeros(2), np.zeros((1, 2)), deviations)
    sigma = np.sqrt(np.diagonal(cov))
    np.testing.assert_allclose(box.high, deviations * sigma, rtol=1e-6)
    exact = sigma * math.sqrt(beyond(deviations))
    assert (box.excess >= exact).all() and (box.excess <= (5.0 + deviations + 1.0 / deviations**2) * exact).all()


def test_boxes_hold_the_points_and_grow_by_what_the_mean_is_off():
    found = Concentration.of(law_of(Gaussian([0.0], [1.0]).as_mixture()), JacobianSet.hull_of(np.ones((1, 1, 1))))
    box = found.box(np.array([1.0]), np.array([0.25]), np.array([[-50.0], [2.0]]), 4.0)
    assert box.low[0] <= -50.0 < -49.9 < box.high[0] and box.high[0] == pytest.approx(5.25)


@pytest.mark.parametrize("seed", range(6))
def test_no_chain_is_outside_for_more(seed):
    """Bent maps of mixtures: the means of components count as shifts."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((2, 2))
    means = rng.standard_normal((3, 2))
    start = GaussianMixture(means, rng.uniform(0.05, 1.0, (3, 2)), rng.dirichlet(np.ones(3)))
    noise = GaussianMixture(rng.standard_normal((2, 2)) * 0.3, [[0.2, 0.1]] * 2)
    bound = np.abs(w)
    found = Concentration.of(law_of(start), JacobianSet.between(-bound, bound))
    count = 200_000

    def sample(law):
        k = rng.choice(law.n_components, count, p=np.asarray(law.weights))
        covs = np.asarray(law.covs)[k]
        deviations = np.sqrt(covs if covs.ndim == 2 else np.diagonal(covs, axis1=1, axis2=2))
        return np.asarray(law.means)[k] + deviations * rng.standard_normal((count, 2))

    x = sample(start)
    for _ in range(3):
        x = np.sin(x @ w.T) + sample(noise)
        found.advance(law_of(noise))
    mean = x.mean(axis=0)
    for deviations in (0.3, 1.0, 2.0):
        # The shift is for means given labels: the tails of one component count in full.
        box = found.box(mean, np.full(2, 0.01), mean[None], deviations)
        off = np.maximum(np.maximum(box.low - x, x - box.high), 0.0)
        assert (np.sqrt((off**2).mean(axis=0)) <= box.excess).all()


def test_boxes_stay_closed_where_a_hull_grows_within_its_entries():
    """[1, 1] is between the entries of [1, 0] and [0, 1], but not in their hull."""
    corners = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 1.0]]])

    def sets(boxes):
        wide = np.isinf(boxes).any(axis=(0, 2))
        return [JacobianSet.hull_of(corners if w else corners[[0, 1, 1]]) for w in wide]

    box = Box(-np.ones(2), np.ones(2), np.full(2, 1e-3))
    assert (opened([box], sets)[0][1].excess == 1e-3).all()
