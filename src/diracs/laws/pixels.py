"""Densities that are constant on each pixel of a box: images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    common_framework,
    concrete,
    framework,
    frozen,
    is_traced,
    nan_unless,
    pytree,
    to_framework,
)
from diracs.laws.histogram import Histogram, checked_histogram, evenly_spaced
from diracs.laws.shown import Drawn

# Histograms have so many axes at most.
MOST_AXES = 8
# Three or four slices of a volume as wide as this are rarer than the channels of a picture.
_PICTURE = 32


@pytree
class PolynomialGrid(Drawn):
    """The density that is constant on each pixel of a box, a polynomial of degree 0 there, normalized to mass 1.

    Parameters
    ----------
    values : array (n₁, …, n_d)
        Non-negative, not all zero; axis 0 is the first coordinate, so that values[i, j] belongs to the pixel
        [i, i + 1] × [j, j + 1] in units of pixels. For a photograph with rows from top to bottom: `photo[::-1].T`.
        A mask of True and False counts as 1 and 0.
    domain : array (2, d), optional
        The box, [[min, …], [max, …]]; [0, 1]^d by default, but for what has the shape of a colour picture.
    periodic : bool or tuple of d bools
        Along which axes space repeats with the sides of the box (all or none, if one bool): transport is then that on a
        circle, or a torus.

    Attributes
    ----------
    values : array (n₁, …, n_d)
        The density, normalized.
    periodic : tuple of d bools

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or negative values, all zeros, a box without volume; for masked or missing entries and
        dtypes of half precision; for arrays like colour pictures without a `domain`.

    Examples
    --------
    >>> from diracs import PolynomialGrid
    >>> law = PolynomialGrid([[1.0, 3.0]], domain=[[0, 0], [1, 4]])
    >>> law.values.tolist()  # on [0, 1] × [0, 2] and [0, 1] × [2, 4]
    [[0.125, 0.375]]
    """

    values: Array
    periodic: tuple[bool, ...]
    _box: tuple[tuple[float, ...], tuple[float, ...]]

    _leaves = ("values",)
    _static = ("_box", "periodic")

    def __init__(self, values: Any, domain: Any = None, periodic: Any = False) -> None:
        kind = common_framework(values=values)
        v = checks.floating("values", values, kind, truths=True)
        if v.ndim < 1:
            raise ValueError("values must have at least one axis")
        d = v.ndim
        if domain is None:
            _refuse_colours(tuple(v.shape))
            box = np.stack([np.zeros(d), np.ones(d)])
        else:
            box = concrete(checks.floating("domain", domain, framework(domain)))
        if box.shape != (2, d):
            raise ValueError(f"domain must have shape (2, {d}), [[min, …], [max, …]], got {box.shape}")
        if not (box[1] > box[0]).all():
            raise ValueError(f"domain must have its minima below its maxima, got {box.tolist()}")
        if is_traced(v):
            v = nan_unless(v >= 0, v)
        else:
            numbers = concrete(v)
            if (numbers < 0).any():
                raise ValueError(f"values must not be negative, smallest is {numbers.min():g}")
            if numbers.max() == 0:
                raise ValueError("values must not all be zero")
            # Divide by the maximum first: sums of values near 1e308 would overflow.
            v = v / to_framework(np.asarray(numbers.max()), kind, v)
        if not 1e-290 < float(np.prod(box[1] - box[0])) < 1e290:
            raise ValueError(f"domain must have a volume between 1e-290 and 1e290, got {box.tolist()}: change the unit")
        self.periodic = periodic_axes(periodic, d)
        self._box = (tuple(box[0].tolist()), tuple(box[1].tolist()))
        volume = math.prod((box[1] - box[0]).tolist()) / math.prod(v.shape)
        self.values = frozen(v / (v.sum() * volume))

    @classmethod
    def from_histogram(cls, counts: Any, edges: Any) -> PolynomialGrid | Histogram:
        """The law of a histogram, uniform on each bin: what `numpy.histogramdd` returns.

        Parameters
        ----------
        counts : array (n₁, …, n_d)
            Masses of the bins in any unit: counts, or weights.
        edges : sequence of d arrays (n_k + 1,)
            For one axis also the array alone, as `numpy.histogram` has it.

        Returns
        -------
        PolynomialGrid or Histogram
            The latter where bins are not of one width: then it is quantized as it is, but is no target of transport.

        Raises
        ------
        ValueError, TypeError
            For negative or non-finite counts, all zeros, edges that do not go with them or do not increase.

        Examples
        --------
        >>> from diracs import PolynomialGrid
        >>> import numpy as np
        >>> PolynomialGrid.from_histogram(*np.histogramdd(np.eye(4), bins=2))
        PolynomialGrid(2 × 2 × 2 × 2 pixels)
        >>> PolynomialGrid.from_histogram([1, 3], [0.0, 1.0, 10.0])
        Histogram(2 bins)
        """
        held, places = checked_histogram(counts, edges)
        if not evenly_spaced(places):
            return Histogram(held, places)
        return cls(held, [[edge[0] for edge in places], [edge[-1] for edge in places]])

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
        sizes = " × ".join(str(n) for n in self.values.shape)
        return f"PolynomialGrid({sizes} pixels{', periodic' if any(self.periodic) else ''})"


def periodic_axes(periodic: Any, d: int) -> tuple[bool, ...]:
    """One bool for each of d axes, from one for all or one for each."""
    if isinstance(periodic, bool | np.bool_):
        return (bool(periodic),) * d
    flags = tuple(periodic) if isinstance(periodic, list | tuple | np.ndarray) else ()
    if len(flags) != d or not all(isinstance(flag, bool | np.bool_) for flag in flags):
        raise ValueError(f"periodic must be True, False or {d} of these, one per axis, got {periodic!r}")
    return tuple(map(bool, flags))


def _refuse_colours(shape: tuple[int, ...]) -> None:
    """Raise for rows × columns × channels, or, as PyTorch has them, channels × rows × columns."""
    if len(shape) != 3:
        return
    if shape[2] in (3, 4) and min(shape[:2]) > shape[2]:
        grey = f"values[..., :3] @ [0.2126, 0.7152, 0.0722]{', times its opacity' if shape[2] == 4 else ''}"
    elif shape[0] in (3, 4) and min(shape[1:]) >= _PICTURE:
        grey = "values[:3].mean(0)"
    else:
        return
    box = "[[0, 0, 0], [1, 1, 1]]"
    raise ValueError(
        f"values of shape {shape} look like a colour picture: make it grey first, such as {grey};"
        f" if it is a volume in space, say so with domain={box}"
    )
