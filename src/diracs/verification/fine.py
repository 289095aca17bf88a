"""W₂ between a law of pieces and Diracs from both sides, by fine cells."""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from diracs.verification.balls import Ball, normalized, root
from diracs.verification.cells import FineCells
from diracs.verification.mismatch import with_given_masses
from diracs.verification.pieces import Pieces
from diracs.verification.shares import shared

_EPS = 2.0**-52
# Positive terms are summed to this at least, relative (`cells.py`).
_RELATIVE = 1e-12


def fine_bounds(
    pieces: Pieces, positions: np.ndarray, masses: np.ndarray, most: int, wanted: float
) -> tuple[Ball, Ball]:
    """Lower and upper bounds on W₂, by at most so many boxes.

    Parameters
    ----------
    positions, masses : arrays (n, d), (n,)
        Doubles, in a unit in which squares do not overflow.
    wanted : float
        Share of the mean square error that boxes at borders may leave open.
    """
    used = np.flatnonzero(masses > 0)
    shares = normalized(masses[used])
    cells = FineCells(pieces, positions[used])
    sent = cells.cut(most, wanted)
    own, _ = shared(sent, np.array([float(m.mid()) for m in shares]))
    boxes, n = sent.boxes, len(used)
    stay, leave = boxes.mass * (1.0 - own), boxes.mass * own
    parts = [stay * (sent.near + boxes.spread), leave * (sent.near + sent.gap + boxes.spread)]
    square = arb(math.fsum(float(x.sum()) for x in parts)) * (1 + arb(_RELATIVE))
    # Sums in order are right to their length.
    doubt = arb(0, 1).upper() * (len(own) + 64.0) * _EPS
    arriving = [_about(x, doubt) for x in _binned(sent.first, sent.second, stay, leave, n)]
    seconds = [_about(x, doubt).upper() for x in _binned(sent.first, sent.second, *parts, n)]
    place = math.fsum([cells.rounding, pieces.off]) * (1.0 + 1e-12)
    high = root(with_given_masses(positions[used], arriving, shares, square, seconds)) + place
    low = (arb(cells.least(sent)).sqrt() - place).max(arb(0)) if cells.least(sent) > 0 else arb(0)
    return low, high


def _binned(first: np.ndarray, second: np.ndarray, one: np.ndarray, other: np.ndarray, n: int) -> list[float]:
    return list((np.bincount(first, one, n) + np.bincount(second, other, n)).tolist())


def _about(x: float, doubt: Ball) -> Ball:
    """A ball about x with a relative radius."""
    return arb(x, (arb(x) * doubt).upper())
