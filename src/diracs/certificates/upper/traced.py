"""Certificates of traced values in JAX as one program each.

Under an eager vmap or grad JAX would compile operation by operation, hundreds of them for every new shape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from diracs.backend.arrays import Array, concrete
from diracs.certificates.upper.product import axis_aligned
from diracs.schemes.layered import LayeredScheme

Result = tuple[Array, Array, Array, bool]


def compiled(
    function: Callable[..., Result], means: Array, covs: Array, weights: Array, scheme: LayeredScheme
) -> Result:
    """function(means, covs, weights, scheme, "jax"), three arrays and whether the bound is exact, by `jax.jit`.

    Frames that rotate nothing are part of the program, which may use that (see `axis_aligned`).
    """
    import jax

    leaves, structure = jax.tree_util.tree_flatten(scheme)
    aligned = {id(part.frame) for part in scheme.schemes if part.frame is not None and axis_aligned(part)}
    frames = [concrete(x) if id(x) in aligned else None for x in leaves]
    fixed = tuple(
        None if f is None else (f.shape, jax.dtypes.canonicalize_dtype(f.dtype).name, tuple(f.ravel().tolist()))
        for f in frames
    )
    free = [x for x, f in zip(leaves, frames) if f is None]
    *found, exact = _program(function)(means, covs, weights, free, fixed, structure)
    return *found, exact is not None


@functools.cache
def _program(function: Callable[..., Result]) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    def program(means: Array, covs: Array, weights: Array, free: list[Array], fixed: Any, structure: Any) -> Any:
        rest = iter(free)
        with jax.ensure_compile_time_eval():
            frames = [None if f is None else jnp.reshape(jnp.asarray(f[2], dtype=f[1]), f[0]) for f in fixed]
        scheme = jax.tree_util.tree_unflatten(structure, [next(rest) if f is None else f for f in frames])
        *found, exact = function(means, covs, weights, scheme, "jax")
        # A program returns arrays, and their structure.
        return *found, () if exact else None

    return jax.jit(program, static_argnums=(4, 5))
