"""Comparisons of intervals: true, false, or one on one part of the box and the other elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs.intervals.arithmetic import Interval, choose, disjoint, hull
from diracs.intervals.dual import D, Dual
from diracs.intervals.errors import not_understood


class Truth:
    """Whether something holds at all points of a box (`sure`), or at any (`possible`): arrays (*shape, k)."""

    __array_priority__ = 1000.0

    def __init__(self, sure: np.ndarray, possible: np.ndarray) -> None:
        self.sure = sure
        self.possible = possible

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sure.shape[:-1]

    @property
    def ndim(self) -> int:
        return self.sure.ndim - 1

    def __invert__(self) -> Truth:
        return Truth(~self.possible, ~self.sure)

    def __and__(self, other: Any) -> Truth:
        other = truth(other)
        return Truth(self.sure & other.sure, self.possible & other.possible)

    def __or__(self, other: Any) -> Truth:
        return ~(~self & ~truth(other))

    def __xor__(self, other: Any) -> Truth:
        other = truth(other)
        return (self & ~other) | (~self & other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __getitem__(self, key: Any) -> Truth:
        if any(part is Ellipsis for part in (key if isinstance(key, tuple) else (key,))):
            raise not_understood("an ellipsis in the index of a comparison", "index before comparing")
        return Truth(self.sure[key], self.possible[key])

    def __bool__(self) -> bool:
        if self.sure.all():
            return True
        if not self.possible.any():
            return False
        raise not_understood("a branch that depends on the point", "use np.where")

    def all(self, axis: Any = None) -> Truth:
        axes = axis if axis is not None else tuple(range(self.ndim))
        axes = axes if isinstance(axes, tuple) else (axes,)
        visible = tuple(a % self.ndim for a in axes)
        return Truth(np.asarray(self.sure.all(axis=visible)), np.asarray(self.possible.all(axis=visible)))

    def any(self, axis: Any = None) -> Truth:
        return ~(~self).all(axis)

    # Frameworks' functions of comparisons, each in the file of its framework.

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        from diracs.intervals.numpy_front import array_ufunc

        return array_ufunc(*args, **kwargs)

    def __array_function__(self, *args: Any) -> Any:
        from diracs.intervals.numpy_front import array_function

        return array_function(*args)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        from diracs.intervals.torch_front import torch_function

        return torch_function(func, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise not_understood("a comparison as a number", "use np.where")


def truth(x: Any) -> Truth:
    """Constants as comparisons that have been decided."""
    if isinstance(x, Truth):
        return x
    a = np.asarray(x, dtype=bool)[..., None]
    return Truth(a, a)


def less(a: Dual, b: Dual) -> Truth:
    return Truth(a.value.high < b.value.low, a.value.low < b.value.high)


def less_equal(a: Dual, b: Dual) -> Truth:
    return Truth(a.value.high <= b.value.low, a.value.low <= b.value.high)


def equal(a: Dual, b: Dual) -> Truth:
    same = (a.value.low == b.value.high) & (b.value.low == a.value.high)
    return Truth(same, ~disjoint(a.value, b.value))


def where(condition: Truth, a: D, b: D, continuous: bool = False) -> D:
    """`a` where the condition holds, `b` where it does not, the hull of both where that depends on the point.

    Where it depends on the point there is no bound on the slope, unless it is known or promised that the choice
    does not jump; and none either if the values cannot meet, so that it does.
    """
    sure, possible = np.broadcast_arrays(condition.sure, condition.possible)

    def pick(x: Interval, y: Interval, sure: np.ndarray, possible: np.ndarray) -> Interval:
        return choose(sure, x, choose(possible, hull(x, y), y))

    value = pick(a.value, b.value, sure, possible)
    low, high = pick(a.slope, b.slope, sure[..., None, :], possible[..., None, :])
    undecided = possible & ~sure
    jump = (undecided & disjoint(a.value, b.value) if continuous or a.continuous else undecided)[..., None, :]
    return a.like(value, Interval(np.where(jump, -np.inf, low), np.where(jump, np.inf, high)))
