"""NumPy functions in PyTorch, under autograd, torch.func and torch.compile.

Import this module only where PyTorch is there. Each function becomes two operators, for its value and its derivatives,
opaque to the compiler, and a torch.autograd.Function around each, which torch.func needs; a third one where second
derivatives are known. Operators take batches: all tensors have `lead` axes of these before their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from diracs.backend.callback import FUNCTIONS, NumpyFunction
from diracs.backend.members import over_members

Operator = Callable[..., tuple[torch.Tensor, ...]]

# Its operators go when the module is loaded anew.
_LIBRARY = torch.library.Library("diracs", "FRAGMENT")


def call(function: NumpyFunction, numbers: Sequence[float], *arrays: Any) -> tuple[torch.Tensor, ...]:
    """The outputs of the function, differentiable once; NumPy arrays beside tensors are constants."""
    return _apply(function, numbers, 0, _tensors(arrays))


def call_batch(
    function: NumpyFunction, numbers: Sequence[float], mapped: Sequence[bool], *arrays: Any
) -> tuple[torch.Tensor, ...]:
    """The same for arrays with a first axis of one length where they are mapped."""
    tensors = _tensors(arrays)
    count = next(len(x) for x, m in zip(tensors, mapped) if m)
    return _apply(function, numbers, 1, [x if m else x.expand(count, *x.shape) for x, m in zip(tensors, mapped)])


def _tensors(arrays: Sequence[Any]) -> list[torch.Tensor]:
    device = next(x.device for x in arrays if isinstance(x, torch.Tensor))
    return [x if isinstance(x, torch.Tensor) else torch.as_tensor(x, device=device) for x in arrays]


def _apply(
    function: NumpyFunction, numbers: Sequence[float], lead: int, tensors: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    if function not in _MADE:
        _MADE[function] = _differentiable(function)
    compiled, eager, outputs = _MADE[function]
    return (compiled if torch.compiler.is_compiling() else eager)(numbers, lead, *tensors)[:outputs]


def _differentiable(function: NumpyFunction) -> tuple[Operator, Operator, int]:
    """Outputs and what is kept for the derivative, for the compiler and for all others, and the number of outputs."""
    arity = function.arity
    outputs, kept = map(len, function.shapes([(1, 1, 1)] * arity))
    slopes, pullback = _pullback(function, kept, outputs)

    def value(numbers: Sequence[float], lead: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        def member(arrays: list[np.ndarray]) -> list[np.ndarray]:
            found, more = function.value(tuple(numbers), arrays)
            return [*found, *more]

        shapes = function.shapes([tuple(x.shape[lead:]) for x in tensors])
        ahead = function.ahead(tuple(numbers))
        found = over_members(member, [_numpy(x) for x in tensors], lead, [*shapes[0], *shapes[1]], ahead)
        return (*(_like(x, tensors[0]) for x in found[:outputs]), *(torch.tensor(x) for x in found[outputs:]))

    def fake(numbers: Sequence[float], lead: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        batch = tuple(tensors[0].shape[:lead])
        found, more = function.shapes([tuple(x.shape[lead:]) for x in tensors])
        held = (torch.empty(batch + tuple(shape), dtype=torch.float64, device="cpu") for shape in more)
        return (*(tensors[0].new_empty(batch + tuple(shape)) for shape in found), *held)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.numbers, ctx.lead = inputs[:2]
        ctx.save_for_backward(*inputs[2:], *output[outputs:])
        ctx.save_for_forward(*inputs[2:], *output[outputs:])
        ctx.mark_non_differentiable(*output[outputs:])

    def backward(ctx: Any, *along: Any) -> Any:
        along = along[:outputs]
        wanted = tuple(ctx.needs_input_grad[2:])
        function.check_wanted(wanted)
        # Multiplied here, one number may itself be differentiated.
        scale = along[0] if outputs == 1 and along[0].ndim == ctx.lead else None
        seeds = along if scale is None else (torch.ones_like(scale),)
        pull = slopes if torch.compiler.is_compiling() else pullback
        found = pull(ctx.numbers, ctx.lead, wanted, *ctx.saved_tensors, *seeds)
        if scale is not None:
            found = tuple((scale.reshape((*scale.shape, *[1] * (s.ndim - ctx.lead))) * s).to(s.dtype) for s in found)
        return (None, None, *(s if w else None for s, w in zip(found, wanted)))

    def forward_mode(ctx: Any, _: Any, __: Any, *along: Any) -> Any:
        if function.hessian is None:
            raise NotImplementedError(
                f"{function.title} has no forward mode: take first derivatives in reverse (torch.func.grad or jacrev);"
                f" {function.refusal}"
            )
        wanted = tuple(x is not None for x in along)
        tensors, lead = ctx.saved_tensors, ctx.lead
        found = pullback(ctx.numbers, lead, wanted, *tensors, tensors[0].new_ones(tensors[0].shape[:lead]))
        moved = [(s * x).flatten(lead).sum(-1) for s, x, w in zip(found, along, wanted) if w]
        return (torch.stack(moved).sum(0), *[None] * kept)

    results = ", ".join(["Tensor"] * (outputs + kept))
    schema = f"(float[] numbers, int lead, {_named(arity)}) -> ({results})"
    operator = _operator(function.name, schema, value, fake, backward, setup_context)
    return operator, _function(operator, backward, setup_context, forward_mode), outputs


def _pullback(function: NumpyFunction, kept: int, outputs: int) -> tuple[Operator, Operator]:
    """The derivatives given cotangents: empty where they are not wanted."""
    arity, twice = function.arity, function.twice
    curvature = None if function.hessian is None else _curvature(function, kept)

    def value(
        numbers: Sequence[float], lead: int, wanted: Sequence[bool], *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        def member(arrays: list[np.ndarray]) -> list[np.ndarray]:
            parts = arrays[:arity], arrays[arity : arity + kept], arrays[arity + kept :]
            return [s for s, w in zip(function.pullback(tuple(numbers), *parts, wanted), wanted) if w]

        shapes = [tuple(x.shape[lead:]) for x, w in zip(tensors, wanted) if w]
        ahead = function.pull_ahead(wanted, kept)
        found = iter(over_members(member, [_numpy(x) for x in tensors], lead, shapes, ahead))
        return tuple(_like(next(found), x) if w else _none(x, lead) for x, w in zip(tensors, wanted))

    def fake(
        numbers: Sequence[float], lead: int, wanted: Sequence[bool], *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return tuple(x.new_empty(x.shape) if w else _none(x, lead) for x, w in zip(tensors, wanted))

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        if curvature is not None:
            ctx.numbers, ctx.lead, ctx.wanted = inputs[:3]
            ctx.save_for_backward(*inputs[3 : 3 + arity + kept])
            ctx.save_for_forward(*inputs[3 : 3 + arity + kept])

    def backward(ctx: Any, *along: Any) -> Any:
        wanted = () if curvature is None else ctx.wanted
        again = ctx.needs_input_grad[3 : 3 + arity] if curvature is not None else ()
        function.check_wanted_twice(wanted, again)
        assert curvature is not None
        tensors = ctx.saved_tensors
        steps = [t if w else torch.zeros_like(x) for t, w, x in zip(along[:twice], wanted, tensors)]
        found = curvature[torch.compiler.is_compiling()](ctx.numbers, ctx.lead, *tensors, *steps)
        rest = [None] * (arity - twice + kept + outputs)
        return (None, None, None, *(x if w else None for x, w in zip(found, again)), *rest)

    def forward_mode(ctx: Any, *along: Any) -> Any:
        if curvature is None:
            raise NotImplementedError(function.refusal)
        function.check_wanted_twice(ctx.wanted)
        tensors, steps = ctx.saved_tensors, along[3 : 3 + arity]
        filled = [torch.zeros_like(x) if t is None else t for t, x in zip(steps, tensors)]
        found = list(curvature[0](ctx.numbers, ctx.lead, *tensors, *filled[:twice]))
        # torch.func has zeros for what does not move; motions of what has no second derivatives give NaN.
        for moved in filled[twice:]:
            found = [torch.where((moved != 0).any(), float("nan"), x) for x in found]
        rest = [None] * (arity - twice)
        return tuple(s if w else _none(x, ctx.lead) for s, x, w in zip([*found, *rest], tensors, ctx.wanted))

    given, results = _named(arity + kept + outputs), ", ".join(["Tensor"] * arity)
    schema = f"(float[] numbers, int lead, bool[] wanted, {given}) -> ({results})"
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

    def value(numbers: Sequence[float], lead: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        def member(arrays: list[np.ndarray]) -> list[np.ndarray]:
            parts = arrays[:arity], arrays[arity : arity + kept], arrays[arity + kept :]
            return list(hessian(tuple(numbers), *parts))

        shapes = [tuple(x.shape[lead:]) for x in tensors[:twice]]
        found = over_members(member, [_numpy(x) for x in tensors], lead, shapes)
        return tuple(_like(s, x) for s, x in zip(found, tensors))

    def fake(numbers: Sequence[float], lead: int, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(x.new_empty(x.shape) for x in tensors[:twice])

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.numbers, ctx.lead = inputs[:2]
        ctx.save_for_backward(*inputs[2 : 2 + arity + kept])

    def backward(ctx: Any, *along: Any) -> Any:
        tensors, needs = ctx.saved_tensors, ctx.needs_input_grad[2:]
        third = [torch.full_like(x, float("nan")) if w else None for x, w in zip(tensors, needs)]
        found = pair[torch.compiler.is_compiling()](ctx.numbers, ctx.lead, *tensors, *along)
        return (None, None, *third, *(x if w else None for x, w in zip(found, needs[arity + kept :])))

    def refuse(ctx: Any, *along: Any) -> None:
        raise NotImplementedError(f"third derivatives of {function.title} are not available")

    schema = f"(float[] numbers, int lead, {_named(arity + kept + twice)}) -> ({', '.join(['Tensor'] * twice)})"
    operator = _operator(f"{function.name}_curvature", schema, value, fake, backward, setup_context)
    pair = _function(operator, backward, setup_context, refuse), operator
    return pair


def _operator(
    name: str, schema: str, value: Operator, fake: Operator, backward: Callable[..., Any], setup: Callable[..., None]
) -> Operator:
    """A registered operator, which vmap gives one leading axis more."""
    # Not by `custom_op`: its operators import the compiler when they are called first, which takes seconds.
    qualified = f"diracs::{name}"
    _LIBRARY.define(name + schema)
    _LIBRARY.impl(name, value, "CompositeExplicitAutograd")
    torch.library.register_fake(qualified, fake, lib=_LIBRARY)
    torch.library.register_autograd(qualified, backward, setup_context=setup, lib=_LIBRARY)
    operator: Operator = getattr(torch.ops.diracs, name).default

    def together(info: Any, in_dims: Sequence[Any], numbers: Any, lead: int, *given: Any) -> Any:
        def in_front(x: torch.Tensor, axis: int | None) -> torch.Tensor:
            return x.expand(info.batch_size, *x.shape) if axis is None else x.movedim(axis, 0)

        # Flags come with axes of their own, or none.
        pairs = zip(given, in_dims[2:])
        found = operator(numbers, lead + 1, *(in_front(x, d) if isinstance(x, torch.Tensor) else x for x, d in pairs))
        return found, (0,) * len(found)

    torch.library.register_vmap(qualified, together, lib=_LIBRARY)
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
        return Function.apply(*(x if isinstance(x, torch.Tensor | int) else _Leaf(x) for x in given))

    return apply


class _Leaf(tuple[Any, ...]):
    """Numbers that torch.func takes for one thing: with trees among arguments its forward mode miscounts (2.13)."""


def _named(count: int) -> str:
    return ", ".join(f"Tensor x{i}" for i in range(count))


def _none(x: torch.Tensor, lead: int) -> torch.Tensor:
    """In place of a derivative that is not wanted."""
    return x.new_empty((*x.shape[:lead], 0))


def _numpy(x: torch.Tensor) -> np.ndarray:
    array: np.ndarray = x.detach().cpu().numpy()
    return array


def _like(x: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(x, dtype=like.dtype, device=like.device)


# All that are known by now, here where the compiler does not look.
_MADE = {function: _differentiable(function) for function in FUNCTIONS}
