"""Interval dual numbers: arrays of values and of their derivatives, both enclosed, over many boxes at once.

A `Dual` looks like the array of one point to the function that computes with it. Boxes and derivatives are axes that
the function does not see; they come last, so that indices, shapes and broadcasting mean what they say: for the visible
shape s, k boxes and d coordinates the values are (*s, k) and the derivatives (*s, d, k). With d = 0 values alone are
computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from diracs.backend.arrays import concrete, is_array
from diracs.intervals.arithmetic import Interval, point
from diracs.intervals.errors import not_understood

D = TypeVar("D", bound="Dual")
Rearrangement = Callable[[np.ndarray], Any]


class Dual:
    """Enclosures of the entries of an array and of their derivatives in the coordinates of the boxes.

    Parameters
    ----------
    value : Interval, arrays (*shape, k)
    slope : Interval, arrays (*shape, d, k)
        Writeable, and nobody else's: the function may write into its arrays.
    """

    # Above NumPy's arrays, which else take our operators for theirs, entry by entry.
    __array_priority__ = 1000.0

    def __init__(self, value: Interval, slope: Interval) -> None:
        self.value = value
        self.slope = slope
        # Whether choices by comparisons are promised not to jump.
        self.continuous = False
        # True once entries have been given to an array that would not see them change; one list for all views.
        self._frozen = [False]

    @classmethod
    def of_boxes(cls: type[D], boxes: np.ndarray, derivatives: bool, continuous: bool = False) -> D:
        """The coordinates of one point in each of the boxes (k, 2, d): shape (1, d), derivatives the unit matrix."""
        k, _, d = boxes.shape
        low, high = (np.array(boxes[:, side].T, order="C")[None] for side in (0, 1))
        unit = np.zeros((1, d, d, k)) + np.eye(d)[None, :, :, None]
        if not derivatives:
            unit = unit[:, :, :0]
        out = cls(Interval(low, high), Interval(unit, unit.copy()))
        out.continuous = continuous
        return out

    def like(self: D, value: Interval, slope: Interval) -> D:
        """Another array of the same function."""
        out = type(self)(value, slope)
        out.continuous = self.continuous
        return out

    def promised(self: D, continuous: bool) -> D:
        """The same entries, with or without the promise."""
        out = self.like(self.value, self.slope)
        out.continuous = continuous
        return out

    def fixed(self: D, x: Any) -> D:
        """Constants as an array of the same function."""
        low, high = point(x)
        d, k = self.slope.low.shape[-2:]
        shape = low.shape
        full = Interval(*(np.repeat(a[..., None], k, -1) for a in (low, high)))
        return self.like(full, Interval(np.zeros((*shape, d, k)), np.zeros((*shape, d, k))))

    def constant(self: D, x: Any) -> D:
        """The same with axes of length one, for operations that broadcast."""
        value = point(x)
        zero = np.zeros((*value.low.shape, 1, 1))
        low = value.low[..., None]
        return self.like(Interval(low, low if value.low is value.high else value.high[..., None]), Interval(zero, zero))

    @property
    def is_constant(self) -> bool:
        """Of what `constant` has made: both ends of the slope are one array."""
        return self.slope.low is self.slope.high

    @property
    def shape(self) -> Any:
        return self.value.low.shape[:-1]

    @property
    def ndim(self) -> int:
        return len(self.value.low.shape) - 1

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of an array without axes")
        return int(self.value.low.shape[0])

    def __iter__(self: D) -> Iterator[D]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self: D, key: Any) -> D:
        key = self._key(key)
        out = self.like(*(Interval(a.low[key], a.high[key]) for a in (self.value, self.slope)))
        out._frozen = self._frozen
        return out

    def __setitem__(self, key: Any, x: Any) -> None:
        key = self._key(key)
        new = x if isinstance(x, Dual) else self.fixed(constant(x))
        self._may_be_written()
        for to, source in ((self.value, new.value), (self.slope, new.slope)):
            low, high = source.low.copy(), source.high.copy()
            to.low[key], to.high[key] = low, high

    def _key(self, key: Any) -> Any:
        parts = list(key) if isinstance(key, tuple) else [key]
        for n, part in enumerate(parts):
            if isinstance(part, Dual):
                raise not_understood("an index that depends on the point")
            if is_array(part):
                parts[n] = concrete(part)
        if any(part is Ellipsis for part in parts):
            # The axes behind are not meant.
            at = next(n for n, part in enumerate(parts) if part is Ellipsis)
            used = sum(np.ndim(p) if _is_mask(p) else p is not None and p is not Ellipsis for p in parts)
            parts[at : at + 1] = [slice(None)] * (self.ndim - used)
        return tuple(parts)

    def _may_be_written(self) -> None:
        if self._frozen[0]:
            raise not_understood("writing into an array that shares its entries with another", "write into a copy")

    def copy(self: D) -> D:
        return self.like(*(Interval(a.low.copy(), a.high.copy()) for a in (self.value, self.slope)))

    def reshaped(self: D, shape: tuple[int, ...]) -> D:
        """A view where NumPy's would be one."""
        if -1 in shape:
            shape = np.broadcast_to(0.0, self.shape).reshape(shape).shape
        return self._each(lambda a: a.reshape(shape + a.shape[self.ndim :]))

    def transposed(self: D, axes: Sequence[int]) -> D:
        return self._each(lambda a: a.transpose(*axes, *range(self.ndim, a.ndim)))

    def broadcast(self: D, shape: tuple[int, ...]) -> D:
        """A copy of the shape."""
        lead = (1,) * (len(shape) - self.ndim)
        return self._each(lambda a: np.broadcast_to(a.reshape(lead + a.shape), shape + a.shape[self.ndim :]).copy())

    def _each(self: D, f: Rearrangement) -> D:
        out = self.like(*(Interval(f(a.low), f(a.high)) for a in (self.value, self.slope)))
        out._frozen = self._frozen
        return out

    # Conversions would lose the derivatives; they come from functions that intervals do not reach.

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise not_understood(
            "a conversion of points to another array (np.asarray, writing into np.empty or np.zeros)",
            "write into np.zeros_like(x), or join columns with np.stack",
        )

    def __float__(self) -> float:
        raise not_understood("a conversion to a number (math.sin, float)", "use the functions of NumPy")

    __int__ = __complex__ = __index__ = __float__

    def __bool__(self) -> bool:
        raise not_understood("a branch on a number that depends on the point", "use np.where")

    __hash__ = None  # type: ignore[assignment]


