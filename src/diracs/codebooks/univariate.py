"""Optimal quantizers of univariate laws: n levels that minimize E minᵢ (z − yᵢ)² for a standard law.

Levels start as quantiles of the density ∝ f^{1/3} (Panter & Dite 1951); of densities that are not log-concave mode by
mode as well, and for few levels at the exact n-means of the law gathered in bins. Newton's method of `newton.py` takes
each to a minimum, the best is kept. The optimum of a log-concave density is its only stationary point (Kieffer 1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.codebooks import starts
from diracs.codebooks.line_image import voronoi_borders
from diracs.codebooks.newton import CellMoments, minimize_distortion
from diracs.laws.univariate.standard import Standard

# Panels are divided until there are so many parts, and so many for each level, for starts to be right.
_PARTS, _PARTS_PER_LEVEL = 1024, 8
# Dynamic programming is tried up to so many levels, on so many bins.
_SEARCHED, _BINS = 128, 1024
# Tails are followed until what is left of ∫ f^{1/3} hardly counts, as far as squares can be held.
_REST, _FARTHEST, _DOUBLINGS = 1e-7, 1e150, 500
# Slopes of ln f may rise by so much, relative, for a density to count as log-concave.
_NOISE = 1e-6


@dataclass(frozen=True)
class _Cells:
    """Moments of the cells of quantizers of one law, for Newton's method."""

    family: Standard

    def __call__(self, levels: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> CellMoments:
        found = [self._of(y) for y in np.split(levels, np.cumsum(sizes)[:-1])]
        return CellMoments(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _of(self, y: np.ndarray) -> tuple[np.ndarray, ...]:
        borders = voronoi_borders(y)
        mass, first, second, _, _ = self.family.moments(y, borders)
        coupling = 0.25 * np.diff(y) * self.family.heights(borders[1:-1])
        return mass, first, second, np.append(coupling, 0.0), np.zeros(len(y))


def optimal_standard_levels(family: Standard, n: int) -> tuple[np.ndarray, float]:
    """Sorted levels (m,), m ≤ n, of a standard law, and their distortion E minᵢ (z − yᵢ)².

    Each is the barycenter of its cell, up to rounding, and none has an empty cell: there are fewer than n only where
    doubles have no room for n.
    """
    law, results = _Cells(family), []
    for y in _candidates(family, n):
        y = minimize_distortion(y, np.array([len(y)]), law)
        mass, _, second, _, _ = family.moments(y, voronoi_borders(y))
        results.append((y[mass > 0], float(second.sum())))
    return min(results, key=lambda result: result[1])


def companded_standard_levels(family: Standard, n: int) -> np.ndarray:
    """Levels (m,), m ≤ n, that are nearly optimal for many: the quantiles of the density ∝ f^{1/3}."""
    return np.unique(starts.companding(_parts(family, n), n))


def _candidates(family: Standard, n: int) -> list[np.ndarray]:
    """Starting levels."""
    cells = _parts(family, n)
    found: list[np.ndarray | None] = [starts.companding(cells, n)]
    if not cells.log_concave:
        # m levels leave a uniform law of variance 1/12 with 1/12m².
        found.append(starts.modes(cells, n, np.append(np.inf, 1.0 / (12.0 * np.arange(1.0, n + 2) ** 2))))
        if n <= _SEARCHED:
            found.append(starts.k_means(cells, n, _BINS))
    return [np.unique(y) for y in found if y is not None]


def _parts(family: Standard, n: int) -> starts.Grid:
    """The panels, divided evenly, and tails, as cells of a grid."""
    panels = family.edges()
    parts = -(-max(_PARTS, _PARTS_PER_LEVEL * n) // (len(panels) - 1))
    share = np.arange(parts) / parts
    inner = np.append((panels[:-1, None] + np.diff(panels)[:, None] * share).ravel(), panels[-1])
    edges = np.unique(np.concatenate([-_outwards(family, -panels[0], -1), inner, _outwards(family, panels[-1], 1)]))
    centre, width = 0.5 * edges[1:] + 0.5 * edges[:-1], np.diff(edges)
    f = family.heights(centre)
    mass = f * width
    mass[0] += float(family.cdf(edges[0]))
    mass[-1] += float(family.sf(edges[-1]))
    return starts.Grid(edges, mass, centre, np.cbrt(f) * width, _is_log_concave(centre, f))


def _outwards(family: Standard, end: float, side: int) -> np.ndarray:
    """Distances beyond the last panel of an infinite side, each an eighth larger, as far as f^{1/3} has mass there."""
    if not np.isinf(family.support[side > 0]) or end <= 0:
        return np.zeros(0)
    far = end * 1.125 ** np.arange(1.0, 6.0 * _DOUBLINGS)
    far = far[far < _FARTHEST]
    held = np.cbrt(family.heights(side * far)) * far
    count = np.flatnonzero(held > _REST * held.max(initial=0.0)) if held.any() else np.zeros(0)
    return far[: int(count[-1]) + 1] if len(count) else np.zeros(0)


def _is_log_concave(points: np.ndarray, f: np.ndarray) -> bool:
    """Whether the slopes of ln f fall from each point of the grid to the next, up to rounding."""
    held = f > 0
    if not held[np.flatnonzero(held)[0] : np.flatnonzero(held)[-1] + 1].all():
        return False
    step = np.diff(points[held])
    slope = np.diff(np.log(f[held]))[step > 0] / step[step > 0]
    return bool((np.diff(slope) <= _NOISE * np.abs(slope[1:])).all())
