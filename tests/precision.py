"""JAX in double precision within a block, by the name that its version has."""

from contextlib import AbstractContextManager

from optional import optional

jax = optional("jax")


def enable_x64(enabled: bool) -> AbstractContextManager[None]:
    return (jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64)(enabled)
