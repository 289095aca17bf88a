"""Bent maps as plain data: layers beside an affine map; `Smooth` takes their Jacobians from the code here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy

from diracs.laws.described import check_entries
from diracs.propagation import Affine, Smooth

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": lambda x: scipy.special.expit(x),
    "tanh": np.tanh,
    "arctan": np.arctan,
    "erf": scipy.special.erf,
    "sin": np.sin,
    "cos": np.cos,
}


def layered(described: Mapping[str, Any], where: str) -> Smooth:
    """x⁺ = A x + b + g_K(A_K … g_1(A_1 x + b_1) … + b_K), A and b zero where they are left out.

    Parameters
    ----------
    described : mapping
        ``{"layers": [{"A": …, "b": …, "function": "tanh"}, …], "A": …, "b": …}``.
    where : str
        What holds it, for messages.

    Raises
    ------
    ValueError, TypeError
        For entries that are missing, unknown, or do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.commands.layers import layered
    >>> pendulum = layered(
    ...     {
    ...         "A": [[1.0, 0.1], [0.0, 0.9]],
    ...         "layers": [{"A": [[1.0, 0.0]], "function": "sin"}, {"A": [[0.0], [-1.0]]}],
    ...     },
    ...     "model.json: dynamics",
    ... )
    >>> pendulum(np.array([[0.0, 2.0]])).tolist()
    [[0.2, 1.8]]
    """
    check_entries(described, ("layers",), ("A", "b"), where)
    layers = described["layers"]
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, Mapping) for layer in layers):
        raise ValueError("layers must be a list of objects with the entries A, b and function")
    maps, functions = [], []
    for k, layer in enumerate(layers):
        check_entries(layer, ("A",), ("b", "function"), f"{where}: layers[{k}]")
        name = layer.get("function", "identity")
        if name not in FUNCTIONS:
            raise ValueError(f"layers[{k}]: function must be one of {', '.join(FUNCTIONS)}, got {name!r}")
        maps.append(Affine(layer["A"], layer.get("b")))
        functions.append(FUNCTIONS[name])
        if k and maps[k].A.shape[1] != maps[k - 1].A.shape[0]:
            raise ValueError(
                f"layers[{k}] must take the {maps[k - 1].A.shape[0]} numbers that layers[{k - 1}] gives, but A has"
                f" {maps[k].A.shape[1]} columns"
            )
    shape = maps[-1].A.shape[0], maps[0].A.shape[1]
    beside = Affine(described.get("A", np.zeros(shape)), described.get("b"))
    if beside.A.shape != shape:
        raise ValueError(
            f"A must have shape {shape}, as the layers take and give so many numbers, got {beside.A.shape}"
        )

    def image(x: Any) -> Any:
        inner = x
        for affine, function in zip(maps, functions):
            inner = function(inner @ affine.A.T + affine.b)
        return x @ beside.A.T + beside.b + inner

    return Smooth(image, continuous=True)
