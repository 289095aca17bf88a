"""Densities on meshes in normalized coordinates, as the solver sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diracs import _core
from diracs.cells.facets import FacetMoments, facet_moments
from diracs.cells.meshes import core_of, drawn_from, halved, volumes_of
from diracs.cells.record import Cells, Couplings, Edges
from diracs.cells.spaces import PLANE, SPACE, Space
from diracs.transport.density import TAIL, UnitDensity

# From this width on a mesh that is blurred is uniform.
_ALL = 4.0
# Simplices are cut so often, into so many pieces, or until they are no larger than a cell of a grid.
_MOST_CUTS, _PIECES = 12, 250_000
_FINEST = 1e-11


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

    def couplings(self, seeds: _core.FixedSeeds, weights: np.ndarray) -> tuple[Cells, Couplings]:
        assert isinstance(self.core, _core.Mesh)  # seeds are fixed in the plane
        return _core.couplings(self.core, seeds, weights)

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        cells, edges = _core.moments(self.core, seeds, weights, edges=True, second=True)
        return cells, facet_moments(edges, weights)

    @property
    def finest(self) -> float:
        """What fills the gaps has to be less than the smallest masses, before it can go: no length counts here."""
        return _FINEST

    def bulk(self, share: float) -> np.ndarray:
        return self.box

    def blurred(self, width: float) -> UnitDensity:
        """Not a blur: the more of the uniform law of the box, the wider. Positive wherever it matters.

        A picture of the mesh, blurred, would not become the mesh as it narrows: where its pixels cross the border
        it has masses that the mesh has not.
        """
        return FilledDensity(self, min(width / _ALL, 1.0))

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        lows, highs = self.corners.min(axis=1), self.corners.max(axis=1)
        box = [
            [_quantile(lows[:, a], self.masses, TAIL) for a in range(self.ndim)],
            [_quantile(highs[:, a], self.masses, 1.0 - TAIL) for a in range(self.ndim)],
        ]
        return self._on_grid(np.array(box), np.full(self.ndim, most))

    def _on_grid(self, box: np.ndarray, shape: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Midpoints on the axes of a grid on a box, and masses; what is outside goes to the border.

        Simplices are cut until they are smaller than cells, as far as that is cheap: this is for starts.
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


@dataclass(frozen=True)
class FilledDensity:
    """A mesh, and for a share of the mass the uniform law of its box."""

    mesh: MeshDensity
    share: float

    @cached_property
    def _uniform(self) -> _core.Polygon | _core.SpaceBox:
        (low, high), volume = self.box, float((self.box[1] - self.box[0]).prod())
        if self.mesh.ndim == 2:
            return _core.Polygon(np.array([low, [high[0], low[1]], high, [low[0], high[1]]]), 1.0 / volume)
        return _core.SpaceBox(self.box, 1.0 / volume, np.zeros(3, dtype=bool))

    @property
    def space(self) -> Space:
        return self.mesh.space

    @property
    def box(self) -> np.ndarray:
        return self.mesh.box

    def bulk(self, share: float) -> np.ndarray:
        return self.mesh.box

    @property
    def finest(self) -> float:
        return self.mesh.finest

    def moments(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, Edges]:
        """Edges are those of both, so that some come twice."""
        return self._of_both(seeds, weights, False)

    def couplings(self, seeds: _core.FixedSeeds, weights: np.ndarray) -> tuple[Cells, Couplings]:
        """Edges are those of both, so that some come twice."""
        found = [
            (share, *_core.couplings(core, seeds, weights))
            for share, core in self._parts
            if not isinstance(core, _core.SpaceMesh | _core.SpaceBox)  # seeds are fixed in the plane
        ]
        cells = _sum([_scaled(share, cells) for share, cells, _ in found])
        scaled = [edges._replace(strength=share * edges.strength) for share, _, edges in found]
        return cells, Couplings(*(np.concatenate(column) for column in zip(*scaled, strict=True)))

    def facets(self, seeds: np.ndarray, weights: np.ndarray) -> tuple[Cells, FacetMoments]:
        cells, edges = self._of_both(seeds, weights, True)
        return cells, facet_moments(edges, weights)

    @property
    def _parts(self) -> list[tuple[float, _core.Mesh | _core.SpaceMesh | _core.Polygon | _core.SpaceBox]]:
        """Shares that are not zero, and their laws."""
        parts = [(1.0 - self.share, self.mesh.core), (self.share, self._uniform)]
        return [(share, core) for share, core in parts if share > 0]

    def _of_both(self, seeds: np.ndarray, weights: np.ndarray, second: bool) -> tuple[Cells, Edges]:
        found = [
            (share, *_core.moments(core, seeds, weights, edges=True, second=second)) for share, core in self._parts
        ]
        cells = _sum([_scaled(share, cells) for share, cells, _ in found])
        scaled = [edges._replace(integrals=share * edges.integrals) for share, _, edges in found]
        return cells, Edges(*(np.concatenate(column) for column in zip(*scaled, strict=True)))

    def blurred(self, width: float) -> UnitDensity:
        return self.mesh.blurred(width + _ALL * self.share)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        axes, masses = self.mesh._on_grid(self.box, np.full(self.mesh.ndim, most))
        return axes, (1.0 - self.share) * masses + self.share / masses.size

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        other = self.box[0] + rng.random((n, self.mesh.ndim)) * (self.box[1] - self.box[0])
        return np.where(rng.random((n, 1)) < self.share, other, self.mesh.draw(n, rng))

    def spread(self) -> np.ndarray:
        return self.mesh.spread()


def _scaled(share: float, cells: Cells) -> Cells:
    return Cells(*(share * x for x in cells))


def _sum(parts: list[Cells]) -> Cells:
    return Cells(*(np.sum(column, axis=0) for column in zip(*parts, strict=True)))


def _quantile(x: np.ndarray, masses: np.ndarray, share: float) -> float:
    """Of places (s,) with masses."""
    order = np.argsort(x)
    sums = np.cumsum(masses[order])
    return float(x[order[min(np.searchsorted(sums, share * sums[-1]), len(x) - 1)]])
