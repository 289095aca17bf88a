"""Lower bounds for mixtures and images on the line."""

from __future__ import annotations

import math

import numpy as np

from diracs.cells.intervals import voronoi_moments
from diracs.certificates.upper.nearest import raised
from diracs.certificates.upper.nearest_line import UnitLineImage
from diracs.codebooks.line_image import companded_levels
from diracs.codebooks.optimal import mixture_distortion, optimal_levels
from diracs.codebooks.starts import least_costs

ATOMS = (256, 768)  # fewest and most atoms that stand for the law


def line_bound(means: np.ndarray, variances: np.ndarray, weights: np.ndarray, n: int, blur: np.ndarray) -> float:
    """Lower bound on W₂² for mixtures on the line, by an exact optimum of a fine discretization.

    With q(X) the nearest of N ≫ n levels, W₂(X, ν) ≥ W₂(q(X), ν) − W₂(X, q(X)) for every ν. The first term on the right
    is least, over all ν of n points, for a partition of the atoms into n runs, found by dynamic programming (Bruce
    1965); the second is the distortion of the levels.

    Parameters
    ----------
    means, variances, weights : arrays (k,)
    n : int
        Number of points, at least 2.
    blur : array (k,)
        Error of the variances, which moves the law by no more than the error of the deviations.
    """
    group = np.zeros(len(means), dtype=np.intp)
    levels = np.unique(optimal_levels(means, variances, weights, group, int(np.clip(32 * n, *ATOMS)))[0])
    masses = weights @ voronoi_moments(levels, means[:, None], variances[:, None]).mass
    least = least_partition(levels[masses > 0], masses[masses > 0], n)
    distance = math.sqrt(float(mixture_distortion(levels[None], means, variances, weights, group)[0]))
    shifts = np.divide(blur, np.sqrt(np.maximum(variances, blur)), out=np.zeros_like(blur), where=blur > 0)
    # Positions, too, are rounded: of the means when projected, of the levels when centred.
    moved = math.sqrt(float(weights @ shifts**2)) + 16 * 2.0**-52 * float(np.abs([*levels, *means]).max())
    return max(0.0, math.sqrt(least) * (1.0 - 1e-9) - distance * (1.0 + 1e-9) - moved) ** 2


def line_image_bound(law: UnitLineImage, n: int) -> float:
    """The same, on W₂ in space, for a density that is constant on pixels."""
    levels = companded_levels(law.law, int(np.clip(32 * n, *ATOMS)))
    cells = law.cells(levels[:, None])
    held = cells.mass > 0
    least = least_partition(levels[held], cells.mass[held], n)
    distance = raised(law, levels[:, None], cells)
    return max(0.0, math.sqrt(least) * law.unit * (1.0 - 1e-9) - distance * (1.0 + 1e-9))


def least_partition(atoms: np.ndarray, masses: np.ndarray, n: int) -> float:
    """The least distortion of n points for sorted atoms with positive masses."""
    count = len(atoms)
    cost = np.full((count, count), np.inf)  # cost[i, j] of the atoms i, …, j, updated by positive terms (Welford 1962)
    mass, mean, squares = np.zeros((3, count))
    for j in range(count):
        total = mass[: j + 1] + masses[j]
        shift = atoms[j] - mean[: j + 1]
        squares[: j + 1] += masses[j] * (mass[: j + 1] / total) * shift**2
        mean[: j + 1] += shift * (masses[j] / total)
        mass[: j + 1] = total
        cost[: j + 1, j] = squares[: j + 1]
    return float(least_costs(cost, min(n, count))[-1][-1])
