"""Densities that are linear on simplices, cut by halving the longest edges.

With values f_i at the d + 1 vertices of a simplex of volume V, S their sum, ∫ λ^α = V d! α!/(d + |α|)! for powers of
barycentric coordinates gives the mass V S/(d + 1), the barycenter Σ v_i (S + f_i)/(S (d + 2)), and for a linear
function with values h_i at the vertices

    ∫ h² f = V [S (Σ h_i)² + 2 Σ h_i Σ f_i h_i + Σ (S + 2 f_i) h_i²]/((d + 1)(d + 2)(d + 3)).
"""

from __future__ import annotations

import numpy as np

from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition

_EPS = 2.0**-52


class Bisected:
    """Pieces are the numbers of simplices, which grow in number where they are halved."""

    rounding = 0.0

    def __init__(self, corners: np.ndarray, values: np.ndarray, volumes: np.ndarray) -> None:
        """From vertices (s, d + 1, d), values there (s, d + 1) and volumes (s,), for a mass of one."""
        held = (volumes > 0) & values.any(axis=1)
        self.corners, self.values, self.volumes = corners[held], values[held], volumes[held]
        d = corners.shape[2]
        # A determinant is right to roundings of the product of edges.
        edges = self._edges(np.arange(len(self.corners)))[0].max(axis=1)
        self._doubt = np.minimum(16.0 * d * _EPS * (1.0 + edges ** (0.5 * d) / self.volumes), 1.0)
        self._first = np.full(len(self.corners), -1)
        self._roots = len(self.corners)

    @property
    def ndim(self) -> int:
        return int(self.corners.shape[2])

    def whole(self) -> np.ndarray:
        return np.arange(self._roots)[:, None]

    def cut(self, pieces: np.ndarray) -> Cut:
        i, d = pieces[:, 0], self.ndim
        f, corners = self.values[i], self.corners[i]
        total = f.sum(axis=1)
        mass = self.volumes[i] * total / (d + 1.0)
        shares = (total[:, None] + f) / np.where(total > 0, total, 1.0)[:, None] / (d + 2.0)
        origin = corners[:, :1]
        barycenter = origin[:, 0] + np.einsum("ni,nij->nj", shares, corners - origin)
        spread = self._squares(i, corners - barycenter[:, None])
        return Cut(Partition(mass, barycenter, spread), self._doubt[i] + 32.0 * _EPS, spread)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        i = pieces[:, 0]
        cells = self.cut(pieces).cells
        height = np.einsum("nij,nj->ni", self.corners[i] - cells.barycenter[:, None], along)
        return self._squares(i, height[:, :, None]) / np.where(cells.mass > 0, cells.mass, 1.0)

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        new = np.unique(pieces[self._first[pieces[:, 0]] < 0, 0])
        if len(new):
            self._halve(new)
        first = self._first[pieces]
        return first, first + 1

    def _squares(self, i: np.ndarray, h: np.ndarray) -> np.ndarray:
        """∫ |h|² f for linear functions with values h (N, d + 1, k) at the vertices."""
        d, f = self.ndim, self.values[i]
        total, sums = f.sum(axis=1), h.sum(axis=1)
        mixed = (sums * np.einsum("ni,nij->nj", f, h)).sum(axis=1)
        own = ((total[:, None] + 2.0 * f) * (h**2).sum(axis=2)).sum(axis=1)
        found = total * (sums**2).sum(axis=1) + 2.0 * mixed + own
        return np.maximum(self.volumes[i] * found / ((d + 1.0) * (d + 2.0) * (d + 3.0)), 0.0)

    def _edges(self, i: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Squares of the lengths of all edges (N, e), and the two vertices of each (e,)."""
        a, b = np.triu_indices(self.ndim + 1, 1)
        x = self.corners[i]
        return ((x[:, a] - x[:, b]) ** 2).sum(axis=2), a, b

    def _halve(self, i: np.ndarray) -> None:
        squares, a, b = self._edges(i)
        longest = squares.argmax(axis=1)
        row = np.arange(len(i))
        corners, values = (np.repeat(x[i], 2, axis=0) for x in (self.corners, self.values))
        for half, end in ((0, a[longest]), (1, b[longest])):
            corners[2 * row + half, end] = 0.5 * (self.corners[i, a[longest]] + self.corners[i, b[longest]])
            values[2 * row + half, end] = 0.5 * (self.values[i, a[longest]] + self.values[i, b[longest]])
        self._first[i] = len(self.corners) + 2 * row
        self.corners, self.values = np.concatenate([self.corners, corners]), np.concatenate([self.values, values])
        self.volumes = np.concatenate([self.volumes, np.repeat(0.5 * self.volumes[i], 2)])
        self._doubt = np.concatenate([self._doubt, np.repeat(self._doubt[i] + _EPS, 2)])
        self._first = np.concatenate([self._first, np.full(2 * len(i), -1)])
