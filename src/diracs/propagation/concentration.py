"""Where the true chain is, but for a little: boxes that its states leave with a known small excess.

A state is a Lipschitz function of independent Gaussians, given which components of the laws they belong to: in each
coordinate it concentrates about its mean like a Gaussian (Borell 1975; Tsirelson, Ibragimov & Sudakov 1976), whatever
the map does. docs/propagation.md, "Where the chain is".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from diracs.propagation.law import Law
from diracs.propagation.metrics import JacobianSet, least_majorant

# Half widths of boxes that are tried, in deviations.
DEVIATIONS = (4.5, 5.0, 6.0)
_SLACK = 1e-9


class Box(NamedTuple):
    """A box, and how far the state is outside of it."""

    low: np.ndarray  # (d,)
    high: np.ndarray  # (d,)
    excess: np.ndarray  # (d,) root mean squares of the distances by which coordinates are beyond


def opened(boxes: list[Box], sets: Callable[[np.ndarray], list[JacobianSet]]) -> list[tuple[JacobianSet, Box]]:
    """The Jacobians on boxes, these opened along axes that they do not depend on: nothing is outside there."""

    def corners() -> np.ndarray:
        return np.stack([[box.low for box in boxes], [box.high for box in boxes]])

    found = sets(corners())
    for axis in range(len(boxes[0].low)):
        closed = boxes
        boxes = [
            Box(*(np.where(np.arange(len(x)) == axis, end, x) for x, end in zip(box, (-np.inf, np.inf, 0.0))))
            for box in boxes
        ]
        wide = sets(corners())
        same = [a.equals(b) for a, b in zip(found, wide)]
        boxes = [a if keep else b for a, b, keep in zip(boxes, closed, same)]
    return list(zip(found, boxes))


@dataclass
class Concentration:
    """Follows the states x_{t+1} = f(x_t) + v_t, of Jacobians in a set.

    With Γ_0 ≽ Σ_j for all covariances of the initial law and Γ_{t+1} ≽ J Γ_t Jᵀ + V_k, coordinate i of the state is a
    function of standard Gaussians with Lipschitz constant √Γ_ii, for any labels of components. The labels move its mean
    by `shift` at most.
    """

    transposed: JacobianSet
    most: np.ndarray  # (m, d): entry by entry what |J| is at most
    gamma: np.ndarray  # (d, d)
    shift: np.ndarray  # (d,)

    @classmethod
    def of(cls, initial: Law, jacobians: JacobianSet) -> Concentration:
        """That of the initial law."""
        most = np.maximum(np.abs(jacobians.low), np.abs(jacobians.high))
        return cls(jacobians.transposed, most, _widest(initial), _range(initial))

    def advance(self, noise: Law) -> None:
        """One step, with this noise."""
        weight = np.eye(len(self.most))
        self.gamma = self.transposed.majorant(self.gamma, weight) + _widest(noise)
        self.shift = (self.most @ self.shift + _range(noise)) * (1.0 + _SLACK)

    def box(self, mean: np.ndarray, off: np.ndarray, points: np.ndarray, deviations: float) -> Box:
        """A box about a mean (d,) that is `off` (d,) at most, which holds points (n, d).

        Beyond r > 0 from its conditional mean a coordinate has E(s − r)₊² ≤ 4 (σ⁴/r²) exp(−r²/2σ²), both sides
        together, as P(s > x) ≤ exp(−x²/2σ²).
        """
        sigma = np.sqrt(np.maximum(np.diagonal(self.gamma), 0.0)) * (1.0 + _SLACK)
        half = deviations * sigma + self.shift + off
        excess = 2.0 * sigma / deviations * math.exp(-0.25 * deviations**2)
        rounding = 16 * 2.0**-52 * (np.abs(mean) + half)
        low, high = np.minimum(mean - half, points.min(axis=0)), np.maximum(mean + half, points.max(axis=0))
        return Box(low - rounding, high + rounding, excess)


def _widest(law: Law) -> np.ndarray:
    """A matrix above all covariances."""
    return least_majorant(law.covs, np.eye(law.covs.shape[1]))


def _range(law: Law) -> np.ndarray:
    """By how much one component may lie from another, in each coordinate (d,)."""
    found = np.ptp(law.means, axis=0)
    if len(law.covs) > 1:
        found = found + 2.0 * np.sqrt(np.diagonal(law.covs, axis1=1, axis2=2).max(axis=0))
    return np.asarray(found * (1.0 + _SLACK))
