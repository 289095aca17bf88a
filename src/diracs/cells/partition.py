"""What merging asks of a law: any partition of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Partition(NamedTuple):
    """Cells of a law: `mass` m, `barycenter` c and `spread` v = E[|X − c|²; cell] of each.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.cells.partition import Partition
    >>> Partition.of_points(np.array([[0.0], [1.0]]), np.array([0.5, 0.5])).spread
    array([0., 0.])
    """

    mass: np.ndarray  # (N,)
    barycenter: np.ndarray  # (N, d)
    spread: np.ndarray  # (N,)

    @classmethod
    def of_points(cls, points: np.ndarray, masses: np.ndarray) -> Partition:
        """Points (N, d) with masses (N,) are cells without spread."""
        return cls(masses, points, np.zeros(len(points)))
