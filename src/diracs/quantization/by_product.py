"""Quantization of a mixture by product schemes: with n points, or with the fewest for an error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from diracs.backend.arrays import concrete
from diracs.certificates.lower.mixture import lower_bound
from diracs.laws.gaussian import GaussianMixture
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.search import Groupings, QuickErrors, best_scheme
from diracs.schemes.fewest import fewest
from diracs.schemes.generate import KINDS, normalized, to_kind_of
from diracs.schemes.scaling import rescale

# No search for a target error goes beyond this many points.
MOST_SOUGHT = 2_000_000


def by_product(
    mixture: GaussianMixture, n: int | None, w2: float | None, kinds: tuple[str, ...] = KINDS
) -> Quantization:
    """The best product scheme of some kinds for a single mixture.

    Raises
    ------
    ValueError
        If the error needs too many points.
    """
    numbers, unit = normalized(mixture)
    groupings = Groupings(numbers)
    if n is not None:
        return with_points(mixture, groupings, unit, n, kinds)
    assert w2 is not None
    return found_within(fewest_by_product(mixture, groupings, unit, w2, kinds), w2)


def with_points(
    mixture: GaussianMixture, groupings: Groupings, unit: float, n: int, kinds: tuple[str, ...]
) -> Quantization:
    """The best with at most n points."""
    found = to_kind_of(rescale(best_scheme(groupings, n, kinds)[0], unit), mixture.means)
    return discretize(mixture, found)


def fewest_by_product(
    mixture: GaussianMixture, groupings: Groupings, unit: float, w2: float, kinds: tuple[str, ...]
) -> Quantization | None:
    """The fewest points for an error; None if rounding stands before it."""
    if lower_bound(*groupings.mixture, MOST_SOUGHT) * unit > w2:
        raise ValueError(
            f"w2 = {w2:g} needs more than {MOST_SOUGHT} points, whatever their positions; ask for a larger error"
        )
    quick = QuickErrors(groupings, kinds)

    def at(n: int) -> tuple[float, int, int]:
        error, used = quick(n)
        return unit * error, used, used

    planned = fewest(lambda n: (unit * quick.planned(n), n, n), w2, MOST_SOUGHT, mixture.ndim)
    points = fewest(at, w2, MOST_SOUGHT, mixture.ndim, start=planned or 1)
    if points is None:
        raise ValueError(f"w2 = {w2:g} needs more than {MOST_SOUGHT} points; ask for a larger error")
    # The error of the best product is not quite monotone in n: fewer points may do.
    below = np.unique(np.geomspace(0.75 * points, points, 8).astype(int))
    points = next((int(n) for n in below if n > 0 and unit * quick(int(n))[0] <= w2), points)
    return settled(lambda n: with_points(mixture, groupings, unit, n, kinds), points, w2, MOST_SOUGHT, mixture.ndim)


def settled(
    at: Callable[[int], Quantization], points: int, w2: float, most: int, dimension: int
) -> Quantization | None:
    """The result with the fewest points, about as many as expected; None if rounding stands before it.

    Rounding of positions and masses may lift the certificate above what was expected. Where twice the points do not
    help, it makes up half of the square of it: more would hardly do.
    """

    def measured(n: int) -> tuple[float, int, Quantization]:
        found = at(n)
        return float(concrete(found.w2)), len(found), found

    return fewest(measured, w2, min(most, 2 * points + 10), dimension, start=points)


def found_within(result: Quantization | None, w2: float) -> Quantization:
    """The result; ValueError if there is none."""
    if result is None:
        raise ValueError(f"w2 = {w2:g} is below what rounding of positions and masses allows; ask for a larger error")
    return result
