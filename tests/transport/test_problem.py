"""Moments of planar problems: the Hessian against differences of masses, coarse and blurred densities."""

import numpy as np
import pytest

from diracs.cells.line import power_cells
from diracs.transport.density import ImageDensity, MixtureDensity
from diracs.transport.linear import parts, solve_by_parts, solve_laplacian
from diracs.transport.problem import Problem
from diracs.transport.start import sinkhorn_weights
from diracs.transport.target import PeriodicTarget

RNG = np.random.default_rng(0)
SEEDS = RNG.random((25, 2)) - 0.5


def law():
    covs = np.array([[[0.05, 0.01], [0.01, 0.02]], 1e-3 * np.eye(2)])
    return MixtureDensity(np.array([[0.1, 0.0], [-0.2, 0.1]]), covs, np.array([0.7, 0.3]))


IMAGES = [np.ones((1, 1)), RNG.random((6, 9)), 10.0 ** RNG.uniform(-8, 0, (5, 5))]


@pytest.mark.parametrize("pixels", [*IMAGES, None])
def test_couplings_are_minus_the_derivatives_of_masses_in_weights(pixels):
    problem = Problem(SEEDS, np.full(25, 0.04), law() if pixels is None else ImageDensity.of(pixels, np.ones(2)))
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
    # Tails go to the border of the grid.
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


@pytest.mark.parametrize("periodic", [(True, True), (True, False)])
def test_start_is_near_on_a_plane_torus(periodic):
    """A bump across a border of the period, where a start for the box alone leaves cells empty."""
    x = (np.arange(32) + 0.5) / 32
    bump = np.exp(2 * np.cos(2 * np.pi * x))
    pixels = np.outer(bump, bump if periodic[1] else 1.0 + x)
    target = PeriodicTarget(pixels, np.array([[0.0, 0.0], [1.0, 1.0]]), periodic)
    seeds = target.normalized(RNG.random((500, 2)))
    problem = Problem(seeds, np.full(500, 1 / 500), target.density())
    mass = problem.moments(sinkhorn_weights(seeds, problem.target, problem.density)).mass * 500
    assert mass.min() > 0.02 and mass.max() < 5
    masses = target.density().coarse(16)[1]
    assert masses.shape == (16, 16, 1) and masses.sum() == pytest.approx(1.0)


def test_coarse_mixtures_keep_mass_place_and_narrow_components():
    density = MixtureDensity(
        np.array([[0.0, 0.0], [0.3, 0.1]]), np.array([0.01 * np.eye(2), 1e-12 * np.eye(2)]), np.ones(2) / 2
    )
    (x, y), masses = density.coarse(32)
    assert masses.sum() == pytest.approx(1.0)
    assert [masses.sum(axis=1) @ x, masses.sum(axis=0) @ y] == pytest.approx([0.15, 0.05], abs=5e-3)
    assert masses.max() > 0.1
    blurred = density.blurred(0.1)
    np.testing.assert_allclose(blurred.covs[1], 0.01 * np.eye(2), atol=1e-10)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(density.draw(20_000, rng).mean(axis=0), [0.15, 0.05], atol=0.01)


@pytest.mark.parametrize("far", [1.0, 1e3, 1e6, 1e12])
def test_start_is_near_although_a_seed_is_far_away(far):
    seeds = np.r_[0.2 * RNG.normal(size=(200, 2)), [[far, 0.5 * far]]]
    problem = Problem(seeds, np.full(201, 1 / 201), law())
    mass = problem.moments(sinkhorn_weights(seeds, problem.target, law())).mass * 201
    assert mass[:200].min() > 1e-3 and mass[200] > 1e-5 and mass.max() < 30


def test_start_has_no_empty_cells_where_kernels_underflow():
    """Seeds on a lattice much smaller or larger than the law, with tails to the end of doubles."""
    lattice = np.stack(np.divmod(np.arange(144), 12), axis=1) / 11.0 - 0.5
    for scale in (1e-8, 1e-2, 1.0, 1e2, 1e8):
        problem = Problem(scale * lattice, np.full(144, 1 / 144), law())
        assert problem.moments(sinkhorn_weights(problem.seeds, problem.target, law())).mass.min() > 1e-3 / 144


def test_balanced_parts_are_not_moved_against_each_other():
    seeds = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [11.0, 0.0]])
    i, j = np.array([0, 1, 2], dtype=np.int32), np.array([1, 2, 3], dtype=np.int32)
    coupling, rhs = np.array([1.0, 1e-40, 1.0]), np.array([0.1, -0.1 + 1e-17, 0.2, -0.2])
    part = parts(4, i, j, coupling)
    found = solve_by_parts(seeds, i, j, coupling, rhs, 1e-12, part)
    np.testing.assert_allclose(found, [0.05, -0.05, 0.1, -0.1], atol=1e-15)
    # What has to pass between them passes.
    rhs = np.array([0.1, 0.1, -0.1, -0.1])
    found = solve_by_parts(seeds, i, j, coupling, rhs, 1e-12, part)
    assert found[1] - found[2] == pytest.approx(0.2e40, rel=1e-6)


def test_power_cells_on_the_line_are_the_lower_envelope():
    rng = np.random.default_rng(3)
    for n in (1, 2, 5, 40):
        seeds, weights = rng.normal(size=n).round(1), 0.5 * rng.normal(size=n)
        alive, borders = power_cells(seeds, weights)
        x = np.linspace(-4, 4, 20_001)
        least = ((x[:, None] - seeds) ** 2 - weights).min(axis=1)
        own = alive[np.searchsorted(borders, x)]
        np.testing.assert_allclose((x - seeds[own]) ** 2 - weights[own], least, atol=1e-12)
        assert (np.diff(seeds[alive]) > 0).all() and (np.diff(borders) >= 0).all()
