"""Optimal scalar quantizers of Gaussian mixtures, and of the normal law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.cells.intervals import density, interval_moments, voronoi_gaps
from diracs.codebooks import starts
from diracs.codebooks.newton import CellMoments, minimize_distortion
from diracs.codebooks.normal import normal_distortion, normal_levels

__all__ = ["mixture_distortion", "mixture_moments", "normal_distortion", "normal_levels", "optimal_levels"]

# Components beyond this many standard deviations from a cell (mass below 1e-44) are passed over while optimizing.
_FAR = 14.0
# Beyond this many, float64 holds no mass at all.
_NOTHING = 38.0
# Pairs of component and level that are worked on at once.
_PAIRS = 1 << 16
# Gauss–Legendre rules and the width·reach up to which their second moments are right to 1e-15.
_RULES = tuple((np.polynomial.legendre.leggauss(p), extent) for p, extent in ((4, 0.02), (6, 0.25), (8, 1.0)))
# Dynamic programming is tried up to this many levels, on at most so many bins, within so many operations in total.
_SEARCHED, _BINS, _OPERATIONS = 128, 512, 2e8
# All starts are minimized from up to so many pairs, exchanges tried for mixtures of up to so many components.
_SEARCH_PAIRS, _EXCHANGED = 1 << 19, 12


@dataclass(frozen=True)
class Mixtures:
    """Gaussian mixtures on the line, centred and scaled by powers of two to order one."""

    means: np.ndarray  # (K,)
    deviations: np.ndarray  # (K,) zero: point mass
    weights: np.ndarray  # (K,) of sum one per mixture
    counts: np.ndarray  # (G,) number of components
    centre: np.ndarray  # (G,)
    scale: np.ndarray  # (G,)

    def components(self, g: int) -> slice:
        """Where the components of mixture g stand."""
        begin = int(self.counts[:g].sum())
        return slice(begin, begin + int(self.counts[g]))


def standardize(means: np.ndarray, variances: np.ndarray, weights: np.ndarray, group: np.ndarray) -> Mixtures:
    """Bring each mixture to order one; see `optimal_levels` for the arguments."""
    means, variances, weights = (np.asarray(a, dtype=np.float64) for a in (means, variances, weights))
    group = np.asarray(group)
    counts = np.bincount(group)
    begin = np.cumsum(counts) - counts
    low, high = np.minimum.reduceat(means, begin), np.maximum.reduceat(means, begin)
    centre = np.where(low == high, low, 0.5 * low + 0.5 * high)
    deviations = np.sqrt(variances)
    size = np.maximum(0.5 * high - 0.5 * low, np.maximum.reduceat(deviations, begin))
    # A power of two, so that scaling is exact.
    scale = np.ldexp(1.0, np.where(size > 0, np.frexp(size)[1], 0))
    share = weights / np.maximum.reduceat(weights, begin)[group]
    share = share / np.add.reduceat(share, begin)[group]
    return Mixtures((means - centre[group]) / scale[group], deviations / scale[group], share, counts, centre, scale)


@dataclass(frozen=True)
class _MixtureLaw:
    """Moments of the cells of quantizers, quantizer r being one of the mixture of[r]."""

    mixtures: Mixtures
    of: np.ndarray
    far: float = _FAR

    def __call__(self, levels: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> CellMoments:
        mix, n = self.mixtures, int(sizes[0])
        y = levels.reshape(-1, n)
        left, right = voronoi_gaps(y)
        mixture = self.of[rows]
        counts = mix.counts[mixture]
        ends = np.cumsum(counts)
        row = np.repeat(np.arange(len(rows)), counts)
        shift = (np.cumsum(mix.counts) - mix.counts)[mixture] - (ends - counts)
        component = np.arange(len(row)) + shift[row]
        lower, upper = y - left, y + right
        sums = np.zeros((4, y.size))
        step = max(1, _PAIRS // n)
        for begin in range(0, len(row), step):
            r, k = row[begin : begin + step], component[begin : begin + step]
            mean, deviation = mix.means[k, None], mix.deviations[k, None]
            reach = self.far * deviation
            pair, j = np.nonzero((lower[r] <= mean + reach) & (upper[r] >= mean - reach))
            at, k = r[pair] * n + j, k[pair]
            part = slice(r[0] * n, (r[-1] + 1) * n)
            # Beyond 1e154 deviations squares overflow: there is no mass, as it should be.
            with np.errstate(over="ignore"):
                sums[:, part] += self._sum(
                    levels[at], left.ravel()[at], right.ravel()[at], k, at - part.start, part.stop - part.start
                )
        finite = np.isfinite(right).ravel()
        coupling = np.where(finite, 0.5 * sums[3] * np.where(finite, right.ravel(), 0.0), 0.0)
        return CellMoments(sums[0], sums[1], sums[2], coupling, np.zeros(y.size))

    def _sum(
        self, y: np.ndarray, left: np.ndarray, right: np.ndarray, k: np.ndarray, at: np.ndarray, count: int
    ) -> np.ndarray:
        """Mass, first and second moment and density at the right border: pairs of cell `at` and component k, summed."""
        mix = self.mixtures
        weight, mean, deviation = mix.weights[k], mix.means[k], mix.deviations[k]
        smooth = deviation > 0
        scale = np.where(smooth, deviation, 1.0)
        # Standardized; a product of width and reach up to 1 needs but few nodes.
        t, width = (y - mean) / scale, np.where(smooth, (left + right) / scale, np.inf)
        extent = width * np.maximum(np.abs(t) + width, 1.0)
        sums = np.zeros((4, count))
        done = np.zeros(len(at), dtype=bool)
        for rule, limit in _RULES:
            i = np.flatnonzero((extent <= limit) & ~done)
            done[i] = True
            moments = _narrow(rule, t[i], left[i] / scale[i], right[i] / scale[i])
            for s, (power, moment) in zip(sums, enumerate(moments)):
                s += np.bincount(at[i], weight[i] * scale[i] ** power * moment, minlength=count)
        i = np.flatnonzero(~done)
        mass, first, second, _ = interval_moments(y[i], left[i], right[i], mean[i], deviation[i] ** 2)
        for s, moment in zip(sums, (mass, first, second)):
            s += np.bincount(at[i], weight[i] * moment, minlength=count)
        i = np.flatnonzero(smooth & np.isfinite(right))
        border = density(t[i] + right[i] / scale[i]) / scale[i]
        sums[3] += np.bincount(at[i], weight[i] * border, minlength=count)
        return sums


def _narrow(
    rule: tuple[np.ndarray, np.ndarray], t: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass, first and second moment about t of N(0, 1) over [t − left, t + right], by Gauss–Legendre."""
    mass, first, second = np.zeros((3, len(t)))
    for node, weight in zip(*rule):
        x = right * (0.5 * (1.0 + node)) - left * (0.5 * (1.0 - node))
        w = density(t + x) * weight
        mass += w
        w *= x
        first += w
        w *= x
        second += w
    half = 0.5 * (left + right)
    return half * mass, half * first, half * second


