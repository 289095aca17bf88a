"""Allocation of points over independent axes of any families: the best product of scalar codebooks.

With N points the errors of axes add and their numbers multiply: f(a, v) = min over m of w_a D_a(m) + f(a + 1, ⌊v/m⌋),
where v runs over the O(√n) values of ⌊n/j⌋ only, and of all m that leave the same budget the largest will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from diracs.schemes.allocation import budgets_below

# Distortions are computed for so many numbers of levels at most, and interpolated between.
_COMPUTED = 48


def allocated(weights: np.ndarray, distortions: Sequence[Callable[[int], float]], n: int) -> tuple[list[int], float]:
    """Numbers of levels on each axis, of product n at most, and the least Σ w_a D_a.

    Parameters
    ----------
    weights : array (r,)
    distortions : sequence of r callables
        From a number of levels to the mean square error.
    n : int

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.schemes.axes import allocated
    >>> allocated(np.array([4.0, 1.0]), [lambda m: m**-2.0] * 2, 8)
    ([4, 2], 0.5)
    """
    budgets = budgets_below(n)
    errors = [weight * _tabulated(one, budgets) for weight, one in zip(weights, distortions)]
    best, choices = np.zeros(len(budgets)), []
    for error in errors[::-1]:
        tried = [error[: i + 1] + best[np.searchsorted(budgets, v // budgets[: i + 1])] for i, v in enumerate(budgets)]
        choice = [int(x.argmin()) for x in tried]
        best = np.array([x[j] for x, j in zip(tried, choice)])
        choices.append(choice)
    state, numbers = len(budgets) - 1, []
    for choice in choices[::-1]:
        numbers.append(int(budgets[choice[state]]))
        state = int(np.searchsorted(budgets, budgets[state] // numbers[-1]))
    return numbers, float(best[-1])


def _tabulated(distortion: Callable[[int], float], numbers: np.ndarray) -> np.ndarray:
    """Of numbers of levels, ascending; their logarithms are interpolated where there are many."""
    few, some = np.arange(min(16, len(numbers))), np.geomspace(1, len(numbers), _COMPUTED).astype(int) - 1
    places = np.union1d(few, some)
    logs = np.log([max(distortion(int(m)), 1e-300) for m in numbers[places]])
    return np.exp(np.interp(np.log(numbers), np.log(numbers[places]), logs))
