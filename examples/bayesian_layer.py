"""Uncertainty through Bayesian neural network layers of 256 units, with a certified distance to the true law.

Run it with `python examples/bayesian_layer.py`. The state is the pre-activations h of a layer; the next layer's are

    h⁺ = W tanh(h) + b,   b ~ N(m, S),

the biases having a Gaussian posterior. The input is uncertain, too: its covariance has a decaying spectrum, as that of
images has. The tanh is 1-Lipschitz, so that ‖W‖ is a Lipschitz constant of the map.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import diracs

UNITS = 256
POINTS = (1, 10, 100, 1000)


def layer(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights of spectral norm 0.9 with a decaying spectrum, and their axes."""
    axes = np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0]
    return (axes * (0.9 / np.arange(1, UNITS + 1) ** 0.5)) @ axes.T, axes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("bayesian_layer.png"), help="the picture")
    path: Path = parser.parse_args().output
    rng = np.random.default_rng(0)
    weights, axes = layer(rng)
    spectrum = 1.0 / np.arange(1, UNITS + 1) ** 2
    # The layer listens to what varies most in its input, as trained layers do.
    law = diracs.Gaussian(np.zeros(UNITS), (axes * spectrum) @ axes.T)
    noise = diracs.Gaussian(0.02 * rng.normal(size=UNITS), (axes * 0.1 * spectrum) @ axes.T)
    norm = float(np.linalg.norm(weights, 2))

    print(f"{'points':>6} {'W₂, one layer':>14} {'W₂, three layers':>17}")
    found = {}
    for n in POINTS:
        found[n] = diracs.propagate(law, lambda h: np.tanh(h) @ weights.T, noise, 3, n=n, lipschitz=norm)
        print(f"{n:>6} {found[n].w2_bound[0]:>14.4f} {found[n].w2_bound[2]:>17.4f}")

    # A linear read-out of the first layer: its expectation, with the certified interval.
    trajectory = found[POINTS[-1]]
    readout = rng.normal(size=UNITS)
    readout /= np.linalg.norm(readout)
    state = trajectory.states[0]
    value = float(state.weights @ (state.means @ readout))
    margin = float(trajectory.w2_bound[0])
    print(f"read-out after one layer: {value:.4f} ± {margin:.4f}, for the law of every input within the ball")

    figure = Figure(figsize=(12.0, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    trajectory.plot(ax=left, axes=axes[:, :2], steps=[1, 2, 3])
    left.set(xlabel="first axis of W", ylabel="second axis of W")
    numbers = list(found)
    for step, color in ((0, "#d1495b"), (2, "#2f6690")):
        right.semilogx(
            numbers, [found[n].w2_bound[step] for n in numbers], "o-", color=color, label=f"layer {step + 1}"
        )
    right.set(xlabel="points", ylabel="bound on W₂", ylim=(0, None))
    right.set_title("256 dimensions: the bound falls slowly", loc="left", fontsize="medium")
    right.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False)
    figure.savefig(path, dpi=160)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
