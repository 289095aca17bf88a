"""A law in its own unit, and what it tells of given points: one way for every class and dimension.

Laws that are quantized by points alone bring their units along (`by_points`). Of mixtures those without covariances are
point clouds; those of the plane and of space have Voronoi cells; in more dimensions they are cut into boxes, which go
nearly to the nearest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from diracs.backend.arrays import concrete
from diracs.certificates.rounding import ROUNDINGS, diffused, mass_change, with_moved_masses
from diracs.certificates.upper.nearest import FARTHEST, REQUIRED, UnitMixture, into, nearest, rounded
from diracs.certificates.upper.nearest_torus import UnitTorus
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.laws.convert import without_covariances
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.engines import Engines
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.merging.cloud import UnitCloud, narrowed, to_nearest
from diracs.merging.merge import assign
from diracs.merging.mixture import UnitMixtureCells
from diracs.merging.pieces import UnitPieces
from diracs.merging.refinement import Each
from diracs.quantization.by_points import ENGINES, engines

_EPS = 2.0**-52
# In space every cell meets every component.
_MOST_COMPONENTS = 1000

UNITS: Engines[Callable[[Any], Any]] = Engines()


def unit_law(law: Any) -> Any:
    """A single law, of numbers that can be looked at, in its own unit.

    Raises
    ------
    ValueError
        For a mixture of the plane with near singular covariances, and laws that are not known in their dimension.
    """
    if ENGINES.know(law):
        return engines(law).unit(law)
    simplest = without_covariances(law)
    unit = UNITS.of(simplest)
    assert unit is not None
    return unit(simplest)


def cloud_unit(diracs: SumOfDiracs) -> UnitCloud:
    """Of a point cloud."""
    weights = concrete(diracs.weights)
    return UnitCloud.of(concrete(diracs.positions), weights / weights.sum())


def _planar_unit(mixture: GaussianMixture) -> UnitMixture:
    found = UnitMixture.of(*components_of(mixture))
    if found is None:
        raise ValueError(
            f"distribution must have {REQUIRED}, to go to points of the plane; a ProductScheme (quantize's"
            " scheme='product') takes any"
        )
    return found


def cells_unit(mixture: GaussianMixture, *, haste: bool = False, each: Each = map) -> UnitMixtureCells:
    """Of a mixture that is cut into boxes, by `map` or that of an executor."""
    means, covs, weights = components_of(mixture)
    return UnitMixtureCells.of(means, covs, weights / weights.sum(), haste=haste, each=each)


def _space_unit(mixture: GaussianMixture) -> UnitMixture | UnitMixtureCells:
    """Voronoi cells are exact; nearly singular covariances, and very many components, are cut into boxes."""
    law = UnitMixture.of(*components_of(mixture)) if mixture.n_components <= _MOST_COMPONENTS else None
    return cells_unit(mixture) if law is None else law


UNITS.add(GaussianMixture, None, cells_unit)
UNITS.add(GaussianMixture, 3, _space_unit)
UNITS.add(GaussianMixture, 2, _planar_unit)
UNITS.add(SumOfDiracs, None, cloud_unit)


class Sent(NamedTuple):
    """A law went to points."""

    masses: np.ndarray  # (n,) in the dtype asked for
    w2: float  # a bound on W₂ with these
    exact: bool  # whether it is W₂


@singledispatch
def send(unit: Any, points: np.ndarray, dtype: type) -> Sent:
    """A unit law goes to points (n, d) of space, with masses in a dtype: a `UnitLaw` to its Voronoi cells."""
    return Sent(*rounded(unit, points, nearest(unit, points), dtype), True)


@send.register
def _(unit: UnitTorus, points: np.ndarray, dtype: type) -> Sent:
    within = unit.wrapped(points)
    return Sent(*rounded(unit, within, nearest(unit, within), dtype), True)


@send.register
def _(unit: UnitCloud, points: np.ndarray, dtype: type) -> Sent:
    cloud = unit.seen_from(points)
    return Sent(*narrowed(cloud, points, to_nearest(cloud, points), dtype), True)


@send.register(UnitMixtureCells)
@send.register(UnitPieces)
def _(unit: UnitMixtureCells | UnitPieces, points: np.ndarray, dtype: type) -> Sent:
    masses, w2 = unit.certify(unit.sent(points))  # type: ignore[arg-type]
    return Sent(*narrowed_masses(unit, points, masses, w2, dtype), False)


def narrowed_masses(
    unit: UnitMixtureCells | UnitPieces, points: np.ndarray, masses: np.ndarray, w2: float, dtype: type
) -> tuple[np.ndarray, float]:
    """Masses (n,) on points (n, d) of space in a dtype, and the bound with these."""
    if dtype == np.float64:
        return masses, w2
    narrow = diffused(masses, dtype)
    change, fraction = mass_change(np.clip(unit.into(points), -FARTHEST, FARTHEST), masses, narrow)
    square = with_moved_masses(np.asarray((w2 / unit.unit) ** 2), np.asarray(change), fraction)
    return narrow, math.sqrt(float(square)) * unit.unit


class Barycentric(NamedTuple):
    """Cells with their barycenters c: E|X − c|² ≤ w2², the masses being right to rounding."""

    masses: np.ndarray  # (n,)
    barycenters: np.ndarray  # (n, d)
    w2: float


@singledispatch
def barycentric_cells(unit: Any, points: np.ndarray) -> Barycentric:
    """The cells of points (n, d) of space for a unit law: Voronoi cells, whose error is no larger for barycenters."""
    found = nearest(unit, points)
    solid = found.masses > 0
    shift = found.first / np.where(solid, found.masses, 1.0)[:, None] * solid[:, None]
    # A first moment is right to roundings of the root of its mass, and so is a barycenter of its inverse.
    noise = ROUNDINGS * _EPS * math.sqrt(len(points)) * unit.unit * max(unit.reach, 1.0)
    return Barycentric(found.masses, points + unit.unit * shift, found.w2 + noise)


@barycentric_cells.register
def _(unit: UnitUnivariate, points: np.ndarray) -> Barycentric:
    found, cells = nearest(unit, points), unit.cells(into(unit, points))
    solid = cells.mass > 0
    mass = np.where(solid, cells.mass, 1.0)
    shift = np.where(solid, cells.first[:, 0] / mass, 0.0)
    # |∫ x dδ|² ≤ ∫ |dδ| ∫ x² |dδ| for what the density is off by.
    noise = math.sqrt(float((cells.mass_error * cells.second_error / mass)[solid].sum())) + _EPS * found.w2 / unit.unit
    return Barycentric(found.masses, points + unit.unit * shift[:, None], found.w2 + unit.unit * noise)


@barycentric_cells.register
def _(unit: UnitCloud, points: np.ndarray) -> Barycentric:
    # Groups without mass keep their points.
    cells, found = unit.cells, assign(unit.cells, unit.into(points))
    held = found.masses[0] > 0
    index = np.cumsum(held) - 1
    some = found._replace(
        points=found.points[held], masses=(found.masses[0][held], found.masses[1][held]), labels=index[found.labels]
    ).cells(cells)
    points = found.points.copy()
    points[held] = some.barycenter
    masses, w2 = unit.certify(found._replace(points=points, square=float(some.spread.sum())))
    return Barycentric(masses, unit.out_of(points), w2 * (1.0 + 1e-12))


@barycentric_cells.register(UnitMixtureCells)
@barycentric_cells.register(UnitPieces)
def _(unit: UnitMixtureCells | UnitPieces, points: np.ndarray) -> Barycentric:
    found = unit.sent(points).at_barycenters()
    masses, w2 = unit.certify(found)  # type: ignore[arg-type]
    return Barycentric(masses, unit.out_of(found.points), w2 * (1.0 + 1e-12))
