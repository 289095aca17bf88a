"""Mixtures of uniform laws on balls of one radius: tophat kernel density estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, companion, pytree


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Balls:
    """The law Σ w_k U(ball of the radius around centre k).

    Parameters
    ----------
    centres : array (k, d)
    radius : float
        Above zero.
    weights : array (k,), optional
        Non-negative, normalized to sum 1; equal by default.
    """

    centres: Array
    weights: Array
    radius: float

    _leaves = ("centres", "weights")
    _static = ("radius",)

    def __init__(self, centres: Any, radius: float, weights: Any = None) -> None:
        kind = common_framework(centres=centres, weights=weights)
        c = checks.floating("centres", centres, kind, companion(centres, weights))
        if c.ndim != 2:
            raise ValueError(f"centres must have shape (k, d), got {tuple(c.shape)}")
        object.__setattr__(self, "centres", c)
        object.__setattr__(self, "weights", checks.weights("weights", weights, kind, c, (c.shape[0],)))
        object.__setattr__(self, "radius", checks.positive("radius", radius))

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return self.centres.shape[-1]

    def __repr__(self) -> str:
        return f"Balls({self.centres.shape[0]} of radius {self.radius:g} in dimension {self.ndim})"
