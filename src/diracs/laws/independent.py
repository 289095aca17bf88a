"""Affine images of independent univariate laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, companion, concrete, pytree, to_framework
from diracs.laws.coordinates import as_univariate
from diracs.laws.shown import Drawn
from diracs.laws.univariate.law import Univariate


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Independent(Drawn):
    """The law of x = matrix @ z + offset, the coordinates z_k independent.

    Parameters
    ----------
    laws : sequence of r univariate laws
        Frozen laws of `scipy.stats`, `torch.distributions` without batch shape, Gaussians on the line.
    matrix : array (d, r), optional
        The identity by default; of any rank.
    offset : array (d,), optional
        Zero by default.

    Attributes
    ----------
    laws : tuple of Univariate
    matrix : array (d, r)
    offset : array (d,)

    Raises
    ------
    ValueError, TypeError
        For no laws, laws that are not univariate or have no variance, arrays of wrong shape or not finite.

    Examples
    --------
    >>> import diracs, scipy
    >>> law = diracs.Independent([scipy.stats.uniform(0, 1), scipy.stats.uniform(0, 2)])
    >>> q = diracs.quantize(law, 2, scheme="grid")
    >>> q.positions.tolist(), round(float(q.w2) ** 2 * 12, 6)
    ([[0.5, 0.5], [0.5, 1.5]], 2.0)
    """

    laws: tuple[Univariate, ...]
    matrix: Array
    offset: Array

    _leaves = ("matrix", "offset")
    _static = ("laws",)

    def __init__(self, laws: Sequence[Any], matrix: Any = None, offset: Any = None) -> None:
        if not isinstance(laws, Sequence) or isinstance(laws, str) or not len(laws):
            raise TypeError(f"laws must be a list of univariate laws, one or more, got {type(laws).__name__}")
        z = tuple(as_univariate(law, f"laws[{k}]") for k, law in enumerate(laws))
        kind = common_framework(matrix=matrix, offset=offset)
        like = companion(matrix, offset)
        if matrix is None:
            rows = len(z)
            m = to_framework(np.eye(rows), kind, like)
        else:
            m = checks.floating("matrix", matrix, kind, like)
            if m.ndim != 2 or m.shape[1] != len(z):
                raise ValueError(f"matrix must have shape (d, {len(z)}), a column for each law, got {tuple(m.shape)}")
        b = (
            to_framework(np.zeros(m.shape[0]), kind, m)
            if offset is None
            else checks.floating("offset", offset, kind, m)
        )
        if tuple(b.shape) != (m.shape[0],):
            raise ValueError(f"offset must have shape ({m.shape[0]},), got {tuple(b.shape)}")
        object.__setattr__(self, "laws", z)
        object.__setattr__(self, "matrix", m)
        object.__setattr__(self, "offset", b)

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.matrix.shape[0]

    @property
    def mean(self) -> np.ndarray:
        """(d,), NumPy float64."""
        return concrete(self.offset) + concrete(self.matrix) @ np.array([law.mean for law in self.laws])

    @property
    def root(self) -> np.ndarray:
        """(d, r), whose product with its transpose is the covariance."""
        return concrete(self.matrix) * np.sqrt([law.variance for law in self.laws])

    @property
    def covariance(self) -> np.ndarray:
        """(d, d), NumPy float64."""
        return self.root @ self.root.T

    def __repr__(self) -> str:
        return f"Independent({len(self.laws)} laws in dimension {self.ndim})"
