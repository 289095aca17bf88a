"""Checks at the front door: every message names the argument, what was wrong and what to do."""

from __future__ import annotations

import operator
from typing import Any, get_args

import numpy as np

from diracs.backend.arrays import (
    Array,
    concrete,
    framework,
    frozen,
    is_traced,
    namespace,
    nan_unless,
    owned,
    to_framework,
)
from diracs.backend.numbers import real_numbers

# Counts of points beyond this could not be held in memory.
_MOST = 10**9


def floating(
    name: str, x: Any, kind: str, like: Array | None = None, *, truths: bool = False, own: int | None = None
) -> Array:
    """`x` as a finite, non-empty array of float32 or float64 in the framework `kind`, which nobody else holds.

    Numbers, lists and NumPy arrays take the dtype and device of `like`, if that is one of PyTorch or JAX. True and
    False are numbers only if `truths`. With `own` last axes for one of a batch, messages name the first one concerned.
    """
    given = real_numbers(name, x, truths)
    taken = framework(given) == "numpy" and kind != "numpy"
    a = to_framework(given, kind, like if taken else None)
    if 0 in tuple(a.shape):
        raise ValueError(f"{name} must not be empty, got shape {tuple(a.shape)}")
    if not is_traced(a) and not (finite := np.isfinite(concrete(a))).all():
        name = _member(name, ~finite, own)
        raise ValueError(f"{name} must be finite, but holds NaN or infinity: remove or replace these entries")
    return owned(a)


def _member(name: str, wrong: np.ndarray, own: int | None) -> str:
    """The name with the index of the first of a batch where something is wrong, as name[17]."""
    lead = 0 if own is None else max(wrong.ndim - own, 0)
    if not lead:
        return name
    first = np.argwhere(wrong.any(axis=tuple(range(lead, wrong.ndim))))[0]
    return f"{name}[{', '.join(map(str, first))}]"


def weights(name: str, x: Any, kind: str, like: Array, shape: tuple[int, ...]) -> Array:
    """Non-negative weights of the given shape, normalized to sum 1 over the last axis; equal ones if None.

    Where values cannot be looked at, NaN for those that would be refused.
    """
    if x is None:
        return frozen(to_framework(np.full(shape, 1.0 / shape[-1]), kind, like))
    w = floating(name, x, kind, like, own=1)
    if tuple(w.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, one weight each, got {tuple(w.shape)}")
    if is_traced(w):
        w = nan_unless(w >= 0, w)
    else:
        v = concrete(w)
        if (v < 0).any():
            raise ValueError(f"{_member(name, v < 0, 1)} must not be negative, smallest is {v.min():g}")
        if (zero := v.max(axis=-1) <= 0).any():
            raise ValueError(f"{_member(name, zero, 0)} must not all be zero")
        # Divide by the maximum first: sums of weights near 1e308 would overflow.
        w = w / to_framework(v.max(axis=-1, keepdims=True), kind, w)
    if framework(w) == "torch":
        return w / w.sum(-1, keepdim=True)
    return frozen(w / w.sum(axis=-1, keepdims=True))


def covariances(name: str, covs: Array, full: bool) -> Array:
    """The covariances, symmetric positive semidefinite up to rounding of the array's dtype (singular is fine).

    Variances that rounding has brought below zero become zero.
    """
    if is_traced(covs):
        return covs
    v = concrete(covs)
    if not full:
        lowest = float(v.min())
        if lowest >= 0:
            return covs
        largest = v.max(axis=-1, keepdims=True) if v.ndim else v
        if (v < -definite_tolerance(covs, 1) * largest).any():
            raise ValueError(
                f"{name} holds variances, which must not be negative, smallest is {lowest:g}; if that came from"
                f" rounding, clip them: np.maximum({name}, 0)"
            )
        return frozen(namespace(covs).clip(covs, 0.0, None))
    d = v.shape[-1]
    unit = np.abs(v).max(axis=(-1, -2), keepdims=True)
    v = v / np.where(unit > 0, unit, 1.0)
    tolerance = definite_tolerance(covs, d)
    asymmetry = np.abs(v - np.swapaxes(v, -1, -2)).max()
    if asymmetry > tolerance:
        raise ValueError(
            f"{name} must be symmetric, but differs from its transpose by {asymmetry:.3g} of its largest entry;"
            " use (C + C.T) / 2"
        )
    smallest = np.linalg.eigvalsh(v)[..., 0].min()
    if smallest < -tolerance:
        raise ValueError(
            f"{name} must be positive semidefinite, but has an eigenvalue of {smallest:.3g} of its largest entry, where"
            f" rounding explains {-tolerance:.1g}. If it came from earlier roundings, clip it:"
            " w, V = np.linalg.eigh(C); C = (V * w.clip(0)) @ V.T"
        )
    return covs


def definite_tolerance(covs: Array, d: int) -> float:
    """The share of the largest entry that rounding may take from eigenvalues of covariances of d axes."""
    return 64 * d * (1.2e-7 if "32" in str(covs.dtype) else 2.3e-16)


def count(name: str, n: Any) -> int:
    """A whole number of at least 1."""
    try:
        if isinstance(n, bool | np.bool_):
            raise TypeError
        value = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {n!r} ({type(n).__name__})") from None
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    if value > _MOST:
        raise ValueError(f"{name} must be at most {_MOST}, got {value}")
    return value


def positive(name: str, x: Any) -> float:
    value = _number(name, x)
    if not value > 0 or not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number above zero, got {value:g}")
    return value


def not_negative(name: str, x: Any) -> float:
    value = _number(name, x)
    if not value >= 0 or not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, at least 0, got {value:g}")
    return value


def _number(name: str, x: Any) -> float:
    try:
        if isinstance(x, bool | np.bool_ | str | bytes):
            raise TypeError
        return float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {x!r}") from None


def choice(name: str, x: Any, names: Any, *, other: str = "") -> None:
    """One of the names that a `Literal` lists; `other` says what else is taken, which the caller looks at."""
    if not isinstance(x, str) or x not in get_args(names):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, get_args(names)))}{other}, got {x!r}")


def callback(name: str, x: Any) -> None:
    """A callable, or None."""
    if x is not None and not callable(x):
        raise TypeError(f"{name} must be callable, got {type(x).__name__}")


def seed(x: Any) -> int:
    """What random numbers start from."""
    if isinstance(x, bool) or not isinstance(x, int | np.integer) or x < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {x!r}")
    return int(x)


def all_positive(name: str, x: Array) -> None:
    if not is_traced(x) and (concrete(x) <= 0).any():
        raise ValueError(f"{name} must be above zero, smallest is {concrete(x).min():g}")
