"""Weights from solved transports, and what stands for laws there."""

from __future__ import annotations

import numpy as np
import pytest

import diracs
from diracs.verification.transported import target_of, transported_weights


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 2)])
def test_meshes_of_bins(shape):
    """Simplices fill the bins, whose masses they have: so mean and covariance agree with the bins'."""
    rng = np.random.default_rng(len(shape))
    masses = rng.random(shape) * (rng.random(shape) > 0.3)
    edges = [np.sort(rng.normal(size=n + 1)) for n in shape]
    law = diracs.PolynomialGrid.from_histogram(masses, edges)
    mesh = target_of(law)
    corners = mesh.vertices[mesh.simplices]
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / (2 if len(shape) == 2 else 6)
    held = masses[masses > 0] / masses.sum()
    paths = 2 if len(shape) == 2 else 6
    np.testing.assert_allclose((volumes * mesh.values).reshape(-1, paths).sum(axis=1), held, rtol=1e-12)
    # Each bin's simplices have its middle for their barycenter.
    middles = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij"), -1)[masses > 0]
    np.testing.assert_allclose(corners.mean(axis=1).reshape(-1, paths, len(shape)).mean(axis=1), middles, atol=1e-14)


def test_weights_of_a_histogram():
    """Bins [0, 1]² and [1, 3] × [1, 2] go to their middles: 3x + 2y = 5 passes between, |x − y₀|² = |x − y₁|² − ¾."""
    law = diracs.PolynomialGrid.from_histogram([[1, 0], [0, 1]], [[0.0, 1.0, 3.0], [0.0, 1.0, 2.0]])
    found = transported_weights(law, np.array([[0.5, 0.5], [2.0, 1.5]]), np.array([0.5, 0.5]), 2.0)
    assert found is not None and 4 * (found[0] - found[1]) == pytest.approx(-0.75, rel=1e-5)


def test_what_is_no_target_has_none():
    law = diracs.Mixture([diracs.SumOfDiracs([[0.0, 0.0]]), diracs.PolynomialGrid(np.ones((2, 2)))])
    assert transported_weights(law, np.zeros((1, 2)), np.ones(1), 1.0) is None
