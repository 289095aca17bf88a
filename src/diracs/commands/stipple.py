"""`diracs stipple`: a picture as dots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import diracs
from diracs.commands import console, sinks, sources
from diracs.show.stipples import plot_stipples, sheet, stipples_svg

WORDS = {"n_or_positions": "--number", "iterations": "--iterations", "seed": "--seed", "gamma": "--gamma"}


def stipple(
    photo: Annotated[Path, typer.Argument(help="Picture to draw with dots: .png, .jpg, .tif, …; - for stdin.")],
    n: Annotated[int, typer.Option("-n", "--number", "--points", help="Number of dots.")] = 5000,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Save positions, .npz, .json, .csv, or the dots, .svg; - for stdout."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the dots into this file (.png, .pdf, .svg, …).")] = None,
    iterations: Annotated[int, typer.Option(help="Rounds of transport.")] = 20,
    gamma: Annotated[float, typer.Option(help="Power of the darkness: above 1 light parts have fewer dots.")] = 1.0,
    invert: Annotated[bool, typer.Option("--invert", help="Dots where the picture is bright.")] = False,
    color: Annotated[str, typer.Option(help="Of the dots: a name, or #rrggbb.")] = "black",
    seed: Annotated[int, typer.Option(help="Of the first positions.")] = 0,
) -> None:
    """Draw a picture with dots of equal mass, spread by optimal transport as densely as it is dark.

    Black and white are 0 and the largest number of the file's type (1 for floating-point numbers), transparent pixels
    lie on white, colours count by their luminance. The dots together are as black as the picture. Positions are in
    pixels from the lower left corner.

    [bold]Examples[/bold]

    [cyan]diracs stipple photo.png -n 5000 -o points.npz --plot out.png[/cyan]

    [cyan]diracs stipple night.jpg --invert --gamma 1.5 --color "#203050" -o dots.svg[/cyan]
    """
    with console.errors_in_one_line(**WORDS):
        if output is None and plot is None:
            raise ValueError("give --output, --plot or both: where the dots are to go")
        sinks.check_output(output)
        console.check_folders(plot)
        console.check_picture(plot)
        _check_color(color)
        dark = toned(sources.darkness_from(photo), gamma, invert)
        density, ink = sources.picture(dark, str(photo)), float(dark.sum())
        with console.progress() as progress:
            found = diracs.lloyd(density, n, masses="equal", iterations=iterations, seed=seed, progress=progress)
        sinks.write(
            output,
            # As JSON a law of points.
            arrays=lambda: {"positions" if _is_npz(output) else "points": found.positions, "weights": found.weights},
            table=lambda: {"x": found.positions, "weight": found.weights},
            picture=lambda: stipples_svg(found.positions, density.domain, ink, color),
        )
        if plot is not None:
            figure = sheet(density.domain)
            console.draw(lambda: plot_stipples(found.positions, figure.axes[0], density.domain, ink, color), plot)


def toned(dark: np.ndarray, gamma: float, invert: bool) -> np.ndarray:
    """The darkness, or the brightness, to a power."""
    if not 0.0 < gamma < np.inf:
        raise ValueError(f"gamma must be a finite number above zero, got {gamma:g}")
    return np.asarray(np.clip(1.0 - dark if invert else dark, 0.0, 1.0) ** gamma)


def _is_npz(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".npz"


def _check_color(color: str) -> None:
    try:
        from matplotlib.colors import is_color_like
    except ImportError:
        return
    if not is_color_like(color):
        raise ValueError(f"--color must be the name of a color, or one as #rrggbb, got {color!r}")
