"""A car that is to pass between a wall and an obstacle: with which probability does it, and how far from the wall is
it?

Run it with `python examples/safe_set.py`: it prints certified probabilities of staying clear at each step, over all
steps and of reaching the goal as well, beside what simulation finds, and draws the states with the safe set, the
probabilities, and the quantile that a chance constraint is about.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import diracs
from diracs.show.questions import plot_quantiles, plot_safe_set, plot_safety

STEPS, DRAWS = 6, 100_000
START = diracs.Gaussian([0.0, 0.0], 4e-3)
NOISE = diracs.Gaussian([0.0, 0.0], 2e-3)
WALL = diracs.HalfSpace([0.0, 1.0], 0.6)
OBSTACLE = diracs.Polytope.box([1.2, -1.2], [2.0, -0.45])
GOAL = diracs.Ball([3.0, 0.0], 0.5)


def follow(x: np.ndarray) -> np.ndarray:
    """The car drives on by half a length and steers towards the middle of the lane; no step is longer than 1."""
    return np.stack([x[:, 0] + 0.5, 0.8 * np.sin(x[:, 1])], axis=1)


def simulate() -> np.ndarray:
    """States (STEPS + 1, DRAWS, 2) of the true system."""
    rng = np.random.default_rng(0)
    states = [np.sqrt(4e-3) * rng.normal(size=(DRAWS, 2))]
    for _ in range(STEPS):
        states.append(follow(states[-1]) + np.sqrt(2e-3) * rng.normal(size=(DRAWS, 2)))
    return np.array(states)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=300, help="Diracs in each step")
    parser.add_argument("--output", type=Path, default=Path("safe_set.png"), help="the picture")
    arguments = parser.parse_args()

    trajectory = diracs.propagate(START, follow, NOISE, STEPS, n=arguments.points, lipschitz=1.0)
    states = simulate()
    wall, passed = diracs.stays_in(trajectory, WALL), diracs.reach_avoid(trajectory, GOAL, OBSTACLE)
    below = np.array([WALL.depth(x)[0] >= 0 for x in states])
    clear = np.all([OBSTACLE.depth(x)[0] < 0 for x in states], axis=0) & (GOAL.depth(states[-1])[0] >= 0)
    for t, (low, share) in enumerate(zip(wall.lows, below.mean(axis=1), strict=True)):
        print(f"step {t}: below the wall with P ≥ {low:.4f} (simulated {share:.4f})")
    print(f"always below the wall: P ≥ {wall.low:.4f} (simulated {below.all(axis=0).mean():.4f})")
    print(f"past the obstacle, at the goal: P ≥ {passed.low:.4f} (simulated {clear.mean():.4f})")
    high = diracs.quantile_bounds(trajectory.states[-1], float(trajectory.w2_bound[-1]), [0.0, 1.0], 0.95).high
    print(f"95 % of the cars end below {high:.4f} (simulated {np.quantile(states[-1][:, 1], 0.95):.4f})")

    figure = Figure(figsize=(11.0, 7.5), layout="constrained")
    axes: Any = figure.subplot_mosaic([["states", "states"], ["steps", "quantile"]])
    plot_safe_set(trajectory, diracs.Complement(OBSTACLE), axes["states"], diracs=False)
    plot_safety(wall, axes["steps"])
    plot_quantiles(trajectory, [0.0, 1.0], 0.95, axes["quantile"], limit=0.6)
    figure.savefig(arguments.output, dpi=140)
    print(f"picture: {arguments.output}")


if __name__ == "__main__":
    main()
