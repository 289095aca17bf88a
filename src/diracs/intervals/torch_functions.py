"""Functions of PyTorch that have parameters of their own, on interval duals: layers, reductions, filled tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from diracs.backend.arrays import concrete
from diracs.intervals.dual import Dual, rearranged
from diracs.intervals.errors import not_understood
from diracs.intervals.operations import apply, chosen
from diracs.intervals.operators import operate
from diracs.intervals.reductions import contraction, cumulated, extreme, mean, norm, product, total


def _scaled(name: str) -> Callable[..., Any]:
    """torch.add(x, y, alpha=a) is x + a y."""

    def scaled(x: Any, y: Any, *, alpha: float = 1) -> Any:
        return operate(name, x, y if alpha == 1 else operate("multiply", alpha, y))

    return scaled


def _divided(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    quotient = operate("divide", x, y)
    return quotient if rounding_mode is None else operate(rounding_mode, quotient)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = contraction("...j,ij->...i", [x, weight])
    return y if bias is None else y + bias


def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    x = x if min is None else operate("maximum", x, min)
    return x if max is None else operate("minimum", x, max)


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    # Beyond the threshold PyTorch takes u for softplus(u), and 1 for a slope that is 1 − 2·10⁻⁹ there.
    u = x if beta == 1 else x * beta
    above, soft = u > threshold, apply("softplus", u)
    soft = chosen(above, u, soft, continuous=True)
    return soft if beta == 1 else soft / beta


def _leaky(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    if not 0 <= negative_slope <= 1:
        raise not_understood(f"leaky_relu with the slope {negative_slope}")
    return operate("maximum", x, x * negative_slope)


def _elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0, inplace: bool = False) -> Any:
    below = operate("multiply", alpha, apply("expm1", operate("minimum", x * input_scale, 0.0)))
    return operate("multiply", scale, chosen(x > 0, x, below, continuous=True))


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return apply("gelu", x)
    return 0.5 * x * (1 + apply("tanh", np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if training and p > 0:
        raise not_understood("dropout while training", "call .eval() on the module")
    return x


def _batch_norm(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Any:
    if training or x.ndim != 2:
        raise not_understood("batch_norm while training, or on images", "call .eval() on the module")
    # The scale is a constant that is rounded: as a dual it has its enclosure.
    scale = apply("sqrt", x.constant(concrete(var)) + eps)
    y = (x - mean) / scale if weight is None else (x - mean) / scale * weight
    return y if bias is None else y + bias


def _along(f: Callable[..., Any]) -> Callable[..., Any]:
    """torch's names of axes."""
    return lambda x, dim=None, keepdim=False: f(x, dim, keepdim)


def _most(largest: bool, x: Any, other: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if isinstance(other, Dual | torch.Tensor):
        return operate("maximum" if largest else "minimum", x, other)
    if other is not None or dim is not None:
        raise not_understood("max or min with indices", "use amax or amin")
    return extreme(x, largest)


def _norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
    ord = kwargs.get("p", ord)
    if ord not in (2, "fro", None) or (x.ndim > 1 and dim is None):
        raise not_understood(f"a norm with ord={ord!r} and dim={dim!r}")
    return norm(x, dim, keepdim)


def _filled(value: float) -> Callable[..., Any]:
    return lambda x, **kwargs: x.fixed(np.full(tuple(x.shape), value))


def _hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    return _clamp(x, min_val, max_val)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": _scaled("add"),
    "sub": _scaled("subtract"),
    "subtract": _scaled("subtract"),
    "div": _divided,
    "divide": _divided,
    "linear": _linear,
    "addmm": lambda c, a, b: c + operate("matmul", a, b),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": lambda x, min: _clamp(x, min),
    "clamp_max": lambda x, max: _clamp(x, None, max),
    "where": chosen,
    "all": lambda x, dim=None: x.all(dim),
    "any": lambda x, dim=None: x.any(dim),
    "relu": lambda x, inplace=False: apply("relu", x),
    "relu6": lambda x, inplace=False: _clamp(x, 0.0, 6.0),
    "hardtanh": _hardtanh,
    "leaky_relu": _leaky,
    "elu": _elu,
    "selu": lambda x, inplace=False: _elu(x, 1.6732632423543772, 1.0507009873554805),
    "celu": lambda x, alpha=1.0, inplace=False: _elu(x, alpha, 1.0, 1.0 / alpha),
    "softplus": _softplus,
    "silu": lambda x, inplace=False: apply("silu", x),
    "gelu": _gelu,
    "logsigmoid": lambda x: -apply("softplus", -x),
    "log_sigmoid": lambda x: -apply("softplus", -x),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanhshrink": lambda x: x - apply("tanh", x),
    "rsqrt": lambda x: 1 / apply("sqrt", x),
    "hypot": lambda x, y: norm(rearranged((x, y), lambda a, b: np.stack(np.broadcast_arrays(a, b))), 0),
    "dropout": _dropout,
    "batch_norm": _batch_norm,
    "einsum": lambda subscripts, *operands: contraction(
        subscripts, operands[0] if isinstance(operands[0], list | tuple) else operands
    ),
    "sum": _along(total),
    "mean": _along(mean),
    "prod": _along(product),
    "amax": _along(lambda x, axis, keep: extreme(x, True, axis, keep)),
    "amin": _along(lambda x, axis, keep: extreme(x, False, axis, keep)),
    "max": lambda *args, **kwargs: _most(True, *args, **kwargs),
    "min": lambda *args, **kwargs: _most(False, *args, **kwargs),
    "cumsum": lambda x, dim: cumulated(x, dim),
    "norm": _norm,
    "linalg_norm": _norm,
    "linalg_vector_norm": _norm,
    "clone": lambda x: x.copy(),
    "zeros_like": _filled(0.0),
    "empty_like": _filled(np.nan),
    "ones_like": _filled(1.0),
    "full_like": lambda x, value, **kwargs: x.fixed(np.full(tuple(x.shape), value)),
}
