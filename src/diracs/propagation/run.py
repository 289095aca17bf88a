"""A propagation under way: one step after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    bound_in,
    common_framework,
    concrete,
    framework,
    frozen,
    is_traced,
    to_framework,
)
from diracs.laws.convert import as_mixture
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import GaussianMixture
from diracs.mixtures.reduction import clusters
from diracs.propagation.affine import LARGEST
from diracs.propagation.ambiguity import Radius
from diracs.propagation.bounds import AffineGrowth, LipschitzGrowth
from diracs.propagation.concentration import DEVIATIONS, Concentration, opened
from diracs.propagation.dynamics import Affine, SlopeOnBalls, global_slope, images
from diracs.propagation.growth import Growth
from diracs.propagation.law import (
    Law,
    as_state,
    covariance_of,
    law_of,
    rounding,
    state_rounding,
    with_noise,
    without_empty,
)
from diracs.propagation.limit import affine_limit, check_contraction, lipschitz_limit, settle
from diracs.propagation.matching import matched
from diracs.propagation.merged import can_merge, merged_cells
from diracs.propagation.metric_growth import MetricGrowth, Place
from diracs.propagation.metrics import within
from diracs.propagation.piecewise import PiecewiseAffine
from diracs.propagation.shaped import Shape
from diracs.propagation.smooth import Smooth
from diracs.propagation.step import Choice, Chooser, with_local_slopes
from diracs.propagation.switching import SwitchedGrowth
from diracs.propagation.trajectory import Limit
from diracs.schemes.grouping import centroids
from diracs.schemes.layered import LayeredScheme

# The limit: cells are chosen and settled on roughly twice, then for good.
_TOLERANCES = (1e-3, 1e-3, 1e-12)


class Run:
    """A propagation under way."""

    def __init__(
        self,
        start: GaussianMixture,
        dynamics: Affine | Smooth | Callable[[Array], Array],
        noise: Any,
        steps: int,
        lipschitz: float | SlopeOnBalls | None,
        radii: tuple[Radius, Radius],
        *,
        matching: bool = False,
    ) -> None:
        self._like, self._steps, self._dynamics = start.means, steps, dynamics
        self.law = law_of(start)
        initial_radius, self._noise_radius = radii
        self._slope, self.growth = _growth(
            _of_matrix(dynamics) if matching else dynamics,
            lipschitz,
            initial_radius,
            self._noise_radius,
            self.law,
            steps,
            self._like,
        )
        self._matching = matching
        self._local = lipschitz if callable(lipschitz) and not isinstance(dynamics, Affine) else None
        self._given_noise = noise
        self._noise: GaussianMixture | None = None
        # Only the recursion for affine maps and known laws does without the bias.
        self._biased = (
            not isinstance(self.growth, AffineGrowth) or initial_radius.value + self._noise_radius.value > 0.0
        )
        self.chooser = Chooser(cover=self._local is not None, biased=self._biased)
        self._where: Concentration | None = None
        if isinstance(dynamics, Smooth) and dynamics.jacobian is not None and isinstance(self.growth, MetricGrowth):
            if not isinstance(self.growth, SwitchedGrowth):
                self._where = Concentration.of(self.law, self.growth.jacobians)
                self._local = dynamics.slopes if self.law.means.shape[1] == 1 else None
        self.merged: int | None = None
        self._merging = True  # whether merged cells were better when they were last tried
        self.states: list[GaussianMixture] = []
        self.diracs: list[SumOfDiracs] = []
        self.schemes: list[Any] = []
        self.bounds: list[float] = []
        self.errors: list[float] = []
        self.metrics: list[np.ndarray] = []

    def best(self, n: int) -> Choice:
        """The best cells of at most n points: of grids, or merged boxes, which are tried now and then at least."""
        law, growth, shape = self.law, self.growth, None
        if isinstance(growth, MetricGrowth) and self.law.means.shape[1] > 1:
            shape = Shape(growth.metric)
            self.metrics.append(frozen(growth.metric))
            law, growth = shape.law(law), growth.ahead
        if isinstance(self.growth, SwitchedGrowth):
            switch = self.growth.switch if shape is None else self.growth.switch.seen_in(shape.back)
            found = merged_cells(law, n, biased=True, switch=switch)
            return found if shape is None else shape.choice(found)
        choice, step = self.chooser.best(law, n, growth), len(self.states)
        if self._local is None and can_merge(law, n) and (self._merging or step & (step - 1) == 0):
            found = merged_cells(law, n, biased=self._biased)
            self._merging = growth.cost(found.step) < growth.cost(choice.step)
            choice = found if self._merging else choice
        choice = choice if shape is None else shape.choice(choice)
        return matched(choice, self.law) if self._matching else choice

    def advance(self, choice: Choice) -> None:
        """Push the Diracs of the cells through the dynamics, merge their images if asked, and add the noise."""
        if self._local is not None:
            choice = with_local_slopes(choice, self.law, self._local, self._slope, self._like)
        kept = choice.cells.masses > 0
        points, masses = choice.cells.barycenters[kept], choice.cells.masses[kept]
        kind = framework(self._like)
        out, moved = images(self._dynamics, points, self._like)
        if isinstance(self.growth, MetricGrowth) and out.shape[1] != len(self.growth.jacobians.low):
            raise ValueError(
                f"the Jacobian has {len(self.growth.jacobians.low)} rows, but the dynamics lead to dimension"
                f" {out.shape[1]}"
            )
        step = choice.step._replace(moved=choice.step.moved + moved)
        if self.merged is not None and len(out) > self.merged:
            labels = clusters(out, masses, self.merged)
            centers = centroids(out, masses, labels)
            off = out - centers[labels]
            step = step._replace(merging=(masses[:, None] * off).T @ off)
            out, arrived = centers, np.bincount(labels, masses)
        else:
            arrived = masses
        if self._where is not None:
            self._locate(points)
        if isinstance(self.growth, SwitchedGrowth) and isinstance(self._dynamics, PiecewiseAffine):
            unsure = self.growth.switch.unsure(self.law, points)
            step = step._replace(leaps=self._dynamics.leaps(points), parted=step.parted + unsure)
        bound = self.growth.advance(step)
        if not max(bound, float(np.abs(out).max())) <= LARGEST:
            raise ValueError(
                f"the states or their bounds grow beyond {LARGEST:g} in step {len(self.states) + 1}: take fewer steps"
            )
        if self._noise is None:
            self._noise = noise_in(self._given_noise, out.shape[1], self._like)
        check_one_space(self.law.means.shape[1], out.shape[1], self._steps)
        noise = law_of(self._noise)
        if self._where is not None:
            self._where.advance(noise)
        if isinstance(self.growth, SwitchedGrowth):
            self.growth.density = self.growth.switch.density(noise)
            if not self.growth.density < math.inf and len(self.states) + 1 < self._steps:
                raise ValueError("noise must have a density across the borders that dynamics jump over")
        self.law = with_noise(out, arrived, noise)
        self.states.append(as_state(self.law, self._noise, self._like))
        self.bounds.append(bound + state_rounding(self.law, self.states[-1]))
        given, given_masses = (to_framework(x, kind, self._like) for x in (points, masses))
        self.diracs.append(SumOfDiracs._of(given, given_masses))
        self.errors.append(float(np.sqrt(step.square)) + step.moved + rounding(points, masses, given, given_masses))
        self.schemes.append(choice.scheme)

    def _locate(self, points: np.ndarray) -> None:
        """Tell the recursion in which boxes the chain is before the step, and the Jacobians there."""
        growth, where = self.growth, self._where
        assert isinstance(growth, MetricGrowth) and where is not None and isinstance(self._dynamics, Smooth)
        mean, off = self.law.weights @ self.law.means, growth.off()
        boxes = [where.box(mean, off, points, size) for size in DEVIATIONS]
        sets = opened(boxes, self._dynamics.on_boxes)
        places = [Place(within(found, growth.jacobians), box.excess) for found, box in sets]
        growth.locate(tuple(places))

    def limit(self) -> Limit:
        """See `Trajectory.limit`."""
        assert self._noise is not None
        if self.states[-1].ndim != self.diracs[-1].ndim:
            raise ValueError("the limit needs dynamics that keep the dimension")
        if isinstance(self.growth, SwitchedGrowth):
            raise ValueError("the limit needs a contraction, and dynamics that jump are none")
        if isinstance(self.growth, AffineGrowth):
            check_contraction(self.growth.A)
        elif self._slope >= 1.0:
            raise ValueError(f"the limit needs a contraction, but the Lipschitz constant is {self._slope:g}")
        noise = law_of(self._noise)
        law, chooser = self.law, Chooser(cover=self._local is not None, biased=self._biased)
        for tolerance in _TOLERANCES:
            # Cells for the law that the last ones settled on.
            scheme = chooser.best(without_empty(law), len(self.diracs[-1]), self.growth).scheme
            assert isinstance(scheme, LayeredScheme)
            law, choice = settle(
                without_empty(law), scheme, noise, lambda x: images(self._dynamics, x, self._like), tolerance
            )
        if self._local is not None:
            choice = with_local_slopes(choice, law, self._local, self._slope, self._like)
        if isinstance(self.growth, AffineGrowth):
            bound = affine_limit(self.growth.A, choice.step, self._noise_radius.value)
        else:
            bound = lipschitz_limit(self._slope, choice.step, self._noise_radius.value)
        state = as_state(law, self._noise, self._like)
        bound += state_rounding(law, state)
        return Limit(state, bound_in(bound, framework(self._like), self._like, up=True))


def noise_in(given: Any, d: int, like: Array) -> GaussianMixture:
    """The noise as a mixture of dimension d; none is a Dirac at zero."""
    if given is None:
        zeros = (to_framework(np.zeros(shape), framework(like), like) for shape in ((1, d), (1,)))
        return GaussianMixture(*zeros)
    noise = single("noise", as_mixture(given))
    common_framework(initial=like, noise=noise.means)
    if noise.ndim != d:
        raise ValueError(f"noise lies in dimension {noise.ndim}, but the dynamics lead to dimension {d}")
    return noise


def check_one_space(before: int, after: int, steps: int) -> None:
    if before != after and steps > 1:
        raise ValueError(f"dynamics lead from dimension {before} to {after}: that is for one step only")


def check_affine(dynamics: Affine, lipschitz: Any, like: Array) -> None:
    if lipschitz is not None:
        raise ValueError("an Affine map knows its own Lipschitz constant: leave lipschitz out")
    common_framework(initial=like, dynamics=dynamics.A)
    taken, d = dynamics.A.shape[1], like.shape[1]
    if taken != d:
        raise ValueError(f"A takes vectors of dimension {taken}, but initial has dimension {d}")


def _of_matrix(dynamics: Any) -> Any:
    """An affine map as one whose Jacobian is a known matrix: moved Diracs are no barycenters any more."""
    return Smooth(dynamics, jacobian_hull=concrete(dynamics.A)[None]) if isinstance(dynamics, Affine) else dynamics


def _growth(
    dynamics: Any, lipschitz: Any, initial_radius: Radius, noise_radius: Radius, law: Law, steps: int, like: Array
) -> tuple[float, Growth]:
    """The Lipschitz constant and the recursion for the dynamics."""
    if isinstance(dynamics, Affine):
        noise_radius.check("noise_radius", dynamics.A.shape[0])
        growth = AffineGrowth(concrete(dynamics.A), initial_radius, noise_radius, steps)
        return growth.plain.slope, growth
    if isinstance(dynamics, Smooth):
        if lipschitz is not None:
            raise ValueError("a Smooth map knows the set of its Jacobians: leave lipschitz out")
        known = dynamics.everywhere(law.means.shape[1])
        noise_radius.check("noise_radius", len(known.low))
        given = known, initial_radius, noise_radius, covariance_of(law), steps
        if isinstance(dynamics, PiecewiseAffine) and dynamics.switch is not None:
            if initial_radius.value + noise_radius.value > 0.0:
                raise ValueError("dynamics that jump take no initial_radius and noise_radius: laws are those given")
            return known.norm, SwitchedGrowth(*given, switch=dynamics.switch)
        return known.norm, MetricGrowth(*given)
    if not callable(dynamics):
        raise TypeError(f"dynamics must be an Affine map, a Smooth one or a callable, got {type(dynamics).__name__}")
    if lipschitz is None:
        raise ValueError(
            "dynamics without a Lipschitz constant cannot be certified: give lipschitz, a number or a function of"
            " balls, or Smooth(dynamics), which finds the set of its Jacobians"
        )
    if not callable(lipschitz):
        lipschitz = checks.not_negative("lipschitz", lipschitz)
    slope = global_slope(lipschitz, law.means[0], like)
    return slope, LipschitzGrowth(slope, initial_radius.value, noise_radius.value)


def single(name: str, mixture: GaussianMixture) -> GaussianMixture:
    if mixture.batch_shape:
        raise ValueError(
            f"{name} must be one law, got a batch of shape {mixture.batch_shape}: propagate each by itself"
        )
    if any(is_traced(x) for x in (mixture.means, mixture.covs, mixture.weights)):
        raise TypeError(f"{name} must hold values: cells are chosen by looking at it, which transforms do not allow")
    return mixture
