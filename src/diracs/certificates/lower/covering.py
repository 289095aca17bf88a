"""A lower bound for laws of the plane and of space with a density: the dual of covering it by discs or balls.

For every allowance τ ≥ 0 and all points y₁, …, yₙ, minᵢ |x − yᵢ|² ≥ τ(x) − Σᵢ (τ(x) − |x − yᵢ|²)₊. Hence

    E minᵢ |X − yᵢ|² ≥ ∫ τ dμ − n sup_y g(y),    g(y) = ∫ (τ(x) − |x − y|²)₊ dμ(x).

This is the linear program dual to fractional facility location. There, n facilities are spread over space, every x is
served by the nearest unit of them, at a cost whose gradient in the facilities is −g, and the best τ(x) is the square of
the radius within which there is one unit. Where the density f hardly varies facilities spread like f^(d/(d+2)); discs
in place of hexagons make the bound on W₂ 0.4 % smaller than what n points reach (Fejes Tóth 1953), balls in place of
truncated octahedra 1 % (the best cells that are known: Conway & Sloane 1982).

τ is constant on the boxes of a partition: nothing is lost by that but choice, as any τ will do. How it is found is
not rigorous, and need not be. The supremum is. Let y be a mean of points v, Σ λ_v v = y, and s² = Σ λ_v |v − y|². Then
Σ λ_v |x − v|² = |x − y|² + s², so that by convexity, with g for the allowance τ + s² on the right,

    g_τ(y) ≤ Σ λ_v g_{τ + s²}(v).

All points are in a simplex of a lattice, s no larger than the radius of the sphere through its vertices: sup g_τ is at
most the largest g_{τ + s²} on the lattice. Cubes (squares in the plane) for which that is not close to the largest
value found are halved along all axes. Outside the root of the partition g is no larger than at the nearest point of it,
as that is nearer to all x. The lattice is that of centers and vertices of cubes, in space the best one for coverings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

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
# Steps without success after which to go back; steps that together gain less than this share are the last ones.
_PATIENCE, _LAST, _LEAST_GAIN = 15, 5, 3e-4
# Gains are levelled in so many steps, in the first of them everywhere, upwards at most by this factor and where there
# is this share of a facility; then where they are this much above the mean.
_LEVELLINGS, _EVENED, _MOST_RAISED, _HELD, _ABOVE = 4, 2, 1.1, 0.3, 1.005
# So many sites, about, are looked at to scale allowances.
_SCALED_AT = 4000
# Points of the lattice for each cube.
_LATTICE = 2
# Moments of boxes are this exact, relative and absolute, and nothing else is less exact.
_RELATIVE, _ABSOLUTE = 1e-11, 1e-15


class _Effort(NamedTuple):
    """What is affordable, by the number of points n; sizes of boxes in radii of the balls."""

    work: float  # boxes times components
    sites: Callable[[int], float]
    boxes: Callable[[int], tuple[float, ...]]  # those of τ, finer and finer
    estimated: tuple[float, int]  # steps with estimates: times boxes, and at least
    levelled: bool  # whether gains are levelled on the finest boxes; else there are steps with bounds
    steps: float  # times boxes
    tolerance: Callable[[int], float]
    evaluations: Callable[[int], float]


_EFFORTS = {
    2: _Effort(
        work=4e7,
        sites=lambda n: 0.9 if n > 2000 else 0.6 if n > 200 else min(max(0.08 * math.sqrt(n), 0.15), 0.4),
        boxes=lambda n: (min(max(0.025 * math.sqrt(n), 0.1), 0.2) * max(1.0, (n / 300) ** 0.2),),
        estimated=(1.5e5, 3),
        levelled=True,
        steps=3e5,
        tolerance=lambda n: min(max(2e-3, 1.5e-5 * n), 0.03),
        evaluations=lambda n: 4e5 + 300.0 * n,
    ),
    3: _Effort(
        work=3e6,
        sites=lambda n: max(0.5, min(0.14 * n ** (1 / 3), max(0.65, 0.09 * n ** (1 / 3)), 0.95)),
        boxes=lambda n: (0.4, 0.2) if n < 30 else (0.6, 0.3 if n <= 300 else 0.35),
        estimated=(3e5, 8),
        levelled=False,
        steps=5e5,
        tolerance=lambda n: min(max(5e-3 * n ** (1 / 3), 0.02), 0.05),
        evaluations=lambda n: min(2e5 + 3000.0 * n, 3e6),
    ),
}


class Allowances(NamedTuple):
    """τ on a partition."""

    partition: Partition
    values: np.ndarray  # (m,)


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
    work = _EFFORTS[means.shape[1]].work
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
    return covering_bound(law, n, _EFFORTS[masses.ndim].work)


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
    effort = _EFFORTS[partition.dimension]
    best = supremum(allowances, effort.tolerance(n), effort.evaluations(n))
    return max(0.0, total - n * best * (1.0 + _RELATIVE) - slack)


# --- the choice of τ ---


def choose(law: BoxLaw, n: int, most: float) -> Allowances | None:
    """Allowances on a partition of at most about `most` boxes; None if that is not enough."""
    # In radii: what there is time for.
    d = len(law.sides)
    effort = _EFFORTS[d]
    fineness = effort.sites(n)
    found = _spread(law, n, fineness, most)
    if found is None:
        return None
    sites, facilities, radii = found
    work, fewest = effort.estimated
    steps = int(min(max(work / len(sites), fewest), 60))
    facilities, radii = _improve(sites, facilities, sites, radii, n, steps, bound=False)
    # The estimates above were without bias. Bounds are above them, which finer boxes and more steps make up for.
    finer, owners = sites, np.arange(len(sites))
    least = (len(sites) / most) ** (1.0 / d) * fineness
    for stage, size in enumerate(effort.boxes(n)):
        while (large := (finer.sizes > max(size, least) * radii) & (finer.levels < finer.deepest)).any():
            finer, parents = finer.refined(large)
            radii, owners = radii[parents], owners[parents]
        radii = sites.covering.radii(facilities, finer.centers, radii, steps=3)
        if effort.levelled:
            continue
        last = stage + 1 == len(effort.boxes(n))
        steps = int(min(max(effort.steps / len(finer), 2), 12))
        facilities, radii = _improve(sites, facilities, finer, radii, n, steps, bound=last)
    tau = _levelled(sites, facilities, finer, owners, radii**2, n) if effort.levelled else radii**2
    return _scaled(sites, finer, tau, n)


def _spread(law: BoxLaw, n: int, fineness: float, most: float) -> tuple[Partition, np.ndarray, np.ndarray] | None:
    """A partition into boxes smaller than so many radii, facilities spread like f^(d/(d+2)) on it, and the radii."""
    partition = Partition.root(law)
    d = partition.dimension
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    while True:
        shares = (partition.moments.mass * partition.volumes ** (2.0 / d)) ** (d / (d + 2.0))
        facilities = n / shares.sum() * shares
        large = (facilities > fineness**d / ball) & (partition.levels < partition.deepest)
        if not large.any():
            break
        partition = partition.refined(large)[0]
        if len(partition) > most:
            return None
    radii = (partition.volumes / (ball * np.maximum(facilities, 1e-12))) ** (1.0 / d)
    radii = partition.covering.radii(facilities, partition.centers, np.minimum(radii, law.sides.max()))
    while True:
        large = (partition.sizes > 1.5 * fineness * radii) & (partition.levels < partition.deepest)
        if not large.any():
            return partition, facilities, radii
        partition, parents = partition.refined(large)
        if len(partition) > most:
            return None
        facilities = facilities[parents] / np.bincount(parents)[parents]
        radii = partition.covering.radii(facilities, partition.centers, radii[parents])


def _improve(
    sites: Partition, facilities: np.ndarray, partition: Partition, radii: np.ndarray, n: int, steps: int, bound: bool
) -> tuple[np.ndarray, np.ndarray]:
    """More facilities at sites where the gain is above its mean, fewer where it is below; and their radii.

    In a region where it hardly varies the gain goes like r^(d+2) and the facilities like r^(−d), whence the first
    exponent; momentum (Nesterov 1983) is for what varies from disc to disc. Between separate clusters radii may jump,
    and steps that lead nowhere are made again, smaller.
    """
    mass = partition.moments.mass
    best, kept = -math.inf, (facilities, radii)
    bests: list[float] = []
    first = sites.dimension / (sites.dimension + 2.0)
    exponent, momentum, run, waited = first, np.zeros(len(sites)), 0, 0
    for _ in range(steps):
        gains = partition.covering.gains(radii**2, sites.centers, bound=bound)
        value = float(mass @ radii**2) - n * float(gains.max())
        waited += 1
        bests.append(max(value, best))
        if value > best:
            best, kept, waited = value, (facilities, radii), 0
            # Where steps lead nowhere patience decides.
            if len(bests) > _LAST and 0.0 < best < bests[-1 - _LAST] + _LEAST_GAIN * best:
                break
        elif waited > _PATIENCE:
            facilities, radii = kept
            exponent, momentum, run, waited = exponent / 2.0, np.zeros(len(sites)), 0, 0
            continue
        mean = float(facilities @ gains) / n
        momentum = exponent * np.log(np.maximum(gains / mean, 1e-3)) + run / (run + 3.0) * momentum
        facilities = facilities * np.exp(np.clip(momentum, -3.0, 3.0))
        facilities *= n / facilities.sum()
        radii = sites.covering.radii(facilities, partition.centers, radii, steps=1 if exponent == first else 3)
        run += 1
    return kept


def _levelled(
    sites: Partition, facilities: np.ndarray, partition: Partition, owners: np.ndarray, tau: np.ndarray, n: int
) -> np.ndarray:
    """Allowances for which the bounds on gains vary less from site to site; `owners` says whose each box is.

    Where density and allowances hardly vary g goes like τ², whence the root. Then single sites stand out, as where
    boxes change their size: to lower τ on their own boxes, few of those in the ball, costs little and takes more.
    """
    mass, covering, ball = partition.moments.mass, partition.covering, math.pi / sites.volumes
    count = np.maximum(np.bincount(owners, minlength=len(sites)), 1)
    best, kept, level = -math.inf, tau, 0.0
    for step in range(_LEVELLINGS):
        gains = covering.gains(tau, sites.centers, bound=True)
        value = float(mass @ tau) - n * float(gains.max())
        if value > best:
            best, kept = value, tau
        if step < _EVENED:
            level = float(facilities @ gains) / n
            # Far out, where there are hardly any facilities, gains may be small.
            held = facilities * ball * np.bincount(owners, tau, minlength=len(sites)) / count > _HELD
            share = np.sqrt(level / np.maximum(gains, 1e-300))
            share = np.minimum(share, np.where(held, _MOST_RAISED, 1.0))
        else:
            share = np.minimum((_ABOVE * level / np.maximum(gains, 1e-300)) ** 2, 1.0)
        tau = tau * np.maximum(share, 0.5)[owners]
    return kept


def _scaled(sites: Partition, partition: Partition, tau: np.ndarray, n: int) -> Allowances:
    """All allowances times the factor that looks best at some sites: near 1, unless there was too little time."""
    total, covering = float(partition.moments.mass @ tau), partition.covering
    some = np.ascontiguousarray(sites.centers[:: max(1, len(sites) // _SCALED_AT)])
    best, factor = -math.inf, 1.0
    for candidate in (1.0, 0.98, 0.95, 0.92, 0.85, 0.75, 0.6, 0.45, 0.3):
        value = candidate * total - n * float(covering.gains(candidate * tau, some, bound=True).max())
        if value < best:
            break
        best, factor = value, candidate
    return Allowances(partition, factor * tau)


# --- the certificate ---


def supremum(allowances: Allowances, tolerance: float, most: float) -> float:
    """An upper bound on sup g, exact to about this share of it if it takes no more than `most` evaluations."""
    partition, tau = allowances
    law = partition.law
    some = np.ascontiguousarray(partition.centers[:: max(1, len(tau) // _SCALED_AT)])
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
