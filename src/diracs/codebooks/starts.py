"""Starting levels for the optimal quantizer of a one-dimensional Gaussian mixture.

A mixture's distortion has many local minima; each start here is best where the others are weak. Mixtures are given by
means, standard deviations (zero: point mass) and weights, of order one: centred and scaled by the caller.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.cells.intervals import density
from diracs.codebooks.normal import normal_levels

# The grid reaches this many standard deviations on both sides of each mean, and this far from a point mass.
_REACH = 9.0
_ATOM = 1e-9
# Components narrower than that, or than this share of their means, are point masses to a grid: its cells would vanish.
_NARROWEST, _UNRESOLVED = 1e-90, 1e-15
_BLOCK = 1 << 18


class Grid(NamedTuple):
    """A mixture on cells that are fine for each of its components."""

    edges: np.ndarray  # (c + 1,)
    mass: np.ndarray  # (c,)
    centre: np.ndarray  # (c,)
    compand: np.ndarray  # (c,) integrals of f^{1/3}
    log_concave: bool  # as far as the cells show


def grid(mean: np.ndarray, deviation: np.ndarray, weight: np.ndarray, cells: int) -> Grid:
    """The mixture on about `cells` cells whose edges are those of uniform grids on the single components."""
    each = max(cells // len(mean), 8)
    atoms = deviation <= np.maximum(_NARROWEST, _UNRESOLVED * np.abs(mean))
    reach = np.where(atoms, _ATOM, _REACH * deviation)
    edges = np.unique(mean[:, None] + reach[:, None] * np.linspace(-1.0, 1.0, each + 1))
    if len(edges) > 2 * cells:
        edges = edges[np.unique(np.linspace(0, len(edges) - 1, 2 * cells).astype(int))]
    centre, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    f, slope, curvature = np.zeros((3, len(centre)))
    smooth = np.flatnonzero(~atoms)
    block = max(1, _BLOCK // len(centre))
    for begin in range(0, len(smooth), block):
        k = smooth[begin : begin + block, None]
        z = (centre - mean[k]) / deviation[k]
        part = weight[k] / deviation[k] * density(z)
        f += part.sum(axis=0)
        slope -= (part * z / deviation[k]).sum(axis=0)
        curvature += (part * (z * z - 1.0) / deviation[k] ** 2).sum(axis=0)
    # (log f)'' ≤ 0 in every cell and from one to the next; where f underflows there is a gap between components.
    log_concave = len(smooth) == len(mean) and bool((f > 0).all())
    log_concave = log_concave and bool((f * curvature <= slope * slope).all() and (np.diff(slope / f) <= 0).all())
    mass = f * width
    np.add.at(mass, np.clip(np.searchsorted(edges, mean[atoms]) - 1, 0, len(mass) - 1), weight[atoms])
    return Grid(edges, mass, centre, np.cbrt(mass * width * width), log_concave)


def companding(g: Grid, n: int) -> np.ndarray:
    """The n quantiles (j − ½)/n of the density ∝ f^{1/3}, asymptotically optimal (Panter & Dite 1951)."""
    return _quantiles(g.edges, g.compand, n)


def modes(g: Grid, n: int, normal: np.ndarray) -> np.ndarray | None:
    """Companding on each mode (between valleys of the density) by itself; None if there is one mode, or more than n."""
    f = g.mass / np.diff(g.edges)
    rise = np.sign(np.diff(f))
    turn = np.flatnonzero(rise)
    change = turn[1:][rise[turn[1:]] != rise[turn[:-1]]]
    valleys = change[rise[change] > 0]
    peaks = np.maximum.reduceat(f, np.append(0, valleys))
    # Shallow valleys, rounding noise on a flat top among them, do not part modes.
    valleys = valleys[f[valleys] < 0.9 * np.minimum(peaks[1:], peaks[:-1])]
    cuts = np.concatenate([[0], valleys, [len(f)]])
    if not 2 <= len(valleys) + 1 <= n:
        return None
    total = np.add.reduceat(g.compand, cuts[:-1])
    counts = allocate(total**3, n, normal)
    return np.concatenate(
        [_quantiles(g.edges[a : b + 1], g.compand[a:b], m) for a, b, m in zip(cuts[:-1], cuts[1:], counts)]
    )


def union(mean: np.ndarray, deviation: np.ndarray, weight: np.ndarray, n: int, normal: np.ndarray) -> np.ndarray | None:
    """Optimal levels of each component by itself, the points shared in the best way; None if n is too small.

    Σ weight·D of the single components bounds the distortion of their union from above.
    """
    if len(mean) > n:
        return None
    counts = allocate(weight * deviation**2, n, normal)
    return np.sort(np.concatenate([m + s * normal_levels(int(c))[0] for m, s, c in zip(mean, deviation, counts)]))


def exchanges(levels: np.ndarray, mean: np.ndarray) -> list[np.ndarray]:
    """Levels with one point taken from where one component is and given to another, for pairs next to each other."""
    k = np.unique(np.abs(levels - np.sort(mean)[:, None]).argmin(axis=1))
    out = []
    for a, b in ((a, b) for a in range(len(k)) for b in range(len(k)) if a != b and (len(k) < 5 or abs(a - b) == 1)):
        i, j = k[a], k[b]
        gaps = np.diff(levels)
        before = gaps[j - 1] if j > 0 else gaps[j]
        after = gaps[j] if j < len(gaps) else gaps[j - 1]
        pair = [levels[j] - 0.25 * before, levels[j] + 0.25 * after]
        out.append(np.sort(np.append(np.delete(levels, [i, j]), pair)))
    return out


def allocate(constant: np.ndarray, n: int, normal: np.ndarray) -> np.ndarray:
    """Whole numbers m_k ≥ 1 of sum n that minimize Σ constant_k·normal[m_k], by marginal gain.

    Parameters
    ----------
    constant : array (K,)
        Non-negative, K ≤ n.
    normal : array (n + 2,)
        Convex decreasing from index 1 on: the distortions of the normal law.

    Returns
    -------
    array (K,) of int
    """
    share = np.cbrt(constant)
    spare = n - len(constant)
    share = share / share.sum() if share.sum() > 0 else np.full(len(share), 1.0 / len(share))
    # Start a little below the asymptotic shares; exchanges make up for what is still too much.
    counts = 1 + np.maximum((share * spare).astype(int) - 2, 0)
    for _ in range(n - int(counts.sum())):
        counts[np.argmax(constant * (normal[counts] - normal[counts + 1]))] += 1
    for _ in range(n):
        gain = constant * (normal[counts] - normal[counts + 1])
        loss = np.where(counts > 1, constant * (normal[np.maximum(counts - 1, 1)] - normal[counts]), np.inf)
        best, worst = int(np.argmax(gain)), int(np.argmin(loss))
        if gain[best] <= loss[worst]:
            break
        counts[best] += 1
        counts[worst] -= 1
    return counts


def k_means(g: Grid, n: int, bins: int) -> np.ndarray | None:
    """Centres of the exact n-means of the mixture gathered in bins, by dynamic programming; None if bins are too few.

    The cost of bins i…j is a difference of prefix sums, as good as a start has to be.
    """
    # Half the bins follow f^{1/3}, which spreads them like levels, half the mass, which finds narrow components.
    share = 0.5 * g.compand / max(g.compand.sum(), 1e-300) + 0.5 * g.mass / g.mass.sum()
    total = np.cumsum(share)
    index = np.minimum(((total - 0.5 * share) / total[-1] * bins).astype(int), bins - 1)
    mass = np.bincount(index, g.mass, minlength=bins)
    first = np.bincount(index, g.mass * g.centre, minlength=bins)
    filled = mass > 0
    mass, centre = mass[filled], first[filled] / mass[filled]
    b = len(mass)
    if b <= n:
        return None
    m0, m1, m2 = (np.append(0.0, np.cumsum(mass * centre**p)) for p in range(3))
    d0, d1, d2 = (m[1:] - m[:-1, None] for m in (m0, m1, m2))  # entry i, j: bins i…j
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.maximum(d2 - d1 * d1 / d0, 0.0)
    cost[np.tri(b, k=-1, dtype=bool)] = np.inf
    least = least_costs(cost, n)
    ends = [b]
    for m in range(n - 1, 0, -1):
        ends.append(1 + int(np.argmin(cost[1:, ends[-1] - 1] + least[m - 1][:-1])))
    begins = np.array([0, *ends[:0:-1]])
    return np.add.reduceat(mass * centre, begins) / np.add.reduceat(mass, begins)


def least_costs(cost: np.ndarray, n: int) -> list[np.ndarray]:
    """Least costs (b,) of the first 1, …, b atoms in 1, …, n ≤ b runs, given those of each run: cost[i, j] of i…j.

    F_m(j) = min_i F_{m−1}(i − 1) + C(i, j) (Bellman 1973); C is infinite for i > j.
    """
    least, work = [cost[0]], np.empty_like(cost[1:])
    for _ in range(1, n):
        np.add(cost[1:], least[-1][:-1, None], out=work)
        least.append(np.append(np.inf, work[:, 1:].min(axis=0)))
    return least


def _quantiles(edges: np.ndarray, mass: np.ndarray, n: int) -> np.ndarray:
    total = np.append(0.0, np.cumsum(mass))
    return np.interp((np.arange(n) + 0.5) / n * total[-1], total, edges)
