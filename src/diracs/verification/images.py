"""W₂ between an image in the plane and Diracs from both sides, by exact power cells.

A Dirac that is further than another from all of a pixel, by more than doubles can be wrong, has no part of it. The
others' cells are clipped by bisectors with some of the others, in rational arithmetic from rational borders. By some
only, each holds the power cell; hence if their areas sum to exactly that of the pixel, they are the power cells up to
null sets, and what chose the bisectors has not to be trusted.

The cells give a coupling and, for the same weights w, Kantorovich's dual E min (|X − yᵢ|² − wᵢ) + Σ mᵢ wᵢ, whose value
is the cost of the coupling less Σ wᵢ (pᵢ − mᵢ), pᵢ the masses of the cells. Integrals are balls about rationals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from flint import arb, fmpq

from diracs.backend.arrays import concrete
from diracs.backend.progress import report
from diracs.laws.histogram import Histogram
from diracs.laws.pixels import PolynomialGrid
from diracs.verification.balls import Ball, balls, normalized, root, total
from diracs.verification.mismatch import with_given_masses

Vertex = tuple[fmpq, fmpq]
# Differences of squares, in a unit above all numbers, are off by fewer than 40 roundings of the largest |y|² − w or 1.
_DOUBT = 1e-13
# Voronoi cells with masses that cost more than this, relative, ask for weights.
_OFF = 1e-13
# Pairs of a pixel and a Dirac that are looked at together, in doubles.
_BLOCK = 2_000_000


class Pixels(NamedTuple):
    """N pixels with some mass."""

    shares: list[Ball]
    low: list[Vertex]
    high: list[Vertex]


class _Sites(NamedTuple):
    """n Diracs with weights, as rationals and in doubles."""

    exact: list[tuple[fmpq, fmpq, fmpq]]  # y and |y|² − w
    positions: np.ndarray  # (n, 2)
    offsets: np.ndarray  # (n,): |y|² − w
    doubt: float  # more than what differences of squares are off by


@singledispatch
def domain_of(law: Any) -> np.ndarray | None:
    """The box (2, 2) of a law that has exact cells here; None for others."""
    return None


@domain_of.register(PolynomialGrid)
@domain_of.register(Histogram)
def _(law: PolynomialGrid | Histogram) -> np.ndarray | None:
    known = law.ndim == 2 and not any(getattr(law, "periodic", ()))
    return np.asarray(law.domain, dtype=np.float64) if known else None


@singledispatch
def pixels_of(law: Any, unit: float) -> Pixels:
    """The pixels of an image in the plane over a unit; borders are rational, not those that `linspace` rounds."""
    raise TypeError(f"a {type(law).__name__} has no pixels")


@pixels_of.register
def _(law: Histogram, unit: float) -> Pixels:
    return _pixels([[_rational(x) / _rational(unit) for x in edge.tolist()] for edge in law.edges], law.masses)


@pixels_of.register
def _(law: PolynomialGrid, unit: float) -> Pixels:
    values = np.asarray(concrete(law.values), dtype=np.float64)
    ends = [[_rational(x) / _rational(unit) for x in end] for end in np.asarray(law.domain, np.float64).T.tolist()]
    edges = [[low + (high - low) * fmpq(i, n) for i in range(n + 1)] for (low, high), n in zip(ends, values.shape)]
    return _pixels(edges, values)


def _pixels(edges: list[list[fmpq]], masses: np.ndarray) -> Pixels:
    places = np.argwhere(masses > 0).tolist()
    return Pixels(
        normalized(masses[masses > 0]),
        [(edges[0][i], edges[1][j]) for i, j in places],
        [(edges[0][i + 1], edges[1][j + 1]) for i, j in places],
    )


def image_bounds(
    pixels: Pixels,
    positions: np.ndarray,
    masses: np.ndarray,
    most: int,
    weights: Callable[[], np.ndarray | None] = lambda: None,
) -> tuple[Ball, Ball] | None:
    """Lower and upper bounds on W₂; None if there are more than `most` pairs of a pixel and a Dirac that may meet.

    Parameters
    ----------
    positions, masses : arrays (n, 2), (n,)
        Doubles, in the unit of the pixels, which is above all their numbers.
    weights : callable
        Weights (n,) of power cells that may have the masses; only asked for where Voronoi cells have not.
    """
    used = np.flatnonzero(masses > 0)
    points, place = np.unique(positions[used], axis=0, return_inverse=True)
    place = place.ravel()
    wanted = [arb(0)] * len(points)
    for i, m in zip(place.tolist(), normalized(masses[used])):
        wanted[i] += m
    found = _bounds(pixels, points, wanted, np.zeros(len(points)), most)
    if found is None or found[1] <= found[0] * (1 + arb(_OFF)):
        return found
    known = weights()
    if known is None:
        return found
    best = np.full(len(points), -np.inf)
    np.maximum.at(best, place, known[used])
    other = _bounds(pixels, points, wanted, best, most)
    return found if other is None else (found[0].max(other[0]), found[1].min(other[1]))


def _bounds(
    pixels: Pixels, points: np.ndarray, wanted: list[Ball], weights: np.ndarray, most: int
) -> tuple[Ball, Ball] | None:
    sites = _sites(points, weights)
    meeting = _meeting(pixels, sites, most)
    if meeting is None:
        return None
    arriving, seconds = [arb(0)] * len(points), [arb(0)] * len(points)
    for k, (share, low, high, some) in enumerate(zip(pixels.shares, pixels.low, pixels.high, meeting)):
        report("pixels", k + 1, len(meeting))
        density = share / arb((high[0] - low[0]) * (high[1] - low[1]))
        for i, cell in power_cells(low, high, sites, some):
            area, second = _moments(cell, sites.exact[i])
            arriving[i] += density * area
            seconds[i] += density * second
    square = total(seconds)
    high_square = with_given_masses(points, arriving, wanted, square, seconds)
    gained = total(w * (p - m) for w, p, m in zip(balls(weights), arriving, wanted))
    return root((square - gained).max(arb(0))), root(high_square)


def _sites(points: np.ndarray, weights: np.ndarray) -> _Sites:
    exact = []
    for (x, y), w in zip(points.tolist(), weights.tolist()):
        a, b = _rational(x), _rational(y)
        exact.append((a, b, a * a + b * b - _rational(w)))
    offsets = np.array([float(arb(s[2]).mid()) for s in exact])
    return _Sites(exact, points, offsets, _DOUBT * max(1.0, float(np.abs(offsets).max())))


def _meeting(pixels: Pixels, sites: _Sites, most: int) -> list[np.ndarray] | None:
    """The Diracs that may have a part of each pixel: those not surely further everywhere than that of its centre."""
    low, high = (np.array([[float(arb(x).mid()) for x in v] for v in ends]) for ends in (pixels.low, pixels.high))
    centre, half = (low + high) / 2, (high - low) / 2
    y, out, count = sites.positions, [], 0
    step = max(_BLOCK // len(y), 1)
    for start in range(0, len(centre), step):
        c, h = centre[start : start + step], half[start : start + step]
        values = sites.offsets - 2.0 * c @ y.T
        nearest = values.argmin(axis=1)
        reach = 2.0 * sum(h[:, k, None] * np.abs(y[:, k] - y[nearest, k][:, None]) for k in (0, 1))
        near = values - values.min(axis=1)[:, None] <= reach + sites.doubt
        count += int(near.sum())
        if count > most:
            return None
        out += [np.flatnonzero(row) for row in near]
    return out


def power_cells(low: Vertex, high: Vertex, sites: _Sites, some: np.ndarray) -> list[tuple[int, list[Vertex]]]:
    """The power cells of Diracs on the pixel [low, high], up to null sets; `some` (k,) must hold all that meet it."""
    pixel = [low, (high[0], low[1]), high, (low[0], high[1])]
    whole = (high[0] - low[0]) * (high[1] - low[1])
    for chosen, doubt in ((some, sites.doubt), (np.arange(len(sites.exact)), np.inf)):
        cells = [(i, _clipped(pixel, i, sites, chosen, doubt)) for i in chosen.tolist()]
        cells = [(i, cell) for i, cell in cells if cell]
        if sum((_twice_area(cell) for _, cell in cells), fmpq(0)) == 2 * whole:
            return cells
    raise ArithmeticError("power cells of distinct Diracs do not fill a pixel")


def _clipped(cell: list[Vertex], i: int, sites: _Sites, some: np.ndarray, doubt: float) -> list[Vertex]:
    """What bisectors of Dirac i leave of a cell, first those that seem to cut off most; none that surely miss it."""
    left = some[some != i]
    normals = 2.0 * (sites.positions[left] - sites.positions[i])
    offsets = sites.offsets[i] - sites.offsets[left]
    while cell and len(left):
        vertices = np.array([[float(arb(x).mid()), float(arb(y).mid())] for x, y in cell])
        beyond = (offsets[:, None] + normals @ vertices.T).max(axis=1)
        k = int(beyond.argmax())
        if beyond[k] <= -doubt:
            break
        cell = _halved(cell, sites.exact[i], sites.exact[left[k]])
        # A cell only shrinks: what misses it now will miss it.
        kept = beyond > -doubt
        kept[k] = False
        left, normals, offsets = left[kept], normals[kept], offsets[kept]
    return cell


def _halved(cell: list[Vertex], one: tuple[fmpq, fmpq, fmpq], other: tuple[fmpq, fmpq, fmpq]) -> list[Vertex]:
    """The part of a convex cell, its vertices in order, that is not nearer to the other; empty if it has no area."""
    a, b, c = 2 * (other[0] - one[0]), 2 * (other[1] - one[1]), one[2] - other[2]
    beyond = [a * x + b * y + c for x, y in cell]
    if all(s <= 0 for s in beyond):
        return cell
    if all(s >= 0 for s in beyond):
        return []
    out: list[Vertex] = []
    for k, (v, s) in enumerate(zip(cell, beyond)):
        w, t = cell[k - 1], beyond[k - 1]
        if (s < 0 < t) or (t < 0 < s):
            share = t / (t - s)
            out.append((w[0] + (v[0] - w[0]) * share, w[1] + (v[1] - w[1]) * share))
        if s <= 0:
            out.append(v)
    return out


def _twice_area(cell: list[Vertex]) -> fmpq:
    x0, y0 = cell[0]
    moved = [(x - x0, y - y0) for x, y in cell[1:]]
    return sum((a[0] * b[1] - b[0] * a[1] for a, b in pairwise(moved)), fmpq(0))


def _moments(cell: list[Vertex], site: tuple[fmpq, fmpq, fmpq]) -> tuple[Ball, Ball]:
    """Area and ∫ |x − y|² of a cell: over triangles from y, |a × b| (|a|² + a·b + |b|²)/12 with signs."""
    around = [(arb(x - site[0]), arb(y - site[1])) for x, y in cell]
    area, second = arb(0), arb(0)
    for k, (x, y) in enumerate(around):
        u, v = around[k - 1]
        cross = u * y - v * x
        area += cross
        second += cross * (u * u + v * v + u * x + v * y + x * x + y * y)
    return area / 2, second / 12


def _rational(x: float) -> fmpq:
    return fmpq(*x.as_integer_ratio())
