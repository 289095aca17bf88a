"""Cross codebooks (sigma points): ± radii on each axis of a block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy

from diracs.backend import checks
from diracs.backend.arrays import Array, asarray_like, common_framework, erfc, namespace, pytree, within_reach
from diracs.cells.intervals import density, voronoi_gaps
from diracs.codebooks.moments import BlockMoments

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# P(max |x_l| > 14) is below 1e-40 for a thousand axes.
_LIMIT = 14.0
_PIECES = 12


@pytree
@dataclass(frozen=True, eq=False, init=False)
class CrossCodebook:
    """The 2·J·ndim points ±p_j e_k, in units of the scheme's scales.

    A standard normal x goes to the axis k of its largest |x_l|, with its sign, and to the shell of M = max |x_l| whose
    radius is nearest: these are the Voronoi cells.

    Parameters
    ----------
    radii : array (J,)
        Positive, in any order.
    ndim : int
        Number of axes of the block.

    Raises
    ------
    ValueError, TypeError
        If the radii are not a non-empty one-dimensional array of positive numbers or ndim is not at least 1.

    Examples
    --------
    >>> from diracs import CrossCodebook
    >>> cross = CrossCodebook([2.0], 2)
    >>> cross.size, cross.points().astype(int).tolist()
    (4, [[2, 0], [-2, 0], [0, 2], [0, -2]])
    """

    radii: Array
    ndim: int

    _leaves = ("radii",)
    _static = ("ndim",)

    def __init__(self, radii: Any, ndim: int) -> None:
        p = checks.floating("radii", radii, common_framework(radii=radii))
        if p.ndim != 1:
            raise ValueError(f"radii must have shape (J,), got {tuple(p.shape)}")
        checks.all_positive("radii", p)
        object.__setattr__(self, "radii", p)
        object.__setattr__(self, "ndim", checks.count("ndim", ndim))

    @property
    def size(self) -> int:
        """Number of points."""
        return 2 * self.ndim * self.radii.shape[0]

    def points(self) -> Array:
        """The points in units of the scales, (size, ndim): shells from the inside, axes, then + and −."""
        xp = namespace(self.radii)
        signs = np.kron(np.eye(self.ndim), np.array([[1.0], [-1.0]]))
        p = xp.sort(self.radii)[:, None, None] * asarray_like(signs, self.radii)
        return xp.reshape(p, (self.size, self.ndim))

    def moments(self, mean: Array, variance: Array, scale: Array) -> BlockMoments:
        """Moments of the cross of Z ~ N(offset, diag(scale²)), for Gaussians with marginals (mean, variance) (k, ndim).

        Shells of M carry P(shell) and E[M; shell], one-dimensional integrals since P(M ≤ m) = (2Φ(m) − 1)^ndim; signs
        and axes are equally likely, whence E ξ_k q_k = scale_k Σ p_j E[M; j] / ndim (docs/certificates.md, "Crosses").
        """
        xp = namespace(mean, self.radii)
        p = xp.sort(self.radii)
        mass, moment = shell_moments(p, self.ndim)
        share = 1.0 / (2 * self.ndim)
        masses = xp.reshape(xp.broadcast_to(mass[:, None] * share, (p.shape[0], 2 * self.ndim)), (1, self.size))
        # In units of space: radii of cells without mass may be of any size.
        radii = within_reach(p * scale[..., None])
        gain = xp.sum(radii * moment, axis=-1) / self.ndim
        energy = xp.sum(radii * (radii * mass), axis=-1) / self.ndim
        zero = xp.zeros_like(mean)
        return BlockMoments(
            masses + zero[:, :1],
            scale * (scale - 2.0 * gain) + energy + zero,
            gain + zero,
            scale + zero,
            variance - scale * scale + mean * mean,
        )

    def __repr__(self) -> str:
        return f"CrossCodebook({self.radii.shape[0]} shells on {self.ndim} axes)"


def shell_moments(radii: Array, ndim: int | np.ndarray) -> tuple[Array, Array]:
    """P(shell) and E[M; shell], both (..., J), of M = max |x_l| over ndim standard normals; shells about the radii.

    By 16-point Gauss–Legendre on pieces of each shell: sums of positive terms. `ndim` may be an array (..., 1).
    """
    xp = namespace(radii)
    left, right = voronoi_gaps(radii)
    lo = xp.clip(radii - left, 0.0, _LIMIT)
    hi = xp.clip(radii + right, 0.0, _LIMIT)
    fractions = (np.arange(_PIECES)[:, None] + 0.5 * (1.0 + _NODES)) / _PIECES
    weights = np.broadcast_to(0.5 * _WEIGHTS / _PIECES, fractions.shape)
    u, w = (asarray_like(v.ravel(), radii) for v in (fractions, weights))
    x = lo[..., None] + (hi - lo)[..., None] * u
    many = ndim if isinstance(ndim, int) else ndim[..., None]
    f = maximum_density(x, many) * (hi - lo)[..., None] * w
    return xp.sum(f, axis=-1), xp.sum(f * x, axis=-1)


def maximum_density(x: Array, ndim: int | np.ndarray) -> Array:
    """Density 2 ndim φ(x) (2Φ(x) − 1)^(ndim − 1) of max |x_l|; the power by logarithms, against early underflow."""
    xp = namespace(x)
    tail = erfc(x * math.sqrt(0.5))
    inside = xp.where(tail < 1.0, tail, xp.zeros_like(tail))
    power = xp.where(tail < 1.0, xp.exp((ndim - 1) * xp.log1p(-inside)), (ndim == 1) * xp.ones_like(tail))
    return 2.0 * ndim * power * density(x)


@lru_cache(maxsize=256)
def optimal_crosses(ndims: tuple[int, ...], shells: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The best radii of crosses on standard normals, and the error that they take away from the variance ndim.

    Parameters
    ----------
    ndims : tuple of int
        Numbers of axes, one for each cross.
    shells : int
        The number of radii, the same for all.

    Returns
    -------
    radii : array (len(ndims), shells)
    reduction : array (len(ndims),)
        ndim − E|x − q(x)|².

    Notes
    -----
    The best radii are the optimal quantizer of M = max |x_l|, whose law is log-concave, so that p_j = E[M | shell] has
    one solution (Kieffer 1983) and the Hessian is positive definite: Newton, started from quantiles of M.
    """
    many = np.asarray(ndims)[:, None]
    quantiles = (np.arange(shells) + 0.5) / shells
    p = scipy.special.ndtri(0.5 + 0.5 * quantiles ** (1.0 / many))
    for _ in range(60):
        mass, moment = shell_moments(p, many)
        residual = p * mass - moment
        hessian = mass[:, :, None] * np.eye(shells)
        if shells > 1:
            pull = 0.25 * np.diff(p) * maximum_density(0.5 * (p[:, 1:] + p[:, :-1]), many)
            for j in range(shells - 1):
                hessian[:, j : j + 2, j : j + 2] -= pull[:, j, None, None]
        step = np.linalg.solve(hessian, residual[..., None])[..., 0]
        # Half the way at most to the neighbours and to zero keeps the radii sorted and positive.
        room = 0.5 * np.minimum(np.diff(p, prepend=0.0, axis=1), np.diff(p, append=np.inf, axis=1))
        step *= np.minimum(1.0, (room / np.maximum(np.abs(step), 1e-300)).min(axis=1, keepdims=True))
        p = p - step
        if np.abs(step).max() <= 1e-13:
            break
    mass, moment = shell_moments(p, many)
    return p, (2.0 * p * moment - p * p * mass).sum(axis=1)
