"""Laws of the plane as the compiled core takes them, in a unit of their own size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from diracs import _core

# So many densities of components are evaluated to draw from the root of a density.
_EVALUATIONS = 2e7
_CHUNK = 1 << 20


@dataclass(frozen=True)
class PlanarMixture:
    """A Gaussian mixture in the plane with positive definite covariances and positive weights."""

    means: np.ndarray  # (k, 2)
    covs: np.ndarray  # (k, 2, 2)
    weights: np.ndarray  # (k,)
    core: _core.Mixture

    @property
    def components(self) -> int:
        return len(self.weights)

    @classmethod
    def of(cls, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> PlanarMixture:
        means, covs, weights = (np.ascontiguousarray(x) for x in (means, covs, weights))
        return cls(means, covs, weights, _core.Mixture(means, covs, weights))

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Candidates from Σ √(w_k φ_k), between √f and √K times that, thinned evenly along a curve.

        √φ_Σ is proportional to the density of N(0, 2Σ).
        """
        k = len(self.weights)
        share = np.sqrt(self.weights) * np.linalg.det(self.covs) ** 0.25
        candidates = count * int(np.clip(_EVALUATIONS / (count * k), 4, 50))
        which = rng.choice(k, candidates, p=share / share.sum())
        noise = rng.standard_normal((candidates, 2))
        factors = np.linalg.cholesky(self.covs)
        x = self.means[which] + math.sqrt(2.0) * np.einsum("nij,nj->ni", factors[which], noise)
        accepted = np.ones(candidates)
        if k > 1:
            for part, shares in self.shares(x):
                # √f / Σ √(w_k φ_k)
                accepted[part] = 1.0 / np.sqrt(shares).sum(axis=1)
        return thinned(x, accepted, count, rng)

    def shares(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Of the density at points (m, 2) the share of each component, (m, k), in pieces: which points, shares."""
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
class PlanarImage:
    """An image on a box about the origin, of mass 1."""

    masses: np.ndarray  # (n₁, n₂)
    extent: np.ndarray  # (2,), the sides of the box
    core: _core.Image
    components = 1

    @classmethod
    def of(cls, masses: np.ndarray, extent: np.ndarray) -> PlanarImage:
        area = float(extent.prod()) / masses.size
        box = np.stack([-0.5 * extent, 0.5 * extent])
        return cls(masses, extent, _core.Image(np.ascontiguousarray(masses / area), box))

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Uniform points in pixels drawn in proportion to the roots of their masses, thinned evenly along a curve."""
        roots = np.sqrt(self.masses).ravel()
        candidates = 20 * count
        pixel = rng.choice(roots.size, candidates, p=roots / roots.sum())
        corner = np.stack(np.unravel_index(pixel, self.masses.shape), axis=1)
        x = ((corner + rng.random((candidates, 2))) / self.masses.shape - 0.5) * self.extent
        return thinned(x, np.ones(candidates), count, rng)


def thinned(x: np.ndarray, weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the points (m, 2), systematically along a Hilbert curve: each region has its share, within one."""
    x, weights = (a[order] for order in [hilbert_order(x)] for a in (x, weights))
    sums = np.cumsum(weights)
    ticks = (np.arange(count) + rng.random(count)) * (sums[-1] / count)
    return x[np.minimum(np.searchsorted(sums, ticks), len(x) - 1)]


def hilbert_order(x: np.ndarray) -> np.ndarray:
    """The order of points (m, 2) along a Hilbert curve through their bounding box: neighbours stay together.

    Points (m, 1) of the line go from left to right.
    """
    if x.shape[1] == 1:
        return np.argsort(x[:, 0], kind="stable")
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
