"""A photograph as 5000 dots of equal mass, as dense as the picture is dark: blue noise by optimal transport.

Run it with `python examples/stipple.py --output stipple.png`. Each round solves a semi-discrete transport, so that
every dot owns the same amount of ink, and moves every dot to the centre of its ink (Balzer, Schlömer & Deussen 2009;
by optimal transport: de Goes, Breeden, Ostromoukhov & Desbrun 2012).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.progress import Progress
from sklearn.datasets import load_sample_image

import diracs
from diracs.show.stipples import plot_stipples, sheet

LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue (Rec. 709)
ROWS, COLUMNS = slice(15, 400), slice(50, 370)  # the temple
CONTRAST = 1.5  # above 1 the sky stays white and dots are left for the details


def ink() -> np.ndarray:
    """How much ink each pixel of scikit-learn's photograph of a temple needs, in [0, 1], rows from top to bottom."""
    photograph = load_sample_image("china.jpg")[ROWS, COLUMNS] / 255.0
    return (1.0 - photograph @ np.array(LUMINANCE)) ** CONTRAST


def density_of(dark: np.ndarray) -> diracs.PolynomialGrid:
    """The density proportional to the ink, one unit of length per pixel, the second axis upwards."""
    rows, columns = dark.shape
    return diracs.PolynomialGrid(dark[::-1].T, domain=[[0.0, 0.0], [columns, rows]])


def stipple(density: diracs.PolynomialGrid, n: int, iterations: int) -> tuple[diracs.SumOfDiracs, list[float]]:
    """Dots of equal mass, and W₂ after each round."""
    errors: list[float] = []
    with Progress() as progress:
        task = progress.add_task(f"{n} dots", total=iterations)

        def report(iteration: int, dots: diracs.SumOfDiracs, cost: float) -> None:
            errors.append(float(cost) ** 0.5)
            progress.update(task, completed=iteration, description=f"{n} dots, W₂ = {errors[-1]:.3f} pixels")

        dots = diracs.lloyd(density, n, masses="equal", iterations=iterations, callback=report)
        progress.update(task, completed=iterations)  # it may settle before
    return dots, errors


def draw(dark: np.ndarray, dots: diracs.SumOfDiracs, path: Path) -> None:
    """The dots on white, together as much black as the picture has ink."""
    rows, columns = dark.shape
    box = [[0.0, 0.0], [columns, rows]]
    figure = sheet(box, 7.7)
    plot_stipples(dots.positions, figure.axes[0], box, ink=dark.sum())
    figure.savefig(path, dpi=200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=5000, help="number of dots")
    parser.add_argument("--iterations", type=int, default=20, help="rounds of transport")
    parser.add_argument("--output", type=Path, default=Path("demo/stipple.png"), help="the picture")
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)

    dark = ink()
    dots, errors = stipple(density_of(dark), options.points, options.iterations)
    draw(dark, dots, options.output)
    print(f"{options.points} dots, {len(errors)} rounds: W₂ from {errors[0]:.3f} to {errors[-1]:.3f} pixels")
    print(f"picture: {options.output}")


if __name__ == "__main__":
    main()
