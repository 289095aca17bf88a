"""How errors grow from step to step: the bounds on W₂ that docs/propagation.md proves.

e = x − z is the difference of the true and the approximating state under the same noise, δ = z − c the error of the
Diracs c that stand for z, r the radius of the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from diracs.propagation.ambiguity import Radius, drifts
from diracs.propagation.dynamics import norm

# Relative amount by which bounds are raised, to cover the rounding of their arithmetic.
_SLACK = 1e-12


class Split(NamedTuple):
    """For one choice of the cells where local slopes are used (G), the others using the global one."""

    local: float  # Σ over G of E|f(z) − f(c)|², bounded by local slopes
    square: float  # Σ over the others of E|δ|²
    bias: float  # β of δ on the others


class StepError(NamedTuple):
    """The errors of one step."""

    error: np.ndarray  # (d, d): Q = E δδᵀ
    biases: np.ndarray | None  # (d, d): B = Σ w_i E[δ | i] E[δ | i]ᵀ over the sources i; None if that is not known
    merging: np.ndarray  # (m, m): second moment of what merging the images moved them by
    moved: float  # root mean square of what rounding moved the Diracs by
    splits: tuple[Split, ...] = ()  # where slopes are known locally, the first with all cells in G
    parted: float = 0.0  # mass that borders of a switch lie between and its Diracs
    leaps: np.ndarray | None = None  # (q, m) f'(c) − f(c) for Diracs c and the maps f' across these borders

    @property
    def square(self) -> float:
        """Δ² = E|δ|²."""
        return max(float(np.trace(self.error)), 0.0)

    @property
    def bias(self) -> float:
        """β: the root mean square over the sources of E[δ | source]."""
        return self.bias_in(None)

    def square_in(self, metric: np.ndarray) -> float:
        """E δᵀPδ for a metric P (d, d)."""
        return max(float(np.vdot(metric, self.error)), 0.0)

    def bias_in(self, metric: np.ndarray | None) -> float:
        """β in a metric P (d, d); None is the identity."""
        if self.biases is None:
            return math.inf
        found = np.trace(self.biases) if metric is None else np.vdot(metric, self.biases)
        return math.sqrt(max(float(found), 0.0))


@dataclass
class LipschitzGrowth:
    """Bounds for a map of Lipschitz constant L, from the errors of the steps so far.

    `nominal` bounds the error of the chain that starts at the given law and has the given noise. `robust` bounds the
    error before the noise's own radius is added, for every law and noise within the radii. Both count what merging and
    rounding moved.
    """

    slope: float
    initial_radius: float
    noise_radius: float
    steps: int = 0
    nominal: float = 0.0
    robust: float = field(init=False)
    drift: float = field(init=False)  # distance of the true chain from the nominal one

    def __post_init__(self) -> None:
        self.drift = self.robust = self.initial_radius

    def after(self, step: StepError) -> tuple[float, float, float]:
        """Nominal error, robust error and drift after one more step."""
        moved = float(np.sqrt(max(np.trace(step.merging), 0.0))) + self.slope * step.moved
        first = self.steps == 0
        nominal = _grown(self.nominal, 0.0, self.slope, step, coupled=not first) + moved
        radius = 0.0 if first else self.noise_radius
        coupled = not first or self.initial_radius == 0.0
        robust = _grown(self.robust, radius, self.slope, step, coupled=coupled) + moved
        drift = self.slope * self.drift + self.noise_radius
        return nominal * (1.0 + _SLACK), robust * (1.0 + _SLACK), drift * (1.0 + _SLACK)

    def bound(self, step: StepError) -> float:
        """W₂ after one more step: through the nominal chain, or with the noise's radius in every step."""
        nominal, robust, drift = self.after(step)
        return min(nominal + drift, robust + self.noise_radius)

    def after_nominal(self, step: StepError) -> float:
        """The nominal error after one more step."""
        return self.after(step)[0]

    def cost(self, step: StepError) -> float:
        """What choices of cells are compared by: the bound after the step."""
        return self.bound(step)

    def advance(self, step: StepError) -> float:
        """Take the step; its bound."""
        bound = self.bound(step)
        self.nominal, self.robust, self.drift = self.after(step)
        self.steps += 1
        return bound


