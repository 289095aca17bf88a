"""Dynamics: affine maps, vectorized callables, and their Lipschitz constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    common_framework,
    companion,
    concrete,
    constant,
    framework,
    frozen,
    is_array,
    namespace,
    pytree,
    to_framework,
)
from diracs.backend.numbers import real_numbers

# A bound on the slope on balls: centers (n, d) and radii (n,) give numbers (n,); radius inf asks for the whole space.
SlopeOnBalls = Callable[[Array, Array], Array]


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Affine:
    """The map x ↦ A x + b.

    Parameters
    ----------
    A : array (m, d)
    b : array (m,), optional
        Zero by default.

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, non-finite entries, arrays of different frameworks.

    Examples
    --------
    >>> from diracs import Affine, Gaussian, propagate
    >>> turn = Affine([[0.0, -1.0], [1.0, 0.0]], [1.0, 0.0])
    >>> propagate(Gaussian([2.0, 0.0], 0.1), turn, None, 1).states[-1].means.tolist()
    [[1.0, 2.0]]
    """

    A: Array
    b: Array

    _leaves = ("A", "b")
    _static = ()

    def __init__(self, A: Any, b: Any = None) -> None:
        kind = common_framework(A=A, b=b)
        matrix = checks.floating("A", A, kind, companion(A, b))
        if matrix.ndim != 2:
            raise ValueError(f"A must be a matrix, got shape {tuple(matrix.shape)}")
        offset = frozen(matrix[:, 0] * 0.0) if b is None else checks.floating("b", b, kind, matrix)
        if tuple(offset.shape) != (matrix.shape[0],):
            raise ValueError(f"b must have shape {(matrix.shape[0],)} to go with A, got {tuple(offset.shape)}")
        object.__setattr__(self, "A", matrix)
        object.__setattr__(self, "b", offset)

    def __call__(self, x: Array) -> Array:
        """Images (n, m) of points (n, d)."""
        x, matrix, offset = constant(x, self.A), constant(self.A, x), constant(self.b, x)
        xp = namespace(x, matrix)
        return xp.matmul(x, xp.matrix_transpose(matrix)) + offset

    def __repr__(self) -> str:
        m, d = self.A.shape
        return f"Affine(dimension {d} to {m})"


def images(dynamics: Callable[[Array], Array], points: np.ndarray, like: Array) -> tuple[np.ndarray, float]:
    """Images (n, m) of points (n, d) in NumPy, and by how much (root mean square) the points were rounded before.

    Affine maps are computed in NumPy, callables in the framework, dtype and device of `like`.

    Raises
    ------
    TypeError, ValueError
        If the dynamics return anything but a finite real array of n rows.
    """
    if isinstance(dynamics, Affine):
        return points @ concrete(dynamics.A).T + concrete(dynamics.b), 0.0
    given = to_framework(points, framework(like), like)
    out = dynamics(given)
    if not is_array(out):
        raise TypeError(f"dynamics must return an array of shape (n, d), got {type(out).__name__}")
    out = real_numbers("what dynamics returns", out)
    if out.ndim != 2 or out.shape[0] != len(points) or out.shape[1] == 0:
        raise ValueError(
            f"dynamics must map points of shape {points.shape} to as many points, one row each,"
            f" got shape {tuple(out.shape)}: vectorize it over the first axis"
        )
    values = concrete(out)
    if not np.isfinite(values).all():
        raise ValueError("dynamics returned NaN or infinity: check it at the points of the last state")
    moved = concrete(given) - points
    return values, float(np.sqrt((moved**2).sum(axis=1).max()))


def norm(matrix: np.ndarray) -> float:
    """The spectral norm, not rounded down."""
    return float(np.linalg.norm(matrix, 2)) * (1.0 + 1e-13)


def global_slope(lipschitz: float | SlopeOnBalls, center: np.ndarray, like: Array) -> float:
    """The Lipschitz constant on the whole space: the number itself, or what the callable says of an infinite ball."""
    if not callable(lipschitz):
        return float(lipschitz)
    return float(local_slopes(lipschitz, center[None], np.array([np.inf]), like)[0])


def local_slopes(lipschitz: SlopeOnBalls, centers: np.ndarray, radii: np.ndarray, like: Array) -> np.ndarray:
    """What a callable says of the slopes on balls with centers (n, d) and radii (n,).

    Raises
    ------
    ValueError
        If that is not one number for each ball, finite and not negative.
    """
    kind = framework(like)
    found = lipschitz(to_framework(centers, kind, like), to_framework(radii, kind, like))
    values = concrete(np.asarray(found) if not is_array(found) else found)
    if values.shape not in ((), (len(centers),)):
        raise ValueError(f"lipschitz must give one number for each of {len(centers)} balls, got shape {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("lipschitz must give finite numbers that are not negative, also for the radius inf")
    return np.broadcast_to(values, (len(centers),))
