"""A lower bound for laws of the plane and of space with a density: the dual of covering it by discs or balls.

For every allowance τ ≥ 0 and all points y₁, …, yₙ, minᵢ |x − yᵢ|² ≥ τ(x) − Σᵢ (τ(x) − |x − yᵢ|²)₊. Hence

    E minᵢ |X − yᵢ|² ≥ ∫ τ dμ − n sup_y g(y),    g(y) = ∫ (τ(x) − |x − y|²)₊ dμ(x).

This is the linear program dual to fractional facility location. There, n facilities are spread over space, every x is
served by the nearest unit of them, at a cost whose gradient in the facilities is −g, and the best τ(x) is the square of
the radius within which there is one unit. Where the density f hardly varies facilities spread like f^(d/(d+2)); discs
in place of hexagons make the bound on W₂ 0.4 % smaller than what n points reach (Fejes Tóth 1953), balls in place of
truncated octahedra 1 % (the best cells that are known: Conway & Sloane 1982).

τ is constant on the boxes of a partition: nothing is lost by that but choice, as any τ will do. How it is found
(`allowances.py`) is not rigorous, and need not be. The supremum is. Let y be a mean of points v, Σ λ_v v = y, and
s² = Σ λ_v |v − y|². Then Σ λ_v |x − v|² = |x − y|² + s², so that by convexity, with g for the allowance τ + s² on the
right,

    g_τ(y) ≤ Σ λ_v g_{τ + s²}(v).

All points are in a simplex of a lattice, s no larger than the radius of the sphere through its vertices: sup g_τ is at
most the largest g_{τ + s²} on the lattice. Cubes (squares in the plane) for which that is not close to the largest
value found are halved along all axes. Outside the root of the partition g is no larger than at the nearest point of it,
as that is nearer to all x. The lattice is that of centers and vertices of cubes, in space the best one for coverings.
"""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.lower.allowances import EFFORTS, SCALED_AT, Allowances, choose
from diracs.certificates.lower.quadtree import (
    BoxLaw,
    Covering,
    ImageLaw,
    MixtureLaw,
    Partition,
    curve,
    halves,
    lattice,
    lattice_radius2,
)

# Components and images that are larger are not worth the time, nor are more points.
_MOST_POINTS = 10_000
_MOST_PIXELS = 2**22
# Of many components there are no more boxes than so many times points, which is so much work at least.
_MANY, _LEAST_WORK, _FOR_EACH_POINT = 300, 1.5e7, 20.0
# Points of the lattice for each cube.
_LATTICE = 2
# Moments of boxes are this exact, relative and absolute, and nothing else is less exact.
_RELATIVE, _ABSOLUTE = 1e-11, 1e-15


