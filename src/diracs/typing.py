"""Types of arguments: the names that string options take, which messages list from here, and callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

SchemeName = Literal["auto", "grid", "cross", "product", "optimal"]
Configuration = Literal["grid", "cross", "product"]
Masses = Literal["free", "equal"]
CovarianceKind = Literal["isotropic", "diagonal", "full"]
Per = Literal["simplex", "vertex"]
# True for a bar on stderr, or what is called as progress(stage, step, total), total None where it is not known.
Progress = bool | Callable[[str, int, int | None], None]
