"""Optimal quantizers in the plane and in space: n points that minimize E minᵢ |x − yᵢ|², their masses free.

Few points start spread like f^{d/(d + 2)}, as the best quantizers of many points are (Zador 1982), and descend by
Lloyd's steps and Newton's method. Then come hops: all points are shaken, or some are moved from where they are of
little use to where they are missed, and the result is kept if it is better. Many points start from the optimum of a
quarter as many in the plane, an eighth in space, refined by the midpoints between neighbours: so they inherit the
hexagonal order, or that of body-centred cubes, which no descent from a random start would find (in the plane 10⁴
points: 1.0016 of the asymptotic optimum instead of 1.0033). Regions that have too few points, as where midpoints of a
small cluster lead nowhere, show by the costs of their cells, which are all the same in the best quantizers of many
points, and are given some of others'.
"""

from __future__ import annotations

import math

import numpy as np

from diracs.backend.progress import report
from diracs.codebooks.cell_laws import hilbert_order
from diracs.codebooks.trust_region import CellLaw, Quantizer, minimize

# More points than this come from refining fewer; up to _FEW points several starts are made.
_REFINED, _FEW, _STARTS = 300, 64, 4
# Lloyd's steps of points that were drawn, hopped, or refined.
_LLOYD, _LLOYD_HOP, _LLOYD_REFINED, _REPAIRS = 8, 4, 1, 20
# Evaluations for the first descent, of that before refined points are balanced, one after a hop, and the last.
_FIRST, _UNBALANCED, _HOP, _LAST = 60, 8, 20, 300
# Where descents stop, in shares of √D: for comparing, and for good.
_COMPARED, _POLISHED = 1e-4, 1e-12
# Descents of refined points stop where ten evaluations gain less than this share of D; of more points for good.
_SLOW, _STATIONARY = 2e-4, 3000
# More points to refine, for the border, in the plane and in space.
_BORDER = {2: 0.35, 3: 0.2}
# Points are moved to regions that want this share of points more; costs are averaged over neighbours so many times.
_UNEVEN, _AVERAGED = 0.05, 2
# That is done so many times, or until hardly a share of the points has to move.
_BALANCINGS, _ENOUGH = 5, 0.02
# Hops are made while evaluations are cheap.
_HOPS, _HOP_WORK = 20, 30_000.0
# Where only the error is asked for, it is to be exact up to so many points; few hops do for more, and before refining.
_EXACT, _HASTY = 100, 4


def optimal_points(law: CellLaw, n: int, *, seed: int = 0, quick: bool = False) -> Quantizer:
    """A quantizer of at most n points near the best there is, up to 3000 points stationary: barycenters of their cells.

    Parameters
    ----------
    law : CellLaw
    n : int
    seed : int
        Of the draws; equal seeds give equal results.
    quick : bool
        Stop early: for many points the error is then right to some 0.1 %, but the points are not stationary.

    Returns
    -------
    Quantizer
        Of more than 3000 points, which would take three times as long to come to rest, the error is 0.01 to 0.04 %
        larger than there. Its seeds follow a Hilbert curve. None has an empty cell, so that there are fewer than n
        where the law has no room for n.
    """
    rng = np.random.default_rng(seed)
    return _settled(law, _approached(law, n, rng, quick), rng, quick)


def improved_points(law: CellLaw, n: int, seeds: np.ndarray, *, seed: int = 0, quick: bool = False) -> Quantizer:
    """The same by descent from seeds (m, d), m ≤ n, alone: no worse than these."""
    rng = np.random.default_rng(seed)
    start = _filled(law, seeds, n, rng)
    near = _descend(law, start, _FIRST, _COMPARED, rng, slow=_SLOW if n > _REFINED else 0.0).seeds
    return _settled(law, near, rng, quick)


def _settled(law: CellLaw, near: np.ndarray, rng: np.random.Generator, quick: bool) -> Quantizer:
    """Seeds near the optimum brought to rest, if they are few enough, in order."""
    if not quick and len(near) <= _STATIONARY:
        near = _descend(law, near, _LAST, _POLISHED, rng, lloyd=0).seeds
    return Quantizer.of(law, near[hilbert_order(near)])


