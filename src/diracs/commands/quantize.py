"""`diracs quantize` and `diracs info`: points for a law, and what a file of such points holds."""

from __future__ import annotations

import enum
import math
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

import diracs
from diracs.backend.decimals import round_to
from diracs.commands import console, sinks, sources
from diracs.show import files
from diracs.typing import SchemeName

# typer wants an enumeration.
Scheme = enum.Enum("Scheme", {name: name for name in get_args(SchemeName)}, type=str)  # type: ignore[misc]

# Options by the names that arguments of the library have.
WORDS = {name: f"--{name}" for name in ("w2", "scheme", "seed")} | {"n": "--number", "distribution": "the law"}


def quantize(
    law: Annotated[
        Path,
        typer.Argument(help="Law to approximate: .json, .npz, .csv or .parquet of samples, a picture; - for stdin."),
    ],
    n: Annotated[int | None, typer.Option("-n", "--number", "--points", help="Number of points to place.")] = None,
    w2: Annotated[
        float | None, typer.Option("--w2", help="Bound on the error; takes the fewest points for it.")
    ] = None,
    scheme: Annotated[Scheme, typer.Option(help="Arrangement of the points.")] = Scheme("auto"),  # noqa: B008
    match_moments: Annotated[
        bool, typer.Option("--match-moments", help="Points with exactly the law's mean and covariance.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the draws that merging makes.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Save to this .npz, .json, .csv or .svg file; - for stdout.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a picture into this file (.png, .pdf, .svg, …).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate as JSON.")] = False,
) -> None:
    """Place points for a law and print the proved error.

    Give either the number of points, [cyan]-n[/cyan], or the error to reach, [cyan]--w2[/cyan].

    [bold]Examples[/bold]

    [cyan]diracs quantize mixture.json -n 100 -o points.npz --plot points.png[/cyan]

    [cyan]diracs quantize mixture.npz --w2 0.05 --scheme grid[/cyan]

    [cyan]diracs quantize samples.csv -n 100 -o points.csv[/cyan]

    [cyan]cat mixture.json | diracs quantize - -n 9 -o - | diracs info -[/cyan]

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
    with console.errors_in_one_line(**WORDS):
        if (n is None) == (w2 is None):
            raise ValueError("give exactly one of -n (--number, of points) and --w2 (error to reach)")
        sinks.check_output(output)
        console.check_folders(plot)
        console.check_picture(plot)
        described = sources.law_from(law)
        name = cast(SchemeName, scheme.value)
        with console.progress() as progress:
            found = diracs.quantize(
                described, n, w2=w2, scheme=name, match_moments=match_moments, seed=seed, progress=progress
            )
        certificate(found, as_json, output == sinks.STDOUT)
        sinks.write(
            output,
            arrays=lambda: files.archived(found),
            table=lambda: {"x": found.positions, "weight": found.weights},
            picture=lambda: sinks.small_picture(found),
            text=lambda: files.dumps(found),
        )
        console.draw(found.plot, plot)


def info(
    file: Annotated[Path, typer.Argument(help="File that quantize -o or Quantization.save wrote; - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate as JSON.")] = False,
) -> None:
    """Print what a saved quantization holds.

    [bold]Example[/bold]

    [cyan]diracs info points.npz[/cyan]
    """
    with console.errors_in_one_line():
        certificate(sources.quantization_from(file), as_json)


def certificate(q: diracs.Quantization, as_json: bool, to_stderr: bool = False) -> None:
    """Print the certificates and the scheme of a quantization; upper bounds are rounded up, lower ones down."""
    if q.positions.ndim != 2:
        raise ValueError(f"the file holds a batch of shape {q.positions.shape[:-2]}: save its quantizations one by one")
    with console.log().status(f"bounding from below what any {len(q):,} points can reach …"):
        bound, lower = float(q.w2), float(q.w2_lower)
    rows = {
        "law": q.distribution,
        "points": f"{len(q):,} in dimension {q.positions.shape[-1]}",
        "certificate": f"W₂ {'=' if q.exact else '≤'} {round_to(bound, math.ceil, 5)}",
        "exact": "yes, this is the distance itself" if q.exact else "no, an upper bound",
        "lower bound": f"W₂ ≥ {round_to(lower, math.floor, 5, like=bound)} for any {len(q):,} points",
        "ratio": f"{round_to(bound / lower, math.ceil)} × the lower bound" if lower > 0 else "—",
        "scheme": q.scheme,
    }
    numbers = {
        "law": str(q.distribution),
        "points": len(q),
        "dimension": int(q.positions.shape[-1]),
        "w2": bound,
        "exact": q.exact,
        "w2_lower": lower,
        "scheme": str(q.scheme),
    }
    console.show("Quantization", rows, numbers, as_json, to_stderr)
