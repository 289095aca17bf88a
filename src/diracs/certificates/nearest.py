"""The exact W₂ between a law and given points: each point of space, line or plane, goes to the nearest of them.

Among all masses on the points those of their Voronoi cells are the best, and no coupling is cheaper: W₂² is the sum of
the cells' second moments about their seeds. Laws integrate these in double precision, planar ones by the compiled core;
this module knows what its roundings, and those of the points and masses, may add.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from diracs import _core
from diracs.certificates.rounding import ROUNDINGS, diffused, mass_change, root_mean_square, with_moved_masses
from diracs.codebooks.planar_laws import PlanarImage, PlanarMixture, hilbert_order
from diracs.codebooks.trust_region import PlanarLaw

_EPS = float(np.finfo(np.float64).eps)
# Relative, on W₂: sums of second moments, and weights that are normalized up to rounding.
_SLACK = 1e-13
# Gaussians hold nothing beyond so many deviations.
_REACH = 39.0
# Of the law's size: points further from it than that are not placed against each other.
FARTHEST = 1e12
# Deviations below this share of a component's other one, or of the law's size, count as zero here.
_THINNEST, _SMALLEST = 1e-6, 1e-10
# What a mixture must have to be sent to points of the plane, for messages.
REQUIRED = (
    f"positive definite covariances, with deviations not below {_SMALLEST:g} of the law's size nor {_THINNEST:g} of"
    " each other"
)
# Masses below this are not counted in running sums.
_HARDLY = 1e-13


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
        """A ball of this radius about the origin holds the law."""

    def moments(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masses (n,), first (n, d) and second moments (n,) of the Voronoi cells of seeds (n, d), about these."""

    def noise(self, y: np.ndarray, mass: np.ndarray, square: float) -> float:
        """What `square`, the sum of the cells' second moments, may lack, for seeds and masses of cells."""

    def rounding(self) -> float:
        """What rounding of the law's numbers may add to W₂, in the unit."""


class UnitPlanarLaw(UnitLaw, Protocol):
    """One of the plane."""

    @property
    def law(self) -> PlanarLaw:
        """The law of u."""


