"""What Diracs say of the law that they stand for: expectations, probabilities and worst cases, with certified ends.

Let Q be the Diracs and ρ a bound on W₂ between them and the law P. Everything here holds for *every* law within ρ of Q.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, bound_in, concrete, framework, to_framework
from diracs.backend.decimals import brief
from diracs.laws.regions import Region
from diracs.quantization.discretization import Quantization

# Relative error left to sums of masses and costs.
_ROUNDING = 1e-12


class Certified(NamedTuple):
    """A value over the Diracs, and numbers between which the law's own lies.

    Attributes
    ----------
    value, low, high : number

    Examples
    --------
    >>> from diracs import Ball, Gaussian, probability, quantize
    >>> probability(quantize(Gaussian(0.0, 1.0), 50), Ball([0.0], 2.0))
    Certified(value=0.951815, low=0.918587, high=0.982336)
    """

    value: Array
    low: Array
    high: Array

    def __repr__(self) -> str:
        ends = f"low={brief(self.low, math.floor)}, high={brief(self.high, math.ceil)}"
        return f"Certified(value={brief(self.value)}, {ends})"


def expectation(
    quantization: Quantization, f: Callable[[Array], Array], *, lipschitz: float, radius: float = 0.0
) -> Certified:
    """The expectation of a function under a law, from its Diracs.

    Parameters
    ----------
    quantization : Quantization
    f : callable
        Takes points (n, d) in the framework of the quantization, gives values (n,), which are taken as they are. They
        may be complex, as exp(i t·x) is.
    lipschitz : number
        A Lipschitz constant L of f.
    radius : number
        W₂ distance of the law meant from the one that was quantized, such as `Trajectory.w2_bound`.

    Returns
    -------
    value, low, high
        The expectation over the Diracs, and bounds on that over the law: value ± L (w2 + radius). Both ends are
        attained by laws within the radius where f is linear. Of complex values real and imaginary parts are bounded
        by those of `low` and `high`.

    Raises
    ------
    ValueError, TypeError
        For a batch, values of the wrong shape, constants that are no numbers or negative.

    Notes
    -----
    |E f(X) − E f(Y)| ≤ L E|X − Y| ≤ L W₂ for the best coupling.

    Examples
    --------
    >>> from diracs import Gaussian, expectation, quantize
    >>> q = quantize(Gaussian(0.0, 1.0), 50)
    >>> value, low, high = expectation(q, lambda x: abs(x[:, 0]), lipschitz=1)
    >>> f"{low:.2f} {value:.4f} {high:.2f}"  # (2/π)^{1/2} = 0.7979
    '0.77 0.7979 0.83'
    """
    _, masses, reach = _ambiguity(quantization, radius)
    slope = checks.not_negative("lipschitz", lipschitz)
    values = f(quantization.positions)
    values = values if hasattr(values, "dtype") else np.asarray(values)

    def bounded(part: Array) -> Certified:
        v = concrete(part)
        if v.shape != masses.shape or not np.isfinite(v).all():
            raise ValueError(f"f must give one finite number for each of {len(masses)} points, got shape {v.shape}")
        value = float(masses @ v)
        margin = slope * reach + (_ROUNDING + len(v) * 2.0**-52) * float(masses @ np.abs(v))
        return _certified(quantization, value, value - margin, value + margin)

    if "complex" not in str(values.dtype):
        return bounded(values)
    # Real and imaginary part have slopes of at most L as well.
    return Certified(*(a + 1j * b for a, b in zip(bounded(values.real), bounded(values.imag))))


def worst_case(
    quantization: Quantization, f: Callable[[Array], Array], *, lipschitz: float, radius: float = 0.0
) -> Array:
    """A bound on the expectations that a Lipschitz function has under the laws of the ambiguity ball.

    It is the largest one for the worst function of that slope, the `high` of `expectation`; negate f for the smallest.

    Parameters
    ----------
    quantization, f, lipschitz, radius
        As for `expectation`; f is real.

    Returns
    -------
    number

    Raises
    ------
    ValueError, TypeError
        As for `expectation`; for complex values, which have no order.

    Examples
    --------
    >>> from diracs import Gaussian, quantize, worst_case
    >>> q = quantize(Gaussian(0.0, 1.0), 50)
    >>> f"{worst_case(q, lambda x: abs(x[:, 0]), lipschitz=1, radius=0.1):.2f}"
    '0.93'
    """
    found = expectation(quantization, f, lipschitz=lipschitz, radius=radius).high
    if "complex" in str(found.dtype):
        raise TypeError("f must give real numbers, as complex ones have no largest: take a real part, or expectation")
    return found


def probability(quantization: Quantization, region: Region, *, radius: float = 0.0) -> Certified:
    """The probability of a region under a law, from its Diracs.

    Parameters
    ----------
    quantization : Quantization
    region : HalfSpace, Ball, Polytope or Complement
        Or anything with `ndim` and such a `depth`.
    radius : number
        W₂ distance of the law meant from the one that was quantized, such as `Trajectory.w2_bound`.

    Returns
    -------
    value, low, high
        The mass of the Diracs in the region, and bounds on that of the law: the least and the largest among all laws
        within ρ = w2 + radius of the Diracs, exactly; only around polytopes, whose corners count as if they were
        extended, the largest may be less. Diracs on the boundary, up to rounding, may count on either side.

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

    Examples
    --------
    >>> from diracs import Gaussian, HalfSpace, probability, quantize
    >>> value, low, high = probability(quantize(Gaussian(0.0, 1.0), 50), HalfSpace([1.0], 0.0))
    >>> f"{low:.3f} {value:.3f} {high:.3f}"
    '0.423 0.500 0.577'
    """
    positions, masses, reach = _ambiguity(quantization, radius)
    if region.ndim != positions.shape[1]:
        raise ValueError(f"region lies in dimension {region.ndim}, but the Diracs in dimension {positions.shape[1]}")
    depth, rounding = region.depth(positions)
    inside = depth >= 0
    value = min(float(masses[inside].sum()), 1.0)
    high = _most(masses, np.maximum(-depth - rounding, 0.0), reach)
    low = 1.0 - _most(masses, np.maximum(depth - rounding, 0.0), reach)
    return _certified(quantization, value, max(min(low, value), 0.0), min(max(high, value), 1.0))


def _most(masses: np.ndarray, distance: np.ndarray, reach: float) -> float:
    """The largest mass at distance zero after a transport of cost reach²."""
    # In units of the reach squares neither overflow nor vanish; 1e100 of it are as good as infinity.
    with np.errstate(over="ignore"):
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
    if any(getattr(quantization.distribution, "periodic", ())):
        raise ValueError(
            "quantization must not be of a periodic law: distances on a torus do not bound functions off it"
        )
    positions, masses = concrete(quantization.positions), concrete(quantization.weights)
    if positions.ndim != 2:
        raise ValueError(f"quantization must be a single one, got a batch of shape {positions.shape[:-2]}: pick one")
    reach = float(concrete(quantization.w2)) + checks.not_negative("radius", radius)
    return positions, masses / masses.sum(), reach


def _certified(quantization: Quantization, value: float, low: float, high: float) -> Certified:
    like = quantization.positions
    kind = framework(like)
    inner = to_framework(np.asarray(value), kind, like)
    inner = inner[()] if kind == "numpy" else inner
    return Certified(inner, bound_in(low, kind, like, up=False), bound_in(high, kind, like, up=True))
