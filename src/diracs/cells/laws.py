"""Where the laws of diracs are, and how each is cut."""

from __future__ import annotations

import math

import numpy as np

from diracs.backend.arrays import concrete
from diracs.cells.axis import Axis, law_axis, normal_axis
from diracs.cells.balls import BallPieces
from diracs.cells.bisection import Bisected
from diracs.cells.boxes import Components
from diracs.cells.divisible import Divisible, Extent, divisible, extent
from diracs.cells.fixed import Fixed
from diracs.cells.mixed import Mixed
from diracs.cells.partition import Partition
from diracs.cells.pixels import Pixels
from diracs.cells.products import Products
from diracs.cells.scaled import Scaled
from diracs.laws.balls import Balls
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, GaussianMixture, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mesh import Mesh
from diracs.laws.mixed import Mixture, joined_gaussians
from diracs.laws.own import CutsItself, cells_of
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate

__all__ = ["divisible", "extent"]

_EPS = 2.0**-52
# Cells of a law of one's own where it is part of a mixture.
_OWN_CELLS = 2**14


def _between(low: np.ndarray, high: np.ndarray, wide: float = 0.0) -> Extent:
    """Of a box (d,), (d,) with so much around it."""
    centre = 0.5 * low + 0.5 * high
    return Extent(centre, max(float(np.maximum(high - centre, centre - low).max()), wide))


@extent.register
def _(law: GaussianMixture) -> Extent:
    means, covs, weights = components_of(law)
    held = weights > 0
    return _between(means[held].min(axis=0), means[held].max(axis=0), math.sqrt(float(covs[held].max())))


@divisible.register
def _(law: GaussianMixture, centre: np.ndarray, unit: float) -> Divisible:
    means, covs, weights = components_of(law)
    parts = Components.of((means - centre) / unit, covs / unit / unit, weights / weights.sum())
    matrices = parts.axes * parts.deviations[:, None, :]
    return Products.of([normal_axis()] * law.ndim, matrices, parts.means, parts.weights, parts.rounding)


@extent.register
def _(law: Gaussian) -> Extent:
    return extent(law.as_mixture())


@divisible.register
def _(law: Gaussian, centre: np.ndarray, unit: float) -> Divisible:
    return divisible(law.as_mixture(), centre, unit)


@extent.register
def _(law: Univariate) -> Extent:
    return Extent(np.array([law.mean]), math.sqrt(law.variance))


@divisible.register
def _(law: Univariate, centre: np.ndarray, unit: float) -> Divisible:
    deviation = np.array([[[math.sqrt(law.variance) / unit]]])
    offset = (np.array([[law.mean]]) - centre) / unit
    return Products.of([law_axis(law)], deviation, offset, np.ones(1))


@extent.register
def _(law: Independent) -> Extent:
    return Extent(law.mean, float(np.abs(law.root).max()))


@divisible.register
def _(law: Independent, centre: np.ndarray, unit: float) -> Divisible:
    matrix, means = concrete(law.matrix), np.array([z.mean for z in law.laws])
    # The mean is a sum of products, unless there is nothing to be added.
    sizes = np.abs(matrix) @ np.abs(means) + np.abs(concrete(law.offset))
    plain = (matrix == np.eye(*matrix.shape)).all() and not concrete(law.offset).any()
    wrong = 0.0 if plain else (2.0 + len(means)) * _EPS
    rounding = float(np.sqrt(((wrong * sizes / unit) ** 2).sum()))
    used = np.flatnonzero(law.root.any(axis=0))
    axes = _axes([law.laws[k] for k in used])
    offset = (law.mean - centre) / unit
    return Products.of(axes, (law.root[:, used] / unit)[None], offset[None], np.ones(1), rounding)


def _axes(laws: list[Univariate]) -> list[Axis]:
    """An axis for each law, one for those that are the same."""
    made = {id(law): law_axis(law) for law in laws}
    return [made[id(law)] for law in laws]


@extent.register
def _(law: Elliptical) -> Extent:
    return Extent(concrete(law.mean), math.sqrt(law.second) * extent(law.normal()).size)


