"""The exact W₂ between a law and given points: each point of space, plane or line, goes to the nearest of them.

Among all masses on the points those of their Voronoi cells are the best, and no coupling is cheaper: W₂² is the sum of
the cells' second moments about their seeds. Laws integrate these in double precision, from the plane on by the core;
this module knows what its roundings, and those of the points and masses, may add.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

from diracs.cells.intervals import REACH
from diracs.certificates.rounding import ROUNDINGS, diffused, mass_change, root_mean_square, with_moved_masses
from diracs.codebooks.cell_laws import CellImage, CellMixture, hilbert_order
from diracs.codebooks.trust_region import CellLaw

_EPS = float(np.finfo(np.float64).eps)
# Relative, on W₂: sums of second moments, and weights that are normalized up to rounding.
_SLACK = 1e-13
# Of the law's size: points further from it than that are not placed against each other.
FARTHEST = 1e12
# Deviations below this share of a component's other one, or of the law's size, count as zero here.
_THINNEST, _SMALLEST = 1e-6, 1e-10
# What a mixture must have to be sent to points of the plane, for messages.
REQUIRED = (
    f"positive definite covariances, with deviations not below {_SMALLEST:g} of the law's size nor {_THINNEST:g} of"
    " each other"
)
# Roundings of the sizes of terms that the core's moments may be off by, of borders, and relative errors of its fans.
_OPERATIONS, _BORDER, _FAN = 2.0, 4.0, 1e-13
# So many deviations away a component has 1e-44 of its mass; cells are looked at for so many components at most.
_NOTHING, _PAIRS = 14.0, 1 << 22


class Parts(NamedTuple):
    """The cells along a curve that components of a law reach: nothing of a component is in any other."""

    first: np.ndarray  # (k,) places of cells
    last: np.ndarray  # (k,)
    weights: np.ndarray  # (k,) exact but for their sum


class BoundedCells(NamedTuple):
    """Computed moments of cells that cover the law, and bounds on what is wrong with them."""

    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, d) about the seeds
    second: np.ndarray  # (n,)
    mass_error: np.ndarray  # (n,)
    second_error: np.ndarray  # (n,)
    parts: Parts | None = None

    @classmethod
    def positive(cls, mass: np.ndarray, first: np.ndarray, second: np.ndarray) -> BoundedCells:
        """Sums of positive terms, over cells without gaps: right to a few roundings."""
        return cls(mass, first, second, ROUNDINGS * _EPS * mass, ROUNDINGS * _EPS * second)


class UnitLaw(Protocol):
    """A law in its own unit: x = centre + unit·u, the law of u near the origin, of size about one."""

    @property
    def centre(self) -> np.ndarray:
        """(d,)"""

    @property
    def unit(self) -> float:
        """What is one for u."""

    @property
    def reach(self) -> float:
        """A ball of this radius about the origin holds all of the law that doubles hold."""

    def cells(self, y: np.ndarray) -> BoundedCells:
        """The Voronoi cells of seeds (n, d)."""

    def rounding(self) -> float:
        """What rounding of the law's numbers may add to W₂, in the unit."""


class UnitCellLaw(UnitLaw, Protocol):
    """One of the plane or of space."""

    @property
    def law(self) -> CellLaw:
        """The law of u."""

    def cells(self, y: np.ndarray, weights: np.ndarray | None = None) -> BoundedCells:
        """The power cells of seeds (n, d) with weights (n,)."""


