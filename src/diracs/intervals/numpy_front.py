"""NumPy's functions of interval dual numbers, by NumPy's own protocols (NEP 13 and NEP 18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.intervals.dual import rearranged
from diracs.intervals.errors import not_understood
from diracs.intervals.operations import apply, chosen
from diracs.intervals.operators import Operators, operate
from diracs.intervals.reductions import contraction, cumulated, extreme, mean, norm, product, total
from diracs.intervals.truth import Truth

_ALIASES = {"fabs": "absolute", "float_power": "power", "fmax": "maximum", "fmin": "minimum", "conj": "conjugate"}
_REDUCED = {
    "add": total,
    "multiply": product,
    "maximum": lambda u, axis=0, keepdims=False: extreme(u, True, axis, keepdims),
    "minimum": lambda u, axis=0, keepdims=False: extreme(u, False, axis, keepdims),
}


class WrongFramework(Exception):
    """The function computes in another framework. No TypeError: operators of PyTorch would hide it."""


class NumpyDual(Operators):
    """Interval dual numbers that NumPy's functions and methods take for an array."""

    dtype = np.dtype(np.float64)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return array_ufunc(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return array_function(func, types, args, kwargs)

    @classmethod
    def __torch_function__(cls, *args: Any, **kwargs: Any) -> Any:
        raise WrongFramework("torch")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.low.shape[:-1])

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def T(self) -> Any:
        return self.transpose()

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        if np.dtype(dtype).kind != "f":
            raise not_understood(f"a conversion to {np.dtype(dtype)}")
        return self.copy()

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        return _reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> Any:
        axes = axes[0] if len(axes) == 1 and axes[0] is not None else axes
        if list(axes) == list(range(self.ndim)) and self.ndim > 1:
            # Nobody asks NumPy to leave axes as they are; PyTorch swaps them.
            raise WrongFramework("torch")
        return _transpose(self, axes if axes and axes[0] is not None else None)

    def ravel(self) -> Any:
        return self.reshape(-1)

    def flatten(self) -> Any:
        return self.reshape(-1).copy()

    def squeeze(self, axis: Any = None) -> Any:
        return np.squeeze(self, axis)

    def swapaxes(self, a: int, b: int) -> Any:
        return np.swapaxes(self, a, b)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        return np.repeat(self, repeats, axis)

    def take(self, indices: Any, axis: Any = None) -> Any:
        return np.take(self, indices, axis)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return total(self, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        return product(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return mean(self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return extreme(self, True, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return extreme(self, False, axis, keepdims)

    def cumsum(self, axis: int) -> Any:
        return cumulated(self, axis)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return clip(self, min, max)

    def dot(self, x: Any) -> Any:
        return _dot(self, x)


def array_ufunc(ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
    name = _ALIASES.get(ufunc.__name__, ufunc.__name__)
    if method == "reduce" and name in _REDUCED:
        kwargs = {key: x for key, x in kwargs.items() if key != "dtype"}
        result = _REDUCED[name](inputs[0], *inputs[1:], **{"axis": 0, **kwargs})
    elif method == "accumulate" and name == "add":
        result = cumulated(inputs[0], *inputs[1:], **kwargs)
    elif method != "__call__" or set(kwargs) - {"dtype", "casting"}:
        raise not_understood(f"numpy.{name} with {', '.join(kwargs) or method}")
    else:
        result = _ufunc(name, inputs)
    if out is None:
        return result
    if not isinstance(out[0], NumpyDual):
        raise not_understood(f"numpy.{name} into an array made before", "leave out=… away")
    out[0][...] = result
    return out[0]


def array_function(func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    name = func.__name__
    if name in FUNCTIONS:
        return FUNCTIONS[name](*args, **{key: x for key, x in kwargs.items() if key != "dtype"})
    if name in JOINING:
        rest = {key: x for key, x in kwargs.items() if key != "dtype"}
        return rearranged(list(args[0]), lambda *n: func(n, *args[1:], **rest))
    if name in MOVING and isinstance(args[0], NumpyDual):
        return rearranged([args[0]], lambda n: func(n, *args[1:], **kwargs), views=MOVING[name])
    raise not_understood(f"numpy.{name}")


def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    x = x if low is None else operate("maximum", x, low)
    return x if high is None else operate("minimum", x, high)


def _ufunc(name: str, inputs: tuple[Any, ...]) -> Any:
    if name == "hypot":
        return norm(rearranged(inputs, lambda a, b: np.stack(np.broadcast_arrays(a, b))), 0)
    if name == "log_expit":
        return -apply("softplus", -inputs[0])
    if name == "clip":
        return clip(*inputs)
    if name in ("isnan", "isinf", "isfinite"):
        # Points are finite, and so is what a function makes of them.
        known = np.full((*inputs[0].shape, 1), name == "isfinite")
        return Truth(known, known)
    return operate(name, *inputs)


def _reshape(x: Any, shape: Any, *, order: str = "C", copy: Any = None) -> Any:
    if order != "C":
        raise not_understood(f"numpy.reshape with order={order!r}")
    return x.reshaped((int(shape),) if np.ndim(shape) == 0 else tuple(int(n) for n in shape))


def _transpose(x: Any, axes: Any = None) -> Any:
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(int(a) % x.ndim for a in axes)
    return x.transposed(order)


def _permuting(func: Callable[..., Any]) -> Callable[..., Any]:
    """Of a function that permutes axes, read off an array whose sides tell them apart."""

    def permuted(x: Any, *args: Any, **kwargs: Any) -> Any:
        sides = tuple(range(2, 2 + x.ndim))
        moved = func(np.broadcast_to(0.0, sides), *args, **kwargs).shape
        return x.transposed([sides.index(n) for n in moved])

    return permuted


def _resizing(func: Callable[..., Any]) -> Callable[..., Any]:
    """Of a function that adds or removes axes of length one."""
    return lambda x, *args, **kwargs: x.reshaped(func(np.broadcast_to(0.0, x.shape), *args, **kwargs).shape)


def _dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return operate("multiply", a, b)
    if np.ndim(b) > 2:
        raise not_understood("numpy.dot beyond matrices", "use np.einsum")
    return operate("matmul", a, b)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord in (1, np.inf) and isinstance(axis, int):
        size = abs(x)
        return total(size, axis, keepdims) if ord == 1 else extreme(size, True, axis, keepdims)
    if ord not in (None, 2) or (ord == 2 and not isinstance(axis, int)):
        raise not_understood(f"numpy.linalg.norm with ord={ord!r} and axis={axis!r}")
    return norm(x, axis, keepdims)


def _filled(value: float) -> Callable[..., Any]:
    return lambda x, *, shape=None, **kwargs: x.fixed(np.full(x.shape if shape is None else shape, value))


def _where(condition: Any, *branches: Any) -> Any:
    if len(branches) != 2:
        raise not_understood("numpy.where without two branches")
    return chosen(condition, *branches)


def _copied(x: Any, *args: Any, **kwargs: Any) -> Any:
    return x.copy()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "permute_dims": _transpose,
    "ravel": lambda x: x.reshape(-1),
    "swapaxes": _permuting(np.swapaxes),
    "moveaxis": _permuting(np.moveaxis),
    "rollaxis": _permuting(np.rollaxis),
    "squeeze": _resizing(np.squeeze),
    "expand_dims": _resizing(np.expand_dims),
    "atleast_1d": _resizing(np.atleast_1d),
    "atleast_2d": _resizing(np.atleast_2d),
    "copy": _copied,
    "zeros_like": _filled(0.0),
    "empty_like": _filled(np.nan),
    "ones_like": _filled(1.0),
    "full_like": lambda x, value: x.fixed(np.broadcast_to(np.asarray(value, float), x.shape)),
    "where": _where,
    "clip": clip,
    "all": lambda x, axis=None: x.all(axis),
    "any": lambda x, axis=None: x.any(axis),
    "sum": total,
    "prod": product,
    "mean": mean,
    "max": lambda x, axis=None, keepdims=False: extreme(x, True, axis, keepdims),
    "amax": lambda x, axis=None, keepdims=False: extreme(x, True, axis, keepdims),
    "min": lambda x, axis=None, keepdims=False: extreme(x, False, axis, keepdims),
    "amin": lambda x, axis=None, keepdims=False: extreme(x, False, axis, keepdims),
    "cumsum": lambda x, axis: cumulated(x, axis),
    "dot": _dot,
    "einsum": lambda subscripts, *operands, optimize=None: contraction(subscripts, operands),
    "inner": lambda a, b: operate("matmul", a, np.transpose(b)),
    "outer": lambda a, b: contraction("i,j->ij", [np.reshape(a, -1), np.reshape(b, -1)]),
    "norm": _norm,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x, axis=None: x.size if axis is None else x.shape[axis],
}
JOINING = {"concatenate", "stack", "vstack", "hstack", "dstack", "column_stack"}
# Whether NumPy gives views.
MOVING = {
    "roll": False,
    "repeat": False,
    "tile": False,
    "take": False,
    "delete": False,
    "tril": False,
    "triu": False,
    "flip": True,
    "fliplr": True,
    "flipud": True,
    "split": True,
    "array_split": True,
    "hsplit": True,
    "vsplit": True,
    "diagonal": True,
    "broadcast_to": True,
}
