"""Densities that are constant on each pixel of a box: images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diracs import _checks
from diracs._arrays import Array, common_framework, concrete, is_traced, pytree, to_framework


@pytree
class PolynomialGrid:
    """The density that is constant on each pixel of a box, normalized to mass 1.

    Parameters
    ----------
    values : array (n₁, …, n_d)
        Non-negative, not all zero; axis 0 is the first coordinate, so that values[i, j] belongs to the pixel
        [i, i + 1] × [j, j + 1] in units of pixels. For a photograph with rows from top to bottom: `photo[::-1].T`.
    domain : array (2, d), optional
        The box, [[min, …], [max, …]]; [0, 1]^d by default.

    Attributes
    ----------
    values : array (n₁, …, n_d)
        The density, normalized.

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or negative values, all zeros, a box without volume, arrays of different frameworks.
    """

    values: Array
    _box: tuple[tuple[float, ...], tuple[float, ...]]

    _leaves = ("values",)
    _static = ("_box",)

    def __init__(self, values: Any, domain: Any = None) -> None:
        kind = common_framework(values=values)
        v = _checks.floating("values", values, kind)
        if v.ndim < 1:
            raise ValueError("values must have at least one axis")
        d = v.ndim
        box = (
            np.stack([np.zeros(d), np.ones(d)])
            if domain is None
            else concrete(_checks.floating("domain", domain, "numpy"))
        )
        if box.shape != (2, d):
            raise ValueError(f"domain must have shape (2, {d}), [[min, …], [max, …]], got {box.shape}")
        if not (box[1] > box[0]).all():
            raise ValueError(f"domain must have its minima below its maxima, got {box.tolist()}")
        if not is_traced(v):
            numbers = concrete(v)
            if (numbers < 0).any():
                raise ValueError(f"values must not be negative, smallest is {numbers.min():g}")
            if numbers.max() == 0:
                raise ValueError("values must not all be zero")
            # Divide by the maximum first: sums of values near 1e308 would overflow.
            v = v / to_framework(np.asarray(numbers.max()), kind, v)
        if not 1e-290 < float(np.prod(box[1] - box[0])) < 1e290:
            raise ValueError(f"domain must have a volume between 1e-290 and 1e290, got {box.tolist()}: change the unit")
        self._box = (tuple(box[0].tolist()), tuple(box[1].tolist()))
        volume = math.prod((box[1] - box[0]).tolist()) / math.prod(v.shape)
        self.values = v / (v.sum() * volume)

    @property
    def domain(self) -> np.ndarray:
        """The box (2, d), NumPy float64."""
        return np.array(self._box)

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.values.ndim

    @property
    def pixel_volume(self) -> float:
        """Volume of one pixel."""
        lower, upper = self._box
        return math.prod(u - low for u, low in zip(upper, lower, strict=True)) / math.prod(self.values.shape)

    def __repr__(self) -> str:
        return f"PolynomialGrid({' × '.join(str(n) for n in self.values.shape)} pixels)"
