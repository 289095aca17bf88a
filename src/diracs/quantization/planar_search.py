"""Optimal quantizers of planar laws in space."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.upper.nearest import UnitPlanarLaw, into, out_of
from diracs.codebooks.planar import optimal_points

# Up to so many points, and points times components, optimal quantizers take seconds.
MOST_POINTS, MOST_TERMS = 10_000, 100_000


def affordable(n: int, components: int) -> bool:
    """True if the optimal quantizer of n points takes seconds at most."""
    return n <= MOST_POINTS and n * components <= MOST_TERMS


def optimal_positions(law: UnitPlanarLaw, n: int, also: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Optimal points (m, 2), m ≤ n, and their root mean square error; no worse than the points `also`."""
    found = optimal_points(law.law, n, also=None if also is None else into(law, also))
    return out_of(law, found.seeds), math.sqrt(found.distortion) * law.unit


def quick_error(law: UnitPlanarLaw, n: int) -> float:
    """About the root mean square error of optimal points, right to some 0.1 %."""
    return math.sqrt(optimal_points(law.law, n, quick=True).distortion) * law.unit
