"""Histograms of any dimension: pixels in the order of a curve that halves boxes, runs of which are pieces.

Each pixel gets a number whose binary digits are those of its places along the axes, those that say most in length
first. In this order a box that has been halved a few times is a run (G. Morton 1966, for equal sides); empty pixels are
left out. A run of one is a pixel, whose law is uniform, and which is halved further along its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition

_EPS = 2.0**-52


@dataclass(frozen=True)
class Pixels:
    """Pieces: a run from, up to; for each axis how often it is halved, and the number of the part."""

    mass: np.ndarray  # (P,) in the order of the curve
    centre: np.ndarray  # (P, d)
    side: np.ndarray  # (P, d)
    code: np.ndarray  # (P,)
    rounding: float = 0.0

    @classmethod
    def of(cls, masses: np.ndarray, edges: Sequence[np.ndarray]) -> Pixels:
        """From masses (n₁, …, n_d), of sum one, and edges (n_k + 1,) of the pixels on each axis."""
        places = np.nonzero(masses)
        sides = [np.diff(edge) for edge in edges]
        middles = [0.5 * edge[1:] + 0.5 * edge[:-1] for edge in edges]
        code = _codes(places, masses.shape, [float(np.median(side)) for side in sides])
        order = np.argsort(code, kind="stable")
        centre, side = (np.stack([x[i[order]] for x, i in zip(some, places)], axis=1) for some in (middles, sides))
        return cls(masses[places][order], centre, side, code[order])

    @property
    def ndim(self) -> int:
        return self.centre.shape[1]

    def whole(self) -> np.ndarray:
        pieces = np.zeros((1, 2 + 2 * self.ndim), dtype=np.int64)
        pieces[0, 1] = len(self.mass)
        return pieces

    def cut(self, pieces: np.ndarray) -> Cut:
        mass, centre, variance = self._moments(pieces)
        # Sums over a run are right to a rounding for each of its terms.
        doubt = (8.0 + (pieces[:, 1] - pieces[:, 0])) * _EPS
        spread = mass * variance.sum(axis=1)
        return Cut(Partition(mass, centre, spread), doubt, spread)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        return (self._moments(pieces)[2] * along**2).sum(axis=1)

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        first, second = pieces.copy(), pieces.copy()
        run = np.flatnonzero(pieces[:, 1] - pieces[:, 0] > 1)
        if len(run):
            start, stop = pieces[run, 0], pieces[run, 1]
            # The first digit in which the ends differ halves the box.
            last = self.code[stop - 1]
            digit = np.frexp((self.code[start] ^ last).astype(np.float64))[1] - 1
            middle = np.searchsorted(self.code, (last >> digit) << digit)
            first[run, 1], second[run, 0] = middle, middle
        one = np.flatnonzero(pieces[:, 1] - pieces[:, 0] == 1)
        if len(one):
            d = self.ndim
            level = pieces[one, 2 : 2 + d]
            width = np.ldexp(self.side[pieces[one, 0]], -level) * (1.0 if along is None else np.abs(along[one]))
            axis = width.argmax(axis=1)
            for half in (first, second):
                half[one, 2 + axis] += 1
                half[one, 2 + d + axis] *= 2
            second[one, 2 + d + axis] += 1
        return first, second

    def _moments(self, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masses (N,), barycenters and variances (N, d)."""
        d = self.ndim
        start, stop, level, part = pieces[:, 0], pieces[:, 1], pieces[:, 2 : 2 + d], pieces[:, 2 + d :]
        width = np.ldexp(self.side[start], -level)
        mass = np.ldexp(self.mass[start], -level.sum(axis=1))
        # From the middle of the pixel to that of the part.
        centre = self.centre[start] + width * (part + 0.5 - np.ldexp(0.5, level))
        variance = width**2 / 12.0
        run = np.flatnonzero(stop - start > 1)
        if len(run):
            mass[run], centre[run], variance[run] = self._runs(start[run], stop[run])
        return mass, centre, variance

    def _runs(self, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        length = stop - start
        ends = np.cumsum(length)
        first = ends - length
        piece = np.repeat(np.arange(len(start)), length)
        pixel = np.arange(ends[-1]) + np.repeat(start - first, length)
        m = self.mass[pixel]
        mass = np.add.reduceat(m, first)
        origin = self.centre[start]
        off = self.centre[pixel] - origin[piece]
        mean = np.add.reduceat(m[:, None] * off, first) / mass[:, None]
        off -= mean[piece]
        variance = np.add.reduceat(m[:, None] * (off**2 + self.side[pixel] ** 2 / 12.0), first) / mass[:, None]
        return mass, origin + mean, variance


def _codes(places: Sequence[np.ndarray], shape: Sequence[int], sides: Sequence[float]) -> np.ndarray:
    """Numbers (P,) from the places along each axis: the digit that stands for most length comes first."""
    digits = [
        (side * 2.0**b, k, b) for k, (n, side) in enumerate(zip(shape, sides)) for b in range((n - 1).bit_length())
    ]
    code = np.zeros(len(places[0]), dtype=np.int64)
    for _, k, b in sorted(digits, reverse=True):
        code = (code << 1) | ((places[k] >> b) & 1)
    return code
