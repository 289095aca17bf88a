"""Optimal quantizers of densities on the line that are constant on pixels: n levels that minimize E minᵢ (x − yᵢ)².

Levels start as quantiles of the density ∝ f^{1/3} (Panter & Dite 1951), mode by mode as well, and where that is cheap
at the exact n-means of the density gathered in bins; Newton's method of `newton.py` takes each to a minimum, the best
is kept. All moments are exact sums over the pieces between borders of cells and edges of pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.cells.line import LineImage
from diracs.codebooks import starts
from diracs.codebooks.newton import CellMoments, minimize_distortion

# Pixels are divided until there are so many parts, and so many for each level, for starts to be right.
_PARTS, _PARTS_PER_LEVEL = 1024, 4
# Dynamic programming is tried up to so many levels, on at most so many bins, within so many operations.
_SEARCHED, _BINS, _OPERATIONS = 128, 1024, 1e8
# Modes are looked at one by one where there are so few parts.
_MODES = 8192
# Of more pixels and levels only the best start is taken further.
_SEVERAL = 20_000
# Steps of Newton's method with each window, and with the Hessian itself.
_APPROACH, _STEPS = 8, 300
# Cells of less mass than this share of what the costliest cell costs do not deserve a level.
_USELESS = 0.01
# How often empty cells are looked for, each time after Newton's method.
_REPAIRS, _ROUNDS = 40, 4


@dataclass(frozen=True)
class _ImageLaw:
    """Moments of the cells of quantizers of one image, for Newton's method.

    With a window the Hessian takes the mean density in it about each border. Where pixels are much narrower than cells
    the density itself says nothing about what a step across many of them does.
    """

    image: LineImage
    window: float = 0.0

    def __call__(self, levels: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> CellMoments:
        found = [self._cells(y) for y in np.split(levels, np.cumsum(sizes)[:-1])]
        return CellMoments(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _cells(self, y: np.ndarray) -> tuple[np.ndarray, ...]:
        borders = voronoi_borders(y)
        # Where the density jumps there are two Hessians: either serves Newton's method for piecewise smooth functions.
        coupling = 0.25 * np.diff(y) * self._density(borders[1:-1])
        return *self.image.cell_moments(y, borders), np.append(coupling, 0.0), np.zeros(len(y))

    def _density(self, points: np.ndarray) -> np.ndarray:
        if not self.window > 0:
            return self.image.at(points)
        half = 0.5 * self.window
        result: np.ndarray = (self.image.below(points + half) - self.image.below(points - half)) / self.window
        return result


def voronoi_borders(levels: np.ndarray) -> np.ndarray:
    """Borders (n + 1,) of the cells of sorted levels (n,), the outer ones infinite."""
    return np.concatenate([[-np.inf], 0.5 * levels[:-1] + 0.5 * levels[1:], [np.inf]])


def optimal_image_levels(image: LineImage, n: int) -> tuple[np.ndarray, float]:
    """Sorted levels (m,), m ≤ n, and their distortion.

    Parameters
    ----------
    image : LineImage
    n : int
        Number of levels, at least 1.

    Returns
    -------
    levels : array (m,)
        Each the barycenter of its cell, up to rounding; none has an empty cell, so that there are fewer than n where
        doubles have no room for n.
    distortion : float
        E minᵢ (x − yᵢ)².
    """
    found = [_with_mass(image, y) for y in _candidates(image, n)]
    if len(image.pixels) + n > _SEVERAL:
        found = [min(found, key=lambda y: _distortion(image, y))]
    for _ in range(_ROUNDS):
        for window in _windows(len(image.pixels), n):
            found = _minimized(_ImageLaw(image, window), found, _APPROACH)
        found = _minimized(_ImageLaw(image), found, _STEPS)
        # Newton's steps may leave a level in a gap of the density.
        repaired = [_with_mass(image, y) for y in found]
        if all(np.array_equal(a, b) for a, b in zip(found, repaired)):
            break
        found = repaired
    results = []
    for y in found:
        y = y[image.cell_moments(y, voronoi_borders(y))[0] > 0]
        results.append((y, _distortion(image, y)))
    return min(results, key=lambda result: result[1])


def _distortion(image: LineImage, levels: np.ndarray) -> float:
    return float(image.cell_moments(levels, voronoi_borders(levels))[2].sum())


def _windows(pixels: int, n: int) -> list[float]:
    """From a quarter of a cell down to two pixels, each time the root: that far steps go wrong in a rough density."""
    windows, wide = [], pixels / (4.0 * n)
    while wide > 2.0:
        windows.append(wide / pixels)
        wide = math.sqrt(wide)
    return windows


def _minimized(law: _ImageLaw, starting: list[np.ndarray], steps: int) -> list[np.ndarray]:
    sizes = np.array([len(y) for y in starting])
    levels = minimize_distortion(np.concatenate(starting), sizes, law, steps=steps)
    return np.split(levels, np.cumsum(sizes)[:-1])


def companded_levels(image: LineImage, n: int) -> np.ndarray:
    """Levels (m,), m ≤ n, that are nearly optimal for many: the quantiles of the density ∝ f^{1/3}."""
    return _with_mass(image, np.unique(starts.companding(_parts(image, n), n)))


def _candidates(image: LineImage, n: int) -> list[np.ndarray]:
    """Starting levels."""
    cells = _parts(image, n)
    found: list[np.ndarray | None] = [starts.companding(cells, n)]
    held = np.flatnonzero(image.pixels > 0)
    if np.ptp(image.pixels[held[0] : held[-1] + 1]) == 0:
        return [found[0]]  # type: ignore[list-item]  # uniform: the optimum
    if len(cells.mass) <= _MODES:
        # m levels leave a uniform law of variance 1/12 with 1/12m².
        uniform = np.append(np.inf, 1.0 / (12.0 * np.arange(1.0, n + 2) ** 2))
        found.append(starts.modes(cells, n, uniform))
    bins = int(min(_BINS, math.sqrt(_OPERATIONS / n)))
    if n <= _SEARCHED:
        found.append(starts.k_means(cells, n, bins))
    return [np.unique(y) for y in found if y is not None]


def _parts(image: LineImage, n: int) -> starts.Grid:
    """The pixels that are not empty, divided, and the gaps between them, each a single cell."""
    pixels, k = image.pixels, len(image.pixels)
    held = pixels > 0
    parts = -(-max(_PARTS, _PARTS_PER_LEVEL * n) // int(held.sum()))
    gap = ~held & np.append(True, held[:-1])
    counts = np.where(held, parts, gap)
    pixel = np.repeat(np.arange(k), counts)
    number = np.arange(len(pixel)) - np.repeat(np.cumsum(counts) - counts, counts)
    edges = (np.append(pixel + number / parts, k) - 0.5 * k) / k
    mass = pixels[pixel] / parts
    width = np.diff(edges)
    return starts.Grid(edges, mass, 0.5 * (edges[1:] + edges[:-1]), np.cbrt(mass * width * width), False)


def _with_mass(image: LineImage, levels: np.ndarray) -> np.ndarray:
    """Levels of cells that are empty, or nearly, taken away, and as many of the costliest cells given two.

    Without its level a cell costs at most its mass more, as no way is longer than the interval.
    """
    for _ in range(_REPAIRS):
        mass, first, second = image.cell_moments(levels, voronoi_borders(levels))
        held = mass > _USELESS * second.max()
        missing = int((~held).sum())
        if not missing:
            break
        y, mass, first, second = (x[held] for x in (levels, mass, first, second))
        split = np.argsort(-second, kind="stable")[:missing]
        shift = first[split] / mass[split]
        centre, radius = y[split] + shift, np.sqrt(np.maximum(second[split] / mass[split] - shift**2, 0.0))
        levels = np.unique(np.concatenate([np.delete(y, split), centre - radius, centre + radius]))
    return levels
