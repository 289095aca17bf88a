"""Fine cells in doubles, with bounds on what rounding does: boxes, sent to the Diracs nearest to their means.

A box of mass m, barycenter c and variances v_k of z costs m (|c − y|² + Σ |A_k|² v_k) if it goes to y, an equality, A_k
the columns of A. Boxes are halved where it is not sure that one Dirac is nearest to all of them.

Rounding. Masses, variances and squares of distances are products and sums of a few positive terms, right to so many
roundings of themselves, far fewer than `RELATIVE` stands for; sums of positive terms by pairs add their logarithm. A
barycenter is off by a few roundings of its terms, ρ at most, which changes roots of mean squares by ρ at most.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from diracs.backend.progress import report
from diracs.verification.pieces import Pieces, lifted

_EPS = 2.0**-52
# Sums of positive terms are right to this, relative; places to so many roundings of their terms.
RELATIVE, _PLACES = 1e-12, 16.0
# A tree for nearest points is right to so many roundings of the squares of the largest distances.
_TREE = 64.0
# Candidates beside the nearest Dirac that a box may reach.
_CANDIDATES = 8


class Boxes(NamedTuple):
    """N boxes."""

    piece: np.ndarray  # (N,)
    node: np.ndarray  # (N, r), of the axis
    mass: np.ndarray  # (N,)
    center: np.ndarray  # (N, d)
    spread: np.ndarray  # (N,): Σ |A_k|² v_k
    off: np.ndarray  # (N,): at least what rounding has moved the center by
    radius: np.ndarray  # (N,): at least the largest distance from the center, maybe infinite


class Sent(NamedTuple):
    """Boxes and the two Diracs that are nearest to their centers."""

    boxes: Boxes
    first: np.ndarray  # (N,)
    second: np.ndarray  # (N,), that of `first` where there is but one Dirac
    near: np.ndarray  # (N,): squared distance from the first
    gap: np.ndarray  # (N,): what that from the second is larger by
    loss: np.ndarray  # (N,): about what is not known of the box's E min|X − y|²; 0 if the first is nearest everywhere


class FineCells:
    """The boxes of a law, cut for given Diracs, with weights or without."""

    def __init__(self, pieces: Pieces, positions: np.ndarray, heights: np.ndarray) -> None:
        """Diracs (n, d), lifted to these heights (n,) along an axis of its own: power cells are Voronoi cells there."""
        self.pieces = pieces = lifted(pieces)
        self.positions = positions = np.column_stack([positions, heights])
        self.tree = cKDTree(positions)
        self.columns = (pieces.matrices**2).sum(axis=1)  # (K, r)
        # |A e|² ≤ λ Σ |A_k|² e_k², λ at most the largest row sum of cosines between columns.
        length = np.sqrt(np.where(self.columns > 0, self.columns, 1.0))
        cosines = np.abs(np.einsum("kdi,kdj->kij", pieces.matrices, pieces.matrices))
        cosines /= length[:, :, None] * length[:, None, :]
        self.skew = cosines.sum(axis=2).max(axis=1) * (1.0 + 1e-12)
        self.reach = math.sqrt(float((np.abs(positions).max(axis=0) ** 2).sum()))

    def cut(self, most: int, wanted: float) -> Sent:
        """Boxes, `most` at most, halved where that tells most, until what is not known is the share `wanted`."""
        count = len(self.columns)
        done = self._sent(np.arange(count), self.pieces.whole)
        while True:
            loss = done.loss
            cost = float((done.boxes.mass * (done.near + done.boxes.spread)).sum())
            room = most - len(loss)
            report("boxes", min(len(loss), most), most)
            axis, divisible = self._widest(done.boxes)
            worth = np.where(divisible, loss, 0.0)
            if float(loss.sum()) <= wanted * cost or room <= 0 or not worth.any():
                return done
            # All those that count nearly as much as the worst, half of the boxes at most.
            chosen = np.flatnonzero(worth > 0.05 * worth.max())
            limit = max(min(room, len(loss) // 2), 1)
            if len(chosen) > limit:
                chosen = chosen[np.argpartition(-worth[chosen], limit - 1)[:limit]]
            nodes = np.repeat(done.boxes.node[chosen], 2, axis=0)
            rows, turned = np.arange(2 * len(chosen)), np.repeat(axis[chosen], 2)
            nodes[rows, turned] = self.pieces.axes.child[nodes[rows, turned]] + rows % 2
            new = self._sent(np.repeat(done.boxes.piece[chosen], 2), nodes)
            kept = np.ones(len(loss), dtype=bool)
            kept[chosen] = False
            done = _joined(done, kept, new)

    def _widest(self, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """The axis to halve each box along, and whether there is one."""
        axes = self.pieces.axes
        width = np.where(axes.child[boxes.node] > 0, self.columns[boxes.piece] * axes.variance[boxes.node], -1.0)
        best = width.argmax(axis=1)
        return best, width[np.arange(len(best)), best] > 0

    def _sent(self, piece: np.ndarray, node: np.ndarray) -> Sent:
        axis, pieces = self.pieces.axes, self.pieces
        mean, columns = axis.mean[node], self.columns[piece]
        mass = pieces.weights[piece] * axis.mass[node].prod(axis=1)
        center = pieces.offsets[piece] + np.einsum("ndk,nk->nd", pieces.matrices[piece], mean)
        spread = (columns * axis.variance[node]).sum(axis=1)
        ends = np.maximum(axis.high[node] - mean, mean - axis.low[node])
        squares = np.where(columns > 0, columns, 0.0) * np.where(columns > 0, ends, 0.0) ** 2
        terms = np.abs(pieces.offsets[piece]) + np.einsum("ndk,nk->nd", np.abs(pieces.matrices[piece]), np.abs(mean))
        off = _PLACES * _EPS * np.sqrt((terms**2).sum(axis=1))
        radius = np.sqrt(self.skew[piece] * squares.sum(axis=1)) * (1.0 + RELATIVE) + 2.0 * off
        boxes = Boxes(piece, node, mass, center, spread, off, radius)
        found = self.tree.query(center, k=min(2, len(self.positions)))[1].reshape(len(piece), -1)
        first, second = found[:, 0], found[:, -1]
        near, other = (((center - self.positions[i]) ** 2).sum(axis=1) for i in (first, second))
        if len(self.positions) == 1:
            return Sent(boxes, first, second, near, np.full(len(piece), np.inf), np.zeros(len(piece)))
        apart, gain = self._reached(boxes, near, other)
        loss = mass * np.minimum(np.where(np.isfinite(gain), gain, np.inf), near + spread)
        return Sent(boxes, first, second, near, other - near, np.where(apart > 0, loss, 0.0))

    def least(self, sent: Sent) -> float:
        """At most E min|X − y|² for lifted Diracs and the mixture of pieces, but for what rounding does to places."""
        cost = sent.boxes.mass * (sent.near + sent.boxes.spread)
        lost = np.zeros(len(cost))
        rows = np.flatnonzero(sent.loss > 0)
        for start in range(0, len(rows), 65536):
            some = rows[start : start + 65536]
            lost[some] = self._lost(sent, some)
        return float(np.maximum(cost * (1.0 - RELATIVE) - lost, 0.0).sum()) * (1.0 - RELATIVE)

    def _lost(self, sent: Sent, rows: np.ndarray) -> np.ndarray:
        """At least m E max_b (|X − y_a|² − |X − y_b|²)₊ for the first Dirac a of boxes.

        Each is affine in z, with a mean, a variance and ends in the box: E g₊ is at most (ḡ + (ḡ² + Var g)^½)/2 (Scarf
        1958) and, by convexity, the chord's h (ḡ − l)/(h − l). Those beyond the candidates are as far as the last.
        """
        boxes, axis = Boxes(*(x[rows] for x in sent.boxes)), self.pieces.axes
        count = min(_CANDIDATES + 1, len(self.positions))
        index = self.tree.query(boxes.center, k=count)[1].reshape(len(rows), count)
        own = self.positions[sent.first[rows]]
        mean = axis.mean[boxes.node]
        left, right = axis.low[boxes.node] - mean, axis.high[boxes.node] - mean
        total = np.zeros(len(rows))
        for j in range(count):
            other = self.positions[index[:, j]]
            slope = 2.0 * np.einsum("nd,ndk->nk", other - own, self.pieces.matrices[boxes.piece])
            size = ((boxes.center - own) ** 2).sum(axis=1) + ((boxes.center - other) ** 2).sum(axis=1)
            middle = ((boxes.center - own) ** 2).sum(axis=1) - ((boxes.center - other) ** 2).sum(axis=1)
            middle = middle + RELATIVE * size
            moving = slope != 0
            still = np.where(moving, slope, 1.0)
            ends = [np.where(moving, still * side, 0.0) for side in (left, right)]
            high = middle + np.where(moving, np.maximum(*ends), 0.0).sum(axis=1) * (1.0 + RELATIVE)
            low = middle + np.where(moving, np.minimum(*ends), 0.0).sum(axis=1) * (1.0 + RELATIVE)
            variance = (slope**2 * axis.variance[boxes.node]).sum(axis=1) * (1.0 + RELATIVE)
            gain = 0.5 * (middle + np.hypot(middle, np.sqrt(variance)))
            with np.errstate(invalid="ignore", divide="ignore"):
                chord = high * ((middle - low) / (high - low))
            gain = np.where(np.isfinite(chord) & (low < 0), np.minimum(gain, chord), gain)
            total += np.where((high > 0) & (index[:, j] != sent.first[rows]), gain, 0.0)
        if count < len(self.positions):
            last = ((boxes.center - self.positions[index[:, -1]]) ** 2).sum(axis=1)
            total += self._reached(boxes, sent.near[rows], last)[1]
        return np.asarray(boxes.mass * total * (1.0 + RELATIVE))

    def _reached(self, boxes: Boxes, near: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By how much boxes reach over to Diracs at squared distances of `other` or more, and what these gain.

        R the radius: |x − y_a|² − |x − y_b|² ≤ (√near + R)² − (√other − R)² = (√near + √other) (2R − (√other − √near)).
        The tree finds the nearest up to roundings of squares as large as the distances to its far side.
        """
        far = np.sqrt((boxes.center**2).sum(axis=1)) + self.reach
        one, two = np.sqrt(near), np.sqrt(np.maximum(other - _TREE * _EPS * far**2, 0.0))
        apart = 2.0 * boxes.radius * (1.0 + RELATIVE) - (two - one) * (1.0 - RELATIVE)
        with np.errstate(invalid="ignore"):
            gain = np.where(apart > 0, (one + two) * np.maximum(apart, 0.0) * (1.0 + RELATIVE), 0.0)
        return apart, gain


def _joined(done: Sent, kept: np.ndarray, new: Sent) -> Sent:
    boxes = Boxes(*(np.concatenate([a[kept], b]) for a, b in zip(done.boxes, new.boxes)))
    rest = (np.concatenate([a[kept], b]) for a, b in zip(done[1:], new[1:]))
    return Sent(boxes, *rest)
