"""Laws on the line as `verify` sees them: partial moments in balls, and rough quantiles to look for borders at."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import scipy
from flint import arb

from diracs.backend.arrays import concrete
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.law import Univariate, standard_quantiles
from diracs.verification.balls import Ball, NotSeparated, balls, normalized, total
from diracs.verification.families import NOTHING, Partial, normal, partial, whole

# Sums of masses that are nearer than this to one another are of the same atoms.
_SAME = 1e-13


class LineLaw(NamedTuple):
    """A law P on the line."""

    up_to: Callable[[float], Partial]  # over (−∞, b], for a finite double b
    whole: Partial
    quantiles: Callable[[np.ndarray, np.ndarray], np.ndarray]  # about, for masses below and above: the smaller counts


@singledispatch
def line_law(law: Any) -> LineLaw:
    """A law on the line with its partial moments in balls.

    Raises
    ------
    TypeError
        For a law that is not known here.
    """
    raise TypeError(
        f"cannot verify a {type(law).__name__} on the line; there verify knows Gaussian mixtures, point clouds, pixels"
        " and histograms that are not periodic, univariate laws with partial moments in closed form, affine images of"
        " one of these, and mixtures"
    )


@line_law.register
def _(law: GaussianMixture) -> LineLaw:
    means, covs, weights = (np.asarray(x, np.float64) for x in components_of(law))
    held, atoms = weights > 0, (weights > 0) & (covs[:, 0, 0] == 0)
    shares = dict(zip(np.flatnonzero(held).tolist(), normalized(weights[held])))
    normal = np.flatnonzero(held & ~atoms).tolist()
    parts = [gaussian(float(means[k, 0]), float(covs[k, 0, 0])) for k in normal]
    found = [shares[k] for k in normal]
    if atoms.any():
        parts.append(cloud(means[atoms, 0], weights[atoms]))
        found.append(total(shares[k] for k in np.flatnonzero(atoms).tolist()))
    return mixture(parts, found)


@line_law.register
def _(law: Gaussian) -> LineLaw:
    return line_law(law.as_mixture())


@line_law.register
def _(law: SumOfDiracs) -> LineLaw:
    return cloud(*(np.asarray(concrete(x), np.float64) for x in (law.positions[:, 0], law.weights)))


@line_law.register
def _(law: Univariate) -> LineLaw:
    return univariate(law)


@line_law.register
def _(law: PolynomialGrid) -> LineLaw:
    (low,), (high,) = (balls(end) for end in law.domain)
    values = np.asarray(concrete(law.values), np.float64)
    n = len(values)
    return bins([(low * (n - i) + high * i) / n for i in range(n + 1)], values)


@line_law.register
def _(law: Histogram) -> LineLaw:
    return bins(balls(law.edges[0]), np.asarray(law.masses))


@line_law.register
def _(law: Independent) -> LineLaw:
    matrix, offset = (np.asarray(concrete(x), np.float64) for x in (law.matrix, law.offset))
    used = np.flatnonzero(matrix[0])
    if len(used) != 1:
        raise TypeError(
            f"cannot verify an Independent of {len(used)} laws on the line: the law of their sum is not known"
        )
    return univariate(law.laws[used[0]], float(offset[0]), float(matrix[0, used[0]]))


@line_law.register
def _(law: Mixture) -> LineLaw:
    weights = np.asarray(concrete(law.weights), np.float64)
    held = np.flatnonzero(weights > 0).tolist()
    return mixture([line_law(law.laws[k]) for k in held], normalized(weights[held]))


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
