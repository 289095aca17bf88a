"""Bounds on how errors grow, of any dynamics: what a search for few points asks of them."""

from __future__ import annotations

import numpy as np

from diracs.propagation.bounds import AffineGrowth, LipschitzGrowth
from diracs.propagation.dynamics import norm
from diracs.propagation.metric_growth import MetricGrowth

Growth = LipschitzGrowth | AffineGrowth | MetricGrowth


def growth_factors(growth: Growth, steps: int) -> np.ndarray:
    """By what an error grows in s steps, s = 0 … steps: Lˢ or ‖Aˢ‖."""
    if isinstance(growth, MetricGrowth):
        return growth.factors(steps)
    if isinstance(growth, LipschitzGrowth) or growth.A.shape[0] != growth.A.shape[1]:
        slope = growth.slope if isinstance(growth, LipschitzGrowth) else growth.plain.slope
        return slope ** np.arange(steps + 1.0)
    power, out = np.eye(len(growth.A)), [1.0]
    for _ in range(steps):
        power = growth.A @ power
        out.append(norm(power))
    return np.array(out)


def targets(growth: Growth, steps: int, most: float) -> np.ndarray:
    """Nominal errors to stay below after each step, so that every bound is at most `most`: equal errors in all steps.

    Raises
    ------
    ValueError
        If the radii alone cost as much.
    """
    factors = growth_factors(growth, steps)
    plain = growth if isinstance(growth, LipschitzGrowth) else growth.plain
    drift = factors[1:] * plain.initial_radius + np.cumsum(factors[:-1]) * plain.noise_radius
    left = most - float(drift.max())
    if left <= 0:
        raise ValueError(
            f"w2_bound = {most:g} cannot be kept: initial_radius and noise_radius alone grow to {drift.max():g};"
            " give a larger bound or fewer steps"
        )
    grown = np.sqrt(np.cumsum(factors[1:] ** 2))
    return left * (1.0 - 1e-6) * grown / max(grown.max(), 1e-300)
