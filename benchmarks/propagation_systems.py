"""Systems of the literature: bounds by one Lipschitz constant, and by sets of Jacobians and metrics.

Beside both stands the root mean square of x − z in a simulation of the coupling that the bounds are proved with: the
true chain and that of the Diracs under the same noise, z going to the nearest Dirac in the metric of its cells. No
bound on this coupling can be below it; W₂ itself may be.

    python benchmarks/propagation_systems.py [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit

from diracs import Affine, Gaussian, PiecewiseAffine, Smooth, propagate

SAMPLES = 20_000


class System(NamedTuple):
    start: Gaussian
    dynamics: Any
    noise: np.ndarray  # (d,) variances
    steps: int
    n: int
    lipschitz: float  # the sharp constant; none is large enough for a map that jumps


def car(x):
    """A Dubins car: speed 5, turning rate 2, time step 0.3."""
    return np.stack([x[:, 0] + 1.5 * np.cos(x[:, 2]), x[:, 1] + 1.5 * np.sin(x[:, 2]), x[:, 2] + 0.6], axis=1)


def arcs(boxes, pieces=12):
    """Jacobians of the car: (−sin θ, cos θ) runs along an arc, with tangents that meet in the corners of a hull."""
    out = []
    for low, high in zip(*boxes[:, :, 2]):
        low, high = (low, high) if high - low < 2 * np.pi else (0.0, 2 * np.pi)
        ends = np.linspace(low, high, pieces + 1)
        middles, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * (high - low) / pieces
        angles = np.concatenate([middles, [low, high]])
        radii = 1.5 * np.append(np.full(pieces, 1.0 / np.cos(half)), [1.0, 1.0])
        hull = np.repeat(np.eye(3)[None], pieces + 2, axis=0)
        hull[:, 0, 2], hull[:, 1, 2] = -radii * np.sin(angles), radii * np.cos(angles)
        out.append(hull)
    return np.array(out)


def mountain_car(x):
    """Position and velocity under full throttle."""
    velocity = x[:, 1] + 0.001 - 0.0025 * np.cos(3.0 * x[:, 0])
    return np.stack([x[:, 0] + velocity, velocity], axis=1)


def policy():
    """Weights of a small network that damps a pendulum, as training by hand might leave them."""
    rng = np.random.default_rng(0)
    inner = np.concatenate([rng.standard_normal((8, 2)) * 0.3, [[1.0, 0.0], [0.0, 1.0]]])
    outer = np.concatenate([rng.standard_normal(8) * 0.1, [2.0, 1.5]])
    return inner, outer


def pendulum(x):
    """Angle and speed, time step 0.05, a network's torque."""
    inner, outer = policy()
    torque = -np.tanh(x @ inner.T) @ outer
    speed = x[:, 1] + 0.05 * (-9.81 * np.sin(x[:, 0]) - 0.2 * x[:, 1] + 2.0 * torque)
    return np.stack([x[:, 0] + 0.05 * x[:, 1], speed], axis=1)


LAYER = np.array([3.0, 0.001, 0.005, 0.007, 0.03, 0.001, 0.003, 0.002, 0.01, 0.004])
LAYER_START = Gaussian(
    np.array([0.0, 1.0, 0.5, -0.7, 0.3, 2.0, -3.0, 0.4, -0.1, 4.0]),
    np.array([0.0001, 0.5, 0.7, 0.2, 1.5, 2.5, 0.1, 0.5, 0.8, 0.2]),
)
CLAMPED = np.array([[0.0, 0.4], [0.3, 0.8]])
# Linearized at its working point and sampled every 4 s (Johansson 2000, minimum phase).
TANKS = np.array([[0.938, 0.0, 0.159, 0.0], [0.0, 0.957, 0.0, 0.117], [0.0, 0.0, 0.840, 0.0], [0.0, 0.0, 0.0, 0.875]])

SPIRAL = 0.9 * np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
PULL = (np.eye(2) - SPIRAL) @ np.array([1.0, 0.0])
# About (−1, 0) on the left and (1, 0) on the right.
DOUBLE_SPIRAL = PiecewiseAffine(
    [([[1.0, 0.0]], [0.0]), ([[-1.0, 0.0]], [0.0])], [SPIRAL, SPIRAL], [-PULL, PULL], continuous=False
)

