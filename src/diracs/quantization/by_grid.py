"""Independent coordinates quantized by products of levels, with the exact error of the product cells.

x = b + B z goes to b + B c, c_k the barycenter of the cell of z_k: coordinates are uncorrelated in a product of cells,
so that E|x − y|² = Σ_k (BᵀB)_kk E (z_k − c_k)², whatever B is.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np

from diracs.backend.arrays import bound_in, concrete, framework, to_framework
from diracs.cells.axis import Intervals, law_axis
from diracs.cells.products import Products
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.codebooks.line_image import voronoi_borders
from diracs.laws.independent import Independent
from diracs.laws.univariate.law import Univariate
from diracs.merging.cutting import gone
from diracs.merging.pieces import UnitPieces
from diracs.quantization.discretization import Quantization
from diracs.quantization.line_search import optimal_univariate_positions, univariate_error
from diracs.quantization.units import narrowed_masses
from diracs.schemes.axes import allocated
from diracs.schemes.points import PointScheme


def grid(law: Independent, n: int) -> Quantization:
    """The product of optimal levels with at most n points in all."""
    unit = UnitPieces.of(law)
    products = unit.law
    assert isinstance(products, Products)
    axes = [_cells(law.laws[k], m) for k, m in zip(_used(law), _numbers(law, n)[0])]
    places = np.indices([len(axis.mass) for axis in axes]).reshape(len(axes), -1).T
    rows = np.concatenate([np.zeros((len(places), 1), dtype=np.int64), places], axis=1)
    cut = Products(axes, products.matrices, products.offsets, products.weights, products.rounding).cut(rows)
    like = law.matrix
    kind = framework(like)
    positions = to_framework(unit.out_of(cut.cells.barycenter), kind, like)
    masses, w2 = unit.certify(gone(cut, unit.into(concrete(positions)), np.arange(len(rows))))
    dtype = np.float32 if "32" in str(like.dtype) else np.float64
    masses, w2 = narrowed_masses(unit, concrete(positions), masses, w2, dtype)
    weights = to_framework(masses, kind, like)
    return Quantization(law, PointScheme(positions), positions, weights, bound_in(w2, kind, like, up=True), False)


def grid_error(law: Independent, n: int) -> float:
    """Their root mean square error."""
    unit = UnitPieces.of(law)
    return float(np.sqrt(_numbers(law, n)[1])) * unit.unit


def _used(law: Independent) -> list[int]:
    """The coordinates that x depends on."""
    return np.flatnonzero(law.root.any(axis=0)).tolist()


def _numbers(law: Independent, n: int) -> tuple[list[int], float]:
    """Levels on each axis, and the mean square error, in the unit of the law."""
    products = UnitPieces.of(law).law
    assert isinstance(products, Products)
    weights = (products.matrices[0] ** 2).sum(axis=0)
    families: list[Any] = [law.laws[k].family for k in _used(law)]
    return allocated(weights, [partial(_distortion, family) for family in families], n)


@lru_cache(maxsize=4096)
def _distortion(family: Any, m: int) -> float:
    """E (z − q(z))² over the variance, for the best m levels."""
    return univariate_error(UnitUnivariate(family, np.zeros(1), 1.0), m) ** 2 / family.variance


def _cells(law: Univariate, m: int) -> Intervals:
    """The Voronoi cells of optimal levels, over the deviation."""
    levels = optimal_univariate_positions(UnitUnivariate.of(law), m)[:, 0]
    borders = (voronoi_borders(levels) - law.mean) / np.sqrt(law.variance)
    axis = law_axis(law)
    borders[0], borders[-1] = axis.low[0], axis.high[0]
    return axis.between(borders[:-1], borders[1:])
