"""Optimal quantizers of images on the line in space."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.upper.nearest import out_of
from diracs.certificates.upper.nearest_line import UnitLineImage
from diracs.codebooks.line_image import optimal_image_levels


def optimal_line_positions(law: UnitLineImage, n: int) -> np.ndarray:
    """Optimal points (m, 1), m ≤ n, from left to right."""
    return out_of(law, optimal_image_levels(law.law, n)[0][:, None])


def line_error(law: UnitLineImage, n: int) -> float:
    """Their root mean square error."""
    return math.sqrt(optimal_image_levels(law.law, n)[1]) * law.unit
