"""Laws that are quantized by points alone, known by the cells of these: images, meshes, univariate laws, and others.

Mixtures are not among them: their points come from product schemes as well, of which the front door takes the best.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from diracs.backend.arrays import concrete
from diracs.certificates.lower.image import image_lower_bound, sharpest_image_lower_bound
from diracs.certificates.lower.mesh import mesh_lower_bound, sharpest_mesh_lower_bound
from diracs.certificates.lower.univariate import sharpest_univariate_lower_bound, univariate_lower_bound
from diracs.certificates.upper.nearest import UnitImage
from diracs.certificates.upper.nearest_line import UnitLineImage, unit_image
from diracs.certificates.upper.nearest_mesh import UnitMesh
from diracs.certificates.upper.nearest_torus import UnitTorus
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.laws.engines import Engines
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.quantization.line_search import (
    line_error,
    optimal_line_positions,
    optimal_univariate_positions,
    univariate_error,
)
from diracs.quantization.voronoi_search import optimal_positions, quick_error


class ByPoints(NamedTuple):
    """What quantizing by points asks about laws of one class and dimension."""

    unit: Callable[[Any], Any]  # the law in its own unit, a `UnitLaw`
    positions: Callable[[Any, int, int], np.ndarray]  # optimal points (m, d) of space, m ≤ n, for a unit law, n, a seed
    error: Callable[[Any, int], float]  # about their root mean square error, in the units of space
    lower: Callable[[Any, int], float]  # for a law and n: no n points have a smaller W₂; 0 if nothing is known
    sharpest: Callable[[Any, int], float]  # the same, in seconds
    grid: Callable[[Any, int], Any] | None = None  # a `Quantization` of a law by products of levels, n at most
    grid_error: Callable[[Any, int], float] | None = None  # about the error of that
    most_axes: int | None = None  # with more, "auto" takes grids alone


ENGINES: Engines[ByPoints] = Engines()


@singledispatch
def best_positions(unit: Any, n: int, seed: int = 0) -> np.ndarray:
    """Optimal points (m, d), m ≤ n, of a unit law with cells: of the plane, of space, of a circle or torus.

    The seed is of the draws that merging makes; others make none that depend on it.
    """
    return optimal_positions(unit, n)[0]


@singledispatch
def best_error(unit: Any, n: int) -> float:
    """About their root mean square error."""
    return quick_error(unit, n)


# On the line levels are sorted, and there is more to know.
@best_positions.register
def _(unit: UnitLineImage, n: int, seed: int = 0) -> np.ndarray:
    return optimal_line_positions(unit, n)


@best_positions.register
def _(unit: UnitUnivariate, n: int, seed: int = 0) -> np.ndarray:
    return optimal_univariate_positions(unit, n)


best_error.register(UnitLineImage)(line_error)
best_error.register(UnitUnivariate)(univariate_error)


def nothing_known(law: Any, n: int) -> float:
    """The lower bound that holds for every law."""
    return 0.0


def engines(law: Any) -> ByPoints:
    """Those of a law's class and dimension.

    Raises
    ------
    ValueError
        If there are none for its dimension.
    """
    found = ENGINES.of(law)
    if found is None:
        raise ValueError(
            f"distribution must lie on the line, in the plane or in space if it is a {type(law).__name__}, got"
            f" dimension {law.ndim}"
        )
    return found


def _image_unit(image: PolynomialGrid) -> UnitLineImage | UnitImage | UnitTorus:
    if any(image.periodic):
        return UnitTorus.of(concrete(image.values), image.domain, image.periodic)
    return unit_image(concrete(image.values), image.domain)


def _image_lower(image: PolynomialGrid, n: int) -> float:
    return image_lower_bound(concrete(image.values), image.domain, n, torus=any(image.periodic))


def _image_sharpest(image: PolynomialGrid, n: int) -> float:
    if any(image.periodic):
        return _image_lower(image, n)
    return sharpest_image_lower_bound(concrete(image.values), image.domain, n)


ENGINES.add(PolynomialGrid, 1, ByPoints(_image_unit, best_positions, best_error, _image_lower, _image_sharpest))
ENGINES.add(PolynomialGrid, 2, ByPoints(_image_unit, best_positions, best_error, _image_lower, _image_sharpest))
ENGINES.add(PolynomialGrid, 3, ByPoints(_image_unit, best_positions, best_error, _image_lower, _image_sharpest))


def _mesh_unit(mesh: Mesh) -> UnitMesh:
    return UnitMesh.of(mesh.vertices, mesh.simplices, mesh.densities)


def _mesh_lower(mesh: Mesh, n: int) -> float:
    return mesh_lower_bound(_mesh_unit(mesh), n)


def _mesh_sharpest(mesh: Mesh, n: int) -> float:
    return sharpest_mesh_lower_bound(_mesh_unit(mesh), n)


ENGINES.add(Mesh, 2, ByPoints(_mesh_unit, best_positions, best_error, _mesh_lower, _mesh_sharpest))
ENGINES.add(Mesh, 3, ByPoints(_mesh_unit, best_positions, best_error, _mesh_lower, _mesh_lower))


def _univariate_lower(law: Univariate, n: int) -> float:
    return univariate_lower_bound(UnitUnivariate.of(law), n)


def _univariate_sharpest(law: Univariate, n: int) -> float:
    return sharpest_univariate_lower_bound(UnitUnivariate.of(law), n)


ENGINES.add(
    Univariate,
    1,
    ByPoints(UnitUnivariate.of, best_positions, best_error, _univariate_lower, _univariate_sharpest),
)
