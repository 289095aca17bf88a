"""The front door: `propagate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, bound_in, common_framework, concrete, framework, is_traced, to_framework
from diracs.laws.convert import as_mixture
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import GaussianMixture
from diracs.mixtures.reduction import clusters
from diracs.propagation.affine import LARGEST, MOST_COMPONENTS, propagate_exactly
from diracs.propagation.bounds import AffineGrowth, Growth, LipschitzGrowth, targets
from diracs.propagation.dynamics import Affine, SlopeOnBalls, global_slope, images
from diracs.propagation.law import Law, as_state, law_of, rounding, state_rounding, with_noise, without_empty
from diracs.propagation.limit import affine_limit, check_contraction, lipschitz_limit, settle
from diracs.propagation.merged import can_merge, merged_cells
from diracs.propagation.step import Choice, Chooser, with_local_slopes
from diracs.propagation.trajectory import Limit, Trajectory
from diracs.schemes.grouping import centroids
from diracs.schemes.layered import LayeredScheme

# No step of a search for a bound takes more points.
_MOST_POINTS = 20_000
# The limit: cells are chosen and settled on roughly twice, then for good.
_TOLERANCES = (1e-3, 1e-3, 1e-12)


def propagate(
    initial: Any,
    dynamics: Affine | Callable[[Array], Array],
    noise: Any,
    steps: int,
    *,
    n: int | None = None,
    w2_bound: float | None = None,
    lipschitz: float | SlopeOnBalls | None = None,
    initial_radius: float = 0.0,
    noise_radius: float = 0.0,
    components: int | None = None,
    quantized: bool = False,
) -> Trajectory:
    """Push a law through x⁺ = f(x) + v, and bound the error of what comes out.

    `Affine` maps take Gaussian mixtures to Gaussian mixtures: these are the states, exact to rounding, which the bound
    counts; no points are needed. For other maps the law of the state, a Gaussian mixture, is replaced in each step by
    the barycenters of n cells, of grids or of fine boxes that are merged, whichever have the smaller bound; these go
    through f, and the noise makes a mixture of them again. Errors of successive steps nearly add in squares
    (docs/propagation.md).

    Parameters
    ----------
    initial : Gaussian, GaussianMixture, SumOfDiracs, or what `diracs.laws.convert` takes
    dynamics : Affine, or callable
        f. A callable takes points (n, d) of the framework, dtype and device of `initial` and returns as many. The
        dimension may change if there is only one step.
    noise : like `initial`, or None
        The law of v, independent from step to step; its mean counts. None for no noise.
    steps : int
    n : int, optional
        Most points in a step; exactly one of `n` and `w2_bound` is to be given, at most one for exact states.
    w2_bound : float, optional
        Bound that no step is to exceed: each gets about the fewest points for its share of it.
    lipschitz : float or callable, optional
        Of a callable f: a global Lipschitz constant in the Euclidean norm, or a function of centers (n, d) and radii
        (n,) that bounds the slope |f(x) − f(center)| / |x − center| for x in each ball, (n,), and gives the global
        constant for infinite radii. An `Affine` map knows its own.
    initial_radius, noise_radius : float
        The true initial law is any within this W₂ distance of `initial`; the true noise any within this distance of
        `noise`, in each step another, whatever the past.
    components : int, optional
        The images of the Diracs are merged to at most so many before the noise is added, which keeps long horizons
        affordable; the error of merging is part of the bound. Only with `n`. Exact states have images of components,
        which are merged only where there are more than `components`, by default `n`, or 1000 without either; mean and
        covariance of the state stay exact.
    quantized : bool
        Whether affine maps are to go the way of the others, by n Diracs in each step, as in the literature. The bounds
        are then the variance that the Diracs have lost.

    Returns
    -------
    Trajectory
        In the framework, dtype and device of `initial`.

    Raises
    ------
    ValueError, TypeError
        If neither or both of `n` and `w2_bound` are given; if laws, dynamics and dimensions do not fit; if a callable
        has no Lipschitz constant; if `w2_bound` cannot be kept with 20 000 points a step; for batches; under
        `jax.jit`.
    """
    start = _single("initial", as_mixture(initial))
    like = start.means
    count = checks.count("steps", steps)
    exact = isinstance(dynamics, Affine) and not quantized
    if (n is None) == (w2_bound is None) and not (exact and n is None):
        raise ValueError("give either n, the number of points in each step, or w2_bound, the error to stay below")
    points = None if n is None else checks.count("n", n)
    most = None if w2_bound is None else checks.positive("w2_bound", w2_bound)
    merged = None if components is None else checks.count("components", components)
    radii = checks.not_negative("initial_radius", initial_radius), checks.not_negative("noise_radius", noise_radius)
    if isinstance(dynamics, Affine):
        _check_affine(dynamics, lipschitz, like)
        if not quantized:
            _check_one_space(dynamics.A.shape[1], dynamics.A.shape[0], count)
            images_kept = merged or points or MOST_COMPONENTS
            found = propagate_exactly(start, dynamics, lambda d: _noise_in(noise, d, like), count, images_kept, radii)
            if most is not None and concrete(found.w2_bound).max() > most:
                raise ValueError(
                    f"w2_bound = {most:g} is not kept: merging and the radii make {concrete(found.w2_bound).max():g};"
                    " give more components or a larger one"
                )
            return found
    if merged is not None and points is None:
        raise ValueError("components goes with n: with w2_bound it is not known beforehand what merging may cost")
    run = _Run(start, dynamics, noise, count, lipschitz, radii)
    if points is not None:
        run.merged = merged
        for _ in range(count):
            run.advance(run.best(points))
    else:
        assert most is not None
        last = 16
        for t, target in enumerate(targets(run.growth, count, most)):
            choice = run.chooser.fewest(run.law, run.growth, float(target), last, _MOST_POINTS)
            if choice is None:
                raise ValueError(
                    f"w2_bound = {most:g} needs more than {_MOST_POINTS} points in step {t + 1}; give a larger one"
                )
            last = max(1, int((choice.cells.masses > 0).sum()))
            run.advance(choice)
    kind = framework(like)
    bounds, errors = (bound_in(np.array(x), kind, like, up=True) for x in (run.bounds, run.errors))
    return Trajectory(start, tuple(run.states), bounds, tuple(run.diracs), errors, tuple(run.schemes), run.limit)


class _Run:
    """A propagation under way."""

    def __init__(
        self,
        start: GaussianMixture,
        dynamics: Affine | Callable[[Array], Array],
        noise: Any,
        steps: int,
        lipschitz: float | SlopeOnBalls | None,
        radii: tuple[float, float],
    ) -> None:
        self._like, self._steps, self._dynamics = start.means, steps, dynamics
        self.law = law_of(start)
        initial_radius, self._noise_radius = radii
        self._slope, self.growth = _growth(
            dynamics, lipschitz, initial_radius, self._noise_radius, self.law, steps, self._like
        )
        self._local = lipschitz if callable(lipschitz) and not isinstance(dynamics, Affine) else None
        self._given_noise = noise
        self._noise: GaussianMixture | None = None
        # Only the recursion for affine maps and known laws does without the bias.
        self._biased = isinstance(self.growth, LipschitzGrowth) or initial_radius + self._noise_radius > 0.0
        self.chooser = Chooser(cover=self._local is not None, biased=self._biased)
        self.merged: int | None = None
        self._merging = True  # whether merged cells were better when they were last tried
        self.states: list[GaussianMixture] = []
        self.diracs: list[SumOfDiracs] = []
        self.schemes: list[Any] = []
        self.bounds: list[float] = []
        self.errors: list[float] = []

    def best(self, n: int) -> Choice:
        """The best cells of at most n points: of grids, or merged boxes, which are tried now and then at least."""
        choice, step = self.chooser.best(self.law, n, self.growth), len(self.states)
        if self._local is None and can_merge(self.law, n) and (self._merging or step & (step - 1) == 0):
            found = merged_cells(self.law, n, biased=self._biased)
            self._merging = self.growth.cost(found.step) < self.growth.cost(choice.step)
            return found if self._merging else choice
        return choice

    def advance(self, choice: Choice) -> None:
        """Push the Diracs of the cells through the dynamics, merge their images if asked, and add the noise."""
        if self._local is not None:
            choice = with_local_slopes(choice, self.law, self._local, self._slope, self._like)
        kept = choice.cells.masses > 0
        points, masses = choice.cells.barycenters[kept], choice.cells.masses[kept]
        kind = framework(self._like)
        out, moved = images(self._dynamics, points, self._like)
        step = choice.step._replace(moved=choice.step.moved + moved)
        if self.merged is not None and len(out) > self.merged:
            labels = clusters(out, masses, self.merged)
            centers = centroids(out, masses, labels)
            off = out - centers[labels]
            step = step._replace(merging=(masses[:, None] * off).T @ off)
            out, arrived = centers, np.bincount(labels, masses)
        else:
            arrived = masses
        bound = self.growth.advance(step)
        if not max(bound, float(np.abs(out).max())) <= LARGEST:
            raise ValueError(
                f"the states or their bounds grow beyond {LARGEST:g} in step {len(self.states) + 1}: take fewer steps"
            )
        if self._noise is None:
            self._noise = _noise_in(self._given_noise, out.shape[1], self._like)
        _check_one_space(self.law.means.shape[1], out.shape[1], self._steps)
        noise = law_of(self._noise)
        self.law = with_noise(out, arrived, noise)
        self.states.append(as_state(self.law, self._noise, self._like))
        self.bounds.append(bound + state_rounding(self.law, self.states[-1]))
        given, given_masses = (to_framework(x, kind, self._like) for x in (points, masses))
        self.diracs.append(SumOfDiracs._of(given, given_masses))
        self.errors.append(float(np.sqrt(step.square)) + step.moved + rounding(points, masses, given, given_masses))
        self.schemes.append(choice.scheme)

    def limit(self) -> Limit:
        """See `Trajectory.limit`."""
        assert self._noise is not None
        if self.states[-1].ndim != self.diracs[-1].ndim:
            raise ValueError("the limit needs dynamics that keep the dimension")
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
            bound = affine_limit(self.growth.A, choice.step, self._noise_radius)
        else:
            bound = lipschitz_limit(self._slope, choice.step, self._noise_radius)
        state = as_state(law, self._noise, self._like)
        bound += state_rounding(law, state)
        return Limit(state, bound_in(bound, framework(self._like), self._like, up=True))


def _noise_in(given: Any, d: int, like: Array) -> GaussianMixture:
    """The noise as a mixture of dimension d; none is a Dirac at zero."""
    if given is None:
        zeros = (to_framework(np.zeros(shape), framework(like), like) for shape in ((1, d), (1,)))
        return GaussianMixture(*zeros)
    noise = _single("noise", as_mixture(given))
    common_framework(initial=like, noise=noise.means)
    if noise.ndim != d:
        raise ValueError(f"noise lies in dimension {noise.ndim}, but the dynamics lead to dimension {d}")
    return noise


def _check_one_space(before: int, after: int, steps: int) -> None:
    if before != after and steps > 1:
        raise ValueError(f"dynamics lead from dimension {before} to {after}: that is for one step only")


def _check_affine(dynamics: Affine, lipschitz: Any, like: Array) -> None:
    if lipschitz is not None:
        raise ValueError("an Affine map knows its own Lipschitz constant: leave lipschitz out")
    common_framework(initial=like, dynamics=dynamics.A)
    taken, d = dynamics.A.shape[1], like.shape[1]
    if taken != d:
        raise ValueError(f"A takes vectors of dimension {taken}, but initial has dimension {d}")


def _growth(
    dynamics: Any, lipschitz: Any, initial_radius: float, noise_radius: float, law: Law, steps: int, like: Array
) -> tuple[float, Growth]:
    """The Lipschitz constant and the recursion for the dynamics."""
    if isinstance(dynamics, Affine):
        growth = AffineGrowth(concrete(dynamics.A), initial_radius, noise_radius, steps)
        return growth.plain.slope, growth
    if not callable(dynamics):
        raise TypeError(f"dynamics must be an Affine map or a callable, got {type(dynamics).__name__}")
    if lipschitz is None:
        raise ValueError(
            "dynamics without a Lipschitz constant cannot be certified: give lipschitz, a number or a function of balls"
        )
    if not callable(lipschitz):
        lipschitz = checks.not_negative("lipschitz", lipschitz)
    slope = global_slope(lipschitz, law.means[0], like)
    return slope, LipschitzGrowth(slope, initial_radius, noise_radius)


def _single(name: str, mixture: GaussianMixture) -> GaussianMixture:
    if mixture.batch_shape:
        raise ValueError(
            f"{name} must be one law, got a batch of shape {mixture.batch_shape}: propagate each by itself"
        )
    if any(is_traced(x) for x in (mixture.means, mixture.covs, mixture.weights)):
        raise TypeError(f"{name} must hold values: cells are chosen by looking at it, which transforms do not allow")
    return mixture
