"""What commands write, by the suffix of the file: `.npz`, `.json`, `.csv`, `.svg`; JSON to standard output for `-`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import typer

from diracs.commands.console import check_folders, plain, said
from diracs.show.notebook import drawn

_SUFFIXES = (".csv", ".svg", ".npz", ".json")
STDOUT = Path("-")


def check_output(path: Path | None) -> None:
    """The folder must be there, and the suffix one that is known."""
    check_folders(path)
    if path is not None and path != STDOUT and path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"cannot save to {str(path)!r}: the name must end in .csv, .svg, .npz or .json, or be -")


def write(
    path: Path | None,
    *,
    arrays: Callable[[], Mapping[str, Any]],
    table: Callable[[], Mapping[str, Any]],
    picture: Callable[[], str],
    text: Callable[[], str] | None = None,
) -> None:
    """Whatever the suffix asks for, if a file is wanted at all.

    Parameters
    ----------
    path : Path, optional
    arrays : callable
        The entries of `.npz`, and of JSON: arrays, numbers, or trees of these.
    table : callable
        Columns by their titles; those of several axes are numbered.
    picture : callable
        An SVG element.
    text : callable, optional
        JSON that is made otherwise.
    """
    if path is None:
        return
    kind = path.suffix.lower()
    if kind == ".npz":
        entries = arrays()
        # An open file, as `savez` would append .npz to names that end in .NPZ.
        with open(path, "wb") as file:
            np.savez(file, **entries)
    elif kind == ".csv":
        path.write_text(_csv(table()), encoding="utf-8")
    elif kind == ".svg":
        path.write_text(picture(), encoding="utf-8")
    else:
        content = json.dumps(_tree(arrays())) + "\n" if text is None else text()
        if path == STDOUT:
            typer.echo(content, nl=False)
            return
        path.write_text(content, encoding="utf-8")
    said(f"saved {path}")


def small_picture(x: Any) -> str:
    """That of notebooks, as a file."""
    found = drawn(x)
    if found is None:
        raise ValueError(f"there is no small picture of a {type(x).__name__}: use --plot")
    picture, note = found
    if note:
        said(note)
    return picture.text(repr(x)) + "\n"


def _tree(entries: Any) -> Any:
    if isinstance(entries, Mapping):
        return {name: _tree(value) for name, value in entries.items()}
    return plain(entries) if not isinstance(entries, list) else [_tree(value) for value in entries]


def _csv(columns: Mapping[str, Any]) -> str:
    """A line of titles, and numbers by their shortest decimals that read back the same."""
    titles: list[str] = []
    parts: list[np.ndarray] = []
    for title, values in columns.items():
        values = np.asarray(values)
        titles += [title] if values.ndim == 1 else [f"{title}{k + 1}" for k in range(values.shape[1])]
        parts += [values] if values.ndim == 1 else list(values.T)
    out = io.StringIO()
    out.write(",".join(titles) + "\n")
    for row in zip(*(part.tolist() for part in parts)):
        out.write(",".join(map(repr, row)) + "\n")
    return out.getvalue()
