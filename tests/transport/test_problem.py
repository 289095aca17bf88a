"""Moments of planar problems: the Hessian against differences of masses, coarse and blurred densities."""

import numpy as np
import pytest

from diracs.transport.density import ImageDensity
from diracs.transport.linear import solve_laplacian
from diracs.transport.problem import Problem
from diracs.transport.start import sinkhorn_weights

RNG = np.random.default_rng(0)
SEEDS = RNG.random((25, 2)) - 0.5


@pytest.mark.parametrize("pixels", [np.ones((1, 1)), RNG.random((6, 9)), 10.0 ** RNG.uniform(-8, 0, (5, 5))])
def test_couplings_are_minus_the_derivatives_of_masses_in_weights(pixels):
    problem = Problem(SEEDS, np.full(25, 0.04), ImageDensity.of(pixels, np.ones(2)))
    weights = 0.01 * RNG.standard_normal(25)
    moments = problem.moments(weights)
    laplacian = np.zeros((25, 25))
    laplacian[moments.i, moments.j] = laplacian[moments.j, moments.i] = -moments.coupling
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))
    step = 1e-6
    for k in range(25):
        ends = [problem.moments(weights + s * np.eye(25)[k]).mass for s in (step, -step)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), laplacian[:, k], atol=2e-5)


def test_solution_of_the_laplacian_has_the_right_residual():
    problem = Problem(SEEDS, np.full(25, 0.04), ImageDensity.of(np.ones((1, 1)), np.ones(2)))
    moments = problem.moments(np.zeros(25))
    rhs = problem.target - moments.mass
    found = solve_laplacian(SEEDS, moments.i, moments.j, moments.coupling, rhs, 1e-10)
    flow = moments.coupling * (found[moments.i] - found[moments.j])
    residual = np.bincount(moments.i, flow, minlength=25) - np.bincount(moments.j, flow, minlength=25) - rhs
    assert np.abs(residual).max() < 1e-12


def test_coarse_and_blurred_densities_keep_mass_and_place():
    density = ImageDensity.of(RNG.random((50, 7)), np.array([1.0, 0.3]))
    (x, y), masses = density.coarse(16)
    fine = [(np.arange(n) + 0.5) / n * side - side / 2 for n, side in zip((50, 7), (1.0, 0.3))]
    assert masses.sum() == pytest.approx(1.0)
    assert masses.sum(axis=1) @ x == pytest.approx(density.pixels.sum(axis=1) @ fine[0], abs=1e-3)
    assert masses.sum(axis=0) @ y == pytest.approx(density.pixels.sum(axis=0) @ fine[1], abs=1e-3)
    spot = np.zeros((20, 20))
    spot[4, 4] = 1.0
    blurred = ImageDensity.of(spot, np.ones(2)).blurred(0.1)
    assert blurred.pixels.sum() == pytest.approx(1.0) and blurred.pixels.min() > 0
    assert np.unravel_index(blurred.pixels.argmax(), (20, 20)) == (4, 4)


def test_start_leaves_no_cell_empty_and_is_near():
    x = np.linspace(-0.5, 0.5, 64)
    pixels = np.exp(-20 * ((x[:, None] - 0.2) ** 2 + (x + 0.1) ** 2))
    seeds = RNG.random((500, 2)) - 0.5
    problem = Problem(seeds, np.full(500, 1 / 500), ImageDensity.of(pixels, np.ones(2)))
    mass = problem.moments(sinkhorn_weights(seeds, problem.target, problem.density)).mass * 500
    assert mass.min() > 0.01 and mass.max() < 20
    assert (problem.moments(np.zeros(500)).mass * 500).min() < 1e-3
