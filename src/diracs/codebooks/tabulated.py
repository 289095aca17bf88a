"""Levels for marginals of very many components: the density is tabulated once, and quantizers minimized on the table.

The levels are optimal for the table, not to the last digit for the law; a certificate does not depend on that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.codebooks import starts
from diracs.codebooks.newton import CellMoments, minimize_distortion

_CELLS = 2048
# More components than this are joined with their neighbours first; variances within a quarter of an octave are alike.
_COMPONENTS, _ALIKE = 1024, 4.0


@dataclass(frozen=True)
class Table:
    """A law that is uniform on each cell of a grid; running moments at the edges."""

    grid: starts.Grid
    centre: float
    scale: float
    density: np.ndarray  # (c,)
    sums: np.ndarray  # (3, c + 1): ∫ xᵖ up to each edge

    def up_to(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The three running moments (3, n) and the density (n,) at x (n,)."""
        edges = self.grid.edges
        x = np.clip(x, edges[0], edges[-1])
        i = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(self.density) - 1)
        powers = np.stack([(x ** (p + 1) - edges[i] ** (p + 1)) / (p + 1) for p in range(3)])
        return self.sums[:, i] + self.density[i] * powers, self.density[i]

    def __call__(self, levels: np.ndarray, sizes: np.ndarray, rows: np.ndarray) -> CellMoments:
        """Moments of the Voronoi cells of one quantizer, for Newton's method."""
        borders = 0.5 * (levels[1:] + levels[:-1])
        sums, density = self.up_to(np.concatenate([[-np.inf], borders, [np.inf]]))
        mass, first, second = np.diff(sums, axis=1)
        coupling = np.append(0.25 * np.diff(levels) * density[1:-1], 0.0)
        about = np.maximum(second - levels * (2.0 * first - levels * mass), 0.0)
        return CellMoments(mass, first - levels * mass, about, coupling, np.zeros_like(levels))


def tabulate(means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> Table:
    """The table of a mixture (k,) on the line."""
    means, variances, weights = _joined(means, variances, weights / weights.sum())
    centre = float(weights @ means)
    scale = float(np.sqrt(weights @ (variances + (means - centre) ** 2))) or 1.0
    grid = starts.grid((means - centre) / scale, np.sqrt(variances) / scale, weights, _CELLS)
    density = grid.mass / np.diff(grid.edges)
    moments = [np.diff(grid.edges ** (p + 1)) / (p + 1) * density for p in range(3)]
    return Table(grid, centre, scale, density, np.stack([np.append(0.0, np.cumsum(m)) for m in moments]))


def _joined(means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At most about so many components, each with the moments of neighbours of like variances."""
    kept = np.flatnonzero(weights > 0.0)
    if len(kept) <= _COMPONENTS:
        return means, variances, weights
    means, variances, weights = means[kept], variances[kept], weights[kept]
    octaves = np.round(_ALIKE * np.log2(np.maximum(variances, 1e-300)))
    order = np.lexsort((means, octaves))
    means, variances, weights, octaves = (x[order] for x in (means, variances, weights, octaves))
    share = np.arange(len(means)) * _COMPONENTS // len(means)
    begin = np.flatnonzero((np.diff(share, prepend=-1) > 0) | (np.diff(octaves, prepend=np.nan) != 0.0))
    size = np.diff(np.append(begin, len(means)))
    mass = np.add.reduceat(weights, begin)
    middle = np.add.reduceat(weights * means, begin) / mass
    spread = variances + (means - np.repeat(middle, size)) ** 2
    return middle, np.add.reduceat(weights * spread, begin) / mass, mass


def tabulated_levels(table: Table, n: int) -> np.ndarray:
    """Levels (n,) for a tabulated law, from where companding puts them."""
    start = np.unique(starts.companding(table.grid, n))
    levels = minimize_distortion(start, np.array([len(start)]), table)
    levels = np.concatenate([levels, np.full(n - len(start), levels[-1])])
    return table.centre + table.scale * levels
