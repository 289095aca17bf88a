"""What all commands have in common: errors in a line, checks before long work, progress, and how results are told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

# What went wrong: mistakes of the caller, and a solver that did not reach what was asked for. Bugs end with 1.
MISTAKE, NOT_CONVERGED = 2, 3


@contextmanager
def errors_in_one_line(**words: str) -> Iterator[None]:
    """Errors that users can cause become one line on stderr and exit code 2; others are bugs and keep their traces.

    `words` are the options that arguments of the library are called by here: a message that begins with such an
    argument begins with the option.
    """
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError) as error:
        text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        text = re.sub(r"^\w+", lambda first: words.get(first[0], first[0]), " ".join(text.split()))
        typer.echo(f"error: {text}", err=True)
        raise typer.Exit(MISTAKE) from None


def log() -> Console:
    """Where everything but results goes: stderr."""
    return Console(stderr=True)


def said(text: str) -> None:
    """A line on stderr, as it is."""
    log().print(text, highlight=False, markup=False)


def check_folders(*paths: Path | None) -> None:
    """Wrong file names are found before the long work, not after it."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"the folder of {str(path)!r} does not exist: make it first")


def check_picture(path: Path | None) -> None:
    """The picture's type must be one that matplotlib writes; from here on it needs no display."""
    if path is None:
        return
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("--plot needs matplotlib: pip install 'diracs[plot]'") from None
    matplotlib.use("agg")
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"cannot draw into {str(path)!r}: the name must end in one of .{', .'.join(sorted(known))}")


def draw(plot: Callable[[], Any], path: Path | None) -> None:
    """A picture of matplotlib into a file, if one is wanted."""
    if path is None:
        return
    with log().status("drawing …"):
        plot().figure.savefig(path, dpi=200)
    said(f"drew {path}")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Bars on stderr where that is a terminal, for `progress` of the library's functions."""
    console = log()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def tell(stage: str, step: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=step, total=total)

        yield tell


def show(
    title: str, rows: Mapping[str, Any], numbers: Mapping[str, Any], machine: bool, to_stderr: bool = False
) -> None:
    """A table of rows for people, or numbers as one JSON object for machines; on stderr if stdout is taken."""
    if machine:
        typer.echo(
            json.dumps({name: plain(value) for name, value in numbers.items()}, ensure_ascii=False), err=to_stderr
        )
        return
    table = Table(show_header=False, title=title, title_justify="left", title_style="bold")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        # Text that may hold square brackets, which rich would take for markup.
        table.add_row(name, str(value).replace("[", r"\["))
    (log() if to_stderr else Console()).print(table)


def plain(value: Any) -> Any:
    """What JSON holds: numbers, lists of these, text; nothing that is no number."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
