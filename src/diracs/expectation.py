"""What Diracs say of the law that they stand for: expectations, probabilities and worst cases, with certified ends.

Let Q be the Diracs and ρ a bound on W₂ between them and the law P. Everything here holds for *every* law within ρ of Q.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from diracs import _checks
from diracs._arrays import Array, bound_in, common_framework, companion, concrete, framework, pytree, to_framework
from diracs.discretization import Quantization

# Relative error left to sums of masses and costs.
_ROUNDING = 1e-12


class Certified(NamedTuple):
    """A value over the Diracs, and numbers between which the law's own lies."""

    value: Array
    low: Array
    high: Array


@pytree
@dataclass(frozen=True, eq=False, init=False)
class HalfSpace:
    """The points x with normal · x ≤ offset.

    Parameters
    ----------
    normal : array (d,)
        Not zero; of any length.
    offset : number

    Raises
    ------
    ValueError, TypeError
        If the normal is not a finite vector other than zero, or the offset not a finite number.
    """

    normal: Array
    offset: Array

    _leaves = ("normal", "offset")
    _static = ()

    def __init__(self, normal: Any, offset: Any) -> None:
        kind = common_framework(normal=normal, offset=offset)
        a = _checks.floating("normal", normal, kind, companion(normal, offset))
        if a.ndim != 1 or not concrete(a).any():
            raise ValueError(f"normal must be a vector other than zero, got shape {tuple(a.shape)}")
        object.__setattr__(self, "normal", a)
        object.__setattr__(self, "offset", _number("offset", offset, kind, a))

    @property
    def ndim(self) -> int:
        return self.normal.shape[0]

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the boundary, positive inside, and a bound on their rounding."""
        normal, offset = concrete(self.normal), float(concrete(self.offset))
        scale = np.abs(normal).max()
        normal, offset = normal / scale, offset / scale
        length = float(np.linalg.norm(normal))
        sizes = np.abs(points) @ np.abs(normal) + abs(offset)
        return (offset - points @ normal) / length, 4e-16 * (len(normal) + 4) * sizes / length


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Ball:
    """The points x with |x − center| ≤ radius.

    Parameters
    ----------
    center : array (d,)
    radius : number
        Positive.

    Raises
    ------
    ValueError, TypeError
        If the center is not a finite vector, or the radius not a positive number.
    """

    center: Array
    radius: Array

    _leaves = ("center", "radius")
    _static = ()

    def __init__(self, center: Any, radius: Any) -> None:
        kind = common_framework(center=center, radius=radius)
        c = _checks.floating("center", center, kind, companion(center, radius))
        if c.ndim != 1:
            raise ValueError(f"center must be a vector, got shape {tuple(c.shape)}")
        r = _number("radius", radius, kind, c)
        _checks.all_positive("radius", r)
        object.__setattr__(self, "center", c)
        object.__setattr__(self, "radius", r)

    @property
    def ndim(self) -> int:
        return self.center.shape[0]

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the boundary, positive inside, and a bound on their rounding."""
        center, radius = concrete(self.center), float(concrete(self.radius))
        distance = np.linalg.norm(points - center, axis=1)
        sizes = np.linalg.norm(points, axis=1) + np.linalg.norm(center) + radius
        return radius - distance, 4e-16 * (len(center) + 4) * sizes


def expectation(
    quantization: Quantization, f: Callable[[Array], Array], *, lipschitz: float, radius: float = 0.0
) -> Certified:
    """The expectation of a function under a law, from its Diracs.

    Parameters
    ----------
    quantization : Quantization
    f : callable
        Takes points (n, d) in the framework of the quantization, gives values (n,), which are taken as they are.
    lipschitz : number
        A Lipschitz constant L of f.
    radius : number
        W₂ distance of the law meant from the one that was quantized, such as `Trajectory.w2_bound`.

    Returns
    -------
    value, low, high
        The expectation over the Diracs, and bounds on that over the law: value ± L (w2 + radius). Both ends are
        attained by laws within the radius where f is linear.

    Raises
    ------
    ValueError, TypeError
        For a batch, values of the wrong shape, constants that are no numbers or negative.

    Notes
    -----
    |E f(X) − E f(Y)| ≤ L E|X − Y| ≤ L W₂ for the best coupling.
    """
    _, masses, reach = _ambiguity(quantization, radius)
    slope = _checks.not_negative("lipschitz", lipschitz)
    values = f(quantization.positions)
    v = concrete(values if hasattr(values, "shape") else np.asarray(values))
    if v.shape != masses.shape or not np.isfinite(v).all():
        raise ValueError(f"f must give one finite number for each of {len(masses)} points, got shape {v.shape}")
    value = float(masses @ v)
    margin = slope * reach + (_ROUNDING + len(v) * 2.0**-52) * float(masses @ np.abs(v))
    return _certified(quantization, value, value - margin, value + margin)


