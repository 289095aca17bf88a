"""Standard univariate laws as densities on the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.laws.univariate.law import standard_quantiles
from diracs.laws.univariate.standard import Standard


@dataclass(frozen=True)
class StandardLine:
    """A `LineDensity`."""

    family: Standard

    def quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        return standard_quantiles(self.family, below, above)

    def cell_moments(self, seeds: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = self.family.moments(seeds, borders)
        return found.mass, found.first, found.second

    def heights(self, points: np.ndarray) -> np.ndarray:
        return self.family.heights(points)
