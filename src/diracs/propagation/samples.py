"""How far the law that samples were drawn from may be from them: a radius for the ambiguity ball, at a confidence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import concrete

# Boxes finer than these are never worth it for as many samples as a computer can hold.
_FINEST = 200


def sample_radius(n: int, sides: Any, confidence: float = 0.95) -> float:
    """The W₂ distance that n samples, each with mass 1/n, keep from the law they were drawn from, at a confidence.

    Parameters
    ----------
    n : int
        Independent samples of one law.
    sides : array (d,), or number for a law on the line
        Of a box that the law surely lies in.
    confidence : number
        Between 0 and 1.

    Returns
    -------
    number
        ρ with P(W₂(samples, law) ≤ ρ) ≥ confidence, whatever the law: the `initial_radius` of `propagate` for
        `SumOfDiracs(samples)`, or its `noise_radius`.

    Raises
    ------
    ValueError, TypeError
        For sides that are not positive, a confidence not between 0 and 1.

    Notes
    -----
    *The mean.* Halve the box J times, across its longest side each time: after j halvings there are 2ʲ boxes, of
    diagonal D_j. Let T_j = ½ Σ |μ_n(Q) − μ(Q)| over these. Mass may be matched box by box, in the finest ones first:
    then all but T_j stays in its box of level j, for all j at once, and

        W₂² ≤ D_J² + Σ_{j=1}^{J} T_j (D_{j−1}² − D_j²).

    A share p is off by (p(1 − p)/n)^{1/2} in the mean square, so that E T_j ≤ ½ ((2ʲ − 1)/n)^{1/2} by Cauchy and
    Schwarz; no T_j is more than 1. (The dyadic argument of Boissard & Le Gouic 2014 and Weed & Bach 2019, whose
    constants are larger.)

    *The deviation.* One sample changes W₂² by D_0²/n at most, so that W₂² is above its mean by D_0² (ln(1/(1 −
    confidence))/2n)^{1/2} no more often than 1 − confidence (McDiarmid 1989; Weed & Bach 2019, proposition 20).

    *On the line* W₂² ≤ D_0 ∫|F_n − F| ≤ D_0² sup|F_n − F| as well, and the last is below (ln(2/(1 −
    confidence))/2n)^{1/2} (Massart 1990). The smaller radius is taken.

    Examples
    --------
    >>> from diracs import sample_radius
    >>> f"{sample_radius(1000, 1.0):.3f} {sample_radius(1000, [1.0, 1.0, 1.0]):.3f}"
    '0.207 0.553'
    """
    count = checks.count("n", n)
    box = np.atleast_1d(concrete(checks.floating("sides", sides, "numpy")))
    if box.ndim != 1 or (box <= 0).any():
        raise ValueError(f"sides must be positive numbers, one for each axis, got {np.asarray(sides).tolist()}")
    share = checks.positive("confidence", confidence)
    if share >= 1.0:
        raise ValueError(f"confidence must be below 1, got {share:g}: no number of samples makes sure")
    unit = float(box.max())
    squares = _diagonals(box / unit)
    rare = math.log1p(-share)
    square = _mean(squares, count) + squares[0] * math.sqrt(-rare / (2 * count))
    if len(box) == 1:
        square = min(square, math.sqrt((math.log(2.0) - rare) / (2 * count)))
    # No two points of the box are farther apart than its diagonal.
    return unit * math.sqrt(min(square, float(squares[0]))) * (1.0 + 1e-12)


def _diagonals(sides: np.ndarray) -> np.ndarray:
    """Squares of the diagonals after 0, 1, 2, … halvings of the longest side."""
    sides, found = sides.copy(), []
    for _ in range(_FINEST):
        found.append(float(sides @ sides))
        sides[np.argmax(sides)] *= 0.5
    return np.array(found)


def _mean(squares: np.ndarray, n: int) -> float:
    """The least bound on the mean of W₂² over the depths J."""
    off = np.minimum(0.5 * np.sqrt((2.0 ** np.arange(1, len(squares)) - 1.0) / n), 1.0)
    return float((squares + np.append(0.0, np.cumsum(off * -np.diff(squares)))).min())
