"""Cells of grids under a law: their masses and barycenters, and the error of going to the barycenters, in closed form.

In the frame R of its group a component N(μ, Σ) is coupled to a Z with independent coordinates (`frames.py`), and X goes
where the cell of Z sends it. With u = X − y, y being the level that Z is nearest to, everything follows from moments of
intervals: the barycenter of a cell is y + E[u | cell], and the error δ of going there has the second moment
E δδᵀ = E uuᵀ − Σ mass · E[u | cell] E[u | cell]ᵀ: differences of terms of the size of the error, not of the law.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.cells.intervals import IntervalMoments, voronoi_moments
from diracs.certificates.upper.assignment import parts
from diracs.propagation.frames import InFrames, correlated, excess, in_frames
from diracs.propagation.law import Law
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme

# Cells of smaller mass keep their level: the quotient would have no digits.
_EMPTY = 1e-250
# Up to so many entries rows are multiplied out, instead of one matrix product for each group.
_BLOCK = 1 << 22


class StateCells(NamedTuple):
    """n cells, in the order of the scheme's points, and the error δ = X − barycenter."""

    masses: np.ndarray  # (n,)
    group: np.ndarray  # (n,): the number of the scheme that the cell is of
    barycenters: np.ndarray  # (n, d)
    error: np.ndarray  # (d, d): E δδᵀ
    bias: np.ndarray | None  # (S, d): E[δ; source], if asked for
    blocks: list[Block]


