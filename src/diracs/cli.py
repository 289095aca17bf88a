"""The command line tool `diracs`: its commands, of which each has a file in `diracs.commands`."""

from __future__ import annotations

from typing import Annotated

try:
    import rich  # noqa: F401
    import typer
except ImportError:
    raise SystemExit("the command line tool needs typer and rich: pip install 'diracs[cli]'") from None

import diracs
from diracs.commands.propagate import propagate
from diracs.commands.quantize import info, quantize
from diracs.commands.stipple import stipple
from diracs.commands.transport import transport
from diracs.commands.verify import verify

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="""Replace a probability law by finitely many points, with a proved bound on the 2-Wasserstein error W₂.

[bold]Examples[/bold]

[cyan]diracs quantize mixture.json -n 100 -o points.npz --plot points.png[/cyan]

[cyan]diracs quantize mixture.json --w2 0.05[/cyan]

[cyan]diracs info points.npz[/cyan]

A Gaussian mixture is a JSON file such as

[green]{"means": [[0, 0], [1, 1]], "covs": [[1, 1], [2, 2]], "weights": [0.4, 0.6]}[/green]

or an .npz file with these entries. Covariances are variances per component, variances per axis, or matrices.
[cyan]diracs quantize --help[/cyan] shows the other laws.""",
)

for command in (quantize, info, verify, transport, propagate, stipple):
    app.command(no_args_is_help=True)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diracs {diracs.__version__}")
        raise typer.Exit()


_VERSION = typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)


@app.callback()
def _options(version: Annotated[bool, _VERSION] = False) -> None:
    """Options before the command; their callbacks do the work."""


def main() -> None:
    """Entry point of the script `diracs`."""
    app(prog_name="diracs")
