"""Any law as a start and as noise: bounds against what is known of the true law."""

import numpy as np
import pytest
import scipy.stats

from diracs import Affine, Elliptical, Gaussian, Independent, PiecewiseAffine, Smooth, SumOfDiracs, propagate
from diracs.laws.gaussian import full_covariances

A = np.array([[0.8, 0.3], [-0.2, 0.7]])
START = Independent([scipy.stats.gamma(2.0), scipy.stats.uniform(-1.0, 2.0)], [[0.5, 0.2], [0.0, 0.5]], [1.0, 0.0])
NOISE = Independent([scipy.stats.laplace(scale=0.05), scipy.stats.expon(scale=0.05)])


def mean_of(state):
    return np.asarray(state.weights) @ np.asarray(state.means)


@pytest.mark.parametrize("dynamics", [Affine(A), Smooth(lambda x: x @ A.T, jacobian_hull=A[None])])
def test_means_and_samples_of_the_true_law_are_as_near_as_the_bound_says(dynamics):
    options = {"n": 60} if isinstance(dynamics, Smooth) else {}
    found = propagate(START, dynamics, NOISE, 3, **options)
    rng = np.random.default_rng(0)
    count = 100_000
    z = np.stack([rng.gamma(2.0, size=count), rng.uniform(-1, 1, count)], axis=1)
    x = z @ np.array([[0.5, 0.2], [0.0, 0.5]]).T + [1.0, 0.0]
    for bound, state in zip(found.w2_bound, found.states):
        x = x @ A.T + np.stack([rng.laplace(scale=0.05, size=count), rng.exponential(0.05, count)], axis=1)
        off = np.linalg.norm(mean_of(state) - x.mean(axis=0))
        assert off <= bound + 0.01
        # On any line W₂ is no larger: quantiles of a projection.
        k = rng.choice(state.n_components, count, p=np.asarray(state.weights) / np.asarray(state.weights).sum())
        covs = full_covariances(state.means, state.covs)
        values, vectors = np.linalg.eigh(covs)
        roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None]
        y = np.asarray(state.means)[k] + np.einsum("nij,nj->ni", roots[k], rng.standard_normal((count, 2)))
        for direction in ([1.0, 0.0], [0.0, 1.0], [0.6, 0.8]):
            gap = np.sort(x @ direction) - np.sort(y @ direction)
            assert np.sqrt((gap**2).mean()) <= bound + 0.01
        assert bound < 0.25


def test_errors_of_the_replacement_are_radii():
    given = propagate(scipy.stats.expon(), Affine([[0.5]]), None, 1)
    # Many points for the start, and nothing else: the error is halved by the map.
    assert 0.0 < given.w2_bound[0] < 0.02
    heavy = Elliptical(scipy.stats.gamma(3.0), [0.0, 0.0], 0.01 * np.eye(2))
    found = propagate(heavy, Affine(A), NOISE, 2, n=20, initial_radius=[0.1, 0.2])
    plain = propagate(heavy, Affine(A), NOISE, 2, n=20)
    assert (found.w2_bound > plain.w2_bound).all()
    # |P| for the axes, of which the off-diagonal entries may go along.
    worst = np.sqrt(np.array([0.1, 0.2]) @ np.abs(A.T @ A) @ np.array([0.1, 0.2]))
    assert found.w2_bound[0] - plain.w2_bound[0] == pytest.approx(worst, rel=1e-9)


def test_discrete_laws_and_points():
    found = propagate(scipy.stats.poisson(3.0), Affine([[0.5]]), Gaussian([0.0], [0.01]), 2)
    assert mean_of(found.states[1])[0] == pytest.approx(0.75, abs=1e-6)
    cloud = propagate(SumOfDiracs([[0.0, 0.0], [1.0, 1.0]], [0.5, 0.5]), Affine(A), NOISE, 1)
    assert cloud.w2_bound[0] < 0.03


def test_a_map_that_jumps_wants_mixtures():
    halves = [([[1.0, 0.0]], [0.0]), ([[-1.0, 0.0]], [0.0])]
    jumps = PiecewiseAffine(halves, [A, A], [[0.0, 0.0], [1.0, 0.0]], continuous=False)
    with pytest.raises(ValueError, match="laws are those given"):
        propagate(START, jumps, Gaussian([0.0, 0.0], 0.1), 2, n=10)
