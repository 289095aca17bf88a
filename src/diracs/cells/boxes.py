"""Gaussian mixtures cut into boxes of each component's principal axes, with moments in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from diracs.cells.intervals import interval_moments
from diracs.cells.partition import Partition

_EPS = 2.0**-52
# Eigenvalues below this share of the largest count as zero, and cost their root in W₂.
_FLAT = 1e-28
# Borders at infinity, in deviations: beyond, float64 holds no mass.
FAR = 39.0
_HALVINGS = 40


class Components(NamedTuple):
    """A mixture in principal axes: x = mean + axes · (deviations ∘ z)."""

    means: np.ndarray  # (K, d)
    axes: np.ndarray  # (K, d, d), columns
    deviations: np.ndarray  # (K, d)
    weights: np.ndarray  # (K,), positive
    rounding: float  # W₂ by which rounding of the axes may have moved the law, in the unit

    @classmethod
    def of(cls, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> Components:
        """From means (K, d) about the origin, covariances (K, d, d), and weights."""
        held = weights > 0
        means, covs, weights = means[held], covs[held], weights[held]
        values, vectors = np.linalg.eigh(covs)
        # Backward stable: values and vectors are those of matrices off by so much.
        off = 8.0 * means.shape[1] * _EPS * np.maximum(values[:, -1], 0.0)
        diagonal = (covs * (1.0 - np.eye(covs.shape[-1])) == 0.0).all(axis=(1, 2))
        if diagonal.any():
            values[diagonal] = np.diagonal(covs[diagonal], axis1=1, axis2=2)
            vectors[diagonal] = np.eye(covs.shape[-1])
            off[diagonal] = 0.0
        flat = values <= np.maximum(off, _FLAT)[:, None]
        lost = np.where(flat, np.maximum(values, 0.0), 0.0)
        values = np.where(flat, 0.0, values)
        # An error δ of a variance is one of δ/σ ≤ √δ of the deviation (Powers & Størmer 1970, for roots of matrices).
        share = weights / weights.sum()
        roots = np.maximum(np.sqrt(values), np.sqrt(off)[:, None])
        errors = np.divide(off[:, None], roots, out=np.zeros_like(roots), where=roots > 0)
        rounding = sum(math.sqrt(float(share @ x.sum(axis=1))) for x in (errors**2, lost))
        return cls(means, vectors, np.sqrt(values), weights, rounding)

    @property
    def spread(self) -> float:
        """E |X − mean of its component|²."""
        return float(self.weights @ (self.deviations**2).sum(axis=1))


@dataclass(frozen=True)
class Boxes:
    """Boxes of components, in deviations of their axes."""

    law: Components
    component: np.ndarray  # (N,)
    low: np.ndarray  # (N, d)
    high: np.ndarray  # (N, d)
    share: np.ndarray  # (N, d): the component's mass between the borders of each axis
    mean: np.ndarray  # (N, d)
    variance: np.ndarray  # (N, d)

    def __len__(self) -> int:
        return len(self.component)

    def cells(self) -> Partition:
        """Masses, barycenters and spreads."""
        law, k = self.law, self.component
        mass = law.weights[k] * self.share.prod(axis=1)
        deviations = law.deviations[k]
        offsets = deviations * self.mean
        barycenter = np.empty_like(offsets)
        for i, of in self._by_component():
            barycenter[of] = law.means[i] + offsets[of] @ law.axes[i].T
        return Partition(mass, barycenter, mass * (deviations**2 * self.variance).sum(axis=1))

    def _by_component(self) -> Iterator[tuple[int, np.ndarray]]:
        """Components with the places of their boxes."""
        order = np.argsort(self.component, kind="stable")
        ends = np.cumsum(np.bincount(self.component))
        for i, places in enumerate(np.split(order, ends[:-1])):
            if len(places):
                yield i, places

    def take(self, index: np.ndarray) -> Boxes:
        """Some of the boxes."""
        return Boxes(self.law, *(column[index] for column in self._columns()))

    def alone(self) -> Boxes:
        """The same boxes of a law without the components that have none of them."""
        used, place = np.unique(self.component, return_inverse=True)
        whole = self.law
        law = Components(
            whole.means[used], whole.axes[used], whole.deviations[used], whole.weights[used], whole.rounding
        )
        return Boxes(law, place, *self._columns()[1:])

    @staticmethod
    def joined(parts: Sequence[Boxes]) -> Boxes:
        """Boxes of one law, one or more."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*(part._columns() for part in parts))
        return Boxes(parts[0].law, *(np.concatenate(some) for some in columns))

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.component, self.low, self.high, self.share, self.mean, self.variance


