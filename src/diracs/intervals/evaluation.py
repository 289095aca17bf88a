"""A function carried out on interval dual numbers, in any framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, is_array
from diracs.intervals.dual import Dual
from diracs.intervals.errors import not_understood

Function = Callable[[Any], Any]
# Of boxes (k, 2, d), with derivatives or without.
Evaluation = Callable[[np.ndarray, bool], Dual]
# What a framework makes of a function, choices being continuous or not: its evaluation, and itself on NumPy's points.
Front = Callable[[Function, bool], tuple[Evaluation, Function]]


def run(f: Function, points: Dual) -> Dual:
    """The row that f makes of one point in each box."""
    with np.errstate(all="ignore"):
        return _row(f(points), points)


def _row(out: Any, points: Dual) -> Dual:
    if not isinstance(out, Dual):
        if not is_array(out):
            raise TypeError(f"f must return an array of shape (n, m), got {type(out).__name__}")
        # A constant.
        out = points.fixed(concrete(out))
    elif out.value.low.shape[-1] != points.value.low.shape[-1]:
        raise not_understood("a result that does not depend on the point")
    if out.ndim != 2 or out.shape[0] != 1 or out.shape[1] == 0:
        raise ValueError(
            f"f must map points (n, d) to (n, m), one row each, but maps {points.shape} to {out.shape}:"
            " vectorize it over the first axis"
        )
    return out
