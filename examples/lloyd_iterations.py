"""Lloyd's iterations in one picture: Diracs and cells after 0, 1, 5 and 30 rounds, with free and with equal masses.

Run it with `python examples/lloyd_iterations.py --output lloyd.png`. Every round moves each Dirac to the barycenter of
its cell. With free masses the cells are Voronoi's and the Diracs become an optimal quantizer's (Lloyd 1982); with equal
masses they are the power cells of an optimal transport, and the Diracs become blue noise (de Goes et al. 2012).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diracs

ROUNDS = (0, 1, 5, 30)
INK, DIRAC = "#1b2a41", "#d1495b"


def two_peaks(n: int = 64) -> diracs.PolynomialGrid:
    """A narrow and a wide bump on a faint ground, as an image of n² pixels on the unit square."""
    centres = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(centres, centres, indexing="ij")
    narrow = np.exp(-60.0 * ((x - 0.3) ** 2 + (y - 0.35) ** 2))
    wide = 0.5 * np.exp(-20.0 * ((x - 0.7) ** 2 + (y - 0.65) ** 2))
    return diracs.PolynomialGrid(narrow + wide + 0.02)


def positions_after(density: diracs.PolynomialGrid, start: np.ndarray, masses: str) -> dict[int, np.ndarray]:
    """Where the Diracs are after each round, from 0 to the last of `ROUNDS`."""
    seen = {0: start}

    def keep(iteration: int, points: diracs.SumOfDiracs, cost: float) -> None:
        seen[iteration] = np.array(points.positions)

    diracs.lloyd(density, start, masses=masses, iterations=max(ROUNDS), callback=keep)
    settled = seen[max(seen)]
    return {k: seen.get(k, settled) for k in ROUNDS}


def cells_and_cost(
    density: diracs.PolynomialGrid, positions: np.ndarray, masses: str
) -> tuple[diracs.PowerDiagram, float]:
    """The cells that these Diracs have, and W₂ to the density."""
    if masses == "equal":
        plan = diracs.optimal_transport_plan(diracs.SumOfDiracs(positions), density, tol=1e-6)
        return plan.power_diagram, float(plan.distance) ** 0.5
    # One more round of Lloyd's method reports the cost before it.
    costs: list[float] = []
    diracs.lloyd(density, positions, iterations=1, callback=lambda iteration, points, cost: costs.append(float(cost)))
    return diracs.PowerDiagram(positions, domain=density.domain), costs[0] ** 0.5


def draw(ax: Axes, density: diracs.PolynomialGrid, diagram: diracs.PowerDiagram) -> None:
    """The density in blue, cells and Diracs over it."""
    (x0, y0), (x1, y1) = density.domain
    values = np.asarray(density.values)
    ax.imshow(values.T, origin="lower", extent=(x0, x1, y0, y1), cmap="Blues", vmin=0.0, vmax=1.8 * values.max())
    for cell in diagram.cells:
        if len(cell):
            ax.fill(*cell.T, fill=False, edgecolor=INK, linewidth=0.4)
    x, y = np.asarray(diagram.positions).T
    ax.scatter(x, y, s=4.0, color=DIRAC, linewidths=0, zorder=3)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal", xticks=[], yticks=[])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=150, help="number of Diracs")
    parser.add_argument("--output", type=Path, default=Path("demo/lloyd_iterations.png"), help="the picture")
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)

    density = two_peaks()
    start = np.random.default_rng(0).random((options.points, 2))
    figure = Figure(figsize=(3.0 * len(ROUNDS), 6.5), layout="constrained")
    axes = figure.subplots(2, len(ROUNDS))
    print(f"{'masses':<8}" + "".join(f"{f'W₂ after {k}':>14}" for k in ROUNDS))
    for row, masses in zip(axes, ("free", "equal"), strict=True):
        errors = []
        for ax, (k, positions) in zip(row, positions_after(density, start, masses).items(), strict=True):
            diagram, error = cells_and_cost(density, positions, masses)
            draw(ax, density, diagram)
            ax.set_title(f"{masses} masses, after {k}: W₂ = {error:.4f}", loc="left", fontsize="medium", color=INK)
            errors.append(error)
        print(f"{masses:<8}" + "".join(f"{error:14.4f}" for error in errors))
    figure.savefig(options.output, dpi=160)
    print(f"picture: {options.output}")


if __name__ == "__main__":
    main()
