"""Mixtures fitted to points in space."""

import numpy as np
import pytest

from diracs import GaussianMixture, SumOfDiracs, distance, fit_mixture, quantize
from diracs.typing import CovarianceKind


def clusters() -> np.ndarray:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(8, 3)) * [1.0, 0.5, 0.2]
    return np.concatenate([flat, rng.normal(size=(6, 3)) * 0.4 + [3.0, 1.0, 0.0]])


@pytest.mark.parametrize(("kind", "k"), [("full", 2), ("diagonal", 1), ("isotropic", 1)])
def test_a_local_minimum_of_the_distance(kind: CovarianceKind, k: int) -> None:
    points = SumOfDiracs(clusters())
    fit = fit_mixture(points, k, covariance_kind=kind, starts=1)
    best = float(distance(points, fit.mixture))
    assert fit.converged
    np.testing.assert_allclose(fit.distance, best, rtol=1e-7)
    assert k == 1 or min(fit.mixture.weights) == pytest.approx(6 / 14, abs=0.1)
    rng = np.random.default_rng(1)
    for _ in range(4):
        moved = fit.mixture.means + 0.02 * rng.normal(size=(k, 3))
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


def test_a_picture() -> None:
    fit = fit_mixture(clusters(), 1)
    ax = fit.plot()
    assert ax.name == "3d" and "W₂" in ax.get_title()


def test_dimensions_beyond_space() -> None:
    with pytest.raises(ValueError, match="one to three dimensions"):
        fit_mixture(np.eye(4), 1)
