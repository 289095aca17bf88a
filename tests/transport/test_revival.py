"""Very uneven masses: empty cells are revived where they appear, and Newton's method needs few steps."""

import warnings

import numpy as np
import pytest

from diracs import ConvergenceWarning, PolynomialGrid, SumOfDiracs, SumOfGaussians, optimal_transport_plan
from diracs.transport.density import ImageDensity, MixtureDensity
from diracs.transport.problem import Problem
from diracs.transport.revival import _thresholds, empty, revived


def uneven(n, power, seed, pixels=64):
    rng = np.random.default_rng(seed)
    positions, image = rng.random((n, 2)), rng.random((pixels, pixels))
    return SumOfDiracs(positions, rng.random(n) ** power + 1e-6), PolynomialGrid(image)


@pytest.mark.parametrize(
    ("n", "power", "most"),
    [
        (500, 1, 30),
        (500, 2, 30),
        (500, 4, 60),
        *(pytest.param(n, *case, marks=pytest.mark.slow) for n in (2000, 5000) for case in ((1, 30), (2, 30), (4, 60))),
    ],
)
def test_steps_are_few_however_uneven_the_masses(n, power, most):
    diracs, density = uneven(n, power, seed=7)
    plan = optimal_transport_plan(diracs, density)
    assert plan.converged and plan.iterations <= most
    assert float(plan.distance) == pytest.approx(plan.dual_value, rel=1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_collinear_seeds_outside_of_a_flat_box(slope):
    """Masses over seven decades; rounding of weights of order one may leave more than 1e-9 of the smallest."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        masses = 10.0 ** rng.uniform(-7.5, -0.75, 7)
        masses[0] = 3e-8
        x = np.sort(rng.uniform(-0.4, 1.4, 7))
        diracs = SumOfDiracs(np.c_[x, 0.05 + slope * (x - 0.5)], masses / masses.sum())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            plan = optimal_transport_plan(diracs, PolynomialGrid(np.ones((1, 1)), [[0.0, 0.0], [1.0, 0.1]]))
        assert (plan.converged or "rounding" in plan.message) and plan.iterations <= 30
        np.testing.assert_allclose(plan.cell_masses, diracs.weights, rtol=1e-8)


def test_strips_are_quantiles_along_the_line():
    density, rng = PolynomialGrid(np.random.default_rng(2).random((6, 7)) ** 4), np.random.default_rng(8)
    t, masses = rng.standard_normal(20), rng.random(20)
    diracs = SumOfDiracs([0.3, 0.1] + t[:, None] * [0.6, -0.8], masses / masses.sum())
    plan = optimal_transport_plan(diracs, density)
    assert plan.converged and plan.iterations <= 2
    along = np.asarray(plan.barycenters) @ [0.6, -0.8]
    assert (np.diff(along[np.argsort(t)]) > 0).all()


def flat_problem(n=60):
    rng = np.random.default_rng(3)
    return Problem(rng.random((n, 2)) - 0.5, np.full(n, 1 / n), ImageDensity.of(np.ones((1, 1)), np.ones(2)))


def test_cells_appear_at_their_thresholds_and_not_before():
    problem, rng = flat_problem(), np.random.default_rng(4)
    weights = 0.01 * rng.standard_normal(60)
    for k in range(0, 60, 7):
        least, host, _ = _thresholds(problem, problem.density, weights, np.array([k]))
        assert host[0] != k
        for change, appears in ((1e-6, True), (-1e-9, False)):
            moved = weights.copy()
            moved[k] = least[0] + change
            assert (problem.moments(moved).mass[k] > 0.0) == appears


def test_revived_cells_are_not_empty_and_others_keep_their_weights():
    problem, weights = flat_problem(), np.zeros(60)
    weights[[3, 17, 40]] = -1.0
    moments = problem.moments(weights)
    assert list(np.flatnonzero(empty(moments, problem.target))) == [3, 17, 40]
    found, held = revived(problem, problem.density, weights, moments)
    assert not empty(held, problem.target).any()
    np.testing.assert_array_equal(np.delete(found, [3, 17, 40]), np.delete(weights, [3, 17, 40]))
    np.testing.assert_array_equal(problem.moments(found).mass, held.mass)


@pytest.mark.parametrize("n", [30, 3000])
def test_cells_in_the_tail_of_a_mixture_come_back_small(n):
    """Where they are born, not at the border of the bulk: there they would have several times their masses at once."""
    rng = np.random.default_rng(3)
    law = MixtureDensity(np.zeros((1, 2)), 0.04 * np.eye(2)[None], np.ones(1))
    problem = Problem(0.2 * rng.standard_normal((n, 2)), np.full(n, 1 / n), law)
    weights = np.zeros(n)
    outermost = np.argsort((problem.seeds**2).sum(axis=1))[-5:]
    weights[outermost] = -1.0
    moments = problem.moments(weights)
    assert empty(moments, problem.target)[outermost].all()
    _, held = revived(problem, law, weights, moments)
    assert (held.mass[outermost] < 0.5 / n).all()


def test_tiny_masses_end_with_rounding():
    """Of 24 decades those above rounding are right, and no other start is tried for the rest."""
    rng = np.random.default_rng(9)
    masses = rng.random(1000) ** 8
    diracs = SumOfDiracs(rng.standard_normal((1000, 2)), masses / masses.sum())
    law = SumOfGaussians([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], np.tile(0.3 * np.eye(2), (3, 1, 1)), [0.3, 0.4, 0.3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plan = optimal_transport_plan(diracs, law)
    assert plan.iterations <= 30 and (plan.converged or "rounding" in plan.message)
    np.testing.assert_allclose(plan.cell_masses, diracs.weights, rtol=0.0, atol=4e-15)


def test_one_cell_that_holds_everything_makes_room():
    """All seeds but one are hidden, some of them outside of the box."""
    rng = np.random.default_rng(6)
    diracs = SumOfDiracs(np.r_[rng.random((1, 2)), 2.0 + 0.01 * rng.random((30, 2))], rng.random(31) ** 4 + 1e-6)
    plan = optimal_transport_plan(diracs, PolynomialGrid(np.ones((1, 1))))
    assert plan.converged
