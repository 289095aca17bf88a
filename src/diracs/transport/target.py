"""Grids and mixtures as targets of transport: a frame, a density, derivatives in the parameters.

Meshes are in `target_mesh`, univariate laws in `target_univariate`.
"""

from __future__ import annotations

import math

import numpy as np

from diracs import _core
from diracs.backend.arrays import concrete, is_traced
from diracs.backend.callback import Numbers
from diracs.cells.line import LineImage, LineMixture, power_cells
from diracs.cells.spaces import Euclidean
from diracs.laws.gaussian import SINGULAR, GaussianMixture, full_covariances
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.transport.components import component_moments
from diracs.transport.density import ImageDensity, UnitDensity
from diracs.transport.density_space import VolumeDensity, mixture_density
from diracs.transport.families import Family, Parameters, register
from diracs.transport.target_mesh import mesh_numbers, mesh_target
from diracs.transport.target_univariate import (
    is_univariate,
    univariate_numbers,
    univariate_picture,
    univariate_target,
)

Density = PolynomialGrid | GaussianMixture | Mesh | Univariate


def singular(means: np.ndarray, covs: np.ndarray) -> np.ndarray:
    """(k,) which covariances are not positive definite, up to rounding for full ones."""
    if covs.ndim < 3:
        return np.asarray(~((covs > 0).all(axis=-1) if covs.ndim == 2 else covs > 0))
    unit = np.abs(covs).max(axis=(1, 2), keepdims=True)
    values = np.linalg.eigvalsh(covs / np.where(unit > 0, unit, 1.0))
    return np.asarray(~(values[:, 0] > SINGULAR * means.shape[1]) | (unit[:, 0, 0] == 0))


