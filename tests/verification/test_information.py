"""What Diracs can carry of a mixture: closed forms, the package's own bounds in doubles, sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import ctx
from independent import random_mixture, rotation, square_roots
from scipy.spatial import cKDTree

import diracs
from diracs.certificates.lower.mixture import lower_bound
from diracs.certificates.lower.rate_distortion import rate_distortion
from diracs.laws.gaussian import full_covariances
from diracs.verification.information import information_bound


def bound(law, masses):
    with ctx.workprec(128):
        return float(information_bound(law, np.asarray(masses, dtype=float)).mid())


MIXTURE = diracs.GaussianMixture  # of one component: what `verify` meets


def test_one_isotropic_law():
    """d σ² exp(−2 H/d), of three masses."""
    entropy = 1.5 * math.log(2)
    assert bound(MIXTURE(np.ones((1, 4)), [9.0]), [2, 1, 1]) ** 2 == pytest.approx(
        36 * math.exp(-entropy / 2), rel=1e-13
    )
    assert bound(MIXTURE(np.ones((1, 4)), [9.0]), [7.0]) ** 2 == pytest.approx(36.0, rel=1e-13)


@pytest.mark.parametrize("variances", [[9.0, 4.0, 1.0, 0.01, 0.0], [1.0, 1.0, 1.0, 1.0, 1e-9]])
@pytest.mark.parametrize("n", [2, 50, 10_000])
def test_reverse_water_filling(variances, n):
    turn = rotation(1, 5)
    law = MIXTURE(np.zeros((1, 5)), (turn * variances @ turn.T)[None])
    expected = rate_distortion(np.array(variances), math.log(n))
    assert bound(law, np.full(n, 1 / n)) ** 2 == pytest.approx(expected, rel=1e-6)


def test_components_share_what_is_carried():
    """Wide and narrow ones about the same mean: the level is one, 4 e^(−ln n), where all lie above it."""
    law = MIXTURE(np.zeros((2, 4)), [4.0, 1.0], [0.5, 0.5])
    level = 2 * 10 ** (-2 / 4)
    assert level < 1
    assert bound(law, np.full(10, 0.1)) ** 2 >= 4 * level * (1 - 1e-12)


def test_components_far_from_one_another_share_points():
    law = MIXTURE([[0.0] * 4, [100.0] * 4], [1.0, 1.0])
    assert bound(law, np.full(8, 1 / 8)) ** 2 == pytest.approx(4 * math.exp(-0.5 * math.log(4)), rel=1e-12)


@pytest.mark.parametrize("d, k", [(5, 3), (8, 2)])
def test_as_the_bound_in_doubles(d, k):
    """Of components that overlap; that one takes n equal masses, and chooses between axes besides."""
    rng = np.random.default_rng(d)
    law = diracs.GaussianMixture(rng.normal(size=(k, d)), 1 + rng.random((k, d)))
    expected = lower_bound(law.means, full_covariances(law.means, law.covs), law.weights, 40)
    assert bound(law, np.full(40, 1 / 40)) == pytest.approx(expected, rel=0.003)


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_below_the_truth(scale):
    rng = np.random.default_rng(2)
    means, covs, weights = random_mixture(2, 3, 5)
    covs = full_covariances(means, covs)
    k = rng.choice(3, 50_000, p=weights / weights.sum())
    x = means[k] + np.einsum("nij,nj->ni", square_roots(covs)[k], rng.normal(size=(len(k), 5)))
    y = x[:60]
    distances, nearest = cKDTree(y).query(x)
    masses = np.bincount(nearest, minlength=60) / len(x)
    law = diracs.GaussianMixture(means * scale, covs * scale**2, weights)
    found = bound(law, masses) / scale
    assert 0.6 * np.sqrt((distances**2).mean()) < found < np.sqrt((distances**2).mean())


def test_verify_takes_it():
    """Groups of components in ten dimensions, where boxes tell nothing."""
    law = diracs.GaussianMixture(*random_mixture(1, 3, 10, "diagonal"))
    q = diracs.quantize(law, 30, scheme="product")
    found = diracs.verify(q)
    assert found.closed and found.low >= 0.8 * q.w2 and found.low == pytest.approx(bound(law, q.weights), rel=1e-12)
