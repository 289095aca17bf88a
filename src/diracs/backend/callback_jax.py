"""NumPy functions in JAX: a custom_vjp around callbacks, under jit, grad, vmap.

Import this module only where JAX is there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from diracs.backend.callback import InvalidValues, Numbers, NumpyFunction
from diracs.backend.members import Ahead, over_members


def call(function: NumpyFunction, numbers: Numbers, *arrays: Any) -> tuple[Any, ...]:
    """The outputs of the function, differentiable once, or twice; NaN for values that it does not take."""
    return _differentiable(function, numbers)(*map(jnp.asarray, arrays))


@functools.lru_cache(maxsize=256)
def _differentiable(function: NumpyFunction, numbers: Numbers) -> Callable[..., tuple[Any, ...]]:
    solve, pullback = _solve(function, numbers), _pullback(function, numbers)

    @jax.custom_vjp
    def outputs(*arrays: Any) -> tuple[Any, ...]:
        return solve(*arrays)[0]

    def forward(*given: Any) -> tuple[tuple[Any, ...], Any]:
        arrays = [x.value for x in given]
        found, kept = solve(*arrays)
        # What is wanted must be known before values are: the structure says it.
        return found, (arrays, kept, [() if x.perturbed else None for x in given])

    def backward(saved: Any, along: Sequence[Any]) -> tuple[Any, ...]:
        arrays, kept, structure = saved
        wanted = tuple(x is not None for x in structure)
        function.check_wanted(wanted)
        along = [jnp.zeros(x.shape, x.dtype) if isinstance(x, SymbolicZero) else x for x in along]
        # Multiplied here, one number may itself be differentiated.
        scale = along[0] if len(along) == 1 and not along[0].ndim else None
        slopes = pullback(wanted)(arrays, kept, along if scale is None else [jnp.ones_like(scale)])
        scaled = slopes if scale is None else [(scale * s).astype(s.dtype) for s in slopes]
        found = iter(scaled)
        return tuple(next(found) if w else None for w in wanted)

    outputs.defvjp(forward, backward, symbolic_zeros=True)
    return outputs


def _solve(function: NumpyFunction, numbers: Numbers) -> Callable[..., Any]:
    """Outputs and what is kept of arrays; float64 travels as pairs of integers, since JAX may not have it."""

    def shapes(arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        found, kept = function.shapes([x.shape for x in arrays])
        return (
            [jax.ShapeDtypeStruct(tuple(s), arrays[0].dtype) for s in found],
            [jax.ShapeDtypeStruct((*s, 2), np.uint32) for s in kept],
        )

    def member(arrays: list[np.ndarray]) -> list[np.ndarray]:
        try:
            found, kept = function.value(numbers, arrays)
        except InvalidValues:
            return [np.full(s, np.nan) for part in function.shapes([x.shape for x in arrays]) for s in part]
        return [*found, *kept]

    @functools.lru_cache
    def value(ndim: int) -> Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]:
        def values(*given: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
            arrays = [np.asarray(x) for x in given]
            lead = arrays[0].ndim - ndim
            outputs, kept = function.shapes([x.shape[lead:] for x in arrays])
            found = over_members(member, arrays, lead, [*outputs, *kept], function.ahead(numbers))
            n = len(outputs)
            return [np.asarray(x, arrays[0].dtype) for x in found[:n]], [_bits(x) for x in found[n:]]

        return values

    def solve(*arrays: Any) -> Any:
        return jax.pure_callback(value(arrays[0].ndim), shapes(arrays), *arrays, vmap_method="expand_dims")

    if function.hessian is None:
        return _once(function, solve)
    twice, pullback = jax.custom_jvp(solve), _pullback(function, numbers)

    @functools.partial(twice.defjvp, symbolic_zeros=True)
    def slope(arrays: Sequence[Any], steps: Sequence[Any]) -> Any:
        """Of the output; what is kept belongs to the values, and has none of its own."""
        wanted = tuple(not isinstance(x, SymbolicZero) for x in steps)
        function.check_wanted_twice(wanted)
        found, kept = twice(*arrays)
        slopes = pullback(wanted)(list(arrays), kept, [jnp.ones_like(found[0])])
        moved = [x for x, w in zip(steps, wanted) if w]
        total = sum(jnp.vdot(s, x) for s, x in zip(slopes, moved)).astype(found[0].dtype)
        return (found, kept), ([total], [np.zeros(x.shape, jax.dtypes.float0) for x in kept])

    return twice


def _pullback(function: NumpyFunction, numbers: Numbers) -> Callable[[tuple[bool, ...]], Callable[..., Any]]:
    """The wanted derivatives of arrays, what was kept, and cotangents."""

    @functools.lru_cache
    def of(wanted: tuple[bool, ...]) -> Callable[..., Any]:
        def member(arrays: Any, kept: Any, along: Any) -> list[np.ndarray]:
            try:
                found = function.pullback(numbers, arrays, kept, along, wanted)
            except InvalidValues:
                found = [np.full(x.shape, np.nan) for x in arrays]
            return [s for s, w in zip(found, wanted) if w]

        slopes = _of_parts(member, lambda kept: function.pull_ahead(wanted, kept))

        def pull(*given: Any) -> Any:
            shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x, w in zip(given[0], wanted) if w]
            return jax.pure_callback(slopes(given[0][0].ndim, wanted), shapes, *given, vmap_method="expand_dims")

        return _once(function, pull) if function.hessian is None else _twice(function, numbers, pull, wanted)

    return of


def _twice(
    function: NumpyFunction, numbers: Numbers, pull: Callable[..., Any], wanted: tuple[bool, ...]
) -> Callable[..., Any]:
    """The derivatives, with their own: products of a symmetric matrix with tangents, the same when transposed."""
    hessian = function.hessian
    assert hessian is not None

    def member(arrays: Any, kept: Any, along: Any) -> list[np.ndarray]:
        try:
            return list(hessian(numbers, arrays, kept, along))
        except InvalidValues:
            return [np.full(x.shape, np.nan) for x in arrays[: function.twice]]

    product = _of_parts(member)
    both = tuple(k < function.twice for k in range(function.arity))

    def curvature(arrays: Any, kept: Any, along: Any) -> Any:
        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays[: function.twice]]
        callback = product(arrays[0].ndim, both)
        return jax.pure_callback(callback, shapes, arrays, kept, along, vmap_method="expand_dims")

    @jax.custom_jvp
    def guarded(arrays: Any, x: Any) -> Any:
        return x

    @functools.partial(guarded.defjvp, symbolic_zeros=True)
    def refuse(primals: Any, tangents: Any) -> Any:
        if any(not isinstance(t, SymbolicZero) for t in tangents[0]):
            raise NotImplementedError(f"third derivatives of {function.title} are not available")
        return primals[1], tangents[1]

    wrapped = jax.custom_jvp(pull)

    @functools.partial(wrapped.defjvp, symbolic_zeros=True)
    def slopes(primals: Any, tangents: Any) -> Any:
        arrays, kept, _ = primals
        again = tuple(not isinstance(t, SymbolicZero) for t in tangents[0])
        function.check_wanted_twice(wanted, again)
        firsts = arrays[: function.twice]
        steps = [t if w else jnp.zeros_like(x) for t, w, x in zip(tangents[0], again, firsts)]
        ends = np.cumsum([x.size for x in firsts])[:-1]

        def one(parts: Sequence[Any]) -> Any:
            return jnp.concatenate([jnp.ravel(x) for x in parts])

        def apart(vector: Any) -> list[Any]:
            pieces = zip(jnp.split(vector, ends), firsts)
            return [x.reshape(like.shape).astype(like.dtype) for x, like in pieces]

        # JAX knows one linear map that is opaque, batched and transposed alike: a solve, of what is never looked at.
        moved = jax.lax.custom_linear_solve(
            lambda x: guarded(arrays, x),
            one(steps),
            lambda _, x: one(curvature(arrays, kept, apart(x))).astype(x.dtype),
            symmetric=True,
        )
        moved = apart(moved)
        return wrapped(*primals), [x for x, w in zip(moved, wanted) if w]

    return wrapped


def _once(function: NumpyFunction, callback: Callable[..., Any]) -> Callable[..., Any]:
    """The callback; its derivative, the second one of the function, is an error."""
    wrapped = jax.custom_jvp(callback)

    @wrapped.defjvp
    def refuse(primals: Any, tangents: Any) -> None:
        raise NotImplementedError(function.refusal)

    return wrapped


def _of_parts(
    member: Callable[..., list[np.ndarray]], ahead: Callable[[int], Ahead | None] = lambda kept: None
) -> Callable[..., Callable[..., list[np.ndarray]]]:
    """Callbacks for batches, from a function of arrays, what was kept and directions, to a result per array asked for.

    One for each number of axes of a single first array, and arrays asked for: JAX compiles a callback once.
    """

    @functools.lru_cache
    def of(ndim: int, asked: tuple[bool, ...]) -> Callable[..., list[np.ndarray]]:
        def callback(*given: Any) -> list[np.ndarray]:
            arrays, kept, along = ([np.asarray(x) for x in part] for part in given)
            a, b, lead = len(arrays), len(arrays) + len(kept), arrays[0].ndim - ndim
            likes = [x for x, w in zip(arrays, asked) if w]
            found = over_members(
                lambda all_: member(all_[:a], all_[a:b], all_[b:]),
                [*arrays, *(_numbers(x) for x in kept), *along],
                lead,
                [x.shape[lead:] for x in likes],
                ahead(len(kept)),
            )
            return [np.asarray(s, x.dtype) for s, x in zip(found, likes)]

        return callback

    return of


def _bits(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(x, np.float64)[..., None]).view(np.uint32)


def _numbers(bits: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(bits).view(np.float64)[..., 0]
