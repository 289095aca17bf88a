"""Weights that follow Diracs on their ways to the barycenters."""

import numpy as np
import pytest

from diracs import PolynomialGrid, SumOfDiracs, lloyd, optimal_transport_plan
from diracs.transport.moved import moved_weights, predicted_weights
from diracs.transport.problem import Problem

SQUARE = PolynomialGrid([[1.0]])
LATTICE = np.stack(np.meshgrid(*2 * [(np.arange(12) + 0.5) / 12], indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_weights_are_exact_along_the_interpolation(share):
    """A lattice stretched along its axes, whose cells are those of the lattice of their barycenters."""
    start = 0.3 + LATTICE * [0.5, 0.3]
    plan = optimal_transport_plan(SumOfDiracs(start), SQUARE)
    shift = plan.barycenters - start
    weights = moved_weights(plan.weights, shift, share * shift, 1 / 12)
    moved = SumOfDiracs(start + share * shift)
    expected = optimal_transport_plan(moved, SQUARE).weights
    np.testing.assert_allclose(weights - weights.mean(), expected, atol=1e-9)
    assert optimal_transport_plan(moved, SQUARE, start=plan).iterations == 0


def test_only_long_moves_to_the_barycenters_follow_the_interpolation():
    rng = np.random.default_rng(0)
    weights, shift = rng.random(50), rng.standard_normal((50, 2))
    assert moved_weights(weights, shift, 1e-3 * shift, 1.0) is None
    assert moved_weights(weights, shift, -shift, 0.1) is None
    assert moved_weights(weights, shift, rng.standard_normal((50, 2)), 0.1) is None
    assert moved_weights(weights, 0.0 * shift, shift, 0.1) is None
    assert moved_weights(weights, shift, 0.5 * shift, 0.1) is not None


def densities():
    """A picture, and a volume of voxels."""
    x = (np.arange(16) + 0.5) / 16
    values = np.exp(-6.0 * ((x[:, None] - 0.4) ** 2 + (x - 0.6) ** 2))
    return [PolynomialGrid(values), PolynomialGrid(values[:, :, None] * (1.0 + x))]


def solved(law, n):
    """The density, n random seeds and their optimal weights, normalized."""
    plan = optimal_transport_plan(SumOfDiracs(np.random.default_rng(n).random((n, law.ndim))), law)
    target = plan._target
    seeds = np.ascontiguousarray(target.normalized(plan._positions))
    return target.density(), seeds, plan._power / target.size**2


@pytest.mark.parametrize("law", densities(), ids=["plane", "space"])
def test_predicted_weights_keep_masses_to_second_order(law):
    density, seeds, weights = solved(law, 60)
    moves = np.random.default_rng(3).standard_normal(seeds.shape)

    def lost(follow, length):
        end = np.ascontiguousarray(seeds + length * moves)
        return np.abs(density.moments(end, follow(length))[0].mass - 1 / 60).max()

    def predicted(length):
        return predicted_weights(density, seeds, weights, length * moves)

    kept = lost(lambda _: weights, 1e-6)
    assert lost(predicted, 1e-6) < 2e-3 * kept
    assert lost(predicted, 1e-4) < 0.1 * 100 * kept


@pytest.mark.parametrize("law", densities(), ids=["plane", "space"])
def test_predicted_weights_are_exact_where_all_seeds_move_alike(law):
    density, seeds, weights = solved(law, 40)
    step = np.full(seeds.shape, 0.3) * np.arange(1, law.ndim + 1)
    found = predicted_weights(density, seeds, weights, step)
    np.testing.assert_allclose(density.moments(seeds + step, found)[0].mass, 1 / 40, rtol=0.02)


def test_plans_follow_moves_that_would_empty_cells(monkeypatch):
    """Noise of a hundredth of the distances, which empties more than a third of the cells of the old weights."""
    x = (np.arange(64) + 0.5) / 64
    density = PolynomialGrid(0.01 + np.exp(-20.0 * ((x[:, None] - 0.4) ** 2 + (x - 0.6) ** 2)))
    rng = np.random.default_rng(0)
    start = rng.random((4000, 2))
    plan = optimal_transport_plan(SumOfDiracs(start), density, tol=1e-3)
    moved = SumOfDiracs(np.clip(start + 0.01 * 4000**-0.5 * rng.standard_normal(start.shape), 0.0, 1.0))
    calls = []
    evaluate = Problem.moments
    monkeypatch.setattr(Problem, "moments", lambda *a, **k: calls.append(1) or evaluate(*a, **k))
    followed = optimal_transport_plan(moved, density, tol=1e-3, start=plan)
    assert followed.converged and followed.iterations <= 3 and len(calls) <= 7


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
def test_plans_of_a_gradient_flow_start_near_the_next(scale):
    x = np.linspace(-1.0, 1.0, 32)
    density = PolynomialGrid(np.exp(-4.0 * (x[:, None] ** 2 + x**2)), [[-scale, -scale], [scale, scale]])
    start = scale * np.random.default_rng(1).uniform(-1.0, 1.0, (400, 2))
    plan = optimal_transport_plan(SumOfDiracs(start), density)
    moved = SumOfDiracs(start + 0.3 * (plan.barycenters - start))
    followed = optimal_transport_plan(moved, density, start=plan)
    assert followed.converged and followed.iterations <= 4
    # Weights that do not follow take a longer way.
    assert optimal_transport_plan(moved, density, start=plan.weights).iterations > followed.iterations


def test_iterations_of_lloyds_method_cost_few_steps(monkeypatch):
    from diracs.transport import lloyd as module

    steps = []
    solved = module.solve

    def watched(*arguments):
        found = solved(*arguments)
        steps.append(found.iterations)
        return found

    monkeypatch.setattr(module, "solve", watched)
    x = np.linspace(0.0, 1.0, 64)
    density = PolynomialGrid(np.exp(-8.0 * ((x[:, None] - 0.4) ** 2 + (x - 0.6) ** 2)))
    lloyd(density, np.random.default_rng(0).random((2000, 2)), masses="equal", iterations=6, damping=0.3, tol=0)
    assert max(steps[1:]) <= 2


def test_a_plan_for_other_diracs_is_refused():
    plan = optimal_transport_plan(SumOfDiracs(LATTICE), SQUARE)
    with pytest.raises(ValueError, match="start must be for 3 Diracs"):
        optimal_transport_plan(SumOfDiracs(LATTICE[:3]), SQUARE, start=plan)
    solid = SumOfDiracs(np.hstack([LATTICE, LATTICE[:, :1]]))
    with pytest.raises(ValueError, match="start must be for Diracs of shape"):
        optimal_transport_plan(solid, PolynomialGrid(np.ones((1, 1, 1))), start=plan)


def test_starts_that_lose_cells_cost_little_more_than_none(monkeypatch):
    rng = np.random.default_rng(2)
    seeds = rng.random((3000, 2))
    plan = optimal_transport_plan(SumOfDiracs(seeds), SQUARE, tol=1e-3)
    moved = SumOfDiracs(np.clip(seeds + 0.1 * 3000**-0.5 * rng.standard_normal((3000, 2)), 0.0, 1.0))
    evaluations = []
    moments = Problem.moments

    def counted(*arguments, **options):
        evaluations.append(1)
        return moments(*arguments, **options)

    monkeypatch.setattr(Problem, "moments", counted)
    optimal_transport_plan(moved, SQUARE, tol=1e-3)
    cold = len(evaluations)
    optimal_transport_plan(moved, SQUARE, tol=1e-3, start=plan)
    assert len(evaluations) - cold <= cold + 2
