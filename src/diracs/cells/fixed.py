"""Cells that are as they are: points, and what else cannot be cut further."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition


@dataclass(frozen=True)
class Fixed:
    """Pieces are the numbers of the cells."""

    cells: Partition
    rounding: float = 0.0

    @property
    def ndim(self) -> int:
        return self.cells.barycenter.shape[1]

    def whole(self) -> np.ndarray:
        return np.arange(len(self.cells.mass))[:, None]

    def cut(self, pieces: np.ndarray) -> Cut:
        i = pieces[:, 0]
        none = np.zeros(len(i))
        return Cut(Partition(*(x[i] for x in self.cells)), none, none)

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        return np.zeros(len(pieces))

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        raise ValueError("cells of a fixed law are not cut further")
