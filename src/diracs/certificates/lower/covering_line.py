"""A lower bound for laws on the line: the dual of covering it by intervals.

As in the plane (`covering`), E minᵢ |X − yᵢ|² ≥ ∫ τ dμ − n sup_y g(y) with g(y) = ∫ (τ(x) − |x − y|²)₊ dμ(x), for any
allowances τ ≥ 0. On the line nothing is lost: the least cost of n intervals is convex in n, so that the best multiplier
of their number gives it exactly, and with it come the best allowances. Where the density f hardly varies g is
(4/3) r³ f, with r = √τ, and of one size λ everywhere.

τ is constant on the cells of many levels. How it is found is not rigorous, and need not be. The supremum is: of a cell
that the interval about y crosses only mass, mean and spread are used, and g + My² is convex between two nodes if M is
the mass that lies within reach of what is between them.
"""

from __future__ import annotations

import numpy as np

from diracs.certificates.upper.nearest_line import UnitLineImage
from diracs.codebooks import starts
from diracs.codebooks.line_image import companded_levels
from diracs.codebooks.optimal import mixture_moments, standardize

# More points, or components times levels, are not worth the time.
MOST_POINTS, _MOST_TERMS = 10_000, 8_000_000
# Components on which fewer levels would fall are left out.
_FEWEST_LEVELS = 4.0
# Moments of cells are this exact, relative, and all else is more exact.
_RELATIVE = 1e-9
# The supremum is found to this share of it, in so many rounds, with so many nodes for each cell on the average; an
# interval is parted into so many at once.
_TOLERANCE, _ROUNDS, _NODES, _PIECES = 2e-3, 10, 8, 32
# In deviations; where components end, their cells are bordered by others of hardly any mass.
_ENDS = np.array([-8.0, -6.0, -4.5, 4.5, 6.0, 8.0])
# Of the distance to the middle, or of the distance of the quartiles: allowances do not reach further.
_NEARER, _MIDDLE = 0.95, 8.0
# Multipliers that are tried, over the one expected: for many points that one is right.
_FACTORS, _TRIED = (1.0, 0.95, 1.05), 1000


