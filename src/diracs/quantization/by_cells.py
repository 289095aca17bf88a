"""Laws of several dimensions that are quantized by merging the cells that they are cut into."""

from __future__ import annotations

from typing import Any

import numpy as np

import diracs.quantization.cell_moments  # noqa: F401 — their means and covariances
from diracs.certificates.lower.cells import cells_lower_bound
from diracs.laws.balls import Balls
from diracs.laws.elliptical import Elliptical
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.laws.own import CutsItself
from diracs.laws.pixels import MOST_AXES, PolynomialGrid
from diracs.merging.own import UnitOwn
from diracs.merging.pieces import UnitPieces
from diracs.quantization.by_grid import grid, grid_error
from diracs.quantization.by_points import ENGINES, ByPoints, best_error, best_positions


@best_positions.register
def _(unit: UnitPieces, n: int, seed: int = 0) -> np.ndarray:
    return unit.best_points(n, seed=seed)


@best_error.register
def _(unit: UnitPieces, n: int) -> float:
    return unit.error(n)


def _histogram(law: PolynomialGrid) -> UnitPieces:
    """Of a dimension that has no cells of Voronoi."""
    if any(law.periodic):
        raise ValueError(f"distribution must not be periodic in dimension {law.ndim}: tori are known up to three")
    if law.ndim > MOST_AXES:
        raise ValueError(f"distribution must have at most {MOST_AXES} axes if it is a PolynomialGrid, got {law.ndim}")
    return UnitPieces.of(law)


def _by_cells(unit: Any) -> ByPoints:
    return ByPoints(unit, best_positions, best_error, cells_lower_bound, cells_lower_bound)


ENGINES.add(CutsItself, None, _by_cells(UnitOwn.of))
ENGINES.add(PolynomialGrid, None, _by_cells(_histogram))
for _kind in (Elliptical, Mixture, Histogram, Balls):
    ENGINES.add(_kind, None, _by_cells(UnitPieces.of))
ENGINES.add(Independent, None, _by_cells(UnitPieces.of)._replace(grid=grid, grid_error=grid_error, most_axes=MOST_AXES))
