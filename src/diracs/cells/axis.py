"""Intervals of a univariate law as the nodes of a tree, each cut in two when that is first asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from diracs.cells.boxes import FAR, normal_cells
from diracs.laws.univariate.law import Univariate

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
    >>> import numpy as np
    >>> from diracs.cells.axis import normal_axis
    >>> axis = normal_axis()
    >>> axis.halves(np.array([0, 0])).tolist()
    [1, 1]
    >>> axis.mean[1:3].round(3).tolist()
    [-0.798, 0.798]
    """

    def __init__(self, between: Between, low: float, high: float) -> None:
        self.between = between
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
        found = self.between(lows, highs)
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


def law_axis(law: Univariate) -> Axis:
    """A law less its mean and over its deviation."""
    mean, deviation = law.mean, math.sqrt(law.variance)
    low, high = law.support

    def between(below: np.ndarray, above: np.ndarray) -> Intervals:
        start, stop = (np.clip(mean + deviation * u, low, high) for u in (below, above))
        out = Intervals(*(np.zeros(len(below)) for _ in range(4)))
        held = np.flatnonzero(stop > start)
        if not len(held):
            return out
        borders = np.unique(np.concatenate([start[held], stop[held]]))
        seeds = np.clip(_inside(borders, mean, deviation), low, high)
        place = np.searchsorted(borders, start[held])
        mass, first, second, mass_error, second_error = (x[place] for x in law.moments(seeds, borders))
        solid = np.where(mass > 0, mass, 1.0)
        shift = first / solid
        variance = np.maximum(second / solid - shift**2, 0.0)
        out.mass[held], out.mean[held] = mass, (seeds[place] - mean + shift) / deviation
        out.variance[held] = variance / deviation**2
        # Of the difference of squares, what it is one of counts.
        unsure = (2.0 * second_error + 4.0 * _EPS * second) / np.where(variance > 0, variance * solid, 1.0)
        out.doubt[held] = np.where(mass > 0, 2.0 * mass_error / solid + unsure, 0.0) + 4.0 * _EPS
        return out

    return Axis(between, (low - mean) / deviation, (high - mean) / deviation)


def _inside(borders: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """A point (m,) in each interval between borders (m + 1,), the outer ones of which may be infinite."""
    inner = borders[np.isfinite(borders)]
    if not len(inner):
        return np.array([mean])
    middles = 0.5 * inner[1:] + 0.5 * inner[:-1]
    left = [inner[:1] - deviation] if np.isinf(borders[0]) else []
    right = [inner[-1:] + deviation] if np.isinf(borders[-1]) else []
    return np.concatenate([*left, middles, *right])
