"""Place 200 points for an image by gradient descent on W₂², in JAX.

Run it with `python examples/place_points_jax.py [STEPS [PICTURE]]`. The loss runs under `jax.jit`; its gradient is
2 ∫_{cell} (yᵢ − x) dρ.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from diracs import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
start = time.perf_counter()
t = jnp.linspace(0, 1, 64)
x, y = jnp.meshgrid(t, t)
target_img = jnp.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + jnp.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
target = PolynomialGrid(values=target_img)


@jax.jit
def loss(positions):
    return distance(SumOfDiracs(positions), target)


positions = jnp.array(np.random.rand(200, 2))  # noqa: NPY002
lr = 5e-3
for step in range(steps):
    val, grad = jax.value_and_grad(loss)(positions)
    positions = positions - lr * grad
    if step % 50 == 0 or step == steps - 1:
        print(f"step {step:3}: W₂² = {float(val):.6f}")
print(f"{steps} steps in {time.perf_counter() - start:.1f} s, compilation included")
if len(sys.argv) > 2:
    plan = optimal_transport_plan(SumOfDiracs(positions), target)
    plan.plot(arrows=False).figure.savefig(sys.argv[2], dpi=150)
