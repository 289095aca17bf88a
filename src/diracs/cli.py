"""The command line tool: `diracs quantize`, `diracs info`, `diracs verify` and `diracs stipple`."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np

try:
    import typer
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
except ImportError:
    raise SystemExit("the command line tool needs typer and rich: pip install 'diracs[cli]'") from None

import diracs
from diracs.commands.verify import verified
from diracs.show import files
from diracs.show.pictures import darkness
from diracs.show.style import round_to

app = typer.Typer(
    add_completion=False,
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


class SchemeName(str, enum.Enum):
    """Families of schemes to choose from."""

    auto = "auto"
    grid = "grid"
    cross = "cross"
    product = "product"
    optimal = "optimal"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diracs {diracs.__version__}")
        raise typer.Exit()


_VERSION = typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)


@app.callback()
def _options(version: Annotated[bool, _VERSION] = False) -> None:
    """Options before the command; their callbacks do the work."""


@app.command(no_args_is_help=True)
def quantize(
    law: Annotated[Path, typer.Argument(help="Law to approximate: .json, or .npz of a mixture or of points.")],
    n: Annotated[int | None, typer.Option("-n", "--points", help="Number of points to place.")] = None,
    w2: Annotated[
        float | None, typer.Option("--w2", help="Bound on the error; takes the fewest points for it.")
    ] = None,
    scheme: Annotated[SchemeName, typer.Option(help="Arrangement of the points.")] = SchemeName.auto,
    seed: Annotated[int, typer.Option(help="Of the draws that merging makes.")] = 0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Save to this .npz or .json file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a picture into this file (.png, .pdf, .svg, …).")] = None,
) -> None:
    """Place points for a law and print the proved error.

    Give either the number of points, [cyan]-n[/cyan], or the error to reach, [cyan]--w2[/cyan].

    [bold]Examples[/bold]

    [cyan]diracs quantize mixture.json -n 100 -o points.npz --plot points.png[/cyan]

    [cyan]diracs quantize mixture.npz --w2 0.05 --scheme grid[/cyan]

    [bold]Laws[/bold]

    A Gaussian, a mixture of some, points:

    [green]{"mean": [0, 0], "cov": [1, 2]}[/green]

    [green]{"means": [[0, 0], [1, 1]], "covs": [1, 2], "weights": [0.4, 0.6]}[/green]

    [green]{"points": [[0, 0], [1, 1]], "weights": [1, 3]}[/green]

    On the line, by the names and parameters of scipy.stats:

    [green]{"family": "gamma", "a": 2.0, "loc": 0, "scale": 3}[/green]

    Independent coordinates z, x = matrix z + offset; other laws of several dimensions:

    [green]{"independent": [{"family": "uniform"}, {"family": "expon"}], "matrix": [[1, 0], [1, 2]]}[/green]

    [green]{"elliptical": {"scale": {"family": "rayleigh"}, "mean": [0, 0], "cov": [1, 2]}}[/green]

    [green]{"multivariate_t": {"loc": [0, 0], "shape": [[2, 1], [1, 2]], "df": 5}}[/green]

    [green]{"histogram": {"counts": [[1, 2], [3, 0]], "edges": [[0, 1, 2], [0, 1, 5]]}}[/green]

    A mixture of any of these:

    [green]{"mixture": [{"mean": [0, 0], "cov": 1}, {"points": [[3, 3]]}], "weights": [3, 1]}[/green]
    """
    with _errors_in_one_line():
        if (n is None) == (w2 is None):
            raise ValueError("give exactly one of -n (number of points) and --w2 (error to reach)")
        # Wrong file names are found before the long work, not after it.
        for path in (output, plot):
            if path is not None and not path.parent.is_dir():
                raise ValueError(f"the folder of {str(path)!r} does not exist: make it first")
        if output is not None:
            files.file_format(output)
        if plot is not None:
            _check_picture(plot)
        described = files.read_law(law)
        log = Console(stderr=True)
        with log.status("placing points …"):
            result = diracs.quantize(described, n, w2=w2, scheme=scheme.value, seed=seed)
        Console().print(_table(result, log))
        if output is not None:
            result.save(output)
            log.print(f"saved {output}", highlight=False)
        if plot is not None:
            with log.status("drawing …"):
                result.plot().figure.savefig(plot, dpi=200)
            log.print(f"drew {plot}", highlight=False)


@app.command(no_args_is_help=True)
def info(
    file: Annotated[Path, typer.Argument(help="File that quantize -o or Quantization.save wrote.")],
) -> None:
    """Print what a saved quantization holds.

    [bold]Example[/bold]

    [cyan]diracs info points.npz[/cyan]
    """
    with _errors_in_one_line():
        Console().print(_table(files.load(file), Console(stderr=True)))


@app.command(no_args_is_help=True)
def verify(
    file: Annotated[Path, typer.Argument(help="File that quantize -o or Quantization.save wrote.")],
    strict: Annotated[bool, typer.Option("--strict", help="Fail also where fine cells leave it open.")] = False,
    cells: Annotated[int, typer.Option(help="Boxes that laws without a closed form are cut into at most.")] = 200_000,
) -> None:
    """Recompute the certificate of a saved quantization in ball arithmetic and print what is proved.

    Code 0: verified, or not refuted; with [cyan]--strict[/cyan] only verified. Code 1: the recorded value is below what
    can be proved.

    [bold]Example[/bold]

    [cyan]diracs verify points.npz[/cyan]
    """
    with _errors_in_one_line():
        raise typer.Exit(verified(file, strict=strict, cells=cells))


@app.command(no_args_is_help=True)
def stipple(
    photo: Annotated[Path, typer.Argument(help="Picture to draw with dots: .png, .jpg, .tif, …")],
    n: Annotated[int, typer.Option("-n", "--points", help="Number of dots.")] = 5000,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Save the positions, .npz.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the dots into this file (.png, .pdf, .svg, …).")] = None,
    iterations: Annotated[int, typer.Option(help="Rounds of transport.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the first positions.")] = 0,
) -> None:
    """Draw a picture with dots of equal mass, spread by optimal transport as densely as it is dark.

    Black and white are 0 and the largest number of the file's type (1 for floating-point numbers), transparent pixels
    lie on white, colours count by their luminance. The dots together are as black as the picture. Positions are in
    pixels from the lower left corner.

    [bold]Example[/bold]

    [cyan]diracs stipple photo.png -n 5000 -o points.npz --plot out.png[/cyan]
    """
    with _errors_in_one_line():
        if output is None and plot is None:
            raise ValueError("give --output, --plot or both: where the dots are to go")
        for path in (output, plot):
            if path is not None and not path.parent.is_dir():
                raise ValueError(f"the folder of {str(path)!r} does not exist: make it first")
        if output is not None and output.suffix != ".npz":
            raise ValueError(f"cannot save to {str(output)!r}: the name must end in .npz")
        if plot is not None:
            _check_picture(plot)
        dark = darkness(photo)
        if not dark.any():
            raise ValueError(f"the picture {str(photo)!r} is white all over: there is nothing to draw")
        # Rows go from top to bottom, the second axis of a density upwards; one unit of length per pixel.
        density = diracs.PolynomialGrid(dark[::-1].T, [[0, 0], list(dark.shape[::-1])])
        log = Console(stderr=True)
        with Progress(console=log) as progress:
            task = progress.add_task("placing dots", total=iterations)
            diracs_found = diracs.lloyd(
                density,
                n,
                masses="equal",
                iterations=iterations,
                seed=seed,
                callback=lambda iteration, points, cost: progress.update(task, completed=iteration),
            )
            progress.update(task, completed=iterations)
        if output is not None:
            np.savez(output, positions=diracs_found.positions, weights=diracs_found.weights)
            log.print(f"saved {output}", highlight=False)
        if plot is not None:
            from diracs.show.stipples import plot_stipples, sheet

            figure = sheet(density.domain)
            plot_stipples(diracs_found.positions, figure.axes[0], density.domain, float(dark.sum()))
            figure.savefig(plot, dpi=200)
            log.print(f"drew {plot}", highlight=False)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Errors that users can cause become one line on stderr and exit code 2; others are bugs and keep their traces."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError) as error:
        text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        typer.echo(f"error: {' '.join(text.split())}", err=True)
        raise typer.Exit(2) from None


def _check_picture(path: Path) -> None:
    """The picture's type must be one that matplotlib writes; from here on it needs no display."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("--plot needs matplotlib: pip install 'diracs[plot]'") from None
    matplotlib.use("agg")
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"cannot draw into {str(path)!r}: the name must end in one of .{', .'.join(sorted(known))}")