@divisible.register
def _(law: Elliptical, centre: np.ndarray, unit: float) -> Divisible:
    mean, deviation = law.scale.mean, math.sqrt(law.scale.variance)
    # s in units of its own size, the normal law in what is left of the unit.
    size = math.ldexp(1.0, math.frexp(math.sqrt(law.second))[1])
    _, covs, _ = components_of(law.normal().as_mixture())
    normal = Components.of(np.zeros((1, law.ndim)), covs / unit * size / unit * size, np.ones(1))
    used = normal.deviations[0] > 0
    matrix = (normal.axes[0] * normal.deviations[0])[:, used]
    offset = (concrete(law.mean) - centre) / unit
    rounding = normal.rounding + 2.0 * law.ndim**1.5 * _EPS * float(np.sqrt((matrix**2).sum()))
    return Scaled(law_axis(law.scale), mean / size, deviation / size, normal_axis(), matrix, offset, rounding)


@extent.register
def _(law: Balls) -> Extent:
    held = concrete(law.centres)[concrete(law.weights) > 0]
    return _between(held.min(axis=0), held.max(axis=0), law.radius)


@divisible.register
def _(law: Balls, centre: np.ndarray, unit: float) -> Divisible:
    weights = concrete(law.weights)
    held = weights > 0
    return BallPieces.of(
        (concrete(law.centres)[held] - centre) / unit, law.radius / unit, weights[held] / weights.sum()
    )


@extent.register(PolynomialGrid)
@extent.register(Histogram)
def _(law: PolynomialGrid | Histogram) -> Extent:
    return _between(*law.domain)


@divisible.register
def _(law: PolynomialGrid, centre: np.ndarray, unit: float) -> Divisible:
    values, (low, high) = concrete(law.values), (law.domain - centre) / unit
    edges = [a + (b - a) * (np.arange(n + 1) / n) for a, b, n in zip(low, high, values.shape)]
    masses = values / values.max()
    return Pixels.of(masses / masses.sum(), edges)


@divisible.register
def _(law: Histogram, centre: np.ndarray, unit: float) -> Divisible:
    return Pixels.of(law.masses, [(edge - c) / unit for edge, c in zip(law.edges, centre)])


@extent.register
def _(law: Mesh) -> Extent:
    corners = law.vertices[law.simplices[law.densities.any(axis=1)]]
    return _between(corners.min(axis=(0, 1)), corners.max(axis=(0, 1)))


@divisible.register
def _(law: Mesh, centre: np.ndarray, unit: float) -> Divisible:
    corners = (law.vertices[law.simplices] - centre) / unit
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / math.factorial(law.ndim)
    densities = law.densities / law.densities.max()
    return Bisected(corners, densities / float(volumes @ densities.mean(axis=1)), volumes)


@extent.register
def _(law: SumOfDiracs) -> Extent:
    held = concrete(law.positions)[concrete(law.weights) > 0]
    return _between(held.min(axis=0), held.max(axis=0))


@divisible.register
def _(law: SumOfDiracs, centre: np.ndarray, unit: float) -> Divisible:
    weights = concrete(law.weights)
    held = weights > 0
    points = (concrete(law.positions)[held] - centre) / unit
    return Fixed(Partition.of_points(points, weights[held] / weights.sum()))


@extent.register
def _(law: Mixture) -> Extent:
    found = [extent(part) for part, weight in zip(law.laws, concrete(law.weights)) if weight > 0]
    centres = np.stack([part.centre for part in found])
    return _between(centres.min(axis=0), centres.max(axis=0), max(part.size for part in found))


@divisible.register
def _(law: Mixture, centre: np.ndarray, unit: float) -> Divisible:
    """All Gaussians are one part."""
    weights = concrete(law.weights)
    held = [(part, weight) for part, weight in zip(law.laws, weights / weights.sum()) if weight > 0]
    normal = [(part, weight) for part, weight in held if isinstance(part, Gaussian | GaussianMixture)]
    others = [(part, weight) for part, weight in held if not isinstance(part, Gaussian | GaussianMixture)]
    if normal:
        share = np.array([weight for _, weight in normal])
        others.append((joined_gaussians([part for part, _ in normal], share), float(share.sum())))
    return Mixed.of([divisible(part, centre, unit) for part, _ in others], np.array([w for _, w in others]))


@extent.register(CutsItself)
def _(law: CutsItself) -> Extent:
    mass, barycenter, spread = cells_of(law, _OWN_CELLS)
    held = mass > 0
    wide = float(np.sqrt(spread[held] / mass[held]).max())
    return _between(barycenter[held].min(axis=0), barycenter[held].max(axis=0), wide)


@divisible.register(CutsItself)
def _(law: CutsItself, centre: np.ndarray, unit: float) -> Divisible:
    mass, barycenter, spread = cells_of(law, _OWN_CELLS)
    held = mass > 0
    return Fixed(Partition(mass[held], (barycenter[held] - centre) / unit, spread[held] / unit / unit))
