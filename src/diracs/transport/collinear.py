"""Where Newton's method starts for seeds on one line: cells are strips, bounded by quantiles along that line."""

from __future__ import annotations

import itertools

import numpy as np

from diracs.transport.problem import Problem

# Seeds lie on a line if their second singular value is below this share of the first.
_FLAT = 1e-9
# So many seeds are looked at first.
_SOME = 1000
# Halvings of the range of the density.
_HALVINGS = 50


def collinear_weights(problem: Problem) -> np.ndarray | None:
    """Weights (n,) with which strips have the target masses, by bisection for all quantiles at once; None off a line.

    Nor on a torus, where a cell has two ends. For seeds tₖ along the line, the strips k and k + 1 meet at b if
    wₖ₊₁ − wₖ = (b − tₖ₊₁)² − (b − tₖ)².
    """
    seeds = problem.seeds
    if any(problem.density.space.periodic):
        return None
    # What some of the seeds have of a second singular value all have at least.
    some = seeds[:: len(seeds) // _SOME + 1]
    spread, reach = np.linalg.svd(some - some.mean(axis=0), compute_uv=False), np.ptp(seeds, axis=0).max()
    if len(spread) > 1 and spread[1] > _FLAT * reach * seeds.size**0.5:
        return None
    _, sizes, axes = np.linalg.svd(seeds - seeds.mean(axis=0), full_matrices=False)
    # Two seeds are on a line always, and Newton's method needs fewer moments for them.
    if len(seeds) < 3 or not sizes[1] <= _FLAT * sizes[0]:
        return None
    along = seeds @ axes[0]
    order = np.argsort(along)
    t = along[order]
    masses = np.cumsum(problem.target[order])[:-1]
    reach = np.array(list(itertools.product(*problem.density.box.T))) @ axes[0]
    low, high = np.full(len(t) - 1, reach.min()), np.full(len(t) - 1, reach.max())
    weights = np.zeros(len(t))
    for _ in range(_HALVINGS):
        b = 0.5 * (low + high)
        steps = np.concatenate([[0.0], np.cumsum((t[:-1] - t[1:]) * (2.0 * b - t[:-1] - t[1:]))])
        weights[order] = steps - np.median(steps)
        below = np.cumsum(problem.moments(weights).mass[order])[:-1] < masses
        low, high = np.where(below, b, low), np.where(below, high, b)
    return weights
