"""Densities on meshes in normalized coordinates, as the solver sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.cells.meshes import core_of, drawn_from, volumes_of
from diracs.cells.record import Cells, Edges
from diracs.cells.spaces import PLANE, SPACE, Space
from diracs.transport.density import TAIL, ImageDensity, UnitDensity
from diracs.transport.density_space import VolumeDensity

# Pixels along the longest side of pictures of meshes: where these are blurred little, and much.
_FINE, _ROUGH = {2: 256, 3: 40}, {2: 64, 3: 16}
# Of the box: simplices smaller than that do not count for how finely the density varies.
_FINEST = 0.005


@dataclass(frozen=True)
class MeshDensity:
    """A mesh in a box of longest side 1 about the origin, with densities (s, d + 1) at the corners of its simplices."""

    corners: np.ndarray  # (s, d + 1, d), of simplices that hold something
    densities: np.ndarray
    volumes: np.ndarray  # (s,)
    box: np.ndarray
    core: _core.Mesh | _core.SpaceMesh

    @classmethod
    def of(cls, vertices: np.ndarray, simplices: np.ndarray, densities: np.ndarray) -> MeshDensity:
        """From densities of any positive mass; the box is that of all simplices, flat and empty ones too."""
        corners = vertices[simplices]
        d = vertices.shape[1]
        volumes = volumes_of(corners)
        masses = volumes * densities.mean(axis=1)
        held = masses > 0
        densities = densities / masses.sum()
        used = corners.reshape(-1, d)
        box = np.stack([used.min(axis=0), used.max(axis=0)])
        core = core_of(vertices, simplices[held], densities[held])
        return cls(corners[held], densities[held], volumes[held], box, core)

    @property
    def ndim(self) -> int:
        return self.corners.shape[2]

    @property
    def space(self) -> Space:
        return PLANE if self.ndim == 2 else SPACE

    @property
    def masses(self) -> np.ndarray:
        """(s,)"""
        return self.volumes * self.densities.mean(axis=1)

    def moments(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, Edges]:
        return _core.moments(self.core, seeds, weights, edges=True)

    @property
    def finest(self) -> float:
        return max(float(self.volumes.min() ** (1.0 / self.ndim)), _FINEST)

    @property
    def bulk(self) -> np.ndarray:
        return self.box

    def blurred(self, width: float) -> UnitDensity:
        """A picture of it, blurred and cut off at the box: positive wherever it matters."""
        most = (_ROUGH if width * _ROUGH[self.ndim] > 3.0 else _FINE)[self.ndim]
        sides = self.box[1] - self.box[0]
        shape = np.maximum(np.ceil(most * sides / sides.max()), 1).astype(int)
        pixels = self._on_grid(self.box, shape)[1]
        if self.ndim == 2:
            return ImageDensity.of(pixels, sides).blurred(width)
        return VolumeDensity.of(pixels, sides).blurred(width)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Exact masses of the cells; what is beyond the grid goes to its border."""
        lows, highs = self.corners.min(axis=1), self.corners.max(axis=1)
        box = [
            [_quantile(lows[:, a], self.masses, TAIL) for a in range(self.ndim)],
            [_quantile(highs[:, a], self.masses, 1.0 - TAIL) for a in range(self.ndim)],
        ]
        return self._on_grid(np.array(box), np.full(self.ndim, most))

    def _on_grid(self, box: np.ndarray, shape: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Midpoints on the axes of a grid on a box, and masses: those of the midpoints' Voronoi cells."""
        axes = [low + (high - low) * (np.arange(n) + 0.5) / n for low, high, n in zip(*box, shape, strict=True)]
        seeds = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.ndim)
        mass = _core.moments(self.core, seeds, np.zeros(len(seeds)), edges=False)[0].mass
        return axes, mass.reshape(shape)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return drawn_from(self.corners, self.densities, n, rng)

    def spread(self) -> np.ndarray:
        return np.asarray(self.box[1] - self.box[0])


def _quantile(x: np.ndarray, masses: np.ndarray, share: float) -> float:
    """Of places (s,) with masses."""
    order = np.argsort(x)
    sums = np.cumsum(masses[order])
    return float(x[order[min(np.searchsorted(sums, share * sums[-1]), len(x) - 1)]])
