"""Merged cells against Monte Carlo: random systems, nearest points, and exact transport between samples."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from independent import full, nearest_cost
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from diracs import Affine, Gaussian, GaussianMixture, PointScheme, propagate
from diracs.propagation import fine

STEPS = 3
# Every map in both dimensions; noise of one mode and of two, of full rank and not.
SEEDS = range(6)


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Fewer fine cells to merge: bounds hold for any number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine, "_LEAST", 5000)
        yield


@cache
def system(seed):
    """A trajectory, f and noise: affine, bent or folded; noise with a density, on a line or plane, or of two modes."""
    rng = np.random.default_rng(seed)
    d, n = 2 + seed % 2, int(rng.integers(3, 12))
    slope = float(rng.choice([0.6, 0.95, 1.2]))
    W = rng.normal(size=(d, d))
    W *= slope / np.linalg.norm(W, 2)
    shift = rng.normal(size=d)
    kind = seed % 3
    f = (lambda x: x @ W.T + shift, lambda x: np.tanh(x) @ W.T, lambda x: np.abs(x) @ W.T)[kind]
    modes, rank = 1 + (seed // 3) % 2, d - (seed // 2) % 2
    roots = 0.5 * rng.normal(size=(modes, d, rank))
    noise = GaussianMixture(
        rng.normal(size=(modes, d)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(modes))
    )
    start = Gaussian(rng.normal(size=d), np.diag(rng.uniform(0.1, 1.0, d)))
    options = {"quantized": True} if kind == 0 else {"lipschitz": slope}
    return propagate(start, Affine(W, shift) if kind == 0 else f, noise, STEPS, n=n, **options), f, noise


def sample(law, count, rng):
    which = rng.choice(law.n_components, size=count, p=np.asarray(law.weights) / np.sum(law.weights))
    values, vectors = np.linalg.eigh(full(law.means, law.covs))
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return np.asarray(law.means)[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(count, law.ndim)))


def truth(trajectory, f, noise, count, rng):
    """Draws (count, d) of the true state after each step."""
    x = sample(trajectory.initial, count, rng)
    for _ in range(STEPS):
        x = f(x) + sample(noise, count, rng)
        yield x


def projected(x, z, directions):
    """W₂ of samples, as many of each, on lines, (m,)."""
    return np.sqrt(((np.sort(x @ directions, axis=0) - np.sort(z @ directions, axis=0)) ** 2).mean(axis=0))


def transported(x, z):
    """W₂ of samples, as many of each."""
    cost = cdist(x, z, "sqeuclidean")
    return np.sqrt(cost[linear_sum_assignment(cost)].mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_truth_is_no_further_than_the_bound(seed):
    """W₂(x, z) ≥ W₂(samples) − what samples are off, which two samples of one law are further apart than."""
    trajectory, f, noise = system(seed)
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(trajectory.initial.ndim, 20))
    directions /= np.linalg.norm(directions, axis=0)
    pairs = zip(truth(trajectory, f, noise, 8000, rng), truth(trajectory, f, noise, 8000, rng), strict=True)
    for bound, state, (x, again) in zip(trajectory.w2_bound, trajectory.states, pairs, strict=True):
        z, other = sample(state, 8000, rng), sample(state, 8000, rng)
        for distance, some in ((lambda a, b: projected(a, b, directions).max(), 8000), (transported, 300)):
            a, b, c, e = (s[:some] for s in (x, again, z, other))
            assert distance(a, c) - distance(a, b) - distance(c, e) <= bound


@pytest.mark.parametrize("seed", SEEDS)
def test_errors_of_steps_are_those_of_nearest_points(seed):
    """No coupling is cheaper than the nearest points; fine cells that borders cross cost little more."""
    trajectory, _, _ = system(seed)
    assert any(isinstance(scheme, PointScheme) for scheme in trajectory.schemes)
    laws = [trajectory.initial, *trajectory.states[:-1]]
    for scheme, error, points, law in zip(
        trajectory.schemes, trajectory.dirac_errors, trajectory.diracs, laws, strict=True
    ):
        found, masses, off = nearest_cost(law.means, law.covs, law.weights, points.positions, 2000, seed)
        assert points.weights.sum() == pytest.approx(1.0, abs=1e-14)
        assert error**2 >= found.value - 5.0 * found.error
        if isinstance(scheme, PointScheme):
            assert error**2 <= 1.03 * (found.value + 5.0 * found.error)
            assert (np.abs(points.weights - masses) <= 5.0 * off + 0.01).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_coupled_chains_drift_apart_as_the_bound_says(seed):
    """Both under the same noise, one through the nearest Diracs; that chain is not quite the state: to 1 percent."""
    trajectory, f, noise = system(seed)
    count, rng = 20_000, np.random.default_rng(seed)
    x = z = sample(trajectory.initial, count, rng)
    for bound, points in zip(trajectory.w2_bound, trajectory.diracs, strict=True):
        positions, v = np.asarray(points.positions), sample(noise, count, rng)
        z, x = f(positions[cKDTree(positions).query(z)[1]]) + v, f(x) + v
        square = ((x - z) ** 2).sum(axis=1)
        assert np.sqrt(max(square.mean() - 5.0 * square.std() / count**0.5, 0.0)) <= 1.01 * bound
    if seed % 3 == 0:
        assert np.sqrt(square.mean()) >= 0.95 * bound


def test_radii_hold_for_a_wider_start_and_pushed_noise():
    r0, rv, turn = 0.1, 0.05, 0.8 * np.array([[0.8, -0.6], [0.6, 0.8]])
    start, noise = Gaussian([0.5, 0.0], [0.09, 0.04]), GaussianMixture([[0.0, 0.0]], [[0.02, 0.01]])
    for affine in (True, False):
        options = {"quantized": True} if affine else {"lipschitz": 0.8}
        dynamics = Affine(turn) if affine else (lambda x: x @ turn.T)
        found = propagate(start, dynamics, noise, 2, n=8, initial_radius=r0, noise_radius=rv, **options)
        rng = np.random.default_rng(0)
        z = sample(found.initial, 20_000, rng)
        x = z + (z - start.mean) * r0 / np.sqrt(0.13)
        for bound, points in zip(found.w2_bound, found.diracs, strict=True):
            positions, v = np.asarray(points.positions), sample(noise, 20_000, rng)
            x, z = x @ turn.T + v + rv * np.array([0.6, 0.8]), positions[cKDTree(positions).query(z)[1]] @ turn.T + v
            assert np.sqrt(((x - z) ** 2).sum(axis=1).mean()) <= 1.01 * bound
