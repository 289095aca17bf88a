"""Optimal quantizers of planar laws in space: of n points, or with the fewest points for an error."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from diracs.certificates.nearest import UnitPlanarLaw, into, out_of
from diracs.codebooks.planar import optimal_points

# Up to so many points, and points times components, optimal quantizers take seconds.
MOST_POINTS, MOST_TERMS = 10_000, 100_000
# The fewest points for an error are found exactly up to 100, else within one percent.
_PRECISION, _MARGIN = 0.01, 0.003


def affordable(n: int, components: int) -> bool:
    """True if the optimal quantizer of n points takes seconds at most."""
    return n <= MOST_POINTS and n * components <= MOST_TERMS


def optimal_positions(law: UnitPlanarLaw, n: int, also: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Optimal points (m, 2), m ≤ n, and their root mean square error; no worse than the points `also`."""
    found = optimal_points(law.law, n, also=None if also is None else into(law, also))
    return out_of(law, found.seeds), math.sqrt(found.distortion) * law.unit


def fewest_points(law: UnitPlanarLaw, target: float, most: int) -> int | None:
    """The fewest points of an error of at most `target`, beyond 100 within one percent; None if beyond `most`."""

    def error(n: int) -> float:
        return math.sqrt(optimal_points(law.law, n, quick=True).distortion) * law.unit

    return fewest(error, target, most, 2)


def fewest(error: Callable[[int], float], target: float, most: int, dimension: int) -> int | None:
    """The same for any errors of n points.

    In d dimensions they fall like n^(−1/d) in the long run (Zador 1982), where the next number to try comes from.
    """
    low, high, n = 0, most + 1, 1
    while low < most and high - low > max(1, _PRECISION * high):
        ratio = (error(n) * (1.0 + 1e-9) / target) ** dimension
        if ratio <= 1.0:
            high = n
        else:
            low = n
        # Beyond the number expected, so that both sides close; not far beyond, as clusters found late change the law.
        guess = math.ceil(n * ratio * (1.0 + _MARGIN)) if ratio > 1.0 else math.floor(n * ratio * (1.0 - _MARGIN))
        n = max(min(guess, 8 * n, high - 1, most), low + 1)
    return high if high <= most else None
