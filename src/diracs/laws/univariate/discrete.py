"""Discrete laws of scipy.stats, as point clouds: what is cut off, and what SciPy's masses are off by, is to be paid."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from diracs.laws.diracs import SumOfDiracs

# SciPy's masses are right to this, relative, and to so many roundings of the logarithms of factorials.
_ACCURACY, _LOGARITHMS = 1e-12, 8.0 * 2.0**-52
# Tails are cut off where their second moment is below this share of the variance; no more atoms than so many are kept.
_NEGLIGIBLE, _MOST = 1e-30, 1 << 20


class Atoms(NamedTuple):
    """A discrete law as Diracs, and how far these may be from it."""

    diracs: SumOfDiracs
    moved: float  # M of `certificates.rounding`: masses that may be on the wrong side of a gap, times its square
    fraction: float  # at most this share of any atom is moved
    beyond: float  # W₂ that the tails cut off may cost


def atoms_of(x: Any) -> Atoms | None:
    """A frozen discrete distribution of scipy.stats on whole numbers; None for anything else.

    Raises
    ------
    ValueError
        For batches, parameters that are none, infinite variance, and laws of more than 2²⁰ atoms that count.
    """
    dist: Any = getattr(x, "dist", None)
    if "rv_discrete" not in {cls.__name__ for cls in type(dist).__mro__}:
        return None
    shapes, loc, _ = dist._parse_args(*x.args, **x.kwds)
    if any(np.ndim(v) for v in (*shapes, loc)):
        raise ValueError(
            f"distribution must be a single law, got a batch of scipy.stats.{dist.name}: make a list of single laws and"
            " take one after the other"
        )
    mean, variance = float(x.mean()), float(x.var())
    if not (math.isfinite(variance) and math.isfinite(mean)):
        raise ValueError(
            f"distribution must have parameters that scipy.stats.{dist.name} takes, and a finite second moment, but its"
            f" variance is {variance}"
        )
    low, high, left, right = _reach(x, mean, variance)
    positions = np.arange(low, high + 1.0)
    masses = np.asarray(x.pmf(positions), dtype=np.float64)
    positions, masses = positions[masses > 0], masses[masses > 0]
    before = np.cumsum(masses)[:-1]
    largest = max(abs(low), abs(high), 1.0)
    flows = (
        2.0
        * (_ACCURACY + _LOGARITHMS * largest * math.log1p(largest))
        * np.minimum(before, np.cumsum(masses[::-1])[::-1][1:])
    )
    through = np.append(flows, 0.0) + np.append(0.0, flows)
    return Atoms(
        SumOfDiracs(positions[:, None], masses),
        float(flows @ np.diff(positions) ** 2),
        min(1.0, float((through / masses).max())),
        math.sqrt(left + right),
    )


def _reach(x: Any, mean: float, variance: float) -> tuple[float, float, float, float]:
    """The first and the last atom that are kept, and bounds on what the tails weigh about these."""
    ends, tails = [], []
    for end, side in zip(x.support(), (-1.0, 1.0), strict=True):
        step, start = 1.0 + math.sqrt(variance), math.floor(mean)
        while True:
            place = start + side * math.ceil(step)
            if side * (place - float(end)) >= 0:
                ends.append(float(end))
                tails.append(0.0)
                break
            here, after = float(x.pmf(place)), float(x.pmf(place + side))
            # Masses fall at least geometrically from there: Σ rʲ j² = r (1 + r)/(1 − r)³.
            ratio = after / here if here > 0 else 0.0
            weight = here * ratio * (1.0 + ratio) / (1.0 - ratio) ** 3 if ratio < 1.0 else math.inf
            if weight <= _NEGLIGIBLE * variance:
                ends.append(place)
                tails.append(weight)
                break
            step *= 1.25
            if step > _MOST:
                raise ValueError(
                    f"distribution must not have more than {_MOST} atoms that count, as {x.dist.name} has: give those"
                    " that matter as SumOfDiracs(points, weights)"
                )
    if ends[1] - ends[0] >= _MOST:
        raise ValueError(
            f"distribution must not have more than {_MOST} atoms, got {ends[1] - ends[0] + 1:g}: give fewer as"
            " SumOfDiracs(points, weights)"
        )
    return ends[0], ends[1], tails[0], tails[1]
