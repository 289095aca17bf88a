"""How errors grow under a map whose Jacobians lie in a known set: bounds in metrics that vary in time.

With P_T = I and JᵀP_{t+1}J ≼ P_t, V_t = E|e_t|² in the metric P_t obeys V_{t+1} ≤ V_t + 2√V_t β_t + tr P_tQ_t, and
W₂ ≤ √V_T: docs/propagation.md, "Metrics". Each bound has a backward pass of its own. Where the chain stays in boxes but
for a little, J need only be one of the box (`concentration.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from diracs.propagation.ambiguity import Radius, root_norm
from diracs.propagation.bounds import LipschitzGrowth, StepError
from diracs.propagation.metrics import JacobianSet

_SLACK = 1e-12
# Of the largest eigenvalue of a metric: shapes of cells need all of its directions, and so do projections on boxes.
_FLATTEST = 1e-8
# From so many steps on only the boxes are looked at that were best before.
_SEVERAL = 8


class Place(NamedTuple):
    """A box that the chain is in at a time, but for an excess."""

    jacobians: JacobianSet
    excess: np.ndarray  # (d,) see `concentration.Box`


@dataclass
class MetricGrowth:
    """Bounds for a map with Jacobians in a set, from the errors of the steps so far."""

    jacobians: JacobianSet
    initial_radius: Radius
    noise_radius: Radius
    covariance: np.ndarray  # (d, d) of the state, about: where errors may be expected
    horizon: int
    taken: list[StepError] = field(default_factory=list)
    places: list[tuple[Place, ...]] = field(default_factory=list)  # boxes of several sizes for each step; maybe none
    weights: list[np.ndarray] = field(init=False)  # what an error of each step adds to all bounds to come
    plain: LipschitzGrowth = field(init=False)
    nominal: float = 0.0  # the bound for the given laws after the steps taken

    def __post_init__(self) -> None:
        self.plain = LipschitzGrowth(self.jacobians.norm, self.initial_radius.value, self.noise_radius.value)
        self.weights, self._reached, self._best = self._planned(), 0.0, 0

    def bound(self, step: StepError) -> float:
        """W₂ after one more step: through the nominal chain, or with the noise's radius in every step."""
        return min(self._bounds([*self.taken, step])[1], self.plain.bound(step))

    def after_nominal(self, step: StepError) -> float:
        """The nominal error after one more step."""
        return min(self._bounds([*self.taken, step])[0], self.plain.after_nominal(step))

    def cost(self, step: StepError) -> float:
        """What choices of cells are compared by: the mean square error in the metric of all bounds to come."""
        return _grown(self._reached, 0.0, step, self.weights[min(len(self.taken), len(self.weights) - 1)])

    def locate(self, places: tuple[Place, ...]) -> None:
        """The boxes that the chain is in before the next step, which hold the Diracs; as many as in other steps."""
        self.places.append(places)

    def off(self) -> np.ndarray:
        """By what each coordinate (d,) of the mean may be off after the steps taken: |E e_i| ≤ (E e_i²)^{1/2}."""
        out = []
        for axis in np.eye(self.jacobians.low.shape[1]) if self.taken else ():
            found = math.inf
            if self._located(self.taken):
                found = self._within(self.taken, [places[self._best] for places in self.places], np.diag(axis))
            everywhere = [self.jacobians] * len(self.taken)
            metrics = self._metrics(everywhere, _moments(self.taken, everywhere), np.diag(axis))
            out.append(min(found, grown_along(self.taken, metrics), self.nominal))
        return np.array(out) if out else np.zeros(self.jacobians.low.shape[1])

    def advance(self, step: StepError) -> float:
        """Take the step; its bound."""
        nominal, bound = self._bounds([*self.taken, step])
        self.nominal = min(nominal, self.plain.after_nominal(step))
        self._reached = self.cost(step)
        self.taken.append(step)
        return min(bound, self.plain.advance(step))

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
            out.append(min(root_norm(metric), out[-1] * self.plain.slope))
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
        """The nominal error and W₂ after the steps: the least by sets of the whole space and of boxes."""
        everywhere = [self.jacobians] * len(steps)
        nominal = math.inf
        robust = drift = math.inf
        for moments in self._guesses(steps, everywhere):
            metrics = self._metrics(everywhere, moments)
            nominal = min(nominal, grown_along(steps, metrics))
            drift = min(drift, self._drift(metrics))
            robust = min(robust, self._robust(steps, metrics))
        for k in range(len(self.places[0])) if self._located(steps) else ():
            if len(steps) > _SEVERAL and k != self._best:
                continue
            found = self._within(steps, [places[k] for places in self.places])
            if found < nominal:
                nominal, self._best = found, k
        return nominal * (1.0 + _SLACK), min(nominal + drift, robust + self.noise_radius.value) * (1.0 + _SLACK)

    @staticmethod
    def _guesses(steps: list[StepError], sets: list[JacobianSet]) -> tuple[list[np.ndarray], ...]:
        """Moments of errors to keep metrics small on: with what has been there before, and without."""
        return _moments(steps, sets), [step.error for step in steps]

    def _located(self, steps: list[StepError]) -> bool:
        """Whether boxes are known for each of the steps."""
        return len(self.places) >= len(steps) and all(self.places[: len(steps)])

    def _metrics(
        self,
        sets: list[JacobianSet],
        moments: list[np.ndarray],
        last: np.ndarray | None = None,
        flattest: float = 0.0,
    ) -> list[np.ndarray]:
        """P_0, …, P_T, the identity by default, for sets of Jacobians in each step, small on the moments of errors."""
        metrics = [np.eye(len(self.jacobians.low)) if last is None else last]
        for jacobians, moment in zip(reversed(sets), reversed(moments)):
            found = jacobians.majorant(metrics[-1], moment)
            # Before the step to the next: that one must be a majorant of what is added, too.
            # Beside what J may be elsewhere, where it vanishes here.
            elsewhere = flattest * self.plain.slope**2 * float(np.trace(metrics[-1]))
            metrics.append(found + flattest * max(float(np.trace(found)), elsewhere, 1e-300) * np.eye(len(found)))
        return metrics[::-1]

    def _within(self, steps: list[StepError], places: list[Place], last: np.ndarray | None = None) -> float:
        """The nominal error by the sets of boxes, and what the chain pays for leaving these."""
        sets = [place.jacobians for place in places[: len(steps)]]
        # Projections on boxes want definite metrics; a larger one is a majorant as well.
        metrics = self._metrics(sets, _moments(steps, sets), last, flattest=_FLATTEST)
        left = 0.0
        for place, here, there in zip(places, metrics, metrics[1:]):
            if not place.excess.any():
                continue
            far = float(np.sqrt(np.diagonal(here)) @ place.excess)
            outside = self.jacobians.majorant(there, np.eye(len(here)))
            values, vectors = np.linalg.eigh(here)
            half = vectors / np.sqrt(values)
            left += far * root_norm(half.T @ outside @ half)
        return grown_along(steps, metrics) + left

    def _drift(self, metrics: list[np.ndarray]) -> float:
        """By how much the radii move the true chain from the nominal one."""
        return self.initial_radius.size(metrics[0]) + sum(self.noise_radius.size(p) for p in metrics[1:])

    def _robust(self, steps: list[StepError], metrics: list[np.ndarray]) -> float:
        """The error before the last noise's own radius, with the radius in every step."""
        error = self.initial_radius.size(metrics[0])
        for t, step in enumerate(steps):
            p = metrics[t]
            if t == 0 and error > 0.0:
                error += math.sqrt(step.square_in(p))
            else:
                error = _grown(error, self.noise_radius.size(p) if t else 0.0, step, p)
            error += _moved(step, p, metrics[t + 1])
        return error