def _grown(w: float, r: float, slope: float, step: StepError, *, coupled: bool) -> float:
    """A bound on the root mean square of f(x) − f(c), where x − z = e + noise error, E|e|² ≤ w², noise error ≤ r.

    `coupled`: given the source, e is independent of δ. Else only the triangle inequality holds.
    """
    delta = np.sqrt(step.square)
    bias = min(step.bias, delta)
    found = [slope * (w + r + delta)]
    if coupled:
        found.append(slope * np.sqrt(w * w + 2.0 * w * (bias + r) + (delta + r) ** 2))
    if step.splits:
        everywhere = step.splits[0]
        found.append(slope * (w + r) + np.sqrt(everywhere.local + slope**2 * everywhere.square))
    if coupled and r == 0.0 and w > 0.0:
        for split in step.splits:
            rest = slope**2 * (w * w + 2.0 * w * split.bias + split.square)
            # The best θ of (1 + θ) L² w² + (1 + 1/θ) local.
            found.append(np.sqrt(rest + 2.0 * slope * w * np.sqrt(split.local) + split.local))
    return float(min(found))


@dataclass
class AffineGrowth:
    """Bounds for x ↦ A x + b: the errors of barycenters add in squares, along each direction with its own factor.

    `matrix` is a bound on E eeᵀ for the nominal chain.
    """

    A: np.ndarray
    initial_radius: Radius
    noise_radius: Radius
    horizon: int
    steps: int = 0
    matrix: np.ndarray | None = None
    moved: list[float] = field(default_factory=list)  # rounding of the Diracs, step by step
    norms: list[float] = field(default_factory=lambda: [1.0])  # of the powers of A
    weights: list[np.ndarray] = field(init=False)  # G for each step
    plain: LipschitzGrowth = field(init=False)

    def __post_init__(self) -> None:
        self._power = np.eye(self.A.shape[1])
        self.weights = _weights(self.A, self.horizon)
        self.plain = LipschitzGrowth(norm(self.A), self.initial_radius.value, self.noise_radius.value)

    def _after(self, step: StepError) -> np.ndarray:
        inner = step.error if self.matrix is None else self.matrix + step.error
        # Terms of A M Aᵀ may cancel: its rounding is relative to ‖A‖² tr M, in every direction.
        rounding = 2.0**-52 * sum(self.A.shape) * float(np.sum(self.A**2) * np.trace(inner))
        grown = self.A @ inner @ self.A.T + step.merging + rounding * np.eye(len(self.A))
        return 0.5 * (grown + grown.T) * (1.0 + _SLACK)

    def _drift(self, step: StepError) -> float:
        """What the radii and the rounding of the Diracs have become."""
        norms = [*self.norms, self._next()]
        moved = [*self.moved, step.moved]
        rounding = sum(norms[len(moved) - s] * m for s, m in enumerate(moved))
        drift = drifts(self.A, self.initial_radius, self.noise_radius, len(moved))[-1]
        return float(drift + rounding) * (1.0 + _SLACK)

    def _next(self) -> float:
        """‖Aᵗ‖ for the step to come, or the product of norms where A is not square."""
        square = self.A.shape[0] == self.A.shape[1]
        return norm(self.A @ self._power) if square else norm(self.A)

    def after_nominal(self, step: StepError) -> float:
        """The nominal error after one more step."""
        return float(np.sqrt(max(np.trace(self._after(step)), 0.0)))

    def bound(self, step: StepError) -> float:
        """W₂ after one more step."""
        return min(self.after_nominal(step) + self._drift(step), self.plain.bound(step))

    def cost(self, step: StepError) -> float:
        """What the step adds to the squares of all bounds to come, tr(G Q) with G = Σ (Aˢ)ᵀ Aˢ over the steps left."""
        return float(np.sum(self.weights[min(self.steps, len(self.weights) - 1)] * step.error))

    def advance(self, step: StepError) -> float:
        """Take the step; its bound."""
        bound = self.bound(step)
        self.matrix = self._after(step)
        self.plain.advance(step)
        self.norms.append(self._next())
        self.moved.append(step.moved)
        if self.A.shape[0] == self.A.shape[1]:
            self._power = self.A @ self._power
        self.steps += 1
        return bound


def _weights(A: np.ndarray, horizon: int) -> list[np.ndarray]:
    """Σ_{s=1}^{T−t} (Aˢ)ᵀ Aˢ for t = 0 … T − 1, up to a factor."""
    if A.shape[0] != A.shape[1]:
        return [A.T @ A]
    one, gain, out = np.eye(len(A)), np.zeros(A.shape), []
    for _ in range(horizon):
        gain = A.T @ (one + gain) @ A
        scale = np.trace(gain) or 1.0  # powers of unstable maps would overflow
        one, gain = one / scale, gain / scale
        out.append(gain)
    return out[::-1]
