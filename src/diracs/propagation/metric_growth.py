"""How errors grow under a map whose Jacobians lie in a known set: bounds in metrics that vary in time.

With P_T = I and JᵀP_{t+1}J ≼ P_t, V_t = E|e_t|² in the metric P_t obeys V_{t+1} ≤ V_t + 2√V_t β_t + tr P_tQ_t, and
W₂ ≤ √V_T: docs/propagation.md, "Metrics". Each bound has a backward pass of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from diracs.propagation.bounds import LipschitzGrowth, StepError
from diracs.propagation.metrics import JacobianSet

_SLACK = 1e-12
# Of the largest eigenvalue of a metric: shapes of cells need all of its directions.
_FLATTEST = 1e-8


@dataclass
class MetricGrowth:
    """Bounds for a map with Jacobians in a set, from the errors of the steps so far."""

    jacobians: JacobianSet
    initial_radius: float
    noise_radius: float
    covariance: np.ndarray  # (d, d) of the state, about: where errors may be expected
    horizon: int
    taken: list[StepError] = field(default_factory=list)
    weights: list[np.ndarray] = field(init=False)  # what an error of each step adds to all bounds to come
    plain: LipschitzGrowth = field(init=False)

    def __post_init__(self) -> None:
        self.plain = LipschitzGrowth(self.jacobians.norm, self.initial_radius, self.noise_radius)
        self.weights, self._reached = self._planned(), 0.0

    def bound(self, step: StepError) -> float:
        """W₂ after one more step: through the nominal chain, or with the noise's radius in every step."""
        return min(self._bounds([*self.taken, step])[1], self.plain.bound(step))

    def after_nominal(self, step: StepError) -> float:
        """The nominal error after one more step."""
        return min(self._bounds([*self.taken, step])[0], self.plain.after_nominal(step))

    def cost(self, step: StepError) -> float:
        """What choices of cells are compared by: the mean square error in the metric of all bounds to come."""
        return self._grown(self._reached, 0.0, step, self.weights[min(len(self.taken), len(self.weights) - 1)])

    def advance(self, step: StepError) -> float:
        """Take the step; its bound."""
        bound = self.bound(step)
        self._reached = self.cost(step)
        self.taken.append(step)
        self.plain.advance(step)
        return bound

    @property
    def metric(self) -> np.ndarray:
        """The one (d, d) in which cells of the next step should be round, of norm one; definite."""
        found = self.weights[min(len(self.taken), len(self.weights) - 1)]
        top = float(np.linalg.eigvalsh(found)[-1])
        return found / top + _FLATTEST * np.eye(len(found)) if top > 0 else np.eye(len(found))

    @property
    def ahead(self) -> LipschitzGrowth:
        """What compares cells in the coordinates of that metric: the error so far, and no more growth."""
        top = float(np.linalg.eigvalsh(self.weights[min(len(self.taken), len(self.weights) - 1)])[-1])
        error = self._reached / math.sqrt(top) if top > 0 else 0.0
        return LipschitzGrowth(1.0, error, 0.0, steps=1)

    def factors(self, steps: int) -> np.ndarray:
        """By what an error of no known direction grows in s steps, s = 0 … steps."""
        d = self.jacobians.low.shape[1]
        metric, out = np.eye(len(self.jacobians.low)), [1.0]
        for _ in range(steps):
            metric = self.jacobians.majorant(metric, np.eye(d))
            out.append(min(_root_norm(metric), out[-1] * self.plain.slope))
        return np.array(out)

    def _planned(self) -> list[np.ndarray]:
        """G_t = the majorant of I + G_{t+1}, which is above the sum of the metrics P_t of all later bounds."""
        m, d = self.jacobians.low.shape
        weight = self.covariance / max(float(np.trace(self.covariance)), 1e-300)
        if m != d:
            return [self.jacobians.majorant(np.eye(m), weight)]
        expected = [weight]
        for _ in range(self.horizon - 1):
            expected.append(weight + self.jacobians.spread(expected[-1]))
        one, metric, found = np.eye(d), np.zeros((d, d)), []
        for moment in reversed(expected):
            metric = self.jacobians.majorant(one + metric, moment)
            scale = max(float(np.trace(metric)), 1.0)  # powers of unstable maps would overflow
            one, metric = one / scale, metric / scale
            found.append(metric)
        return found[::-1]

    def _bounds(self, steps: list[StepError]) -> tuple[float, float]:
        """The nominal error and W₂ after the steps: the least of those by metrics for different weights."""
        found = []
        for moments in (self._moments(steps), [step.error for step in steps]):
            metrics = [np.eye(len(self.jacobians.low))]
            for moment in reversed(moments):
                metrics.append(self.jacobians.majorant(metrics[-1], moment))
            found.append(self._along(steps, metrics[::-1]))
        nominal, whole = np.array(found).min(axis=0)
        return float(nominal) * (1.0 + _SLACK), float(whole) * (1.0 + _SLACK)

    def _moments(self, steps: list[StepError]) -> list[np.ndarray]:
        """About E (e + δ)(e + δ)ᵀ in each step."""
        moments = [steps[0].error]
        for step in steps[1:]:
            moments.append(step.error + self.jacobians.spread(moments[-1]))
        return moments

    def _along(self, steps: list[StepError], metrics: list[np.ndarray]) -> tuple[float, float]:
        """The nominal error, and the least bound for the radii, by metrics P_0, …, P_T = I."""
        sizes = [_root_norm(p) for p in metrics]
        nominal, robust, drift = 0.0, 0.0, self.initial_radius * sizes[0]
        for t, step in enumerate(steps):
            p, size = metrics[t], sizes[t]
            moved = size * step.moved + float(np.sqrt(max(np.sum(metrics[t + 1] * step.merging), 0.0)))
            radius = 0.0 if t == 0 else self.noise_radius * size
            start = self.initial_radius * size if t == 0 else robust
            if t == 0 and start > 0.0:
                robust = start + float(np.sqrt(step.square_in(p))) + moved
            else:
                robust = self._grown(start, radius, step, p) + moved
            nominal = self._grown(nominal, 0.0, step, p) + moved
            drift += self.noise_radius * sizes[t + 1]
        return nominal, min(nominal + drift, robust + self.noise_radius)

    @staticmethod
    def _grown(w: float, r: float, step: StepError, metric: np.ndarray) -> float:
        """Root mean square of e + (noise error) + δ, where given the source e is independent of δ."""
        delta = float(np.sqrt(step.square_in(metric)))
        bias = min(step.bias_in(metric), delta)
        return min(w + r + delta, float(np.sqrt(w * w + 2.0 * w * (bias + r) + (delta + r) ** 2)))


def _root_norm(metric: np.ndarray) -> float:
    """The largest |e|_P for |e| = 1."""
    return float(np.sqrt(max(np.linalg.eigvalsh(metric)[-1], 0.0))) * (1.0 + 1e-13)
