"""Local slopes: the part of each cell's error that lies in a ball on which the dynamics are known to be less steep.

Cells are unbounded and Gaussians have mass everywhere, so that each cell is cut by a box: inside it |f(z) − f(c)| is at
most the slope on a ball that contains the box times |z − c|, outside it is at most the global constant times |z − c|.
"""

from __future__ import annotations

import numpy as np

from diracs.backend.arrays import Array, concrete, framework, to_framework
from diracs.cells.intervals import IntervalMoments, interval_moments, voronoi_gaps
from diracs.propagation.bounds import Split
from diracs.propagation.cells import Block
from diracs.propagation.dynamics import SlopeOnBalls, local_slopes
from diracs.propagation.law import Law

# Boxes end so many deviations beyond the means of their components: 4e-9 of the mass lies outside.
_REACH = 6.0
# Cells whose local error is below these shares of the global one are tried as G.
_SHARES = (np.inf, 0.9, 0.75, 0.5, 0.25, 0.1)


def splits(blocks: list[Block], law: Law, lipschitz: SlopeOnBalls, slope: float, like: Array) -> tuple[Split, ...]:
    """Choices of the cells where local slopes are used, the first of which are all; none where boxes are not known."""
    d = law.means.shape[1]
    if not blocks or any(block.mixed or len(block.axes) < d for block in blocks):
        return ()
    square, inside, centers, radii = (np.concatenate(x) for x in zip(*(_cut(block) for block in blocks), strict=True))
    # Rounded to float32 centers move and radii shrink: the balls grow by as much.
    off = np.linalg.norm(concrete(to_framework(centers, framework(like), like)) - centers, axis=1)
    radii = (radii + off) * (1.0 + 2.0**-23)
    slopes = np.minimum(local_slopes(lipschitz, centers, radii, like), slope)
    inside = np.minimum(inside, square)
    local = slopes**2 * inside + slope**2 * (square - inside)
    share = local / np.maximum(slope**2 * square, 1e-300)
    found, ends = [], np.cumsum([block.masses.size for block in blocks])
    weights = np.bincount(law.source, law.weights)
    for limit in _SHARES:
        chosen = share <= limit
        bias = np.zeros((len(weights), d))
        if not chosen.all():
            for block, others in zip(blocks, np.split(~chosen, ends[:-1]), strict=True):
                found_bias = block.component_bias(others.reshape(block.masses.shape))
                np.add.at(bias, law.source[block.placed.members], block.placed.share[:, None] * found_bias)
        beta = float(np.sqrt(((bias**2).sum(axis=1) / np.maximum(weights, 1e-300)).sum()))
        found.append(Split(float(local[chosen].sum()), float(square[~chosen].sum()), beta))
    return tuple(found)


def _cut(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each cell E[|δ|²; cell], the same in its box, the barycenter, the radius of a ball about it with the box."""
    placed, stack = block.placed, len(block.masses)
    about_level = block.squares(block.axes)
    # Raised by the rounding of the difference.
    total = about_level * (1.0 + 1e-13) - block.masses * (block.shift**2).sum(axis=2)
    shift = block.shift @ placed.frame  # in frame coordinates, (G, n, d)
    deviation = np.sqrt(placed.variance[placed.pair])
    boxed: list[IntervalMoments] = []
    extents = []  # of each cell from its barycenter, (G, n_k) to the left and to the right of the level
    for k, y in enumerate(block.axis_levels):
        reach = np.abs(placed.mean[:, k]) + _REACH * deviation[:, k]
        ends = np.zeros(stack)
        np.maximum.at(ends, placed.group, reach)
        by_group = np.zeros((stack, y.shape[1]))
        by_group[placed.group] = y
        ends = np.maximum(ends, np.abs(by_group).max(axis=1))
        left, right = voronoi_gaps(by_group)
        left[:, 0], right[:, -1] = by_group[:, 0] + ends, ends - by_group[:, -1]
        extents.append((left, right))
        rows = placed.group
        mean, variance = placed.mean[:, k, None], placed.variance[placed.pair, k, None]
        boxed.append(interval_moments(by_group[rows], left[rows], right[rows], mean, variance))
    masses = block.masses_of(boxed)
    first = np.stack([block.firsts(boxed, k) for k in range(len(boxed))], axis=2)
    inside = block.squares(boxed) - 2.0 * (first * shift).sum(axis=2) + masses * (shift**2).sum(axis=2)
    grid = np.indices([left.shape[1] for left, _ in extents]).reshape(len(extents), -1)
    far = [
        np.maximum(left[:, i] + shift[:, :, k], right[:, i] - shift[:, :, k])
        for k, ((left, right), i) in enumerate(zip(extents, grid, strict=True))
    ]
    radius = np.sqrt(sum(x**2 for x in far))
    centers = (block.levels + block.shift).reshape(-1, shift.shape[2])
    return np.maximum(total, 0.0).ravel(), np.maximum(inside, 0.0).ravel(), centers, np.asarray(radius).ravel()
