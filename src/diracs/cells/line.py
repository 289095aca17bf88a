"""Densities on the line and moments of their intervals: images and mixtures; power cells of seeds on the line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy

from diracs.cells.intervals import REACH, density, interval_moments

# Numbers of points × components to work on at a time.
_BLOCK = 1 << 20
# Enough for deviations of 1e-15 of the whole.
_BISECTIONS = 110


class LineDensity(Protocol):
    """A density of mass 1 on the line."""

    def quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Points with masses `below` to the left and `above` to the right, the smaller of which is to be exact."""

    def cell_moments(self, seeds: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mass, ∫(x − y) and ∫(x − y)² between consecutive borders (n + 1,) about the seeds (n,)."""

    def heights(self, points: np.ndarray) -> np.ndarray:
        """The density (m,) at points (m,); where it jumps the mean of both sides."""


def power_cells(seeds: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which seeds have cells {x : |x − yᵢ|² − wᵢ is least}, from left to right, and the borders between these."""
    order = np.lexsort((-weights, seeds))
    order = order[np.concatenate([[True], np.diff(seeds[order]) > 0])]

    def borders(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return 0.5 * (seeds[i] + seeds[j]) - 0.5 * (weights[j] - weights[i]) / (seeds[j] - seeds[i])

    between = borders(order[:-1], order[1:])
    if (np.diff(between) >= 0).all():
        return order, between
    # The lower envelope of the parabolas, by a monotone chain (A. M. Andrew 1979).
    chain: list[int] = []
    cuts: list[float] = []
    for i in order:
        while chain:
            cut = float(borders(np.array(chain[-1]), np.array(i)))
            if not cuts or cut > cuts[-1]:
                break
            chain.pop()
            cuts.pop()
        if chain:
            cuts.append(cut)
        chain.append(int(i))
    return np.array(chain), np.array(cuts)


@dataclass(frozen=True)
class LineImage:
    """Pixels (k,), masses of sum 1, on the interval [−½, ½]."""

    pixels: np.ndarray

    def quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        k = len(self.pixels)
        sums = self._sums
        levels = np.clip(below, 0.0, sums[-1])
        pixel = np.clip(np.searchsorted(sums, levels, side="right") - 1, 0, k - 1)
        held = np.where(self.pixels[pixel] > 0, self.pixels[pixel], 1.0)
        inside: np.ndarray = (pixel + np.clip((levels - sums[pixel]) / held, 0.0, 1.0)) / k - 0.5
        return inside

    @cached_property
    def edges(self) -> np.ndarray:
        """Of the pixels, (k + 1,)."""
        k = len(self.pixels)
        return np.asarray((np.arange(k + 1) - 0.5 * k) / k)

    @cached_property
    def _heights(self) -> np.ndarray:
        """Of the density, (k,), between the edges as they are rounded: pixels of a spike are narrow."""
        return np.asarray(self.pixels / np.diff(self.edges))

    @cached_property
    def _sums(self) -> np.ndarray:
        return np.concatenate([[0.0], np.cumsum(self.pixels)])

    def at(self, points: np.ndarray) -> np.ndarray:
        """Density (m,) right of points (m,)."""
        pixel = np.searchsorted(self.edges, points, side="right") - 1
        inside = (points >= self.edges[0]) & (points < self.edges[-1])
        result: np.ndarray = np.where(inside, self._heights[np.clip(pixel, 0, len(self.pixels) - 1)], 0.0)
        return result

    def heights(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 * (self.at(points) + self.at(np.nextafter(points, -np.inf))))

    def below(self, points: np.ndarray) -> np.ndarray:
        """Masses (m,) left of points (m,)."""
        return np.interp(points, self.edges, self._sums)

    def cell_moments(self, seeds: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cut the axis at all borders and pixel edges: on each piece the density is constant and one seed's.

        Masses and second moments are sums of positive terms, added in pairs: right to a few roundings.
        """
        borders = np.clip(borders, self.edges[0], self.edges[-1])
        # Two sorted runs, which a stable sort merges.
        cuts = np.sort(np.concatenate([borders, self.edges]), kind="stable")
        left, length = cuts[:-1], np.diff(cuts)
        left, length = left[length > 0], length[length > 0]
        owner = np.searchsorted(borders, left, side="right") - 1
        rho = self._heights[np.searchsorted(self.edges, left, side="right") - 1]
        offset, mass = left - seeds[owner] + 0.5 * length, rho * length
        moments = np.stack([mass, mass * offset, mass * (offset**2 + length**2 / 12.0)])
        begins = np.flatnonzero(np.diff(owner, prepend=-1))
        total, first, second = found = np.zeros((3, len(seeds)))
        found[:, owner[begins]] = np.add.reduceat(moments, begins, axis=1)
        return total, first, second

    def potentials(self, seeds: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """∫ minᵢ (|x − yᵢ|² − wᵢ) over each pixel: cut at the borders of cells, Simpson's rule on each piece."""
        k = len(self.pixels)
        alive, borders = power_cells(seeds, weights)
        y, w = seeds[alive], weights[alive]
        cuts = np.unique(np.clip(np.concatenate([borders, np.arange(k + 1) / k - 0.5]), -0.5, 0.5))
        left, length = cuts[:-1], np.diff(cuts)
        cell = np.searchsorted(borders, left + 0.5 * length)
        total = np.zeros(len(left))
        for place, share in ((0.0, 1 / 6), (0.5, 4 / 6), (1.0, 1 / 6)):
            total += share * length * ((left + place * length - y[cell]) ** 2 - w[cell])
        pixel = np.clip(((left + 0.5 * length + 0.5) * k).astype(int), 0, k - 1)
        return np.bincount(pixel, total, minlength=k)


@dataclass(frozen=True)
class LineMixture:
    """A Gaussian mixture: means, deviations > 0, weights > 0 of sum 1, all (k,)."""

    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray

    def quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Bisection on the distribution function, or on its complement where that is smaller."""
        size = max(1, _BLOCK // len(self.means))
        parts = [self._quantiles(below[s : s + size], above[s : s + size]) for s in range(0, len(below), size)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        right = above < below
        level = np.where(right, above, below)
        low, high = (np.full(len(level), end) for end in self.support)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            z = (middle[:, None] - self.means) / self.deviations
            share = scipy.special.ndtr(np.where(right[:, None], -z, z)) @ self.weights
            # Where the mass to the left is too large, or that to the right too small, the point lies to the left.
            lower = np.where(right, share < level, share > level)
            low, high = np.where(lower, low, middle), np.where(lower, middle, high)
        result: np.ndarray = 0.5 * (low + high)
        return result

    def cell_moments(self, seeds: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mass, first, second = np.zeros((3, len(seeds)))
        size = max(1, _BLOCK // max(len(seeds), 1))
        for part in (slice(s, s + size) for s in range(0, len(self.means), size)):
            one = LineMixture(self.means[part], self.deviations[part], self.weights[part])
            found = one.component_moments(seeds, borders)
            mass, first, second = (
                total + one.weights @ more for total, more in zip((mass, first, second), found, strict=True)
            )
        return mass, first, second

    def component_moments(self, seeds: np.ndarray, borders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same (k, n) for each component, of mass one.

        Closed form about the point of each cell nearest to the component's mean, then moved to the seed: so neighbours
        see the border between them in the same place, however narrow the component.
        """
        mean = self.means[:, None]
        inside = np.clip(mean, borders[:-1], borders[1:])
        left, right, shift = inside - borders[:-1], borders[1:] - inside, inside - seeds
        mass, first, second = interval_moments(inside, left, right, mean, self.deviations[:, None] ** 2)[:3]
        return mass, first + shift * mass, second + 2.0 * shift * first + shift**2 * mass

    @property
    def support(self) -> tuple[float, float]:
        """Nothing that a double can hold is outside."""
        reach = REACH * self.deviations
        return float((self.means - reach).min()), float((self.means + reach).max())

    def at(self, points: np.ndarray) -> np.ndarray:
        """Densities (k, m) of the components, each of mass one, at points (m,)."""
        z = (points - self.means[:, None]) / self.deviations[:, None]
        result: np.ndarray = density(z) / self.deviations[:, None]
        return result

    def heights(self, points: np.ndarray) -> np.ndarray:
        size = max(1, _BLOCK // len(self.means))
        parts = [self.weights @ self.at(points[s : s + size]) for s in range(0, len(points), size)]
        return np.concatenate(parts) if parts else np.zeros(0)
