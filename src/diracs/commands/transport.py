"""`diracs transport`: the optimal transport between points and a density."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

import diracs
from diracs.commands import console, sinks, sources

WORDS = {"tol": "--tol"}


def transport(
    points: Annotated[
        Path, typer.Argument(help="Points: .csv, .parquet, .npz, .json, or a saved quantization; - for stdin.")
    ],
    density: Annotated[Path, typer.Argument(help="A law on the line, in the plane or in space, or a picture.")],
    tol: Annotated[float, typer.Option(help="How well masses are met, in shares of the smallest.")] = 1e-9,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Save the plan: .npz, .json, .csv or .svg; - for stdout.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the cells into this file (.png, .pdf, .svg, …).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the distance as JSON.")] = False,
) -> None:
    """Solve the semi-discrete optimal transport between points and a density, and print W₂².

    Points have the masses of a column called weight, else equal ones. The plan has for each point its mass, the weight
    of its cell {x : |x − point|² − weight is least}, and the barycenter of the cell. Pictures are in pixels from the
    lower left corner, as dense as they are dark.

    [bold]Examples[/bold]

    [cyan]diracs transport points.csv density.json -o plan.npz --plot cells.png[/cyan]

    [cyan]diracs transport points.csv photo.png --json[/cyan]
    """
    with console.errors_in_one_line(**WORDS):
        sinks.check_output(output)
        console.check_folders(plot)
        console.check_picture(plot)
        if points == density == sources.STDIN:
            raise ValueError("only one of points and density can be read from standard input")
        given, law = sources.points_from(points), sources.law_from(density)
        with console.progress() as progress, warnings.catch_warnings():
            # Said in the table, and by the exit code.
            warnings.simplefilter("ignore", diracs.ConvergenceWarning)
            plan = diracs.optimal_transport_plan(given, law, tol=tol, progress=progress)
        square = float(plan.distance)
        gap = square - plan.dual_value
        rows = {
            "points": plan.diracs,
            "density": plan.density,
            "W₂²": f"{square:.10g}",
            "W₂": f"{max(square, 0.0) ** 0.5:.10g}",
            "solver": f"{plan.message}, {plan.iterations} Newton steps",
            "duality gap": f"{gap:.2g}",
        }
        numbers = {
            "points": len(given),
            "dimension": given.ndim,
            "distance": square,
            "w2": max(square, 0.0) ** 0.5,
            "converged": plan.converged,
            "iterations": plan.iterations,
            "dual_value": plan.dual_value,
            "message": plan.message,
        }
        console.show("Optimal transport", rows, numbers, as_json, output == sinks.STDOUT)
        columns = {
            "mass": plan.diracs.weights,
            "weight": plan.weights,
            "cell_mass": plan.cell_masses,
            "barycenter": plan.barycenters,
        }
        sinks.write(
            output,
            arrays=lambda: {
                "positions": plan.diracs.positions,
                "masses": columns["mass"],
                "weights": columns["weight"],
                "cell_masses": columns["cell_mass"],
                "barycenters": columns["barycenter"],
                "distance": plan.distance,
            },
            table=lambda: {"x": plan.diracs.positions, **columns},
            picture=lambda: sinks.small_picture(plan),
        )
        console.draw(plan.plot, plot)
        if not plan.converged:
            raise typer.Exit(console.NOT_CONVERGED)