def barycentric_cells(law: Law, scheme: LayeredScheme, *, bias: bool = True) -> StateCells:
    """Cells of a scheme of grids, with offsets and one group for each component, under a law."""
    d = law.means.shape[1]
    masses, places = [], []
    error = np.zeros((d, d))
    biases = np.zeros((int(law.source.max()) + 1, d))
    blocks = []
    for part, members, index, share in parts(scheme, law.means, law.covs, law.weights):
        if not members.size:
            masses.append(np.zeros(part.size))
            places.append(part.positions(d))
            continue
        block = Block(part, in_frames(part, members, index, share, law), law)
        masses.append(block.masses.ravel())
        places.append((block.levels + block.shift).reshape(-1, d))
        error += block.error
        if bias:
            np.add.at(biases, law.source[block.placed.members], block.placed.share[:, None] * block.component_bias())
        blocks.append(block)
    sizes = [part.size // part.stack for part in scheme.schemes for _ in range(part.stack)]
    group = np.repeat(np.arange(len(sizes)), sizes)
    return StateCells(
        np.concatenate(masses), group, np.concatenate(places), 0.5 * (error + error.T), biases if bias else None, blocks
    )


class Block:
    """The cells of a stack of G schemes of n points each.

    Attributes
    ----------
    masses : array (G, n)
    levels, shift : arrays (G, n, d)
        The points of the schemes, and what leads from them to the barycenters.
    error : array (d, d)
        E δδᵀ over these cells, rounded up.
    axes, axis_levels : lists, one for each axis of the frame that has levels
        Moments (J, n_k) of the intervals, about the levels (J, n_k) or (1, n_k).
    mixed : list of int
        The pairs of scheme and covariance whose covariance the frame does not diagonalize.
    """

    def __init__(self, part: ProductScheme, placed: InFrames, law: Law) -> None:
        d = law.means.shape[1]
        self.placed, self._stack = placed, part.stack
        self.levels = part.positions(d).reshape(part.stack, -1, d)
        found = [_axis_moments(part, placed, k) for k in range(part.ndim_support)]
        self.axis_levels, self.axes = [y for y, _ in found], [moments for _, moments in found]
        # The cells are products of intervals: two factors that are about equally many.
        sizes = [axis.mass.shape[1] for axis in self.axes]
        self._half = int(np.argmin([np.prod(sizes[:h]) + np.prod(sizes[h:]) for h in range(len(sizes) + 1)]))
        self._factors = self._products([axis.mass for axis in self.axes])
        self.masses = self._sum(*self._factors, placed.group, self._stack)
        self.mixed = correlated(placed, law).tolist() if self.axes else []
        self._moment = self._first_moments()
        self._offset = placed.outside + placed.along(self._by_component("first"))  # E[u | component], (J, d)
        square = self._square(law)
        solid = self.masses > _EMPTY
        masses = np.where(solid, self.masses, 1.0)
        self.shift = np.where(solid[:, :, None], self._moment / masses[:, :, None], 0.0)
        gained = (self.shift * self.masses[:, :, None]).reshape(-1, d).T @ self.shift.reshape(-1, d)
        # Differences are only good to the rounding of their largest terms.
        wide = float(placed.share @ np.trace(law.covs, axis1=1, axis2=2)[law.kind[placed.members]])
        slack = 1e-13 * float(np.trace(square)) + 16 * d * 2.0**-52 * wide
        self.error = square - gained + slack * np.eye(d)  # in every direction, as maps may stretch any

    def component_bias(self, cells: np.ndarray | None = None) -> np.ndarray:
        """E[δ | component], (J, d); with `cells` (G, n) E[δ; these | component], if the frame diagonalizes all."""
        if cells is None:
            return self._offset - self._expect(self._factors, self.shift)
        placed = self.placed
        found = -self._expect(self._factors, self.shift * cells[:, :, None])
        found += self._expect(self._factors, cells[:, :, None].astype(float)) * placed.outside
        along = [
            self._expect(self._replaced(k, a.first), cells[:, :, None].astype(float)) for k, a in enumerate(self.axes)
        ]
        return found + placed.along(np.concatenate(along, axis=1)) if along else found

    def bias_towards(self, points: np.ndarray) -> np.ndarray:
        """E[X − point | component] (J, d) if each cell goes to one of the points (G, n, d)."""
        return self._offset - self._expect(self._factors, points - self.levels)

    def masses_of(self, axes: list[IntervalMoments]) -> np.ndarray:
        """Masses (G, n) of products of intervals."""
        return self._sum(*self._products([a.mass for a in axes]), self.placed.group, self._stack)

    def firsts(self, axes: list[IntervalMoments], k: int) -> np.ndarray:
        """First moments (G, n) along axis k, about the level, over products of intervals."""
        values = [a.first if i == k else a.mass for i, a in enumerate(axes)]
        return self._sum(*self._products(values), self.placed.group, self._stack)

    def squares(self, axes: list[IntervalMoments]) -> np.ndarray:
        """Second moments (G, n), summed over the axes, about the level, over products of intervals."""
        total = np.zeros(self.masses.shape)
        for k in range(len(axes)):
            values = [a.second if i == k else a.mass for i, a in enumerate(axes)]
            total += self._sum(*self._products(values), self.placed.group, self._stack)
        return total

    def _expect(self, factors: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
        """Σ over the cells of product · value for each component, for values (G, n, m): (J, m)."""
        left, right = factors
        if self._stack == 1:
            inner = np.tensordot(right, values.reshape(left.shape[1], right.shape[1], -1), axes=(1, 1))  # (J, a, m)
            return (left[:, None, :] @ inner)[:, 0]
        rows = (left[:, :, None] * right[:, None, :]).reshape(len(left), 1, -1)
        return (rows @ values[self.placed.group])[:, 0]

    def _first_moments(self) -> np.ndarray:
        """E[u; cell] (G, n, d), as far as C = R."""
        placed, (left, right) = self.placed, self._factors
        moment = np.zeros(self.levels.shape)
        if placed.outside.any():
            for i in range(moment.shape[2]):
                moment[:, :, i] = self._sum(left * placed.outside[:, i, None], right, placed.group, self._stack)
        for k, axis in enumerate(self.axes):
            along = self._sum(*self._replaced(k, axis.first), placed.group, self._stack)
            moment += along[:, :, None] * placed.frame[:, None, :, k]
        return moment

    def _square(self, law: Law) -> np.ndarray:
        """E uuᵀ (d, d); adds to the first moments what correlated components contribute."""
        placed, weights = self.placed, self.placed.share[:, None]
        square = (weights * self._offset).T @ self._offset
        first = self._by_component("first")
        own = np.zeros((self._stack, first.shape[1]))
        np.add.at(own, placed.group, weights * (self._by_component("second") - first**2))
        # Σ less its part along the frame, and the intervals' own.
        np.add.at(own, placed.group, -weights * placed.variance[placed.pair])
        square += np.einsum("gdr,gr,ger->de", placed.frame, own, placed.frame, optimize=True)
        square += np.tensordot(np.bincount(law.kind[placed.members], placed.share, len(law.covs)), law.covs, 1)
        return square + self._correlate() if self.mixed else square

    def _correlate(self) -> np.ndarray:
        """What C − R ≠ 0 adds to E uuᵀ for the components of the mixed pairs; adds to the first moments, too."""
        placed, mixed = self.placed, self.mixed
        starts = np.searchsorted(placed.pair, np.arange(len(placed.pair_kind)))  # components are sorted by pair
        gain, lever = np.empty((2, *placed.variance.shape))
        for k, axis in enumerate(self.axes):
            level = self.axis_levels[k] - placed.mean[:, k, None]
            gain[:, k] = np.add.reduceat(placed.share * (level * axis.slope).sum(axis=1), starts)
            # E (Z − EZ)(Z − y) from moments about the levels.
            lever[:, k] = np.add.reduceat(placed.share * (axis.second + level * axis.first).sum(axis=1), starts)
        more = np.zeros_like(placed.spread)
        more[mixed] = excess(placed, mixed, gain[mixed])
        deviation, by_component = np.sqrt(placed.variance)[placed.pair], more[placed.pair]
        for k, axis in enumerate(self.axes):
            left, right = self._replaced(k, deviation[:, k, None] * axis.slope)
            for i in range(more.shape[1]):
                shifted = left * by_component[:, i, k, None]
                self._moment[:, :, i] += self._sum(shifted, right, placed.group, self._stack)
        frame = placed.frame[placed.pair_group]
        product = np.einsum("pdr,pr,per->de", more, lever, frame, optimize=True)
        weight = np.add.reduceat(placed.share, starts)[:, None] * placed.variance
        # (R + M) D (R + M)ᵀ less M D Mᵀ and R D Rᵀ.
        cross = np.einsum("pdr,pr,per->de", more, weight, frame, optimize=True)
        return product + product.T - cross - cross.T

    def _by_component(self, name: str) -> np.ndarray:
        """A moment of each axis summed over its intervals, (J, r)."""
        columns = [getattr(axis, name).sum(axis=1) for axis in self.axes]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.placed.share), 0))

    def _products(self, axes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Products over the first axes (J, a) and over the others (J, b), with n = a·b."""
        found = []
        for part in (axes[: self._half], axes[self._half :]):
            out = np.ones((len(self.placed.share), 1))
            for values in part:
                out = (out[:, :, None] * values[:, None, :]).reshape(len(out), -1)
            found.append(out)
        return found[0], found[1]

    def _replaced(self, k: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The products with `values` in place of the masses of axis k."""
        return self._products([values if i == k else axis.mass for i, axis in enumerate(self.axes)])

    def _sum(self, left: np.ndarray, right: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
        """Σ share · left ⊗ right over the rows with each label (sorted), (count, n)."""
        left = left * self.placed.share[:, None]
        if count == 1:
            return (left.T @ right).reshape(1, -1)
        out = np.zeros((count, left.shape[1] * right.shape[1]))
        starts = np.flatnonzero(np.diff(labels, prepend=-1))
        if left.shape[0] * out.shape[1] <= _BLOCK:
            rows = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
            out[labels[starts]] = np.add.reduceat(rows, starts)
        else:
            for first, last in zip(starts, np.append(starts[1:], len(labels))):
                out[labels[first]] = (left[first:last].T @ right[first:last]).ravel()
        return out


def _axis_moments(part: ProductScheme, placed: InFrames, k: int) -> tuple[np.ndarray, IntervalMoments]:
    """The levels on axis k, (J, n_k) or (1, n_k), and moments of their intervals about them, (J, n_k)."""
    book, r = part.codebooks[k], part.ndim_support
    scales = np.broadcast_to(1.0 if part.scales is None else part.scales, (part.stack, r))
    y = book.points()[:, 0] * (scales[placed.group, k, None] if part.stack > 1 else scales[:, k, None])
    return y, voronoi_moments(y, placed.mean[:, k, None], placed.variance[placed.pair, k, None])
