"""Densities on meshes in normalized coordinates, as the solver sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diracs import _core
from diracs.cells.meshes import core_of, drawn_from, halved, volumes_of
from diracs.cells.record import Cells, Edges
from diracs.cells.spaces import PLANE, SPACE, Space
from diracs.transport.density import TAIL, ImageDensity, UnitDensity
from diracs.transport.density_space import VolumeDensity

# Pixels along the longest side of pictures of meshes: where these are blurred little, and much.
_FINE, _ROUGH = {2: 256, 3: 40}, {2: 64, 3: 16}
# Simplices are cut so often, into so many pieces, or until they are no larger than a cell of a grid.
_MOST_CUTS, _PIECES = 12, 250_000
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
        rough = width * _ROUGH[self.ndim] > 3.0
        return (self._rough if rough else self._fine).blurred(width)

    @cached_property
    def _rough(self) -> UnitDensity:
        return self._picture(_ROUGH[self.ndim])

    @cached_property
    def _fine(self) -> UnitDensity:
        return self._picture(_FINE[self.ndim])

    def _picture(self, most: int) -> UnitDensity:
        """With so many pixels along the longest side."""
        sides = self.box[1] - self.box[0]
        pixels = self._on_grid(self.box, np.maximum(np.ceil(most * sides / sides.max()), 1).astype(int))[1]
        return ImageDensity.of(pixels, sides) if self.ndim == 2 else VolumeDensity.of(pixels, sides)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        lows, highs = self.corners.min(axis=1), self.corners.max(axis=1)
        box = [
            [_quantile(lows[:, a], self.masses, TAIL) for a in range(self.ndim)],
            [_quantile(highs[:, a], self.masses, 1.0 - TAIL) for a in range(self.ndim)],
        ]
        return self._on_grid(np.array(box), np.full(self.ndim, most))

    def _on_grid(self, box: np.ndarray, shape: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Midpoints on the axes of a grid on a box, and masses; what is outside goes to the border.

        Simplices are cut until they are smaller than cells, as far as that is cheap: this is for starts and pictures.
        """
        step = (box[1] - box[0]) / shape
        large, done = np.concatenate([self.corners, self.densities[:, :, None]], axis=2), []
        for _ in range(_MOST_CUTS):
            fits = (np.ptp(large[..., :-1], axis=1) <= step).all(axis=1)
            done.append(large[fits])
            large = large[~fits]
            if not len(large) or len(large) * 2**self.ndim > _PIECES:
                break
            large = halved(large)
        pieces = np.concatenate([*done, large])
        place = np.floor((pieces[..., :-1].mean(axis=1) - box[0]) / step).astype(np.int64)
        index = np.ravel_multi_index(tuple(np.clip(place, 0, shape - 1).T), tuple(shape))
        mass = volumes_of(pieces[..., :-1]) * pieces[..., -1].mean(axis=1)
        grid = np.bincount(index, mass, minlength=int(np.prod(shape))).reshape(shape)
        axes = [low + (high - low) * (np.arange(n) + 0.5) / n for low, high, n in zip(*box, shape, strict=True)]
        return axes, grid

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return drawn_from(self.corners, self.densities, n, rng)

    def spread(self) -> np.ndarray:
        return np.asarray(self.box[1] - self.box[0])


def _quantile(x: np.ndarray, masses: np.ndarray, share: float) -> float:
    """Of places (s,) with masses."""
    order = np.argsort(x)
    sums = np.cumsum(masses[order])
    return float(x[order[min(np.searchsorted(sums, share * sums[-1]), len(x) - 1)]])
