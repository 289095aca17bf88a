"""Lloyd's method: stationary points, blue noise, and what it does with odd input."""

import numpy as np
import pytest
from optional import optional

from diracs import GaussianMixture, PolynomialGrid, SumOfDiracs, lloyd, optimal_transport_plan
from diracs.transport.density import ImageDensity, MixtureDensity
from diracs.transport.problem import Problem

torch = optional("torch")

MIXTURE = GaussianMixture(
    [[0.0, 0.0], [3.0, 1.0], [40.0, 0.0]], [[[1.0, 0.4], [0.4, 0.5]], np.eye(2), 0.01 * np.eye(2)], [0.5, 0.3, 0.2]
)
DENSITY = PolynomialGrid(np.random.default_rng(0).random((8, 8)))


def test_free_masses_are_those_of_voronoi_cells_about_their_barycenters():
    found = lloyd(DENSITY, 12, iterations=2000, tol=1e-7)
    pixels = np.asarray(DENSITY.values)
    problem = Problem(found.positions - 0.5, found.weights, ImageDensity.of(pixels, np.ones(2)))
    moments = problem.moments(np.zeros(12))
    np.testing.assert_allclose(moments.mass, found.weights, rtol=1e-9)
    np.testing.assert_allclose(moments.first / moments.mass[:, None], 0.0, atol=1e-7)


def test_equal_masses_lower_the_transport_cost_to_a_stationary_point():
    costs = []
    found = lloyd(DENSITY, 40, masses="equal", iterations=60, tol=1e-5, callback=lambda i, d, c: costs.append(c))
    np.testing.assert_allclose(found.weights, 1 / 40)
    plan = optimal_transport_plan(found, DENSITY)
    assert plan.distance <= min(costs) * (1 + 1e-6)
    assert np.diff(costs).max() <= 1e-3 * costs[0]
    assert np.abs(plan.barycenters - found.positions).max() < 2e-3


def test_framework_seed_and_start_are_respected():
    start = torch.tensor(np.random.default_rng(1).random((10, 2)))
    found = lloyd(DENSITY, start, iterations=3)
    assert isinstance(found.positions, torch.Tensor) and len(found) == 10
    again = [lloyd(DENSITY, 12, iterations=2, seed=5).positions for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_duplicates_at_the_start_part():
    found = lloyd(DENSITY, np.full((6, 2), 0.5), iterations=100)
    assert len(np.unique(found.positions.round(6), axis=0)) == 6
    assert (found.weights > 0).all()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: lloyd(GaussianMixture(np.zeros((1, 2)), np.zeros(1)), 5), "singular"),
        (lambda: lloyd(GaussianMixture(np.zeros((1, 1)), np.ones(1)), 5), "density"),
        (lambda: lloyd(DENSITY, 0), "n_or_positions"),
        (lambda: lloyd(DENSITY, np.zeros((3, 3))), "n_or_positions"),
        (lambda: lloyd(DENSITY, 5, masses="other"), "masses"),
        (lambda: lloyd(PolynomialGrid([1.0, 2.0]), 5), "density"),
        (lambda: lloyd(SumOfDiracs([[0.0, 0.0]]), 5), "density"),  # type: ignore[call-overload]
        (lambda: lloyd(DENSITY, 5, iterations=0), "iterations"),
    ],
)
def test_bad_input_is_refused_by_name(call, name):
    with pytest.raises((TypeError, ValueError), match=name):
        call()


def test_free_masses_of_a_mixture_are_those_of_voronoi_cells_about_their_barycenters():
    found = lloyd(MIXTURE, 10, iterations=3000, tol=1e-7)
    law = MixtureDensity(MIXTURE.means, MIXTURE.covs, MIXTURE.weights)
    moments = Problem(found.positions, found.weights, law).moments(np.zeros(10))
    np.testing.assert_allclose(moments.mass, found.weights, rtol=1e-9)
    np.testing.assert_allclose(moments.first / moments.mass[:, None], 0.0, atol=1e-4)
    assert found.weights[found.positions[:, 0] > 20].sum() == pytest.approx(0.2)


def test_equal_masses_of_a_mixture_are_a_stationary_point_of_the_cost():
    costs = []
    found = lloyd(MIXTURE, 40, masses="equal", iterations=200, tol=1e-6, callback=lambda i, d, c: costs.append(c))
    np.testing.assert_allclose(found.weights, 1 / 40)
    plan = optimal_transport_plan(found, MIXTURE)
    assert plan.converged and plan.distance <= min(costs) * (1 + 1e-6)
    assert np.diff(costs).max() <= 1e-3 * costs[0]
    np.testing.assert_allclose(plan.barycenters, found.positions, atol=2e-2)
    assert (np.asarray(found.positions)[:, 0] > 20).sum() == 8


def test_just_as_many_damped_steps_as_asked_for():
    """The uniform law and two Diracs: each step halves the distance from the quarters, at once without damping."""
    square, start, steps = PolynomialGrid(np.ones((1, 1))), [[0.25, 0.1], [0.75, 0.1]], []
    options = {"iterations": 5, "tol": 0, "callback": lambda i, diracs, cost: steps.append(diracs.positions[0, 1])}
    lloyd(square, start, damping=0.5, **options)
    np.testing.assert_allclose(steps, 0.5 - 0.4 * 0.5 ** np.arange(1, 6))
    # Already there after the first step, it goes on all the same.
    steps.clear()
    lloyd(square, start, **options)
    np.testing.assert_allclose(steps, [0.5] * 5)


@pytest.mark.parametrize("masses", ["free", "equal", np.arange(1.0, 13.0)])
def test_the_plan_comes_with_the_diracs(masses):
    found, plan = lloyd(DENSITY, 12, masses=masses, iterations=4, return_plan=True)
    alone = lloyd(DENSITY, 12, masses=masses, iterations=4)
    np.testing.assert_array_equal(found.positions, alone.positions)
    assert plan.converged and plan.diracs is found
    np.testing.assert_allclose(plan.cell_masses, found.weights, rtol=1e-8)
    if isinstance(masses, str) and masses == "free":
        assert plan.iterations == 0
        np.testing.assert_allclose(plan.weights, 0.0, atol=1e-12)


def test_the_plan_on_a_torus_in_torch():
    torus = PolynomialGrid(torch.ones((3, 3), dtype=torch.float64), periodic=True)
    found, plan = lloyd(torus, 5, masses="equal", iterations=3, return_plan=True)
    assert plan.converged and isinstance(plan.barycenters, torch.Tensor) and isinstance(found.positions, torch.Tensor)
