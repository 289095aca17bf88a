"""Densities of space in normalized coordinates, as the solver sees them: volumes of voxels and Gaussian mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from diracs import _core
from diracs.cells.facets import FacetMoments, space_moments
from diracs.cells.record import Cells, Edges
from diracs.cells.spaces import SPACE, Space
from diracs.transport.density import TAIL, MixtureDensity


@dataclass(frozen=True)
class VolumeDensity:
    """A volume on a box of longest side 1 about the origin, maybe periodic along some axes.

    `pixels` (n₁, n₂, n₃) are masses; `extent` (3,) are the sides of the box. One voxel is the uniform law.

    Pictures and intervals that are periodic come as volumes too, one voxel thick along the axes that they do not have
    and on which all seeds lie at zero: the plane's diagrams know no periods. Prisms over polygons, or slabs over
    intervals, have their masses and first moments; what second moments have of the thickness is taken away.
    """

    pixels: np.ndarray
    extent: np.ndarray
    space: Space
    core: _core.SpaceBox | _core.SpaceImage
    ndim: int  # of the law

    @classmethod
    def of(cls, pixels: np.ndarray, extent: np.ndarray, space: Space = SPACE, ndim: int = 3) -> VolumeDensity:
        """From voxels of any positive sum."""
        pixels = np.ascontiguousarray(pixels / pixels.sum())
        box = np.stack([-0.5 * extent, 0.5 * extent])
        volume, flags = float(extent.prod()) / pixels.size, np.array(space.periodic)
        if pixels.size == 1:
            return cls(pixels, extent, space, _core.SpaceBox(box, 1.0 / volume, flags), ndim)
        return cls(pixels, extent, space, _core.SpaceImage(pixels / volume, box, flags), ndim)

    @property
    def finest(self) -> float:
        return float((self.extent / self.pixels.shape).min())

    @property
    def box(self) -> np.ndarray:
        return np.stack([-0.5 * self.extent, 0.5 * self.extent])

    def bulk(self, share: float) -> np.ndarray:
        return self.box

    def moments(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, Edges]:
        return self.moments_near(seeds, weights, None)

    def moments_near(
        self, seeds: np.ndarray, weights: np.ndarray, near: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[Cells, Edges]:
        cells, edges = _core.moments(self.core, seeds, weights, edges=True, near=near)
        across = float((self.extent[self.ndim :] ** 2).sum()) / 12.0
        return cells._replace(second=cells.second - cells.mass * across), edges

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        cells, edges = _core.moments(self.core, seeds, weights, edges=True, second=True)
        return cells, space_moments(edges)

    def blurred(self, width: float) -> VolumeDensity:
        """Cut off at the box, where that is not periodic: positive wherever it matters."""
        pixels = self.pixels
        for axis, (n, side) in enumerate(zip(self.pixels.shape, self.extent, strict=True)):
            x = (np.arange(n) + 0.5) * side / n
            gap = x[:, None] - x
            if self.space.periodic[axis]:
                gap -= side * np.round(gap / side)
            pixels = np.moveaxis(np.tensordot(np.exp(-0.5 * (gap / width) ** 2), pixels, (1, axis)), 0, axis)
        return VolumeDensity.of(pixels, self.extent, self.space, self.ndim)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Overlaps of voxels and cells, whole on periods and thicknesses; what is beyond goes to the border."""
        middles, masses = [], self.pixels
        for axis, (n, side) in enumerate(zip(self.pixels.shape, self.extent, strict=True)):
            fine = np.arange(n + 1.0)
            across = tuple(a for a in range(3) if a != axis)
            sums = np.concatenate([[0.0], np.cumsum(self.pixels.sum(axis=across))])
            whole = self.space.periodic[axis] or axis >= self.ndim
            low, high = (0.0, n) if whole else np.interp([TAIL, 1.0 - TAIL], sums / sums[-1], fine)
            edges = np.linspace(low, high, most + 1 if axis < self.ndim else 2)
            middles.append((0.5 * (edges[:-1] + edges[1:]) / n - 0.5) * side)
            edges[0], edges[-1] = 0.0, n
            overlap = np.minimum(edges[1:, None], fine[1:]) - np.maximum(edges[:-1, None], fine[:-1])
            masses = np.moveaxis(np.tensordot(np.maximum(overlap, 0.0), masses, (1, axis)), 0, axis)
        return middles, masses

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        voxel = rng.choice(self.pixels.size, n, p=self.pixels.ravel())
        index = np.stack(np.unravel_index(voxel, self.pixels.shape), axis=1)
        points = ((index + rng.random((n, 3))) / self.pixels.shape - 0.5) * self.extent
        points[:, self.ndim :] = 0.0
        return points

    def spread(self) -> np.ndarray:
        return self.extent[: self.ndim]


class SpaceMixtureDensity(MixtureDensity):
    """A Gaussian mixture on the whole of space: means (k, 3), covariances (k, 3, 3), not singular, weights (k,) > 0."""

    space: ClassVar[Space] = SPACE

    @cached_property
    def core(self) -> Any:
        return _core.SpaceMixture(*(np.ascontiguousarray(x) for x in (self.means, self.covs, self.weights)))

    def moments_near(
        self, seeds: np.ndarray, weights: np.ndarray, near: tuple[np.ndarray, np.ndarray]
    ) -> tuple[Cells, Edges]:
        return _core.moments(self.core, seeds, weights, edges=True, near=near)

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        cells, edges = _core.moments(self.core, seeds, weights, edges=True, second=True)
        return cells, space_moments(edges)


_MIXTURES: dict[int, type[MixtureDensity]] = {2: MixtureDensity, 3: SpaceMixtureDensity}


def mixture_density(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> MixtureDensity:
    """That of the dimension of its means (k, d)."""
    return _MIXTURES[means.shape[1]](means, covs, weights)
