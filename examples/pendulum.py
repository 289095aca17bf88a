"""A pendulum under gusts, in PyTorch: a nonlinear system whose slopes are known cell by cell.

Run it with `python examples/pendulum.py`. One Lipschitz constant for all states is easily found but pessimistic: near
the horizontal the pendulum's map is less steep. A function that bounds the slope on balls lets each cell count with its
own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import diracs

TIME, DAMPING, FREQUENCY = 0.1, 2.0, 2.5
STEPS, POINTS = 8, 200


def swing(x: torch.Tensor) -> torch.Tensor:
    """States (angle, angular velocity / frequency) a moment later, by the semi-implicit Euler method.

    In these units small swings are nearly a rotation, and the Euclidean slope nearly 1.
    """
    angle, velocity = x[:, 0], x[:, 1]
    velocity = (1.0 - DAMPING * TIME) * velocity - TIME * FREQUENCY * torch.sin(angle)
    return torch.stack([angle + TIME * FREQUENCY * velocity, velocity], dim=1)


def slope(centers: torch.Tensor, radii: torch.Tensor) -> torch.Tensor:
    """Bounds on the slope of `swing` on balls: the largest norm of its Jacobian, which depends on cos(angle) alone.

    The norm is convex in the cosine, so that it is largest at an end of the cosine's range.
    """
    angle = torch.remainder(centers[:, 0] + torch.pi, 2 * torch.pi) - torch.pi
    highest = torch.cos(torch.clamp(angle.abs() - radii, min=0.0))
    lowest = torch.cos(torch.clamp(angle.abs() + radii, max=torch.pi))
    kept = 1.0 - DAMPING * TIME
    norms = []
    for cosine in (highest, lowest):
        pull = -TIME * FREQUENCY * cosine
        row = torch.stack([pull, torch.full_like(pull, kept)], dim=-1)
        jacobian = torch.stack([TIME * FREQUENCY * row + torch.tensor([1.0, 0.0]).to(row), row], dim=-2)
        norms.append(torch.linalg.matrix_norm(jacobian, ord=2))
    return torch.maximum(*norms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("pendulum.png"), help="the picture")
    path: Path = parser.parse_args().output
    torch.set_num_threads(1)  # the tensors are small

    start = diracs.Gaussian(torch.tensor([1.4, 0.0]).double(), torch.tensor([0.01, 0.002]).double())
    gusts = diracs.Gaussian(torch.zeros(2).double(), torch.tensor([3e-4, 5e-4]).double())
    everywhere = float(slope(torch.zeros(1, 2), torch.tensor([torch.inf]))[0])
    plain = diracs.propagate(start, swing, gusts, STEPS, n=POINTS, lipschitz=everywhere)
    local = diracs.propagate(start, swing, gusts, STEPS, n=POINTS, lipschitz=slope)
    print(f"Lipschitz constant {everywhere:.3f}")
    print(f"{'step':>5} {'W₂, one constant':>18} {'W₂, local slopes':>18}")
    for t in range(STEPS):
        print(f"{t + 1:>5} {plain.w2_bound[t]:>18.4f} {local.w2_bound[t]:>18.4f}")

    # How likely is it that the pendulum has fallen to an angle of 1 after four steps?
    state = diracs.quantize(local.states[3], n=1000)
    region = diracs.HalfSpace(torch.tensor([1.0, 0.0]).double(), 1.0)
    chance = diracs.probability(state, region, radius=float(local.w2_bound[3]))
    print(f"P(angle ≤ 1 after 4 steps) = {chance.value:.3f}, certified between {chance.low:.3f} and {chance.high:.3f}")

    figure = Figure(figsize=(12.0, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    local.plot(ax=left, steps=range(0, STEPS + 1, 2))
    left.set(xlabel="angle", ylabel="angular velocity / frequency")
    time = np.arange(1, STEPS + 1)
    right.plot(time, plain.w2_bound, "o--", color="#2f6690", label="one Lipschitz constant")
    right.plot(time, local.w2_bound, "o-", color="#d1495b", label="local slopes")
    right.set(xlabel="step", ylabel="bound on W₂", ylim=(0, None))
    right.set_title("What local slopes gain", loc="left", fontsize="medium")
    right.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False)
    figure.savefig(path, dpi=160)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
