"""Densities of the plane in normalized coordinates, as the solver sees them; those of space: `density_space`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
import scipy

from diracs import _core
from diracs.cells.facets import FacetMoments, planar_moments
from diracs.cells.intervals import REACH
from diracs.cells.record import Cells, Couplings, Edges
from diracs.cells.spaces import PLANE, Space

# The share of a density beyond either end of a coarse grid: one that held all tails would be too coarse for the rest.
TAIL = 0.002


class UnitDensity(Protocol):
    """A density of mass 1 and size about 1 near the origin, in dimension d = 2 or 3."""

    @property
    def space(self) -> Space:
        """The plane, space, or a torus."""

    def moments(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, Edges]:
        """Of the power cells of seeds (n, d) with weights (n,)."""

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        """The same, with all moments on the facets up to the second."""

    @property
    def finest(self) -> float:
        """The shortest length on which the density varies."""

    @property
    def box(self) -> np.ndarray:
        """(2, d), lowest and highest corner of a box that holds all of it."""

    def bulk(self, share: float) -> np.ndarray:
        """(2, d), the same of a box that leaves out no more than this share of the mass beyond each of its sides."""

    def blurred(self, width: float) -> UnitDensity:
        """The density convolved with a Gaussian of this deviation."""

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Midpoints on the axes and masses of a grid of `most` cells along each."""

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent points (n, d)."""

    def spread(self) -> np.ndarray:
        """(d,) lengths along the axes on which most of the mass lies."""


class SpaceDensity(UnitDensity, Protocol):
    """One whose cells are found sooner with the help of a diagram of the same seeds with other weights."""

    def moments_near(
        self, seeds: np.ndarray, weights: np.ndarray, near: tuple[np.ndarray, np.ndarray]
    ) -> tuple[Cells, Edges]:
        """Moments, given pairs of seeds whose cells may well meet, int32 (e,) each."""


class PlaneDensity(UnitDensity, Protocol):
    """One whose cells are found sooner where seeds keep their triangulation, from which few weights change much."""

    def couplings(self, seeds: _core.FixedSeeds, weights: np.ndarray) -> tuple[Cells, Couplings]:
        """Moments, and what Newton's method asks of edges."""


