"""A volume from a scanner as points of equal mass: blue noise in space, denser where the tissue is.

The volume is a phantom, ellipsoids of different densities like those of Shepp & Logan (1974). Equal masses and Lloyd's
steps put each point at the barycenter of its cell, all cells with the same mass (de Goes et al. 2012, in space).

    python examples/ct_volume.py [--points N] [--voxels N] [--steps N] [--output ct_volume.png]
"""

from __future__ import annotations

import argparse

import numpy as np

from diracs import PolynomialGrid, distance, lloyd

# Centre, half axes, density that is added: skull, brain, two ventricles, a tumour.
ELLIPSOIDS = (
    ((0.50, 0.50, 0.50), (0.42, 0.46, 0.44), 1.0),
    ((0.50, 0.50, 0.50), (0.38, 0.42, 0.40), -0.8),
    ((0.38, 0.48, 0.52), (0.07, 0.17, 0.12), -0.18),
    ((0.62, 0.48, 0.52), (0.07, 0.17, 0.12), -0.18),
    ((0.55, 0.72, 0.45), (0.09, 0.08, 0.08), 0.5),
)


def phantom(n: int) -> np.ndarray:
    """Densities (n, n, n), zero outside of the head."""
    x = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * 3, indexing="ij"), axis=-1)
    values = np.zeros((n, n, n))
    for centre, axes, density in ELLIPSOIDS:
        values += density * ((((x - centre) / axes) ** 2).sum(axis=-1) < 1.0)
    return np.maximum(values, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=3000)
    parser.add_argument("--voxels", type=int, default=40)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--output", default="ct_volume.png")
    options = parser.parse_args()

    values = phantom(options.voxels)
    volume = PolynomialGrid(values)

    def report(step: int, diracs: object, cost: float) -> None:
        print(f"step {step}: E|x − y|² = {cost:.3e}")

    points = lloyd(volume, options.points, masses="equal", iterations=options.steps, callback=report)
    print(f"{options.points} points of equal mass: W₂² = {float(distance(points, volume)):.3e}")

    from matplotlib import pyplot as plt

    y = np.asarray(points.positions)
    figure, (left, middle) = plt.subplots(1, 2, figsize=(9.0, 4.4), layout="constrained")
    image = left.imshow(values[:, :, options.voxels // 2].T, origin="lower", extent=(0, 1, 0, 1), cmap="Blues")
    left.set_title("the volume cut at z = 0.5")
    figure.colorbar(image, ax=left, label="density", shrink=0.8)
    near = np.abs(y[:, 2] - 0.5) < 0.04
    middle.scatter(y[near, 0], y[near, 1], s=6, color="tab:blue", linewidths=0)
    middle.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"the {near.sum()} points nearest to that cut")
    figure.savefig(options.output, dpi=150)


if __name__ == "__main__":
    main()
