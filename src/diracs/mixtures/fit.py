"""Gaussian mixtures fitted to points in W₂."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, concrete, framework, is_traced, to_framework
from diracs.backend.decimals import round_to
from diracs.backend.progress import reporting
from diracs.laws.diracs import SumOfDiracs, diracs_in
from diracs.laws.gaussian import GaussianMixture
from diracs.mixtures.fit_levels import Options, Points, best_fit
from diracs.mixtures.likelihood import Parameters
from diracs.typing import CovarianceKind, Progress

# Beside the points' own square the square of less is lost in doubles.
_LEAST_FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """A Gaussian mixture near points in W₂.

    Attributes
    ----------
    mixture : GaussianMixture
        In the framework, dtype and device of the points; k components of positive weight with positive definite
        covariances (without width if all points coincide). Where fewer are as good, some of these are equal: components
        that shared the weight of one. `message` then says how many differ.
    distance : array ()
        W₂² between the points and the mixture, squared.
    history : array (iterations + 1,)
        W₂² at the start, with the best weights of the components there, and after each iteration, in the run that led
        to the mixture. NumPy; it never rises.
    iterations : int
    converged : bool
    message : str
        Why the method stopped, and how many components differ, if not all.
    points : SumOfDiracs
        What the mixture was fitted to.

    Examples
    --------
    >>> from diracs import fit_mixture
    >>> fit = fit_mixture([[-1.1], [-0.9], [0.9], [1.1]], 2)
    >>> sorted(fit.mixture.means.ravel().round(3).tolist()), fit.converged, len(fit.history) == fit.iterations + 1
    ([-1.0, 1.0], True, True)
    """

    mixture: GaussianMixture
    distance: Array
    history: np.ndarray
    iterations: int
    converged: bool
    message: str
    points: SumOfDiracs

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the points and the components; see `diracs.show.transport.plot_fit`."""
        from diracs.show.transport import plot_fit

        w2 = max(float(concrete(self.distance)), 0.0) ** 0.5
        title = f"{self.mixture.n_components} components, {len(self.points):,} points,  W₂ = {round_to(w2, round, 4)}"
        return plot_fit(self.mixture, self.points, ax, **{"title": title, **options})

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        k = self.mixture.n_components
        return f"MixtureFit({k} components, {len(self.points)} points, W₂² = {self.history[-1]:.6g}, {state})"


def fit_mixture(
    points: Any,
    k: int,
    *,
    covariance_kind: CovarianceKind = "full",
    starts: int = 3,
    seed: int = 0,
    floor: float = 1e-3,
    tol: float = 1e-6,
    max_iterations: int = 200,
    callback: Callable[[int, GaussianMixture, float], None] | None = None,
    progress: Progress = False,
) -> MixtureFit:
    """Fit a Gaussian mixture to points in one to three dimensions: a minimum of W₂² instead of one of the likelihood.

    Fits one component, then two, up to k: each time from k-means++ and steps of the EM algorithm, and from the smaller
    fit with a new component; then by a quasi-Newton method on the means and on factors of the covariances. The weights
    are optimal for the components at every step (`diracs.transport.free_weights`). With the same options, more
    components are never worse than fewer: where none of these lowers W₂², a component of the smaller fit is split into
    equal ones.

    Parameters
    ----------
    points : array (n, d), SumOfDiracs or Quantization
        d ≤ 3; an array's points have equal masses.
    k : int
        Number of components; time grows with about its square. No more differ than points do.
    covariance_kind : {"full", "diagonal", "isotropic"}
    starts : int
        So many sets of centres are tried for each number of components, by a few steps; the best one is followed.
    seed : int
        For the centres.
    floor : float
        Every component has at least this standard deviation in every direction, in units of the points' own (the root
        mean square of their distance from their mean). A component may shrink to a point in W₂, at a finite gain, and
        would have no density. From 1e-6 (single precision 3.5e-4: a smaller square is lost beside the points' own)
        to 0.5.
    tol : float
        Stop when the next step promises to lower W₂² by less than this share of it.
    max_iterations : int
        Quasi-Newton steps from each start.
    callback : callable, optional
        Called as callback(iteration, mixture, distance) after each step with k components, of every start, with W₂².
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

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
    Points that all coincide give components without width. Results are the same whenever the arguments are.

    Examples
    --------
    >>> from diracs import fit_mixture
    >>> fit = fit_mixture([[-1.1], [-0.9], [0.9], [1.1]], 2)
    >>> fit.mixture, f"{fit.distance:.4f}"  # W₂²
    (GaussianMixture(2 full components in dimension 1), '0.0036')
    """
    given = diracs_in(points)
    diracs = SumOfDiracs(_checked_points(points)) if given is None else given
    if diracs.positions.ndim != 2:
        raise ValueError(f"points must be one set, got a batch of shape {tuple(diracs.positions.shape)}")
    if diracs.ndim > 3:
        raise ValueError(f"points must have one to three dimensions, got {diracs.ndim}")
    if is_traced(diracs.positions) or is_traced(diracs.weights):
        raise TypeError("points must be numbers, not values traced by jit, vmap or grad")
    count = checks.count("k", k)
    checks.choice("covariance_kind", covariance_kind, CovarianceKind)
    runs, most = checks.count("starts", starts), checks.count("max_iterations", max_iterations)
    least, tolerance = checks.positive("floor", floor), checks.positive("tol", tol)
    if least < _LEAST_FLOOR:
        raise ValueError(f"floor must be at least {_LEAST_FLOOR:g} of the points' own deviation, got {least:g}")
    if least > 0.5:
        raise ValueError(f"floor must be at most 0.5, half of the points' own deviation, got {least:g}")
    checks.callback("callback", callback)
    options = Options(covariance_kind, runs, checks.seed(seed), least, tolerance, most)
    with reporting(progress):
        return _fit(diracs, count, options, callback)


