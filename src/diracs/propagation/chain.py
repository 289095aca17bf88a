"""The front door: `propagate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, bound_in, concrete, framework
from diracs.backend.progress import report, reporting
from diracs.propagation.affine import MOST_COMPONENTS, propagate_exactly
from diracs.propagation.ambiguity import Radius
from diracs.propagation.any_law import noise_near, start_near
from diracs.propagation.dynamics import Affine, SlopeOnBalls
from diracs.propagation.growth import targets
from diracs.propagation.run import Run, check_affine, check_one_space, noise_in, single
from diracs.propagation.smooth import Smooth
from diracs.propagation.trajectory import Trajectory
from diracs.typing import Progress

# No step of a search for a bound takes more points.
_MOST_POINTS = 20_000
# Laws that are no mixtures are replaced by points for so many in a step, where it is not said how many these are.
_POINTS = 100
# The limit: cells are chosen and settled on roughly twice, then for good.
_TOLERANCES = (1e-3, 1e-3, 1e-12)


def propagate(
    initial: Any,
    dynamics: Affine | Smooth | Callable[[Array], Array],
    noise: Any,
    steps: int,
    *,
    n: int | None = None,
    w2_bound: float | None = None,
    lipschitz: float | SlopeOnBalls | None = None,
    initial_radius: Any = 0.0,
    noise_radius: Any = 0.0,
    components: int | None = None,
    quantized: bool = False,
    match_moments: bool = False,
    progress: Progress = False,
) -> Trajectory:
    """Push a law through x⁺ = f(x) + v, and bound the error of what comes out.

    `Affine` maps take Gaussian mixtures to Gaussian mixtures: these are the states, exact to rounding, which the bound
    counts; no points are needed. For other maps the law of the state, a Gaussian mixture, is replaced in each step by
    the barycenters of n cells, of grids or of fine boxes that are merged, whichever have the smaller bound; these go
    through f, and the noise makes a mixture of them again. Errors of successive steps nearly add in squares
    (docs/propagation.md).

    Parameters
    ----------
    initial : Gaussian, GaussianMixture, SumOfDiracs, or any law that `quantize` takes
        Laws that are no Gaussian mixtures are replaced by many points first, whose certified error is a radius.
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
    initial_radius, noise_radius : float, array (d,) or (d, d)
        The true initial law is any within this W₂ distance of `initial`; the true noise any within this distance of
        `noise`, in each step another, whatever the past. With d numbers the difference of the coupled variables has at
        most these root mean squares along the axes; with a matrix its second moment E ξξᵀ is at most that (of Gaussians
        whose means and covariances lie in a set that of their optimal maps: a Gelbrich ball).
    components : int, optional
        The images of the Diracs are merged to at most so many before the noise is added, which keeps long horizons
        affordable; the error of merging is part of the bound. Only with `n`. Exact states have images of components,
        which are merged only where there are more than `components`, by default `n`, or 1000 without either; mean and
        covariance of the state stay exact.
    quantized : bool
        Whether affine maps are to go the way of the others, by n Diracs in each step, as in the literature. The bounds
        are then the variance that the Diracs have lost.
    match_moments : bool
        Whether the Diracs are to have the mean and covariance of the states that they stand for. Of affine maps the
        states then keep these, too; the bounds are somewhat larger. Only with `n`, and without local slopes. Exact
        states have them anyway.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

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

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import Gaussian, propagate
    >>> found = propagate(Gaussian([1.0], 0.01), np.sin, Gaussian([0.0], 0.01), 3, n=50, lipschitz=1.0)
    >>> found.states[-1], f"{found.w2_bound[-1]:.4f}"
    (GaussianMixture(50 isotropic components in dimension 1), '0.0065')
    """
    count = checks.count("steps", steps)
    exact = isinstance(dynamics, Affine) and not quantized
    if (n is None) == (w2_bound is None) and not (exact and n is None):
        raise ValueError("give either n, the number of points in each step, or w2_bound, the error to stay below")
    points = None if n is None else checks.count("n", n)
    most = None if w2_bound is None else checks.positive("w2_bound", w2_bound)
    merged = None if components is None else checks.count("components", components)
    begun, start_radius = start_near(initial, Radius.of("initial_radius", initial_radius), points or _POINTS)
    noise, loose = noise_near(noise, Radius.of("noise_radius", noise_radius), points or _POINTS)
    start, radii = single("initial", begun), (start_radius, loose)
    like = start.means
    start_radius.check("initial_radius", like.shape[1])
    if isinstance(dynamics, Affine):
        check_affine(dynamics, lipschitz, like)
        if not quantized:
            check_one_space(dynamics.A.shape[1], dynamics.A.shape[0], count)
            images_kept = merged or points or MOST_COMPONENTS
            with reporting(progress):
                found = propagate_exactly(
                    start, dynamics, lambda d: noise_in(noise, d, like), count, images_kept, radii
                )
            if most is not None and concrete(found.w2_bound).max() > most:
                raise ValueError(
                    f"w2_bound = {most:g} is not kept: merging and the radii make {concrete(found.w2_bound).max():g};"
                    " give more components or a larger one"
                )
            return found
    if merged is not None and points is None:
        raise ValueError("components goes with n: with w2_bound it is not known beforehand what merging may cost")
    if match_moments and (points is None or callable(lipschitz)):
        raise ValueError("match_moments goes with n, and a lipschitz constant that is a number, or none")
    if getattr(dynamics, "switch", None) is not None and (points is None or match_moments):
        raise ValueError("dynamics that jump go with n, and without match_moments")
    run = Run(start, dynamics, noise, count, lipschitz, radii, matching=match_moments)
    with reporting(progress):
        if points is not None:
            run.merged = merged
            for t in range(count):
                run.advance(run.best(points))
                report("steps of propagation", t + 1, count)
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
                report("steps of propagation", t + 1, count)
    kind = framework(like)
    bounds, errors = (bound_in(np.array(x), kind, like, up=True) for x in (run.bounds, run.errors))
    given = tuple(run.states), bounds, tuple(run.diracs), errors, tuple(run.schemes)
    return Trajectory(start, *given, run.limit, tuple(run.metrics))