class LineCells:
    """A law on the line by cells: between sorted borders, what lies outside of them left out.

    Parameters
    ----------
    borders : array (m + 1,)
    mass, centroid, second : arrays (m,)
        `second` about the centroid.
    """

    def __init__(self, borders: np.ndarray, mass: np.ndarray, centroid: np.ndarray, second: np.ndarray) -> None:
        self.low, self.high, self.borders = borders[:-1], borders[1:], borders
        self.mass, self.centroid = mass, centroid
        self.spread = np.divide(second, mass, out=np.zeros_like(mass), where=mass > 0)
        # Of the uniform law with this spread: cells beside gaps are wider than what is in them.
        self.width = np.minimum(self.high - self.low, np.sqrt(12.0 * self.spread))
        # Allowances in the tails need not reach the middle: there is always something nearer.
        share = np.cumsum(mass)
        low, middle, high = centroid[np.searchsorted(share, share[-1] * np.array([0.25, 0.5, 0.75]))]
        self.reach = np.maximum(_NEARER * np.abs(centroid - middle), _MIDDLE * (high - low))

    @classmethod
    def about(cls, levels: np.ndarray, mass: np.ndarray, first: np.ndarray, second: np.ndarray) -> LineCells:
        """Voronoi cells of sorted levels (m + 2,) with moments about these, without the first and the last."""
        shift = np.divide(first, mass, out=np.zeros_like(mass), where=mass > 0)
        inner = slice(1, -1)
        borders = 0.5 * (levels[1:] + levels[:-1])
        about = np.maximum(second - mass * shift**2, 0.0)
        return cls(borders, mass[inner], (levels + shift)[inner], about[inner])

    def reached(self, nodes: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of a cell and a node whose interval up to the next node lies within the cell's radius."""
        first = np.maximum(np.searchsorted(nodes, self.low - radii) - 1, 0)
        count = np.where(self.mass > 0, np.searchsorted(nodes, self.high + radii, side="right") - first, 0)
        cell = np.repeat(np.arange(len(count)), count)
        return cell, np.arange(len(cell)) + np.repeat(first - (np.cumsum(count) - count), count)

    def gains(self, nodes: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Upper bounds on g at the nodes, and on the mass within reach of what lies between each and the next.

        (τ − |x − y|²)₊ is convex in |x − y|², so that on a cell its mean is at most what two atoms at the ends of the
        range have, their mean the same (Edmundson 1956, Madansky 1959).
        """
        cell, node = self.reached(nodes, radii)
        y, low, high, allowance = nodes[node], self.low[cell], self.high[cell], radii[cell] ** 2
        most = allowance - np.maximum(np.maximum(low - y, y - high), 0.0) ** 2
        least = np.minimum(allowance - np.maximum(y - low, high - y) ** 2, 0.0)
        mean = allowance - (self.centroid[cell] - y) ** 2 - self.spread[cell]
        # Products of four lengths might overflow.
        share = np.maximum(mean - least, 0.0) / np.where(least < 0, most - least, np.inf)
        crossed = np.maximum(most, 0.0) * share
        mass, count = self.mass[cell], len(nodes)
        gains = np.bincount(node, mass * np.where(least < 0, crossed, mean), count)
        beyond = nodes[np.minimum(node + 1, count - 1)]
        near = np.maximum(np.maximum(low - beyond, y - high), 0.0)
        return gains, np.bincount(node, mass * (near**2 <= allowance * (1.0 + _RELATIVE)), count)

    def chosen(self, multiplier: float, radii: np.ndarray | None, rounds: int) -> np.ndarray:
        """Radii for which the gains hardly exceed the multiplier λ anywhere, and reach it where they can.

        The gains go like the cubes of the radii; each radius is changed by what the largest gain within reach says.
        """
        if radii is None:
            radii = np.cbrt(0.75 * multiplier) * np.cbrt(self.width) / np.cbrt(np.maximum(self.mass, 1e-300))
        radii = self._smooth(radii)
        for _ in range(rounds):
            gains = self.gains(self.borders, radii)[0]
            first = np.searchsorted(self.borders, self.centroid - radii)
            last = np.maximum(np.searchsorted(self.borders, self.centroid + radii), first + 1)
            largest = _largest(gains, first, last)
            radii = self._smooth(radii * np.cbrt(multiplier / np.clip(largest, multiplier / 1.5, multiplier / 0.5)))
        return radii

    def _smooth(self, radii: np.ndarray) -> np.ndarray:
        """Radii that grow no faster than distances, as distances to the nearest facility do; none reaches too far."""
        x = self.centroid
        radii = np.minimum(radii, self.reach)
        radii = np.minimum.accumulate(radii - x) + x
        smooth: np.ndarray = np.maximum(np.minimum.accumulate((radii + x)[::-1])[::-1] - x, 0.0)
        return smooth

    def value(self, radii: np.ndarray, n: int) -> float:
        """∫ τ dμ − n sup g, rounded down."""
        total = float(self.mass @ radii**2)
        return total * (1.0 - _RELATIVE) - n * self.supremum(radii) * (1.0 + _RELATIVE)

    def supremum(self, radii: np.ndarray) -> float:
        """An upper bound on sup g: nodes are put between those where that is not close to the largest value found."""
        # Beyond the last nodes all cells are further away than from these.
        nodes = self.borders
        for rounds in range(_ROUNDS):
            gains, mass = self.gains(nodes, radii)
            slack = mass[:-1] * (0.5 * np.diff(nodes)) ** 2
            bounds, largest = np.maximum(gains[1:], gains[:-1]) + slack, float(gains.max())
            large = bounds > (1.0 + _TOLERANCE) * largest
            if not large.any() or rounds == _ROUNDS - 1 or len(nodes) > _NODES * len(self.borders):
                break
            with np.errstate(divide="ignore"):
                pieces = np.ceil(np.sqrt(slack / (_TOLERANCE * largest)))
            pieces = np.where(large, np.clip(pieces, 2, _PIECES), 1).astype(int)
            first = np.repeat(np.cumsum(pieces) - pieces, pieces)
            part = (np.arange(len(first)) - first) / np.repeat(pieces, pieces)
            between = np.repeat(nodes[:-1], pieces) + part * np.repeat(np.diff(nodes), pieces)
            nodes = np.append(between, nodes[-1])
        return float(bounds.max())

    def bound(self, n: int, expected: float | None = None) -> float:
        """The largest value found, for about what one point more would gain."""
        if expected is None:
            # Of Zador's asymptotic distortion.
            root = float(np.cbrt(self.mass * self.width**2).sum())
            expected = root**3 / (6.0 * n**3)
        best = 0.0
        radii: np.ndarray | None = None
        for factor in _FACTORS if n <= _TRIED else _FACTORS[:1]:
            radii = self.chosen(factor * expected, radii, 10 if radii is None else 6)
            best = max(best, self.value(radii, n))
        return best


def _largest(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The largest of values[first : last], none of them empty: by maxima over runs of powers of two."""
    width = last - first
    power = np.frexp(width)[1] - 1
    out = np.empty(len(first))
    runs, length = values, 1
    for level in range(int(power.max()) + 1):
        rows = np.flatnonzero(power == level)
        out[rows] = np.maximum(runs[first[rows]], runs[last[rows] - length])
        if 2 * length > len(values):
            break
        runs, length = np.maximum(runs[:-length], runs[length:]), 2 * length
    return out


def levels_for(n: int) -> int:
    """How many levels the law is divided by: finer where that takes no time."""
    return (16 if n <= 2000 else 12) * n


def _bordered(levels: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """More levels where components end beside gaps: cells that hold mass do not reach across."""
    ends = (means[:, None] + deviations[:, None] * _ENDS).ravel()
    place = np.clip(np.searchsorted(levels, ends), 1, len(levels) - 1)
    gap = levels[place] - levels[place - 1]
    return np.union1d(levels, ends[gap > 2.0 * np.repeat(deviations, len(_ENDS))])


def line_covering_bound(means: np.ndarray, variances: np.ndarray, weights: np.ndarray, n: int) -> float:
    """Lower bound on W₂² between a Gaussian mixture on the line and all measures of n points.

    Parameters
    ----------
    means, variances, weights : arrays (k,)
        Weights of sum 1, or less.
    n : int

    Returns
    -------
    float
        0 if there are so many points or components that the bound would take long.
    """
    count = levels_for(n)
    # Components so narrow that hardly a level would fall on them are left out, which only lowers the cost.
    share = np.cbrt(weights * variances)
    kept = share * count > _FEWEST_LEVELS * share.sum()
    if n > MOST_POINTS or count * len(means) > _MOST_TERMS or not kept.any():
        return 0.0
    held = float(weights[kept].sum())
    means, variances, weights = means[kept], variances[kept], weights[kept]
    one = np.zeros(len(means), dtype=np.intp)
    mixture = standardize(means, variances, weights, one)
    grid = starts.grid(mixture.means, mixture.deviations, mixture.weights, max(2048, 4 * n))
    levels = _bordered(np.unique(starts.companding(grid, count)), mixture.means, mixture.deviations)
    if len(levels) < 4:
        return 0.0
    found = mixture_moments(levels, mixture.means, mixture.deviations**2, mixture.weights)
    bound = LineCells.about(levels, found.mass, found.first, found.second).bound(n)
    bound *= held * (1.0 - _RELATIVE) * float(mixture.scale[0]) ** 2
    # Positions and deviations are rounded.
    moved = 16 * 2.0**-52 * float(np.abs(means).max() + np.sqrt(variances.max()))
    return max(0.0, float(np.sqrt(bound)) - moved) ** 2


def line_image_covering_bound(law: UnitLineImage, n: int) -> float:
    """The same, on W₂ in space, for a density that is constant on pixels."""
    if n > MOST_POINTS:
        return 0.0
    levels = companded_levels(law.law, levels_for(n))
    if len(levels) < 4:
        return 0.0
    cells = law.cells(levels[:, None])
    bound = LineCells.about(levels, cells.mass, cells.first[:, 0], cells.second).bound(n)
    return max(0.0, (float(np.sqrt(bound)) - law.rounding()) * law.unit)
