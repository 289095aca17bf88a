"""Mixtures of laws that are cut: the pieces of all parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from diracs.cells.divisible import Cut, Divisible
from diracs.cells.partition import Partition

_EPS = 2.0**-52


@dataclass(frozen=True)
class Mixed:
    """Pieces are the number of a part, and what that part makes of the rest of the row."""

    parts: Sequence[Divisible]
    widths: Sequence[int]
    weights: np.ndarray  # (k,), positive

    @classmethod
    def of(cls, parts: Sequence[Divisible], weights: np.ndarray) -> Mixed:
        return cls(parts, [part.whole().shape[1] for part in parts], weights)

    @property
    def ndim(self) -> int:
        return self.parts[0].ndim

    @property
    def rounding(self) -> float:
        """Each part goes to its own."""
        own = np.array([part.rounding for part in self.parts])
        return float(np.sqrt(self.weights @ own**2))

    def whole(self) -> np.ndarray:
        return np.concatenate([self._row(i, part.whole()) for i, part in enumerate(self.parts)])

    def cut(self, pieces: np.ndarray) -> Cut:
        n = len(pieces)
        mass, spread, doubt, loose = (np.empty(n) for _ in range(4))
        barycenter = np.empty((n, self.ndim))
        for i, at, own in self._by_part(pieces):
            found = self.parts[i].cut(own)
            weight = self.weights[i]
            mass[at], spread[at] = weight * found.cells.mass, weight * found.cells.spread
            barycenter[at], doubt[at], loose[at] = found.cells.barycenter, found.doubt + _EPS, weight * found.loose
        return Cut(Partition(mass, barycenter, spread), doubt, loose)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        out = np.empty(len(pieces))
        for i, at, own in self._by_part(pieces):
            out[at] = self.parts[i].variances(own, along[at])
        return out

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        first, second = np.empty_like(pieces), np.empty_like(pieces)
        for i, at, own in self._by_part(pieces):
            one, other = self.parts[i].halves(own, None if along is None else along[at])
            first[at], second[at] = self._row(i, one), self._row(i, other)
        return first, second

    def _row(self, part: int, own: np.ndarray) -> np.ndarray:
        row = np.zeros((len(own), 1 + max(self.widths)), dtype=np.int64)
        row[:, 0] = part
        row[:, 1 : 1 + own.shape[1]] = own
        return row

    def _by_part(self, pieces: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Parts with the places and rows of their pieces."""
        order = np.argsort(pieces[:, 0], kind="stable")
        ends = np.cumsum(np.bincount(pieces[:, 0], minlength=len(self.parts)))
        for i, at in enumerate(np.split(order, ends[:-1])):
            if len(at):
                yield i, at, pieces[at, 1 : 1 + self.widths[i]]