def worst_case(
    quantization: Quantization, f: Callable[[Array], Array], *, lipschitz: float, radius: float = 0.0
) -> Array:
    """A bound on the expectations that a Lipschitz function has under the laws of the ambiguity ball.

    It is the largest one for the worst function of that slope. Arguments as for `expectation`, whose `high` it is;
    negate f for the smallest one.
    """
    return expectation(quantization, f, lipschitz=lipschitz, radius=radius).high


def probability(quantization: Quantization, region: HalfSpace | Ball, *, radius: float = 0.0) -> Certified:
    """The probability of a half-space or a ball under a law, from its Diracs.

    Parameters
    ----------
    quantization : Quantization
    region : HalfSpace or Ball
        Or anything with `ndim` and such a `depth`.
    radius : number
        W₂ distance of the law meant from the one that was quantized, such as `Trajectory.w2_bound`.

    Returns
    -------
    value, low, high
        The mass of the Diracs in the region, and bounds on that of the law: the least and the largest among all laws
        within ρ = w2 + radius of the Diracs, exactly. Diracs on the boundary, up to rounding, may count on either side.

    Raises
    ------
    ValueError, TypeError
        For a batch, a region of another dimension, a radius that is no number or negative.

    Notes
    -----
    To carry mass m from y into a closed set costs m·dist(y, set)² at least, so that the largest probability is a
    fractional knapsack with the budget ρ²: the nearest Diracs go first, the last one in part. It is what inflating the
    set gives with the best Markov bound, min over ε of Q(set inflated by ε) + …, or less (Blanchet & Murthy 2019). The
    least probability is the same for the complement.
    """
    positions, masses, reach = _ambiguity(quantization, radius)
    if region.ndim != positions.shape[1]:
        raise ValueError(f"region lies in dimension {region.ndim}, but the Diracs in dimension {positions.shape[1]}")
    depth, rounding = region.depth(positions)
    inside = depth >= 0
    value = float(masses[inside].sum())
    high = _most(masses, np.maximum(-depth - rounding, 0.0), reach)
    low = 1.0 - _most(masses, np.maximum(depth - rounding, 0.0), reach)
    return _certified(quantization, value, max(min(low, value), 0.0), min(max(high, value), 1.0))


def _most(masses: np.ndarray, distance: np.ndarray, reach: float) -> float:
    """The largest mass at distance zero after a transport of cost reach²."""
    # In units of the reach squares neither overflow nor vanish; 1e100 of it are as good as infinity.
    far = np.minimum(distance / reach, 1e100) if reach > 0 else np.where(distance > 0, 1e100, 0.0)
    order = np.argsort(far, kind="stable")
    m, cost = masses[order], masses[order] * far[order] ** 2
    # Running sums are right to one rounding for each term.
    budget = 1.0 + _ROUNDING + len(m) * 2.0**-52 if reach > 0 else 0.0
    spent = np.cumsum(cost)
    whole = int(np.searchsorted(spent, budget, side="right"))
    total = float(m[:whole].sum())
    if whole < len(m):
        left = budget - (float(spent[whole - 1]) if whole else 0.0)
        total += float(m[whole]) * min(1.0, left / float(cost[whole]))
    return total + _ROUNDING + len(m) * 2.0**-52


def _ambiguity(quantization: Quantization, radius: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Positions, masses (of sum 1) and ρ."""
    if not isinstance(quantization, Quantization):
        raise TypeError(f"quantization must be a Quantization, got {type(quantization).__name__}: use quantize first")
    positions, masses = concrete(quantization.positions), concrete(quantization.weights)
    if positions.ndim != 2:
        raise ValueError(f"quantization must be a single one, got a batch of shape {positions.shape[:-2]}: pick one")
    reach = float(concrete(quantization.w2)) + _checks.not_negative("radius", radius)
    return positions, masses / masses.sum(), reach


def _certified(quantization: Quantization, value: float, low: float, high: float) -> Certified:
    like = quantization.positions
    kind = framework(like)
    inner = to_framework(np.asarray(value)[()], kind, like) if kind != "numpy" else concrete(like).dtype.type(value)
    return Certified(inner, bound_in(low, kind, like, up=False), bound_in(high, kind, like, up=True))


def _number(name: str, x: Any, kind: str, like: Array) -> Array:
    value = _checks.floating(name, x, kind, like)
    if value.ndim:
        raise ValueError(f"{name} must be a number, got shape {tuple(value.shape)}")
    return value
