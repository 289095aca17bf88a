"""Small transport problems, alone and a thousand at once: 200 Diracs and an image of 64 × 64 pixels.

Processor time of one W₂², and of one with its gradient, in NumPy, PyTorch and JAX (compiled), at its least of several;
then a batch, as one call on one thread and on two, beside a loop of single calls. Wall time says what threads save only
where no other work is on the machine. POT's `ot.semidiscrete` (0.9.7) is no counterpart: it descends along stochastic
gradients, from samples of a density, and has neither images nor the value or derivatives of W₂².

    python benchmarks/small_problems.py [problems]
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch

from diracs import PolynomialGrid, SumOfDiracs, distance, optimal_transport_plan, set_threads

POINTS, PIXELS, TRIALS = 200, 64, 15


def problem(count):
    """Points (count, n, 2) and an image with two peaks."""
    x = (np.arange(PIXELS) + 0.5) / PIXELS
    peaks = ((1.0, 0.3, 0.6, 0.02), (0.3, 0.7, 0.3, 0.03))
    image = 0.02 + sum(a * np.exp(-((x[:, None] - b) ** 2 + (x - c) ** 2) / w) for a, b, c, w in peaks)
    return np.random.default_rng(0).random((count, POINTS, 2)), image


def seconds(work, trials):
    """The least wall and processor time of a call."""
    work()
    found = []
    for _ in range(trials):
        wall, own = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - own))
    return np.min(found, axis=0)


def works(positions, image):
    """By name: of one problem, or of a batch, according to the positions."""
    grid, pixels = PolynomialGrid(image), torch.tensor(image)

    def slope_in_torch():
        y = torch.tensor(positions, requires_grad=True)
        distance(SumOfDiracs(y), PolynomialGrid(pixels)).sum().backward()

    jitted = jax.jit(jax.value_and_grad(lambda y: distance(SumOfDiracs(y), grid).sum()))
    in_jax = jnp.asarray(positions)
    return {
        "numpy": lambda: distance(SumOfDiracs(positions), grid),
        "torch, gradient": slope_in_torch,
        "jax, gradient": lambda: jax.block_until_ready(jitted(in_jax)),
    }


def main(count=1000):
    jax.config.update("jax_enable_x64", True)
    positions, image = problem(count)
    print(f"{POINTS} points, {PIXELS} × {PIXELS} pixels: ms per problem")
    print(f"{'one problem':>24} {'wall':>8} {'cpu':>8}")
    singles = works(positions[0], image)
    plan = SumOfDiracs(positions[0]), PolynomialGrid(image)
    with set_threads(1):
        for name, work in {**singles, "plan": lambda: optimal_transport_plan(*plan)}.items():
            wall, own = 1e3 * seconds(work, TRIALS)
            print(f"{name:>24} {wall:8.2f} {own:8.2f}", flush=True)
    print(f"{f'{count} at once':>24} {'wall':>8} {'cpu':>8}  wall of a loop / wall")
    for name, work in works(positions, image).items():
        loops = [works(y, image)["numpy" if name == "numpy" else "torch, gradient"] for y in positions]
        base = 1e3 / count * seconds(lambda loops=loops: [one() for one in loops], 1)
        print(f"{name + ', loop':>24} {base[0]:8.2f} {base[1]:8.2f}")
        for threads in (1, 2):
            with set_threads(threads):
                wall, own = 1e3 / count * seconds(work, 1)
            label = f"{name}, {threads} thread{'s' * (threads > 1)}"
            print(f"{label:>24} {wall:8.2f} {own:8.2f}  {base[0] / wall:.2f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
