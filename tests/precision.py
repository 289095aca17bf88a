"""JAX in double precision within a block, by the name that its version has."""

import jax

enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
