"""The allowances τ of covering bounds: discs or balls within which there is one facility each.

Nothing here is rigorous, nor need be: any τ ≥ 0 makes a bound (`covering.py`), and the better it is the higher.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from diracs.certificates.lower.quadtree import BoxLaw, Partition

# Steps without success after which to go back; steps that together gain less than this share are the last ones.
_PATIENCE, _LAST, _LEAST_GAIN = 15, 5, 3e-4
# Gains are levelled in so many steps, in the first of them everywhere, upwards at most by this factor and where there
# is this share of a facility; then where they are this much above the mean.
_LEVELLINGS, _EVENED, _MOST_RAISED, _HELD, _ABOVE = 4, 2, 1.1, 0.3, 1.005
# So many sites, about, are looked at to scale allowances.
SCALED_AT = 4000


class Effort(NamedTuple):
    """What is affordable, by the number of points n; sizes of boxes in radii of the balls."""

    work: float  # boxes times components
    sites: Callable[[int], float]
    boxes: Callable[[int], tuple[float, ...]]  # those of τ, finer and finer
    estimated: tuple[float, int]  # steps with estimates: times boxes, and at least
    levelled: Callable[[int], bool]  # whether gains are levelled on the finest boxes; else there are steps with bounds
    steps: float  # times boxes
    tolerance: Callable[[int], float]
    evaluations: Callable[[int], float]


EFFORTS = {
    2: Effort(
        work=4e7,
        sites=lambda n: 0.9 if n > 2000 else 0.6 if n > 200 else min(max(0.08 * math.sqrt(n), 0.15), 0.4),
        boxes=lambda n: (min(max(0.025 * math.sqrt(n), 0.1), 0.2) * max(1.0, (n / 300) ** 0.2),),
        estimated=(1.5e5, 3),
        levelled=lambda n: n > 5,
        steps=3e5,
        tolerance=lambda n: min(max(2e-3, 1.5e-5 * n), 0.03),
        evaluations=lambda n: 4e5 + 300.0 * n,
    ),
    3: Effort(
        work=3e6,
        sites=lambda n: max(0.5, min(0.14 * n ** (1 / 3), max(0.65, 0.09 * n ** (1 / 3)), 0.95)),
        boxes=lambda n: (0.4, 0.2) if n < 30 else (0.6, 0.3 if n <= 300 else 0.35),
        estimated=(3e5, 8),
        levelled=lambda n: False,
        steps=5e5,
        tolerance=lambda n: min(max(5e-3 * n ** (1 / 3), 0.02), 0.05),
        evaluations=lambda n: min(2e5 + 3000.0 * n, 3e6),
    ),
}


class Allowances(NamedTuple):
    """τ on a partition."""

    partition: Partition
    values: np.ndarray  # (m,)


def choose(law: BoxLaw, n: int, most: float) -> Allowances | None:
    """Allowances on a partition of at most about `most` boxes; None if that is not enough."""
    # In radii: what there is time for.
    d = len(law.sides)
    effort = EFFORTS[d]
    fineness = effort.sites(n)
    found = _spread(law, n, fineness, most)
    if found is None:
        return None
    sites, facilities, radii = found
    levelled = effort.levelled(n)
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
        if levelled:
            continue
        last = stage + 1 == len(effort.boxes(n))
        steps = int(min(max(effort.steps / len(finer), 2), 12))
        facilities, radii = _improve(sites, facilities, finer, radii, n, steps, bound=last)
    tau = _levelled(sites, facilities, finer, owners, radii**2, n) if levelled else radii**2
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
    some = np.ascontiguousarray(sites.centers[:: max(1, len(sites) // SCALED_AT)])
    best, factor = -math.inf, 1.0
    for candidate in (1.0, 0.98, 0.95, 0.92, 0.85, 0.75, 0.6, 0.45, 0.3):
        value = candidate * total - n * float(covering.gains(candidate * tau, some, bound=True).max())
        if value < best:
            break
        best, factor = value, candidate
    return Allowances(partition, factor * tau)
