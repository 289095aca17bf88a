"""Bounds on the values and Jacobians of a vectorized function over boxes, whatever it is written with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import concrete
from diracs.backend.numbers import real_numbers
from diracs.intervals.arithmetic import Interval
from diracs.intervals.dual import Dual
from diracs.intervals.errors import NotUnderstood, not_understood
from diracs.intervals.evaluation import Evaluation, Front, Function, run
from diracs.intervals.numpy_front import NumpyDual, WrongFramework

Enclosure = Callable[[Any], tuple[np.ndarray, np.ndarray]]

# Boxes at a time: arrays that fit into the cache.
_TOGETHER = 512
# How far the function itself, perhaps in single precision, may be from what is enclosed.
_AGREES = 1e-3


def jacobian_of(f: Function, ndim: int | None = None, *, continuous: bool = False) -> Enclosure:
    """Bounds on the Jacobian of f over boxes, rounded outward, by interval arithmetic on dual numbers.

    f is taken as a function of real numbers, with the constants that it holds. At kinks (abs,
    maximum, relu) all slopes in between are enclosed, Clarke's generalized Jacobian, so that f(x) − f(y) = J (x − y)
    with a J between the bounds for all x, y in a box. Where f is not Lipschitz, or is not defined on all of the box,
    bounds are infinite.

    Parameters
    ----------
    f : callable
        From points (n, d) to (n, m), row by row, written with NumPy, PyTorch (also a Module) or JAX.
    ndim : int, optional
        d. If given, f is tried at once; else at the first call.
    continuous : bool
        Your word that f does not jump where it chooses by a comparison of points (np.where, x * (x > 0)). Without
        it there is no bound where a choice depends on the point. np.maximum, np.clip and abs need no promise.

    Returns
    -------
    callable
        From boxes (k, 2, d), `[low, high]`, where ±inf stands for no bound, to arrays (low, high), both (k, m, d).

    Raises
    ------
    TypeError
        If f uses an operation that is not understood; it is named.
    ValueError
        If f or the boxes have the wrong shape, or low is above high.

    Notes
    -----
    Forward mode (Moore, Kearfott & Cloud, Introduction to Interval Analysis, 2009, ch. 6). Terms that depend on one
    another are bounded one by one, so that bounds may be wider than the range, but never narrower. Other packages
    (immrax, bound-propagation) do not round outward, which a certificate needs.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.intervals import jacobian_of
    >>> jacobian = jacobian_of(lambda x: np.stack([x[:, 0] + 1.5 * np.cos(x[:, 1]), x[:, 1]], axis=1))
    >>> low, high = jacobian([[[-np.inf, -np.inf], [np.inf, np.inf]]])
    >>> low.tolist(), high.tolist()
    ([[[1.0, -1.5], [0.0, 1.0]]], [[[1.0, 1.5], [0.0, 1.0]]])
    """
    return _enclosure(f, ndim, lambda out: out.slope, True, continuous)


def value_of(f: Function, ndim: int | None = None) -> Enclosure:
    """Bounds on the values of f over boxes, rounded outward.

    As `jacobian_of`, which see, but for what is bounded: boxes (k, 2, d) give arrays (low, high), both (k, m).

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.intervals import value_of
    >>> low, high = value_of(lambda x: np.maximum(x, 0.0))([[[-1.0, 0.5], [2.0, 1.0]]])
    >>> low.tolist(), high.tolist()
    ([[0.0, 0.5]], [[2.0, 1.0]])
    """
    return _enclosure(f, ndim, lambda out: out.value, False, False)


def _enclosure(
    f: Function, ndim: int | None, part: Callable[[Dual], Interval], derivatives: bool, continuous: bool
) -> Enclosure:
    if not callable(f):
        raise TypeError(f"f must be a function of points (n, d), got {type(f).__name__}")
    known: dict[str, Any] = {}
    d = None if ndim is None else checks.count("ndim", ndim)

    def bounds(boxes: Any) -> tuple[np.ndarray, np.ndarray]:
        given = _checked(boxes, d)
        if "evaluate" not in known:
            known["evaluate"] = _framework(f, given[0], continuous)
        parts = []
        for start in range(0, len(given), _TOGETHER):
            found = part(known["evaluate"](given[start : start + _TOGETHER], derivatives))
            parts.append([np.moveaxis(a, -1, 0)[:, 0] for a in found])
        low, high = (np.concatenate(ends) for ends in zip(*parts))
        return low, high

    if d is not None:
        bounds(np.repeat([[[-1.0], [1.0]]], d, axis=2))
    return bounds


def _checked(boxes: Any, d: int | None) -> np.ndarray:
    given = concrete(real_numbers("boxes", boxes)).astype(np.float64)
    if given.ndim != 3 or given.shape[1] != 2 or 0 in given.shape or (d is not None and given.shape[2] != d):
        raise ValueError(f"boxes must have shape (k, 2, {'d' if d is None else d}), low and high, got {given.shape}")
    if not (given[:, 0] <= given[:, 1]).all():
        raise ValueError("boxes must have low <= high in every coordinate, and no NaN")
    if (given[:, 0] == np.inf).any() or (given[:, 1] == -np.inf).any():
        raise ValueError("boxes must hold points: low must be below inf, high above -inf")
    return given


def _framework(f: Function, box: np.ndarray, continuous: bool) -> Evaluation:
    """How to evaluate f on boxes: in the first framework that understands it, and finds its values."""
    fronts = _fronts()
    names = ["torch"] if _is_module(f) else list(fronts)
    errors: list[Exception] = []
    while names:
        evaluate, numbers = fronts[names.pop(0)](f, continuous)
        try:
            _agree(evaluate, numbers, box)
            return evaluate
        except WrongFramework as error:
            names = [name for name in names if name == str(error)]
            errors = [] if names else [not_understood(f"a function of {error}")]
        except (TypeError, AttributeError) as error:
            # Perhaps a function of another framework, which the next one understands.
            errors.append(error)
        except Exception as error:
            if not errors:
                raise
            errors.append(error)
    # An attribute that is missing tells of another framework, if there is anything else to tell.
    chosen = min(errors, key=lambda e: 0 if isinstance(e, NotUnderstood) else 1 + isinstance(e, AttributeError))
    if isinstance(chosen, AttributeError):
        raise not_understood(str(chosen)) from chosen
    raise chosen


def _fronts() -> dict[str, Front]:
    fronts: dict[str, Front] = {"numpy": _numpy}
    # Functions of frameworks that nobody has loaded are not about.
    if "torch" in sys.modules:
        from diracs.intervals.torch_front import torch_front

        fronts["torch"] = torch_front
    if "jax" in sys.modules:
        from diracs.intervals.jax_front import jax_front

        fronts["jax"] = jax_front
    return fronts


def _is_module(f: Function) -> bool:
    return "torch" in sys.modules and isinstance(f, sys.modules["torch"].nn.Module)


def _numpy(f: Function, continuous: bool) -> tuple[Evaluation, Function]:
    return lambda boxes, derivatives: run(f, NumpyDual.of_boxes(boxes, derivatives, continuous)), f


def _agree(evaluate: Evaluation, numbers: Function, box: np.ndarray) -> None:
    """That what was enclosed is what f computes, at two points of a box at once: a function misread would go unnoticed.

    Raises
    ------
    TypeError
        If the values differ.
    """
    low, high = box
    low = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high - 2.0, -1.0))
    high = np.where(np.isfinite(high), high, low + 2.0)
    points = low + (high - low) * np.array([[0.4], [0.7]])
    enclosed = evaluate(np.repeat(points[:, None], 2, axis=1), False).value
    low, high = (a[0].T for a in enclosed)
    with np.errstate(all="ignore"):
        values = concrete(numbers(points.copy()))
    if values.shape != low.shape:
        raise ValueError(f"f must map points of shape {points.shape} to as many rows, got shape {values.shape}")
    slack = _AGREES * (1.0 + np.abs(values))
    if ((values < low - slack) | (values > high + slack)).any():
        raise not_understood("a function whose rows depend on each other, or that changes from call to call,")
