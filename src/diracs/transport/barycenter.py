"""Free-support Wasserstein barycenters of densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from diracs.backend import checks
from diracs.backend.arrays import common_framework, concrete, framework, to_framework
from diracs.backend.progress import report, reporting
from diracs.laws.diracs import SumOfDiracs, diracs_in
from diracs.transport.checks import check_density
from diracs.transport.families import Target, parts, target_of
from diracs.transport.solved import transport
from diracs.typing import Progress

# How well masses are met in each iteration.
_TOLERANCE = 1e-6


def barycenter(
    densities: Sequence[Any],
    n: int | SumOfDiracs,
    weights: ArrayLike | None = None,
    *,
    iterations: int = 100,
    tol: float = 1e-4,
    seed: int = 0,
    progress: Progress = False,
) -> SumOfDiracs:
    """Diracs of equal masses near the Wasserstein barycenter of densities, which may differ in kind.

    They lower F(y) = Σ λₖ W₂²(Σ δ_{yᵢ}/n, ρₖ), by yᵢ ← Σ λₖ (barycenter of i's cell in the plan to ρₖ), under which F
    falls (Cuturi & Doucet 2014, Álvarez-Esteban et al. 2016): pictures between two pictures, for example.

    Parameters
    ----------
    densities : sequence of PolynomialGrid, Mesh or GaussianMixture
        One or more, all of one dimension, not periodic.
    n : int or SumOfDiracs
        A number of Diracs, drawn from the density of the largest weight, or where they start, with their masses.
    weights : array (k,), optional
        λ, not negative; equal by default. Normalized.
    iterations : int
        At most so many.
    tol : float
        Stop when no Dirac moves further than this share of the mean distance between Diracs.
    seed : int
        For the first positions.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

    Returns
    -------
    SumOfDiracs
        In the framework of the first density.

    Raises
    ------
    ValueError, TypeError
        For no densities, unequal dimensions, periodic ones, weights of the wrong shape or sign.

    Examples
    --------
    Of two intervals, that in the middle:

    >>> import numpy as np
    >>> from diracs import PolynomialGrid, barycenter
    >>> left, right = PolynomialGrid([1.0], [[0.0], [1.0]]), PolynomialGrid([1.0], [[4.0], [7.0]])
    >>> barycenter([left, right], 4, iterations=20).positions[:, 0].round(3)
    array([2.25, 2.75, 3.25, 3.75])
    """
    if not isinstance(densities, list | tuple):
        raise TypeError(f"densities must be a list of densities, got {type(densities).__name__}")
    laws = [check_density(law) for law in densities]
    if not laws:
        raise ValueError("densities must hold one or more")
    d = laws[0].ndim
    for k, law in enumerate(laws):
        if law.ndim != d or d > 3:
            raise ValueError(f"densities must be of one dimension, at most 3, but 0 has {d} and {k} has {law.ndim}")
        if any(getattr(law, "periodic", ())):
            raise ValueError(f"densities must not be periodic, as {k} is: means are not defined on a torus")
    shares = _shares(weights, len(laws))
    steps, tolerance = checks.count("iterations", iterations), checks.positive("tol", tol)
    like = parts(laws[0])[1][0]
    kind = common_framework(**{f"densities[{k}]": parts(law)[1][0] for k, law in enumerate(laws)})
    targets = [target_of(form, tuple(map(concrete, own))) for form, own in map(parts, laws)]
    start = diracs_in(n)
    if start is not None:
        y, masses = concrete(start.positions), concrete(start.weights)
        if y.ndim != 2 or y.shape[1] != d:
            raise ValueError(f"n must be a number or Diracs in dimension {d}, got positions of shape {y.shape}")
    else:
        count = checks.count("n", n)
        y = _drawn(targets[int(shares.argmax())], d, count, np.random.default_rng(checks.seed(seed)))
        masses = np.full(count, 1.0 / count)
    duals: list[np.ndarray | None] = [None] * len(laws)
    held = masses > 0
    with reporting(progress):
        for step in range(steps):
            shift = np.zeros_like(y)
            for k, (share, target) in enumerate(zip(shares, targets, strict=True)):
                if share > 0:
                    found = transport(y, masses, target, _TOLERANCE, duals[k])
                    duals[k] = found.weights
                    shift[held] += share * found.first[held] / found.mass[held, None]
            y = y + shift
            report("iterations", step + 1, steps)
            spacing = float(np.ptp(y, axis=0).max()) / len(y) ** (1.0 / d)
            if np.linalg.norm(shift, axis=1).max() <= tolerance * spacing:
                break
    return SumOfDiracs(to_framework(y, kind, like), to_framework(masses, kind, like))


def _shares(weights: Any, count: int) -> np.ndarray:
    if weights is None:
        return np.full(count, 1.0 / count)
    given = concrete(checks.floating("weights", weights, framework(weights)))
    if given.shape != (count,):
        raise ValueError(f"weights must have shape ({count},), one per density, got {given.shape}")
    if not (given.min() >= 0 and given.max() > 0):
        raise ValueError(f"weights must not be negative and not all zero, got {given.tolist()}")
    return np.asarray(given / given.sum())


def _drawn(target: Target, d: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n points (n, d) of space, drawn from a density."""
    if d > 1:
        return target.original(target.density().draw(n, rng))
    # On the line every start leads to the same end.
    shares = (np.arange(n) + 0.5) / n
    return target.original(target.line().quantiles(shares, 1.0 - shares)[:, None])
