"""Histograms whose bins are not of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import frozen, pytree
from diracs.laws.shown import Drawn


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Histogram(Drawn):
    """The law that is uniform on each bin of a grid with any edges; see `PolynomialGrid.from_histogram`.

    Attributes
    ----------
    masses : array (n₁, …, n_d)
        Of the bins, of sum 1.
    edges : tuple of d arrays (n_k + 1,)
    """

    masses: np.ndarray
    edges: tuple[np.ndarray, ...]

    _leaves = ("masses", "edges")
    _static = ()

    def __init__(self, masses: np.ndarray, edges: Sequence[np.ndarray]) -> None:
        object.__setattr__(self, "masses", frozen(masses / masses.max() / (masses / masses.max()).sum()))
        object.__setattr__(self, "edges", tuple(map(frozen, edges)))

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.masses.ndim

    @property
    def domain(self) -> np.ndarray:
        """The box (2, d)."""
        return np.array([[edge[0] for edge in self.edges], [edge[-1] for edge in self.edges]])

    @property
    def volumes(self) -> np.ndarray:
        """Of the bins, (n₁, …, n_d)."""
        volumes = np.ones(())
        for edge in self.edges:
            volumes = np.multiply.outer(volumes, np.diff(edge))
        return volumes

    def __repr__(self) -> str:
        return f"Histogram({' × '.join(map(str, self.masses.shape))} bins)"


def checked_histogram(counts: Any, edges: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """Counts (n₁, …, n_d) and d edges, NumPy float64.

    Raises
    ------
    ValueError, TypeError
        For empty, negative or non-finite counts, all zeros, edges that do not go with them or do not increase.
    """
    held = np.asarray(checks.floating("counts", counts, "numpy"), dtype=np.float64)
    if held.ndim < 1:
        raise ValueError("counts must have at least one axis")
    if (held < 0).any():
        raise ValueError(f"counts must not be negative, smallest is {held.min():g}")
    if not held.any():
        raise ValueError("counts must not all be zero")
    some = [edges] if held.ndim == 1 and np.ndim(edges[0]) == 0 else list(edges)
    if len(some) != held.ndim:
        raise ValueError(f"edges must be {held.ndim} arrays, one for each axis of counts, got {len(some)}")
    out = []
    for k, (edge, n) in enumerate(zip(some, held.shape)):
        one = np.asarray(checks.floating(f"edges[{k}]", edge, "numpy"), dtype=np.float64)
        if one.shape != (n + 1,):
            raise ValueError(f"edges[{k}] must have shape ({n + 1},) to go with {n} bins, got {one.shape}")
        if not (np.diff(one) > 0).all():
            raise ValueError(f"edges[{k}] must increase")
        out.append(one)
    return held, out


def evenly_spaced(edges: Sequence[np.ndarray]) -> bool:
    """Whether the bins along each axis are of one width: where `numpy.linspace` would put their edges, to rounding."""
    even = [np.linspace(edge[0], edge[-1], len(edge)) for edge in edges]
    return all(bool(np.abs(edge - x).max() <= 2.0**-50 * np.abs(edge).max()) for edge, x in zip(edges, even))
