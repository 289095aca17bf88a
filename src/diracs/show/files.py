"""Quantizations and laws in files: `.npz` (NumPy arrays) or `.json` (readable text), never pickles.

A quantization is a tree of objects whose leaves are arrays. In JSON an array is written out with its dtype and shape,
and floats by their shortest decimal that reads back the same. In `.npz` each array is an entry under its dotted name
(`positions`, `distribution.means`, …), and the entry `structure` holds the rest of the tree as JSON.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np

from diracs.backend.arrays import frozen, is_array
from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.scalar import ScalarCodebook
from diracs.laws.balls import Balls
from diracs.laws.described import law_of
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, GaussianMixture
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mesh import Mesh
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.simplices import Simplices
from diracs.laws.univariate.families.beta import Beta
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.families.inverse_gamma import InverseGamma
from diracs.laws.univariate.families.mixture import UnivariateMixture
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.families.numeric import FromScipy
from diracs.laws.univariate.families.powers import LogNormal, Pareto
from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.families.simple import Gumbel, Laplace, Logistic, Triangular, Uniform
from diracs.laws.univariate.families.student import Student
from diracs.laws.univariate.law import Univariate
from diracs.quantization.discretization import Quantization
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.points import PointScheme
from diracs.schemes.product import ProductScheme

Filename = str | os.PathLike[str]

_FORMAT = "diracs quantization"
_VERSION = 1
_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        SumOfDiracs,
        Gaussian,
        GaussianMixture,
        PolynomialGrid,
        Mesh,
        Simplices,
        Independent,
        Elliptical,
        Mixture,
        Histogram,
        Balls,
        ScalarCodebook,
        CrossCodebook,
        ProductScheme,
        LayeredScheme,
        PointScheme,
        Univariate,
        Beta,
        FromScipy,
        GeneralizedGamma,
        Gumbel,
        Laplace,
        Logistic,
        LogNormal,
        InverseGamma,
        Pareto,
        Reflected,
        Student,
        Triangular,
        TruncatedNormal,
        Uniform,
        UnivariateMixture,
    )
}
_FIELDS = ("distribution", "scheme", "positions", "weights", "w2", "exact")


def save(quantization: Quantization, path: Filename, *, lower: bool = False) -> None:
    """Write a quantization, its certificates, its distribution and its scheme to `path`, `.npz` or `.json`.

    Arrays of any framework are written with their dtype; they come back as NumPy's. `w2_lower`, which may take seconds
    to compute, is written if it is known already, or if asked for by `lower=True`; else null stands in its place, and
    what is loaded computes it when asked.

    Raises
    ------
    ValueError
        For any other suffix.
    """
    if file_format(path) == ".json":
        Path(path).write_text(dumps(quantization, lower=lower), encoding="utf-8")
        return
    # What cannot be saved leaves no file, or an earlier one as it was.
    arrays = archived(quantization, lower=lower)
    # An open file, as `savez` would append .npz to names that end in .NPZ.
    with open(path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def dumps(quantization: Quantization, *, lower: bool = False) -> str:
    """The text of the `.json` file."""
    return _layout(_encoded(quantization, lower, _written_out)) + "\n"


def archived(quantization: Quantization, *, lower: bool = False) -> dict[str, np.ndarray]:
    """The entries of the `.npz` file."""
    arrays: dict[str, np.ndarray] = {}

    def entry(array: np.ndarray, name: str) -> dict[str, Any]:
        arrays[name] = array
        return {"array": name}

    structure = json.dumps(_encoded(quantization, lower, entry), allow_nan=False)
    return {**arrays, "structure": np.asarray(structure)}


def _encoded(
    quantization: Quantization, lower: bool, array: Callable[[np.ndarray, str], dict[str, Any]]
) -> dict[str, Any]:
    tree = {name: getattr(quantization, name) for name in _FIELDS}
    tree["w2_lower"] = quantization.w2_lower if lower or quantization.w2_lower_known else None
    return {"format": _FORMAT, "version": _VERSION, **_encode(tree, "", array)}


def load(path: Filename) -> Quantization:
    """The quantization that `save` wrote, with NumPy arrays.

    Raises
    ------
    ValueError
        If the file is not one that `save` wrote; FileNotFoundError if there is none.
    """
    if file_format(path) == ".json":
        content = _read_json(path)
        arrays: dict[str, np.ndarray] = {}
    else:
        arrays = _read_npz(path)
        content = structure_of(arrays)
    return rebuilt(content, arrays, path)


def structure_of(arrays: dict[str, np.ndarray]) -> Any:
    """The tree of an `.npz` file, None if it has none."""
    return json.loads(str(arrays["structure"])) if "structure" in arrays else None


def rebuilt(content: Any, arrays: dict[str, np.ndarray], path: Filename) -> Quantization:
    """The quantization of a tree, whose arrays are at hand if it only names them; `path` is for messages.

    Raises
    ------
    ValueError
        If it is not one that `save` wrote.
    """
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{path} does not hold a quantization: such files are written by Quantization.save")
    if content.get("version") != _VERSION:
        raise ValueError(
            f"{path} has format version {content.get('version')}, but this diracs reads {_VERSION}: update diracs"
        )
    try:
        tree = {name: _decode(content[name], arrays) for name in (*_FIELDS, "w2_lower")}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is incomplete or damaged: {error} is missing or not understood") from None
    # Bounds are NumPy numbers, as everywhere else, also where the file holds plain ones.
    tree["w2"], lower = np.asarray(tree["w2"])[()], tree.pop("w2_lower")
    quantization = Quantization(**tree)
    if lower is not None:
        # The stored bound, as computing it again may take long.
        object.__setattr__(quantization, "_w2_lower", np.asarray(lower)[()])
    return quantization


def read_law(path: Filename) -> Any:
    """The law of a file that describes one: an object in JSON, or arrays under the same names in `.npz`.

    JSON: ``{"means": [[0, 0], [1, 1]], "covs": [[1, 1], [2, 2]], "weights": [0.4, 0.6]}`` for a Gaussian mixture,
    ``{"family": "gamma", "a": 2.0}``, …: docs/command_line.md has them all.

    Raises
    ------
    ValueError
        If an entry is missing, unknown or wrong; FileNotFoundError if there is no file.
    """
    return law_of(_read_json(path) if file_format(path) == ".json" else _read_npz(path), str(path))


def _encode(value: Any, name: str, array: Callable[[np.ndarray, str], dict[str, Any]]) -> Any:
    """`value` as JSON: objects as {"type", attributes…}, tuples as lists, arrays as `array` says."""
    if isinstance(value, float) and not np.isfinite(value):
        return {"number": str(float(value))}
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if is_array(value):
        return array(_to_numpy(value), name)
    if isinstance(value, tuple | list):
        return [_encode(v, f"{name}.{i}", array) for i, v in enumerate(value)]
    prefix = f"{name}." if name else ""
    if isinstance(value, dict):
        return {a: _encode(v, f"{prefix}{a}", array) for a, v in value.items()}
    cls: Any = type(value)
    if cls not in _CLASSES.values():
        raise TypeError(
            f"cannot save a {cls.__name__} ({name}), which only its own code can make again: pickle it, or save the"
            f" diracs alone; known are {', '.join(_CLASSES)}"
        )
    attributes = {a: getattr(value, a) for a in _attributes(cls)}
    return {"type": cls.__name__, **_encode(attributes, name, array)}


def _decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of `_encode`; objects are rebuilt as they were, without normalizing their weights once more."""
    if isinstance(value, list):
        return tuple(_decode(v, arrays) for v in value)
    if not isinstance(value, dict):
        return value
    if "number" in value:
        return float(value["number"])
    if "array" in value:
        return frozen(arrays[value["array"]])
    if "dtype" in value:
        return frozen(np.asarray(value["values"], dtype=value["dtype"]).reshape(value["shape"]))
    cls: Any = _CLASSES[value["type"]]
    obj = object.__new__(cls)
    for name in _attributes(cls):
        # What a class has a default for may be younger than the file.
        if name in value or not hasattr(cls, name):
            object.__setattr__(obj, name, _decode(value[name], arrays))
    return obj


