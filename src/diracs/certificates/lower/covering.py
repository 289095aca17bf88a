"""A lower bound for laws of the plane with a density: the dual of covering it by discs.

For every allowance τ ≥ 0 and all points y₁, …, yₙ, minᵢ |x − yᵢ|² ≥ τ(x) − Σᵢ (τ(x) − |x − yᵢ|²)₊. Hence

    E minᵢ |X − yᵢ|² ≥ ∫ τ dμ − n sup_y g(y),    g(y) = ∫ (τ(x) − |x − y|²)₊ dμ(x).

This is the linear program dual to fractional facility location. There, n facilities are spread over the plane, every
x is served by the nearest unit of them, at a cost whose gradient in the facilities is −g, and the best τ(x) is the
square of the radius within which there is one unit. Where the density f hardly varies facilities spread like √f; discs
in place of hexagons make the bound on W₂ 0.4 % smaller than what n points reach (Fejes Tóth 1953).

τ is constant on the rectangles of a partition: nothing is lost by that but choice, as any τ will do. How it is found is
not rigorous, and need not be. The supremum is: g + M|y|² is convex on a square if M is at least the mass that lies
within reach of one of its points, so that on a square with center c and vertices v

    g ≤ max g(v) + M |v − c|²,

and squares for which this is not close to the largest value found are quartered. Outside the root of the partition g is
no larger than at the nearest point of it, as that is nearer to all x.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from diracs.certificates.lower.quadtree import (
    DEEPEST,
    ImageLaw,
    MixtureLaw,
    Partition,
    RectangleLaw,
    curve,
    quarters,
)

# Components and images that are larger are not worth the time, nor are more points.
_MOST_POINTS = 10_000
_MOST_PIXELS = 2**22
# Rectangles times components; of many components no more than what so many rectangles for each point take.
_WORK, _MANY, _LEAST_WORK, _FOR_EACH_POINT = 4e7, 300, 1.5e7, 20.0
# Steps without success after which to go back; steps that together gain less than this share are the last ones.
_PATIENCE, _LAST, _LEAST_GAIN = 15, 5, 3e-4
# So many sites, about, are looked at to scale allowances.
_SCALED_AT = 4000
# Moments of rectangles are this exact, relative and absolute, and nothing else is less exact.
_RELATIVE, _ABSOLUTE = 1e-11, 1e-15


class Allowances(NamedTuple):
    """τ on a partition."""

    partition: Partition
    values: np.ndarray  # (m,)


def mixture_covering_bound(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    """Lower bound on W₂² between a Gaussian mixture in the plane and all measures of n points.

    Parameters
    ----------
    means, covs, weights : arrays (k, 2), (k, 2, 2), (k,)
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
    work = _WORK if count <= _MANY else min(max(_LEAST_WORK, _FOR_EACH_POINT * n * count), _WORK)
    bound = covering_bound(law, n, work / count)
    # Covariances are rounded, by which the law moves.
    blur = 2.0**-48 * spectrum[:, 1] / np.sqrt(np.where(regular, spectrum[:, 0], 1.0))
    moved = math.sqrt(float(weights[regular] @ blur[regular] ** 2))
    return max(0.0, math.sqrt(bound) - moved) ** 2


def image_covering_bound(masses: np.ndarray, extent: np.ndarray, n: int) -> float:
    """Lower bound on W₂² between an image and all measures of n points.

    Parameters
    ----------
    masses : array (n₁, n₂)
        Of the pixels, of sum 1.
    extent : array (2,)
        Sides of the image, about one; the first belongs to the first axis of `masses`.
    n : int

    Returns
    -------
    float
        0 if there are so many points, or pixels on one axis, that the bound would take long.
    """
    if n > _MOST_POINTS or max(masses.shape) ** 2 > _MOST_PIXELS:
        return 0.0
    law = ImageLaw(masses, extent)
    if n == 1:
        return float(law.moments(np.zeros(1, dtype=np.int64), np.zeros((1, 2), dtype=np.int64)).second[0]) * (1 - 1e-12)
    return covering_bound(law, n, _WORK)


def covering_bound(law: RectangleLaw, n: int, work: float) -> float:
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
    slack = _RELATIVE * total + _ABSOLUTE * float(tau.sum())
    best = supremum(allowances, tolerance=min(max(2e-3, 1e-5 * n), 0.03), most=4e5 + 300.0 * n)
    return max(0.0, total - n * best * (1.0 + _RELATIVE) - slack)


# --- the choice of τ ---


