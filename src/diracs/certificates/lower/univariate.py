"""Lower bounds on the W₂ between a univariate law and *every* measure of n points."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.lower.covering_line import MOST_POINTS, LineCells, levels_for
from diracs.certificates.lower.line import ATOMS, least_partition
from diracs.certificates.lower.mixture import SLACK
from diracs.certificates.upper.nearest import raised
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.codebooks.univariate import companded_standard_levels

# Beyond so many points a discretization fine enough for its optimum to say more takes too long.
_PARTITIONED = 128
_FARTHEST = 1e60
# What entropies and moments may be off by.
_WRONG = 1e-9


def univariate_lower_bound(law: UnitUnivariate, n: int) -> float:
    """A number that the W₂ (not squared) between the law and any n points is never below.

    The largest of: for n = 1 the deviation, the optimum; Shannon's bound, W₂² ≥ exp(2(h − ln n))/(2πe), h = −∫ f ln f;
    for few points, the exact optimum of a fine discretization, less the discretization's own error (as in `line`).
    """
    if n == 1:
        return math.nextafter(math.sqrt(law.family.variance) * (1.0 - _WRONG) * law.unit, 0.0)
    exponent = 2.0 * (law.family.entropy - _WRONG - math.log(n))
    bound = math.sqrt(math.exp(exponent) / (2.0 * math.pi * math.e) * (1.0 - SLACK)) * law.unit
    if n <= _PARTITIONED:
        bound = max(bound, _partition_bound(law, n))
    return math.nextafter(bound, 0.0)


def _partition_bound(law: UnitUnivariate, n: int) -> float:
    """W₂(q(X), ν) − W₂(X, q(X)) for the nearest q(X) of N ≫ n levels, the first for the best ν of n points."""
    levels = companded_standard_levels(law.family, int(np.clip(32 * n, *ATOMS)))
    cells = law.cells(levels[:, None])
    held = cells.mass > 0
    least = least_partition(levels[held], cells.mass[held] / cells.mass.sum(), n)
    distance = raised(law, levels[:, None], cells)
    return max(0.0, math.sqrt(least) * law.unit * (1.0 - _WRONG) - distance * (1.0 + _WRONG))


def sharpest_univariate_lower_bound(law: UnitUnivariate, n: int) -> float:
    """The same, or that by covering the line if larger, which takes up to seconds."""
    bound = univariate_lower_bound(law, n)
    if not _PARTITIONED < n <= MOST_POINTS:
        return bound
    levels = companded_standard_levels(law.family, levels_for(n))
    # Products of four lengths must not overflow; what is left out only lowers the bound.
    levels = levels[np.abs(levels) < _FARTHEST]
    if len(levels) < 4:
        return bound
    cells = law.cells(levels[:, None])
    covering = LineCells.about(levels, cells.mass, cells.first[:, 0], cells.second).bound(n)
    found = max(0.0, (math.sqrt(covering * (1.0 - SLACK)) - law.rounding()) * law.unit)
    return max(bound, math.nextafter(found, 0.0))
