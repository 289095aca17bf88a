"""A damped rotation in the plane: six steps of x⁺ = A x + v, with a certified distance to the true law after each.

Run it with `python examples/damped_rotation.py`: it prints the bounds for 10 and 100 points a step beside the distance
that is surely there, since the true law of an affine system is known, and draws the states with their ambiguity balls.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import diracs

ANGLE = np.pi / 8
A = 0.8 * np.array([[np.cos(ANGLE), np.sin(ANGLE)], [-np.sin(ANGLE), np.cos(ANGLE)]])
START = diracs.Gaussian([0.8, 0.8], 1e-4)
NOISE = diracs.Gaussian([0.0, 0.0], 1e-3)
STEPS = 6
POINTS = (10, 100)


def true_covariances() -> list[np.ndarray]:
    """Of the Gaussian that the state truly follows after each step."""
    cov, found = 1e-4 * np.eye(2), []
    for _ in range(STEPS):
        cov = A @ cov @ A.T + 1e-3 * np.eye(2)
        found.append(cov)
    return found


def lower_bound(state: diracs.GaussianMixture, cov: np.ndarray) -> float:
    """What the W₂ between the state and the true Gaussian is at least, by their covariances (their means agree)."""
    centred = state.means - state.weights @ state.means
    kept = state.covs[0] * np.eye(2) + (state.weights[:, None] * centred).T @ centred
    root = np.linalg.cholesky(cov)
    cross = np.sqrt(np.linalg.eigvalsh(root.T @ kept @ root)).sum()
    return float(np.sqrt(max(np.trace(cov + kept) - 2.0 * cross, 0.0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("damped_rotation.png"), help="the picture")
    path: Path = parser.parse_args().output

    print(f"{'points':>6} {'step':>5} {'W₂ at least':>12} {'W₂ at most':>11}")
    trajectories = []
    for n in POINTS:
        trajectory = diracs.propagate(START, diracs.Affine(A), NOISE, STEPS, n=n, quantized=True)
        trajectories.append(trajectory)
        for t, (state, cov) in enumerate(zip(trajectory.states, true_covariances(), strict=True), start=1):
            print(f"{n:>6} {t:>5} {lower_bound(state, cov):>12.5f} {trajectory.w2_bound[t - 1]:>11.5f}")
    limit = trajectories[1].limit()
    print(f"for ever, {POINTS[1]} points: W₂ ≤ {limit.w2_bound:.5f}")

    figure = Figure(figsize=(13.0, 5.4), layout="constrained")
    for ax, trajectory in zip(figure.subplots(1, 2, sharex=True, sharey=True), trajectories, strict=True):
        trajectory.plot(ax=ax)
    figure.savefig(path, dpi=160)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
