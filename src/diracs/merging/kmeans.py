"""Weighted k-means: n centres that minimize Σ m_j min_i |c_j − y_i|², near the best there are.

In few dimensions neighbouring cells are merged first, some for each centre. On these centres start by D² sampling, or
spread like the root of order (d + 2)/d of the density, as the best quantizers of many points are (Zador 1982), descend
by Lloyd's steps, and then breathe (B. Fritzke, "Breathing k-means", 2020): some are added where groups cost most, and
after a few steps as many are taken away where they are needed least; the result is kept if it is better. At the end
Lloyd's steps on the cells themselves lead to a stationary point. In many dimensions a sample of the cells stands for
them.

All is deterministic: work is limited in steps, never by a clock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from diracs import _core
from diracs.backend.progress import report
from diracs.cells.partition import Partition

# Dimensions of trees; beyond, bounds.
MOST_TREE = 8
# Cells for each centre that breathing works on, and how few more do not need them.
_COARSE, _NEARLY = 24, 2.0
# Cells that a node of the tree holds at most; centres up to which D² sampling is cheap.
_LEAF, _SEEDED = 64, 2000
# A sample of that many cells for each centre stands for all in many dimensions.
_SAMPLE = 40
# Lloyd's steps: after a start, after breathing in, after breathing out, on all cells.
_FIRST, _IN, _OUT, STEPS = 40, 4, 8, 200
# They end where one lowers the cost by less than this share: to compare; at the end, with trees and with bounds.
_COMPARED, _POLISHED, _POLISHED_MANY = 1e-4, 5e-5, 1e-4
# Breaths, the share of centres that the first adds, and evaluations of centres for cells that they may take.
BREATHS, _SHARE, _WORK = 16, 0.08, 1e8
# Neighbours that a centre may be merged with.
_NEIGHBOURS = 6
_REPAIRS = 20


class Descent(NamedTuple):
    """Centres with the masses and costs of their groups."""

    centres: np.ndarray  # (n, d)
    mass: np.ndarray  # (n,)
    cost: np.ndarray  # (n,)

    @property
    def total(self) -> float:
        """The cost of all groups."""
        return float(self.cost.sum())


def kmeans(
    cells: Partition,
    n: int,
    *,
    seed: int = 0,
    start: np.ndarray | None = None,
    breaths: int = BREATHS,
    steps: int = STEPS,
    threads: int = 0,
) -> np.ndarray:
    """At most n centres (n, d), near the least cost: one more step lowers it by no more than one part in 10⁴.

    Parameters
    ----------
    cells : Partition
        Of size about one; masses positive. Memory is linear in their number.
    n : int
    seed : int
        Of the draws: equal seeds give equal centres, whatever the number of threads.
    start : array (m, d), m ≤ n, optional
        Centres to start from instead.
    breaths : int
        At most so many attempts to get to a better optimum.
    steps : int
        At most so many of Lloyd's steps at the end.
    threads : int
        0: as many as the machine has.

    Returns
    -------
    array (m, d), m ≤ n
        Fewer where there is no use for n.
    """
    rng = np.random.default_rng(seed)
    count, d = cells.barycenter.shape
    if n >= count:
        return cells.barycenter
    if n == 1:
        return (cells.mass @ cells.barycenter / cells.mass.sum())[None]
    points = _points(cells, threads)
    most = max((_COARSE if d <= MOST_TREE else _SAMPLE) * n, 2000)
    if count <= _NEARLY * most:
        few, some = cells, points
    elif d <= MOST_TREE:
        few = _coarse(cells, points, most, rng, threads)
        some = _points(few, threads)
    else:
        few = _sample(cells, most, rng)
        some = _points(few, threads)
    y = _start(few, n, rng, threads) if start is None else _filled(some, start, n, threads)
    found = _settle(some, few, y, _FIRST if start is None else min(_FIRST, steps), _COMPARED, threads)
    if breaths and len(found.centres) == n:
        found = _breathe(some, few, found, breaths, rng, threads)
    polished = _POLISHED if d <= MOST_TREE else _POLISHED_MANY
    return _settle(points, cells, found.centres, steps, polished, threads).centres


def refreshed(cells: Partition, n: int, start: np.ndarray, *, seed: int = 0, threads: int = 0) -> np.ndarray:
    """About n centres, fast: from those that suited most of the cells, one breath and a step each time.

    Parameters
    ----------
    cells : Partition
        Of size about one; masses positive.
    n : int
    start : array (m, d), m ≤ n
        None at first: then the centres are spread over the tree, or in many dimensions over a sample.
    """
    rng = np.random.default_rng(seed)
    count, d = cells.barycenter.shape
    if n >= count:
        return cells.barycenter
    points = _points(cells, threads)
    if not len(start):
        places = Partition(*points.coarse(2 * n)) if d <= MOST_TREE else _sample(cells, n, rng)
        start = places.barycenter[np.linspace(0, len(places.mass) - 1, min(n, len(places.mass))).astype(int)]
    found = _descend(points, start, 1, 0.0, threads)
    found = Descent(*(x[found.mass > 0] for x in found))
    room = n - len(found.centres)
    added = min(max(room, round(_SHARE * n)), len(found.centres))
    wide = _descend(points, _breathed_in(found, added, rng), 1, 0.0, threads)
    kept = _without_least(wide, max(added - room, 0))
    return _descend(points, wide.centres[kept], 1, 0.0, threads).centres


def _points(cells: Partition, threads: int) -> _core.WeightedPoints:
    mass, barycenter, spread = (np.ascontiguousarray(x, dtype=np.float64) for x in cells)
    return _core.WeightedPoints(barycenter, mass, spread, threads=threads)


def _coarse(
    cells: Partition, points: _core.WeightedPoints, count: int, rng: np.random.Generator, threads: int
) -> Partition:
    """Cells in which neighbouring ones are merged: nodes of the tree, or those nearest to a sample if few."""
    if len(cells.mass) >= _LEAF * count:
        return Partition(*points.coarse(count))
    seeds = _sample(cells, count, rng).barycenter
    label, _ = points.nearest(np.ascontiguousarray(seeds), threads=threads)
    label = np.unique(label, return_inverse=True)[1].ravel()
    mass = np.bincount(label, cells.mass)
    first = [np.bincount(label, cells.mass * x) for x in cells.barycenter.T]
    barycenter = np.ascontiguousarray(np.stack(first, axis=1) / mass[:, None])
    off = ((cells.barycenter - barycenter[label]) ** 2).sum(axis=1)
    return Partition(mass, barycenter, np.bincount(label, cells.spread + cells.mass * off))


def _sample(cells: Partition, count: int, rng: np.random.Generator) -> Partition:
    """Systematically, in proportion to the masses."""
    sums = np.cumsum(cells.mass)
    ticks = (np.arange(count) + rng.random()) * (sums[-1] / count)
    which, times = np.unique(np.minimum(np.searchsorted(sums, ticks), len(sums) - 1), return_counts=True)
    return Partition(times / count, cells.barycenter[which], np.zeros(len(which)))


def _start(few: Partition, n: int, rng: np.random.Generator, threads: int) -> np.ndarray:
    """Centres by D² sampling, or, where they are many, spread like the best ones of many."""
    d = few.barycenter.shape[1]
    if n > _SEEDED and d <= MOST_TREE:
        # A cell of mass m and width h has density m/h^d and room for (m/h^d)^{d/(d+2)} h^d ∝ (m h²)^{d/(d+2)} centres.
        share = few.spread ** (d / (d + 2.0))
        if np.count_nonzero(share) >= 2 * n:
            sums = np.cumsum(share)
            ticks = (np.arange(n) + rng.random(n)) * (sums[-1] / n)
            return np.ascontiguousarray(few.barycenter[np.minimum(np.searchsorted(sums, ticks), len(sums) - 1)])
    seeds = _core.spread_seeds(
        np.ascontiguousarray(few.barycenter), np.ascontiguousarray(few.mass), rng.random(n), threads=threads
    )
    return np.ascontiguousarray(few.barycenter[seeds])


def _filled(points: _core.WeightedPoints, start: np.ndarray, n: int, threads: int) -> np.ndarray:
    """The start, and copies of its centres that cost most, which `_settle` puts where they are missed."""
    missing = n - len(start)
    if missing <= 0:
        return np.ascontiguousarray(start)
    return np.ascontiguousarray(np.concatenate([start, np.repeat(start[:1], missing, axis=0)]))


def _descend(points: _core.WeightedPoints, y: np.ndarray, steps: int, tolerance: float, threads: int) -> Descent:
    return Descent(*points.lloyd(np.ascontiguousarray(y), steps=steps, tolerance=tolerance, threads=threads)[:3])


def _settle(
    points: _core.WeightedPoints, cells: Partition, y: np.ndarray, steps: int, tolerance: float, threads: int
) -> Descent:
    """Lloyd's steps; centres of empty groups go to the cells that cost most. Those that stay empty are left out."""
    found = _descend(points, y, steps, tolerance, threads)
    for _ in range(_REPAIRS):
        empty = np.flatnonzero(found.mass <= 0)
        if not len(empty) or not found.total > 0:
            break
        label, square = points.nearest(found.centres, threads=threads)
        # The costliest cell of each of the costliest groups.
        cost = cells.mass * square
        order = np.argsort(-cost, kind="stable")
        first = order[np.sort(np.unique(label[order], return_index=True)[1])]
        moved = first[: len(empty)]
        moved = moved[cost[moved] > 0]
        if not len(moved):
            break
        centres = found.centres.copy()
        centres[empty[: len(moved)]] = cells.barycenter[moved]
        found = _descend(points, centres, steps, tolerance, threads)
    held = found.mass > 0
    return found if held.all() else Descent(*(np.ascontiguousarray(x[held]) for x in found))


