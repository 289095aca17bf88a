"""Elliptical laws x = b + s·A z, cut into intervals of s times boxes of z.

s ≥ 0 is independent of z ~ N(0, I), and A has orthogonal columns, of squares λ_k. On a piece z_k has means c_k and
variances v_k, so that the barycenter is b + E s · A c, and |A z|² has mean Σ λ_k (v_k + c_k²): the spread,
m (E s² E|Az|² − (E s)² |A c|²), is m (E s² Σ λ_k v_k + Var s · Σ λ_k c_k²), without a difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.cells.axis import Axis
from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition
from diracs.cells.products import in_two

_EPS = 2.0**-52


@dataclass(frozen=True)
class Scaled:
    """Such a law. Pieces are a node of s and one of each coordinate of z."""

    axis: Axis  # of (s − mean)/deviation
    mean: float
    deviation: float
    normal: Axis
    matrix: np.ndarray  # (d, r), orthogonal columns
    offset: np.ndarray  # (d,)
    rounding: float

    @property
    def ndim(self) -> int:
        return len(self.offset)

    def whole(self) -> np.ndarray:
        return np.zeros((1, 1 + self.matrix.shape[1]), dtype=np.int64)

    def cut(self, pieces: np.ndarray) -> Cut:
        scale, nodes = pieces[:, 0], pieces[:, 1:]
        mass = self.axis.mass[scale] * self.normal.mass[nodes].prod(axis=1)
        mean, variance = self.normal.mean[nodes], self.normal.variance[nodes]
        s, of_s = self._scale(scale)
        barycenter = self.offset + (s[:, None] * mean) @ self.matrix.T
        spread = mass * ((s**2 + of_s) * (variance @ self._squares) + of_s * (mean**2 @ self._squares))
        doubt = self.axis.doubt[scale] + self.normal.doubt[nodes].sum(axis=1) + (8.0 + nodes.shape[1]) * _EPS
        return Cut(Partition(mass, barycenter, spread), doubt, spread)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        return self._gains(pieces, along).sum(axis=1)

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        best = self._gains(pieces, along).argmax(axis=1)
        return in_two((self.axis, *[self.normal] * self.matrix.shape[1]), pieces, best, 0)

    def _gains(self, pieces: np.ndarray, along: np.ndarray | None) -> np.ndarray:
        """(N, 1 + r): what each of s and z adds to the variance along vectors, or to the spread."""
        scale, nodes = pieces[:, 0], pieces[:, 1:]
        s, of_s = self._scale(scale)
        mean, variance = self.normal.mean[nodes], self.normal.variance[nodes]
        if along is None:
            squares, drawn = self._squares, mean**2 @ self._squares
        else:
            pulled = along @ self.matrix
            squares, drawn = pulled**2, (pulled * mean).sum(axis=1) ** 2
        return np.concatenate([(of_s * drawn)[:, None], (s**2 + of_s)[:, None] * variance * squares], axis=1)

    def _scale(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and variances of s."""
        mean = self.mean + self.deviation * self.axis.mean[nodes]
        return np.maximum(mean, 0.0), self.deviation**2 * self.axis.variance[nodes]

    @property
    def _squares(self) -> np.ndarray:
        return (self.matrix**2).sum(axis=0)