def normal_cells(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass, mean and variance of N(0, 1) between borders, ±39 standing for infinity."""
    left, right = low <= -FAR, high >= FAR
    level = np.where(left, np.where(right, 0.0, high), np.where(right, low, 0.5 * low + 0.5 * high))
    before = np.where(left, np.inf, level - low)
    after = np.where(right, np.inf, high - level)
    zero, one = np.array(0.0), np.array(1.0)
    found = interval_moments(level, before, after, zero, one)
    mass = found.mass
    shift = np.divide(found.first, mass, out=np.zeros_like(mass), where=mass > 0)
    second = np.divide(found.second, mass, out=np.zeros_like(mass), where=mass > 0)
    return mass, level + shift, np.maximum(second - shift**2, 0.0)


def grid_boxes(law: Components, count: int) -> Boxes:
    """About `count` boxes: for each component a product of intervals, as dense as the best quantizers of many points.

    A Gaussian's density to the power of d/(d + 2) is that of one of (d + 2)/d times the variance (Zador 1982): its
    quantiles are the borders. How many boxes a component gets follows from what one more would gain: w θ² r/N is the
    same for all, θ being the width of a box and N the number of them.
    """
    counts = _counts(law, count)
    d = law.means.shape[1]
    parts = []
    for k, numbers in enumerate(counts):
        r = max(int((law.deviations[k] > 0).sum()), 1)
        tables = []
        for n in numbers:
            inner = math.sqrt((r + 2.0) / r) * scipy.special.ndtri(np.arange(1, n) / n)
            borders = np.concatenate([[-FAR], inner, [FAR]])
            tables.append((borders[:-1], borders[1:], *normal_cells(borders[:-1], borders[1:])))
        index = np.indices(tuple(numbers)).reshape(d, -1)
        columns = [np.stack([table[j][i] for table, i in zip(tables, index)], axis=1) for j in range(5)]
        parts.append(Boxes(law, np.full(index.shape[1], k), *columns))
    return Boxes.joined(parts)


def _counts(law: Components, count: int) -> list[np.ndarray]:
    """Numbers of intervals on each axis of each component."""
    sigma, weight = law.deviations, law.weights

    def numbers(price: float) -> np.ndarray:
        """(K, d), for the widths θ with w θ² r/N(θ) = price, found by halving; N as if it were no whole number."""
        low, high = np.full(len(weight), -60.0), np.full(len(weight), 60.0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            ratio = sigma / np.exp(middle)[:, None]
            used = np.maximum((ratio > 1.0).sum(axis=1), 1)
            above = np.log(weight * used) + 2.0 * middle - np.log(np.maximum(ratio, 1.0)).sum(axis=1) > price
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.maximum(np.rint(sigma / np.exp(0.5 * (low + high))[:, None]), 1.0)

    least, most = -200.0, 50.0
    found = np.ones(sigma.shape)
    for _ in range(_HALVINGS):
        middle = 0.5 * (least + most)
        tried = numbers(middle)
        if float(tried.prod(axis=1).sum()) <= max(count, len(weight)):
            most, found = middle, tried
        else:
            least = middle
    return list(found.astype(int))
