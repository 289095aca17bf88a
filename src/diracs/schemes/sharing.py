"""Sharing points between groups: the budgets that lower the total error most."""

from __future__ import annotations

import numpy as np


def share_points(reduction: np.ndarray, row: np.ndarray, factor: np.ndarray, budgets: np.ndarray, n: int) -> np.ndarray:
    """For each group a state, so that Σ factor·reduction is as large as possible with at most n points in all.

    Parameters
    ----------
    reduction : array (R, V)
        What each budget takes away from the error, for R kinds of group; zero at budget 1.
    row : int array (G,)
        The kind of each group.
    factor : array (G,)
        By which the group's reduction counts.
    budgets : int array (V,)
        Ascending, from 1.
    n : int
        At least G.

    Returns
    -------
    int array (G,)
        Positions in `budgets`. The optimum, by dynamic programming over the groups, where that is cheap; else by
        marginal gain along the concave hulls of the rows (Everett 1963), the rest filled with the best single
        exchanges.
    """
    groups = len(row)
    if groups == 1:
        return np.array([np.searchsorted(budgets, n, side="right") - 1])
    if groups * budgets.size * n <= 10_000_000 and groups * budgets.size <= 10_000:
        return _exact(reduction[row] * factor[:, None], budgets, n)
    state = _along_hulls(reduction, row, factor, budgets, n)
    return _fill(state, reduction, row, factor, budgets, n)


def _exact(gain: np.ndarray, budgets: np.ndarray, n: int) -> np.ndarray:
    """Multiple-choice knapsack by dynamic programming: best[v] = max over b of best[v − b] + gain(b)."""
    best = np.full(n + 1, -np.inf)
    best[0] = 0.0
    choices = np.zeros((len(gain), n + 1), dtype=np.int16)
    for g, row in enumerate(gain):
        new = np.full(n + 1, -np.inf)
        for i, b in enumerate(budgets):
            if b > n:
                break
            candidate = best[: n + 1 - b] + row[i]
            better = candidate > new[b:]
            new[b:][better] = candidate[better]
            choices[g, b:][better] = i
        best = new
    v = int(np.argmax(best))
    state = np.zeros(len(gain), dtype=int)
    for g in range(len(gain) - 1, -1, -1):
        state[g] = choices[g, v]
        v -= int(budgets[state[g]])
    return state


def _along_hulls(reduction: np.ndarray, row: np.ndarray, factor: np.ndarray, budgets: np.ndarray, n: int) -> np.ndarray:
    """Steps along every group's concave hull, in the order of gain per point, as long as points last."""
    hulls = _hulls(budgets, reduction)
    steps = np.array([len(h) - 1 for h in hulls])
    first = np.cumsum(steps) - steps
    extra = np.concatenate([np.diff(budgets[h]) for h in hulls])
    slope = np.concatenate([np.diff(r[h]) for h, r in zip(hulls, reduction, strict=True)]) / extra
    goal = np.concatenate([h[1:] for h in hulls])

    count = steps[row]
    group = np.repeat(np.arange(len(row)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first[row], count)
    worth = slope[step] * factor[group]
    useful = worth > 0
    group, step, worth = group[useful], step[useful], worth[useful]
    order = np.argsort(-worth, kind="stable")
    used = len(row) + np.cumsum(extra[step[order]])
    taken = order[: np.searchsorted(used, n, side="right")]
    state = np.zeros(len(row), dtype=int)
    np.maximum.at(state, group[taken], goal[step[taken]])
    return state


def _hulls(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """For each row of y (R, V) the positions of the vertices of the increasing concave hull of the points (x, y)."""
    rows = np.arange(len(y))
    at = np.zeros(len(y), dtype=int)
    found = [at]
    while rows.size:
        here = at[rows]
        length = (x - x[here, None]).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.where(length > 0, (y[rows] - y[rows, here][:, None]) / length, 0.0)
        # The last of equal slopes: longer steps, fewer vertices.
        best = slopes.shape[1] - 1 - np.argmax(slopes[:, ::-1], axis=1)
        rises = slopes[np.arange(rows.size), best] > 0.0
        rows = rows[rises]
        at = at.copy()
        at[rows] = best[rises]
        found.append(at)
    return [np.unique(column) for column in np.stack(found, axis=1)]


def _fill(
    state: np.ndarray, reduction: np.ndarray, row: np.ndarray, factor: np.ndarray, budgets: np.ndarray, n: int
) -> np.ndarray:
    """Spend what is left, each time on the one change of a group's budget that gains most."""
    left = n - int(budgets[state].sum())
    few = np.argsort(-factor, kind="stable")[:2000]
    gains = reduction[row[few]] * factor[few, None]
    for _ in range(64):
        now = np.take_along_axis(gains, state[few, None], axis=1)
        fits = budgets[None, :] - budgets[state[few], None] <= left
        rise = np.where(fits, gains - now, 0.0)
        best = int(np.argmax(rise))
        g, b = divmod(best, budgets.size)
        if left <= 0 or rise[g, b] <= 0.0:
            break
        left -= int(budgets[b] - budgets[state[few[g]]])
        state[few[g]] = b
    return state
