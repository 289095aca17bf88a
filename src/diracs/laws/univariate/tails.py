"""What is left of a standard law beyond its panels: tails, and neighbourhoods of singular ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class LightTail:
    """A tail that is log-concave: f(b ± t) ≤ f(b) e^{−λt} with λ = |ℓ′(b)|, and so little that it is only bounded.

    Beyond b there is a mass of f(b)/λ at most, a first moment about b of f(b)/λ² and a second of 2 f(b)/λ³.
    """

    pdf: Function
    slope: Function
    side: int  # 1: above, −1: below

    def moments(self, left: np.ndarray, right: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Mass, first, second moment about seeds (m,) of intervals, and bounds on the errors of the first and last."""
        inner = left if self.side > 0 else right
        with np.errstate(all="ignore"):
            decay = 1.0 / np.abs(self.slope(inner))
            mass = np.where(np.isfinite(inner), self.pdf(inner) * decay, 0.0)
            off = np.abs(inner - seeds)
            second = mass * (off**2 + 2.0 * off * decay + 2.0 * decay**2)
        none = np.zeros_like(mass)
        return np.stack([none, none, none, *(np.where(mass > 0, x, 0.0) for x in (mass, second))])


@dataclass(frozen=True)
class ClosedTail:
    """A tail with moments in closed form.

    Parameters
    ----------
    beyond : callable
        From points b (m,) to ∫ (z − anchor)^j f, j = 0, 1, 2, an array (3, m), over all that lies beyond b.
    anchor : float
        Where powers hardly cancel: an end of the support, or the middle of a law with long tails.
    side : int
        1: above b, −1: below.
    accuracy : float
        Relative, of each of these moments.
    """

    beyond: Callable[[np.ndarray], np.ndarray]
    anchor: float
    side: int
    accuracy: float = 1e-13

    def moments(self, left: np.ndarray, right: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Mass, first, second moment about seeds (m,) of intervals, and bounds on the errors of the first and last."""
        inner, outer = (left, right) if self.side > 0 else (right, left)
        near, far = self.beyond(inner), self.beyond(outer)
        mass, first, second = near - far
        off = self.anchor - seeds
        size = np.abs(near) + np.abs(far)
        return np.stack(
            [
                np.maximum(mass, 0.0),
                first + off * mass,
                np.maximum(second + 2.0 * off * first + off**2 * mass, 0.0),
                self.accuracy * size[0],
                self.accuracy * (size[2] + 2.0 * np.abs(off) * size[1] + off**2 * size[0]),
            ]
        )
