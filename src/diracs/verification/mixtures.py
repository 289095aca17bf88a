"""Gaussian mixtures on product and layered schemes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from flint import arb

from diracs.backend.arrays import concrete, map_arrays
from diracs.certificates.upper.assignment import parts
from diracs.laws.gaussian import GaussianMixture
from diracs.schemes.layered import LayeredScheme, Scheme
from diracs.schemes.points import PointScheme
from diracs.verification.balls import Ball, balls, normalized, root
from diracs.verification.gaussians import covariance_of
from diracs.verification.mismatch import with_given_masses
from diracs.verification.products import Placed, couple


class SchemeBounds(NamedTuple):
    """Of W₂ between a mixture and its Diracs."""

    high: Ball
    low: Ball | None  # None where the nearest points are not those of the scheme's cells
    moved: Ball  # the part of `high` that pays for positions other than the scheme's


def scheme_bounds(
    law: GaussianMixture, scheme: Scheme, positions: np.ndarray, masses: np.ndarray
) -> SchemeBounds | None:
    """By the scheme's own coupling; None if these are not the points of the scheme.

    Parameters
    ----------
    positions, masses : arrays (n, d), (n,)
        The Diracs that were returned, in doubles.
    """
    if isinstance(scheme, PointScheme):
        return None
    d = positions.shape[1]
    means, covs, weights = (np.asarray(concrete(x), dtype=np.float64) for x in (law.means, law.covs, law.weights))
    layered = map_arrays(scheme if isinstance(scheme, LayeredScheme) else LayeredScheme((scheme,)), concrete)
    if layered.size != len(positions):
        return None
    shares = normalized(weights)
    arriving = [arb(0)] * len(positions)
    seconds: list[Ball] | None = [arb(0)] * len(positions)
    square, off, nearest = arb(0), arb(0), arb(0) if layered.stack == 1 else None
    ideal: list[list[Ball]] = []
    for placed, members, first in _placed(layered, means, covs, weights, d):
        ideal += placed.points()
        for k in members:
            cov, wrong = covariance_of(covs[k], d)
            found = couple(placed, balls(means[k]), cov)
            share = shares[k]
            square += share * found.cost
            off += share * (root(found.off) + wrong) ** 2
            nearest = None if nearest is None or found.nearest is None else nearest + share * found.nearest
            if found.seconds is None:
                seconds = None
            for i, mass in enumerate(found.masses):
                arriving[first + i] += share * mass
                if seconds is not None and found.seconds is not None:
                    seconds[first + i] += share * found.seconds[i]
    wanted = normalized(masses)
    shifts = [sum(((a - arb(b)) ** 2 for a, b in zip(p, y)), arb(0)) for p, y in zip(ideal, positions.tolist())]
    moved = root(sum((m * s for m, s in zip(wanted, shifts)), arb(0)))
    high = root(with_given_masses(positions, arriving, wanted, square, seconds)) + root(off) + moved
    if nearest is None:
        return SchemeBounds(high, None, moved)
    furthest = arb(0)
    for shift in shifts:
        furthest = furthest.max(shift)
    low = (root(nearest) - root(off) - root(furthest)).max(arb(0))
    return SchemeBounds(high, low, moved)


def _placed(
    scheme: LayeredScheme, means: np.ndarray, covs: np.ndarray, weights: np.ndarray, d: int
) -> Iterator[tuple[Placed, list[int], int]]:
    """Each scheme, the components that go there, and the number of its first point.

    Which component goes where is the scheme's choice; any would be a coupling.
    """
    first = 0
    for part, members, index, share in parts(scheme, means, covs, weights):
        rows = np.zeros(len(members), dtype=int) if index is None else index
        for number in range(part.stack):
            here = [int(k) for k, row, w in zip(members, rows, share) if row == number and w > 0]
            yield Placed.of(part, number, d), here, first
            first += math.prod(book.size for book in part.codebooks)
