"""What cutting asks of a law: pieces of it with known moments, and each of them in two."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple, Protocol

import numpy as np

from diracs.cells.partition import Partition


class Cut(NamedTuple):
    """Pieces of a law as cells."""

    cells: Partition  # N of them
    doubt: np.ndarray  # (N,): mass and spread are right to this share of themselves
    loose: np.ndarray  # (N,): of the spread, what cutting further may take away


class Divisible(Protocol):
    """A law that can be cut ever finer.

    Pieces are rows (N, w) of whole numbers, which only the law itself understands.
    """

    @property
    def ndim(self) -> int: ...

    @property
    def rounding(self) -> float:
        """W₂ by which rounding of the law's own numbers may have moved it."""
        ...

    def whole(self) -> np.ndarray:
        """All of the law, (N, w), in few pieces."""
        ...

    def cut(self, pieces: np.ndarray) -> Cut:
        """Moments of pieces (N, w)."""
        ...

    def variances(self, pieces: np.ndarray, along: np.ndarray) -> np.ndarray:
        """About E (g·(X − c))² given each piece, for vectors g, `along` (N, d); 0 where it cannot be cut."""
        ...

    def halves(self, pieces: np.ndarray, along: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Pieces (N, w) in two, where that lowers the variance along vectors (N, d) most, or the spread if None."""
        ...


class Extent(NamedTuple):
    """Where a law is, and how large."""

    centre: np.ndarray  # (d,)
    size: float


@singledispatch
def extent(law: Any) -> Extent:
    """Of a law of diracs, in user's units."""
    raise TypeError(f"a {type(law).__name__} cannot be cut into cells")


@singledispatch
def divisible(law: Any, centre: np.ndarray, unit: float) -> Divisible:
    """The law of (X − centre)/unit, to be cut."""
    raise TypeError(f"a {type(law).__name__} cannot be cut into cells")
