"""Bounds in metrics: equal to those of affine and of Lipschitz maps where the set is one of these."""

import numpy as np
import pytest

from diracs.propagation import metric_growth
from diracs.propagation.ambiguity import Radius
from diracs.propagation.bounds import AffineGrowth, LipschitzGrowth, StepError
from diracs.propagation.metric_growth import MetricGrowth, Place
from diracs.propagation.metrics import JacobianSet

NOTHING = np.zeros((2, 2))


def steps(rng, count, d, biased, moved=1e-3):
    for _ in range(count):
        x = rng.standard_normal((d, d)) * 0.3
        error = x @ x.T
        # Any B ≼ Q is the matrix of some biases.
        yield StepError(error, rng.uniform(0, 1) * error if biased else 0.0 * error, 0.0 * error, moved)


def growth(jacobians, horizon, *radii):
    return MetricGrowth(jacobians, *map(Radius, radii or (0.0, 0.0)), np.eye(jacobians.low.shape[1]), horizon)


@pytest.mark.parametrize("radii", [(0.0, 0.0), (0.2, 0.0), (0.0, 0.1)])
def test_a_single_matrix_is_an_affine_map(radii):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((3, 3)) * 0.6
    ours = growth(JacobianSet.hull_of(matrix[None]), 5, *radii)
    exact = AffineGrowth(matrix, *map(Radius, radii), 5)
    for step in steps(rng, 5, 3, False, 0.0):
        bound, affine = ours.advance(step), exact.advance(step)
        assert bound <= affine * (1 + 1e-6)
        if radii == (0.0, 0.0):
            assert bound == pytest.approx(affine, rel=1e-6)


@pytest.mark.parametrize("radii", [(0.0, 0.0), (0.2, 0.0), (0.0, 0.1), (0.3, 0.2)])
def test_all_of_one_norm_are_a_lipschitz_map(radii):
    rng = np.random.default_rng(1)
    slope, turns = 1.2, np.linspace(0, 2 * np.pi, 64, endpoint=False)
    hull = slope * np.array([[[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]] for t in turns])
    ours, plain = growth(JacobianSet.hull_of(hull), 4, *radii), LipschitzGrowth(slope, *radii)
    for step in steps(rng, 4, 2, True):
        assert ours.advance(step) == pytest.approx(plain.advance(step), rel=5e-3)


def test_it_is_never_above_the_bound_by_one_constant():
    rng = np.random.default_rng(2)
    hull = rng.standard_normal((5, 2, 2))
    ours = growth(JacobianSet.hull_of(hull), 4, 0.1, 0.1)
    plain = LipschitzGrowth(float(np.linalg.norm(hull, 2, axis=(1, 2)).max()), 0.1, 0.1)
    for step in steps(rng, 4, 2, True):
        assert ours.advance(step) <= plain.advance(step) * (1 + 1e-12)


def test_directions_that_the_map_forgets_cost_nothing():
    ours = growth(JacobianSet.between(np.diag([0.0, 0.0]), np.diag([1.0, 1e-6])), 2)
    step = StepError(np.diag([1e-4, 1.0]), np.diag([1e-4, 1.0]), NOTHING, 0.0)
    # Twice 0.01 along the first axis, which may go the same way.
    assert ours.advance(step) == pytest.approx(0.01, rel=1e-2)
    assert ours.advance(step) == pytest.approx(0.02, rel=1e-2)
    np.testing.assert_allclose(ours.off(), [0.02, 1e-6], rtol=2e-2)
    assert ours.metric[1, 1] < 1e-3 < 0.99 < ours.metric[0, 0]


def test_boxes_bound_the_growth_and_what_is_outside_is_paid_for():
    whole, small = JacobianSet.between(-2.0 * np.eye(2), 2.0 * np.eye(2)), JacobianSet.hull_of(0.5 * np.eye(2)[None])
    step = StepError(0.01 * np.eye(2), NOTHING, NOTHING, 0.0)
    found = []
    for excess in (0.0, 0.001):
        ours = growth(whole, 1)
        ours.locate((Place(small, np.full(2, excess)),))
        found.append(ours.advance(step))
    # tr(J Q Jᵀ) within the box; outside the norm of all Jacobians for each of two coordinates.
    assert found[0] == pytest.approx(0.5 * np.sqrt(0.02), rel=1e-6)
    assert found[1] - found[0] == pytest.approx(2 * 2.0 * 0.001, rel=1e-2)


def test_metrics_that_are_made_definite_are_majorants_of_each_other():
    """An axis that does not count at the end, reached with a large slope: what is added there has to be paid before."""
    sets = [JacobianSet.hull_of(np.array([j])) for j in ([[0.0, 0.0], [0.0, 1e4]], [[1.0, 0.0], [0.0, 0.0]])]
    growth = MetricGrowth(sets[0], Radius(0.0), Radius(0.0), np.eye(2), 2)
    metrics = growth._metrics(sets, [np.eye(2)] * 2, flattest=1e-8)
    for jacobians, here, there in zip(sets, metrics, metrics[1:]):
        assert np.linalg.eigvalsh(here - jacobians.low.T @ there @ jacobians.low)[0] >= 0.0
    assert np.linalg.eigvalsh(metrics[1])[0] >= 0.9e-8


@pytest.mark.parametrize("radii", [(0.0, 0.0), (0.2, 0.1)])
def test_long_horizons_begin_from_what_was_known(monkeypatch, radii):
    """Passes over few steps, from a bound on the error before these in all directions: above, which adds up."""
    monkeypatch.setattr(metric_growth, "LONGEST", 3)
    rng = np.random.default_rng(3)
    matrix = np.array([[0.9, 0.3], [-0.2, 0.7]])
    ours, exact = growth(JacobianSet.hull_of(matrix[None]), 9, *radii), AffineGrowth(matrix, *map(Radius, radii), 9)
    for step in steps(rng, 9, 2, False, 0.0):
        bound, affine = ours.advance(step), exact.advance(step)
        assert affine * (1 - 1e-9) <= bound or radii != (0.0, 0.0)
        assert bound <= 2.0 * affine
