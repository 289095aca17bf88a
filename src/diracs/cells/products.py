"""Affine images of independent coordinates, cut into products of intervals.

x = b + B z, z in a product of intervals: coordinates of z are uncorrelated there, so that with their masses m_k, means
c_k and variances v_k the barycenter is b + B c and the spread Π m_k · Σ_k (BᵀB)_kk v_k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diracs.cells.axis import Axis, Intervals
from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition

_EPS = 2.0**-52


@dataclass(frozen=True)
class Products:
    """A mixture of K laws of that kind, over the same coordinates. Pieces are their number, and a node of each axis."""

    axes: Sequence[Axis | Intervals]  # r of them, of mean 0 and variance 1; intervals alone are not cut further
    matrices: np.ndarray  # (K, d, r)
    offsets: np.ndarray  # (K, d)
    weights: np.ndarray  # (K,)
    rounding: float

    @classmethod
    def of(
        cls, axes: Sequence[Axis], matrices: np.ndarray, offsets: np.ndarray, weights: np.ndarray, rounding: float = 0.0
    ) -> Products:
        """A sum of r products is right to r/2 roundings of the sum of their sizes, √r roots of squares at most."""
        squares = (matrices**2).sum(axis=(1, 2))
        own = 2.0 * matrices.shape[2] ** 1.5 * _EPS * float(weights @ squares / weights.sum()) ** 0.5
        return cls(axes, matrices, offsets, weights, rounding + own)

    @property
    def ndim(self) -> int:
        return self.offsets.shape[1]

    def whole(self) -> np.ndarray:
        pieces = np.zeros((len(self.weights), 1 + len(self.axes)), dtype=np.int64)
        pieces[:, 0] = np.arange(len(pieces))
        return pieces

    def cut(self, pieces: np.ndarray) -> Cut:
        k = pieces[:, 0]
        mean, variance = self._column("mean", pieces), self._column("variance", pieces)
        mass = self.weights[k].copy()
        for axis, nodes in zip(self.axes, pieces.T[1:]):
            mass *= axis.mass[nodes]
        doubt = self._column("doubt", pieces).sum(axis=1) + (2.0 + len(self.axes)) * _EPS
        spread = mass * (self._squares[k] * variance).sum(axis=1)
        return Cut(Partition(mass, self.offsets[k] + self._mapped(k, mean), spread), doubt, spread)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        return (self._gains(pieces, along)).sum(axis=1)

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        best = self._gains(pieces, along).argmax(axis=1)
        return in_two([axis for axis in self.axes if isinstance(axis, Axis)], pieces, best, 1)

    def _gains(self, pieces: np.ndarray, along: np.ndarray | None) -> np.ndarray:
        """(N, r): what each axis adds to the variance along vectors, or to the spread."""
        k = pieces[:, 0]
        scale = self._squares[k] if along is None else self._pulled(k, along) ** 2
        return scale * self._column("variance", pieces)

    @property
    def _squares(self) -> np.ndarray:
        return (self.matrices**2).sum(axis=1)

    def _column(self, name: str, pieces: np.ndarray) -> np.ndarray:
        return np.stack([getattr(axis, name)[nodes] for axis, nodes in zip(self.axes, pieces.T[1:])], axis=1)

    def _mapped(self, k: np.ndarray, z: np.ndarray) -> np.ndarray:
        if len(self.weights) == 1:
            return z @ self.matrices[0].T
        return np.einsum("nij,nj->ni", self.matrices[k], z)

    def _pulled(self, k: np.ndarray, along: np.ndarray) -> np.ndarray:
        if len(self.weights) == 1:
            return along @ self.matrices[0]
        return np.einsum("nij,ni->nj", self.matrices[k], along)


def in_two(axes: Sequence[Axis], pieces: np.ndarray, which: np.ndarray, skip: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of nodes (N, skip + r), cut on the axes `which` (N,); what comes before the nodes is skipped."""
    first = pieces.copy()
    for axis, node, on in zip(axes, range(skip, skip + len(axes)), (which == i for i in range(len(axes)))):
        if on.any():
            first[on, node] = axis.halves(pieces[on, node])
    second = first.copy()
    rows = np.arange(len(pieces))
    second[rows, skip + which] += 1
    return first, second
