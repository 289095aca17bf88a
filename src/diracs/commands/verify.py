"""`diracs verify`: what is proved about a saved quantization."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import diracs
from diracs.commands import console
from diracs.show import files

REFUTED = 1


def verify(
    file: Annotated[Path, typer.Argument(help="File that quantize -o or Quantization.save wrote.")],
    strict: Annotated[bool, typer.Option("--strict", help="Fail also where fine cells leave it open.")] = False,
    cells: Annotated[int, typer.Option(help="Boxes that laws without a closed form are cut into at most.")] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print numbers, for machines.")] = False,
) -> None:
    """Recompute the certificate of a saved quantization in ball arithmetic and print what is proved.

    Code 0: verified, or not refuted; with [cyan]--strict[/cyan] only verified. Code 1: what is left, which is that the
    recorded value is below what can be proved.

    [bold]Example[/bold]

    [cyan]diracs verify points.npz[/cyan]
    """
    with console.errors_in_one_line(cells="--cells"):
        with console.progress() as progress:
            proved = diracs.verify(files.load(file), cells=cells, progress=progress)
        if as_json:
            numbers = {name: getattr(proved, name) for name in ("low", "high", "recorded", "verdict")}
            console.show("", {}, numbers, machine=True)
        else:
            typer.echo(str(proved))
    if not (proved.holds or (proved.verdict == "not refuted" and not strict)):
        raise typer.Exit(REFUTED)
