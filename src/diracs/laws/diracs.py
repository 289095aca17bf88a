"""Finite sums of Diracs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, companion, frozen, pytree


@pytree
@dataclass(frozen=True, eq=False, init=False)
class SumOfDiracs:
    """The measure Σ wᵢ δ(yᵢ).

    Arrays are copied: in a loop that moves points, make new Diracs of them in each step.

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
    """

    positions: Array
    weights: Array

    _leaves = ("positions", "weights")
    _static = ()

    def __init__(self, positions: Any, weights: Any = None) -> None:
        kind = common_framework(positions=positions, weights=weights)
        y = checks.floating("positions", positions, kind, companion(positions, weights))
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

    def __repr__(self) -> str:
        return f"SumOfDiracs({len(self)} points in dimension {self.ndim})"


@runtime_checkable
class HoldsDiracs(Protocol):
    """Diracs with the law that they stand for: a `Quantization`."""

    @property
    def diracs(self) -> SumOfDiracs: ...

    @property
    def distribution(self) -> Any: ...


def diracs_in(x: Any) -> SumOfDiracs | None:
    """A sum of Diracs, or that of a quantization; None for anything else."""
    return x if isinstance(x, SumOfDiracs) else x.diracs if isinstance(x, HoldsDiracs) else None


def as_diracs(diracs: Any) -> SumOfDiracs:
    """The same; raises TypeError for anything else."""
    found = diracs_in(diracs)
    if found is None:
        raise TypeError(
            f"diracs must be a SumOfDiracs or a Quantization, got {type(diracs).__name__}; points (n, d) are one as"
            " SumOfDiracs(points)"
        )
    return found
