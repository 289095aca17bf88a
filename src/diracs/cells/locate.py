"""In which power cells points lie."""

from __future__ import annotations

import numpy as np
import scipy


def nearest_power(
    points: np.ndarray, seeds: np.ndarray, weights: np.ndarray, box: np.ndarray, periodic: tuple[bool, ...]
) -> np.ndarray:
    """The seeds (k,) with the least |x − yᵢ|² − wᵢ, in any dimension; everything repeats with the box along some axes.

    That is the square of a distance in one dimension more, up to a constant.
    """
    low, sides = box[0], np.where(periodic, box[1] - box[0], 0.0)

    def lifted(x: np.ndarray, height: np.ndarray) -> np.ndarray:
        out = x - low
        within = np.mod(out, np.where(sides > 0, sides, 1.0))
        out = np.where(sides > 0, np.where(within < sides, within, 0.0), out)
        return np.column_stack([out, height])

    tree = scipy.spatial.cKDTree(lifted(seeds, np.sqrt(weights.max() - weights)), boxsize=np.append(sides, 0.0))
    return np.asarray(tree.query(lifted(points, np.zeros(len(points))))[1])
