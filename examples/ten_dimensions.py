"""Five damped masses, ten dimensions, pushed by noise: a hundred steps with a thousand points each.

Run it with `python examples/ten_dimensions.py`. The state is the positions and velocities of masses on springs; the map
of one time step is affine, so that the errors of all steps add in squares, each direction damped as it is.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import expm

import diracs

MASSES, STEPS, POINTS = 5, 100, 1000
STEP, SPRING, FRICTION = 0.4, 1.0, 0.6


def chain() -> diracs.Affine:
    """One time step of masses between two walls: x'' = −K x − c x', in coordinates where energy is a square."""
    stiffness = SPRING * (2.0 * np.eye(MASSES) - np.eye(MASSES, k=1) - np.eye(MASSES, k=-1))
    values, vectors = np.linalg.eigh(stiffness)
    root = (vectors * np.sqrt(values)) @ vectors.T
    # With u = K^{1/2} x the system is a rotation, but for the friction.
    generator = np.block([[np.zeros((MASSES, MASSES)), root], [-root, -FRICTION * np.eye(MASSES)]])
    return diracs.Affine(expm(STEP * generator))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("ten_dimensions.png"), help="the picture")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()

    # The first mass is pulled aside; the noise pushes velocities, the ones at the left more than those at the right.
    start = diracs.Gaussian(np.eye(2 * MASSES)[0] * 3.0, np.full(2 * MASSES, 1e-2))
    noise = diracs.Gaussian(np.zeros(2 * MASSES), np.r_[np.full(MASSES, 1e-5), np.geomspace(3e-2, 3e-4, MASSES)])
    began = time.perf_counter()
    trajectory = diracs.propagate(start, chain(), noise, arguments.steps, n=POINTS, quantized=True)
    seconds = time.perf_counter() - began
    last = trajectory.states[-1]
    mean = last.weights @ last.means
    spread = np.sqrt(last.weights @ ((last.means - mean) ** 2).sum(axis=1) + last.covs[0].sum())
    print(f"{arguments.steps} steps with {POINTS} points each: {seconds:.1f} s")
    print(f"W₂ ≤ {trajectory.w2_bound[-1]:.3f} after the last; the state's own standard deviation is {spread:.3f}")
    few = diracs.propagate(start, chain(), noise, arguments.steps, n=10, quantized=True)
    print(f"with 10 points each: W₂ ≤ {few.w2_bound[-1]:.3f}")

    figure = Figure(figsize=(12.0, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    trajectory.plot(ax=left, steps=[t for t in (0, 2, 4, 6, 9, 14, 100) if t <= arguments.steps], diracs=False)
    time_axis = np.arange(1, arguments.steps + 1)
    right.plot(time_axis, few.w2_bound, color="#2f6690", label="10 points a step")
    right.plot(time_axis, trajectory.w2_bound, color="#d1495b", label=f"{POINTS} points a step")
    right.axhline(spread, color="#1b2a41", linestyle="--", linewidth=1.0, label="standard deviation of the state")
    right.set(xlabel="step", ylabel="bound on W₂", ylim=(0, None))
    right.set_title("The bound settles, for ever", loc="left", fontsize="medium")
    right.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False)
    figure.savefig(arguments.output, dpi=160)
    print(f"picture: {arguments.output}")


if __name__ == "__main__":
    main()
