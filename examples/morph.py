"""One picture becomes another: Wasserstein barycenters of a disc and a ring of four squares.

python examples/morph.py [--points N] [--output morph.png]
"""

from __future__ import annotations

import argparse

import numpy as np

from diracs import PolynomialGrid, barycenter, lloyd


def pictures(n: int = 96) -> tuple[PolynomialGrid, PolynomialGrid]:
    """A disc, and four squares around the middle."""
    x = (np.arange(n) + 0.5) / n - 0.5
    disc = np.hypot(x[:, None], x) < 0.3
    bar = (np.abs(x) > 0.22) & (np.abs(x) < 0.42)
    return PolynomialGrid(disc), PolynomialGrid(np.outer(bar, bar))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--output", default="morph.png")
    options = parser.parse_args()

    from matplotlib import pyplot as plt

    disc, squares = pictures()
    points = lloyd(disc, options.points, masses="equal", iterations=20)
    figure, axes = plt.subplots(1, 5, figsize=(12.0, 2.6), sharex=True, sharey=True)
    for ax, share in zip(axes, (0.0, 0.25, 0.5, 0.75, 1.0), strict=True):
        # From the last picture's points: they move on, and little.
        points = barycenter([disc, squares], points, [1.0 - share, share], iterations=15)
        spread = np.asarray(points.positions).std(axis=0)
        print(f"share {share:.2f}: deviations {spread[0]:.4f}, {spread[1]:.4f}")
        ax.scatter(*np.asarray(points.positions).T, s=2.0, color="#1b2a41", linewidths=0)
        ax.set(title=f"{share:.0%}", aspect="equal", xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    figure.savefig(options.output, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