def optimal_levels(
    means: np.ndarray, variances: np.ndarray, weights: np.ndarray, group: np.ndarray, n: int
) -> np.ndarray:
    """Optimal n-point quantizers of several Gaussian mixtures on the line.

    Parameters
    ----------
    means, variances, weights : arrays (K,)
        All components; a variance of zero is a point mass; weights are positive and need not be normalized.
    group : array (K,) of int
        The mixture of each component: sorted, every value from 0 to G − 1 occurs.
    n : int
        Number of levels, at least 1.

    Returns
    -------
    array (G, n)
        Sorted levels. Their distortion is at most that of the best allocation of the n points to the components (each
        at least one), and has a positive semidefinite Hessian. Levels repeat only where a mixture consists of at most n
        point masses.

    Notes
    -----
    Damped Newton from several starts (companding, per mode, per component, dynamic programming), the best is kept. For
    log-concave mixtures the optimum is unique and one start is enough.
    """
    mix = standardize(means, variances, weights, group)
    total = len(mix.counts)
    begin = np.cumsum(mix.counts) - mix.counts
    if n == 1:
        return (mix.centre + mix.scale * np.add.reduceat(mix.weights * mix.means, begin))[:, None]
    out = np.zeros((total, n))
    single = mix.counts == 1
    out[single] = mix.means[begin[single], None] + mix.deviations[begin[single], None] * normal_levels(n)[0]

    several = np.flatnonzero(~single).tolist()
    few = {g: atoms for g in several if len(atoms := _atoms(means, variances, mix, g, n))}
    several = [g for g in several if g not in few]
    normal = np.append(np.inf, normal_distortion(np.arange(1, n + 2)))
    bins = int(min(_BINS, math.sqrt(_OPERATIONS / (n * max(len(several), 1)))))
    candidates: list[np.ndarray] = []
    of: list[int] = []
    for g in several:
        found = _candidates(mix, g, n, normal, bins)
        candidates += found
        of += [g] * len(found)
    if candidates:
        rows = np.array(of)
        pairs = int((mix.counts[rows] * n).sum())
        rows, levels, distortion = _best(mix, candidates, rows, n, prune=pairs > _SEARCH_PAIRS)
        _exchange(mix, rows, levels, distortion)
        out[rows] = levels
    out = np.maximum.accumulate(mix.centre[:, None] + mix.scale[:, None] * out, axis=1)
    for g, atoms in few.items():
        out[g] = np.append(atoms, np.full(n - len(atoms), atoms[-1]))
    return out