@dataclass(frozen=True)
class UnitMixture:
    """A Gaussian mixture in its own unit."""

    law: PlanarMixture
    components: np.ndarray  # (k,) bool: those of positive weight
    centre: np.ndarray  # (2,)
    unit: float

    @classmethod
    def of(cls, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> UnitMixture | None:
        """From float64 means (k, 2), covariances (k, 2, 2) and weights (k,); None if a covariance is near singular."""
        held = weights > 0
        means, covs, weights = means[held], covs[held], weights[held]
        # Normalized in single precision they sum to 1 only up to 1e-7.
        weights = weights / weights.sum()
        # About the mean, up to overflow; differences are right to a rounding of themselves wherever it is.
        centre = means[0] + weights @ (means - means[0])
        largest = max(float(np.abs(means - centre).max()), math.sqrt(float(covs.max())))
        if not largest > 0:
            return None
        unit = math.ldexp(1.0, math.frexp(largest)[1])
        law = (means - centre) / unit, covs / unit / unit, weights
        narrow, wide = np.linalg.eigvalsh(law[1]).T
        if not (narrow > np.maximum(_THINNEST**2 * wide, _SMALLEST**2)).all():
            return None
        return cls(PlanarMixture.of(*law), held, centre, unit)

    @property
    def reach(self) -> float:
        """A disc of this radius about the origin holds the law."""
        deviations = np.sqrt(np.trace(self.law.covs, axis1=1, axis2=2))
        return float((np.linalg.norm(self.law.means, axis=1) + _REACH * deviations).max())

    def moments(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By the compiled core."""
        return _planar_moments(self.law, y)

    def noise(self, y: np.ndarray, mass: np.ndarray, square: float) -> float:
        """A cell's moments are differences of fluxes through its edges, each of about the root of its mass."""
        variances = np.trace(self.law.covs, axis1=1, axis2=2)
        extents = np.empty(len(y))  # E|x − yᵢ|² over the components, each with its share of the density at the seed
        for part, shares in self.law.shares(y):
            squares = ((y[part, None] - self.law.means) ** 2).sum(axis=2) + variances
            extents[part] = (shares * squares).sum(axis=1)
        return ROUNDINGS * _EPS * float(np.sqrt(mass) @ extents)

    def rounding(self) -> float:
        """Of the factors [[l, 0], [m, p]] of the covariances, and of means about the centre.

        A computed factor is that of a covariance whose last entry is off by roundings of m² + p², which moves p by
        roundings of m²/p. Differences are right to roundings of themselves.
        """
        means, covs, weights = self.law.means, self.law.covs, self.law.weights
        skew = covs[:, 0, 1] ** 2 / covs[:, 0, 0]
        rest = np.sqrt(np.linalg.det(covs) / covs[:, 0, 0])
        shifts = np.sqrt(np.trace(covs, axis1=1, axis2=2)) + skew / rest + np.linalg.norm(means, axis=1)
        return ROUNDINGS * _EPS * math.sqrt(float(weights @ shifts**2))


@dataclass(frozen=True)
class UnitImage:
    """An image in its own unit."""

    law: PlanarImage
    centre: np.ndarray  # (2,)
    unit: float

    @classmethod
    def of(cls, values: np.ndarray, domain: np.ndarray) -> UnitImage:
        """From float64 values (n₁, n₂) of pixels and the box (2, 2)."""
        sides = domain[1] - domain[0]
        unit = math.ldexp(1.0, math.frexp(float(sides.max()))[1])
        shares = values / values.max()
        return cls(PlanarImage.of(shares / shares.sum(), sides / unit), 0.5 * domain[0] + 0.5 * domain[1], unit)

    @property
    def reach(self) -> float:
        """Half the diagonal of the box."""
        return 0.5 * float(np.hypot(*self.law.extent))

    def moments(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By the compiled core."""
        return _planar_moments(self.law, y)

    def noise(self, y: np.ndarray, mass: np.ndarray, square: float) -> float:
        """Cells are sums of positive terms."""
        return ROUNDINGS * _EPS * square

    def rounding(self) -> float:
        """Of the borders of the box."""
        return ROUNDINGS * _EPS * (self.reach + float(np.abs(self.centre).max()) / self.unit)


def _planar_moments(law: PlanarLaw, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mass, first, second, *_ = _core.moments(law.core, y, np.zeros(len(y)), edges=False)
    return np.maximum(mass, 0.0), first, np.maximum(second, 0.0)


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
    """The best masses on points (n, d) of space, d = 1 or 2.

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
    if not np.abs(y).max() < FARTHEST:
        raise ValueError(f"points must not all lie further from the distribution than {FARTHEST:g} of its sizes")
    mass, first, second = law.moments(y)
    found = Nearest(np.zeros(len(points)), np.zeros(points.shape), np.zeros(len(points)), raised(law, y, mass, second))
    found.masses[close], found.first[close], found.second[close] = mass, first, second
    return found


def raised(law: UnitLaw, y: np.ndarray, mass: np.ndarray, second: np.ndarray) -> float:
    """The W₂ in space, rounded up, for computed masses and second moments of cells.

    Parameters
    ----------
    law : UnitLaw
    y : array (n, d)
        The seeds, in the unit of the law.
    mass, second : array (n,)
        About the seeds, in the unit of the law.
    """
    square = float(second.sum())
    moved, fraction = _mass_error(y, mass, second)
    total = square * (1.0 + 2.0 * _SLACK) + law.noise(y, mass, square)
    root = math.sqrt(float(with_moved_masses(np.asarray(total), np.asarray(moved), fraction)))
    return (root + law.rounding() + _EPS * float(root_mean_square(y, mass))) * law.unit


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


def _mass_error(y: np.ndarray, mass: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """M and f (see `rounding`) for masses of cells, whose running sums along a curve are fluxes as well."""
    solid = mass > _HARDLY
    y, mass, second = y[solid], mass[solid], second[solid]
    order = hilbert_order(y)
    before = np.cumsum(mass[order])[:-1]
    least = np.maximum(np.minimum(before, mass.sum() - before), 0.0)
    gaps = (np.diff(y[order], axis=0) ** 2).sum(axis=1)
    fractions = np.minimum(ROUNDINGS * _EPS / np.sqrt(mass), 1.0)
    total = float(second.sum())
    return ROUNDINGS * _EPS * float(np.sqrt(least) @ gaps), float(fractions @ second) / total if total > 0 else 1.0
