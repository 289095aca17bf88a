"""Mixtures fitted to points in space."""

import numpy as np
import pytest

from diracs import GaussianMixture, SumOfDiracs, distance, fit_mixture, quantize


def clusters() -> np.ndarray:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(14, 3)) * [1.0, 0.5, 0.2]
    return np.concatenate([flat, rng.normal(size=(9, 3)) * 0.4 + [3.0, 1.0, 0.0]])


@pytest.mark.parametrize("kind", ["full", "diagonal", "isotropic"])
def test_a_local_minimum_of_the_distance(kind: str) -> None:
    points = SumOfDiracs(clusters())
    fit = fit_mixture(points, 2, covariance_kind=kind, starts=1)
    best = float(distance(points, fit.mixture))
    assert fit.converged
    np.testing.assert_allclose(fit.distance, best, rtol=1e-7)
    assert sorted(fit.mixture.weights)[0] == pytest.approx(9 / 23, abs=0.1)
    rng = np.random.default_rng(1)
    for _ in range(4):
        moved = fit.mixture.means + 0.02 * rng.normal(size=(2, 3))
        wider = fit.mixture.covs * rng.uniform(0.9, 1.1)
        for other in (
            GaussianMixture(moved, fit.mixture.covs, fit.mixture.weights),
            GaussianMixture(fit.mixture.means, wider, fit.mixture.weights),
        ):
            assert float(distance(points, other)) >= best * (1 - 1e-6)


def test_a_single_component_has_the_mean_and_nearly_the_covariance() -> None:
    law = GaussianMixture([[1.0, 2.0, 3.0]], [[4.0, 1.0, 0.25]])
    q = quantize(law, 60, scheme="product")
    fit = fit_mixture(q, 1)
    np.testing.assert_allclose(fit.mixture.means, law.means, atol=1e-6)
    # No worse than the law that the points came from.
    assert float(fit.distance) <= float(q.w2) ** 2


def test_dimensions_beyond_space() -> None:
    with pytest.raises(ValueError, match="one to three dimensions"):
        fit_mixture(np.eye(4), 1)
