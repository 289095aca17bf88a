"""Where empty power cells of space appear (`revival`)."""

from __future__ import annotations

import numpy as np
import scipy

from diracs import _core
from diracs.cells.spaces import Euclidean
from diracs.transport.density import UnitDensity

# A corner is lower if by more than this.
_ROUNDING = 1e-13


def in_cuboid(
    seeds: np.ndarray, others: np.ndarray, dead: np.ndarray, density: UnitDensity, box: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (m,) with which cells of the seeds `dead` (m, 3) appear, in whose cells (m,), and the volumes of these.

    Among others (k, 3) with weights (k,), in a box (2, 3): a walk to the neighbour in whose cell the least corner is
    lowest.
    """
    space, box, sides = density.space, np.ascontiguousarray(box), np.diff(density.box, axis=0)[0]
    first, corners, face, labels, *_ = Euclidean(space.periodic).polyhedra(seeds, others, box)
    volumes = _core.moments(_core.SpaceBox(box, 1.0, np.array(space.periodic)), seeds, others, edges=False)[0].mass
    owner = np.repeat(np.arange(len(seeds)), np.diff(first))
    alive = np.flatnonzero(np.diff(first))
    host, least = np.empty(len(dead), int), np.empty(len(dead))
    nearest = alive[scipy.spatial.cKDTree(seeds[alive]).query(dead)[1]]
    potential = ((corners - seeds[owner]) ** 2).sum(axis=1) - others[owner]
    for row, (y, cell) in enumerate(zip(dead, nearest, strict=True)):
        value, best = np.inf, cell
        while True:
            around = np.append(labels[face[best] : face[best + 1]], best)
            around = around[around >= 0]
            at = np.concatenate([np.arange(first[c], first[c + 1]) for c in around])
            values = (space.shortest(corners[at] - y, sides) ** 2).sum(axis=1) - potential[at]
            lowest = int(values.argmin())
            if not values[lowest] < value - _ROUNDING * max(abs(value), abs(values[lowest]), 1e-3) and value < np.inf:
                break
            value, best = float(values[lowest]), owner[at[lowest]]
        host[row], least[row] = best, value
    return least, host, volumes[host]
