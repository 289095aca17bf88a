"""Regions of space that questions are asked about: half-spaces, balls, polytopes, and what lies outside of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, companion, concrete, map_arrays, pytree, to_framework
from diracs.backend.decimals import brief

# No double has a larger exponent of two.
_LARGEST = 1100


class Region(Protocol):
    """What every region knows of itself."""

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the boundary, positive inside, and a bound on their rounding.

        Outside they may be nearer to zero than that.
        """


@pytree
@dataclass(frozen=True, eq=False, init=False)
class HalfSpace:
    """The points x with normal · x ≤ offset.

    Parameters
    ----------
    normal : array (d,)
        Not zero; of any length.
    offset : number

    Raises
    ------
    ValueError, TypeError
        If the normal is not a finite vector other than zero, or the offset not a finite number.

    Examples
    --------
    >>> from diracs import Gaussian, HalfSpace, probability_bounds
    >>> low, high = probability_bounds(Gaussian([0.0, 0.0], 1.0), 0.0, HalfSpace([1.0, 0.0], 1.0))
    >>> f"{low:.3f} {high:.3f}"  # P(x₀ ≤ 1)
    '0.841 0.841'
    """

    normal: Array
    offset: Array

    _leaves = ("normal", "offset")
    _static = ()

    def __init__(self, normal: Any, offset: Any) -> None:
        kind = common_framework(normal=normal, offset=offset)
        a = checks.floating("normal", normal, kind, companion(normal, offset))
        if a.ndim != 1 or not concrete(a).any():
            raise ValueError(f"normal must be a vector other than zero, got shape {tuple(a.shape)}")
        object.__setattr__(self, "normal", a)
        object.__setattr__(self, "offset", _number("offset", offset, kind, a))

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.normal.shape[0]

    def __repr__(self) -> str:
        return f"HalfSpace({brief(self.normal)} · x ≤ {brief(self.offset)})"

    def faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Normals (1, d) and offsets (1,)."""
        return concrete(self.normal)[None], concrete(self.offset)[None]

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the boundary, positive inside, and a bound on their rounding."""
        normal, offset = concrete(self.normal), float(concrete(self.offset))
        n, (b, e) = np.ldexp(normal, -_exponent(normal)), math.frexp(offset)
        e -= _exponent(normal)
        # In a unit that holds all numbers; b/|n| itself may overflow.
        unit = max(_exponent(points), e) if offset else _exponent(points)
        x, b = np.ldexp(points, -unit), math.ldexp(b, e - unit)
        length = float(np.linalg.norm(n))
        sizes = np.abs(x) @ np.abs(n) + abs(b)
        return _in_unit((b - x @ n) / length, 4e-16 * (len(n) + 4) * sizes / length, unit)


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Ball:
    """The points x with |x − center| ≤ radius.

    Parameters
    ----------
    center : array (d,)
    radius : number
        Positive.

    Raises
    ------
    ValueError, TypeError
        If the center is not a finite vector, or the radius not a positive number.

    Examples
    --------
    >>> from diracs import Ball, SumOfDiracs, probability, quantize
    >>> points = quantize(SumOfDiracs([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]), 3)
    >>> f"{probability(points, Ball([0.0, 0.0], 5.5)).value:.3f}"
    '0.667'
    """

    center: Array
    radius: Array

    _leaves = ("center", "radius")
    _static = ()

    def __init__(self, center: Any, radius: Any) -> None:
        kind = common_framework(center=center, radius=radius)
        c = checks.floating("center", center, kind, companion(center, radius))
        if c.ndim != 1:
            raise ValueError(f"center must be a vector, got shape {tuple(c.shape)}")
        r = _number("radius", radius, kind, c)
        checks.all_positive("radius", r)
        object.__setattr__(self, "center", c)
        object.__setattr__(self, "radius", r)

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.center.shape[0]

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the boundary, positive inside, and a bound on their rounding."""
        center, radius = concrete(self.center), float(concrete(self.radius))
        unit = max(_exponent(points), _exponent(center), math.frexp(radius)[1])
        x, c, r = np.ldexp(points, -unit), np.ldexp(center, -unit), math.ldexp(radius, -unit)
        sizes = np.linalg.norm(x, axis=1) + np.linalg.norm(c) + r
        return _in_unit(r - np.linalg.norm(x - c, axis=1), 4e-16 * (len(c) + 4) * sizes, unit)

    def __repr__(self) -> str:
        return f"Ball(center {brief(self.center)}, radius {brief(self.radius)})"


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Polytope:
    """The points x with H x ≤ h: an intersection of half-spaces, bounded or not.

    Parameters
    ----------
    H : array (m, d)
        No row is zero.
    h : array (m,)

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, rows of zeros, entries that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import Polytope
    >>> Polytope.box([0.0, 0.0], [2.0, 1.0]).depth(np.array([[0.5, 0.4], [3.0, 0.4]]))[0].tolist()
    [0.4, -1.0]
    """

    H: Array
    h: Array

    _leaves = ("H", "h")
    _static = ()

    def __init__(self, H: Any, h: Any) -> None:
        kind = common_framework(H=H, h=h)
        matrix = checks.floating("H", H, kind, companion(H, h))
        if matrix.ndim != 2 or not concrete(matrix).any(axis=1).all():
            raise ValueError(f"H must be a matrix, one row other than zero each face, got shape {tuple(matrix.shape)}")
        offsets = checks.floating("h", h, kind, matrix)
        if tuple(offsets.shape) != (matrix.shape[0],):
            raise ValueError(f"h must have shape {(matrix.shape[0],)} to go with H, got {tuple(offsets.shape)}")
        object.__setattr__(self, "H", matrix)
        object.__setattr__(self, "h", offsets)

    @classmethod
    def box(cls, low: Any, high: Any) -> Polytope:
        """The box low ≤ x ≤ high, with corners (d,)."""
        kind = common_framework(low=low, high=high)
        a = checks.floating("low", low, kind, companion(low, high))
        b = checks.floating("high", high, kind, a)
        if a.ndim != 1 or tuple(b.shape) != tuple(a.shape) or (concrete(a) > concrete(b)).any():
            raise ValueError("low and high must be vectors of one shape, with low ≤ high in every coordinate")
        eye = np.eye(a.shape[0])
        found = cls(np.concatenate([eye, -eye]), np.concatenate([concrete(b), -concrete(a)]))
        return found if kind == "numpy" else map_arrays(found, lambda x: to_framework(x, kind, a))

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.H.shape[1]

    def faces(self) -> tuple[np.ndarray, np.ndarray]:
        """Normals (m, d) and offsets (m,)."""
        return concrete(self.H), concrete(self.h)

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the nearest face, and a bound on their rounding.

        Outside of the polytope the largest distance to the plane of a face that is violated, which is no more than the
        distance to the polytope.
        """
        found = [HalfSpace(n, b).depth(points) for n, b in zip(*self.faces())]
        return np.min([x for x, _ in found], axis=0), np.max([e for _, e in found], axis=0)

    def __repr__(self) -> str:
        return f"Polytope({self.H.shape[0]} faces in dimension {self.ndim})"


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Complement:
    """The points outside of a region: what is safe where the region is an obstacle.

    Parameters
    ----------
    region : HalfSpace, Ball or Polytope
        The boundary counts on the side that is worse for the bound.

    Raises
    ------
    TypeError
        If the region is none.

    Examples
    --------
    >>> from diracs import Ball, Complement, Gaussian, probability_bounds
    >>> obstacle = Ball([3.0, 0.0], 1.0)
    >>> f"{probability_bounds(Gaussian([0.0, 0.0], 0.1), 0.01, Complement(obstacle)).low:.4f}"
    '0.9998'
    """

    region: Any

    _leaves = ("region",)
    _static = ()

    def __init__(self, region: Region) -> None:
        if not hasattr(region, "depth"):
            raise TypeError(f"region must be a region such as a Ball or a Polytope, got {type(region).__name__}")
        object.__setattr__(self, "region", region)

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return int(self.region.ndim)

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances (n,) of points (n, d) to the boundary, positive outside of the region, and their rounding.

        Of a polytope no more than the distance, as its own `depth`.
        """
        depth, rounding = self.region.depth(points)
        return -depth, rounding

    def __repr__(self) -> str:
        return f"Complement({self.region})"


def _exponent(x: np.ndarray) -> int:
    """The power of two just above all entries; far below any double if they are zero."""
    top = float(np.abs(x).max())
    return math.frexp(top)[1] if top > 0 else -_LARGEST


def _in_unit(depth: np.ndarray, rounding: np.ndarray, unit: int) -> tuple[np.ndarray, np.ndarray]:
    """Times 2^unit; infinite depths stay larger than their rounding."""
    with np.errstate(over="ignore"):
        return np.ldexp(depth, unit), np.minimum(np.ldexp(rounding, unit), np.finfo(np.float64).max)


def _number(name: str, x: Any, kind: str, like: Array) -> Array:
    value = checks.floating(name, x, kind, like)
    if value.ndim:
        raise ValueError(f"{name} must be a number, got shape {tuple(value.shape)}")
    return value
