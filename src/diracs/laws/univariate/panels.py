"""Moments of intervals by Gauss–Legendre on panels, with bounds on their errors.

On each panel the density is analytic in a disc about its centre, and bounded there by M. For a piece of it, of half
width h, that is the centre of a disc of radius R in the same disc, N nodes are off by

    |E_N| ≤ (64/15) h M ρ^{−2N}/(1 − ρ^{−2}),  ρ = R/h + √((R/h)² − 1),

as the ellipse of foci at the ends of the piece and half axis R lies in the disc (Trefethen 2013, theorem 19.3). The
integrands of first and second moments are at most (|c − y| + R)^k times as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

_EPS = float(np.finfo(np.float64).eps)
# Numbers of nodes: of narrow pieces, and of all others.
_RULES = tuple(np.polynomial.legendre.leggauss(n) for n in (6, 16))
# Radii of discs that are tried, in half widths of the panel.
_RADII = np.array([1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0])
# Panels are halved until the bound is below this share of the density, or so often.
_SHARE, _HALVINGS = 1e-19, 40
# What few nodes may be off by, relative to the density, before more are taken.
_NARROW = 1e-17


class Moments(NamedTuple):
    """Of intervals, about a seed each, and bounds on what is wrong with them; all (m,)."""

    mass: np.ndarray
    first: np.ndarray
    second: np.ndarray
    mass_error: np.ndarray
    second_error: np.ndarray


class Tail(Protocol):
    """What lies beyond the panels on one side."""

    def moments(self, left: np.ndarray, right: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Mass, first, second moment about seeds (m,) of intervals, and bounds on the errors of the first and last."""


