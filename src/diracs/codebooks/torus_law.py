"""Images on tori, as the compiled core takes them: volumes, one voxel thick along the axes that they do not have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.cells.facets import FacetMoments, facet_moments
from diracs.cells.record import Cells
from diracs.codebooks.cell_laws import drawn_pixels

# What a volume is thick, as a share of its longest side.
_THICKNESS = 1.0 / 16.0


@dataclass(frozen=True)
class TorusLaw:
    """An image, of mass 1, on a box about the origin with periodic axes, d = 1, 2 or 3."""

    masses: np.ndarray  # (n₁, …, n_d)
    extent: np.ndarray  # (d,), the sides of the box
    periodic: tuple[bool, ...]
    core: _core.SpaceImage
    thickness: float
    components = 1

    @classmethod
    def of(cls, masses: np.ndarray, extent: np.ndarray, periodic: tuple[bool, ...]) -> TorusLaw:
        more = 3 - masses.ndim
        thickness = _THICKNESS * float(extent.max())
        sides = np.append(extent, [thickness] * more)
        density = masses.reshape(*masses.shape, *[1] * more) / (sides.prod() / masses.size)
        box, flags = np.stack([-0.5 * sides, 0.5 * sides]), np.array([*periodic, *[False] * more])
        return cls(masses, extent, periodic, _core.SpaceImage(np.ascontiguousarray(density), box, flags), thickness)

    def moments(self, seeds: np.ndarray, weights: np.ndarray, edges: bool) -> tuple[Cells, FacetMoments]:
        """Those of the power cells of seeds (n, d), barycenters next to them, and of their facets, none if not `edges`.

        Of second moments, what the thickness adds is taken away; its rounding is among the sizes.
        """
        d = len(self.extent)
        thick = np.pad(seeds, ((0, 0), (0, 3 - d)))
        cells, between = _core.moments(self.core, thick, np.ascontiguousarray(weights), edges=edges, second=True)
        across = cells.mass * ((3 - d) * self.thickness**2 / 12.0)
        sizes = np.stack([0.0 * across, 4.0 * across], axis=1)
        found = Cells(cells.mass, np.ascontiguousarray(cells.first[:, :d]), cells.second - across, sizes)
        return found, facet_moments(between, weights).of_axes(d)

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Spread like f^{d/(d + 2)}."""
        return drawn_pixels(self.masses, self.extent, count, rng)
