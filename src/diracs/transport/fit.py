"""Gaussian mixtures fitted to points in W₂."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs import _checks
from diracs._arrays import Array, concrete, framework, is_traced, to_framework
from diracs.discretization import Quantization
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.gaussian import KINDS, GaussianMixture
from diracs.transport.free_weights import FreeProblem, FreeTransport, free_transport
from diracs.transport.likelihood import Parameters, expectation_maximization, spread_centres
from diracs.transport.quasi_newton import Evaluation, Minimum, minimize

# Masses and duality gap of every transport, relative.
_PRECISION = 1e-8
_EM_STEPS = 20
# Deviations, in these units, by which the start is widened where no transport to it is found.
_WIDER = (0.0, 0.03, 0.1, 0.3, 1.0)
# Several starts are compared where they promise no more than this share.
_ROUGH = 1e-3
# EM collapses onto single points; in units of the points' deviation.
_EM_FLOOR = 1e-2


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """A Gaussian mixture near points in W₂.

    Attributes
    ----------
    mixture : GaussianMixture
        In the framework, dtype and device of the points.
    distance : array ()
        W₂² between the points and the mixture, squared.
    history : array (iterations + 1,)
        W₂² at the start, which is that of the likelihood's components with their best weights (these components
        widened, if no transport to them was found), and after each iteration of the best start. NumPy; it never rises.
    iterations : int
    converged : bool
    message : str
        Why the method stopped.
    points : SumOfDiracs
        What the mixture was fitted to.
    """

    mixture: GaussianMixture
    distance: Array
    history: np.ndarray
    iterations: int
    converged: bool
    message: str
    points: SumOfDiracs

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the points and the components; see `diracs.plotting_transport.plot_fit`."""
        from diracs.plotting_transport import plot_fit

        return plot_fit(self.mixture, self.points, ax, **options)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        k = self.mixture.n_components
        return f"MixtureFit({k} components, {len(self.points)} points, W₂² = {self.history[-1]:.6g}, {state})"


def fit_mixture(
    points: Any,
    k: int,
    *,
    covariance_kind: str = "full",
    starts: int = 3,
    seed: int = 0,
    floor: float = 1e-3,
    tol: float = 1e-6,
    max_iterations: int = 200,
    callback: Callable[[int, GaussianMixture, float], None] | None = None,
) -> MixtureFit:
    """Fit a Gaussian mixture to points on the line or in the plane: a minimum of W₂² instead of one of the likelihood.

    Starts from k-means++ and steps of the EM algorithm; then a quasi-Newton method on the means and on factors of the
    covariances. The weights are optimal for the components at every step (`diracs.transport.free_weights`).

    Parameters
    ----------
    points : array (n, d), SumOfDiracs or Quantization
        d = 1 or 2; an array's points have equal masses.
    k : int
        Number of components. If fewer points are distinct, components are repeated.
    covariance_kind : {"full", "diagonal", "isotropic"}
    starts : int
        The best of so many fits from different centres.
    seed : int
        For the centres.
    floor : float
        Every component has at least this standard deviation in every direction, in units of the points' own (the root
        mean square of their distance from their mean). A component may shrink to a point in W₂, at a finite gain, and
        would have no density.
    tol : float
        Stop when the next step promises to lower W₂² by less than this share of it.
    max_iterations : int
        Quasi-Newton steps from each start.
    callback : callable, optional
        Called as callback(iteration, mixture, distance) after each step, with W₂².

    Returns
    -------
    MixtureFit

    Raises
    ------
    ValueError, TypeError
        For points of other dimensions, batches, values under `jax.jit`, squares that the dtype of the points does not
        hold, options out of range.

    Notes
    -----
    W₂² is not convex in means and covariances: as for the likelihood, what is found is a local minimum.
    Points that all coincide give components without width.
    """
    if isinstance(points, Quantization):
        points = points.diracs
    diracs = points if isinstance(points, SumOfDiracs) else SumOfDiracs(_checked_points(points))
    if diracs.positions.ndim != 2:
        raise ValueError(f"points must be one set, got a batch of shape {tuple(diracs.positions.shape)}")
    if diracs.ndim > 2:
        raise ValueError(f"points must lie on the line or in the plane, got dimension {diracs.ndim}")
    if is_traced(diracs.positions) or is_traced(diracs.weights):
        raise TypeError("points must be numbers, not values traced by jit, vmap or grad")
    count = _checks.count("k", k)
    kinds = tuple(KINDS.values())
    if not isinstance(covariance_kind, str) or covariance_kind not in kinds:
        raise ValueError(f"covariance_kind must be one of {', '.join(map(repr, kinds))}, got {covariance_kind!r}")
    runs, most = _checks.count("starts", starts), _checks.count("max_iterations", max_iterations)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    least, tolerance = _checks.positive("floor", floor), _checks.positive("tol", tol)
    if least > 0.5:
        raise ValueError(f"floor must be at most 0.5, half of the points' own deviation, got {least:g}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {type(callback).__name__}")
    return _fit(diracs, count, covariance_kind, runs, int(seed), least, tolerance, most, callback)


