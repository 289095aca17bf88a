"""W₂ between a law on the line and Diracs, from both sides: the cost of the coupling that keeps the order.

With Diracs y₁ < … < yₙ and sums of masses Mᵢ the optimal cells end at the quantiles qᵢ of Mᵢ. Let bᵢ be any doubles,
and δᵢ = F(bᵢ) − Mᵢ. Cells that end at the bᵢ cost more than those by ∫ [(x − yᵢ)² − (x − yᵢ₊₁)²] dP from qᵢ to bᵢ, so
that

    W₂² = Σ ∫ (x − yᵢ)² dP over (bᵢ₋₁, bᵢ]  −  Σ δᵢ (yᵢ₊₁ − yᵢ)(2ξᵢ − yᵢ − yᵢ₊₁),   ξᵢ between qᵢ and bᵢ,

an equality for every law, atoms included; F(c) < Mᵢ < F(d) proves qᵢ to be in [c, d].
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from diracs.verification.balls import Ball, NotSeparated, balls, exact_sum, hull
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
    found = [law.up_to(b) for b in borders.tolist()]
    square = arb(0)
    for i, place in enumerate(y):
        upper = found[i] if i < len(found) else law.whole
        square += (upper - found[i - 1] if i else upper).about(place)
    for i, b in enumerate(borders.tolist()):
        delta = found[i].mass - sums[i]
        if not delta.is_zero():
            between = _bracket(law, b, sums[i], size)
            square -= delta * (y[i + 1] - y[i]) * (2 * between - y[i] - y[i + 1])
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


def _bracket(law: LineLaw, b: float, mass: Ball, size: float) -> Ball:
    """A ball that holds b and the quantile."""
    narrow = _NARROW * max(size, abs(b), 1e-290)
    ends = []
    for sign in (-1.0, 1.0):
        step = narrow
        for _ in range(_TRIALS):
            end = math.nextafter(b + sign * step, sign * math.inf)
            step *= _WIDER
            reached = law.up_to(end).mass
            if (reached < mass) if sign < 0 else (reached > mass):
                break
        else:
            raise NotSeparated
        ends.append(end)
    return hull(*ends)
