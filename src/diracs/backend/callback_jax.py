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


def call(function: NumpyFunction, numbers: Numbers, *arrays: Any) -> tuple[Any, ...]:
    """The outputs of the function, differentiable once; NaN for values that it does not take."""
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

    def value(*given: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        arrays = [np.asarray(x) for x in given]
        try:
            found, kept = function.value(numbers, arrays)
        except InvalidValues:
            found, kept = ([np.full(s.shape[:n], np.nan) for s in part] for part, n in zip(shapes(arrays), (None, -1)))
        return [np.asarray(x, arrays[0].dtype) for x in found], [_bits(x) for x in kept]

    def solve(*arrays: Any) -> Any:
        return jax.pure_callback(value, shapes(arrays), *arrays, vmap_method="sequential")

    return _once(function, solve)


def _pullback(function: NumpyFunction, numbers: Numbers) -> Callable[[tuple[bool, ...]], Callable[..., Any]]:
    """The wanted derivatives of arrays, what was kept, and cotangents."""

    @functools.lru_cache
    def of(wanted: tuple[bool, ...]) -> Callable[..., Any]:
        def slopes(*given: Any) -> list[np.ndarray]:
            arrays, kept, along = ([np.asarray(x) for x in part] for part in given)
            try:
                found = function.pullback(numbers, arrays, [_numbers(x) for x in kept], along, wanted)
            except InvalidValues:
                found = [np.full(x.shape, np.nan) for x in arrays]
            return [np.asarray(s, x.dtype) for s, x, w in zip(found, arrays, wanted) if w]

        def pull(*given: Any) -> Any:
            shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x, w in zip(given[0], wanted) if w]
            return jax.pure_callback(slopes, shapes, *given, vmap_method="sequential")

        return _once(function, pull)

    return of


def _once(function: NumpyFunction, callback: Callable[..., Any]) -> Callable[..., Any]:
    """The callback; its derivative, the second one of the function, is an error."""
    wrapped = jax.custom_jvp(callback)

    @wrapped.defjvp
    def refuse(primals: Any, tangents: Any) -> None:
        raise NotImplementedError(function.refusal)

    return wrapped


def _bits(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(x, np.float64)[..., None]).view(np.uint32)


def _numbers(bits: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(bits).view(np.float64)[..., 0]
