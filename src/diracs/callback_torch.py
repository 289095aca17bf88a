"""NumPy functions as custom operators of PyTorch: autograd, torch.func, torch.compile.

Import this module only where PyTorch is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from diracs.callback import FUNCTIONS, NumpyFunction


def call(function: NumpyFunction, numbers: Sequence[float], *arrays: Any) -> tuple[torch.Tensor, ...]:
    """The outputs of the function, differentiable once; NumPy arrays beside tensors are constants."""
    device = next(x.device for x in arrays if isinstance(x, torch.Tensor))
    tensors = [x if isinstance(x, torch.Tensor) else torch.as_tensor(x, device=device) for x in arrays]
    operator, outputs = _OPERATORS[function.name]
    return operator(list(numbers), *tensors)[:outputs]


def _operator(function: NumpyFunction) -> tuple[Callable[..., tuple[torch.Tensor, ...]], int]:
    """An operator that returns outputs and what is kept for the derivative; the number of outputs."""
    arity = function.arity
    outputs, kept = map(len, function.shapes([(1, 1, 1)] * arity))
    pullback = _pullback(function, outputs, kept)

    def value(numbers: Sequence[float], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found, more = function.value(tuple(numbers), [_numpy(x) for x in tensors])
        return (*(_like(x, tensors[0]) for x in found), *(torch.tensor(x) for x in more))

    def fake(numbers: Sequence[float], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found, more = function.shapes([tuple(x.shape) for x in tensors])
        return (
            *(tensors[0].new_empty(shape) for shape in found),
            *(torch.empty(shape, dtype=torch.float64) for shape in more),
        )

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.numbers = inputs[0]
        ctx.save_for_backward(*inputs[1:], *output[outputs:])
        ctx.mark_non_differentiable(*output[outputs:])

    def backward(ctx: Any, *along: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        along = along[:outputs]
        wanted = list(ctx.needs_input_grad[1:])
        # Multiplied here, one number may itself be differentiated.
        scale = along[0] if outputs == 1 and not along[0].ndim else None
        seeds = along if scale is None else (torch.ones_like(scale),)
        slopes = pullback(ctx.numbers, wanted, *ctx.saved_tensors, *seeds)
        scaled = slopes if scale is None else [(scale * s).to(s.dtype) for s in slopes]
        return (None, *(s if w else None for s, w in zip(scaled, wanted)))

    schema = f"(float[] numbers, {_arguments(arity)}) -> ({', '.join(['Tensor'] * (outputs + kept))})"
    operator = torch.library.custom_op(f"diracs::{function.name}", value, mutates_args=(), schema=schema)
    operator.register_fake(fake)
    operator.register_autograd(backward, setup_context=setup_context)
    operator.register_vmap(_one_by_one(operator))
    return operator, outputs


def _pullback(function: NumpyFunction, outputs: int, kept: int) -> Callable[..., tuple[torch.Tensor, ...]]:
    """The operator of the derivatives, itself not differentiable: empty where they are not wanted."""
    arity = function.arity

    def value(numbers: Sequence[float], wanted: Sequence[bool], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        arrays = [_numpy(x) for x in tensors]
        parts = arrays[:arity], arrays[arity : arity + kept], arrays[arity + kept :]
        slopes = function.pullback(tuple(numbers), *parts, wanted)
        return tuple(_like(s, x) if w else x.new_empty(0) for s, x, w in zip(slopes, tensors, wanted))

    def fake(numbers: Sequence[float], wanted: Sequence[bool], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(torch.empty_like(x) if w else x.new_empty(0) for x, w in zip(tensors, wanted))

    def refuse(ctx: Any, *along: torch.Tensor) -> None:
        raise NotImplementedError(function.refusal)

    schema = (
        f"(float[] numbers, bool[] wanted, {_arguments(arity + kept + outputs)}) -> ({', '.join(['Tensor'] * arity)})"
    )
    operator = torch.library.custom_op(f"diracs::{function.name}_pullback", value, mutates_args=(), schema=schema)
    operator.register_fake(fake)
    operator.register_autograd(refuse)
    operator.register_vmap(_one_by_one(operator))
    return operator


def _one_by_one(operator: Callable[..., tuple[torch.Tensor, ...]]) -> Callable[..., Any]:
    """The rule for vmap: one call for each member of the batch."""

    def rule(info: Any, in_dims: tuple[Any, ...], *given: Any) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        def member(i: int) -> list[Any]:
            return [x.select(d, i) if isinstance(d, int) else x for x, d in zip(given, in_dims)]

        rows = [operator(*member(i)) for i in range(info.batch_size)]
        columns = tuple(torch.stack(column) for column in zip(*rows))
        return columns, (0,) * len(columns)

    return rule


def _arguments(count: int) -> str:
    return ", ".join(f"Tensor x{i}" for i in range(count))


def _numpy(x: torch.Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()


def _like(x: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(x, dtype=like.dtype, device=like.device)


# All made at import, where the compiler does not look.
_OPERATORS = {name: _operator(function) for name, function in FUNCTIONS.items()}
