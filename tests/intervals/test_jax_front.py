"""Functions of JAX have bounds that hold JAX's Jacobians."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional
from precision import enable_x64

from diracs.intervals import jacobian_of

jax = optional("jax")
jnp = optional("jax.numpy")


@pytest.fixture(autouse=True)
def double_precision():
    with enable_x64(True):
        yield


@pytest.fixture
def jax_holds(holds):
    def check(f):
        row = jax.jit(jax.vmap(jax.jacfwd(lambda x: f(x[None])[0])))
        return holds(f, lambda x: np.asarray(row(x)), jax.jit(f))

    return check


def jax_loop(x):
    def slope(s):
        return jnp.stack([s[:, 1], -jnp.sin(s[:, 0])], axis=1)

    return jax.lax.fori_loop(0, 4, lambda i, s: s + 0.1 * slope(s + 0.05 * slope(s)), x)


JAX = {
    "loop": jax_loop,
    "scan": lambda x: jax.lax.scan(lambda s, a: (s + a * jnp.cos(s), s), x, jnp.array([0.1, 0.2]), reverse=True)[0],
    "activations": lambda x: jnp.concatenate(
        [jax.nn.gelu(x), jax.nn.silu(x), jax.nn.relu(x), jax.nn.leaky_relu(x), jax.nn.elu(x), jax.nn.log_sigmoid(x)], 1
    ),
    "updated": lambda x: x.at[:, 0].set(x[:, 1] ** 3).at[:, 1].set(jnp.clip(x[:, 0], -0.3, 0.3)),
    "reduced": lambda x: jnp.stack(
        [x.sum(1), (x**2).mean(1), x.max(axis=1), jnp.prod(x, 1), jnp.cumsum(x, 1)[:, 1]], 1
    ),
    "moved": lambda x: (
        jnp.roll(x, 1, axis=1)[:, ::-1] * jnp.tile(x[:, :1], (1, 2)) + jnp.pad(x, ((0, 0), (1, 0)))[:, :2]
    ),
    "mapped": jax.vmap(lambda r: jnp.array([r[0] * r[1], jnp.hypot(r[0], 4 + r[1]), jnp.maximum(r[0], 0.0)])),
    "checkpointed": jax.checkpoint(lambda x: jnp.tanh(x) @ jnp.array([[1.0, 2.0], [3.0, 4.0]]) / (2 + jnp.cos(x))),
    "powers": lambda x: (4 + x) ** 1.5 + jnp.sqrt(9 + x) - 1 / (5 + x) + jax.lax.rsqrt(7 + x) + 2.0**x,
}


@pytest.mark.parametrize("name", JAX)
def test_functions_of_jax(name, jax_holds):
    jax_holds(JAX[name])


@pytest.mark.parametrize(
    ("f", "named"),
    [
        (lambda x: jnp.fft.fft(x).real, "JAX's"),
        (lambda x: jnp.sort(x, axis=1), "JAX's operation 'sort'"),
        (lambda x: jax.lax.cond(x[0, 0] > 0, lambda: x, lambda: -x), "use jnp.where"),
    ],
)
def test_operations_that_are_not_understood_are_named(f, named):
    with pytest.raises(TypeError, match=named) as caught:
        jacobian_of(f, 2)
    assert "Smooth(f, jacobian=" in str(caught.value)
