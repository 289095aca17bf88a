"""Laws of the plane and of space as the compiled core takes them, in a unit of their own size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs import _core
from diracs.cells.facets import FacetMoments, facet_moments
from diracs.cells.record import Cells

# So many densities of components are evaluated to draw from the root of a density.
_EVALUATIONS = 2e7
_CHUNK = 1 << 20


class CoreLaw:
    """A law whose cells the compiled core knows."""

    core: Any

    def moments(self, seeds: np.ndarray, weights: np.ndarray, edges: bool) -> tuple[Cells, FacetMoments]:
        """Those of the power cells of seeds (n, d) with weights (n,), and of their facets, none if not `edges`."""
        seeds = np.ascontiguousarray(seeds)
        cells, between = _core.moments(self.core, seeds, weights, edges=edges, second=True)
        return cells, facet_moments(between, weights)


@dataclass(frozen=True)
class CellMixture(CoreLaw):
    """A Gaussian mixture with positive definite covariances and positive weights, d = 2 or 3."""

    means: np.ndarray  # (k, d)
    covs: np.ndarray  # (k, d, d)
    weights: np.ndarray  # (k,)
    core: _core.Mixture | _core.SpaceMixture

    @property
    def components(self) -> int:
        return len(self.weights)

    @classmethod
    def of(cls, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> CellMixture:
        means, covs, weights = (np.ascontiguousarray(x) for x in (means, covs, weights))
        return cls(means, covs, weights, _MIXTURES[means.shape[1]](means, covs, weights))

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Candidates from Σ (w_k φ_k)^α, α = d/(d + 2), never below f^α, thinned evenly along a curve.

        φ_Σ^α is proportional to the density of N(0, Σ/α).
        """
        k, d = self.means.shape
        power = d / (d + 2.0)
        share = self.weights**power * np.linalg.det(self.covs) ** (0.5 - 0.5 * power)
        candidates = count * int(np.clip(_EVALUATIONS / (count * k), 4, 50))
        which = rng.choice(k, candidates, p=share / share.sum())
        noise = rng.standard_normal((candidates, d))
        factors = np.linalg.cholesky(self.covs)
        x = self.means[which] + math.sqrt(1.0 / power) * np.einsum("nij,nj->ni", factors[which], noise)
        accepted = np.ones(candidates)
        if k > 1:
            for part, shares in self.shares(x):
                # f^α / Σ (w_k φ_k)^α
                accepted[part] = 1.0 / (shares**power).sum(axis=1)
        return thinned(x, accepted, count, rng)

    def shares(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Of the density at points (m, d) the share of each component, (m, k), in pieces: which points, shares."""
        factors = np.linalg.cholesky(self.covs)
        inverses = np.linalg.inv(factors)
        heights = np.log(self.weights) - np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        step = max(1, _CHUNK // len(heights))
        for begin in range(0, len(x), step):
            part = slice(begin, begin + step)
            u = np.einsum("kij,nkj->nki", inverses, x[part, None] - self.means)
            logs = heights - 0.5 * (u**2).sum(axis=2)
            densities = np.exp(logs - logs.max(axis=1, keepdims=True))
            yield part, densities / densities.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class CellImage(CoreLaw):
    """An image, or a volume, on a box about the origin, of mass 1."""

    masses: np.ndarray  # (n₁, …, n_d)
    extent: np.ndarray  # (d,), the sides of the box
    core: _core.Image | _core.SpaceImage
    components = 1

    @classmethod
    def of(cls, masses: np.ndarray, extent: np.ndarray) -> CellImage:
        box = np.stack([-0.5 * extent, 0.5 * extent])
        return cls(
            masses, extent, _IMAGES[len(extent)](np.ascontiguousarray(masses / (extent.prod() / masses.size)), box)
        )

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Spread like f^{d/(d + 2)}."""
        return drawn_pixels(self.masses, self.extent, count, rng)


def drawn_pixels(masses: np.ndarray, extent: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform points in pixels drawn in proportion to f^{d/(d + 2)}, thinned evenly along a curve."""
    d, candidates = len(extent), 20 * count
    roots = (masses ** (d / (d + 2.0))).ravel()
    pixel = rng.choice(roots.size, candidates, p=roots / roots.sum())
    corner = np.stack(np.unravel_index(pixel, masses.shape), axis=1)
    x = ((corner + rng.random((candidates, d))) / masses.shape - 0.5) * extent
    return thinned(x, np.ones(candidates), count, rng)


def thinned(x: np.ndarray, weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the points (m, d), systematically along a Hilbert curve: each region has its share, within one."""
    x, weights = (a[order] for order in [hilbert_order(x)] for a in (x, weights))
    sums = np.cumsum(weights)
    ticks = (np.arange(count) + rng.random(count)) * (sums[-1] / count)
    return x[np.minimum(np.searchsorted(sums, ticks), len(x) - 1)]


def hilbert_order(x: np.ndarray) -> np.ndarray:
    """The order of points (m, d) along a Hilbert curve through their bounding box: neighbours stay together.

    Points (m, 1) of the line go from left to right.
    """
    if x.shape[1] == 1:
        return np.argsort(x[:, 0], kind="stable")
    if x.shape[1] > 2:
        return _hilbert_order(x)
    low, side = x.min(axis=0), float(np.ptp(x, axis=0).max())
    cells = np.minimum(((x - low) / (side if side > 0 else 1.0) * 2.0**_LEVELS).astype(np.int64), 2**_LEVELS - 1)
    u, v = cells[:, 0], cells[:, 1]
    place = np.zeros(len(x), dtype=np.int64)
    for level in range(_LEVELS - 1, -1, -1):
        right, top = (u >> level) & 1, (v >> level) & 1
        place = (place << 2) | ((3 * right) ^ top)
        # The lower quadrants hold the curve transposed, the lower right one also reversed.
        flip = (top == 0) & (right == 1)
        u, v = np.where(flip, ~u, u), np.where(flip, ~v, v)
        u, v = np.where(top == 0, v, u), np.where(top == 0, u, v)
    return np.argsort(place, kind="stable")


_LEVELS = 24


def _hilbert_order(x: np.ndarray) -> np.ndarray:
    """In more dimensions, by exchanges and reversals of axes bit by bit (Skilling 2004)."""
    d = x.shape[1]
    bits = min(_LEVELS, 62 // d)
    low, side = x.min(axis=0), float(np.ptp(x, axis=0).max())
    cells = ((x - low) / (side if side > 0 else 1.0) * 2.0**bits).astype(np.int64).T
    u = np.minimum(cells, 2**bits - 1)
    for level in range(bits - 1, 0, -1):
        below = (1 << level) - 1
        for k in range(d):
            upper = (u[k] >> level) & 1 == 1
            swap = np.where(upper, 0, (u[0] ^ u[k]) & below)
            u[0] ^= np.where(upper, below, swap)
            u[k] ^= swap
    for k in range(1, d):
        u[k] ^= u[k - 1]
    turn = np.zeros_like(u[0])
    for level in range(bits - 1, 0, -1):
        turn ^= np.where((u[-1] >> level) & 1 == 1, (1 << level) - 1, 0)
    place = np.zeros_like(u[0])
    for level in range(bits - 1, -1, -1):
        for k in range(d):
            place = (place << 1) | (((u[k] ^ turn) >> level) & 1)
    return np.argsort(place, kind="stable")


def _space_image(values: np.ndarray, box: np.ndarray) -> _core.SpaceImage:
    return _core.SpaceImage(values, box, np.zeros(3, dtype=bool))


_MIXTURES: dict[int, Any] = {2: _core.Mixture, 3: _core.SpaceMixture}
_IMAGES: dict[int, Any] = {2: _core.Image, 3: _space_image}
