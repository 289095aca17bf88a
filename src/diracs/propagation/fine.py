"""Fine cells of the law of a state, many for each of n points: what is merged.

All components of one covariance share a grid along its axes, on which their coordinates are independent: nothing is
lost to coupling, and thousands of components times thousands of cells are matrix products (`cells.py`).
"""

from __future__ import annotations

import numpy as np

from diracs.cells.partition import Partition
from diracs.codebooks.scalar import ScalarCodebook
from diracs.codebooks.tabulated import tabulate
from diracs.propagation.cells import Block, barycentric_cells
from diracs.propagation.law import Law
from diracs.propagation.schemes import group, grouping_tree, isotropic
from diracs.schemes.generate import Groups
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme

# At most so many grids.
_GRIDS = 64
# Fine cells for each point by dimension; in all at least and at most, and times components.
_FOR_EACH = (100, 100, 200, 400, 600, 800)
_LEAST, _MOST, _TERMS = 20_000, 200_000, 5e7


class FineCells:
    """Cells of a law: of grids, or where all components are points these themselves.

    Attributes
    ----------
    parts : Partition
        Masses and barycenters of the N cells; spreads are not told apart, and zero.
    error : array (d, d)
        E δδᵀ of going to the barycenters, rounded up.
    """

    def __init__(self, law: Law, count: int) -> None:
        self._law = law
        self._blocks: list[Block] = []
        d = law.means.shape[1]
        if law.covs.any():
            found = barycentric_cells(law, fine_grids(law, groups_of(law, count), count), bias=False)
            self._blocks, self.error = found.blocks, found.error
            masses, places = found.masses, found.barycenters
        else:
            self.error, masses, places = np.zeros((d, d)), law.weights, law.means
        self.parts = Partition(masses, places, np.zeros(len(masses)))

    def bias(self, points: np.ndarray) -> np.ndarray:
        """E[X − point; source] (S, d) if each cell goes to a point (N, d)."""
        law = self._law
        out = np.zeros((int(law.source.max()) + 1, points.shape[1]))
        if not self._blocks:
            np.add.at(out, law.source, law.weights[:, None] * (law.means - points))
            return out
        first = 0
        for block in self._blocks:
            some = points[first : first + block.masses.size].reshape(block.levels.shape)
            first += block.masses.size
            found = block.placed.share[:, None] * block.bias_towards(some)
            np.add.at(out, law.source[block.placed.members], found)
        return out


def groups_of(law: Law, count: int, *, common: bool | None = None) -> Groups:
    """Components of one covariance each, in as many groups as make the cells finest.

    If `common`, axes are those of the covariance; by default where these are any other than all.
    """
    best: tuple[float, Groups] | None = None
    if common is None:
        common = len(law.covs) > 1 or not isotropic(law.covs[0])
    for labels in grouping_tree(law, None).values():
        pairs = np.unique(labels * len(law.covs) + law.kind, return_inverse=True)[1]
        if best is not None and pairs.max() >= min(_GRIDS, count):
            break
        found = group(law, pairs, common=common)
        error = sum(
            w * float((v / n**2).sum()) for w, v, n in zip(found.weights, found.variances, _numbers(found, count))
        )
        if best is None or error < best[0]:
            best = error, found
    assert best is not None
    return best[1]


def _numbers(groups: Groups, count: int) -> list[np.ndarray]:
    """Numbers of levels on the axes of each group, `count` cells in all but for rounding.

    N_g ∝ (w_g (Π σ²)^{1/d})^{d/(d+2)} is best for fine cells (Zador 1982), and within a group equal widths.
    """
    d = groups.means.shape[1]
    deviations = np.sqrt(groups.variances)
    sizes = np.maximum(deviations, 1e-9 * deviations.max())
    share = (groups.weights * np.exp(2.0 * np.log(sizes).mean(axis=1))) ** (d / (d + 2.0))
    out = []
    for n, sigma in zip(np.maximum(count * share / share.sum(), 1.0), deviations):
        used = sigma > 0
        while used.any():
            width = (sigma[used].prod() / n) ** (1.0 / used.sum())
            if (sigma[used] > width).all():
                break
            used &= sigma > width
        out.append(np.where(used, np.rint(sigma / width), 1).astype(int) if used.any() else np.ones(d, dtype=int))
    return out


def fine_grids(law: Law, groups: Groups, count: int, borders: np.ndarray | None = None) -> LayeredScheme:
    """Grids whose levels are as dense as the best points of many are.

    No cell reaches across the planes x₀ = `borders`, if the axes of the groups are those of space.
    """
    schemes = []
    for g, numbers in enumerate(_numbers(groups, count)):
        rows = np.flatnonzero(groups.labels == g)
        axes, centre = groups.axes[g], groups.means[g]
        levels = [_levels(law, rows, centre, axes[:, k], int(m)) for k, m in enumerate(numbers)]
        if borders is not None:
            k = int(np.argmax(np.abs(axes[0])))
            for border in borders:
                levels[k] = parted(levels[k], (border - centre[0]) * np.sign(axes[0, k]))
        schemes.append(ProductScheme([ScalarCodebook(y) for y in levels], axes, centre))
    return LayeredScheme(schemes, groups.labels)


def _levels(law: Law, rows: np.ndarray, centre: np.ndarray, direction: np.ndarray, n: int) -> np.ndarray:
    """Quantiles of the root of order (d + 2)/d of a marginal's density: of a Gaussian's the densities multiply so."""
    if n == 1:
        return np.zeros(1)
    d = len(direction)
    variances = np.maximum(law.covs @ direction @ direction, 0.0)[law.kind[rows]]
    table = tabulate((law.means[rows] - centre) @ direction, variances, law.weights[rows])
    edges = table.grid.edges
    share = table.grid.mass ** (d / (d + 2.0)) * np.diff(edges) ** (2.0 / (d + 2.0))
    total = np.append(0.0, np.cumsum(share))
    levels = np.interp((np.arange(n) + 0.5) / n * total[-1], total, edges)
    return np.asarray(table.centre + table.scale * levels)


def parted(levels: np.ndarray, border: float) -> np.ndarray:
    """Levels with two more, of which the border is the middle, so that it lies between two of their cells."""
    kept = levels[levels != border]
    gap = float(np.abs(kept - border).min()) if len(kept) else 1.0
    return np.sort(np.append(kept, [border - 0.5 * gap, border + 0.5 * gap]))


def fineness(ndim: int, n: int, components: int) -> int:
    """How many fine cells to take for n points; no more than seconds allow."""
    return int(min(max(_FOR_EACH[min(ndim, len(_FOR_EACH)) - 1] * n, _LEAST), _TERMS / components, _MOST))