def _checked_points(points: Any) -> Array:
    given = _checks.floating("points", points, framework(points))
    if given.ndim != 2:
        raise ValueError(f"points must have shape (n, d), got {tuple(given.shape)}; for points on a line use (n, 1)")
    return given


def _fit(
    diracs: SumOfDiracs,
    k: int,
    kind: str,
    starts: int,
    seed: int,
    floor: float,
    tolerance: float,
    most: int,
    callback: Callable[[int, GaussianMixture, float], None] | None,
) -> MixtureFit:
    positions, masses = concrete(diracs.positions), concrete(diracs.weights)
    held = masses > 0
    unique, place = np.unique(positions[held], axis=0, return_inverse=True)
    target = np.bincount(place.ravel(), masses[held])
    target = target / target.sum()
    # Divided by the largest number first: squares of numbers near 1e±200 are no doubles.
    middle = 0.5 * unique.min(axis=0) + 0.5 * unique.max(axis=0)
    width = float(np.abs(unique - middle).max())
    if width == 0.0:
        return _coincident(diracs, unique[0], k, kind)
    seeds = (unique - middle) / width
    shift = target @ seeds
    deviation = float(np.sqrt(target @ ((seeds - shift) ** 2).sum(axis=1)))
    seeds, centre, size = (seeds - shift) / deviation, middle + width * shift, width * deviation
    like, name = diracs.positions, framework(diracs.positions)
    limits = np.finfo(str(like.dtype).removeprefix("torch."))
    if not float(limits.tiny) ** 0.5 < floor * size < 1e3 * size < float(limits.max) ** 0.5:
        raise ValueError(f"points have a deviation of {size:g}, whose square {limits.dtype} does not hold: scale them")

    def as_mixture(found: Parameters, copies: np.ndarray) -> GaussianMixture:
        means, covs, weights = (x[copies] for x in found)
        shares = weights / np.bincount(copies)[copies]
        return GaussianMixture(*(to_framework(x, name, like) for x in (means * size + centre, covs * size**2, shares)))

    rng = np.random.default_rng(seed)
    distinct = min(k, len(seeds))
    copies = np.arange(k) % distinct
    best: tuple[Objective, Minimum, Any] | None = None
    for _ in range(starts):
        centres = spread_centres(seeds, target, distinct, rng)
        start = expectation_maximization(seeds, target, centres, kind, max(floor, _EM_FLOOR), _EM_STEPS)
        means, covs, weights = start
        for wider in _WIDER:
            more = wider**2 * (np.eye(means.shape[1]) if kind == "full" else 1.0)
            objective = Objective(seeds, target, kind, floor, (means, covs + more, weights))
            first = objective(objective.start, None)
            if first is not None:
                break
        else:
            continue

        def report(iteration: int, x: np.ndarray, found: Evaluation, objective: Objective = objective) -> None:
            if callback is not None:
                callback(iteration, as_mixture(objective.parameters(x, found), copies), found.value * size**2)

        rough = max(tolerance, _ROUGH) if starts > 1 else tolerance
        minimum = minimize(objective, objective.start, first, rough, most, report)
        if best is None or minimum.evaluation.value < best[1].evaluation.value:
            best = objective, minimum, report
    if best is None:
        raise ValueError(
            "points hold groups far smaller than components, to which no transport was found: try more components than"
            f" k = {k}, or another seed"
        )
    objective, minimum, report = best
    values = minimum.history
    if minimum.converged and tolerance < _ROUGH and starts > 1 and len(values) <= most:
        again = minimize(
            objective, minimum.x, minimum.evaluation, tolerance, most + 1 - len(values), report, len(values) - 1
        )
        minimum, values = again, values + again.history[1:]
    mixture = as_mixture(objective.parameters(minimum.x, minimum.evaluation), copies)
    history = np.array(values) * size**2
    distance = to_framework(np.asarray(history[-1]), name, like)
    return MixtureFit(mixture, distance, history, len(history) - 1, minimum.converged, minimum.message, diracs)


