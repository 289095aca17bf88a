"""Optimal quantizers of images on the line, and of univariate laws, in space."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.upper.nearest import out_of
from diracs.certificates.upper.nearest_line import UnitLineImage
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.codebooks.line_image import optimal_image_levels
from diracs.codebooks.univariate import optimal_standard_levels


def optimal_line_positions(law: UnitLineImage, n: int) -> np.ndarray:
    """Optimal points (m, 1), m ≤ n, from left to right."""
    return out_of(law, optimal_image_levels(law.law, n)[0][:, None])


def line_error(law: UnitLineImage, n: int) -> float:
    """Their root mean square error."""
    return math.sqrt(optimal_image_levels(law.law, n)[1]) * law.unit


def optimal_univariate_positions(law: UnitUnivariate, n: int) -> np.ndarray:
    """Optimal points (m, 1), m ≤ n, from left to right."""
    return out_of(law, optimal_standard_levels(law.family, n)[0][:, None])


def univariate_error(law: UnitUnivariate, n: int) -> float:
    """Their root mean square error."""
    return math.sqrt(optimal_standard_levels(law.family, n)[1]) * law.unit
