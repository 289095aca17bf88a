"""PyTorch's functions of interval dual numbers, by its protocol `__torch_function__`, which its modules obey too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from diracs.intervals.dual import Dual, rearranged
from diracs.intervals.errors import not_understood
from diracs.intervals.evaluation import run
from diracs.intervals.operations import apply
from diracs.intervals.operators import Operators, operate
from diracs.intervals.reductions import matmul
from diracs.intervals.torch_functions import FUNCTIONS

# PyTorch's names of what NumPy calls otherwise.
_NAMES = {
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "true_divide": "divide",
    "pow": "power",
    "float_power": "power",
    "neg": "negative",
    "abs": "absolute",
    "sigmoid": "expit",
    "special_expit": "expit",
    "special_erf": "erf",
    "special_ndtr": "ndtr",
    "special_expm1": "expm1",
    "special_log1p": "log1p",
    "special_exp2": "exp2",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "atan2": "arctan2",
    "sgn": "sign",
    "round": "rint",
    "fix": "trunc",
    "fmax": "maximum",
    "fmin": "minimum",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "mm": "matmul",
    "mv": "matmul",
    "dot": "matmul",
    "bmm": "matmul",
    "bitwise_not": "invert",
}
_REVERSED = {
    "rsub": "subtract",
    "rdiv": "divide",
    "rpow": "power",
    "rmatmul": "matmul",
    "radd": "add",
    "rmul": "multiply",
}
# Whether the results are views.
_MOVING = {
    "flip": False,
    "roll": False,
    "tile": False,
    "repeat": False,
    "repeat_interleave": False,
    "index_select": False,
    "tril": False,
    "triu": False,
    "split": True,
    "chunk": True,
    "tensor_split": True,
    "unbind": True,
    "diagonal": True,
    "expand": True,
    "broadcast_to": True,
    "select": True,
    "narrow": True,
}
_RESIZING = {"reshape", "view", "flatten", "unsqueeze", "squeeze", "unflatten", "ravel"}
_PERMUTING = {"transpose", "permute", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "adjoint"}
_JOINING = {"cat", "stack", "concat", "concatenate", "hstack", "vstack", "dstack", "column_stack"}


class TorchDual(Operators):
    """Interval dual numbers that PyTorch's functions take for a tensor; its methods are its functions."""

    requires_grad = False
    is_sparse = False
    device = torch.device("cpu")
    layout = torch.strided

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return torch_function(func, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if _plain(name) not in _NAMES.keys() | FUNCTIONS.keys() | _MOVING.keys() | _RESIZING | _PERMUTING:
            func = getattr(torch, name, None)
            if not callable(func):
                raise AttributeError(f"'{name}' of a tensor")
        return partial(_method, name, self)

    @property
    def dtype(self) -> torch.dtype:
        return torch.get_default_dtype()

    @property
    def shape(self) -> Any:
        return torch.Size(self.value.low.shape[:-1])

    @property
    def T(self) -> Any:
        return self.transposed(range(self.ndim)[::-1])

    @property
    def mT(self) -> Any:
        return _call("transpose", (self, -1, -2), {})

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    def _same(self, *args: Any, **kwargs: Any) -> Any:
        return self

    # Precision is that of intervals anyway; derivatives that PyTorch would stop count.
    to = float = double = type = contiguous = cpu = requires_grad_ = _same


def torch_function(func: Any, args: Any, kwargs: Any) -> Any:
    return _call(func.__name__, args, dict(kwargs or {}))


def _method(name: str, x: TorchDual, *args: Any, **kwargs: Any) -> Any:
    return _call(name, (x, *args), kwargs)


def _plain(name: str) -> str:
    """Without the marks of operators (__add__) and of what works in place (add_, __iadd__)."""
    if name.startswith("__"):
        return name.strip("_")
    return name.rstrip("_")


def _call(name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    plain = _plain(name)
    out = kwargs.pop("out", None)
    for key in ("dtype", "memory_format", "device", "layout", "requires_grad", "pin_memory"):
        kwargs.pop(key, None)
    if plain == "setitem" or (plain == "copy" and name.endswith("_")):
        raise not_understood("writing points into a tensor made before", "make it with torch.zeros_like(x)")
    if out is not None:
        raise not_understood(f"torch.{name} with out=")
    result = _result(plain, name, args, kwargs)
    if kwargs.get("inplace") or (name.endswith("_") and not name.startswith("__")):
        args[0][...] = result
        return args[0]
    return result


def _result(plain: str, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    if plain in FUNCTIONS:
        return FUNCTIONS[plain](*args, **kwargs)
    if plain in _JOINING:
        rest = {key: x for key, x in kwargs.items() if key != "tensors"}
        parts = kwargs["tensors"] if "tensors" in kwargs else args[0]
        return rearranged(list(parts), lambda *n: _numbers(getattr(torch, plain)(_tensors(n), *args[1:], **rest)))
    if plain in _MOVING:
        move = getattr(torch.Tensor, plain)
        return rearranged([args[0]], lambda n: _numbers(move(_tensor(n), *args[1:], **kwargs)), views=_MOVING[plain])
    if plain in _RESIZING:
        # The shape alone tells; entries keep their order.
        model = torch.empty(tuple(args[0].shape), device="meta")
        return args[0].reshaped(tuple(getattr(model, plain)(*args[1:], **kwargs).shape))
    if plain in _PERMUTING:
        sides = tuple(range(2, 2 + args[0].ndim))
        moved = getattr(torch.empty(sides, device="meta"), plain)(*args[1:], **kwargs).shape
        return args[0].transposed([sides.index(n) for n in moved])
    operands = [*args, *(x for key, x in kwargs.items() if key != "inplace")]
    if plain in _REVERSED:
        return operate(_REVERSED[plain], *reversed(operands))
    if set(kwargs) - {"inplace", "input", "other", "exponent"}:
        raise not_understood(f"torch.{name} with {', '.join(kwargs)}")
    target = _NAMES.get(plain, plain)
    result = matmul(*operands) if target == "matmul" else apply(target, *operands)
    if result is None:
        raise not_understood(f"torch.{name}")
    return result


def _tensor(n: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(n))


def _tensors(numbers: tuple[np.ndarray, ...]) -> list[torch.Tensor]:
    return [_tensor(n) for n in numbers]


def _numbers(x: Any) -> Any:
    return [_numbers(y) for y in x] if isinstance(x, list | tuple) else x.numpy()


def torch_front(
    f: Callable[[Any], Any], continuous: bool
) -> tuple[Callable[[np.ndarray, bool], Dual], Callable[[Any], Any]]:
    """How to enclose f, and f itself on NumPy's points."""

    @torch.no_grad()
    def numbers(points: np.ndarray) -> Any:
        parameters = f.parameters() if isinstance(f, torch.nn.Module) else iter(())
        like = next(parameters, None)
        if like is not None:
            return f(torch.as_tensor(points, dtype=like.dtype, device=like.device))
        try:
            return f(torch.as_tensor(points, dtype=torch.get_default_dtype()))
        except RuntimeError:
            # What a function holds may be of another precision.
            return f(torch.as_tensor(points, dtype=torch.float64))

    return lambda boxes, derivatives: run(f, TorchDual.of_boxes(boxes, derivatives, continuous)), numbers
