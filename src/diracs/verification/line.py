"""W₂ between a law on the line and Diracs, from both sides: the cost of the coupling that keeps the order.

With Diracs y₁ < … < yₙ and sums of masses Mᵢ the optimal cells end at the quantiles qᵢ of Mᵢ. Let bᵢ be any doubles,
and δᵢ = F(bᵢ) − Mᵢ. Cells that end at the bᵢ cost more than those by ∫ [(x − yᵢ)² − (x − yᵢ₊₁)²] dP from qᵢ to bᵢ, so
that

    W₂² = Σ ∫ (x − yᵢ)² dP over (bᵢ₋₁, bᵢ]  −  Σ δᵢ (yᵢ₊₁ − yᵢ)(2ξᵢ − yᵢ − yᵢ₊₁),   ξᵢ between qᵢ and bᵢ,

an equality for every law, atoms included; F(c) < Mᵢ < F(d) proves qᵢ to be in [c, d].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from flint import arb

from diracs.backend.progress import report
from diracs.verification.balls import Ball, NotSeparated, balls, exact_sum, hull
from diracs.verification.families import Partial
from diracs.verification.line_laws import LineLaw

# Brackets of quantiles start as narrow as this, relative to the size of the problem, and are widened so often.
_NARROW, _WIDER, _TRIALS = 2.0**-52, 8.0, 60


def square_on_line(law: LineLaw, positions: np.ndarray, masses: np.ndarray) -> Ball:
    """W₂² to Diracs at positions (n,) with masses (n,), normalized here.

    Raises
    ------
    NotSeparated
        If quantiles are not found with balls as fine as these.
    """
    held = masses > 0
    places, index = np.unique(positions[held], return_inverse=True)
    sums = _running_sums(masses[held], index, len(places))
    below = np.array([float(x) for x in sums[:-1]])
    above = np.array([float(1 - x) for x in sums[:-1]])
    y = balls(places)
    borders = np.asarray(law.quantiles(below, above), dtype=np.float64) if len(y) > 1 else np.empty(0)
    size = float(np.ptp(places))
    found = []
    for b, mass in zip(borders.tolist(), sums):
        found.append(_border(law, b, mass, size))
        report("quantiles", len(found), len(borders))
    square = arb(0)
    for i, place in enumerate(y):
        upper = found[i].below if i < len(found) else law.whole
        square += (upper - found[i - 1].below if i else upper).about(place)
    for i, border in enumerate(found):
        delta = border.below.mass - sums[i]
        square -= delta * (y[i + 1] - y[i]) * (2 * border.between - y[i] - y[i + 1])
    if not square.is_finite():
        raise NotSeparated
    return square


def _running_sums(masses: np.ndarray, index: np.ndarray, count: int) -> list[Ball]:
    """Of normalized masses at each place (count,), from the left."""
    whole = exact_sum(masses.tolist())
    at = [arb(0)] * count
    for i, m in zip(index.ravel().tolist(), balls(masses)):
        at[i] += m
    out = [at[0]]
    for m in at[1:]:
        out.append(out[-1] + m)
    return [m / whole for m in out]


class _Border(NamedTuple):
    """Of a cell: the moments of the law below it, and a ball that holds it and the quantile."""

    below: Partial
    between: Ball


def _border(law: LineLaw, near: float, mass: Ball, size: float) -> _Border:
    """The double `near` a quantile, or one nearer to it: between parts of a law far from one another any δ counts."""
    narrow = _NARROW * max(size, abs(near), 1e-290)
    middle = low = high = near
    at = below = above = law.up_to(near)
    if (at.mass - mass).is_zero():
        return _Border(at, arb(near))
    if not below.mass < mass:
        low, below = _beyond(law, near, mass, -narrow)
    if not above.mass > mass:
        high, above = _beyond(law, near, mass, narrow)
    while high - low > 2.0 * narrow:
        middle = 0.5 * low + 0.5 * high
        at = law.up_to(middle)
        if at.mass < mass:
            low, below = middle, at
        elif at.mass > mass:
            high, above = middle, at
        else:
            break
    best = min((at, below, above), key=lambda x: float(abs(x.mass - mass).mid()))
    return _Border(best, hull(low, high))


def _beyond(law: LineLaw, near: float, mass: Ball, step: float) -> tuple[float, Partial]:
    """A double on the one side of the quantile, with what is below it."""
    for _ in range(_TRIALS):
        end = math.nextafter(near + step, math.copysign(math.inf, step))
        step *= _WIDER
        found = law.up_to(end)
        if (found.mass < mass) if step < 0 else (found.mass > mass):
            return end, found
    raise NotSeparated
