"""An incompressible fluid on a torus: particles on springs to the centres of cells of equal volume.

The scheme of Gallouët & Mérigot (2018) for Euler's equations: each particle owns the same volume, by optimal transport,
and a stiff spring pulls it to the barycenter of what it owns. The flow is two shear layers that roll up (Brown &
Minion 1995). Energy is kinetic, ½ E|v|², and that of the springs, ½ W₂²/ε².

    python examples/fluid.py [--points 3000] [--steps 60] [--output fluid.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import diracs

# The springs' length scale, and the length of a step, in spacings of the particles.
SPRING, STEP = 3.0, 0.6


def layers(x: np.ndarray) -> np.ndarray:
    """Velocities at positions (n, 2) of the unit torus: two shear layers, slightly bent."""
    lower, upper = np.tanh(30.0 * (x[:, 1] - 0.25)), np.tanh(30.0 * (0.75 - x[:, 1]))
    return np.stack([np.where(x[:, 1] <= 0.5, lower, upper), 0.05 * np.sin(2.0 * np.pi * x[:, 0])], axis=1)


def flow(n: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) after so many steps, and those of the beginning."""
    torus = diracs.PolynomialGrid(np.ones((1, 1)), periodic=True)
    x = diracs.lloyd(torus, n, masses="equal", iterations=10).positions % 1.0
    begun, velocities = x.copy(), layers(x)
    start = None
    spring, step = SPRING / n**0.5, STEP / n**0.5
    for number in range(steps + 1):
        plan = diracs.optimal_transport_plan(diracs.SumOfDiracs(x), torus, start=start)
        start = plan
        kinetic, held = 0.5 * (velocities**2).sum(axis=1).mean(), 0.5 * float(plan.distance) / spring**2
        if number % max(steps // 6, 1) == 0:
            print(f"step {number:3}: energy {kinetic + held:.5f} = {kinetic:.5f} kinetic + {held:.5f} of the springs")
        # Leapfrog would need the force at the same time; this one is symplectic too.
        velocities = velocities + step * (plan.barycenters - x) / spring**2
        x = (x + step * velocities) % 1.0
    return x, begun


def draw(x: np.ndarray, begun: np.ndarray, path: Path) -> None:
    """Particles, coloured by the layer that they come from."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9.0, 4.6), layout="constrained")
    inner = np.abs(begun[:, 1] - 0.5) < 0.25
    for axis, positions, title in zip(axes, (begun, x), ("at the beginning", "at the end")):
        axis.scatter(*positions.T, s=10_000.0 / len(x), c=np.where(inner, "tab:red", "tab:blue"), linewidths=0)
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[], title=title)
    figure.savefig(path, dpi=150)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--points", type=int, default=3000)
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--output", type=Path)
    given = options.parse_args()
    x, begun = flow(given.points, given.steps)
    if given.output:
        draw(x, begun, given.output)


if __name__ == "__main__":
    main()
