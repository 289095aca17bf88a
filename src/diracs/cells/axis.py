"""Intervals of a univariate law as the nodes of a tree, each cut in two when that is first asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from diracs.cells.boxes import FAR, normal_cells

_EPS = 2.0**-52


class Intervals(NamedTuple):
    """Moments of a law between borders."""

    mass: np.ndarray  # (m,)
    mean: np.ndarray  # (m,)
    variance: np.ndarray  # (m,)
    doubt: np.ndarray  # (m,): masses and variances are right to this share of themselves


# Moments of the intervals from low (m,) to high (m,), which do not overlap and ascend.
Between = Callable[[np.ndarray, np.ndarray], Intervals]


class Axis:
    """A univariate law of deviation about one: node 0 is all of it.

    Examples
    --------
    >>> axis = normal_axis()
    >>> axis.halves(np.array([0, 0])).tolist()
    [1, 1]
    >>> axis.mean[1:3].round(3).tolist()
    [-0.798, 0.798]
    """

    def __init__(self, between: Between, low: float, high: float) -> None:
        self._between = between
        self.low, self.high = np.array([low]), np.array([high])
        self.mass, self.mean, self.variance, self.doubt = between(self.low, self.high)
        self._first = np.array([-1])

    def halves(self, nodes: np.ndarray) -> np.ndarray:
        """The first of the two halves of each node (m,); the other comes next."""
        new = np.unique(nodes[self._first[nodes] < 0])
        if len(new):
            self._cut(new[np.argsort(self.low[new], kind="stable")])
        return self._first[nodes]

    def _cut(self, nodes: np.ndarray) -> None:
        """Leaves, in ascending order: they do not overlap. Cut at the mean, which all laws have inside."""
        low, high = self.low[nodes], self.high[nodes]
        middle = np.clip(self.mean[nodes], low, high)
        self._first[nodes] = len(self.low) + 2 * np.arange(len(nodes))
        lows, highs = (np.stack(x, axis=1).ravel() for x in ((low, middle), (middle, high)))
        found = self._between(lows, highs)
        self.low, self.high = np.concatenate([self.low, lows]), np.concatenate([self.high, highs])
        self.mass, self.mean, self.variance, self.doubt = (
            np.concatenate(x) for x in zip((self.mass, self.mean, self.variance, self.doubt), found)
        )
        self._first = np.concatenate([self._first, np.full(len(lows), -1)])


def normal_axis() -> Axis:
    """N(0, 1)."""

    def between(low: np.ndarray, high: np.ndarray) -> Intervals:
        mass, mean, variance = normal_cells(low, high)
        return Intervals(mass, mean, variance, np.full(len(mass), 4.0 * _EPS))

    return Axis(between, -FAR, FAR)


def law_axis(law: Any) -> Axis:
    """A `Univariate` law, less its mean and over its deviation."""
    mean, deviation = float(law.mean), math.sqrt(law.variance)
    low, high = law.support

    def placed(u: np.ndarray) -> np.ndarray:
        return np.clip(mean + deviation * u, low, high)

    def between(below: np.ndarray, above: np.ndarray) -> Intervals:
        start, stop = placed(below), placed(above)
        borders = np.unique(np.concatenate([start, stop]))
        held = np.flatnonzero(stop > start)
        out = Intervals(*(np.zeros(len(below)) for _ in range(4)))
        if not len(held):
            return out
        before, after = borders[:-1], borders[1:]
        left, right = np.isinf(before), np.isinf(after)
        near, far = np.where(left, after, before), np.where(right, before, after)
        seeds = np.where(left & right, mean, 0.5 * near + 0.5 * far + deviation * (1.0 * right - 1.0 * left))
        mass, first, second, mass_error, second_error = (
            x[np.searchsorted(before, start[held])] for x in law.moments(np.clip(seeds, low, high), borders)
        )
        solid = np.where(mass > 0, mass, 1.0)
        shift, square = first / solid, second / solid
        seed = np.clip(seeds, low, high)[np.searchsorted(before, start[held])]
        variance = np.maximum(square - shift**2, 0.0)
        least = np.where(variance > 0, variance, 1.0) * solid
        out.mass[held], out.mean[held] = mass, (seed - mean + shift) / deviation
        out.variance[held] = variance / deviation**2
        # What a difference of squares is off by, and sums.
        unsure = 2.0 * mass_error / solid + (2.0 * second_error + 4.0 * _EPS * second) / least
        out.doubt[held] = np.where(mass > 0, unsure, 0.0) + 4.0 * _EPS
        return out

    return Axis(between, -math.inf if math.isinf(low) else (low - mean) / deviation, math.inf if math.isinf(high) else (high - mean) / deviation)
