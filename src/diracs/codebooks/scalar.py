"""Codebooks on one axis: levels with borders at the midpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, namespace, pytree, within_reach
from diracs.cells.intervals import voronoi_moments
from diracs.codebooks.moments import BlockMoments


@pytree
@dataclass(frozen=True, eq=False, init=False)
class ScalarCodebook:
    """Levels on one axis, in units of the scheme's scale; each point goes to the nearest level.

    Parameters
    ----------
    levels : array (n,)
        In any order; sorted when used.

    Raises
    ------
    ValueError, TypeError
        If the levels are not a non-empty one-dimensional array of finite numbers.

    Examples
    --------
    >>> from diracs import Gaussian, ProductScheme, ScalarCodebook, discretize
    >>> q = discretize(Gaussian(0.0, 1.0), ProductScheme([ScalarCodebook([-0.8, 0.8])]))
    >>> f"{q.w2:.4f}", q.weights.round(6).tolist()
    ('0.6028', [0.5, 0.5])
    """

    levels: Array

    _leaves = ("levels",)
    _static = ()
    ndim = 1

    def __init__(self, levels: Any) -> None:
        y = checks.floating("levels", levels, common_framework(levels=levels))
        if y.ndim != 1:
            raise ValueError(f"levels must have shape (n,), got {tuple(y.shape)}")
        object.__setattr__(self, "levels", y)

    @property
    def size(self) -> int:
        """Number of points."""
        return self.levels.shape[0]

    def points(self) -> Array:
        """The points in units of the scale, (n, 1)."""
        return namespace(self.levels).sort(self.levels)[:, None]

    def moments(self, mean: Array, variance: Array, scale: Array) -> BlockMoments:
        """Moments for Gaussians N(mean, variance) (k, 1) about the offset, under levels times scale (k, 1).

        `distortion` is exact for each Gaussian's marginal: docs/certificates.md, "Product schemes".
        """
        xp = namespace(mean, self.levels)
        y = within_reach(xp.sort(self.levels)[None, :] * scale)
        cells = voronoi_moments(y, mean, variance)
        distortion = xp.sum(cells.second, axis=-1, keepdims=True)
        # Σ slope = 0, so levels may be taken from the mean: no cancellation for far offsets.
        alignment = xp.sum((y - mean) * cells.slope, axis=-1, keepdims=True)
        positive = variance > 0
        deviation = xp.where(positive, xp.sqrt(xp.where(positive, variance, 1.0)), 0.0)
        return BlockMoments(cells.mass, distortion, alignment, deviation, xp.zeros_like(distortion))

    def __repr__(self) -> str:
        return f"ScalarCodebook({self.size} levels)"
