"""What commands read: laws and points from JSON, `.npz`, tables of samples, pictures, and standard input."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import typer

from diracs.laws.described import law_of
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.pixels import PolynomialGrid
from diracs.quantization.discretization import Quantization
from diracs.show import files
from diracs.show.pictures import darkness

_TABLES = (".csv", ".tsv", ".parquet")
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm")
_NAMES = f"{', '.join(_TABLES)}, .npz or .json, or as that of a picture ({', '.join(_PICTURES)})"
# Columns of tables that hold masses.
_MASSES = ("weight", "weights", "mass", "masses")
STDIN = Path("-")


def law_from(path: Path) -> Any:
    """The law of a file: one that is described, a saved quantization's points, samples, or a picture's darkness."""
    data, name, kind = _content(path)
    if kind in _PICTURES:
        return picture(_dark(data, name), name)
    if kind in _TABLES:
        return SumOfDiracs(*_columns(data, name, kind))
    held = _tree(data, name, kind)
    return held.diracs if isinstance(held, Quantization) else law_of(held, name)


def darkness_from(path: Path) -> np.ndarray:
    """How dark the pixels (rows, columns) of a picture are, whatever its suffix."""
    name = "standard input" if path == STDIN else str(path)
    return _dark(typer.get_binary_stream("stdin").read() if path == STDIN else path.read_bytes(), name)


def _dark(data: bytes, name: str) -> np.ndarray:
    try:
        return darkness(io.BytesIO(data))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def points_from(path: Path) -> SumOfDiracs:
    """The points of a file."""
    found = law_from(path)
    if not isinstance(found, SumOfDiracs):
        raise ValueError(f"{path} must hold points, but it describes a {type(found).__name__}")
    return found


def quantization_from(path: Path) -> Quantization:
    """A saved quantization."""
    data, name, kind = _content(path)
    held = _tree(data, name, kind) if kind in (".json", ".npz") else None
    if not isinstance(held, Quantization):
        raise ValueError(f"{name} does not hold a quantization: such files are written by quantize -o")
    return held


def json_from(path: Path) -> Any:
    """What a JSON file holds."""
    data, name, _ = _content(path)
    return _json(data, name)


def picture(dark: np.ndarray, name: str) -> PolynomialGrid:
    """The law that is as dense as a picture (rows, columns) is dark, in pixels from its lower left corner."""
    if not dark.any():
        raise ValueError(f"the picture {name!r} is white all over: there is nothing to draw")
    # Rows go from top to bottom, the second axis of a density upwards; one unit of length per pixel.
    return PolynomialGrid(dark[::-1].T, [[0, 0], list(dark.shape[::-1])])


def _content(path: Path) -> tuple[bytes, str, str]:
    """What a file holds, its name for messages, and its suffix; of standard input the one that it looks like."""
    if path == STDIN:
        data = typer.get_binary_stream("stdin").read()
        return data, "standard input", _looks_like(data)
    kind = path.suffix.lower()
    if kind not in (".json", ".npz", *_TABLES, *_PICTURES):
        raise ValueError(f"the file name must end in {_NAMES}, got {str(path)!r}")
    return path.read_bytes(), str(path), kind


def _looks_like(data: bytes) -> str:
    signs = {b"PK": ".npz", b"PAR1": ".parquet", b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"{": ".json"}
    start = data.lstrip()[:8]
    return next((kind for sign, kind in signs.items() if start.startswith(sign)), ".csv")


def _tree(data: bytes, name: str, kind: str) -> Any:
    """A quantization, or the entries of a description."""
    if kind == ".npz":
        if not zipfile.is_zipfile(io.BytesIO(data)):
            raise ValueError(f"{name} is not an .npz file")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = dict(archive.items())
        return files.rebuilt(files.structure_of(arrays), arrays, name) if "structure" in arrays else _points(arrays)
    content = _json(data, name)
    return files.rebuilt(content, {}, name) if isinstance(content, dict) and "format" in content else content


def _points(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Entries of a law; those that the commands write are called as `SumOfDiracs` calls them."""
    if "positions" not in arrays or "points" in arrays:
        return arrays
    weights = {"weights": arrays["masses" if "masses" in arrays else "weights"]} if len(arrays) > 1 else {}
    return {"points": arrays["positions"], **weights}


def _json(data: bytes, name: str) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{name} is not a JSON file: {error}") from None


def _columns(data: bytes, name: str, kind: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples (n, d), and masses (n,) if a column is called so."""
    if kind == ".parquet":
        try:
            import pandas

            table = pandas.read_parquet(io.BytesIO(data))
        except ImportError:
            raise ImportError("reading Parquet needs pandas and pyarrow: pip install pandas pyarrow") from None
        titles, numbers = [str(title) for title in table.columns], table.to_numpy()
    else:
        titles, numbers = _text_table(data, name)
    masses = [k for k, title in enumerate(titles) if title.strip().lower() in _MASSES]
    if len(masses) > 1:
        raise ValueError(f"{name} must have one column of masses, got {', '.join(titles[k] for k in masses)}")
    points = np.delete(numbers, masses, axis=1)
    if not points.size:
        raise ValueError(f"{name} holds no samples")
    return points, numbers[:, masses[0]] if masses else None


def _text_table(data: bytes, name: str) -> tuple[list[str], np.ndarray]:
    """Titles, if the first line is no numbers, and numbers; columns parted by commas, semicolons, tabs or spaces."""
    text = data.decode("utf-8-sig")
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    parted = next((sign for sign in (",", ";", "\t") if sign in first), None)
    titles = [title.strip().strip('"') for title in first.split(parted)]
    named = not all(map(_is_number, titles))
    skipped = lines.index(first) + 1 if named else 0
    if not any(line.strip() for line in lines[skipped:]):
        raise ValueError(f"{name} holds no samples")
    try:
        numbers = np.loadtxt(lines[skipped:], delimiter=parted, ndmin=2, comments=None)
    except ValueError as error:
        raise ValueError(f"{name} must hold a number in each column of each line: {error}") from None
    return titles if named else [""] * numbers.shape[1], numbers


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