def mixture_covering_bound(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    """Lower bound on W₂² between a Gaussian mixture in the plane or in space and all measures of n points.

    Parameters
    ----------
    means, covs, weights : arrays (k, d), (k, d, d), (k,)
        Of size about one, weights positive of sum at most 1. Components whose covariances are singular, or nearly, are
        left out, which only lowers the cost.
    n : int

    Returns
    -------
    float
        0 if there are so many points or components that the bound would take long.
    """
    spectrum = np.linalg.eigvalsh(covs)
    regular = spectrum[:, 0] > 1e-13 * spectrum[:, 1]
    if not regular.any() or n > _MOST_POINTS:
        return 0.0
    law = MixtureLaw(means[regular], covs[regular], weights[regular])
    count = int(regular.sum())
    work = EFFORTS[means.shape[1]].work
    if count > _MANY:
        work = min(max(_LEAST_WORK, _FOR_EACH_POINT * n * count), work)
    bound = covering_bound(law, n, work / count)
    # Covariances are rounded, by which the law moves.
    blur = 2.0**-48 * spectrum[:, 1] / np.sqrt(np.where(regular, spectrum[:, 0], 1.0))
    moved = math.sqrt(float(weights[regular] @ blur[regular] ** 2))
    return max(0.0, math.sqrt(bound) - moved) ** 2


def image_covering_bound(masses: np.ndarray, extent: np.ndarray, n: int) -> float:
    """Lower bound on W₂² between an image and all measures of n points.

    Parameters
    ----------
    masses : array (n₁, …, n_d)
        Of the pixels, of sum 1; d is 2 or 3.
    extent : array (d,)
        Sides of the image, about one; the first belongs to the first axis of `masses`.
    n : int

    Returns
    -------
    float
        0 if there are so many points, or pixels on one axis, that the bound would take long.
    """
    if n > _MOST_POINTS or max(masses.shape) ** masses.ndim > _MOST_PIXELS:
        return 0.0
    law = ImageLaw(masses, extent)
    if n == 1:
        return float(Partition.root(law).moments.second[0]) * (1.0 - 1e-12)
    return covering_bound(law, n, EFFORTS[masses.ndim].work)


def covering_bound(law: BoxLaw, n: int, work: float) -> float:
    """∫ τ dμ − n sup g for the best τ that is found with so much work, at least 0; for n ≥ 2."""
    most = min(1e6, work)
    if n == 1 or 10.0 * n > most:
        return 0.0
    allowances = choose(law, n, most)
    if allowances is None:
        return 0.0
    partition, tau = allowances
    # The absolute error of masses matters where they are tiny.
    total = float(partition.moments.mass @ tau)
    slack = _RELATIVE * total + float((_ABSOLUTE + partition.moments.rounding[:, 0]) @ tau)
    effort = EFFORTS[partition.dimension]
    best = supremum(allowances, effort.tolerance(n), effort.evaluations(n))
    return max(0.0, total - n * best * (1.0 + _RELATIVE) - slack)


def supremum(allowances: Allowances, tolerance: float, most: float) -> float:
    """An upper bound on sup g, exact to about this share of it if it takes no more than `most` evaluations."""
    partition, tau = allowances
    law = partition.law
    some = np.ascontiguousarray(partition.centers[:: max(1, len(tau) // SCALED_AT)])
    enough = (1.0 + tolerance) * float(partition.covering.gains(tau, some, bound=True).max())
    # Balls that are much larger than they should be decide nothing: for them moments need not be as good.
    top = float(tau.max(initial=0.0))
    fine, coarse = (_raised(partition, tau + more) for more in (top, lattice_radius2(law.sides)))
    stencil = lattice(partition.dimension)
    cubes = np.zeros_like(stencil[:1])
    settled = 0.0
    evaluations = 0
    for level in range(partition.deepest + 1):
        sides = math.ldexp(1.0, -level) * law.sides
        raised = lattice_radius2(sides)
        # Twice as fine as cubes, and from −1 on.
        places = (2 * cubes[:, None] + stencil + 1).reshape(-1, partition.dimension)
        _, first, inverse = np.unique(curve(places), return_index=True, return_inverse=True)
        points = law.low + (places[first] - 1) * (0.5 * sides)
        gains = (fine if raised <= top else coarse).gains(
            tau + raised, points, bound=True, dense=partition.dimension == 3
        )
        evaluations += len(first)
        bounds = gains[inverse].reshape(-1, len(stencil)).max(axis=1) * (1.0 + _RELATIVE)
        live = bounds > enough
        settled = max(settled, float(bounds[~live].max(initial=0.0)))
        if not live.any():
            return settled
        if evaluations + _LATTICE * len(halves(stencil[:1])) * int(live.sum()) > most or level == partition.deepest:
            break
        cubes = halves(cubes[live])
    return max(settled, float(bounds.max()))


def _raised(partition: Partition, tau: np.ndarray) -> Covering:
    """With which gains for such allowances are no smaller than with the exact moments."""
    mass_error, first_error, second_error = partition.moments.rounding.T
    # Moments of |x − y|² about y are no larger, for |x − y|² < τ or x in a box that has such points.
    reached = np.sqrt(tau) + math.sqrt(partition.dimension) * partition.sizes
    lowered = partition.moments.second - (second_error + 2.0 * reached * first_error + tau * mass_error)
    return partition.covering_of(np.maximum(lowered, 0.0))