def _approached(law: CellLaw, n: int, rng: np.random.Generator, quick: bool) -> np.ndarray:
    """Points near the optimum, by the ways that the module's text tells; none has an empty cell."""
    if n == 1:
        only = Quantizer.of(law, law.draw_root(1, rng), edges=False)
        return only.seeds + only.shifts
    if n > _REFINED:
        d = law.draw_root(1, rng).shape[1]
        # m points have about 3m edges in the plane, 7m short ones in space, fewer along the border.
        coarse = _approached(law, n // 2**d + int(_BORDER[d] * n ** (1.0 - 1.0 / d)), rng, True)
        seeds = _refined(law, coarse, n, rng)
        for _ in range(_BALANCINGS):
            near = _descend(law, seeds, _UNBALANCED, _COMPARED, rng, lloyd=_LLOYD_REFINED)
            seeds, count = _balanced(near, rng)
            if count < _ENOUGH * n:
                break
        return _descend(law, seeds, _FIRST, _COMPARED, rng, lloyd=_LLOYD_REFINED, slow=_SLOW).seeds
    starts = [law.draw_root(n, rng) for _ in range(_STARTS if n <= _FEW else 1)]
    best = min((_descend(law, y, _FIRST, _COMPARED, rng) for y in starts), key=lambda q: q.distortion)
    most = _HASTY if quick and (n > _EXACT or best.seeds.shape[1] > 2) else _HOPS
    hops = int(min(most, _HOP_WORK / (n * (10.0 + law.components))))
    for hop in range(hops):
        moved = _shaken(best, 0.5 - 0.25 * hop / hops, rng) if hop % 2 else _exchanged(best, max(1, n // 100), rng)
        found = _descend(law, moved, _HOP, _COMPARED, rng, lloyd=_LLOYD_HOP, bar=best.distortion)
        report("hops to better optima", hop + 1, hops)
        if found.distortion < best.distortion:
            best = found
    return best.seeds


def _descend(
    law: CellLaw,
    seeds: np.ndarray,
    evaluations: int,
    tolerance: float,
    rng: np.random.Generator,
    *,
    lloyd: int = _LLOYD,
    slow: float = 0.0,
    bar: float = math.inf,
) -> Quantizer:
    """Lloyd's steps, points of empty cells put where they are missed, then Newton's."""
    for step in range(lloyd + _REPAIRS):
        at = Quantizer.of(law, seeds, edges=False)
        empty = np.flatnonzero(at.mass <= 0)
        if step >= lloyd and not len(empty):
            break
        seeds = at.seeds + at.shifts
        seeds[empty] = _beside_costliest(at, len(empty), rng)
    at = Quantizer.of(law, seeds)
    if not at.mass.min() > 0:
        at = Quantizer.of(law, seeds[at.mass > 0])
    return minimize(law, at, evaluations, tolerance, slow=slow, bar=bar)


def _radii(q: Quantizer) -> np.ndarray:
    """Root mean square radii (n,) of the cells about their seeds."""
    return np.sqrt(np.divide(q.second, q.mass, out=np.zeros_like(q.mass), where=q.mass > 0))


def _beside(q: Quantizer, cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A point beside the seed of each of these cells, in a random direction."""
    way = rng.standard_normal((len(cells), q.seeds.shape[1]))
    way *= 0.5 * _radii(q)[cells, None] / np.linalg.norm(way, axis=1, keepdims=True)
    return q.seeds[cells] + way


def _beside_costliest(q: Quantizer, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points (count, d) in the cells that cost most; in optimal quantizers of many points all cost the same."""
    order = np.argsort(-q.second, kind="stable")
    return _beside(q, order[np.arange(count) % max(1, int((q.mass > 0).sum()))], rng)


def _shaken(q: Quantizer, strength: float, rng: np.random.Generator) -> np.ndarray:
    """All points moved by about this share of their cells' radii."""
    return q.seeds + strength * _radii(q)[:, None] * rng.standard_normal(q.seeds.shape)


def _losses(q: Quantizer) -> np.ndarray:
    """About what taking each point away would cost, (n,): its mass times the square of the way to its neighbour."""
    nearest = np.full(len(q.seeds), np.inf)
    square = (q.edges.displacement**2).sum(axis=1)
    for ends in (q.edges.i, q.edges.j):
        np.minimum.at(nearest, ends, square)
    return q.mass * nearest


def _exchanged(q: Quantizer, count: int, rng: np.random.Generator) -> np.ndarray:
    """Some of the points that are needed least put beside some that cost most."""
    n = len(q.seeds)
    least = np.argsort(_losses(q) * rng.uniform(0.5, 1.5, n), kind="stable")[:count]
    costliest = np.argsort(-q.second * rng.uniform(0.5, 1.5, n), kind="stable")[:count]
    seeds = q.seeds.copy()
    seeds[least] = _beside(q, costliest, rng)
    return seeds


def _refined(law: CellLaw, seeds: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n points from about a quarter as many: also the midpoints of neighbours, then the least needed taken away."""
    q = Quantizer.of(law, seeds)
    radii = _radii(q)
    i, j = q.edges.i, q.edges.j
    # In a hexagonal lattice the distance is 1.34 times the sum of the radii; longer ways lead through emptiness.
    close = q.edges.gap < 2.2 * (radii[i] + radii[j])
    y = np.concatenate([q.seeds, 0.5 * (q.seeds[i] + q.seeds[j])[close]])
    if len(y) <= n:
        return _filled(law, y, n, rng)
    least = np.argsort(_losses(Quantizer.of(law, y)), kind="stable")[: len(y) - n]
    return np.delete(y, least, axis=0)


def _balanced(q: Quantizer, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Points moved from where they are needed least to regions whose cells cost more than others, and how many.

    m points of a region cost A/m: if each of them costs z times the mean, the best number is m √z.
    """
    n, i, j = len(q.seeds), q.edges.i, q.edges.j
    around = 1.0 + np.bincount(i, minlength=n) + np.bincount(j, minlength=n)
    cost = q.second / q.second.mean()
    for _ in range(_AVERAGED):
        cost = (cost + np.bincount(i, cost[j], minlength=n) + np.bincount(j, cost[i], minlength=n)) / around
    missing = np.sqrt(cost) - 1.0
    # Systematically along a curve, so that each region has its share.
    order = hilbert_order(q.seeds)
    sums = np.cumsum(np.where(missing > _UNEVEN, missing, 0.0)[order])
    count = min(int(sums[-1]), n // 2)
    costly = order[np.searchsorted(sums, (np.arange(count) + 0.5) * (sums[-1] / max(count, 1)))]
    least = np.argsort(_losses(q), kind="stable")[:count]
    seeds = q.seeds.copy()
    seeds[least] = _beside(q, costly, rng)
    return seeds, count


def _filled(law: CellLaw, seeds: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n points: these and others beside the costliest."""
    while len(seeds) < n:
        more = min(n - len(seeds), len(seeds))
        seeds = np.concatenate([seeds, _beside_costliest(Quantizer.of(law, seeds, edges=False), more, rng)])
    return seeds
