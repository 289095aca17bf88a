"""Models of `diracs propagate`: a start, dynamics, noise and a horizon, described by plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diracs.commands.layers import layered
from diracs.laws.described import check_entries, law_of
from diracs.propagation import Affine, PiecewiseAffine, Smooth

_NEEDED = ("initial", "dynamics", "steps")
_OPTIONS = (
    "n",
    "w2_bound",
    "initial_radius",
    "noise_radius",
    "components",
    "quantized",
    "match_moments",
)


def model_of(described: Any, where: str) -> dict[str, Any]:
    """The arguments of `propagate` that an object describes.

    Parameters
    ----------
    described : mapping
        `initial`, a law; `dynamics`, ``{"A": …, "b": …}``, ``{"pieces": [{"A": …, "b": …, "H": …, "h": …}, …]}`` or
        what `layered` takes; `steps`; and, if wanted, `noise`, a law, and options of `propagate` by their names.
    where : str
        What holds it, for messages.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        For entries that are missing, unknown or wrong.

    Examples
    --------
    >>> from diracs.commands.models import model_of
    >>> found = model_of({"initial": {"mean": [1.0], "cov": 0.1}, "dynamics": {"A": [[0.5]]}, "steps": 3}, "model.json")
    >>> found["dynamics"], found["steps"]
    (Affine(dimension 1 to 1), 3)
    """
    if not isinstance(described, Mapping):
        raise ValueError(f"{where} must hold an object that describes a model")
    check_entries(described, _NEEDED, ("noise", *_OPTIONS), where)
    noise = described.get("noise")
    return {
        "initial": law_of(described["initial"], f"{where}: initial"),
        "dynamics": _dynamics(described["dynamics"], f"{where}: dynamics"),
        "noise": None if noise is None else law_of(noise, f"{where}: noise"),
        "steps": described["steps"],
        **{name: described[name] for name in _OPTIONS if name in described},
    }


def _dynamics(described: Any, where: str) -> Affine | Smooth:
    """x⁺ = A x + b, the same by pieces {x : H x ≤ h}, or with layers."""
    if not isinstance(described, Mapping):
        raise ValueError(f"{where} must be an object with the entry A, pieces or layers")
    try:
        if "layers" in described:
            return layered(described, where)
        if "pieces" not in described:
            check_entries(described, ("A",), ("b",), where)
            return Affine(described["A"], described.get("b"))
        check_entries(described, ("pieces",), ("continuous",), where)
        pieces = described["pieces"]
        if not isinstance(pieces, list) or not all(isinstance(piece, Mapping) for piece in pieces):
            raise ValueError("pieces must be a list of objects with the entries A, b, H and h")
        for k, piece in enumerate(pieces):
            check_entries(piece, ("A", "b", "H", "h"), (), f"{where}: pieces[{k}]")
        return PiecewiseAffine(
            [(piece["H"], piece["h"]) for piece in pieces],
            [piece["A"] for piece in pieces],
            [piece["b"] for piece in pieces],
            continuous=described.get("continuous", True),
        )
    except (TypeError, ValueError) as error:
        text = str(error)
        raise ValueError(text if text.startswith(where) else f"{where}: {text}") from None
