"""Optimal quantizers of images on the line in space: of n points, or with the fewest points for an error."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.nearest import out_of
from diracs.certificates.nearest_line import UnitLineImage
from diracs.codebooks.line_image import optimal_image_levels
from diracs.planar_search import fewest


def optimal_line_positions(law: UnitLineImage, n: int) -> np.ndarray:
    """Optimal points (m, 1), m ≤ n, from left to right."""
    return out_of(law, optimal_image_levels(law.law, n)[0][:, None])


def fewest_on_line(law: UnitLineImage, target: float, most: int) -> int | None:
    """The fewest points of an error of at most `target`, beyond 100 within one percent; None if beyond `most`."""

    def error(n: int) -> float:
        return math.sqrt(optimal_image_levels(law.law, n)[1]) * law.unit

    return fewest(error, target, most, 1)
