"""The mixture nearest to points, one component after the other, so that more are never worse than fewer.

W₂² does not rise if a component is split into equal ones. So the best fit of j components is the better one of that of
j − 1 and of what is found from several starts: the components of the smaller fit and a new one, which is where the
smaller fit's potential says that mass would lower the cost, and the components of the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from diracs.laws.gaussian import full_covariances
from diracs.mixtures.fit_objective import Objective
from diracs.mixtures.likelihood import Parameters, expectation_maximization, spread_centres
from diracs.mixtures.quasi_newton import Evaluation, Minimum, minimize
from diracs.transport.components import component_moments

_EM_STEPS = 20
# EM collapses onto single points; in units of the points' deviation.
_EM_FLOOR = 1e-2
# Starts are compared after so many steps.
_FEW = 5
# Starts whose values differ by no more than this share are one.
_SAME = 1e-9
# A start with a new component is not followed if others have come to less than its value by this factor.
_PROMISE = 2.0
# Weights of a new component to begin with.
_SHARES = (0.1, 0.01)
# Halves of a component are so many of its deviations from its mean.
_HALVES = (0.4, 0.8)
# Components of less weight are left out.
_NOTHING = 1e-9

Report = Callable[[int, Parameters, float], None]


@dataclass(frozen=True)
class Points:
    """Distinct seeds (n, d), d ≤ 3, of mean zero and mean square one, with positive masses (n,) of sum 1."""

    seeds: np.ndarray
    masses: np.ndarray


@dataclass(frozen=True)
class Options:
    """What `fit_mixture` was asked for."""

    kind: str
    starts: int
    seed: int
    floor: float
    tolerance: float
    most: int


@dataclass(frozen=True)
class Fit:
    """Components with their best weights, how they were found, and the dual weights (n,) of the transport to them."""

    parameters: Parameters
    dual: np.ndarray
    history: list[float]
    converged: bool
    message: str

    @property
    def value(self) -> float:
        return self.history[-1]


def best_fit(points: Points, k: int, options: Options, report: Report) -> Fit:
    """The best fit of at most k components; `report` gets iteration, parameters and value of those with k."""
    best: Fit | None = None
    for j in range(1, k):
        best = _level(points, j, best, options, lambda *_: None)
    return _level(points, k, best, options, report)


def _level(points: Points, k: int, smaller: Fit | None, options: Options, report: Report) -> Fit:
    """The best fit of k components that is found, or the smaller one if that is as good."""
    best: tuple[Objective, Minimum] | None = None
    seen: list[float] = []
    few = min(_FEW, options.most)
    for objective, first, promise in _starts(points, k, smaller, options):
        # Other centres often lead to the same components.
        same = bool(seen) and np.isclose(first.value, seen, rtol=_SAME, atol=0.0).any()
        if same or (best is not None and first.value > promise * best[1].evaluation.value):
            continue
        seen.append(first.value)
        tried = minimize(
            objective, Minimum.start(objective.start, first), options.tolerance, few, _reporting(objective, report)
        )
        if best is None or tried.evaluation.value < best[1].evaluation.value:
            best = objective, tried
    if best is None:
        assert smaller is not None  # without one every start is taken
        return smaller
    objective, minimum = best
    minimum = minimize(objective, minimum, options.tolerance, options.most, _reporting(objective, report))
    if smaller is not None and not minimum.evaluation.value < smaller.value:
        return smaller
    means, covs, weights = objective.parameters(minimum.x, minimum.evaluation)
    held = weights > _NOTHING
    parameters = means[held], covs[held], weights[held] / weights[held].sum()
    return Fit(parameters, minimum.evaluation.state.dual, minimum.history, minimum.converged, minimum.message)


def _reporting(objective: Objective, report: Report) -> Callable[[int, np.ndarray, Evaluation], None]:
    return lambda iteration, x, found: report(iteration, objective.parameters(x, found), found.value)


def _starts(
    points: Points, k: int, smaller: Fit | None, options: Options
) -> Iterator[tuple[Objective, Evaluation, float]]:
    """Objectives, their values where they start, and by how much that may exceed what others have come to."""
    seeds, masses = points.seeds, points.masses
    rng = np.random.default_rng((options.seed, k))
    likely = []
    for _ in range(options.starts if k > 1 else 1):
        centres = spread_centres(seeds, masses, k, rng)
        floor = max(options.floor, _EM_FLOOR)
        start = expectation_maximization(seeds, masses, centres, options.kind, floor, _EM_STEPS)
        likely.append(start)
        objective = Objective(seeds, masses, options.kind, options.floor, start)
        first = objective(objective.start, None)
        if first is not None:
            yield objective, first, np.inf
    if smaller is not None:
        for objective, first in _one_more(points, smaller, likely, options):
            yield objective, first, _PROMISE


def _one_more(
    points: Points, smaller: Fit, likely: list[Parameters], options: Options
) -> Iterator[tuple[Objective, Evaluation]]:
    """The components of a smaller fit, and one more.

    By the envelope theorem mass of a component ρ lowers the cost by λ − ∫φᶜ dρ, φᶜ and λ being those of the smaller
    fit. The best one of the halves of its components and of those of the likelihood is taken.
    """
    means, covs, weights = smaller.parameters
    sides, inner = halves(means, covs)
    more = [np.concatenate(x) for x in zip((sides, inner), *((m, c) for m, c, _ in likely), strict=True)]
    costs = component_moments(points.seeds, smaller.dual, more[0], full_covariances(more[0], more[1]))
    new = int(costs.potential.argmin())
    for share in _SHARES:
        start = (
            np.concatenate([means, more[0][new : new + 1]]),
            np.concatenate([covs, more[1][new : new + 1]]),
            np.append((1.0 - share) * weights, share),
        )
        objective = Objective(points.seeds, points.masses, options.kind, options.floor, start)
        first = objective.near(objective.start, start[2], smaller.dual)
        if first is not None:
            # In units of the weights found.
            objective = Objective(
                points.seeds, points.masses, options.kind, options.floor, (start[0], start[1], first.state.weights)
            )
            yield objective, objective.evaluation(objective.start, first.state)
            return


def halves(means: np.ndarray, covs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components (m, d) on either side of given ones along their axes, with as much width less."""
    d = means.shape[1]
    values, vectors = np.linalg.eigh(full_covariances(means, covs))
    found = []
    for t in _HALVES:
        for axis in range(d):
            step = t * np.sqrt(values[:, axis, None]) * vectors[:, :, axis]
            if covs.ndim == 3:
                less = covs - step[:, :, None] * step[:, None, :]
            elif covs.ndim == 2:
                less = covs - step**2
            else:
                less = covs * (1.0 - t**2)
            found += [(means + step, less), (means - step, less)]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