class GridTarget:
    """Pixels (n₁, …, n_d), d ≤ 3, of any positive sum on the box `domain` (2, d), not periodic below space."""

    def __init__(self, values: np.ndarray, domain: np.ndarray, periodic: tuple[bool, ...]) -> None:
        self.values, self.domain, self.periodic = values, domain, periodic
        self.sides = domain[1] - domain[0]
        self.size = float(self.sides.max())

    def normalized(self, positions: np.ndarray) -> np.ndarray:
        """From the lowest corner: the middle of the box need not be a double, and differences of neighbours are."""
        above = positions - self.domain[0]
        if any(self.periodic):
            within = above - np.floor(above / self.sides) * self.sides
            above = np.where(self.periodic, np.where(within < self.sides, within, 0.0), above)
        return (above - 0.5 * self.sides) / self.size

    def original(self, points: np.ndarray) -> np.ndarray:
        return self.domain[0] + (0.5 * self.sides + points * self.size)

    def line(self) -> LineImage:
        return LineImage(self.values / self.values.sum())

    def density(self) -> UnitDensity:
        if len(self.sides) == 3:
            return VolumeDensity.of(self.values, self.sides / self.size, Euclidean(self.periodic))
        return ImageDensity.of(self.values, self.sides / self.size)

    def box(self) -> np.ndarray:
        half = 0.5 * self.sides / self.size
        return np.stack([-half, half])

    def slopes(self, positions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """∫ φᶜ over each pixel."""
        seeds, w = self.normalized(positions), weights / self.size**2
        shape = self.values.shape
        if len(self.sides) == 1:
            found = self.line().potentials(seeds[:, 0], w)
        else:
            unique, first = np.unique(seeds, axis=0, return_index=True)
            flat = len(shape) == 2
            box, ones = self.box(), np.ones(shape)
            image = _core.Image(ones, box) if flat else _core.SpaceImage(ones, box, np.array(self.periodic))
            found = image.potential(unique, np.ascontiguousarray(w[first]))
        return (np.asarray(found * self.size ** (2 + len(shape))),)


class PeriodicTarget(GridTarget):
    """Pixels (n₁,) or (n₁, n₂) on a box with periodic axes: a volume that is one voxel thick (`VolumeDensity`)."""

    def __init__(self, values: np.ndarray, domain: np.ndarray, periodic: tuple[bool, ...]) -> None:
        self.ndim = values.ndim
        more = 3 - self.ndim
        self.thickness = float((domain[1] - domain[0]).max()) / 16.0
        thick = np.hstack([domain, self.thickness * np.array([[-0.5] * more, [0.5] * more])])
        super().__init__(values.reshape(*values.shape, *[1] * more), thick, (*periodic, *[False] * more))

    def normalized(self, positions: np.ndarray) -> np.ndarray:
        return super().normalized(np.pad(positions, ((0, 0), (0, 3 - self.ndim))))

    def original(self, points: np.ndarray) -> np.ndarray:
        return super().original(points)[:, : self.ndim]

    def density(self) -> UnitDensity:
        return VolumeDensity.of(self.values, self.sides / self.size, Euclidean(self.periodic), self.ndim)

    def slopes(self, positions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """∫ φᶜ over each pixel, without what the thickness adds to volumes and squares of distances."""
        shape, more = self.values.shape[: self.ndim], 3 - self.ndim
        pixel = float((self.sides[: self.ndim] / shape).prod())
        found = super().slopes(positions, weights)[0].reshape(shape) / self.thickness**more
        return (found - pixel * more * self.thickness**2 / 12.0,)


class MixtureTarget:
    """Means (k, d), covariances of any kind and weights (k,), maybe zero: where they are not, positive definite."""

    def __init__(self, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> None:
        kept = weights > 0
        self.means, self.covs, self.weights = means, covs, weights / weights.sum()
        # Any double near the means will do: means and positions are moved by the same.
        self.centre = self.weights @ means
        full = full_covariances(means, covs)
        variances = np.diagonal(full, axis1=1, axis2=2)
        far = float(np.abs(means - self.centre)[kept].max())
        # A power of two: dividing by it rounds nothing.
        self.size = math.ldexp(1.0, math.frexp(2.0 * max(far, float(np.sqrt(variances[kept].max()))))[1])
        self._means = self.normalized(means)
        self._covs = full / self.size / self.size
        self._kept = kept

    def normalized(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray((positions - self.centre) / self.size)

    def original(self, points: np.ndarray) -> np.ndarray:
        return self.centre + points * self.size

    def line(self) -> LineMixture:
        kept = self._kept
        return LineMixture(self._means[kept, 0], np.sqrt(self._covs[kept, 0, 0]), self.weights[kept])

    def density(self) -> UnitDensity:
        return mixture_density(self._means[self._kept], self._covs[self._kept], self.weights[self._kept])

    def box(self) -> np.ndarray:
        if self.means.shape[1] > 1:
            return self.density().box
        low, high = self.line().support
        return np.array([[low], [high]])

    def slopes(self, positions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """Means, covariances, weights, each in its own shape.

        With unit masses ρ_k: ∂μ = 2π ∫ (x − y(x)) dρ_k; ∂Σ = π (I − Σ_edges |yᵢ − yⱼ| n nᵀ ∫ρ_k dℓ), by Stein's lemma;
        ∂π = ∫ φᶜ dρ_k, less its mean.
        """
        seeds, w = self.normalized(positions), weights / self.size**2
        potential, moved, curvature = self._components(seeds, w)
        slope = self.weights[:, None, None] * (np.eye(positions.shape[1]) - curvature)
        if self.covs.ndim == 2:
            slope = np.diagonal(slope, axis1=1, axis2=2).copy()
        elif self.covs.ndim == 1:
            slope = np.trace(slope, axis1=1, axis2=2)
        potential = potential - self.weights @ potential
        return 2.0 * self.weights[:, None] * moved * self.size, slope, potential * self.size**2

    def _components(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Potential (k,), first moments (k, d) and curvature (k, d, d)."""
        k, d = self.means.shape
        potential, moved, curvature = np.empty(k), np.zeros((k, d)), np.zeros((k, d, d))
        thin = singular(self.means, self.covs)
        means, covs = self._means[~thin], self._covs[~thin]
        if d == 1:
            line = component_moments(seeds, weights, means, covs)
            found = line.potential, line.moved, line.curvature
        else:
            # Equal weights: what is negligible for one component does not depend on the others'.
            broad = mixture_density(means, covs, np.full(len(means), 1.0 / len(means)))
            unique, first = np.unique(seeds, axis=0, return_index=True)
            found = broad.core.components(unique, np.ascontiguousarray(weights[first]))
        potential[~thin], moved[~thin], curvature[~thin] = found
        for i in np.flatnonzero(thin):
            potential[i] = _thin_potential(self._means[i], self._covs[i], seeds, weights)
        return potential, moved, curvature


def _thin_potential(mean: np.ndarray, cov: np.ndarray, seeds: np.ndarray, weights: np.ndarray) -> float:
    """∫ φᶜ over a Gaussian on a line x = mean + t·u of space, or in a point, for seeds (n, d) and weights (n,).

    There |x − y|² − w = (t − u·(y − mean))² − (w − h²), h the distance of y from the line: a problem on the line.
    """
    values, vectors = np.linalg.eigh(cov)
    off = seeds - mean
    if len(mean) == 3 and values[1] > 1e-15 * values[2]:
        return _flat_potential(values[1:], vectors[:, 1:], off, weights)
    if not values[-1] > 0 or len(mean) == 1:
        return float(((off**2).sum(axis=1) - weights).min())
    y = off @ vectors[:, -1]
    lifted = weights - ((off - y[:, None] * vectors[:, -1]) ** 2).sum(axis=1)
    alive, borders = power_cells(y, lifted)
    law = LineMixture(np.zeros(1), np.sqrt(values[-1:]), np.ones(1))
    mass, _, second = law.cell_moments(y[alive], np.concatenate([[-np.inf], borders, [np.inf]]))
    return float(second.sum() - lifted[alive] @ mass)


def _flat_potential(values: np.ndarray, vectors: np.ndarray, off: np.ndarray, weights: np.ndarray) -> float:
    """The same for a Gaussian on a plane of space, with variances (2,) along vectors (3, 2)."""
    y = off @ vectors
    lifted = weights - ((off - y @ vectors.T) ** 2).sum(axis=1)
    # Of seeds above one point of the plane the highest power counts.
    order = np.lexsort((-lifted, *y.T))
    kept = order[np.append(True, (np.diff(y[order], axis=0) != 0).any(axis=1))]
    core = mixture_density(np.zeros((1, 2)), np.diag(values)[None], np.ones(1)).core
    potential: np.ndarray = core.components(np.ascontiguousarray(y[kept]), np.ascontiguousarray(lifted[kept]))[0]
    return float(potential[0])


def _grid_target(numbers: Numbers, parameters: Parameters) -> GridTarget:
    low, high, flags = np.reshape(numbers, (3, -1))
    periodic = tuple((flags > 0).tolist())
    kind = PeriodicTarget if any(periodic) and len(flags) < 3 else GridTarget
    return kind(parameters[0], np.stack([low, high]), periodic)


def _check_mixture(density: GaussianMixture) -> None:
    """Raise unless this is one mixture whose components of positive weight have a density."""
    if density.batch_shape:
        raise ValueError(f"density must be one mixture, got a batch of shape {density.batch_shape}")
    if not any(is_traced(x) for x in (density.means, density.covs, density.weights)):
        means, covs, weights = (concrete(x) for x in (density.means, density.covs, density.weights))
        without = np.flatnonzero(singular(means, covs) & (weights > 0))
        if without.size:
            raise ValueError(
                f"density has components without a density: covariance {without[0]} is singular; add a small multiple"
                " of the identity, or use quantize, which takes them"
            )


def _mixture_picture(density: GaussianMixture, positions: np.ndarray) -> np.ndarray:
    """Holds the components to four deviations, and the points."""
    held = concrete(density.weights) > 0
    means, covs = concrete(density.means)[held], concrete(density.covs)[held]
    variances = np.diagonal(full_covariances(means, covs), axis1=1, axis2=2)
    reach = 4.0 * np.sqrt(variances)
    low = np.minimum((means - reach).min(axis=0), positions.min(axis=0))
    return np.stack([low, np.maximum((means + reach).max(axis=0), positions.max(axis=0))])


def _are_masses(masses: np.ndarray) -> bool:
    return bool(masses.min() >= 0 and masses.max() > 0)


def _is_mixture(_: Numbers, parameters: Parameters) -> bool:
    means, covs, weights = parameters
    return _are_masses(weights) and not (singular(means, covs) & (weights > 0)).any()


register(
    Family(
        PolynomialGrid,
        "grid",
        ("values",),
        lambda grid: (*grid._box[0], *grid._box[1], *map(float, grid.periodic)),
        _grid_target,
        lambda grid: None,
        lambda numbers, parameters: _are_masses(parameters[0]),
        lambda grid, positions: grid.domain,
    )
)
register(
    Family(
        GaussianMixture,
        "mixture",
        ("means", "covs", "weights"),
        lambda mixture: (),
        lambda _, parameters: MixtureTarget(*parameters),
        _check_mixture,
        _is_mixture,
        _mixture_picture,
    )
)
register(
    Family(
        Mesh,
        "mesh",
        ("values",),
        mesh_numbers,
        mesh_target,
        lambda mesh: None,
        lambda numbers, parameters: _are_masses(parameters[0]),
        lambda mesh, positions: mesh.domain,
    )
)
register(
    Family(
        Univariate,
        "univariate",
        ("loc", "scale"),
        univariate_numbers,
        univariate_target,
        lambda law: None,
        is_univariate,
        univariate_picture,
    )
)