@dataclass(frozen=True)
class ImageDensity:
    """An image on a box of longest side 1 about the origin.

    `pixels` (n₁, n₂) are masses; `extent` (2,) are the sides of the box. One pixel is the uniform law.
    """

    pixels: np.ndarray
    extent: np.ndarray
    core: _core.Polygon | _core.Image
    space: ClassVar[Space] = PLANE

    @classmethod
    def of(cls, pixels: np.ndarray, extent: np.ndarray) -> ImageDensity:
        """From pixels of any positive sum."""
        pixels = np.ascontiguousarray(pixels / pixels.sum())
        half = 0.5 * extent
        area = float(extent.prod()) / pixels.size
        if pixels.size == 1:
            corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half
            return cls(pixels, extent, _core.Polygon(corners, 1.0 / area))
        return cls(pixels, extent, _core.Image(pixels / area, np.stack([-half, half])))

    def moments(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, Edges]:
        return _core.moments(self.core, seeds, weights, edges=True)

    def couplings(self, seeds: _core.FixedSeeds, weights: np.ndarray) -> tuple[Cells, Couplings]:
        return _core.couplings(self.core, seeds, weights)

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        cells, edges = self.moments(seeds, weights)
        return cells, planar_moments(edges, weights)

    @property
    def finest(self) -> float:
        return float((self.extent / self.pixels.shape).min())

    @property
    def box(self) -> np.ndarray:
        return np.stack([-0.5 * self.extent, 0.5 * self.extent])

    def bulk(self, share: float) -> np.ndarray:
        return self.box

    def blurred(self, width: float) -> ImageDensity:
        """Cut off at the box: positive wherever it matters."""
        kernels = []
        for n, side in zip(self.pixels.shape, self.extent, strict=True):
            x = (np.arange(n) + 0.5) * side / n
            kernels.append(np.exp(-0.5 * ((x[:, None] - x) / width) ** 2))
        return ImageDensity.of(kernels[0] @ self.pixels @ kernels[1].T, self.extent)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Overlaps of pixels and cells; what is beyond the grid goes to its border."""
        shares, middles = [], []
        for n, side, axis in zip(self.pixels.shape, self.extent, (1, 0), strict=True):
            fine = np.arange(n + 1.0)
            sums = np.concatenate([[0.0], np.cumsum(self.pixels.sum(axis=axis))])
            low, high = np.interp([TAIL, 1.0 - TAIL], sums / sums[-1], fine)
            edges = np.linspace(low, high, most + 1)
            middles.append((0.5 * (edges[:-1] + edges[1:]) / n - 0.5) * side)
            edges[0], edges[-1] = 0.0, n
            overlap = np.minimum(edges[1:, None], fine[1:]) - np.maximum(edges[:-1, None], fine[:-1])
            shares.append(np.maximum(overlap, 0.0))
        return middles, shares[0] @ self.pixels @ shares[1].T

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        pixel = rng.choice(self.pixels.size, n, p=self.pixels.ravel())
        index = np.stack(np.unravel_index(pixel, self.pixels.shape), axis=1)
        return ((index + rng.random((n, 2))) / self.pixels.shape - 0.5) * self.extent

    def spread(self) -> np.ndarray:
        return self.extent


@dataclass(frozen=True)
class MixtureDensity:
    """A Gaussian mixture on the whole plane: means (k, 2), covariances (k, 2, 2), not singular, weights (k,) > 0."""

    means: np.ndarray
    covs: np.ndarray
    weights: np.ndarray
    space: ClassVar[Space] = PLANE

    @cached_property
    def core(self) -> Any:
        """A `_core.Mixture`, or its namesake of space."""
        return _core.Mixture(*(np.ascontiguousarray(x) for x in (self.means, self.covs, self.weights)))

    def moments(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, Edges]:
        return _core.moments(self.core, seeds, weights, edges=True)

    def couplings(self, seeds: _core.FixedSeeds, weights: np.ndarray) -> tuple[Cells, Couplings]:
        return _core.couplings(self.core, seeds, weights)

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        cells, edges = self.moments(seeds, weights)
        return cells, planar_moments(edges, weights)

    @property
    def finest(self) -> float:
        return float(np.sqrt(np.linalg.eigvalsh(self.covs)[:, 0].min().clip(1e-300)))

    @property
    def box(self) -> np.ndarray:
        reach = REACH * self._deviations
        return np.stack([(self.means - reach).min(axis=0), (self.means + reach).max(axis=0)])

    def bulk(self, share: float) -> np.ndarray:
        # Small shares on either side: 1 − share would be rounded.
        return np.stack([self._quantile(share, 1.0), -self._quantile(share, -1.0)])

    @property
    def _deviations(self) -> np.ndarray:
        """(k, d) of the components along the axes."""
        return np.sqrt(np.diagonal(self.covs, axis1=1, axis2=2))

    def _quantile(self, share: float, sign: float) -> np.ndarray:
        """(d,) quantiles of the marginals, of the law or of its reflection, by bisection."""
        low, high = np.sort(sign * self.box, axis=0)
        deviations = self._deviations
        for _ in range(50):
            middle = 0.5 * (low + high)
            below = self.weights @ scipy.special.ndtr((middle - sign * self.means) / deviations) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return low

    def blurred(self, width: float) -> MixtureDensity:
        return type(self)(self.means, self.covs + width**2 * np.eye(self.means.shape[1]), self.weights)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Densities at midpoints, of components widened by a cell's own variance so that none falls between them.

        What is beyond the grid goes to its border.
        """
        low, high = self.bulk(TAIL)
        d = len(low)
        step = (high - low) / most
        middles = [low[a] + step[a] * (np.arange(most) + 0.5) for a in range(d)]
        precision = np.linalg.inv(self.covs + np.diag(step**2 / 12.0))
        masses = np.zeros((most,) * d)
        for mean, p, weight in zip(self.means, precision, self.weights, strict=True):
            x = np.meshgrid(*(middles[a] - mean[a] for a in range(d)), indexing="ij", sparse=True)
            quadratic = sum(p[a, b] * x[a] * x[b] for a in range(d) for b in range(d))
            # Relative to its largest value: no component vanishes.
            bump = np.exp(-0.5 * (quadratic - np.min(quadratic)))
            masses += weight / bump.sum() * bump
        return middles, masses

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        component = rng.choice(len(self.weights), n, p=self.weights / self.weights.sum())
        factors = np.linalg.cholesky(self.covs)[component]
        return self.means[component] + np.einsum("nij,nj->ni", factors, rng.standard_normal((n, self.means.shape[1])))

    def spread(self) -> np.ndarray:
        middle = self.weights @ self.means
        variances = np.diagonal(self.covs, axis1=1, axis2=2) + (self.means - middle) ** 2
        result: np.ndarray = 4.0 * np.sqrt(self.weights @ variances)
        return result