def _breathe(
    points: _core.WeightedPoints,
    cells: Partition,
    best: Descent,
    breaths: int,
    rng: np.random.Generator,
    threads: int,
) -> Descent:
    """Centres added and taken away, as long as that helps and is cheap."""
    n, d = best.centres.shape
    work = 15.0 * len(cells.mass) * (20.0 + 2.0**d if d <= MOST_TREE else n) * d
    share = _SHARE
    most = min(breaths, int(_WORK / work) + 2)
    for breath in range(most):
        report("rounds of merging", breath, most)
        count = max(1, round(share * n))
        wide = _descend(points, _breathed_in(best, count, rng), _IN, _COMPARED, threads)
        kept = _without_least(wide, count)
        found = _settle(points, cells, wide.centres[kept], _OUT, _COMPARED, threads)
        if found.total < best.total and len(found.centres) == n:
            best = found
        elif count == 1:
            break
        else:
            share *= 0.5
    return best


def _breathed_in(found: Descent, count: int, rng: np.random.Generator) -> np.ndarray:
    """The centres, and others beside those whose groups cost most."""
    costliest = np.argsort(-found.cost, kind="stable")[:count]
    way = rng.standard_normal((len(costliest), found.centres.shape[1]))
    way *= (0.5 * np.sqrt(found.cost[costliest] / found.mass[costliest]) / np.linalg.norm(way, axis=1))[:, None]
    return np.concatenate([found.centres, found.centres[costliest] + way])


def _without_least(found: Descent, count: int) -> np.ndarray:
    """The centres without `count` of those that others could stand in for best, no two of them neighbours."""
    n = len(found.centres)
    tree = scipy.spatial.cKDTree(found.centres)
    gaps, neighbours = tree.query(found.centres, k=min(_NEIGHBOURS, n - 1) + 1)
    gaps, neighbours = gaps[:, 1:], neighbours[:, 1:]
    other = found.mass[neighbours]
    both = found.mass[:, None] + other
    # What merging two groups costs (J. Ward 1963).
    shares = np.divide(found.mass[:, None] * other, both, out=np.zeros_like(both), where=both > 0)
    losses = shares * gaps**2
    order = np.argsort(losses.min(axis=1), kind="stable").tolist()
    nearest = neighbours[np.arange(n), losses.argmin(axis=1)].tolist()
    out = np.zeros(n, dtype=bool)
    needed = np.zeros(n, dtype=bool)
    taken = 0
    for i in order:
        if taken == count:
            break
        if not needed[i]:
            out[i] = needed[nearest[i]] = True
            taken += 1
    for i in order:
        if taken == count:
            break
        if not out[i]:
            out[i] = True
            taken += 1
    return np.flatnonzero(~out)
