"""Finite sums of Diracs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    common_framework,
    companion,
    concrete,
    frozen,
    is_array,
    is_traced,
    pytree,
    take,
)
from diracs.laws.moments import covariance, drawn, generator, mean
from diracs.laws.shown import Drawn


@pytree
@dataclass(frozen=True, eq=False, init=False)
class SumOfDiracs(Drawn):
    """The measure Σ wᵢ δ(yᵢ).

    Arrays are copied: in a loop that moves points, make new Diracs of them in each step.

    `diracs[:10]`, a mask or integers pick points as NumPy does, with the masses that they have: a part has less than
    mass 1. Whatever takes it for a law (`quantize`, `distance`, …) takes masses as shares of their sum;
    `SumOfDiracs(part.positions, part.weights)` normalizes them. Of a batch `len` and indices are those of the points as
    well: `batch[:10]` has the first ten points of every sum; its first sum is `SumOfDiracs(batch.positions[0], …)`.

    Parameters
    ----------
    positions : array (..., n, d)
        The points yᵢ.
    weights : array (..., n), optional
        Their masses, non-negative, normalized to sum 1; equal masses 1/n by default.

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or wrongly shaped arrays, negative weights, and as for `GaussianMixture`.

    Examples
    --------
    >>> from diracs import SumOfDiracs
    >>> diracs = SumOfDiracs([[0.0, 0.0], [1.0, 2.0]], [1, 3])
    >>> diracs.weights.tolist(), diracs.ndim
    ([0.25, 0.75], 2)
    >>> diracs[1:], diracs[1:].weights.tolist()
    (SumOfDiracs(1 point in dimension 2, mass 0.75), [0.75])
    """

    positions: Array
    weights: Array

    _leaves = ("positions", "weights")
    _static = ("_part",)
    # Whether these were picked from others, so that their masses need not sum to 1.
    _part = False

    def __init__(self, positions: Any, weights: Any = None) -> None:
        kind = common_framework(positions=positions, weights=weights)
        y = checks.floating("positions", positions, kind, companion(positions, weights), own=2)
        if y.ndim < 2:
            raise ValueError(f"positions must have shape (n, d), got {tuple(y.shape)}; for points on a line use (n, 1)")
        object.__setattr__(self, "positions", y)
        object.__setattr__(self, "weights", checks.weights("weights", weights, kind, y, tuple(y.shape[:-1])))

    @classmethod
    def _of(cls, positions: Array, weights: Array) -> SumOfDiracs:
        """Diracs whose masses are known to be good, not normalized once more."""
        new = object.__new__(cls)
        object.__setattr__(new, "positions", frozen(positions))
        object.__setattr__(new, "weights", frozen(weights))
        return new

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.positions.shape[-1]

    def __len__(self) -> int:
        return self.positions.shape[-2]

    def __getitem__(self, index: Any) -> SumOfDiracs:
        """Some of the points, of each sum of a batch, by a slice, a mask (n,), integers or one, with their masses."""
        chosen = index.detach().cpu() if hasattr(index, "detach") else index
        if isinstance(chosen, tuple):
            raise IndexError("diracs are indexed by points alone: take coordinates of diracs.positions")
        if not isinstance(chosen, slice):
            chosen = np.asarray(chosen, dtype=None if is_array(chosen) or np.size(chosen) else np.intp)
        which = np.atleast_1d(np.arange(len(self))[chosen])
        if which.ndim != 1:
            raise IndexError(f"diracs are indexed by one axis of points, got an index of shape {which.shape}")
        positions = take(self.positions, which, self.positions.ndim - 2)
        new = SumOfDiracs._of(positions, take(self.weights, which, self.weights.ndim - 1))
        object.__setattr__(new, "_part", True)
        return new

    @property
    def mean(self) -> Array:
        """The expectation (..., d); of a part, under its normalized masses."""
        return mean(whole(self).weights, self.positions)

    @property
    def cov(self) -> Array:
        """The covariance (..., d, d); of a part, under its normalized masses."""
        return covariance(whole(self).weights, self.positions)

    def sample(self, size: int, seed: int | np.random.Generator = 0) -> Array:
        """Independent draws (size, d) of the points in proportion to their masses.

        Parameters
        ----------
        size : int
        seed : int or numpy.random.Generator
            Equal seeds give equal draws; a generator goes on from where it is.

        Raises
        ------
        ValueError, TypeError
            For a batch, and for weights that are traced.

        Examples
        --------
        >>> from diracs import SumOfDiracs
        >>> SumOfDiracs([[0.0], [1.0]], [0, 1]).sample(3).tolist()
        [[1.0], [1.0], [1.0]]
        """
        which = drawn(self.weights, checks.count("size", size), generator(seed))
        return take(self.positions, which, 0)

    def __repr__(self) -> str:
        points = "point" if len(self) == 1 else "points"
        batch = f", batch {tuple(self.positions.shape[:-2])}" if self.positions.ndim > 2 else ""
        mass = ""
        if self._part and not batch and not is_traced(self.weights):
            mass = f", mass {float(concrete(self.weights).sum()):.4g}"
        return f"SumOfDiracs({len(self)} {points} in dimension {self.ndim}{batch}{mass})"


def whole(diracs: SumOfDiracs) -> SumOfDiracs:
    """The same with masses of sum 1: those of a part are taken as shares of theirs."""
    return SumOfDiracs(diracs.positions, diracs.weights) if diracs._part else diracs


@runtime_checkable
class HoldsDiracs(Protocol):
    """Diracs with the law that they stand for: a `Quantization`."""

    @property
    def diracs(self) -> SumOfDiracs: ...

    @property
    def distribution(self) -> Any: ...


def diracs_in(x: Any) -> SumOfDiracs | None:
    """A sum of Diracs, or that of a quantization; None for anything else."""
    return whole(x) if isinstance(x, SumOfDiracs) else x.diracs if isinstance(x, HoldsDiracs) else None


def as_diracs(diracs: Any) -> SumOfDiracs:
    """The same; raises TypeError for anything else."""
    found = diracs_in(diracs)
    if found is None:
        raise TypeError(
            f"diracs must be a SumOfDiracs or a Quantization, got {type(diracs).__name__}; points (n, d) are one as"
            " SumOfDiracs(points)"
        )
    return found
