"""NumPy functions in PyTorch, under autograd, torch.func and torch.compile.

Import this module only where PyTorch is there. Each function becomes two operators, for its value and its derivatives,
opaque to the compiler, and a torch.autograd.Function around each, which torch.func needs; a third one where second
derivatives are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from diracs.backend.callback import FUNCTIONS, NumpyFunction

Operator = Callable[..., tuple[torch.Tensor, ...]]

# Its operators go when the module is loaded anew.
_LIBRARY = torch.library.Library("diracs", "FRAGMENT")


def call(function: NumpyFunction, numbers: Sequence[float], *arrays: Any) -> tuple[torch.Tensor, ...]:
    """The outputs of the function, differentiable once; NumPy arrays beside tensors are constants."""
    device = next(x.device for x in arrays if isinstance(x, torch.Tensor))
    tensors = [x if isinstance(x, torch.Tensor) else torch.as_tensor(x, device=device) for x in arrays]
    if function not in _MADE:
        _MADE[function] = _differentiable(function)
    compiled, eager, outputs = _MADE[function]
    return (compiled if torch.compiler.is_compiling() else eager)(numbers, *tensors)[:outputs]


def _differentiable(function: NumpyFunction) -> tuple[Operator, Operator, int]:
    """Outputs and what is kept for the derivative, for the compiler and for all others, and the number of outputs."""
    arity = function.arity
    outputs, kept = map(len, function.shapes([(1, 1, 1)] * arity))
    slopes, pullback = _pullback(function, kept, outputs)

    def value(numbers: Sequence[float], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found, more = function.value(tuple(numbers), [_numpy(x) for x in tensors])
        return (*(_like(x, tensors[0]) for x in found), *(torch.tensor(x) for x in more))

    def fake(numbers: Sequence[float], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found, more = function.shapes([tuple(x.shape) for x in tensors])
        held = (torch.empty(shape, dtype=torch.float64, device="cpu") for shape in more)
        return (*(tensors[0].new_empty(shape) for shape in found), *held)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.numbers = inputs[0]
        ctx.save_for_backward(*inputs[1:], *output[outputs:])
        ctx.save_for_forward(*inputs[1:], *output[outputs:])
        ctx.mark_non_differentiable(*output[outputs:])

    def backward(ctx: Any, *along: Any) -> Any:
        along = along[:outputs]
        wanted = tuple(ctx.needs_input_grad[1:])
        function.check_wanted(wanted)
        # Multiplied here, one number may itself be differentiated.
        scale = along[0] if outputs == 1 and not along[0].ndim else None
        seeds = along if scale is None else (torch.ones_like(scale),)
        pull = slopes if torch.compiler.is_compiling() else pullback
        found = pull(ctx.numbers, wanted, *ctx.saved_tensors, *seeds)
        scaled = found if scale is None else [(scale * s).to(s.dtype) for s in found]
        return (None, *(s if w else None for s, w in zip(scaled, wanted)))

    def forward_mode(ctx: Any, _: Any, *along: Any) -> Any:
        if function.hessian is None:
            raise NotImplementedError(
                f"{function.title} has no forward mode: take first derivatives in reverse (torch.func.grad or jacrev);"
                f" {function.refusal}"
            )
        wanted = tuple(x is not None for x in along)
        tensors = ctx.saved_tensors
        found = pullback(ctx.numbers, wanted, *tensors, tensors[0].new_ones(()))
        moved = [(s * x).sum() for s, x, w in zip(found, along, wanted) if w]
        return (torch.stack(moved).sum(), *[None] * kept)

    results = ", ".join(["Tensor"] * (outputs + kept))
    schema = f"(float[] numbers, {_named(arity)}) -> ({results})"
    operator = _operator(function.name, schema, value, fake, backward, setup_context)
    return operator, _function(operator, backward, setup_context, forward_mode), outputs


def _pullback(function: NumpyFunction, kept: int, outputs: int) -> tuple[Operator, Operator]:
    """The derivatives given cotangents: empty where they are not wanted."""
    arity, twice = function.arity, function.twice
    curvature = None if function.hessian is None else _curvature(function, kept)

    def value(numbers: Sequence[float], wanted: Sequence[bool], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        arrays = [_numpy(x) for x in tensors]
        parts = arrays[:arity], arrays[arity : arity + kept], arrays[arity + kept :]
        found = function.pullback(tuple(numbers), *parts, wanted)
        return tuple(_like(s, x) if w else x.new_empty(0) for s, x, w in zip(found, tensors, wanted))

    def fake(numbers: Sequence[float], wanted: Sequence[bool], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(x.new_empty(x.shape if w else 0) for x, w in zip(tensors, wanted))

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        if curvature is not None:
            ctx.numbers, ctx.wanted = inputs[:2]
            ctx.save_for_backward(*inputs[2 : 2 + arity + kept])
            ctx.save_for_forward(*inputs[2 : 2 + arity + kept])

    def backward(ctx: Any, *along: Any) -> Any:
        wanted = () if curvature is None else ctx.wanted
        again = ctx.needs_input_grad[2 : 2 + arity] if curvature is not None else ()
        function.check_wanted_twice(wanted, again)
        assert curvature is not None
        tensors = ctx.saved_tensors
        steps = [t if w else torch.zeros_like(x) for t, w, x in zip(along[:twice], wanted, tensors)]
        found = curvature[torch.compiler.is_compiling()](ctx.numbers, *tensors, *steps)
        rest = [None] * (arity - twice + kept + outputs)
        return (None, None, *(x if w else None for x, w in zip(found, again)), *rest)

    def forward_mode(ctx: Any, *along: Any) -> Any:
        if curvature is None:
            raise NotImplementedError(function.refusal)
        function.check_wanted_twice(ctx.wanted)
        tensors, steps = ctx.saved_tensors, along[2 : 2 + arity]
        filled = [torch.zeros_like(x) if t is None else t for t, x in zip(steps, tensors)]
        found = list(curvature[0](ctx.numbers, *tensors, *filled[:twice]))
        # torch.func has zeros for what does not move; motions of what has no second derivatives give NaN.
        for moved in filled[twice:]:
            found = [torch.where((moved != 0).any(), float("nan"), x) for x in found]
        rest = [None] * (arity - twice)
        return tuple(s if w else x.new_zeros(0) for s, x, w in zip([*found, *rest], tensors, ctx.wanted))

    given, results = _named(arity + kept + outputs), ", ".join(["Tensor"] * arity)
    schema = f"(float[] numbers, bool[] wanted, {given}) -> ({results})"
    operator = _operator(f"{function.name}_slopes", schema, value, fake, backward, setup_context)
    return operator, _function(operator, backward, setup_context, forward_mode)


def _curvature(function: NumpyFunction, kept: int) -> tuple[Operator, Operator]:
    """Products of the second derivatives with directions, eager and compiled.

    They are linear in the directions, and their own transposes. Third derivatives are NaN: `hvp` of PyTorch asks for
    them beside others, and drops them.
    """
    arity, twice = function.arity, function.twice
    hessian = function.hessian
    assert hessian is not None

    def value(numbers: Sequence[float], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        arrays = [_numpy(x) for x in tensors]
        parts = arrays[:arity], arrays[arity : arity + kept], arrays[arity + kept :]
        return tuple(_like(s, x) for s, x in zip(hessian(tuple(numbers), *parts), tensors))

    def fake(numbers: Sequence[float], *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(x.new_empty(x.shape) for x in tensors[:twice])

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.numbers = inputs[0]
        ctx.save_for_backward(*inputs[1 : 1 + arity + kept])

    def backward(ctx: Any, *along: Any) -> Any:
        tensors, needs = ctx.saved_tensors, ctx.needs_input_grad[1:]
        third = [torch.full_like(x, float("nan")) if w else None for x, w in zip(tensors, needs)]
        found = pair[torch.compiler.is_compiling()](ctx.numbers, *tensors, *along)
        return (None, *third, *(x if w else None for x, w in zip(found, needs[arity + kept :])))

    def refuse(ctx: Any, *along: Any) -> None:
        raise NotImplementedError(f"third derivatives of {function.title} are not available")

    schema = f"(float[] numbers, {_named(arity + kept + twice)}) -> ({', '.join(['Tensor'] * twice)})"
    operator = _operator(f"{function.name}_curvature", schema, value, fake, backward, setup_context)
    pair = _function(operator, backward, setup_context, refuse), operator
    return pair


def _operator(
    name: str, schema: str, value: Operator, fake: Operator, backward: Callable[..., Any], setup: Callable[..., None]
) -> Operator:
    """A registered operator, which vmap calls once for each member of a batch."""
    # Not by `custom_op`: its operators import the compiler when they are called first, which takes seconds.
    qualified = f"diracs::{name}"
    _LIBRARY.define(name + schema)
    _LIBRARY.impl(name, value, "CompositeExplicitAutograd")
    torch.library.register_fake(qualified, fake, lib=_LIBRARY)
    torch.library.register_autograd(qualified, backward, setup_context=setup, lib=_LIBRARY)
    operator: Operator = getattr(torch.ops.diracs, name).default

    def one_by_one(info: Any, in_dims: Sequence[Any], *given: Any) -> Any:
        def member(i: int) -> list[Any]:
            # Numbers come with axes of their own, or none.
            both = zip(given, in_dims)
            return [x.select(d, i) if isinstance(x, torch.Tensor) and d is not None else x for x, d in both]

        columns = tuple(torch.stack(column) for column in zip(*(operator(*member(i)) for i in range(info.batch_size))))
        return columns, (0,) * len(columns)

    torch.library.register_vmap(qualified, one_by_one, lib=_LIBRARY)
    return operator


def _function(
    operator: Operator, backward: Callable[..., Any], setup: Callable[..., None], jvp: Callable[..., None]
) -> Operator:
    """The operator as a torch.autograd.Function: torch.func takes no registered derivatives (as of PyTorch 2.13)."""

    class Function(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*given: Any) -> tuple[torch.Tensor, ...]:
            return operator(*given)

    for name, rule in (("setup_context", setup), ("backward", backward), ("jvp", jvp)):
        setattr(Function, name, staticmethod(rule))

    def apply(*given: Any) -> Any:
        return Function.apply(*(x if isinstance(x, torch.Tensor) else _Leaf(x) for x in given))

    return apply


class _Leaf(tuple[Any, ...]):
    """Numbers that torch.func takes for one thing: with trees among arguments its forward mode miscounts (2.13)."""


def _named(count: int) -> str:
    return ", ".join(f"Tensor x{i}" for i in range(count))


def _numpy(x: torch.Tensor) -> np.ndarray:
    array: np.ndarray = x.detach().cpu().numpy()
    return array


def _like(x: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(x, dtype=like.dtype, device=like.device)


# All that are known by now, here where the compiler does not look.
_MADE = {function: _differentiable(function) for function in FUNCTIONS}
