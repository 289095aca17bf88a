"""Real balls of Arb (python-flint) from doubles, and doubles from balls: outward, never inward.

A double is taken for the number that it is. Balls are as fine as `flint.ctx.prec` says, which `verify` sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpz

Ball = Any  # flint.arb
Balls = Any  # flint.arb_mat


class NotSeparated(Exception):
    """Balls too wide to decide what must be decided: to be tried again with finer ones."""


def balls(values: Any) -> list[Ball]:
    """The numbers of an array as exact balls."""
    return [arb(x) for x in np.asarray(values, dtype=np.float64).ravel().tolist()]


def matrix(values: np.ndarray) -> Balls:
    """(m, n) as an exact matrix."""
    return arb_mat(*values.shape, balls(values))


def normalized(weights: np.ndarray) -> list[Ball]:
    """w/Σ w, Σ w exact as an integer multiple of the smallest unit of the weights."""
    total = exact_sum(np.asarray(weights, dtype=np.float64).tolist())
    return [w / total for w in balls(weights)]


def exact_sum(values: Sequence[float]) -> Ball:
    """Σ of finite doubles, without rounding but that of the last step, to the precision of balls."""
    parts = [math.frexp(x) for x in values]
    least = min((e for f, e in parts if f), default=0) - 53
    whole = sum(int(math.ldexp(f, 53)) << (e - 53 - least) for f, e in parts if f)
    return arb(fmpz(whole)) * arb(2) ** least


def total(values: Iterable[Ball]) -> Ball:
    """Σ of balls."""
    out = arb(0)
    for x in values:
        out += x
    return out


def rounded_up(x: Ball) -> float:
    """A double not below the ball; infinite for what is no finite ball."""
    if not x.is_finite():
        return math.inf
    near = float(x.upper())
    return near if arb(near) >= x.upper() else math.nextafter(near, math.inf)


def rounded_down(x: Ball) -> float:
    """A double not above the ball; −∞ for what is no finite ball."""
    return -rounded_up(-x)


def root(x: Ball) -> Ball:
    """√x of a number that is not negative, whatever its ball says."""
    if x > 0:
        return x.sqrt()
    top = x.upper()
    return arb(0).union(top.sqrt()) if top > 0 else arb(0)


def hull(low: float, high: float) -> Ball:
    """A ball that holds [low, high]."""
    return arb(low).union(arb(high))
