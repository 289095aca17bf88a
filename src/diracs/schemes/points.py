"""Schemes of given points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, pytree


@pytree
@dataclass(frozen=True, eq=False, init=False)
class PointScheme:
    """Given points; every point of space goes to the nearest of them.

    Parameters
    ----------
    points : array (n, d)
        On the line, in the plane, in space, and for SumOfDiracs in any dimension, the certificate is exact; for
        mixtures in more dimensions it is nearly that of nearest points.

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or wrongly shaped arrays.

    Examples
    --------
    >>> from diracs import Gaussian, PointScheme, discretize
    >>> q = discretize(Gaussian([0.0, 0.0], 1.0), PointScheme([[-1.0, 0.0], [1.0, 0.0]]))
    >>> q.weights.round(6).tolist(), f"{q.w2:.3f}", q.exact
    ([0.5, 0.5], '1.185', True)
    """

    points: Array

    _leaves = ("points",)
    _static = ()

    def __init__(self, points: Any) -> None:
        y = checks.floating("points", points, common_framework(points=points))
        if y.ndim != 2:
            raise ValueError(f"points must have shape (n, d), on a line (n, 1), got {tuple(y.shape)}")
        object.__setattr__(self, "points", y)

    @property
    def size(self) -> int:
        """Number of points."""
        return self.points.shape[0]

    @property
    def ndim(self) -> int:
        """Dimension d of the space."""
        return self.points.shape[1]

    def arrays(self) -> list[Array]:
        """All arrays that the scheme holds."""
        return [self.points]

    def positions(self, ndim: int | None = None) -> Array:
        """The points, (n, d); ValueError if they are not of dimension `ndim`."""
        if ndim is not None and ndim != self.ndim:
            raise ValueError(f"the scheme lies in dimension {self.ndim}, but the distribution in dimension {ndim}")
        return self.points

    def __repr__(self) -> str:
        return f"PointScheme({self.size} points in dimension {self.ndim})"
