"""Optimal points with their Voronoi cells, beside products: mixtures of the plane and of space."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.certificates.lower.mixture import lower_bound
from diracs.certificates.upper.nearest import REQUIRED, UnitMixture
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.merging.pieces import UnitPieces
from diracs.quantization.by_merging import in_space, is_lazy_mixture
from diracs.quantization.by_product import by_product, fewest_by_product, found_within, settled
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.search import Groupings, QuickErrors, best_scheme
from diracs.quantization.units import barycentric_cells
from diracs.quantization.voronoi_search import (
    MOST,
    MOST_WANTED,
    affordable,
    improved_positions,
    optimal_positions,
    quick_error,
)
from diracs.schemes.fewest import expected_number
from diracs.schemes.generate import KINDS, Mixture, normalized, to_kind_of
from diracs.schemes.points import PointScheme
from diracs.schemes.scaling import rescale

# Points times components that are merged in seconds, in the plane.
_MOST_MERGED = 5_000_000
# Products whose plans, right to a few percent, have more than so many times the error of points are not built.
_PROMISING = 1.1


def in_plane(
    mixture: GaussianMixture, n: int | None, w2: float | None, wanted: bool, seed: int = 0, executor: Any = None
) -> Quantization | None:
    """By optimal points in the plane; None where schemes are to be preferred and these were not `wanted`."""
    numbers = normalized(mixture)
    law = UnitMixture.of(*components_of(mixture))
    if law is None:
        if wanted:
            raise ValueError(f"scheme='optimal' needs in the plane {REQUIRED}; use scheme='product'")
        return None
    found = _by_voronoi(mixture, law, numbers, n, w2, wanted)
    if found is None and wanted:
        raise ValueError(f"w2 = {w2:g} needs more than {MOST_WANTED[2].points} points; ask for a larger error")
    return found


def in_three_dimensions(
    mixture: GaussianMixture, n: int | None, w2: float | None, wanted: bool, seed: int = 0, executor: Any = None
) -> Quantization | None:
    """By optimal points, where these are affordable; else by merged boxes, or products."""
    numbers = normalized(mixture)
    law = None if is_lazy_mixture(mixture) else UnitMixture.of(*components_of(mixture))
    found = None if law is None else _by_voronoi(mixture, law, numbers, n, w2, wanted)
    return in_space(mixture, n, w2, wanted, seed, executor) if found is None else found


def _by_voronoi(
    mixture: GaussianMixture,
    law: UnitMixture,
    normalized_mixture: tuple[Mixture, float],
    n: int | None,
    w2: float | None,
    wanted: bool,
) -> Quantization | None:
    """By optimal points, or the best product where that is as good; None where points would take too long."""
    numbers, unit = normalized_mixture
    components, d = int(np.count_nonzero(numbers.weights)), mixture.ndim
    limits = (MOST_WANTED if wanted else MOST)[d]
    if not affordable(limits, n or 1, components):
        return _by_merging(mixture, law, n) if d == 2 and n is not None and not wanted else None
    groupings = Groupings(numbers)
    plans = QuickErrors(groupings, KINDS)

    def at(points: int) -> Quantization:
        quick = d > 2 and not wanted
        positions, error = optimal_positions(law, points, quick=quick)
        by_points = discretize(mixture, to_kind_of(PointScheme(positions), mixture.means))
        reached = float(concrete(by_points.w2)) * (1.0 + 1e-9)
        if unit * plans.planned(points) > _PROMISING * reached:
            return by_points
        # The best of the other schemes is a start as well, and kept where it is as good.
        product, square = best_scheme(groupings, points)
        positions, descended = improved_positions(law, points, concrete(product.positions(d)) * unit, quick=quick)
        if descended < error:
            by_points = discretize(mixture, to_kind_of(PointScheme(positions), mixture.means))
            reached = float(concrete(by_points.w2)) * (1.0 + 1e-9)
        if unit * math.sqrt(square) > reached:
            return by_points
        # Rounding of masses costs points more, which counts where components lie far apart.
        by_product = discretize(mixture, to_kind_of(rescale(product, unit), mixture.means))
        return by_product if float(concrete(by_product.w2)) <= reached else by_points

    if n is not None:
        return at(n)
    assert w2 is not None
    most = min(limits.points, limits.terms // components)
    if lower_bound(*groupings.mixture, most) > w2 / unit:
        return None
    points = expected_number(lambda m: quick_error(law, m), w2, most, d)
    if points is None:
        return None
    result = settled(at, points, w2, most, d)
    if wanted:
        return found_within(result, w2)
    if result is None or len(result) > 1.1 * points + 1.0:
        # Where rounding costs that much, products, whose masses are right to more, may need fewer points.
        product = fewest_by_product(mixture, groupings, unit, w2, KINDS)
        return product if result is None or (product is not None and len(product) < len(result)) else result
    return result


def _by_merging(mixture: GaussianMixture, law: UnitMixture, n: int) -> Quantization | None:
    """For many components: the better of products and of merged pieces, moved to the barycenters of exact cells."""
    if is_lazy_mixture(mixture) or n > MOST[2].points or n * mixture.n_components > _MOST_MERGED:
        return None
    places = barycentric_cells(law, UnitPieces.of(mixture).best_points(n, steps=0)).barycenters
    found, other = discretize(mixture, to_kind_of(PointScheme(places), mixture.means)), by_product(mixture, n, None)
    return other if float(concrete(other.w2)) <= float(concrete(found.w2)) else found
