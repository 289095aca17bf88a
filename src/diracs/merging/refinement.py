"""A mixture's boxes go to given points, and are cut where the borders between points cross them.

The core cuts the boxes until the excess of each, what it costs more than nearest points would, is at most a number; it
keeps only what has gone to each point, so that memory does not grow with the number of boxes. Here that number is
found: two coarse passes tell how excess and number of boxes depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from diracs import _core
from diracs.backend import doubled
from diracs.backend.progress import report
from diracs.cells.boxes import Boxes, Components

# What works on blocks of boxes: `map`, or that of an executor.
Each = Callable[..., Iterable[Any]]

# So many boxes at a time.
_BLOCK = 256
# The coarse passes: least excesses as shares of the cost, one from the other.
_FIRST, _STEP = 1e-5, 16.0
# The next pass aims a bit below what is wanted; excess goes with a power of the least one, between these.
_AIM, _POWERS = 0.85, (0.2, 1.0)
_PASSES = 8


class Gathered(NamedTuple):
    """What of a law has gone to each of n points, in its unit."""

    points: np.ndarray  # (n, d)
    masses: doubled.Pair  # (n,) twice: to twice the digits
    first: np.ndarray  # (n, d): masses times (barycenter − point)
    cost: np.ndarray  # (n,): mean squares about the points
    moved: float  # mean square of the sizes of what goes from where to where: for rounding of the coordinates

    @property
    def square(self) -> float:
        """Mean square error, the masses taken as they are."""
        return float(self.cost.sum())

    def barycenters(self) -> np.ndarray:
        """Of what has gone to each point (n, d); the point where that is nothing."""
        mass = self.masses[0]
        return self.points + self.first / np.where(mass > 0, mass, 1.0)[:, None]

    def at_barycenters(self) -> Gathered:
        """The same gone to its barycenters instead."""
        mass = self.masses[0]
        gained = (self.first**2).sum(axis=1) / np.where(mass > 0, mass, 1.0)
        # The difference is right to rounding of what it is one of.
        cost = np.maximum(self.cost - gained, 0.0) + 1e-13 * self.cost
        # |c| + |b| for b among the c: four times the mean square of |c| at most.
        return Gathered(self.barycenters(), self.masses, np.zeros_like(self.first), cost, 4.0 * self.moved)

    def among(self, points: np.ndarray, places: np.ndarray) -> Gathered:
        """The same where there are other points too, to which nothing goes."""
        if len(places) == len(points):
            return self

        def wide(x: np.ndarray) -> np.ndarray:
            out = np.zeros((len(points), *x.shape[1:]))
            out[places] = x
            return out

        high, low = self.masses
        return Gathered(points, (wide(high), wide(low)), wide(self.first), wide(self.cost), self.moved)


class Pass(NamedTuple):
    """How a pass has gone."""

    excess: float  # about so much of the mean square error is to be gained
    boxes: int


def sent_within(
    law: Components, boxes: Boxes, y: np.ndarray, precision: float, most: int, each: Each = map
) -> tuple[Gathered, Pass]:
    """Boxes gone to points y (n, d), cut until about `precision` is to be gained in W₂, or there are about `most`."""
    some = [boxes.take(np.arange(i, min(i + _BLOCK, len(boxes)))).alone() for i in range(0, len(boxes), _BLOCK)]
    found, seen = _sent(some, y, math.inf, each)
    if len(y) == 1 or not seen.excess > 0:
        return found, seen
    least = _FIRST * found.square
    step = 1.0 / _STEP
    before: Pass | None = None
    for done in range(_PASSES):
        report("passes over boxes", done, _PASSES)
        found, seen = _sent(some, y, least, each)
        # The estimate may be far above the cost while boxes are coarse.
        nearest = max(found.square - seen.excess, 0.5 * found.square)
        ratio = _AIM * 2.0 * precision * nearest / seen.excess if seen.excess > 0 else 1.0
        if seen.excess <= 2.0 * precision * nearest or seen.boxes >= 0.7 * most:
            break
        if before is not None:
            fall = _power(seen.excess / before.excess, step)
            grow = max(-_power(seen.boxes / before.boxes, step), 0.05)
            # Small enough for the precision, and large enough for the number of boxes.
            step = max(ratio ** (1.0 / min(max(fall, _POWERS[0]), _POWERS[1])), (seen.boxes / most) ** (1.0 / grow))
            if step > 0.9:
                break
        before = seen
        least *= step
    return found, seen


def _power(ratio: float, step: float) -> float:
    return math.log(ratio) / math.log(step)


def _sent(blocks: list[Boxes], y: np.ndarray, least: float, each: Each) -> tuple[Gathered, Pass]:
    """One pass; blocks add up in their order, wherever they were worked on."""
    masses, first, cost = (np.zeros(len(y)), np.zeros(len(y))), np.zeros_like(y), np.zeros(len(y))
    moved = excess = 0.0
    count = 0
    for high, low, *others, size, more, number in each(partial(_block, y=y, least=least), blocks):
        masses = doubled.add(masses, (high, low))
        first, cost = first + others[0], cost + others[1]
        moved, excess, count = moved + size, excess + more, count + number
    return Gathered(y, masses, first, cost, moved), Pass(excess, count)


def _block(boxes: Boxes, y: np.ndarray, least: float) -> tuple[Any, ...]:
    law = boxes.law
    columns = (law.means, law.axes, law.deviations, law.weights)
    borders = (boxes.component.astype(np.int32), boxes.low, boxes.high)
    return _core.send_boxes(*map(np.ascontiguousarray, (*columns, *borders, y)), least=least)
