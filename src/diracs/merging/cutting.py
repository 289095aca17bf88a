"""Any law that can be cut goes to given points, and is cut where the borders between points cross its pieces.

Of a piece whose barycenter is nearest to a, |x − b|² − |x − a|² is linear in x for every other point b. Taken for
normal, with its mean δ ≥ 0 and deviation τ there, it tells what the part beyond the border of a and b costs too much,
the excess m (τ φ(δ/τ) − δ Φ(−δ/τ)). In each round the pieces that hold half of all excess are cut in two, where that
lowers τ most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from diracs.backend import doubled
from diracs.cells.divisible import Cut, Divisible
from diracs.cells.partition import Partition
from diracs.merging.merge import group_masses
from diracs.merging.refinement import Gathered

# What is cut in one round, of all excess; pieces whose excess is less than this share of the mean one wanted are left.
_ROUND, _LEFT = 0.5, 0.05
# Without points to go to: pieces of at least this share of the largest spread are cut.
_LARGE = 0.25
_ROUNDS = 200
# Other points whose borders are looked at, by dimension, and so many deviations away.
_NEIGHBOURS, _SEEN = (3, 5, 8, 10, 12, 14, 16, 16), 4.5


class Sent(NamedTuple):
    """What has gone to each point, and what of that may be wrong."""

    found: Gathered
    mass_error: np.ndarray  # (n,)
    cost_error: float  # of the mean square error
    excess: float  # about so much of it is to be gained
    pieces: int

    @classmethod
    def none(cls, y: np.ndarray) -> Sent:
        """Nothing yet."""
        zero = np.zeros(len(y))
        return cls(Gathered(y, (zero, zero), np.zeros_like(y), zero, 0.0), zero, 0.0, 0.0, 0)

    @property
    def points(self) -> np.ndarray:
        """Those that it has gone to, (n, d)."""
        return self.found.points

    def at_barycenters(self) -> Sent:
        """The same gone to its barycenters instead."""
        return self._replace(found=self.found.at_barycenters())

    def among(self, points: np.ndarray, places: np.ndarray) -> Sent:
        """The same where there are other points too, to which nothing goes."""
        wide = np.zeros(len(points))
        wide[places] = self.mass_error
        return self._replace(found=self.found.among(points, places), mass_error=wide)


class _Pieces(NamedTuple):
    """Pieces with the points nearest to their barycenters."""

    rows: np.ndarray  # (N, w)
    mass: np.ndarray
    barycenter: np.ndarray  # (N, d)
    spread: np.ndarray
    doubt: np.ndarray
    label: np.ndarray
    other: np.ndarray
    square: np.ndarray
    excess: np.ndarray

    def take(self, where: np.ndarray) -> _Pieces:
        return _Pieces(*(x[where] for x in self))

    def joined(self, more: _Pieces) -> _Pieces:
        return _Pieces(*(np.concatenate(x) for x in zip(self, more)))


def coarse(law: Divisible, count: int) -> tuple[np.ndarray, Cut]:
    """About `count` pieces of spreads as equal as can be, as the cells of the best quantizers of many points have."""
    rows = law.whole()
    cut = law.cut(rows)
    for _ in range(_ROUNDS):
        room = count - len(rows)
        top = float(cut.loose.max())
        if room <= 0 or not top > 0:
            break
        large = np.flatnonzero(cut.loose >= _LARGE * top)
        if len(large) > room:
            large = np.sort(large[np.argsort(-cut.loose[large], kind="stable")[:room]])
        new = np.concatenate(law.halves(rows[large], None))
        fresh = law.cut(new)
        rest = np.ones(len(rows), dtype=bool)
        rest[large] = False
        held = fresh.cells.mass > 0
        rows = np.concatenate([rows[rest], new[held]])
        cells = Partition(*(np.concatenate([a[rest], b[held]]) for a, b in zip(cut.cells, fresh.cells)))
        cut = Cut(cells, *(np.concatenate([a[rest], b[held]]) for a, b in zip(cut[1:], fresh[1:])))
    return rows, cut


def sent_within(law: Divisible, rows: np.ndarray, y: np.ndarray, precision: float, most: int) -> Sent:
    """Pieces (N, w) gone to points y (n, d), cut until about `precision` is to be gained in W₂, or there are `most`."""
    done = Sent.none(y)
    active = _looked_at(law, rows, y)
    for _ in range(_ROUNDS):
        cost = float((done.found.cost).sum() + (active.spread + active.mass * active.square).sum())
        excess = done.excess + float(active.excess.sum())
        # The estimate may be far above the cost while pieces are coarse.
        wanted = 2.0 * precision * max(cost - excess, 0.5 * cost)
        count = done.pieces + len(active.mass)
        if excess <= wanted or count >= most or not len(active.mass):
            break
        order = np.argsort(-active.excess, kind="stable")
        sums = np.cumsum(active.excess[order])
        number = int(np.searchsorted(sums, _ROUND * sums[-1])) + 1
        cut = order[: min(number, most - count)]
        left = np.ones(len(order), dtype=bool)
        left[cut] = False
        small = active.excess < _LEFT * wanted / count
        new = _looked_at(
            law, np.concatenate(law.halves(active.rows[cut], y[active.other[cut]] - y[active.label[cut]])), y
        )
        done = _gathered(done, active.take(left & small))
        active = active.take(left & ~small).joined(new.take(new.mass > 0))
    return _gathered(done, active)


def _looked_at(law: Divisible, rows: np.ndarray, y: np.ndarray) -> _Pieces:
    """Pieces with their nearest points, and the excess over others; of these, the one that most of it is due to."""
    (mass, barycenter, spread), doubt, loose = law.cut(rows)
    count = min(len(y), _NEIGHBOURS[min(y.shape[1], len(_NEIGHBOURS)) - 1])
    distance, near = (
        x.reshape(len(rows), count) for x in scipy.spatial.cKDTree(y).query(barycenter, count, workers=-1)
    )
    label, square = near[:, 0], ((barycenter - y[near[:, 0]]) ** 2).sum(axis=1)
    excess, most, other = np.zeros(len(rows)), np.zeros(len(rows)), label.copy()
    size = np.sqrt(np.divide(spread, mass, out=np.zeros_like(mass), where=mass > 0))
    for b, far in zip(near.T[1:], distance.T[1:]):
        gap = (far - distance[:, 0]) * (far + distance[:, 0])
        way = y[b] - y[label]
        # No direction has more variance than all of them together.
        on = np.flatnonzero((loose > 0) & (gap < 2.0 * _SEEN * np.sqrt((way**2).sum(axis=1)) * size))
        deviation = 2.0 * np.sqrt(law.variances(rows[on], way[on]))
        ratio = np.divide(gap[on], deviation, out=np.full(len(on), np.inf), where=deviation > 0)
        density = np.exp(-0.5 * np.minimum(ratio, 40.0) ** 2) / np.sqrt(2.0 * np.pi)
        beyond = np.maximum(deviation * density - gap[on] * scipy.special.ndtr(-ratio), 0.0)
        more = mass[on] * np.where(ratio < _SEEN, beyond, 0.0)
        excess[on] += more
        better = more > most[on]
        most[on[better]], other[on[better]] = more[better], b[on[better]]
    return _Pieces(rows, mass, barycenter, spread, doubt, label, other, square, excess)


def gone(cut: Cut, y: np.ndarray, label: np.ndarray) -> Sent:
    """Pieces gone to the points with these numbers (N,) among y (n, d)."""
    (mass, barycenter, spread), doubt, _ = cut
    square = ((barycenter - y[label]) ** 2).sum(axis=1)
    return _gathered(
        Sent.none(y), _Pieces(label[:, None], mass, barycenter, spread, doubt, label, label, square, 0.0 * mass)
    )


def _gathered(done: Sent, more: _Pieces) -> Sent:
    """What these pieces add."""
    if not len(more.mass):
        return done
    before, n = done.found, len(done.found.points)
    cost = more.spread + more.mass * more.square
    size = np.sqrt((more.barycenter**2).sum(axis=1)) + np.sqrt((before.points**2).sum(axis=1))[more.label]
    off = more.mass[:, None] * (more.barycenter - before.points[more.label])
    first = np.stack([np.bincount(more.label, x, minlength=n) for x in off.T], axis=1)
    found = Gathered(
        before.points,
        doubled.add(before.masses, group_masses(more.label, more.mass, n)),
        before.first + first,
        before.cost + np.bincount(more.label, cost, minlength=n),
        before.moved + float((more.mass * size**2)[cost > 0].sum()),
    )
    return Sent(
        found,
        done.mass_error + np.bincount(more.label, more.doubt * more.mass, minlength=n),
        # Of mass and spread by as much, and of the first moment by the root of the product: (a + b)² ≤ 2 (a² + b²).
        done.cost_error + float((2.0 * more.doubt * cost).sum()),
        done.excess + float(more.excess.sum()),
        done.pieces + len(more.mass),
    )
