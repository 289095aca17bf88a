"""Laws of a user's own, known by the cells that they cut themselves into."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from diracs.backend import checks

# Masses sum to one up to this; what they lack is left to rounding.
_SUM = 1e-9


@runtime_checkable
class CutsItself(Protocol):
    """What a class needs to be quantized, and `ndim`, the dimension d of the space; see docs/your_own_law.md."""

    def cells(self, count: int) -> tuple[Any, Any, Any]:
        """About `count` cells or more: mass (m,), barycenter (m, d), and spread E[|X − barycenter|²; cell] (m,)."""
        ...


def dimension_of(law: Any) -> int:
    """Its `ndim`, checked."""
    return checks.count(f"ndim of a {type(law).__name__}", getattr(law, "ndim", None))


def cells_of(law: CutsItself, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of a law, as float64, checked.

    Raises
    ------
    ValueError
        If they cannot be cells of a law.
    """
    name, d = f"{type(law).__name__}.cells({count})", dimension_of(law)
    try:
        mass, barycenter, spread = (np.asarray(x, dtype=np.float64) for x in law.cells(count))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must return mass (m,), barycenter (m, d) and spread (m,): {error}") from error
    m = len(mass) if mass.ndim else 0
    if m == 0 or mass.shape != (m,) or barycenter.shape != (m, d) or spread.shape != (m,):
        raise ValueError(
            f"{name} must return mass (m,), barycenter (m, {d}) and spread (m,), got shapes {mass.shape},"
            f" {barycenter.shape} and {spread.shape}"
        )
    if not all(np.isfinite(x).all() for x in (mass, barycenter, spread)):
        raise ValueError(f"{name} must return finite numbers; cells may reach to infinity, their moments may not")
    if (mass < 0).any() or (spread < 0).any():
        raise ValueError(f"{name} must not return negative masses or spreads")
    if abs(float(mass.sum()) - 1.0) > _SUM:
        raise ValueError(f"{name} must return masses that sum to 1, got {float(mass.sum()):.12g}: cells cover the law")
    if (spread[mass == 0] > 0).any():
        raise ValueError(f"{name} must not return cells with spread but without mass")
    return mass, barycenter, spread
