"""A small tanh network learns how a pendulum moves; what is certain about the state after many of its steps?

The network is trained on one step of the pendulum, and then propagates a law by itself. `Smooth` takes the set of its
Jacobians from the PyTorch module; no Lipschitz constant is needed, and errors are measured in metrics that follow it.

    python examples/network.py [--points N] [--steps N] [--output network.png]
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from diracs import Gaussian, Smooth, propagate


def pendulum(x: torch.Tensor) -> torch.Tensor:
    """One step of 0.1 s of a damped pendulum: angle and speed."""
    angle, speed = x[:, 0], x[:, 1]
    return torch.stack([angle + 0.1 * speed, 0.9 * speed - 0.5 * torch.sin(angle)], dim=1)


def trained(width: int, rounds: int) -> torch.nn.Module:
    """A network that gives the change of the state."""
    torch.set_num_threads(1)  # more are slower for so few numbers
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.Tanh(), torch.nn.Linear(width, 2)).double()
    x = 2.0 * torch.randn(500, 2, dtype=torch.float64)
    step = pendulum(x) - x
    # Small weights are small slopes.
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=1e-3)
    for _ in range(rounds):
        optimizer.zero_grad()
        loss = ((net(x) - step) ** 2).mean()
        loss.backward()
        optimizer.step()
    print(f"trained: one step is right to {loss.item() ** 0.5:.3f}")
    return net.requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--output", default="network.png")
    options = parser.parse_args()

    net = trained(8, options.rounds)
    dynamics = Smooth(lambda x: x + net(x))
    everywhere = dynamics.everywhere(2)
    start = Gaussian(torch.tensor([1.0, 0.0]).double(), torch.tensor([0.01, 0.01]).double())
    noise = Gaussian(torch.zeros(2).double(), torch.full((2,), 5e-4).double())
    found = propagate(start, dynamics, noise, options.steps, n=options.points)
    plain = propagate(start, dynamics.f, noise, options.steps, n=options.points, lipschitz=everywhere.norm)
    print(f"one constant, {everywhere.norm:.3f}, gives W₂ ≤ {float(plain.w2_bound[-1]):.3f}")
    print(f"sets and metrics give            W₂ ≤ {float(found.w2_bound[-1]):.3f}")

    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10.0, 4.6), layout="constrained")
    found.plot(axes[0], legend=False, title=False)
    steps = np.arange(1, options.steps + 1)
    for law, label in ((plain, "one constant"), (found, "sets and metrics")):
        axes[1].semilogy(steps, np.asarray(law.w2_bound), "o-", label=label)
    axes[1].set_xlabel("step")
    axes[1].set_ylabel("certified W₂")
    axes[1].legend(frameon=False)
    figure.savefig(options.output, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