class Panelled(Protocol):
    """A law that is cut into panels: see `standard.Analytic`."""

    @property
    def support(self) -> tuple[float, float]: ...

    def pdf(self, z: np.ndarray) -> np.ndarray: ...

    def on_pieces(self, left: np.ndarray, width: np.ndarray, share: np.ndarray) -> np.ndarray: ...

    def coarse(self) -> np.ndarray: ...

    def magnitude(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray: ...

    def roundings(self, z: np.ndarray) -> np.ndarray: ...

    def lower_tail(self) -> Tail: ...

    def upper_tail(self) -> Tail: ...


def _quadrature_bound(ratio: np.ndarray, nodes: int) -> np.ndarray:
    """(64/15) ρ^{−2N}/(1 − ρ^{−2}) for R/h > 1; ∞ for less."""
    sound = ratio > 1.0
    r = np.where(sound, ratio, 2.0)
    rho = r + np.sqrt(r * r - 1.0)
    return np.where(sound, 64.0 / 15.0 * rho ** (-2.0 * nodes) / (1.0 - rho**-2.0), np.inf)


def assembled(
    edges: np.ndarray,
    support: tuple[float, float],
    tails: tuple[Tail, Tail],
    pieces: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    seeds: np.ndarray,
    borders: np.ndarray,
) -> Moments:
    """The line is cut at all borders (m + 1,) and edges of panels: each piece is one seed's, of a panel or a tail.

    `pieces` takes left ends, widths, seeds and panels of pieces to their moments and errors (5, …).
    """
    borders = np.clip(borders, *support)
    inner = edges[(edges > borders[0]) & (edges < borders[-1])]
    # Two sorted runs, which a stable sort merges.
    cuts = np.sort(np.concatenate([borders, inner]), kind="stable")
    kept = np.flatnonzero(cuts[1:] > cuts[:-1])
    left, right = cuts[kept], cuts[kept + 1]
    owner = np.searchsorted(borders, left, side="right") - 1
    panel = np.searchsorted(edges, left, side="right") - 1
    y, last = seeds[owner], len(edges) - 1
    found = np.zeros((5, len(left)))
    for tail, rows in zip(tails, (np.flatnonzero(panel < 0), np.flatnonzero(panel >= last)), strict=True):
        if len(rows):
            found[:, rows] = tail.moments(left[rows], right[rows], y[rows])
    rows = np.flatnonzero((panel >= 0) & (panel < last))
    found[:, rows] = pieces(left[rows], right[rows] - left[rows], y[rows], panel[rows])
    out = np.zeros((5, len(seeds)))
    if len(owner):
        begins = np.flatnonzero(np.diff(owner, prepend=-1))
        out[:, owner[begins]] = np.add.reduceat(found, begins, axis=1)
    return Moments(*out)


@dataclass(frozen=True)
class Panels:
    """A law between the edges of panels, and its tails."""

    law: Panelled
    edges: np.ndarray  # (k + 1,)
    radius: np.ndarray  # (k,) of discs about the middles of panels
    magnitude: np.ndarray  # (k,) at least |f| there
    height: np.ndarray  # (k,) the density in the middle
    relative: np.ndarray  # (k,) what the computed density is off by, relative
    tails: tuple[Tail, Tail]
    factor: float = 1.0

    @classmethod
    def of(cls, law: Panelled) -> Panels:
        """Halve the panels that a law starts from until they are narrow enough."""
        edges = law.coarse()
        for _ in range(_HALVINGS):
            centre, half = 0.5 * edges[:-1] + 0.5 * edges[1:], 0.5 * np.diff(edges)
            radius = half[:, None] * _RADII
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                held = law.magnitude(centre[:, None], radius)
                bounds = held * _quadrature_bound(_RADII, len(_RULES[1][0]))
            bounds = np.where(np.isnan(bounds), np.inf, bounds)
            height, best = law.pdf(centre), bounds.argmin(axis=1)
            row = np.arange(len(best))
            wide = bounds[row, best] > _SHARE * height
            wide &= (centre > edges[:-1]) & (centre < edges[1:])
            if not wide.any():
                break
            edges = np.sort(np.concatenate([edges, centre[wide]]))
        inside = edges[:-1, None] + np.diff(edges)[:, None] * np.array([1e-3, 0.5, 0.999])
        relative = 2.0 * _EPS * law.roundings(inside).max(axis=1)
        tails = law.lower_tail(), law.upper_tail()
        plain = cls(law, edges, radius[row, best], held[row, best], height, relative, tails)
        # A factor that is wrong everywhere drops out: all masses together are one.
        inner = np.array([edges[0], edges[-1]])
        outer = [
            float(tail.moments(np.array(ends[:1]), np.array(ends[1:]), inner[:1])[0, 0])
            for tail, ends in _outside(law, inner, tails)
        ]
        whole = float(plain.moments(edges[:1], inner).mass[0])
        return cls(law, edges, plain.radius, plain.magnitude, height, relative, tails, (1.0 - sum(outer)) / whole)

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        """Of the intervals between consecutive borders (m + 1,), sorted, about seeds (m,)."""
        return assembled(self.edges, self.law.support, self.tails, self._pieces, seeds, borders)

    def _pieces(self, left: np.ndarray, width: np.ndarray, seeds: np.ndarray, panel: np.ndarray) -> np.ndarray:
        """Moments and errors (5, m) of pieces of panels, by as few nodes as are enough."""
        half = 0.5 * width
        off = left - seeds + half  # of the middle from the seed
        centre = 0.5 * self.edges[panel] + 0.5 * self.edges[panel + 1]
        radius = np.maximum(self.radius[panel] - np.abs(left - centre + half), 0.0)
        ratio = radius / half
        high, reach = self.magnitude[panel], (np.abs(off) + radius) ** 2
        few = high * ratio**2 * _quadrature_bound(ratio, len(_RULES[0][0])) <= _NARROW * self.height[panel]
        out = np.empty((5, len(left)))
        for enough, (nodes, weights) in zip((few, ~few), _RULES, strict=True):
            i = np.flatnonzero(enough)
            if not len(i):
                continue
            share = 0.5 * (1.0 + nodes)
            mass = self.law.on_pieces(left[i, None], width[i, None], share) * weights * (self.factor * half[i, None])
            x = (left - seeds)[i, None] + width[i, None] * share
            out[0, i], out[1, i], out[2, i] = mass.sum(axis=1), (mass * x).sum(axis=1), (mass * x * x).sum(axis=1)
            out[3, i] = half[i] * high[i] * _quadrature_bound(ratio[i], len(nodes))
        out[4] = out[3] * reach
        out[3:] += self.relative[panel] * out[[0, 2]]
        return out

    def entropy(self) -> float:
        """−∫ f ln f over the panels."""
        nodes, weights = _RULES[1]
        width = np.diff(self.edges)
        f = self.factor * self.law.on_pieces(self.edges[:-1, None], width[:, None], 0.5 * (1.0 + nodes))
        return -float((0.5 * width) @ (np.where(f > 0, f * np.log(np.where(f > 0, f, 1.0)), 0.0) @ weights))


def _outside(law: Panelled, inner: np.ndarray, tails: tuple[Tail, Tail]) -> list[tuple[Tail, tuple[float, float]]]:
    """The tails with the intervals that are theirs, where there are any."""
    low, high = law.support
    found = [(tails[0], (low, float(inner[0]))), (tails[1], (float(inner[1]), high))]
    return [(tail, ends) for tail, ends in found if ends[0] < ends[1]]
