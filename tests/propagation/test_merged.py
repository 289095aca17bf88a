"""Merged boxes for the law of a state: the covariance is kept to the last digit, and grids are never better."""

from __future__ import annotations

import numpy as np
import pytest

from diracs import Affine, Gaussian, GaussianMixture, SumOfDiracs, propagate, recertify
from diracs.propagation import fine, run
from diracs.propagation.law import law_of, with_noise
from diracs.propagation.merged import can_merge, merged_cells


def state(d, sources, seed=0):
    """Points, some without mass, plus noise of two covariances that do not commute, one singular."""
    rng = np.random.default_rng(seed)
    masses = rng.dirichlet(np.ones(sources))
    masses[0] = 0.0
    roots = rng.normal(size=(2, d, d)) * 0.3
    roots[1, :, 0] = 0.0
    noise = GaussianMixture(rng.normal(size=(2, d)) * 0.2, roots @ np.swapaxes(roots, 1, 2), [0.4, 0.6])
    return with_noise(rng.normal(size=(sources, d)), masses / masses.sum(), law_of(noise))


@pytest.mark.parametrize("d", [2, 3])
def test_covariance_of_the_law_is_that_of_the_diracs_and_of_the_error(d):
    law = state(d, 6)
    found = merged_cells(law, 20, biased=True)
    cells, w = found.cells, law.weights
    mean = w @ law.means
    off = law.means - mean
    cov = (w[:, None] * off).T @ off + np.tensordot(w, law.covs[law.kind], 1)
    y = cells.barycenters - mean
    assert len(y) <= 20
    assert cells.masses.sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(cells.masses @ y, 0.0, atol=1e-13)
    np.testing.assert_allclose((cells.masses[:, None] * y).T @ y + cells.error, cov, atol=1e-12 * np.trace(cov))
    # Seen from each source there is a bias, which cancels on the whole.
    assert cells.bias.shape == (6, d)
    np.testing.assert_allclose(cells.bias.sum(axis=0), 0.0, atol=1e-13)
    assert 0.0 < found.step.bias**2 < found.step.square


def test_error_is_nearly_that_of_nearest_points_and_not_below():
    law = state(2, 5, seed=3)
    law = law._replace(covs=law.covs + 0.01 * np.eye(2))
    found = merged_cells(law, 25, biased=False)
    mixture = GaussianMixture(law.means, law.covs[law.kind], law.weights)
    exact = float(recertify(mixture, SumOfDiracs(found.cells.barycenters, found.cells.masses)).w2)
    assert exact**2 <= found.step.square <= 1.005 * exact**2
    assert found.step.bias == np.inf


def test_biases_of_sources_by_sampling():
    law = state(2, 3, seed=1)
    found = merged_cells(law, 12, biased=True)
    rng = np.random.default_rng(0)
    y, n = found.cells.barycenters, 40_000
    for s in range(1, 3):
        rows = np.flatnonzero(law.source == s)
        bias, square = np.zeros(2), 0.0
        for k in rows:
            x = rng.multivariate_normal(law.means[k], law.covs[law.kind[k]], size=n, method="eigh")
            to = y[((x[:, None, :] - y) ** 2).sum(axis=2).argmin(axis=1)]
            bias += law.weights[k] * (x - to).mean(axis=0)
            square += law.weights[k] ** 2 * (x - to).var(axis=0).sum() / n
        # Boxes on borders may go to the second nearest point.
        assert np.abs(bias - found.cells.bias[s]).max() <= 5.0 * square**0.5 + 0.01 * found.step.square**0.5


@pytest.mark.parametrize("n, lipschitz", [(5, 0.9), (12, None)])
def test_never_worse_than_grids(n, lipschitz, monkeypatch):
    monkeypatch.setattr(fine, "_LEAST", 2000)
    turn = 0.9 * np.array([[0.8, -0.6], [0.6, 0.8]])
    dynamics = Affine(turn) if lipschitz is None else (lambda x: x @ turn.T)
    given = Gaussian([1.0, 0.0], [0.04, 0.01]), dynamics, Gaussian([0.0, 0.0], [0.02, 0.03]), 2
    options = {"n": n, "quantized": True} if lipschitz is None else {"n": n, "lipschitz": lipschitz}
    merged = propagate(*given, **options)
    monkeypatch.setattr(run, "can_merge", lambda law, n: False)
    grids = propagate(*given, **options)
    assert merged.w2_bound[-1] <= grids.w2_bound[-1] * (1.0 + 1e-12)
    assert all(len(diracs) <= n for diracs in merged.diracs)


def test_not_on_the_line_nor_for_one_point_nor_for_hours():
    law = state(2, 3)
    assert can_merge(law, 10) and not can_merge(law, 1)
    assert not can_merge(law_of(GaussianMixture([[0.0]], [1.0])), 10)
    assert not can_merge(law, 100_000)