def _atoms(means: np.ndarray, variances: np.ndarray, mix: Mixtures, g: int, n: int) -> np.ndarray:
    """The distinct means of mixture g if it consists of at most n point masses, else none."""
    part = mix.components(g)
    atoms = np.unique(means[part]) if not np.any(variances[part]) else np.empty(0)
    return atoms if len(atoms) <= n else np.empty(0)


def _candidates(mix: Mixtures, g: int, n: int, normal: np.ndarray, bins: int) -> list[np.ndarray]:
    """Starting levels for mixture g, strictly increasing."""
    part = mix.components(g)
    mean, deviation, weight = mix.means[part], mix.deviations[part], mix.weights[part]
    cells = starts.grid(mean, deviation, weight, max(1024, 2 * n))
    found: list[np.ndarray | None] = [starts.companding(cells, n)]
    if not cells.log_concave:
        found += [starts.modes(cells, n, normal), starts.union(mean, deviation, weight, n, normal)]
        if n <= _SEARCHED and bins >= 4 * n:
            found.append(starts.k_means(cells, n, bins))
    return [_spread(y) for y in found if y is not None]


def _best(
    mix: Mixtures, candidates: list[np.ndarray], of: np.ndarray, n: int, prune: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimize from all starts, or from the best one of each mixture; mixtures, their best levels and distortions."""
    levels, sizes = np.concatenate(candidates), np.full(len(of), n)

    def least() -> tuple[np.ndarray, np.ndarray]:
        distortion = law(levels, sizes, np.arange(len(of))).second.reshape(-1, n).sum(axis=1)
        order = np.lexsort((distortion, of))
        return order[np.unique(of[order], return_index=True)[1]], distortion

    law = _MixtureLaw(mix, of)
    if prune:
        keep, _ = least()
        levels, sizes, of = levels.reshape(-1, n)[keep].ravel(), sizes[keep], of[keep]
        law = _MixtureLaw(mix, of)
    levels = minimize_distortion(levels, sizes, law)
    keep, distortion = least()
    return of[keep], levels.reshape(-1, n)[keep], distortion[keep]


def _exchange(mix: Mixtures, rows: np.ndarray, levels: np.ndarray, distortion: np.ndarray) -> None:
    """Try to move single points between components, in place, while that helps and is cheap."""
    n = levels.shape[1]
    active = np.arange(len(rows))
    for _ in range(4):
        tried: list[np.ndarray] = []
        of: list[int] = []
        for i in active:
            part = mix.components(int(rows[i]))
            # Neighbouring components of a mixture of many are too close for a point more or less to matter.
            if part.stop - part.start <= _EXCHANGED:
                moved = [_spread(y) for y in starts.exchanges(levels[i], mix.means[part])]
                tried += moved
                of += [int(i)] * len(moved)
        if not tried or int((mix.counts[rows[of]] * n).sum()) > _SEARCH_PAIRS // 8:
            return
        mixtures, found_levels, found = _best(mix, tried, rows[np.array(of)], n, prune=False)
        place = np.searchsorted(rows, mixtures)
        better = found < distortion[place] * (1.0 - 1e-12)
        active = place[better]
        levels[active], distortion[active] = found_levels[better], found[better]
        if not len(active):
            return


def _spread(y: np.ndarray) -> np.ndarray:
    """Levels that coincide, moved apart by a few roundings."""
    if (np.diff(y) > 0).all():
        return y
    step = 4.0 * float(np.finfo(np.float64).eps) * max(1.0, float(np.abs(y).max()))
    ramp = step * np.arange(len(y))
    return np.maximum.accumulate(y - ramp) + ramp


def mixture_distortion(
    levels: np.ndarray, means: np.ndarray, variances: np.ndarray, weights: np.ndarray, group: np.ndarray
) -> np.ndarray:
    """E min_j (x − y_j)² of sorted levels (G, n) for each of G mixtures, normalized; (G,), a sum of positive terms.

    The other arguments are those of `optimal_levels`.
    """
    mix = standardize(means, variances, weights, group)
    y = (np.asarray(levels, dtype=np.float64) - mix.centre[:, None]) / mix.scale[:, None]
    rows = np.arange(len(y))
    law = _MixtureLaw(mix, rows, _NOTHING)
    second = law(y.ravel(), np.full(len(y), y.shape[1]), rows).second
    return second.reshape(y.shape).sum(axis=1) * mix.scale**2


def mixture_moments(levels: np.ndarray, means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> CellMoments:
    """Moments of the Voronoi cells of sorted levels (n,), about these, under one mixture of size about one."""
    count = np.array([len(means)])
    share = weights / weights.sum()
    mix = Mixtures(means, np.sqrt(variances), share, count, np.zeros(1), np.ones(1))
    rows = np.zeros(1, dtype=int)
    return _MixtureLaw(mix, rows, _NOTHING)(levels, np.array([len(levels)]), rows)
