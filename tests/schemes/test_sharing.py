"""Points are shared between groups so that the total reduction is the largest possible."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs.schemes.sharing import share_points


def problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Increasing reductions, not necessarily concave, for a few groups of a few kinds."""
    rng = np.random.default_rng(seed)
    menu, kinds, groups = rng.integers(1, 6), rng.integers(1, 4), rng.integers(1, 5)
    budgets = np.concatenate([[1], np.sort(rng.choice(np.arange(2, 14), menu - 1, replace=False))])
    steps = rng.random((kinds, menu)) ** 3 * (rng.random((kinds, menu)) < 0.8)
    steps[:, 0] = 0.0
    factor = rng.random(groups) * (rng.random(groups) < 0.9)
    return np.cumsum(steps, axis=1), rng.integers(0, kinds, groups), factor, budgets, int(rng.integers(groups, 40))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_small_problems_are_solved_exactly(seed):
    reduction, row, factor, budgets, n = problem(seed)
    state = share_points(reduction, row, factor, budgets, n)
    assert budgets[state].sum() <= n
    best = max(
        sum(f * reduction[r, c] for f, r, c in zip(factor, row, choice))
        for choice in itertools.product(range(len(budgets)), repeat=len(row))
        if budgets[list(choice)].sum() <= n
    )
    np.testing.assert_allclose((factor * reduction[row, state]).sum(), best, rtol=1e-12, atol=1e-15)


def test_many_groups_stay_within_the_budget_and_near_the_concave_optimum():
    # 1 − 1/b² is concave in b, so marginal gains give the optimum up to the last step.
    rng = np.random.default_rng(0)
    budgets = np.arange(1, 65)
    reduction = (1.0 - 1.0 / budgets**2.0)[None]
    factor = rng.random(500)
    row = np.zeros(500, dtype=int)
    for n in (500, 501, 2000, 10_000, 10**5):
        state = share_points(reduction, row, factor, budgets, n)
        assert budgets[state].sum() <= n
        gains = np.sort((factor[:, None] * np.diff(reduction[0])).ravel())[::-1]
        optimum = gains[: n - 500].sum()
        assert (factor * reduction[row, state]).sum() >= optimum * (1 - 1e-12)


def test_as_many_points_as_groups_gives_one_point_each():
    state = share_points(np.array([[0.0, 1.0]]), np.zeros(5, dtype=int), np.ones(5), np.array([1, 2]), 5)
    assert state.tolist() == [0] * 5


def test_heavier_groups_get_more_points():
    budgets = np.arange(1, 30)
    state = share_points(
        (1.0 - 1.0 / budgets**2.0)[None], np.zeros(3, dtype=int), np.array([1.0, 10.0, 100.0]), budgets, 25
    )
    assert budgets[state].sum() == 25
    assert state[0] < state[1] < state[2]


def test_a_group_of_no_weight_takes_no_points_from_the_others():
    budgets = np.arange(1, 10)
    state = share_points((1.0 - 1.0 / budgets**2.0)[None], np.zeros(2, dtype=int), np.array([0.0, 1.0]), budgets, 8)
    assert budgets[state].tolist() == [1, 7]