SYSTEMS = {
    "sigmoid": System(Gaussian([0.5], [0.5]), Smooth(expit), np.full(1, 0.01), 3, 20, 0.25),
    "bounded linear": System(
        Gaussian([1.5, 2.5], [0.4, 0.5]), PiecewiseAffine.clamp(CLAMPED, -2.0, 2.0), np.full(2, 0.3), 3, 100, 0.9296
    ),
    "quadruple tank": System(
        Gaussian(np.full(4, 1.0), np.full(4, 0.1)),
        Smooth(Affine(TANKS), jacobian_hull=TANKS[None]),
        np.full(4, 0.01),
        3,
        1000,
        float(np.linalg.norm(TANKS, 2)),
    ),
    "sigmoid layer": System(LAYER_START, Smooth(lambda x: expit(LAYER * x)), np.full(10, 0.01), 1, 1000, 0.75),
    "mountain car": System(Gaussian([0.3, 0.2], [0.1, 0.001]), Smooth(mountain_car), np.full(2, 0.01), 3, 100, 1.6266),
    "Dubins car": System(
        Gaussian([0.3, 0.2, 0.01], [0.1, 0.001, 0.01]), Smooth(car, jacobian=arcs), np.full(3, 0.01), 3, 1000, 2.0
    ),
    "double spiral": System(Gaussian([0.3, 0.2], [0.1, 0.1]), DOUBLE_SPIRAL, np.full(2, 0.05), 3, 200, np.inf),
    "pendulum": System(Gaussian([0.5, 0.0], [0.05, 0.05]), Smooth(pendulum), np.full(2, 0.002), 3, 100, 1.3),
}


def nearest(dynamics, positions, z, root):
    """Numbers of the nearest points in a metric, of those on the same side of borders that dynamics jump across."""
    switch = getattr(dynamics, "switch", None)
    ours, sides = (np.zeros(len(x), int) if switch is None else switch.sides(x) for x in (z, positions))
    out = np.empty(len(z), dtype=int)
    for side in np.unique(sides):
        index = np.flatnonzero(sides == side)
        out[ours == side] = index[cKDTree(positions[index] @ root).query(z[ours == side] @ root)[1]]
    return out


def apart(system, found, seed=0):
    """Root mean squares of x − z after each step."""
    rng = np.random.default_rng(seed)
    mean, cov = np.asarray(system.start.mean), np.diag(np.asarray(system.start.cov))
    x = rng.multivariate_normal(mean, cov, SAMPLES)
    z, out = x, []
    for t, points in enumerate(found.diracs):
        positions = np.asarray(points.positions)
        # |x|_P = |x F| for P = F Fᵀ.
        root = np.linalg.cholesky(found.metrics[t]) if found.metrics else np.eye(x.shape[1])
        v = rng.standard_normal(x.shape) * np.sqrt(system.noise)
        near = positions[nearest(system.dynamics, positions, z, root)]
        x, z = system.dynamics(x) + v, system.dynamics(near) + v
        out.append(np.sqrt(((x - z) ** 2).sum(axis=1).mean()))
    return np.array(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SYSTEMS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="one step")
    options = parser.parse_args()
    print(
        f"{'system':16} {'n':>5} {'step':>4} {'constant':>10} {'sets':>10} {'simulated':>10} {'ratio':>6} {'time':>8}"
    )
    for name in options.names or SYSTEMS:
        system = SYSTEMS[name]
        steps = 1 if options.quick else system.steps
        noise = Gaussian(np.zeros(len(system.noise)), system.noise)
        plain = np.full(steps, np.inf)
        if system.lipschitz < np.inf:
            given = system.start, system.dynamics.__call__, noise, steps
            plain = propagate(*given, n=system.n, lipschitz=system.lipschitz).w2_bound
        begin = time.perf_counter()
        found = propagate(system.start, system.dynamics, noise, steps, n=system.n)
        seconds = time.perf_counter() - begin
        for t, least in enumerate(apart(system, found)):
            row = f"{name:16} {system.n:5} {t + 1:4} {plain[t]:10.4f} {found.w2_bound[t]:10.4f} {least:10.4f}"
            print(f"{row} {found.w2_bound[t] / least:6.2f} {seconds:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
