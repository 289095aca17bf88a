"""Balls cut into products of intervals, in coordinates that are independent in a ball.

The first coordinate of the uniform law on the unit ball of dimension d has density ∝ (1 − c²)^{(d−1)/2}; given it, the
others are uniform on a ball of dimension d − 1 and radius √(1 − c²). So with c_k = sin t_k independent, t_k of density
∝ cos^{d−k+1} t on [−π/2, π/2],

    x_k = sin t_k Π_{j<k} cos t_j,

and on a product of intervals E x_k and E x_k² are products of one-dimensional integrals, taken by Gauss–Legendre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diracs.cells.axis import Axis, Intervals
from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition
from diracs.cells.products import in_two

_EPS = 2.0**-52
# On pieces of a quarter of the interval the integrands are polynomials of that many nodes, to rounding.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_PIECES = 4


class _Angle(Axis):
    """t of density ∝ cosᵖ t, with the means and variances of sin t and cos t on each node."""

    def __init__(self, power: int) -> None:
        self.power = power
        self.table = np.zeros((4, 0))
        # ∫ cosᵖ over the half circle.
        self.whole = math.sqrt(math.pi) * math.gamma(0.5 * (power + 1)) / math.gamma(0.5 * power + 1.0)
        super().__init__(self._moments, -0.5 * math.pi, 0.5 * math.pi)

    def _moments(self, low: np.ndarray, high: np.ndarray) -> Intervals:
        ends = low[:, None] + (high - low)[:, None] * (np.arange(_PIECES + 1) / _PIECES)
        half = 0.5 * np.diff(ends, axis=1)[:, :, None]
        t = (0.5 * (ends[:, 1:] + ends[:, :-1])[:, :, None] + half * _NODES).reshape(len(low), -1)
        share = (half * _WEIGHTS).reshape(len(low), -1) * np.cos(t) ** self.power / self.whole
        mass = share.sum(axis=1)
        share = np.divide(share, mass[:, None], out=np.zeros_like(share), where=mass[:, None] > 0)

        def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mean = (share * x).sum(axis=1)
            return mean, (share * (x - mean[:, None]) ** 2).sum(axis=1)

        self.table = np.concatenate([self.table, np.stack([*moments(np.sin(t)), *moments(np.cos(t))])], axis=1)
        return Intervals(mass, *moments(t), np.full(len(low), (16.0 + 2.0 * self.power) * _EPS))


@dataclass(frozen=True)
class BallPieces:
    """Balls of one radius. Pieces are the number of a ball, and a node of each angle."""

    centres: np.ndarray  # (K, d)
    radius: float
    weights: np.ndarray  # (K,)
    angles: Sequence[_Angle]
    rounding: float = 0.0

    @classmethod
    def of(cls, centres: np.ndarray, radius: float, weights: np.ndarray) -> BallPieces:
        d = centres.shape[1]
        return cls(centres, radius, weights, [_Angle(d - k) for k in range(d)])

    @property
    def ndim(self) -> int:
        return self.centres.shape[1]

    def whole(self) -> np.ndarray:
        pieces = np.zeros((len(self.weights), 1 + self.ndim), dtype=np.int64)
        pieces[:, 0] = np.arange(len(pieces))
        return pieces

    def cut(self, pieces: np.ndarray) -> Cut:
        mass = self.weights[pieces[:, 0]].copy()
        doubt = np.full(len(pieces), 8.0 * self.ndim * _EPS)
        for angle, nodes in zip(self.angles, pieces.T[1:]):
            mass *= angle.mass[nodes]
            doubt += 2.0 * angle.doubt[nodes]
        mean, variance = self._coordinates(pieces)
        spread = mass * variance.sum(axis=1)
        return Cut(Partition(mass, self.centres[pieces[:, 0]] + mean, spread), doubt, spread)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        return (self._coordinates(pieces)[1] * along**2).sum(axis=1)

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        gains, shrunk = np.empty((len(pieces), self.ndim)), np.ones(len(pieces))
        for k, (angle, nodes) in enumerate(zip(self.angles, pieces.T[1:])):
            gains[:, k] = shrunk * angle.variance[nodes]
            shrunk = shrunk * (angle.table[2, nodes] ** 2 + angle.table[3, nodes])
        return in_two(self.angles, pieces, gains.argmax(axis=1), 1)

    def _coordinates(self, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and variances (N, d) about the centre: of a product A b, Var = Var A (b² + v) + A² v."""
        mean, variance = np.empty((len(pieces), self.ndim)), np.empty((len(pieces), self.ndim))
        before, wide = np.full(len(pieces), self.radius), np.zeros(len(pieces))
        for k, (angle, nodes) in enumerate(zip(self.angles, pieces.T[1:])):
            sine, of_sine, cosine, of_cosine = angle.table[:, nodes]
            mean[:, k] = before * sine
            variance[:, k] = wide * (sine**2 + of_sine) + before**2 * of_sine
            wide = wide * (cosine**2 + of_cosine) + before**2 * of_cosine
            before = before * cosine
        return mean, variance
