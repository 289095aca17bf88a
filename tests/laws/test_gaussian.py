"""Gaussians and mixtures hold what they were given, tell their kind, and normalize weights."""

from __future__ import annotations

import numpy as np
import pytest

from diracs import Gaussian, GaussianMixture, SumOfGaussians
from diracs.laws.convert import as_mixture
from diracs.laws.gaussian import full_covariances


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize(("kind", "event"), [("isotropic", ()), ("diagonal", (2,)), ("full", (2, 2))])
def test_kind_of_covariance_is_told_by_rank(batch, kind, event):
    means = np.zeros((*batch, 3, 2))
    covs = np.broadcast_to(np.eye(2) if kind == "full" else 1.0, (*batch, 3, *event))
    mixture = GaussianMixture(means, covs)
    assert mixture.covariance_kind == kind
    assert (mixture.ndim, mixture.n_components, mixture.batch_shape) == (2, 3, batch)
    assert mixture.weights.shape == (*batch, 3)
    np.testing.assert_array_equal(full_covariances(means, covs), np.broadcast_to(np.eye(2), (*batch, 3, 2, 2)))


def test_as_many_components_as_axes_are_still_told_apart():
    # k = d = 2: (2, 2) is diagonal, never full.
    mixture = GaussianMixture([[0.0, 0.0], [1.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]])
    assert mixture.covariance_kind == "diagonal"
    np.testing.assert_array_equal(full_covariances(mixture.means, mixture.covs)[1], np.diag([3.0, 4.0]))


def test_weights_are_normalized_and_equal_by_default():
    means = np.zeros((4, 1))
    assert GaussianMixture(means, np.ones(4)).weights.tolist() == [0.25] * 4
    assert GaussianMixture(means, np.ones(4), [1, 1, 2, 0]).weights.tolist() == [0.25, 0.25, 0.5, 0.0]
    for unit in (1e-300, 1e308):
        np.testing.assert_allclose(
            GaussianMixture(means, np.ones(4), np.full(4, unit)).weights, np.full(4, 0.25), rtol=1e-14
        )


def test_numbers_are_kept_as_given():
    means, covs = np.zeros((2, 3), np.float32), np.ones((2, 3, 3), np.float32)
    mixture = GaussianMixture(means, covs)
    np.testing.assert_array_equal(mixture.means, means)
    np.testing.assert_array_equal(mixture.covs, covs)
    assert mixture.means.dtype == mixture.covs.dtype == np.float32
    assert mixture.weights.dtype == np.float32
    assert GaussianMixture([[0], [1]], [1, 2]).means.dtype == np.float64


def test_a_gaussian_is_a_mixture_of_one():
    for mean, cov, kind in (
        (0.0, 2.0, "diagonal"),
        ([1.0, 2.0], 2.0, "isotropic"),
        ([1.0, 2.0], [1.0, 2.0], "diagonal"),
        ([1.0, 2.0], [[1.0, 0.5], [0.5, 2.0]], "full"),
    ):
        gaussian = Gaussian(mean, cov)
        mixture = gaussian.as_mixture()
        assert mixture.n_components == 1
        assert mixture.covariance_kind == (kind if kind != "diagonal" or np.ndim(cov) else "isotropic")
        assert gaussian.ndim == mixture.ndim
        np.testing.assert_array_equal(mixture.means[0], np.atleast_1d(mean))
        np.testing.assert_array_equal(mixture.covs[0], cov)


def test_batches_of_gaussians():
    mixture = Gaussian(np.zeros((5, 2)), np.ones((5, 2))).as_mixture()
    assert mixture.batch_shape == (5,)
    assert mixture.means.shape == (5, 1, 2)
    assert as_mixture(mixture) is mixture


def test_singular_covariances_are_welcome():
    for cov in (0.0, [0.0, 1.0], [[1.0, 1.0], [1.0, 1.0]], np.zeros((2, 2))):
        assert Gaussian([0.0, 0.0], cov).ndim == 2


def test_laws_cannot_be_changed():
    mixture = SumOfGaussians([[0.0]], [1.0])
    with pytest.raises(AttributeError):
        mixture.means = np.ones((1, 1))
    with pytest.raises(AttributeError):
        Gaussian(0.0, 1.0).cov = 2.0


def test_representations_name_kind_and_size():
    assert (
        repr(GaussianMixture(np.zeros((3, 2)), np.ones(3))) == "GaussianMixture(3 isotropic components in dimension 2)"
    )
    assert "batch (4,)" in repr(GaussianMixture(np.zeros((4, 3, 2)), np.ones((4, 3))))
    assert repr(Gaussian([0.0, 1.0], 1.0)) == "Gaussian(isotropic, in dimension 2)"
