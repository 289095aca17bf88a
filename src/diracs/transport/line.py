"""Transport on the line: exact, by sorting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class LineTransport(NamedTuple):
    """Moments of the cells of n seeds on the line about the seeds, and dual weights."""

    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n,)
    second: np.ndarray  # (n,)
    weights: np.ndarray  # (n,)
    borders: np.ndarray  # (n + 1,) in the order of the seeds along the line


def transport_on_line(
    seeds: np.ndarray, target: np.ndarray, pixels: np.ndarray, low: float, high: float
) -> LineTransport:
    """The optimal cells are the quantile intervals of the masses, in the order of the seeds.

    Parameters
    ----------
    seeds, target : array (n,)
        Masses of sum 1, maybe zero.
    pixels : array (k,)
        Masses of equal pixels on [low, high].
    """
    n, k = len(seeds), len(pixels)
    order = np.argsort(seeds, kind="stable")
    pixels = pixels / pixels.sum()
    width = (high - low) / k
    sums = np.concatenate([[0.0], np.cumsum(pixels)])
    levels = np.clip(np.concatenate([[0.0], np.cumsum(target[order])]), 0.0, sums[-1])
    levels[-1] = sums[-1]
    pixel = np.clip(np.searchsorted(sums, levels, side="right") - 1, 0, k - 1)
    held = np.where(pixels[pixel] > 0, pixels[pixel], 1.0)
    borders = low + width * (pixel + np.clip((levels - sums[pixel]) / held, 0.0, 1.0))
    borders[0], borders[-1] = low, high

    # Cut the axis at all borders and pixel edges: on each piece the density is constant and one seed's.
    cuts = np.unique(np.concatenate([borders, low + width * np.arange(k + 1)]))
    left, length = cuts[:-1], np.diff(cuts)
    middle = left + 0.5 * length
    rho = pixels[np.clip(((middle - low) / width).astype(int), 0, k - 1)] / width
    owner = np.clip(np.searchsorted(borders, middle, side="right") - 1, 0, n - 1)
    y = seeds[order][owner]
    mass = rho * length
    offset = middle - y
    first = np.bincount(owner, mass * offset, minlength=n)
    second = np.bincount(owner, mass * (offset**2 + length**2 / 12.0), minlength=n)
    total = np.bincount(owner, mass, minlength=n)

    # At the border of neighbours both powers agree: (x − y)² − w = (x − y')² − w'.
    ordered = seeds[order]
    inner = borders[1:-1]
    steps = (inner - ordered[1:]) ** 2 - (inner - ordered[:-1]) ** 2
    weights = np.concatenate([[0.0], np.cumsum(steps)])
    back = np.empty(n, dtype=int)
    back[order] = np.arange(n)
    return LineTransport(total[back], first[back], second[back], (weights - weights.mean())[back], borders)