def choose(law: RectangleLaw, n: int, most: float) -> Allowances | None:
    """Allowances on a partition of at most about `most` rectangles; None if that is not enough."""
    # In radii: what there is time for.
    fineness = 0.9 if n > 2000 else 0.6 if n > 200 else min(max(0.08 * math.sqrt(n), 0.15), 0.4)
    found = _spread(law, n, fineness, most)
    if found is None:
        return None
    sites, facilities, radii = found
    steps = int(min(max(3e5 / len(sites), 8), 60))
    facilities, radii = _improve(sites, facilities, sites, radii, n, steps, bound=False)
    # The estimates above were without bias. Bounds are above them, which finer rectangles and more steps make up for.
    finest = min(max(0.025 * math.sqrt(n), 0.1), 0.2) * max(1.0, (n / 300) ** 0.2)
    fineness = max(finest, math.sqrt(len(sites) / most) * fineness)
    finer = sites
    while (large := (finer.sizes > fineness * radii) & (finer.levels < DEEPEST)).any():
        finer, parents = finer.refined(large)
        radii = radii[parents]
    radii = sites.covering.radii(facilities, finer.centers, radii, steps=3)
    steps = int(min(max(3e5 / len(finer), 2), 12))
    radii = _improve(sites, facilities, finer, radii, n, steps, bound=True)[1]
    return _scaled(sites, finer, radii**2, n)


def _spread(law: RectangleLaw, n: int, fineness: float, most: float) -> tuple[Partition, np.ndarray, np.ndarray] | None:
    """A partition into rectangles smaller than so many radii, facilities spread like √f on it, and the radii."""
    partition = Partition.root(law)
    while True:
        roots = np.sqrt(partition.moments.mass * partition.areas)
        facilities = n / roots.sum() * roots
        large = (facilities > fineness**2 / math.pi) & (partition.levels < DEEPEST)
        if not large.any():
            break
        partition = partition.refined(large)[0]
        if len(partition) > most:
            return None
    radii = np.sqrt(partition.areas / (math.pi * np.maximum(facilities, 1e-12)))
    radii = partition.covering.radii(facilities, partition.centers, np.minimum(radii, law.sides.max()))
    while True:
        large = (partition.sizes > 1.5 * fineness * radii) & (partition.levels < DEEPEST)
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

    In a region where it hardly varies the gain goes like the inverse square of the facilities, whence the exponent ½;
    momentum (Nesterov 1983) is for what varies from disc to disc. Between separate clusters radii may jump, and steps
    that lead nowhere are made again, smaller.
    """
    mass = partition.moments.mass
    best, kept = -math.inf, (facilities, radii)
    bests: list[float] = []
    exponent, momentum, run, waited = 0.5, np.zeros(len(sites)), 0, 0
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
        radii = sites.covering.radii(facilities, partition.centers, radii, steps=1 if exponent == 0.5 else 3)
        run += 1
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
    # Gains are no smaller than with the exact moments: those of |x − y|² about y are no larger, for |x − y|² < τ.
    first_error, second_error = partition.moments.rounding.T
    lowered = partition.moments.second - (second_error + 2.0 * np.sqrt(tau) * first_error)
    covering = partition.covering_of(np.maximum(lowered, 0.0))
    squares, reach = np.zeros((1, 2), dtype=np.int64), np.array([partition.moments.mass.sum() * (1.0 + _RELATIVE)])
    largest = settled = 0.0
    evaluations = 0
    for level in range(DEEPEST + 1):
        sides = math.ldexp(1.0, -level) * law.sides
        vertices = (squares[:, None] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).reshape(-1, 2)
        _, first, inverse = np.unique(curve(vertices), return_index=True, return_inverse=True)
        gains = covering.gains(tau, law.low + vertices[first] * sides, bound=True)
        evaluations += len(first)
        largest = max(largest, float(gains.max()))
        # Neighbours have the same vertices, to the last bit.
        bounds = gains[inverse].reshape(-1, 4).max(axis=1) + reach * float(sides @ sides) / 4.0
        live = bounds > (1.0 + tolerance) * largest
        settled = max(settled, float(bounds[~live].max(initial=0.0)))
        if not live.any():
            return settled
        if evaluations + 4 * int(live.sum()) > most or level == DEEPEST:
            break
        # What is within reach of a square is within reach of one that contains it.
        squares = squares[live]
        centers = law.low + (squares + 0.5) * sides
        reach = np.minimum(reach[live], covering.reaches(tau, centers, (0.5 + 1e-9) * sides))
        squares, reach = quarters(squares), np.repeat(reach, 4)
    return max(settled, float(bounds.max()))
