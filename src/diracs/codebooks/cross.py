"""Cross codebooks (sigma points): ± radii on each axis of a block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from diracs import _checks
from diracs._arrays import Array, asarray_like, common_framework, erfc, namespace, pytree
from diracs.cells.product import density, voronoi_gaps
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
    """

    radii: Array
    ndim: int

    _leaves = ("radii",)
    _static = ("ndim",)

    def __init__(self, radii: Any, ndim: int) -> None:
        p = _checks.floating("radii", radii, common_framework(radii=radii))
        if p.ndim != 1:
            raise ValueError(f"radii must have shape (J,), got {tuple(p.shape)}")
        _checks.all_positive("radii", p)
        object.__setattr__(self, "radii", p)
        object.__setattr__(self, "ndim", _checks.count("ndim", ndim))

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
        and axes are equally likely, whence E ξ_k q_k = scale_k Σ p_j E[M; j] / ndim (design, "Cross codebook").
        """
        xp = namespace(mean, self.radii)
        p = xp.sort(self.radii)
        mass, moment = shell_moments(p, self.ndim)
        share = 1.0 / (2 * self.ndim)
        masses = xp.reshape(xp.broadcast_to(mass[:, None] * share, (p.shape[0], 2 * self.ndim)), (1, self.size))
        gain = xp.sum(p * moment) / self.ndim
        energy = xp.sum(p * p * mass) / self.ndim
        zero = xp.zeros_like(mean)
        return BlockMoments(
            masses + zero[:, :1],
            scale * scale * (1.0 - 2.0 * gain + energy) + zero,
            scale * gain + zero,
            scale + zero,
            variance - scale * scale + mean * mean,
        )

    def __repr__(self) -> str:
        return f"CrossCodebook({self.radii.shape[0]} shells on {self.ndim} axes)"


def shell_moments(radii: Array, ndim: int) -> tuple[Array, Array]:
    """P(shell) and E[M; shell], both (J,), of M = max |x_l| over ndim standard normals, shells nearest to the radii.

    By 16-point Gauss–Legendre on pieces of each shell: sums of positive terms.
    """
    xp = namespace(radii)
    left, right = voronoi_gaps(radii)
    lo = xp.clip(radii - left, 0.0, _LIMIT)
    hi = xp.clip(radii + right, 0.0, _LIMIT)
    fractions = (np.arange(_PIECES)[:, None] + 0.5 * (1.0 + _NODES)) / _PIECES
    weights = np.broadcast_to(0.5 * _WEIGHTS / _PIECES, fractions.shape)
    u, w = (asarray_like(v.ravel(), radii) for v in (fractions, weights))
    x = lo[:, None] + (hi - lo)[:, None] * u
    # Density of M: ndim (2Φ − 1)^(ndim − 1) 2φ, the power by logarithms so that a thousand axes do not underflow early.
    tail = erfc(x * math.sqrt(0.5))
    power = xp.exp((ndim - 1) * xp.log1p(-xp.where(tail < 1.0, tail, 0.0))) if ndim > 1 else xp.ones_like(x)
    f = 2.0 * ndim * xp.where(tail < 1.0, power, 1.0 if ndim == 1 else 0.0) * density(x) * (hi - lo)[:, None] * w
    return xp.sum(f, axis=-1), xp.sum(f * x, axis=-1)


@lru_cache(maxsize=4096)
def optimal_cross(ndim: int, shells: int = 1) -> tuple[tuple[float, ...], float]:
    """The best radii of a cross on standard normals, and the error Σ p²P that it takes away from the variance ndim.

    Best radii are the optimal quantizer of M = max |x_l|, whose law is log-concave, so the fixed point p_j = E[M | shell]
    is unique (Kieffer 1983).
    """
    typical = math.sqrt(2.0 * math.log(max(2 * ndim, 3)))
    p = np.linspace(0.4, 1.6, 2 * shells + 1)[1::2] * typical if shells > 1 else np.array([typical])
    for _ in range(2000):
        mass, moment = shell_moments(p, ndim)
        new = moment / mass
        if np.abs(new - p).max() <= 1e-14 * new.max():
            break
        p = new
    mass, moment = shell_moments(new, ndim)
    return tuple(float(v) for v in new), float(2.0 * (new * moment).sum() - (new * new * mass).sum())
