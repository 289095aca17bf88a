"""What is asked of one state: probabilities and quantiles, with ends that hold for every law of its ambiguity ball."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy

from diracs.backend import checks
from diracs.backend.arrays import Array, bound_in, concrete, framework, is_traced
from diracs.backend.decimals import brief
from diracs.laws.convert import as_mixture
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.regions import Ball, Complement, HalfSpace, Polytope, Region
from diracs.propagation.gains import entering, leaving
from diracs.propagation.worst_mass import BEYOND, Lines, Nominal, beyond, lines, most, nominal

_EPS = 2.0**-52
# Levels nearer to 0 or 1 are not told from these by probabilities that are right to 1e-14.
_RAREST = 1e-12


class Bounds(NamedTuple):
    """Numbers between which a quantity lies for every law of an ambiguity ball."""

    low: Array
    high: Array

    def __repr__(self) -> str:
        return f"Bounds(low={brief(self.low, math.floor)}, high={brief(self.high, math.ceil)})"


def probability_bounds(law: Any, radius: float, region: Region) -> Bounds:
    """The probability of a region, for all laws within a W₂ distance of a Gaussian mixture.

    Parameters
    ----------
    law : GaussianMixture, such as one of `Trajectory.states`, or what `diracs.laws.convert` takes
    radius : number
        Such as one of `Trajectory.w2_bound`; may be 0.
    region : HalfSpace, Polytope, Ball or Complement

    Returns
    -------
    low, high
        For half-spaces and slabs the least and the largest probability, exactly up to 1e-13; for other regions bounds
        on these. Boxes lose little where coordinates are independent, polytopes what their faces have in common, balls
        some percent of the distance that mass moves.

    Raises
    ------
    ValueError, TypeError
        For a batch, a region of another dimension or kind, a radius that is no number or negative.

    Notes
    -----
    ν(K) ≤ E (1 − D²/d²)₊ + ρ²/d² for every d > 0, D the distance to K; the best d is the distance up to which mass
    moves (Gao & Kleywegt 2016; Blanchet & Murthy 2019). For a half-space D is normal under each component, and all is
    in closed form: docs/propagation.md.

    Examples
    --------
    >>> from diracs import Gaussian, HalfSpace, probability_bounds
    >>> low, high = probability_bounds(Gaussian(0.0, 1.0), 0.01, HalfSpace([1.0], 2.0))
    >>> f"{low:.4f} {high:.4f}"
    '0.9669 0.9859'
    """
    mixture = single("law", law)
    check_region("region", region, mixture.ndim)
    ball = nominal(mixture, checks.not_negative("radius", radius))
    high = most(entering(ball, region), ball.reach)[0]
    low = 1.0 - most(leaving(ball, region), ball.reach)[0]
    return bounds_in(max(low, 0.0), high, mixture)


def quantile_bounds(law: Any, radius: float, direction: Any, level: float) -> Bounds:
    """The quantile of a linear functional, for all laws within a W₂ distance of a Gaussian mixture.

    A chance constraint P(a·x ≤ b) ≥ level holds for all of them where `high` ≤ b.

    Parameters
    ----------
    law : GaussianMixture, or what `diracs.laws.convert` takes
    radius : number
    direction : array (d,)
        a, of any length but zero.
    level : number
        Between 0 and 1; the quantile is the least q with P(a·x ≤ q) ≥ level.

    Returns
    -------
    low, high
        The least and the largest quantile, exactly up to rounding.

    Raises
    ------
    ValueError, TypeError
        For a batch, a direction of another dimension, a radius that is negative, a level not between 0 and 1 or within
        1e-12 of these.

    Examples
    --------
    >>> from diracs import Gaussian, quantile_bounds
    >>> low, high = quantile_bounds(Gaussian(0.0, 1.0), 0.01, [1.0], 0.95)
    >>> f"{low:.3f} {high:.3f}"
    '1.505 1.790'
    """
    mixture = single("law", law)
    normal, length = _direction(direction, mixture.ndim)
    ball = nominal(mixture, checks.not_negative("radius", radius))
    share = checks.positive("level", level)
    if not _RAREST <= share <= 1.0 - _RAREST:
        raise ValueError(f"level must be between 0 and 1, at least {_RAREST:g} from both, got {share:g}")
    high = _least_above(ball, lines(ball, normal[None]), 1.0 - share)
    low = -_least_above(ball, lines(ball, -normal[None]), share)
    widened = (len(normal) + 8) * _EPS
    low, high = low - widened * abs(low), high + widened * abs(high)
    return bounds_in(math.ldexp(low, ball.unit) * length, math.ldexp(high, ball.unit) * length, mixture)


def _least_above(ball: Nominal, on: Lines, share: float) -> float:
    """The least q for which no law of the ball has more than a share of mass in [q, ∞)."""
    means, deviations, loose = (x[:, 0] for x in on)

    def excess(q: float) -> float:
        return most(lambda d: float(ball.weights @ beyond(q - means - loose, deviations, d)), ball.reach)[0] - share

    reach = BEYOND * deviations + loose
    # Beyond all components the budget alone could bring less than the share there.
    low, high = float((means - reach).min()), float((means + reach).max()) + 1.1 * ball.reach / math.sqrt(share)
    size = max(abs(low), abs(high), high - low)
    low, high = low - 1e-3 * size, high + 1e-3 * size
    if size == 0.0:
        return 0.0
    step = 1e-13 * size
    q = scipy.optimize.brentq(excess, low, high, xtol=step, rtol=4 * _EPS)
    while excess(q) > 0.0:
        q, step = q + step, 2.0 * step
    return float(q)


def single(name: str, law: Any) -> GaussianMixture:
    """One mixture whose values can be looked at."""
    mixture = as_mixture(law)
    if mixture.batch_shape:
        raise ValueError(f"{name} must be one law, got a batch of shape {mixture.batch_shape}: ask each by itself")
    if any(is_traced(x) for x in (mixture.means, mixture.covs, mixture.weights)):
        raise TypeError(f"{name} must hold values, which transforms do not allow: ask outside of them")
    return mixture


def check_region(name: str, region: Any, ndim: int) -> None:
    inner = region
    while isinstance(inner, Complement):
        inner = inner.region
    if not isinstance(inner, HalfSpace | Polytope | Ball):
        raise TypeError(
            f"{name} must be a HalfSpace, Polytope or Ball, or a Complement of these, got {type(inner).__name__}"
        )
    if inner.ndim != ndim:
        raise ValueError(f"{name} lies in dimension {inner.ndim}, but the law in dimension {ndim}")


def bounds_in(low: float, high: float, like: GaussianMixture) -> Bounds:
    """In the framework and dtype of a law, rounded outward."""
    kind = framework(like.means)
    return Bounds(bound_in(low, kind, like.means, up=False), bound_in(high, kind, like.means, up=True))


def _direction(given: Any, ndim: int) -> tuple[np.ndarray, float]:
    """A unit vector, and the length that it had."""
    a = concrete(checks.floating("direction", given, "numpy"))
    if a.shape != (ndim,) or not a.any():
        raise ValueError(f"direction must be a vector of {ndim} coordinates, not all zero, got shape {a.shape}")
    power = math.frexp(float(np.abs(a).max()))[1]
    scaled = np.ldexp(a, -power)
    length = float(np.linalg.norm(scaled))
    return scaled / length, math.ldexp(length, power)
