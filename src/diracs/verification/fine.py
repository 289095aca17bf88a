"""W₂ between a law of pieces and Diracs from both sides, by fine cells.

Above, the cost of a coupling: each box goes to its Dirac, boxes at borders in shares. Below, Kantorovich's dual: for
all heights h, W₂² ≥ E min (|X − yᵢ|² + hᵢ²) − Σ mᵢ hᵢ², which for h = 0 is the distance to the nearest Dirac.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from flint import arb

from diracs.verification.balls import Ball, balls, normalized, root, total
from diracs.verification.cells import RELATIVE, FineCells, Sent
from diracs.verification.mismatch import with_given_masses
from diracs.verification.pieces import Pieces
from diracs.verification.shares import shared
from diracs.verification.weights import heights_for

_EPS = 2.0**-52
# Masses that boxes at the borders leave off by more than this, in all, ask for weights, sought with fewer boxes.
_OFF, _FEWER = 1e-8, 8


class _Bounds(NamedTuple):
    low: Ball
    high: Ball
    left: float  # what the masses are off by before that is paid


def fine_bounds(
    pieces: Pieces,
    positions: np.ndarray,
    masses: np.ndarray,
    most: int,
    wanted: float,
    weights: Callable[[], np.ndarray | None] = lambda: None,
) -> tuple[Ball, Ball]:
    """Lower and upper bounds on W₂, by at most so many boxes.

    Parameters
    ----------
    positions, masses : arrays (n, d), (n,)
        Doubles, in a unit in which squares do not overflow.
    wanted : float
        Share of the mean square error that boxes at borders may leave open.
    weights : callable
        Weights (n,) of power cells that may have the masses; only asked for where Voronoi cells have not.
    """
    used = np.flatnonzero(masses > 0)
    positions, masses = positions[used], masses[used]
    found = _bounds(pieces, positions, masses, np.zeros(len(used)), most, wanted)
    if found.left <= _OFF:
        return found.low, found.high
    known = weights()
    start = None if known is None else known[used]
    heights = heights_for(pieces, positions, masses / masses.sum(), most // _FEWER, start)
    other = _bounds(pieces, positions, masses, heights, most, wanted)
    return found.low.max(other.low), found.high.min(other.high)


def nearest_bound(pieces: Pieces, positions: np.ndarray, most: int, wanted: float) -> Ball:
    """A lower bound alone, on W₂ to any masses on the Diracs (n, d): (E min|X − y|²)^½."""
    cells = FineCells(pieces, positions, np.zeros(len(positions)))
    sent = cells.cut(most, wanted)
    return (root(arb(cells.least(sent))) - _place(sent, pieces)).max(arb(0))


def _place(sent: Sent, pieces: Pieces) -> Ball:
    """What places are off by: sums of positive terms, rounded up by far, and the pieces themselves."""
    return arb(1.01 * math.sqrt(float((sent.boxes.mass * sent.boxes.off**2).sum()))) + arb(pieces.off)


def _bounds(
    pieces: Pieces, positions: np.ndarray, masses: np.ndarray, heights: np.ndarray, most: int, wanted: float
) -> _Bounds:
    shares, n = normalized(masses), len(masses)
    cells = FineCells(pieces, positions, heights)
    sent = cells.cut(most, wanted)
    own, arriving = shared(sent, np.array([float(m.mid()) for m in shares]))
    boxes = sent.boxes
    stay, leave = boxes.mass * (1.0 - own), boxes.mass * own
    center = boxes.center[:, :-1]
    one, other = (((center - positions[i]) ** 2).sum(axis=1) for i in (sent.first, sent.second))
    parts = stay * (one + boxes.spread), leave * (other + boxes.spread)
    square = arb(math.fsum(float(x.sum()) for x in parts)) * (1 + arb(RELATIVE))
    # Sums in order are right to their length.
    doubt = (len(own) + 64.0) * _EPS
    held = [_about(x, doubt) for x in _binned(sent, stay, leave, n)]
    seconds = [_about(x, doubt).upper() for x in _binned(sent, *parts, n)]
    place = _place(sent, pieces)
    high = root(with_given_masses(positions, held, shares, square, seconds)) + place
    paid = total(m * h * h for m, h in zip(shares, balls(heights)))
    # In the lifted space, where places are off as here.
    least = root(arb(cells.least(sent))) - place
    low = root((least.max(arb(0)) ** 2 - paid).max(arb(0)))
    return _Bounds(low, high, float(np.abs(arriving - masses / masses.sum()).sum()))


def _binned(sent: Sent, one: np.ndarray, other: np.ndarray, n: int) -> list[float]:
    return list((np.bincount(sent.first, one, n) + np.bincount(sent.second, other, n)).tolist())


def _about(x: float, doubt: float) -> Ball:
    """A ball about x with a relative radius."""
    return arb(x, (arb(x) * arb(doubt)).upper())
