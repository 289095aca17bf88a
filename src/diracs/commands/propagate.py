"""`diracs propagate`: laws of a state over time, with certified errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import diracs
from diracs.backend.arrays import concrete
from diracs.backend.decimals import round_to
from diracs.commands import console, sinks, sources
from diracs.commands.models import model_of

# More steps are told by some of them.
_ROWS = 12


def propagate(
    model: Annotated[Path, typer.Argument(help="Model: .json; - for stdin. See docs/command_line.md.")],
    n: Annotated[int | None, typer.Option("-n", "--number", help="Most points in a step, before the model's.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps, before the model's.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Save states and bounds: .json, .npz, .csv or .svg; - for stdout."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the states into this file (.png, .pdf, .svg, …).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print bounds and moments as JSON.")] = False,
) -> None:
    """Push a law through x⁺ = f(x) + noise, f affine, by pieces or of layers, and bound W₂ after each step by proof.

    [bold]Example[/bold]

    [cyan]diracs propagate model.json -o states.json --plot states.png[/cyan]

    with a model.json such as

    [green]{"initial": {"mean": [1, 0], "cov": 0.1}, "dynamics": {"A": [[0.9, 0.2], [-0.2, 0.9]]},
    "noise": {"mean": [0, 0], "cov": 0.01}, "steps": 10}[/green]
    """
    with console.errors_in_one_line():
        sinks.check_output(output)
        console.check_folders(plot)
        console.check_picture(plot)
        given = model_of(sources.json_from(model), "standard input" if model == sources.STDIN else str(model))
        given.update({name: value for name, value in (("n", n), ("steps", steps)) if value is not None})
        with console.progress() as progress:
            found = diracs.propagate(**given, progress=progress)
        numbers = _numbers(found)
        console.show("Propagation", _rows(found, numbers), numbers, as_json, output == sinks.STDOUT)
        sinks.write(
            output,
            arrays=lambda: _arrays(found, sinks.STDOUT if output is None else output),
            table=lambda: {
                "step": np.arange(1, len(found) + 1),
                "w2_bound": numbers["w2_bound"],
                "mean": numbers["mean"],
                "deviation": numbers["deviation"],
            },
            picture=lambda: sinks.small_picture(found),
        )
        console.draw(found.plot, plot)


def _numbers(found: diracs.Trajectory) -> dict[str, Any]:
    """Bounds (steps,), means and deviations (steps, d) of the states."""
    if len({state.ndim for state in found.states}) > 1:
        raise ValueError("the model must keep the dimension of its states")
    covs = np.stack([concrete(state.cov) for state in found.states])
    return {
        "steps": len(found),
        "dimension": found.states[-1].ndim,
        "w2_bound": concrete(found.w2_bound),
        "mean": np.stack([concrete(state.mean) for state in found.states]),
        "deviation": np.sqrt(np.diagonal(covs, axis1=1, axis2=2)),
    }


def _rows(found: diracs.Trajectory, numbers: dict[str, Any]) -> dict[str, str]:
    """What the table says: of many steps some."""
    rows = {"initial": str(found.initial)}
    for t in np.unique(np.linspace(0, len(found) - 1, _ROWS).astype(int)):
        bound = round_to(float(numbers["w2_bound"][t]), math.ceil, 4)
        mean, deviation = _few(numbers["mean"][t]), _few(numbers["deviation"][t])
        rows[f"step {t + 1}"] = f"W₂ ≤ {bound}, mean {mean}, deviations {deviation}"
    return rows


def _few(x: np.ndarray) -> str:
    shown = ", ".join(f"{value:.4g}" for value in x[:6])
    return f"({shown}{', …' if len(x) > 6 else ''})"


def _arrays(found: diracs.Trajectory, path: Path) -> dict[str, Any]:
    """In JSON each state is a law that `diracs quantize` reads; in `.npz` arrays have the step in their names."""
    names = ("means", "covs", "weights")
    states = [{name: concrete(getattr(state, name)) for name in names} for state in found.states]
    bounds = {"w2_bound": concrete(found.w2_bound)}
    if path.suffix.lower() != ".npz":
        return {**bounds, "states": states}
    return {**bounds, **{f"{name}_{t + 1}": state[name] for t, state in enumerate(states) for name in names}}
