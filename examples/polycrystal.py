"""A polycrystal in a periodic cube: grains with prescribed log-normal volumes, and round.

Bourne, Kok, Roper & Spanjer (2020) make synthetic microstructures like this: Lloyd's steps between masses that are
given move the seeds to the centres of their grains, and the last plan has the volumes to a share of 1e-8.

    python examples/polycrystal.py [--grains N] [--steps N] [--output polycrystal.png]
"""

from __future__ import annotations

import argparse

import numpy as np

from diracs import PolynomialGrid, lloyd, optimal_transport_plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grains", type=int, default=400)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--output", default="polycrystal.png")
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    volumes = np.exp(0.35 * rng.standard_normal(options.grains))
    volumes /= volumes.sum()
    cube = PolynomialGrid(np.ones((1, 1, 1)), periodic=True)

    def report(step: int, diracs: object, cost: float) -> None:
        print(f"step {step}: E|x − y|² = {cost:.6f}")

    seeds = lloyd(
        cube, rng.random((options.grains, 3)), masses=volumes, iterations=options.steps, tol=0, callback=report
    )
    grains = optimal_transport_plan(seeds, cube, tol=1e-9).power_diagram
    error = np.abs(grains.masses / volumes - 1.0).max()
    faces = np.bincount(np.concatenate([grains.facets.i, grains.facets.j]), minlength=len(volumes))
    print(f"{len(volumes)} grains, the largest {volumes.max() / volumes.min():.1f} times the smallest")
    print(f"volumes are right to {error:.1e} of each; {faces.mean():.2f} faces a grain")

    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(10.0, 4.6))
    grains.plot(figure.add_subplot(1, 2, 1, projection="3d"), legend=False).set_title("around the periodic cube")
    section = figure.add_subplot(1, 2, 2)
    grains.cut(2, 0.5).plot(section, values=grains.masses, label="volume of the grain", seeds=False, legend=False)
    section.set_title("cut at z = 0.5")
    figure.savefig(options.output, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