def _checked_points(points: Any) -> Array:
    given = checks.floating("points", points, framework(points))
    if given.ndim != 2:
        raise ValueError(f"points must have shape (n, d), got {tuple(given.shape)}; for points on a line use (n, 1)")
    return given


def _fit(
    diracs: SumOfDiracs,
    k: int,
    options: Options,
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
        return _coincident(diracs, unique[0], k, options.kind)
    seeds = (unique - middle) / width
    shift = target @ seeds
    deviation = float(np.sqrt(target @ ((seeds - shift) ** 2).sum(axis=1)))
    seeds, centre, size = (seeds - shift) / deviation, middle + width * shift, width * deviation
    like, name = diracs.positions, framework(diracs.positions)
    limits = np.finfo(str(like.dtype).removeprefix("torch."))
    if not float(limits.tiny) ** 0.5 < options.floor * size < 1e3 * size < float(limits.max) ** 0.5:
        raise ValueError(f"points have a deviation of {size:g}, whose square {limits.dtype} does not hold: scale them")

    if not float(limits.eps) ** 0.5 <= options.floor:
        least = max(float(limits.eps) ** 0.5, _LEAST_FLOOR)
        raise ValueError(f"floor must be at least {least:.2g} for points of {limits.dtype}, got {options.floor:g}")

    def as_mixture(found: Parameters) -> GaussianMixture:
        copies = np.arange(k) % len(found[0])
        means, covs, weights = (x[copies] for x in found)
        shares = weights / np.bincount(copies)[copies]
        return GaussianMixture(*(to_framework(x, name, like) for x in (means * size + centre, covs * size**2, shares)))

    def report(iteration: int, found: Parameters, value: float) -> None:
        if callback is not None:
            callback(iteration, as_mixture(found), value * size**2)

    best = best_fit(Points(seeds, target), min(k, len(seeds)), options, report)
    m = len(best.parameters[0])
    message = best.message if m == k else f"{best.message}; {m} of the {k} components differ, more lower nothing"
    mixture = as_mixture(best.parameters)
    history = np.array(best.history) * size**2
    distance = to_framework(np.asarray(history[-1]), name, like)
    return MixtureFit(mixture, distance, history, len(history) - 1, best.converged, message, diracs)


def _coincident(diracs: SumOfDiracs, point: np.ndarray, k: int, kind: str) -> MixtureFit:
    """All points are one: so are the components, without width."""
    like, name, d = diracs.positions, framework(diracs.positions), len(point)
    shape = {"isotropic": (k,), "diagonal": (k, d), "full": (k, d, d)}[kind]
    means, covs, distance = (
        to_framework(x, name, like) for x in (np.tile(point, (k, 1)), np.zeros(shape), np.zeros(()))
    )
    return MixtureFit(GaussianMixture(means, covs), distance, np.zeros(1), 0, True, "all points coincide", diracs)
