"""Diracs that keep mean and covariance of the states, and the bounds with these."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from diracs import Affine, Gaussian, GaussianMixture, LayeredScheme, ProductScheme, ScalarCodebook, Smooth, propagate
from diracs.propagation.law import covariance_of, law_of
from diracs.propagation.matching import matched
from diracs.propagation.step import measure

A = np.array([[0.9, 0.4], [-0.3, 0.8]])
START = GaussianMixture([[1.0, 0.0], [-0.5, 0.5]], [[0.3, 0.1], [0.1, 0.2]], [0.4, 0.6])
NOISE = Gaussian([0.1, 0.0], [[0.05, 0.01], [0.01, 0.02]])


def moments(state):
    w, m = np.asarray(state.weights), np.asarray(state.means)
    covs = np.asarray(state.covs)
    covs = covs if covs.ndim == 3 else np.array([np.diag(c) for c in covs])
    mean = w @ m
    return mean, np.tensordot(w, covs, 1) + ((m - mean) * w[:, None]).T @ (m - mean)


@pytest.mark.parametrize("n", [12, 80])
def test_states_of_affine_maps_keep_their_moments(n):
    found = propagate(START, Affine(A), NOISE, 4, n=n, quantized=True, match_moments=True)
    exact = propagate(START, Affine(A), NOISE, 4)
    plain = propagate(START, Affine(A), NOISE, 4, n=n, quantized=True)
    for ours, truth in zip(found.states, exact.states):
        np.testing.assert_allclose(moments(ours)[0], moments(truth)[0], atol=1e-12)
        np.testing.assert_allclose(moments(ours)[1], moments(truth)[1], rtol=1e-9, atol=1e-12)
    assert (plain.w2_bound <= found.w2_bound).all() and (found.w2_bound <= 2.0 * plain.w2_bound).all()


def test_the_error_of_moved_diracs_and_their_bias_by_sampling():
    # Of one covariance: coordinates along its axes are independent, and each point goes to its nearest level.
    law = law_of(GaussianMixture([[1.0, 0.0], [-0.5, 0.5]], [[0.3, 0.1]] * 2, [0.4, 0.6]))
    law = law._replace(source=np.array([0, 1]))
    book = ScalarCodebook([-0.8, 0.0, 0.8])
    choice = measure(law, LayeredScheme([ProductScheme([book, book], np.eye(2), np.zeros(2))]))
    found = matched(choice, law)
    rng, count = np.random.default_rng(0), 400_000
    k = rng.choice(2, count, p=law.weights)
    z = law.means[k] + np.sqrt(np.diagonal(law.covs, axis1=1, axis2=2))[law.kind[k]] * rng.standard_normal((count, 2))
    cell = cKDTree(choice.scheme.positions(2)).query(z)[1]
    delta = z - found.cells.barycenters[cell]
    np.testing.assert_allclose(delta.T @ delta / count, found.step.error, rtol=0.02, atol=1e-3)
    for source in (0, 1):
        exact = np.where((k == source)[:, None], delta, 0.0).mean(axis=0)
        np.testing.assert_allclose(found.cells.bias[source], exact, atol=2e-3)
    off = found.cells.barycenters - law.weights @ law.means
    np.testing.assert_allclose((found.cells.masses[:, None] * off).T @ off, covariance_of(law), rtol=1e-9)


def test_the_error_of_moved_diracs_exactly():
    """E δ'δ'ᵀ = Σ + Cov c' − S C − C Sᵀ, as E[z | c] = c, with Cov c' = Σ = S C Sᵀ."""
    law = law_of(GaussianMixture([[1.0, 0.0], [-0.5, 0.5]], [[0.3, 0.1]] * 2, [0.4, 0.6]))
    book = ScalarCodebook([-0.8, 0.0, 0.8])
    choice = measure(law, LayeredScheme([ProductScheme([book, book], np.eye(2), np.zeros(2))]))
    found = matched(choice, law)
    masses, mean = found.cells.masses, law.weights @ law.means
    c, moved = choice.cells.barycenters - mean, found.cells.barycenters - mean
    own, across = ((masses[:, None] * x).T @ c for x in (c, moved))
    np.testing.assert_allclose(own + choice.step.error, covariance_of(law), atol=1e-10)
    np.testing.assert_allclose(found.step.error, 2.0 * covariance_of(law) - across - across.T, atol=1e-10)


def test_bent_maps_and_refusals():
    smooth = Smooth(lambda x: np.sin(x @ A.T))
    found = propagate(START, smooth, NOISE, 3, n=40, match_moments=True)
    plain = propagate(START, smooth, NOISE, 3, n=40)
    assert (plain.w2_bound <= found.w2_bound * 1.05).all() and (found.w2_bound <= 1.5 * plain.w2_bound).all()
    with pytest.raises(ValueError, match="do not span"):
        propagate(START, smooth, NOISE, 1, n=2, match_moments=True)
    with pytest.raises(ValueError, match="goes with n"):
        propagate(START, smooth, NOISE, 1, w2_bound=0.3, match_moments=True)


def test_moved_diracs_of_smooth_maps_on_the_line():
    found = propagate(Gaussian([0.2], [1.0]), Smooth(np.tanh), Gaussian([0.0], [0.1]), 3, n=20, match_moments=True)
    plain = propagate(Gaussian([0.2], [1.0]), Smooth(np.tanh), Gaussian([0.0], [0.1]), 3, n=20)
    assert (found.w2_bound >= 0.99 * plain.w2_bound).all() and (found.w2_bound < 3.0 * plain.w2_bound).all()