def _attributes(cls: Any) -> tuple[str, ...]:
    """What an object is made of: of the families of univariate laws their shapes."""
    return (*cls._leaves, *cls._static) if hasattr(cls, "_leaves") else tuple(f.name for f in fields(cls))


def _written_out(array: np.ndarray, name: str) -> dict[str, Any]:
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": array.tolist()}


def _to_numpy(x: Any) -> np.ndarray:
    """The values of an array of any framework, in its dtype."""
    return np.asarray(x.detach().cpu() if array_api_compat.is_torch_array(x) else x)


def file_format(path: Filename) -> str:
    """'.npz' or '.json', the suffix of a file name in lower case; ValueError for any other."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".json"):
        raise ValueError(f"the file name must end in .npz or .json, got {str(path)!r}")
    return suffix


def _layout(value: Any, indent: str = "") -> str:
    """JSON text with a line for each attribute and each row of an array."""
    brackets, parts = "[]", []
    if isinstance(value, dict):
        brackets = "{}"
        parts = [f"{json.dumps(key)}: {_layout(v, indent + '  ')}" for key, v in value.items()]
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        parts = [_layout(v, indent + "  ") for v in value]
    if not parts:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    lines = ",\n".join(f"{indent}  {part}" for part in parts)
    return f"{brackets[0]}\n{lines}\n{indent}{brackets[1]}"


def _read_json(path: Filename) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from None


def _read_npz(path: Filename) -> dict[str, np.ndarray]:
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path} is not an .npz file")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            return dict(archive.items())
