"""One planar transport problem in normalized coordinates: distinct seeds, target masses, a density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs import _core

Polygon = np.ndarray


@dataclass(frozen=True)
class Moments:
    """What a density has in the cells of n seeds, and on the edges between them."""

    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, 2), ∫ (x − y) dρ
    second: np.ndarray  # (n,), ∫ |x − y|² dρ
    i: np.ndarray  # (e,) edges between cells i < j
    j: np.ndarray
    coupling: np.ndarray  # (e,) ∂m_i/∂w_j = −∫_edge ρ / (2|y_i − y_j|), without the sign


@dataclass(frozen=True)
class PlanarDensity:
    """An image on a box of longest side 1 about the origin, of mass 1, as the compiled core takes it.

    `pixels` (n₁, n₂) are masses; `extent` (2,) are the sides of the box. One pixel is the uniform law.
    """

    pixels: np.ndarray
    extent: np.ndarray
    core: Any

    @classmethod
    def of(cls, pixels: np.ndarray, extent: np.ndarray) -> PlanarDensity:
        """From pixels of any positive sum."""
        pixels = np.ascontiguousarray(pixels / pixels.sum())
        half = 0.5 * extent
        area = float(extent.prod()) / pixels.size
        if pixels.size == 1:
            corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half
            return cls(pixels, extent, _core.Polygon(corners, 1.0 / area))
        return cls(pixels, extent, _core.Image(pixels / area, np.stack([-half, half])))

    def blurred(self, width: float) -> PlanarDensity:
        """The density convolved with a Gaussian of this deviation, cut off at the box: positive wherever it matters."""
        kernels = []
        for n, side in zip(self.pixels.shape, self.extent, strict=True):
            x = (np.arange(n) + 0.5) * side / n
            kernels.append(np.exp(-0.5 * ((x[:, None] - x) / width) ** 2))
        return PlanarDensity.of(kernels[0] @ self.pixels @ kernels[1].T, self.extent)

    def coarse(self, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Midpoints on both axes and masses of a grid of `most` × `most` cells on the box."""
        shares = []
        for n in self.pixels.shape:
            edges, fine = np.linspace(0.0, n, most + 1), np.arange(n + 1.0)
            overlap = np.minimum(edges[1:, None], fine[1:]) - np.maximum(edges[:-1, None], fine[:-1])
            shares.append(np.maximum(overlap, 0.0))
        middles = [((np.arange(most) + 0.5) / most - 0.5) * side for side in self.extent]
        return middles, shares[0] @ self.pixels @ shares[1].T


@dataclass(frozen=True)
class Problem:
    """Distinct seeds (n, 2) with positive target masses (n,) of sum 1, and a density."""

    seeds: np.ndarray
    target: np.ndarray
    density: PlanarDensity

    def moments(self, weights: np.ndarray, density: PlanarDensity | None = None) -> Moments:
        """Moments of the power cells {x : |x − yᵢ|² − wᵢ ≤ |x − yⱼ|² − wⱼ}."""
        core = (density or self.density).core
        mass, first, second, i, j, line = _core.moments(core, self.seeds, np.ascontiguousarray(weights), edges=True)
        gap = np.linalg.norm(self.seeds[i] - self.seeds[j], axis=1)
        return Moments(mass, first, second, i, j, line / (2.0 * gap))
