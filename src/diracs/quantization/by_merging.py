"""The best points by merging: for point clouds, and for mixtures in space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, is_lazy
from diracs.codebooks.optimal import optimal_levels
from diracs.laws.convert import points_of
from diracs.laws.gaussian import GaussianMixture
from diracs.merging.cloud import UnitCloud
from diracs.merging.mixture import affordable
from diracs.quantization.by_product import by_product, found_within, settled
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.nearest_points import unit_to_points
from diracs.quantization.search import Groupings, best_scheme
from diracs.quantization.units import cells_unit, cloud_unit
from diracs.schemes.fewest import expected_number
from diracs.schemes.generate import normalized, to_kind_of
from diracs.schemes.points import PointScheme

# No search for an error goes beyond so many points.
_MOST = 100_000
# Clouds of so few points are also tried by other ways, which may find a better optimum.
_SMALL = 64
_SMALL_ON_LINE = 4000


def of_cloud(
    mixture: GaussianMixture, n: int | None, w2: float | None, wanted: bool, seed: int = 0, executor: Any = None
) -> Quantization | None:
    """A mixture whose components have no covariance: each point goes to the nearest of n, or of the fewest for w2."""
    if is_lazy_mixture(mixture):
        return None
    diracs = points_of(mixture)
    assert diracs is not None
    cloud = cloud_unit(diracs)

    def at(n: int) -> Quantization:
        found = [discretize(mixture, _scheme(cloud.best_points(n, seed=seed), mixture))]
        for start in _others(mixture, cloud, n):
            found.append(discretize(mixture, _scheme(cloud.best_points(n, start=start, breaths=0), mixture)))
        return min(found, key=lambda q: float(concrete(q.w2)))

    return _best(at, cloud.error, n, w2, mixture.ndim)


def in_space(
    mixture: GaussianMixture, n: int | None, w2: float | None, wanted: bool, seed: int = 0, executor: Any = None
) -> Quantization | None:
    """A mixture in three or more dimensions: the better of merged boxes and products.

    Where merging was not `wanted` it is done in haste, or not at all if that would still take long: None.
    """
    if is_lazy_mixture(mixture):
        return None
    if not wanted and not affordable(mixture.ndim, n or 1, mixture.n_components):
        return None
    law = cells_unit(mixture, haste=not wanted, each=map if executor is None else executor.map)

    def at(points: int) -> Quantization:
        scheme = _scheme(law.best_points(points, seed=seed), mixture)
        return Quantization(mixture, scheme, *unit_to_points(law, scheme.points, mixture.means))

    if n is not None:
        found, other = at(n), by_product(mixture, n, None)
        return other if float(concrete(other.w2)) <= float(concrete(found.w2)) else found
    assert w2 is not None
    product = _fewest_by_product(mixture, w2)
    most = len(product) if product is not None else _MOST
    if not wanted and product is not None and not affordable(mixture.ndim, len(product) // 2, mixture.n_components):
        return product
    if law.error(min(most, _MOST)) > w2:
        return product if product is not None else _refuse(w2, most)
    found_points = _best(at, law.error, None, w2, mixture.ndim, refuse=product is None)
    if found_points is None or (product is not None and len(product) <= len(found_points)):
        return product
    return found_points


def is_lazy_mixture(mixture: GaussianMixture) -> bool:
    """Whether its numbers are not at hand, or their derivatives are asked for."""
    return any(is_lazy(x) for x in (mixture.means, mixture.covs, mixture.weights))


def _scheme(points: np.ndarray, mixture: GaussianMixture) -> PointScheme:
    return to_kind_of(PointScheme(points), mixture.means)


def _others(mixture: GaussianMixture, cloud: UnitCloud, n: int) -> list[np.ndarray]:
    """Other starts for small clouds: the best levels on the line, the best product of grids and crosses."""
    count, d = cloud.cells.barycenter.shape
    if n >= count:
        return []
    if d == 1 and count <= _SMALL_ON_LINE:
        u, none = cloud.cells.barycenter[:, 0], np.zeros(count)
        levels = optimal_levels(u, none, cloud.cells.mass, np.zeros(count, dtype=int), n)[0]
        return [cloud.out_of(np.unique(levels)[:, None])]
    if count > _SMALL:
        return []
    numbers, unit = normalized(mixture)
    points = concrete(best_scheme(Groupings(numbers), n)[0].positions(d)) * unit
    return [np.unique(points, axis=0)]


def _best(
    at: Callable[[int], Quantization],
    error: Callable[[int], float],
    n: int | None,
    w2: float | None,
    dimension: int,
    refuse: bool = True,
) -> Quantization | None:
    """With n points, or the fewest for an error; None, or an error, where that needs too many."""
    if n is not None:
        return at(n)
    assert w2 is not None
    points = expected_number(error, w2, _MOST, dimension)
    if points is None:
        return _refuse(w2, _MOST) if refuse else None
    result = settled(at, points, w2, _MOST, dimension)
    return found_within(result, w2) if refuse else result


def _refuse(w2: float, most: int) -> Any:
    raise ValueError(f"w2 = {w2:g} needs more than {most} points; ask for a larger error")


def _fewest_by_product(mixture: GaussianMixture, w2: float) -> Quantization | None:
    try:
        return by_product(mixture, None, w2)
    except ValueError:
        return None
