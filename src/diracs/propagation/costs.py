"""Worst expected costs over an ambiguity ball: quadratics, and maxima of affine functions, by their scalar duals.

sup over the ball of E c = min over λ of λ ρ² + E sup_y [c(y) − λ|y − x|²]   (Blanchet & Murthy 2019, theorem 1)

Any λ gives a bound, so that the search for the best need not be exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

from diracs.backend import checks
from diracs.backend.arrays import Array, concrete
from diracs.propagation.questions import Bounds, bounds_in, single
from diracs.propagation.worst_mass import Nominal, nominal

_EPS = 2.0**-52
# What sums of some hundred terms lose, relative to the sum of their sizes.
_ROUNDING = 1e-13


def quadratic_cost_bounds(law: Any, radius: float, Q: Any, q: Any = None) -> Bounds:
    """The expectation of xᵀQ x + q·x, for all laws within a W₂ distance of a Gaussian mixture.

    Parameters
    ----------
    law : GaussianMixture, or what `diracs.laws.convert` takes
    radius : number
    Q : array (d, d)
        Its symmetric part counts; of any sign.
    q : array (d,), optional
        Zero by default.

    Returns
    -------
    low, high
        The least and the largest expectation, exactly up to rounding.

    Raises
    ------
    ValueError, TypeError
        For a batch, arrays of wrong shapes or not finite, a radius that is negative.

    Notes
    -----
    With the gradient g = 2 Q x + q and λ above the eigenvalues of Q the inner supremum is c(x) + gᵀ(λ − Q)⁻¹g/4, so
    that only E g gᵀ is needed, of which mean and covariance of the law are enough. Lipschitz costs: E c ± L ρ.

    Examples
    --------
    >>> from diracs import Gaussian, quadratic_cost_bounds
    >>> high = quadratic_cost_bounds(Gaussian(0.0, 1.0), 0.1, [[1.0]]).high
    >>> f"{high:.4f}"
    '1.2100'
    """
    mixture = single("law", law)
    d, ball = mixture.ndim, nominal(mixture, checks.not_negative("radius", radius))
    H = concrete(checks.floating("Q", Q, "numpy"))
    if H.shape != (d, d):
        raise ValueError(f"Q must have shape {(d, d)} to go with the law, got {H.shape}")
    g = np.zeros(d) if q is None else concrete(checks.floating("q", q, "numpy"))
    if g.shape != (d,):
        raise ValueError(f"q must have shape {(d,)} to go with the law, got {g.shape}")
    with np.errstate(over="ignore"):
        g = np.ldexp(g, -ball.unit)
    power = max(_exponent(H), _exponent(g))
    H, g = np.ldexp(H, -power), np.ldexp(g, -power)
    H = 0.5 * (H + H.T)
    high, low = _largest_quadratic(ball, H, g), -_largest_quadratic(ball, -H, -g)
    return bounds_in(_times_power(low, power + 2 * ball.unit), _times_power(high, power + 2 * ball.unit), mixture)


def worst_case_max(law: Any, radius: float, slopes: Any, offsets: Any) -> Array:
    """The largest expectation of max_i (a_i·x + b_i) under the laws within a W₂ distance of a Gaussian mixture.

    Parameters
    ----------
    law : GaussianMixture, or what `diracs.laws.convert` takes
    radius : number
    slopes : array (m, d)
        The a_i, on one line: any two of them, multiples of one vector, or such shifted by another.
    offsets : array (m,)
        The b_i.

    Returns
    -------
    number
        Exact up to rounding.

    Raises
    ------
    ValueError, TypeError
        For a batch, wrong shapes, slopes that are not on a line, a radius that is negative.

    Notes
    -----
    sup_y [a_i·y + b_i − λ|y − x|²] = a_i·x + b_i + |a_i|²/4λ. With a_i = a_0 + t_i n the expectation of the largest is
    that of a convex piecewise affine function of n·x: a sum of E(n·x − c)₊ over its kinks.

    Examples
    --------
    >>> from diracs import Gaussian, worst_case_max
    >>> f"{worst_case_max(Gaussian(0.0, 1.0), 0.1, [[1.0], [0.0]], [0.0, 0.0]):.4f}"  # E x₊
    '0.4706'
    """
    mixture = single("law", law)
    d, ball = mixture.ndim, nominal(mixture, checks.not_negative("radius", radius))
    a = concrete(checks.floating("slopes", slopes, "numpy"))
    if a.ndim != 2 or a.shape[1] != d:
        raise ValueError(f"slopes must have shape (m, {d}) to go with the law, got {a.shape}")
    b = concrete(checks.floating("offsets", offsets, "numpy"))
    if b.shape != (len(a),):
        raise ValueError(f"offsets must have shape {(len(a),)} to go with slopes, got {b.shape}")
    power = max(_exponent(a), _exponent(b) - ball.unit)
    a, b = np.ldexp(a, -power), np.ldexp(b, -power - ball.unit)
    away = a - a[0]
    lengths = np.linalg.norm(away, axis=1)
    n = away[np.argmax(lengths)] / (lengths.max() or 1.0)
    t = away @ n
    if np.abs(away - t[:, None] * n).max() > 1e-12 * (lengths.max() + np.abs(a).max()):
        raise ValueError(
            "slopes must lie on one line, as any two do: bound the cost from above by such, or by Lipschitz"
        )
    means, variances = ball.means @ n, np.maximum(np.einsum("i,kij,j->k", n, ball.covs, n), 0.0)
    base = float(ball.weights @ (ball.means @ a[0]))
    squares = (a**2).sum(axis=1)

    def expected(lift: float) -> float:
        each = _expected_max(t, b + lift * squares, means, np.sqrt(variances))
        return base + float(ball.weights @ each)

    size = float(np.abs(ball.means).max() + np.sqrt(np.abs(ball.covs).max()))
    slack = _ROUNDING * d * (float(np.abs(b).max()) + d * float(np.abs(a).max()) * (size + ball.reach))
    if ball.reach == 0.0:
        found = expected(0.0)
    else:
        # Between slopes of ρ|a|: λ = |a|/2ρ is the best for one slope.
        found = _least(lambda x: 0.25 * ball.reach**2 / x + expected(x), ball.reach)
    return bounds_in(0.0, _times_power(found + slack, power + ball.unit), mixture).high


def _largest_quadratic(ball: Nominal, H: np.ndarray, g: np.ndarray) -> float:
    """The largest expectation of xᵀH x + g·x over the ball."""
    d = len(g)
    values, vectors = np.linalg.eigh(H)
    second = ball.covs + ball.means[:, :, None] * ball.means[:, None, :]
    sizes = np.abs(H) @ np.abs(second)
    value = float(ball.weights @ (np.einsum("ij,kji->k", H, second) + ball.means @ g))
    slack = _ROUNDING * d * float(ball.weights @ (np.trace(sizes, axis1=1, axis2=2) + np.abs(ball.means) @ np.abs(g)))
    if ball.reach == 0.0:
        return value + slack
    gradients = 2.0 * ball.means @ H + g
    along = (gradients @ vectors) ** 2 + 4.0 * np.einsum("id,kij,jd->kd", H @ vectors, ball.covs, H @ vectors)
    # Eigenvalues are off by roundings of the largest, squares of gradients by those of their parts.
    parts = (2.0 * np.abs(ball.means) @ np.abs(H) + np.abs(g)) ** 2 + 4.0 * (
        np.abs(ball.covs).max() * np.abs(H).sum() ** 2
    )
    G = ball.weights @ along + _ROUNDING * d * float((ball.weights @ parts).sum())
    off = 8 * d * _EPS * float(np.abs(values).max())
    start = max(float(values[-1]) + off, 0.0)

    def dual(x: float) -> float:
        return (start + x) * ball.reach**2 + float((G / (4.0 * (start + x - values - off))).sum())

    return value + slack + _least(dual, math.sqrt(float(G.sum())) / ball.reach) * (1.0 + _ROUNDING)


def _least(function: Callable[[float], float], about: float) -> float:
    """The least value that is found of a function convex in x > 0, many decades about a guess."""
    guess = math.log(max(about, 1e-100))
    found = scipy.optimize.minimize_scalar(
        lambda x: function(math.exp(x)), bounds=(guess - 40.0, guess + 40.0), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.fun)


def _expected_max(slopes: np.ndarray, offsets: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """E max_i (t_i y + c_i) for normal laws of y, (K,)."""
    order = np.lexsort((offsets, slopes))
    kept: list[int] = []
    kinks: list[float] = []
    for i in order.tolist():
        while kept:
            last = kept[-1]
            if slopes[i] == slopes[last]:
                kink = -math.inf
            else:
                kink = float((offsets[last] - offsets[i]) / (slopes[i] - slopes[last]))
            if (kinks and kink <= kinks[-1]) or kink == -math.inf:
                kept.pop()
                if kinks:
                    kinks.pop()
            else:
                kinks.append(kink)
                break
        kept.append(i)
    found = slopes[kept[0]] * means + offsets[kept[0]]
    s = np.maximum(deviations, 1e-150)
    for before, after, kink in zip(kept, kept[1:], kinks, strict=False):
        z = np.clip((means - kink) / s, -1e150, 1e150)
        excess = s * (
            z * scipy.special.ndtr(z) + np.exp(-0.5 * np.minimum(np.abs(z), 40.0) ** 2) / math.sqrt(2.0 * math.pi)
        )
        found = found + (slopes[after] - slopes[before]) * np.maximum(excess, 0.0)
    return np.asarray(found)


def _exponent(x: np.ndarray) -> int:
    """The power of two just above all entries; below any double if they are zero."""
    top = float(np.abs(x).max())
    return math.frexp(top)[1] if top > 0 else -1100


def _times_power(x: float, power: int) -> float:
    try:
        return math.ldexp(x, power)
    except OverflowError:
        return math.copysign(math.inf, x)
