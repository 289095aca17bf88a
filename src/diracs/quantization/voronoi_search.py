"""Optimal quantizers of laws of the plane and of space."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from diracs.certificates.upper.nearest import UnitCellLaw, into, out_of
from diracs.codebooks.optimal_points import improved_points, optimal_points
from diracs.codebooks.trust_region import Quantizer


class Most(NamedTuple):
    """Up to so many points, and points times components, optimal quantizers take seconds."""

    points: int
    terms: int


# By the dimension: where others are compared with, and where these are wanted.
MOST = {2: Most(10_000, 100_000), 3: Most(1000, 5000)}
MOST_WANTED = {2: Most(2_000_000, 10**12), 3: Most(10_000, 20_000)}


def affordable(most: Most, n: int, components: int) -> bool:
    """Whether the optimal quantizer of n points takes no longer than that."""
    return n <= most.points and n * components <= most.terms


def optimal_positions(law: UnitCellLaw, n: int, quick: bool = False) -> tuple[np.ndarray, float]:
    """Optimal points (m, d), m ≤ n, and their root mean square error."""
    return _in_space(law, optimal_points(law.law, n, quick=quick))


def improved_positions(law: UnitCellLaw, n: int, points: np.ndarray, quick: bool = False) -> tuple[np.ndarray, float]:
    """The same by descent from points (m, d), m ≤ n, alone: no worse than these."""
    return _in_space(law, improved_points(law.law, n, into(law, points), quick=quick))


def _in_space(law: UnitCellLaw, found: Quantizer) -> tuple[np.ndarray, float]:
    return out_of(law, found.seeds), math.sqrt(found.distortion) * law.unit


def quick_error(law: UnitCellLaw, n: int) -> float:
    """About the root mean square error of optimal points, right to some 0.1 %."""
    return math.sqrt(optimal_points(law.law, n, quick=True).distortion) * law.unit
