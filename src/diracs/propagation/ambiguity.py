"""How far the true law of a start or of the noise may be from the one given: in W₂, by axes, or by a covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import concrete

_SLACK = 1e-13


@dataclass(frozen=True, eq=False)
class Radius:
    """What the difference ξ of the true and the given variable may be, for some coupling of the two.

    Attributes
    ----------
    value : float
        (E|ξ|²)^{1/2} at most: a bound on W₂.
    axes : array (d,), optional
        (E ξ_i²)^{1/2} at most, whatever the correlations.
    moment : array (d, d), optional
        E ξξᵀ at most, in the order of Löwner.
    rest : float
        Root mean square of what comes on top, of any direction; `value` contains it.
    """

    value: float
    axes: np.ndarray | None = None
    moment: np.ndarray | None = None
    rest: float = 0.0

    @classmethod
    def of(cls, name: str, given: Any) -> Radius:
        """From a number, d numbers, or a positive semidefinite matrix.

        Raises
        ------
        ValueError, TypeError
        """
        if np.ndim(given) == 0:
            return cls(checks.not_negative(name, given))
        x = np.array(concrete(checks.floating(name, given, "numpy")), np.float64)
        if x.ndim == 1:
            if (x < 0).any():
                raise ValueError(f"{name} must not be negative, got {x.min():g}")
            return cls(float(np.linalg.norm(x)) * (1.0 + _SLACK), axes=x)
        if x.ndim != 2 or x.shape[0] != x.shape[1] or not np.array_equal(x, x.T):
            raise ValueError(f"{name} must be a number, d numbers, or a symmetric matrix (d, d), got shape {x.shape}")
        if np.linalg.eigvalsh(x)[0] < -1e-12 * np.trace(x):
            raise ValueError(f"{name} must be positive semidefinite if it is a matrix")
        return cls(math.sqrt(float(np.trace(x))) * (1.0 + _SLACK), moment=x)

    def check(self, name: str, ndim: int) -> None:
        """ValueError if it is not for laws of this dimension."""
        known = self.axes if self.axes is not None else self.moment
        if known is not None and len(known) != ndim:
            raise ValueError(f"{name} has dimension {len(known)}, but the law lies in dimension {ndim}")

    def plus(self, more: float) -> Radius:
        """That of a law this much further away."""
        return replace(self, value=self.value + more, rest=self.rest + more)

    def size(self, metric: np.ndarray) -> float:
        """(E ξᵀPξ)^{1/2} at most, for a metric P (d, d)."""
        if self.axes is None and self.moment is None:
            return self.value * root_norm(metric) * (1.0 + _SLACK) if self.value else 0.0
        if self.axes is not None:
            square = float(self.axes @ np.abs(metric) @ self.axes)
        else:
            square = float(np.vdot(metric, self.moment))
        rest = self.rest * root_norm(metric) if self.rest else 0.0
        return (math.sqrt(max(square, 0.0)) + rest) * (1.0 + _SLACK)


def root_norm(metric: np.ndarray) -> float:
    """The largest |e|_P for |e| = 1."""
    return math.sqrt(max(float(np.linalg.eigvalsh(metric)[-1]), 0.0)) * (1.0 + _SLACK)


NONE = Radius(0.0)


def drifts(A: np.ndarray, initial: Radius, noise: Radius, steps: int) -> np.ndarray:
    """By how much the true chain may drift from the nominal one under x ↦ A x, after 1, …, `steps` steps."""
    powers = [np.eye(A.shape[0])]
    for _ in range(steps - 1):
        powers.append(A @ powers[-1])
    by_noise = np.cumsum([noise.size(power.T @ power) for power in powers])
    return by_noise + np.array([initial.size(power.T @ power) for power in (power @ A for power in powers)])