def _table(q: diracs.Quantization, log: Console) -> Table:
    """The certificates and the scheme of a quantization; upper bounds are rounded up, lower ones down."""
    if q.positions.ndim != 2:
        raise ValueError(f"the file holds a batch of shape {q.positions.shape[:-2]}: save its quantizations one by one")
    with log.status(f"bounding from below what any {len(q):,} points can reach …"):
        bound, lower = float(q.w2), float(q.w2_lower)
    table = Table(show_header=False, title="Quantization", title_justify="left", title_style="bold")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "law": q.distribution,
        "points": f"{len(q):,} in dimension {q.positions.shape[-1]}",
        "certificate": f"W₂ {'=' if q.exact else '≤'} {round_to(bound, math.ceil, 5)}",
        "exact": "yes, this is the distance itself" if q.exact else "no, an upper bound",
        "lower bound": f"W₂ ≥ {round_to(lower, math.floor, 5, like=bound)} for any {len(q):,} points",
        "ratio": f"{round_to(bound / lower, math.ceil)} × the lower bound" if lower > 0 else "—",
        "scheme": q.scheme,
    }
    for name, value in rows.items():
        # Text that may hold square brackets, which rich would take for markup.
        table.add_row(name, str(value).replace("[", r"\["))
    return table


def main() -> None:
    """Entry point of the script `diracs`."""
    app(prog_name="diracs")
