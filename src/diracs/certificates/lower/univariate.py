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
_FARTHEST = 1e100
# Of the distance to the middle: levels in tails are no further from each other.
_FINE = 0.1
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
    levels = companded_standard_levels(law.family, ATOMS[1])
    cells = law.cells(levels[:, None])
    held = cells.mass > 0
    least = least_partition(levels[held], cells.mass[held] / cells.mass.sum(), n)
    distance = raised(law, levels[:, None], cells)
    return max(0.0, math.sqrt(least) * law.unit * (1.0 - _WRONG) - distance * (1.0 + _WRONG))


def sharpest_univariate_lower_bound(law: UnitUnivariate, n: int) -> float:
    """The same, or that by covering the line if larger, which takes up to seconds."""
    bound = univariate_lower_bound(law, n)
    if not 1 < n <= MOST_POINTS:
        return bound
    levels = _with_tails(companded_standard_levels(law.family, levels_for(n)))
    # What is left out only lowers the bound.
    levels = levels[np.abs(levels) < _FARTHEST]
    if len(levels) < 4:
        return bound
    cells = law.cells(levels[:, None])
    covering = LineCells.about(levels, cells.mass, cells.first[:, 0], cells.second).bound(n, _gain(law, n))
    found = max(0.0, (math.sqrt(covering * (1.0 - SLACK)) - law.rounding()) * law.unit)
    return max(bound, math.nextafter(found, 0.0))


def _with_tails(levels: np.ndarray) -> np.ndarray:
    """More levels in heavy tails, so that distances from the middle hardly vary between neighbours."""
    low, middle, high = np.quantile(levels, [0.25, 0.5, 0.75])
    ends = np.abs(levels[[0, -1]] - middle)
    size = high - low
    count = int(math.log(max(ends.max() / size, 1.0)) / math.log1p(_FINE))
    far = size * (1.0 + _FINE) ** np.arange(count + 1.0)
    found = middle + np.concatenate([-far[far < ends[0]][::-1], far[far < ends[1]]])
    place = np.clip(np.searchsorted(levels, found), 1, len(levels) - 1)
    wide = levels[place] - levels[place - 1] > _FINE * np.abs(found - middle)
    return np.union1d(levels, found[wide])


def _gain(law: UnitUnivariate, n: int) -> float:
    """About what one point more than n would gain, by companding."""
    more = n + max(1, n // 10)
    costs = []
    for count in (n, more):
        levels = companded_standard_levels(law.family, count)
        costs.append(float(law.cells(levels[:, None]).second.sum()))
    return (costs[0] - costs[1]) / (more - n)