def _coincident(diracs: SumOfDiracs, point: np.ndarray, k: int, kind: str) -> MixtureFit:
    """All points are one: so are the components, without width."""
    like, name, d = diracs.positions, framework(diracs.positions), len(point)
    shape = {"isotropic": (k,), "diagonal": (k, d), "full": (k, d, d)}[kind]
    means, covs, distance = (
        to_framework(x, name, like) for x in (np.tile(point, (k, 1)), np.zeros(shape), np.zeros(()))
    )
    return MixtureFit(GaussianMixture(means, covs), distance, np.zeros(1), 0, True, "all points coincide", diracs)


class Objective:
    """W₂² between points and components with their best weights, as a function of scaled parameters.

    Component k is the law of μ + Lz + f z', z and z' standard normal and f the floor: L is lower triangular, diagonal
    or a number s, so that Σ = LLᵀ + f². For a fixed plan the cost is a parabola in μ and L with the second derivatives
    2π_k (2π_k·d in s), and an upper bound on W₂². Parameters are μ and L times the roots of these at the start: the
    step of minus the gradient is to the minimum of the bound, as in EM.
    """

    def __init__(self, seeds: np.ndarray, target: np.ndarray, kind: str, floor: float, start: Parameters) -> None:
        self.seeds, self.target, self.kind, self.floor = seeds, target, kind, floor
        means, covs, self._weights = start
        k, d = means.shape
        self._lower = np.tril_indices(d)
        if kind == "full":
            values, vectors = np.linalg.eigh(covs)
            # No narrower than the floor again: the derivative in L vanishes at L = 0.
            inner = (vectors * np.maximum(values - floor**2, 0.1 * floor**2)[:, None, :]) @ vectors.swapaxes(1, 2)
            factors = np.linalg.cholesky(inner)[:, self._lower[0], self._lower[1]]
        else:
            factors = np.sqrt(np.maximum(covs - floor**2, 0.1 * floor**2)).reshape(k, -1)
        curvature = np.sqrt(2.0 * self._weights)[:, None]
        factor_unit = curvature * (np.sqrt(d) if kind == "isotropic" else 1.0)
        self._unit = np.concatenate([np.repeat(curvature, d, 1), np.repeat(factor_unit, factors.shape[1], 1)], axis=1)
        self.start = (np.concatenate([means, factors], axis=1) * self._unit).ravel()

    def components(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means (k, d), factors (k, d, d) or (k, d) or (k,), covariances (k, d, d)."""
        d = self.seeds.shape[1]
        rows = x.reshape(self._unit.shape) / self._unit
        means, packed = rows[:, :d], rows[:, d:]
        unit = np.eye(d)
        if self.kind == "full":
            factors = np.zeros((len(rows), d, d))
            factors[:, self._lower[0], self._lower[1]] = packed
            return means, factors, factors @ factors.swapaxes(1, 2) + self.floor**2 * unit
        factors = packed[:, 0] if self.kind == "isotropic" else packed
        return means, factors, np.broadcast_to(packed[:, :, None] ** 2, (len(rows), d, 1)) * unit + self.floor**2 * unit

    def parameters(self, x: np.ndarray, found: Evaluation) -> Parameters:
        """Means, covariances of the kind asked for, weights."""
        means, factors, covs = self.components(x)
        return means, covs if self.kind == "full" else factors**2 + self.floor**2, found.state.weights

    def __call__(self, x: np.ndarray, state: FreeTransport | None) -> Evaluation | None:
        """Value and gradient, by the envelope theorem; the state is the transport found for x nearby."""
        means, factors, covs = self.components(x)
        weights, dual = (self._weights, None) if state is None else (state.weights, state.dual)
        found = free_transport(FreeProblem(self.seeds, self.target, means, covs), weights, _PRECISION, dual)
        if found is None:
            return None
        # In the mean 2π ∫(x − y) dρ_k, in the covariance π (I − Σ_edges |yᵢ − yⱼ| n nᵀ ∫ρ_k dℓ), by Stein's lemma.
        share = found.weights[:, None]
        in_means = 2.0 * share * found.moments.moved
        in_covs = share[:, :, None] * (np.eye(means.shape[1]) - found.moments.curvature)
        if self.kind == "full":
            in_factors = 2.0 * (in_covs @ factors)[:, self._lower[0], self._lower[1]]
        elif self.kind == "diagonal":
            in_factors = 2.0 * np.diagonal(in_covs, axis1=1, axis2=2) * factors
        else:
            in_factors = 2.0 * (np.trace(in_covs, axis1=1, axis2=2) * factors)[:, None]
        gradient = np.concatenate([in_means, in_factors], axis=1) / self._unit
        return Evaluation(found.distance, gradient.ravel(), found)
