"""How errors grow under a map whose Jacobians lie in a known set: bounds in metrics that vary in time.

With P_T = I and JᵀP_{t+1}J ≼ P_t, V_t = E|e_t|² in the metric P_t obeys V_{t+1} ≤ V_t + 2√V_t β_t + tr P_tQ_t, and
W₂ ≤ √V_T: docs/propagation.md, "Metrics". Each bound has a backward pass of its own. Where the chain stays in boxes but
for a little, J need only be one of the box (`concentration.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
# Passes go back so many steps at most, to what was known then.
LONGEST = 24


class Place(NamedTuple):
    """A box that the chain is in at a time, but for an excess."""

    jacobians: JacobianSet
    excess: np.ndarray  # (d,) see `concentration.Box`


class Known(NamedTuple):
    """After some steps, in the Euclidean norm."""

    nominal: float  # the error for the given laws
    robust: float  # for all laws within the radii, before the last noise's own radius
    drift: float  # of the true chain from the nominal one


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
    known: list[Known] = field(init=False)  # after 0, 1, … steps

    def __post_init__(self) -> None:
        self.plain = LipschitzGrowth(self.jacobians.norm, self.initial_radius.value, self.noise_radius.value)
        self.weights, self._reached, self._best = self._planned(), 0.0, 0
        self.known = [Known(0.0, self.initial_radius.value, self.initial_radius.value)]

    @property
    def nominal(self) -> float:
        """The bound for the given laws after the steps taken."""
        return self.known[-1].nominal

    def bound(self, step: StepError) -> float:
        """W₂ after one more step: through the nominal chain, or with the noise's radius in every step."""
        return min(self._bounds([*self.taken, step])[1], self.plain.bound(step))

    def after_nominal(self, step: StepError) -> float:
        """The nominal error after one more step."""
        return min(self._bounds([*self.taken, step])[0].nominal, self.plain.after_nominal(step))

    def cost(self, step: StepError) -> float:
        """What choices of cells are compared by: the mean square error in the metric of all bounds to come."""
        return _grown(self._reached, 0.0, step, self.weights[min(len(self.taken), len(self.weights) - 1)])

    def locate(self, places: tuple[Place, ...]) -> None:
        """The boxes that the chain is in before the next step, which hold the Diracs; as many as in other steps."""
        self.places.append(places)

    def off(self) -> np.ndarray:
        """By what each coordinate (d,) of the mean may be off after the steps taken: |E e_i| ≤ (E e_i²)^{1/2}."""
        out = []
        first = max(0, len(self.taken) - LONGEST)
        steps = self.taken[first:]
        for axis in np.eye(self.jacobians.low.shape[1]) if steps else ():
            found = self.nominal
            if self._located(self.taken):
                found = min(found, self._within(steps, first, self._best, np.diag(axis)))
            everywhere = [self.jacobians] * len(steps)
            metrics = self._metrics(everywhere, _moments(steps, everywhere), np.diag(axis))
            out.append(min(found, grown_along(steps, metrics, self.known[first].nominal)))
        return np.array(out) if out else np.zeros(self.jacobians.low.shape[1])

    def advance(self, step: StepError) -> float:
        """Take the step; its bound."""
        known, bound = self._bounds([*self.taken, step])
        self.known.append(known._replace(nominal=min(known.nominal, self.plain.after_nominal(step))))
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

    def _bounds(self, steps: list[StepError]) -> tuple[Known, float]:
        """What is known after the steps, and W₂: the least by sets of the whole space and of boxes."""
        first, count = max(0, len(steps) - LONGEST), len(steps)
        steps = steps[first:]
        everywhere = [self.jacobians] * len(steps)
        nominal = robust = drift = math.inf
        for moments in self._guesses(steps, everywhere):
            metrics = self._metrics(everywhere, moments)
            nominal = min(nominal, grown_along(steps, metrics, self.known[first].nominal))
            drift = min(drift, self._drift(metrics, first))
            robust = min(robust, self._robust(steps, metrics, first))
        for k in range(len(self.places[0])) if self._located(range(count)) else ():
            if count > _SEVERAL and k != self._best:
                continue
            found = self._within(steps, first, k)
            if found < nominal:
                nominal, self._best = found, k
        raised = 1.0 + _SLACK
        whole = min(nominal + drift, robust + self.noise_radius.value)
        return Known(nominal * raised, robust * raised, drift * raised), whole * raised

    @staticmethod
    def _guesses(steps: list[StepError], sets: list[JacobianSet]) -> tuple[list[np.ndarray], ...]:
        """Moments of errors to keep metrics small on: with what has been there before, and without."""
        return _moments(steps, sets), [step.error for step in steps]

    def _located(self, steps: Sequence[object]) -> bool:
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

    def _within(self, steps: list[StepError], first: int, k: int, last: np.ndarray | None = None) -> float:
        """The nominal error by the sets of boxes, the k-th of each step, and what the chain pays for leaving these."""
        places = [some[k] for some in self.places[first : first + len(steps)]]
        sets = [place.jacobians for place in places]
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
        return grown_along(steps, metrics, self.known[first].nominal) + left

    def _drift(self, metrics: list[np.ndarray], first: int) -> float:
        """By how much the radii move the true chain from the nominal one; of it the first steps are known."""
        begun = self.known[first].drift * root_norm(metrics[0]) if first else self.initial_radius.size(metrics[0])
        return begun + sum(self.noise_radius.size(p) for p in metrics[1:])

    def _robust(self, steps: list[StepError], metrics: list[np.ndarray], first: int) -> float:
        """The error before the last noise's own radius, with the radius in every step."""
        error = self.known[first].robust * root_norm(metrics[0]) if first else self.initial_radius.size(metrics[0])
        for t, step in enumerate(steps, start=first):
            p = metrics[t - first]
            if t == 0 and error > 0.0:
                error += math.sqrt(step.square_in(p))
            else:
                error = _grown(error, self.noise_radius.size(p) if t else 0.0, step, p)
            error += _moved(step, p, metrics[t - first + 1])
        return error


def grown_along(steps: list[StepError], metrics: list[np.ndarray], begun: float) -> float:
    """The nominal error by metrics P_0, …, P_T, from what it was before the steps in the Euclidean norm."""
    error = begun * root_norm(metrics[0]) if begun else 0.0
    for step, here, there in zip(steps, metrics, metrics[1:]):
        error = _grown(error, 0.0, step, here) + _moved(step, here, there)
        error += math.sqrt(step.parted) * longest_leap(step, there)
    return error


def first_moment_along(steps: list[StepError], metrics: list[np.ndarray], begun: float) -> float:
    """E|e_T| in the last metric, which leaps enter with their chance and not with its root."""
    error = begun * root_norm(metrics[0]) if begun else 0.0
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