def grown_along(steps: list[StepError], metrics: list[np.ndarray]) -> float:
    """The nominal error by metrics P_0, …, P_T = I."""
    error = 0.0
    for step, here, there in zip(steps, metrics, metrics[1:]):
        error = _grown(error, 0.0, step, here) + _moved(step, here, there)
        error += math.sqrt(step.parted) * longest_leap(step, there)
    return error


def first_moment_along(steps: list[StepError], metrics: list[np.ndarray]) -> float:
    """E|e_T| in the last metric, which leaps enter with their chance and not with its root."""
    error = 0.0
    for step, here, there in zip(steps, metrics, metrics[1:]):
        error += math.sqrt(step.square_in(here)) + _moved(step, here, there)
        error += step.parted * longest_leap(step, there)
    return error


def longest_leap(step: StepError, metric: np.ndarray) -> float:
    """The longest difference of maps at the Diracs of a step, in a metric."""
    if step.leaps is None:
        return 0.0
    return math.sqrt(max(float(np.einsum("qi,ij,qj->q", step.leaps, metric, step.leaps).max()), 0.0))


def _moments(steps: list[StepError], sets: list[JacobianSet]) -> list[np.ndarray]:
    """About E (e + δ)(e + δ)ᵀ in each step."""
    moments = [steps[0].error]
    for step, jacobians in zip(steps[1:], sets):
        moments.append(step.error + jacobians.spread(moments[-1]))
    return moments


def _grown(w: float, r: float, step: StepError, metric: np.ndarray) -> float:
    """Root mean square of e + (noise error) + δ, where given the source e is independent of δ."""
    delta = math.sqrt(step.square_in(metric))
    bias = min(step.bias_in(metric), delta)
    return min(w + r + delta, math.sqrt(w * w + 2.0 * w * (bias + r) + (delta + r) ** 2))


def _moved(step: StepError, here: np.ndarray, there: np.ndarray) -> float:
    """What rounding moved the Diracs by before the map, and merging their images after it."""
    merged = float(np.sum(there * step.merging))
    return root_norm(here) * step.moved + math.sqrt(max(merged, 0.0))
