"""Barycenters of densities against closed forms, and that they are stationary."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from diracs import Gaussian, GaussianMixture, PolynomialGrid, SumOfDiracs, barycenter, distance, lloyd


def test_of_gaussians_with_commuting_covariances():
    """Their barycenter is N(Σ λμ, (Σ λ Σ^½)²): so are mean and covariance of its quantizer, up to its error."""
    laws = [Gaussian([0.0, 0.0], np.diag([1.0, 4.0])), Gaussian([4.0, 2.0], np.diag([9.0, 1.0]))]
    found = barycenter(laws, 100, [0.25, 0.75], iterations=60)
    mean, deviations = [3.0, 1.5], [0.25 * 1 + 0.75 * 3, 0.25 * 2 + 0.75 * 1]
    assert_allclose(found.positions.mean(axis=0), mean, atol=1e-2)
    assert_allclose(found.positions.std(axis=0), deviations, rtol=0.04)


def test_of_one_density_is_blue_noise():
    """With one density the iteration is Lloyd's with equal masses."""
    law = PolynomialGrid(np.arange(1.0, 13.0).reshape(4, 3))
    start = SumOfDiracs(np.random.default_rng(0).random((12, 2)))
    one = barycenter([law], start, iterations=5, tol=1e-12)
    two = lloyd(law, start, masses="equal", iterations=5, tol=0)
    assert_allclose(one.positions, two.positions, atol=1e-3)


@pytest.mark.parametrize(
    ("d", "tol", "slope"), [(1, 1e-7, 1e-5), (2, 1e-7, 1e-5), pytest.param(3, 1e-7, 1e-5, marks=pytest.mark.slow)]
)
def test_is_stationary_and_masses_are_kept(d, tol, slope):
    rng = np.random.default_rng(d)
    side, k, n = (2, 1, 3) if d == 3 else (3, 2, 4)
    grid = PolynomialGrid(rng.random((side,) * d) + 0.1)
    mixture = GaussianMixture(rng.normal(size=(k, d)), np.array([0.1, 0.3])[:k])
    start = SumOfDiracs(rng.random((n, d)), rng.random(n) + 0.5)
    found = barycenter([grid, mixture], start, [0.4, 0.6], iterations=400, tol=1e-7)
    assert_allclose(found.weights, start.weights)

    def cost(y):
        diracs = SumOfDiracs(y, found.weights)
        return 0.4 * float(distance(diracs, grid)) + 0.6 * float(distance(diracs, mixture))

    y, h = found.positions, 1e-4
    for index in [(0, 0), (n - 1, d - 1)]:
        step = np.zeros_like(y)
        step[index] = h
        assert abs(cost(y + step) - cost(y - step)) / (2 * h) < 1e-5


def test_steps_in_space_lower_the_cost():
    rng = np.random.default_rng(3)
    grid = PolynomialGrid(rng.random((2, 2, 2)) + 0.1)
    mixture = GaussianMixture(rng.normal(size=(1, 3)), [0.1])
    diracs = SumOfDiracs(rng.random((3, 3)), rng.random(3) + 0.5)
    costs = [np.inf]
    for _ in range(3):
        costs.append(0.4 * float(distance(diracs, grid)) + 0.6 * float(distance(diracs, mixture)))
        assert costs[-1] < costs[-2]
        diracs = barycenter([grid, mixture], diracs, [0.4, 0.6], iterations=1)


def test_bad_input():
    grid = PolynomialGrid(np.ones((2, 2)))
    for call, message in [
        (lambda: barycenter([], 3), "densities"),
        (lambda: barycenter([grid, PolynomialGrid([1.0])], 3), "one dimension"),
        (lambda: barycenter([PolynomialGrid(np.ones((2, 2)), periodic=True)], 3), "periodic"),
        (lambda: barycenter([grid], 3, [0.5, 0.5]), "weights"),
        (lambda: barycenter([grid], 3, [-1.0]), "weights"),
        (lambda: barycenter([grid], 0), "n must"),
        (lambda: barycenter([grid], SumOfDiracs([[1.0]])), "dimension 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="densities must be a list"):
        barycenter(grid, 3)