def constant(x: Any) -> np.ndarray:
    """Numbers and arrays that do not depend on the point, in NumPy."""
    a = concrete(x) if is_array(x) else np.asarray(x)
    if a.dtype.kind not in "biuf":
        raise not_understood(f"a constant of type {type(x).__name__} ({a.dtype})")
    return a.astype(np.float64)


def rearranged(parts: Sequence[Any], f: Callable[..., Any], views: bool = False) -> Any:
    """What `f` makes of arrays by moving, joining or repeating entries, learnt from what it does to their numbers.

    Parameters
    ----------
    parts : sequence of Dual and arrays, at least one Dual
    f : callable
        From arrays of integers, one for each part, to such an array or a list of them.
    views : bool
        Whether the function's framework may give views of the entries: then neither side is written to later.
    """
    model = next(part for part in parts if isinstance(part, Dual))
    duals = [part if isinstance(part, Dual) else model.fixed(constant(part)) for part in parts]
    numbers, start = [], 0
    for dual in duals:
        size = int(np.prod(dual.shape, dtype=int))
        numbers.append(np.arange(start, start + size).reshape(dual.shape))
        start += size

    def pool(pick: Callable[[Dual], np.ndarray]) -> np.ndarray:
        flat = [pick(dual).reshape(n.size, *pick(dual).shape[dual.ndim :]) for dual, n in zip(duals, numbers)]
        return np.concatenate(flat)

    value = Interval(pool(lambda u: u.value.low), pool(lambda u: u.value.high))
    slope = Interval(pool(lambda u: u.slope.low), pool(lambda u: u.slope.high))

    def gathered(where: Any) -> Any:
        if isinstance(where, list | tuple):
            return type(where)(gathered(w) for w in where)
        places = np.asarray(where)
        if places.size and (places.min() < 0 or places.max() >= start):
            raise not_understood("an index beyond the array")
        out = model.like(*(Interval(a.low[places], a.high[places]) for a in (value, slope)))
        out._frozen = [views]
        return out

    for part in parts:
        if views and isinstance(part, Dual):
            part._frozen[0] = True
    return gathered(f(*numbers))


def _is_mask(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == bool
