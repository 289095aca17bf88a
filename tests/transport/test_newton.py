"""Inexact steps of Newton's method for many seeds."""

import numpy as np
import pytest

from diracs.transport import newton as module
from diracs.transport.continuation import solve
from diracs.transport.density import ImageDensity
from diracs.transport.newton import relative_error
from diracs.transport.problem import Problem


def random_problem(n, target=None, pixels=None):
    seeds = np.random.default_rng(0).random((n, 2)) - 0.5
    density = ImageDensity.of(np.ones((1, 1)) if pixels is None else pixels, np.ones(2))
    return Problem(seeds, np.full(n, 1.0 / n) if target is None else target / target.sum(), density)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-9])
def test_inexact_steps_are_no_more_than_exact_ones(tolerance, monkeypatch):
    problem = random_problem(8000)
    accuracies = []
    solved = module.solve_by_parts

    def watched(seeds, i, j, coupling, rhs, accuracy, part):
        accuracies.append(accuracy)
        return solved(seeds, i, j, coupling, rhs, accuracy, part)

    monkeypatch.setattr(module, "solve_by_parts", watched)
    inexact = solve(problem, tolerance, None)
    # They become more accurate, but not beyond what is asked for.
    assert accuracies[0] == max(accuracies) == 3e-3
    assert 1e-6 < min(accuracies) and (min(accuracies) < 3e-4) == (tolerance < 1e-6)
    monkeypatch.setattr(module, "_MANY", len(problem.target) + 1)
    exact = solve(problem, tolerance, None)
    assert max(accuracies[inexact.iterations :]) <= 1e-5
    assert inexact.converged and exact.converged
    assert inexact.iterations <= exact.iterations
    assert relative_error(inexact.moments.mass, problem.target) <= tolerance


def test_short_inexact_steps_are_replaced_by_exact_ones(monkeypatch):
    """Masses over eight decades on an image over eight decades: the first steps are cut."""
    rng = np.random.default_rng(1)
    problem = random_problem(400, 10.0 ** rng.uniform(-8, 0, 400), 10.0 ** rng.uniform(-8, 0, (16, 16)))
    exact = solve(problem, 1e-6, None)
    calls = []
    advance = module._advance

    def watched(problem, density, weights, moments, gain=None):
        found = advance(problem, density, weights, moments, gain)
        calls.append((gain is not None, found is not None))
        return found

    monkeypatch.setattr(module, "_advance", watched)
    monkeypatch.setattr(module, "_MANY", 0)
    inexact = solve(problem, 1e-6, None)
    assert inexact.converged == exact.converged
    assert (True, False) in calls
    # An inexact step that fails is followed by an exact one.
    after = [calls[k + 1][0] for k, call in enumerate(calls[:-1]) if call == (True, False)]
    assert not any(after)
