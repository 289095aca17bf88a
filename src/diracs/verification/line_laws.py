"""Laws on the line as `verify` sees them: partial moments in balls, and rough quantiles to look for borders at."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from flint import arb

from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.law import Univariate, standard_quantiles
from diracs.verification.balls import Ball, NotSeparated, balls, normalized
from diracs.verification.families import NOTHING, Partial, normal, partial, whole

# Sums of masses that are nearer than this to one another are of the same atoms.
_SAME = 1e-13


class LineLaw(NamedTuple):
    """A law P on the line."""

    up_to: Callable[[float], Partial]  # over (−∞, b], for a finite double b
    whole: Partial
    quantiles: Callable[[np.ndarray, np.ndarray], np.ndarray]  # about, for masses below and above: the smaller counts


def univariate(law: Univariate, offset: float = 0.0, factor: float = 1.0) -> LineLaw:
    """offset + factor (loc + scale z), all the doubles that are written down, factor not zero."""
    loc, scale = (arb(factor) * arb(x) for x in law.placed)
    loc, scale = loc + arb(offset), abs(scale)
    family = Reflected(law.family) if factor < 0 else law.family

    def up_to(b: float) -> Partial:
        return partial(family, (arb(b) - loc) / scale).placed(loc, scale)

    def quantiles(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        return np.asarray(float(loc.mid()) + float(scale.mid()) * standard_quantiles(family, below, above))

    return LineLaw(up_to, whole(family).placed(loc, scale), quantiles)


def gaussian(mean: float, variance: float) -> LineLaw:
    """N(mean, variance), variance > 0."""
    loc, scale = arb(mean), arb(variance).sqrt()

    def up_to(b: float) -> Partial:
        return normal((arb(b) - loc) / scale).placed(loc, scale)

    def quantiles(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        z = np.where(below < above, scipy.special.ndtri(below), -scipy.special.ndtri(above))
        return np.asarray(mean + np.sqrt(variance) * z)

    return LineLaw(up_to, Partial(arb(1), arb(0), arb(1)).placed(loc, scale), quantiles)


def cloud(points: np.ndarray, weights: np.ndarray) -> LineLaw:
    """Atoms (n,), from sums over those before each."""
    order = np.argsort(points, kind="stable")
    places = points[order]
    sums = [NOTHING]
    for x, w in zip(balls(places), normalized(weights[order])):
        sums.append(sums[-1] + (w, w * x, w * x * x))
    known, rough = places.tolist(), np.array([float(s.mass) for s in sums[1:]])

    def quantiles(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        # The atom that is divided, or the one before where none is.
        at = np.searchsorted(rough, below - _SAME)
        return places[np.minimum(at, len(places) - 1)]

    return LineLaw(lambda b: sums[bisect_right(known, b)], sums[-1], quantiles)


def bins(edges: Sequence[Ball], masses: np.ndarray) -> LineLaw:
    """Uniform on each of n bins between edges (n + 1,)."""
    shares = normalized(masses)
    thirds = [(a + b, a * a + a * b + b * b) for a, b in itertools.pairwise(edges)]
    sums = [NOTHING]
    for w, (first, second) in zip(shares, thirds):
        sums.append(sums[-1] + (w, w * first / 2, w * second / 3))
    known = [float(x) for x in edges]
    rough = np.concatenate([[0.0], np.cumsum(masses / masses.sum())])

    def up_to(b: float) -> Partial:
        x, i = arb(b), min(max(bisect_left(known, b) - 1, 0), len(shares) - 1)
        # Edges have been rounded for the search.
        while i + 1 < len(shares) and x > edges[i + 1]:
            i += 1
        while i > 0 and x < edges[i]:
            i -= 1
        inside = (i == 0 or x >= edges[i]) and (i + 1 == len(shares) or x <= edges[i + 1])
        if not inside:
            raise NotSeparated
        x = x.max(edges[i]).min(edges[i + 1])
        share = shares[i] / (edges[i + 1] - edges[i])
        return sums[i] + tuple(share * (x**j - edges[i] ** j) / j for j in (1, 2, 3))

    def quantiles(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(below, rough, known))

    return LineLaw(up_to, sums[-1], quantiles)


def mixture(laws: Sequence[LineLaw], shares: Sequence[Ball]) -> LineLaw:
    """Σ w_k P_k, shares of sum 1; quantiles by bisection between those of the parts."""
    if len(laws) == 1:
        return laws[0]

    def mixed(found: list[Partial]) -> Partial:
        out = NOTHING
        for part, share in zip(found, shares):
            out = out + part.times(share)
        return out

    def up_to(b: float) -> Partial:
        return mixed([law.up_to(b) for law in laws])

    def quantiles(below: np.ndarray, above: np.ndarray) -> np.ndarray:
        ends = [law.quantiles(below, above) for law in laws]
        out = np.empty(len(below))
        for i, (low, high) in enumerate(zip(np.min(ends, axis=0), np.max(ends, axis=0))):
            out[i] = _bisected(lambda b: up_to(b).mass, float(below[i]), float(low), float(high))
        return out

    return LineLaw(up_to, mixed([law.whole for law in laws]), quantiles)


_BISECTIONS = 60


def _bisected(mass: Callable[[float], Any], wanted: float, low: float, high: float) -> float:
    for _ in range(_BISECTIONS):
        middle = 0.5 * low + 0.5 * high
        if not low < middle < high:
            break
        low, high = (middle, high) if float(mass(middle).mid()) < wanted else (low, middle)
    return 0.5 * low + 0.5 * high