@dataclass(frozen=True)
class UnitMixture:
    """A Gaussian mixture in its own unit."""

    law: CellMixture
    given: np.ndarray  # (k,) positive weights of any sum, those of the law before rounding
    components: np.ndarray  # bool: those of positive weight
    centre: np.ndarray  # (d,)
    unit: float

    @classmethod
    def of(cls, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> UnitMixture | None:
        """From float64 means (k, d), covariances (k, d, d) and weights (k,), d = 2 or 3.

        None if a covariance is near singular.
        """
        held = weights > 0
        means, covs, given = means[held], covs[held], weights[held]
        # Normalized in single precision they sum to 1 only up to 1e-7.
        weights = given / given.sum()
        # About the mean, up to overflow; differences are right to a rounding of themselves wherever it is.
        centre = means[0] + weights @ (means - means[0])
        largest = max(float(np.abs(means - centre).max()), math.sqrt(float(covs.max())))
        if not largest > 0:
            return None
        unit = math.ldexp(1.0, math.frexp(largest)[1])
        law = (means - centre) / unit, covs / unit / unit, weights
        narrow, *_, wide = np.linalg.eigvalsh(law[1]).T
        if not (narrow > np.maximum(_THINNEST**2 * wide, _SMALLEST**2)).all():
            return None
        return cls(CellMixture.of(*law), given, held, centre, unit)

    @property
    def reach(self) -> float:
        """A disc, or ball, of this radius about the origin holds the law."""
        deviations = np.sqrt(np.trace(self.law.covs, axis1=1, axis2=2))
        return float((np.linalg.norm(self.law.means, axis=1) + REACH * deviations).max())

    def cells(self, y: np.ndarray, weights: np.ndarray | None = None) -> BoundedCells:
        """By the compiled core."""
        w = np.zeros(len(y)) if weights is None else weights
        return bounded_cells(self.law, self.reach, y, w, 0.0)._replace(parts=self._parts(y, w))

    def _parts(self, y: np.ndarray, weights: np.ndarray) -> Parts | None:
        """Components reach a cell if the half plane between it and the cell of their mean is near enough."""
        if not 1 < len(y) * len(self.given) <= _PAIRS:
            return None
        place = np.empty(len(y), dtype=np.int64)
        place[hilbert_order(y)] = np.arange(len(y))
        power = ((self.law.means[:, None] - y) ** 2).sum(axis=2) - weights
        own = power.argmin(axis=1)
        between = y - y[own][:, None]
        # Distance from the mean to the border is beyond/|between|; the deviation along it √(nᵀΣn).
        beyond = 0.5 * (power - power[np.arange(len(own)), own][:, None])
        spread = np.einsum("kni,kij,knj->kn", between, self.law.covs, between)
        sizes = power + 2.0 * np.abs(weights)  # of terms
        doubt = 8.0 * _EPS * (sizes + sizes[np.arange(len(own)), own][:, None])
        reached = ~(beyond > _NOTHING * np.sqrt(np.maximum(spread, 0.0)) + doubt)
        reached[np.arange(len(own)), own] = True
        first = np.where(reached, place, len(y)).min(axis=1)
        return Parts(first, np.where(reached, place, -1).max(axis=1), self.given)

    def rounding(self) -> float:
        """Of the factors L of the covariances, and of means about the centre.

        An entry L_ij, i ≥ j, is what is left of Σ_ij, divided by L_jj: off by roundings of √(Σ_ii Σ_jj)/L_jj.
        Differences are right to roundings of themselves.
        """
        means, covs, weights = self.law.means, self.law.covs, self.law.weights
        deviations = np.sqrt(np.diagonal(covs, axis1=1, axis2=2))
        steep = deviations / np.diagonal(np.linalg.cholesky(covs), axis1=1, axis2=2)
        below = np.cumsum(deviations[:, ::-1], axis=1)[:, ::-1]
        shifts = (steep * below).sum(axis=1) + np.linalg.norm(means, axis=1)
        return ROUNDINGS * _EPS * math.sqrt(float(weights @ shifts**2))


@dataclass(frozen=True)
class UnitImage:
    """An image, or a volume, in its own unit."""

    law: CellImage
    centre: np.ndarray  # (d,)
    unit: float

    @classmethod
    def of(cls, values: np.ndarray, domain: np.ndarray) -> UnitImage:
        """From float64 values (n₁, …, n_d) of pixels and the box (2, d)."""
        sides = domain[1] - domain[0]
        unit = math.ldexp(1.0, math.frexp(float(sides.max()))[1])
        shares = values / values.max()
        return cls(CellImage.of(shares / shares.sum(), sides / unit), 0.5 * domain[0] + 0.5 * domain[1], unit)

    @property
    def reach(self) -> float:
        """Half the diagonal of the box."""
        return 0.5 * float(np.linalg.norm(self.law.extent))

    def cells(self, y: np.ndarray, weights: np.ndarray | None = None) -> BoundedCells:
        """By the compiled core: sums of positive terms, with vertices right to roundings of the box."""
        return bounded_cells(self.law, self.reach, y, np.zeros(len(y)) if weights is None else weights, self.reach)

    def rounding(self) -> float:
        """Of the borders of the box."""
        return ROUNDINGS * _EPS * (self.reach + float(np.abs(self.centre).max()) / self.unit)


def bounded_cells(law: CellLaw, reach: float, y: np.ndarray, weights: np.ndarray, blunt: float) -> BoundedCells:
    """Power cells with the errors that docs/certificates.md derives; vertices are off by roundings of `blunt`."""
    w = np.ascontiguousarray(weights)
    (mass, first, second, sizes), facets = law.moments(y, w, True)
    mass, second = np.maximum(mass, 0.0), np.maximum(second, 0.0)
    mass_error = _OPERATIONS * _EPS * sizes[:, 0] + _FAN * mass
    second_error = _OPERATIONS * _EPS * sizes[:, 1] + _FAN * second
    # Both cells at a border see it off by roundings of its distances: a sliver may be in both of them, or in none.
    i, j, gap = facets.i, facets.j, facets.gap
    rise = w[i] - w[j]
    outside = np.maximum(np.hypot.reduce(np.abs(y), axis=1) - reach, 0.0)
    outside = np.minimum(outside[i] + outside[j], np.sqrt(32.0 * gap * reach))
    held, along2 = np.abs(facets.mass), facets.spread()
    off = _BORDER * _EPS * (gap + np.abs(rise) / gap + outside + np.sqrt(along2) + blunt)
    sliver = off * held
    for ends, side in ((i, 1.0), (j, -1.0)):
        mass_error += np.bincount(ends, sliver, minlength=len(y))
        square = (0.5 * gap + side * 0.5 * rise / gap) ** 2 + along2
        second_error += np.bincount(ends, sliver * square, minlength=len(y))
    return BoundedCells(mass, first, second, mass_error, second_error)


@dataclass(frozen=True)
class Nearest:
    """The best masses on points of space, and the W₂ that they reach."""

    masses: np.ndarray  # (n,) float64
    first: np.ndarray  # (n, d) moments of the cells about the points, in the unit of the law
    second: np.ndarray  # (n,)
    w2: float  # above W₂ of these masses, in space

    @property
    def square(self) -> float:
        """W₂², but for rounding, in the unit of the law."""
        return float(self.second.sum())


def into(law: UnitLaw, points: np.ndarray) -> np.ndarray:
    """Points of space in the unit of the law."""
    return np.ascontiguousarray((points - law.centre) / law.unit)


def out_of(law: UnitLaw, points: np.ndarray) -> np.ndarray:
    """Points of the law's unit in space."""
    return law.centre + law.unit * points


def nearest(law: UnitLaw, points: np.ndarray) -> Nearest:
    """The best masses on points (n, d) of space, d = 1, 2 or 3.

    Raises
    ------
    ValueError
        If the points that count lie further from the law than 10¹² of its sizes.
    """
    y = into(law, points)
    # What is nearer to another point for all the law has no mass, and may be too far away to be looked at.
    distance = np.hypot.reduce(np.abs(y), axis=1)
    close = distance <= distance.min() + 2.0 * law.reach
    y = np.ascontiguousarray(y[close])
    # Of laws with heavy tails optimal points may lie there.
    if not np.abs(y).max() < max(FARTHEST, law.reach):
        raise ValueError(f"points must not all lie further from the distribution than {FARTHEST:g} of its sizes")
    cells = law.cells(y)
    found = Nearest(np.zeros(len(points)), np.zeros(points.shape), np.zeros(len(points)), raised(law, y, cells))
    found.masses[close], found.first[close], found.second[close] = cells.mass, cells.first, cells.second
    return found


def raised(law: UnitLaw, y: np.ndarray, cells: BoundedCells) -> float:
    """The W₂ in space to seeds y (n, d), in the unit of the law, with the computed masses, normalized; rounded up."""
    moved, fraction = _mass_error(y, cells)
    total = float(cells.second.sum()) * (1.0 + 2.0 * _SLACK) + float(cells.second_error.sum())
    root = math.sqrt(float(with_moved_masses(np.asarray(total), np.asarray(moved), fraction)))
    return (root + law.rounding() + _EPS * float(root_mean_square(y, cells.mass))) * law.unit


def rounded(law: UnitLaw, points: np.ndarray, found: Nearest, dtype: type) -> tuple[np.ndarray, float]:
    """The masses in a dtype, and the bound with these, float64."""
    if dtype == np.float64:
        return found.masses, found.w2
    order = hilbert_order(into(law, points))
    masses: np.ndarray = np.empty(len(points), dtype)
    masses[order] = diffused(found.masses[order], dtype)
    change, fraction = mass_change(into(law, points)[order], found.masses[order], masses[order], found.second[order])
    square = with_moved_masses(np.asarray((found.w2 / law.unit) ** 2), np.asarray(change), fraction)
    return masses, math.sqrt(float(square)) * law.unit


def _mass_error(y: np.ndarray, cells: BoundedCells) -> tuple[float, float]:
    """M and f (see `rounding`) from the true masses of cells to the computed ones, normalized, along a curve.

    If masses up to a place, P of them, may be wrong by A, and those beyond by B, then A (1 − P) + B P has to pass it.
    Where each component is on one side of a place, what has to pass it is known.
    """
    order = hilbert_order(y)
    y, mass, error, second = (x[order] for x in (y, cells.mass, cells.mass_error, cells.second))
    whole = float(mass.sum())
    share, after = np.cumsum(mass)[:-1] / whole, np.cumsum(mass[::-1])[::-1][1:] / whole
    passing = np.cumsum(error)[:-1] * after + np.cumsum(error[::-1])[::-1][1:] * share
    if cells.parts is not None:
        _know_between(cells.parts, mass, passing)
    passing = np.concatenate([[0.0], passing * (1.0 + 1e-6), [0.0]])
    out = passing[:-1] + passing[1:]
    # Cells of hardly any mass cannot hand on what passes them: it skips them, and theirs goes to the next that can.
    solid = np.flatnonzero(mass >= np.minimum(4.0 * out, mass.max()))
    between = np.maximum.reduceat(passing[1:], solid)[:-1] if len(solid) > 1 else np.zeros(0)
    moved = float(between @ (np.diff(y[solid], axis=0) ** 2).sum(axis=1))
    weak = np.delete(np.arange(len(y)), solid)
    to = solid[np.minimum(np.searchsorted(solid, weak), len(solid) - 1)]
    moved += float((error[weak] + mass[weak] * error.sum()) @ ((y[weak] - y[to]) ** 2).sum(axis=1))
    total = float(second.sum())
    fractions = np.minimum(np.divide(out, mass, out=np.ones(len(mass)), where=mass > 0), 1.0)
    return moved, float(fractions @ second) / total if total > 0 else 1.0


def _know_between(parts: Parts, mass: np.ndarray, passing: np.ndarray) -> None:
    """What passes the places between components, in place, for masses (n,) along the curve: exact sums."""
    n = len(mass)
    covered = np.zeros(n + 1, dtype=np.int64)
    np.add.at(covered, parts.first, 1)
    np.add.at(covered, parts.last, -1)
    # Place p is between cells p and p + 1: no component reaches across.
    free = np.flatnonzero(np.cumsum(covered)[: n - 1] == 0)
    if not len(free):
        return
    order = np.argsort(parts.last, kind="stable")
    given, held = ([Fraction(x) for x in a.tolist()] for a in (parts.weights[order], mass))
    total, whole = sum(given), sum(held)
    ends, k, i = parts.last[order], 0, 0
    before, here = Fraction(0), Fraction(0)
    for p in free.tolist():
        while k < len(ends) and ends[k] <= p:
            before, k = before + given[k], k + 1
        while i <= p:
            here, i = here + held[i], i + 1
        passing[p] = min(passing[p], abs(float(before / total - here / whole)) + 1e-40)
