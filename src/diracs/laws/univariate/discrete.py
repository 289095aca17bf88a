"""Discrete laws of scipy.stats and torch.distributions, as point clouds.

What is cut off, and what SciPy's masses are off by, is to be paid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from diracs.backend.arrays import to_framework
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.univariate.convert import refuse_batch, shape_number

# SciPy's masses are right to this, relative, and to so many roundings of the logarithms of factorials.
_ACCURACY, _LOGARITHMS = 1e-12, 8.0 * 2.0**-52
# Tails are cut off where their second moment is below this share of the variance; no more atoms than so many are kept.
_NEGLIGIBLE, _MOST = 1e-30, 1 << 20
# From a distribution of PyTorch: the name, the shapes and the place that it has in scipy.stats.
_TORCH: dict[str, Callable[[Any], tuple[str, tuple[float, ...], float]]] = {
    "Bernoulli": lambda x: ("bernoulli", (shape_number(x, "probs"),), 0.0),
    "Binomial": lambda x: ("binom", (shape_number(x, "total_count"), shape_number(x, "probs")), 0.0),
    "Geometric": lambda x: ("geom", (shape_number(x, "probs"),), -1.0),
    "Poisson": lambda x: ("poisson", (shape_number(x, "rate"),), 0.0),
}
_OTHERS = ("Categorical", "Multinomial", "NegativeBinomial", "OneHotCategorical")


class Atoms(NamedTuple):
    """A discrete law as Diracs, and how far these may be from it."""

    diracs: SumOfDiracs
    moved: float  # M of `certificates.rounding`: masses that may be on the wrong side of a gap, times its square
    fraction: float  # at most this share of any atom is moved
    beyond: float  # W₂ that the tails cut off may cost


def atoms_of(x: Any) -> Atoms | None:
    """A frozen discrete distribution of scipy.stats on whole numbers, or one of PyTorch; None for anything else.

    Those of PyTorch have their atoms in double precision, whatever theirs is: masses are rounded there to other laws.

    Raises
    ------
    TypeError
        For discrete distributions of PyTorch that are none of these.
    ValueError
        For batches, parameters that are none, infinite variance, and laws of more than 2²⁰ atoms that count.
    """
    names = [cls.__name__ for cls in type(x).__mro__]
    if "Distribution" in names and type(x).__mro__[-2].__module__.startswith("torch."):
        return _of_torch(x, next((name for name in names if name in _TORCH), None))
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


def _of_torch(x: Any, name: str | None) -> Atoms | None:
    if name is None:
        if not any(cls.__name__ in _OTHERS for cls in type(x).__mro__):
            return None
        raise TypeError(
            f"cannot take torch.distributions.{type(x).__name__}: of its discrete laws {', '.join(_TORCH)} are"
            " accepted; give others as SumOfDiracs(points, masses)"
        )
    if tuple(x.batch_shape):
        refuse_batch(f"torch.distributions.{name}", [tuple(x.batch_shape)])
    import scipy.stats

    law, shapes, loc = _TORCH[name](x)
    found = atoms_of(getattr(scipy.stats, law)(*shapes, loc=loc))
    assert found is not None
    like = x.mean.detach().double()
    arrays = (to_framework(a, "torch", like) for a in (found.diracs.positions, found.diracs.weights))
    return found._replace(diracs=SumOfDiracs._of(*arrays))


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
