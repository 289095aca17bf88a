"""Univariate laws as targets of transport: a frame, a density, derivatives in location and scale."""

from __future__ import annotations

import numpy as np

from diracs.backend.callback import Numbers
from diracs.cells.line import LineDensity, power_cells
from diracs.cells.univariate import StandardLine
from diracs.laws.univariate.law import Univariate
from diracs.laws.univariate.standard import Standard
from diracs.transport.density import UnitDensity
from diracs.transport.families import Parameters

# Shares of the mass that pictures leave out on either side.
_UNSEEN = 2e-3


class UnivariateTarget:
    """Location and scale of a standard law."""

    # Seeds of heavy tails lie far out, where squares can still be held.
    farthest = 1e150

    def __init__(self, family: Standard, loc: float, scale: float) -> None:
        self.family, self.loc, self.size = family, loc, scale

    def normalized(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray((positions - self.loc) / self.size)

    def original(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(self.loc + points * self.size)

    def line(self) -> LineDensity:
        return StandardLine(self.family)

    def density(self) -> UnitDensity:
        raise ValueError("a univariate law lies on the line")

    def box(self) -> np.ndarray:
        edges = self.family.edges()
        return np.array([[edges[0]], [edges[-1]]])

    def slopes(self, positions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of x = loc + scale·z: 2 ∫ (x − y(x)) dρ and 2 ∫ (x − y(x)) z dρ."""
        seeds = self.normalized(positions)[:, 0]
        alive, borders = power_cells(seeds, weights / self.size**2)
        y = seeds[alive]
        found = self.family.moments(y, np.concatenate([[-np.inf], borders, [np.inf]]))
        along = float((found.second + y * found.first).sum())
        return np.asarray(2.0 * self.size * found.first.sum()), np.asarray(2.0 * self.size * along)


# Families by number, as they were met: what is not an array must be made of numbers.
_MET: dict[Standard, int] = {}


def univariate_numbers(law: Univariate) -> Numbers:
    return (float(_MET.setdefault(law.family, len(_MET))),)


def univariate_target(numbers: Numbers, parameters: Parameters) -> UnivariateTarget:
    family = list(_MET)[int(numbers[0])]
    return UnivariateTarget(family, *map(float, parameters))


def is_univariate(numbers: Numbers, parameters: Parameters) -> bool:
    return float(parameters[1]) > 0


def univariate_picture(law: Univariate, positions: np.ndarray) -> np.ndarray:
    """Holds nearly all of the law, and the points."""
    ends = law.quantiles(np.array([_UNSEEN, 1.0 - _UNSEEN]), np.array([1.0 - _UNSEEN, _UNSEEN]))
    return np.array([[min(ends[0], positions.min())], [max(ends[1], positions.max())]])
