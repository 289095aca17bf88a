"""The front door: `quantize`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import diracs.quantization.by_cells  # noqa: F401 — registers laws of several dimensions
from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    concrete,
    framework,
    is_traced,
    leaves,
    map_arrays,
    namespace,
    stop_gradient,
    to_framework,
)
from diracs.backend.progress import reporting
from diracs.laws.convert import as_law, as_mixture, without_covariances
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.engines import Engines
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.univariate.discrete import atoms_of
from diracs.quantization.by_merging import in_space, of_cloud
from diracs.quantization.by_points import ENGINES, ByPoints, engines
from diracs.quantization.by_product import by_product, found_within, settled
from diracs.quantization.by_voronoi import in_plane, in_three_dimensions
from diracs.quantization.discrete import lowered, raised
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.distributed import each, is_dask, quantize_chunks
from diracs.quantization.moment_matching import matched
from diracs.schemes.fewest import expected_number
from diracs.schemes.generate import KINDS, to_kind_of
from diracs.schemes.layered import Scheme
from diracs.schemes.points import PointScheme
from diracs.typing import Progress, SchemeName

_MOST_BY_POINTS = 100_000


def quantize(
    distribution: Any,
    n: int | None = None,
    *,
    w2: float | None = None,
    scheme: SchemeName = "auto",
    match_moments: bool = False,
    seed: int = 0,
    executor: Any = None,
    progress: Progress = False,
) -> Quantization:
    """Replace a distribution by at most n weighted Diracs, or by the fewest whose certified error is at most `w2`.

    Parameters
    ----------
    distribution : law
        A Gaussian, GaussianMixture, SumOfDiracs, PolynomialGrid, Mesh, Independent, Elliptical, Mixture; what
        `diracs.laws.convert` makes one of; a univariate law, any of scipy.stats (frozen, such as gamma(2)) and
        torch.distributions of finite variance; a dask.array of samples (N, d), in chunks along the first axis, for a
        number n of points; a law of one's own (docs/your_own_law.md).
        With leading axes a batch; its quantizations are padded with points of mass zero to a common length. A
        PolynomialGrid has at most eight axes, a Mesh lies in the plane or in space; both take "auto" and "optimal",
        which are the same there, as do univariate laws. Where a grid is periodic W₂ is that on the circle, or the
        torus. Independent, Elliptical, Mixture and laws of one's own are cut into cells, in any dimension; results
        carry no derivatives. Independent takes "grid" and "product" besides: levels on each axis.
        Discrete laws (of scipy.stats; Bernoulli, Binomial, Geometric, Poisson of PyTorch) are taken as the point clouds
        of their masses, in double precision, which `distribution` of the result is then; what these are off by, and the
        tails that are cut off, are paid in `w2`.
    n : int, optional
        Number of points; exactly one of `n` and `w2` is to be given.
    w2 : float, optional
        Error to stay below, in the units of the means. The number of points is within 5 % of the fewest that the same
        schemes reach it with.
    scheme : {"auto", "grid", "cross", "product", "optimal"}
        "grid": scalar codebooks on the principal axes of each group of components; "cross": one cross of sigma points
        for each group; "product": products of both; each with the best grouping of the components. "optimal": points
        near the optimal quantizer: on the line, in the plane and in space by Newton's method, for point clouds and in
        more dimensions by merging evenly spread samples of the law, the certificate from boxes that are cut where it
        pays. "auto": the best of all; "optimal" is tried where it takes seconds: in the plane up to 10 000 points and
        100 000 points times components (up to fifty times as many merge cells, which costs about one percent); from
        three dimensions on it hurries: in space up to 5000 points times components by Newton's method, which costs up
        to half a percent, else by merging up to 2000 points in at most eight dimensions, where "optimal" takes three to
        fifteen times as long for one to six percent, half a minute of two cores for 1000 points in six dimensions, and
        merges in any dimension; in ten it is some percent below products.
    match_moments : bool
        Whether the points are to have exactly the mean and covariance of the distribution (to rounding). Barycenters
        of cells, which have less of it, are moved by a linear map; that adds to the error to second order only. The
        points must span the space in which the distribution varies: in d dimensions 2 d are enough for "auto". For a
        Gaussian and n = 2 d they are the sigma points of the unscented transform (κ = 0). Results carry no derivatives.
    seed : int
        Of the draws that merging makes; equal seeds give equal points.
    executor : concurrent.futures.Executor, optional
        A pool of processes, or Dask's `client.get_executor()`, that the members of a batch are shared among, or, of a
        single mixture in three or more dimensions, the boxes that its components are cut into for the certificate; the
        numbers are the same as without. Not for laws that are no mixtures of Gaussians or points.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

    Returns
    -------
    Quantization
        In the framework, dtype and device of the distribution; `w2` and `weights` are differentiable in the parameters
        of mixtures; where derivatives are asked for in three and more dimensions, "auto" takes products, as optimal
        points have none there. Optimal points in the plane and in more dimensions come as a PointScheme, in the plane
        and in space in the order of a Hilbert curve; those of a PolynomialGrid on the line from left to right. For
        SumOfDiracs each point goes to the nearest: `w2` is W₂ itself.

    Raises
    ------
    ValueError, TypeError
        If not exactly one of `n` and `w2` is given, or they are not positive; for an unknown scheme; for "optimal" with
        near singular covariances in the plane (in space merged cells take their place); if `w2` needs more than two
        million points; for an `executor` that the law has nothing for; under `jax.jit`, where no scheme can be chosen
        (use `discretize` there).

    Examples
    --------
    >>> from diracs import Gaussian, quantize
    >>> q = quantize(Gaussian(0.0, 1.0), 10)
    >>> len(q), f"{q.w2:.4f}", q.exact, bool(q.w2_lower <= q.w2)
    (10, '0.1514', True, True)
    >>> len(quantize(Gaussian(0.0, 1.0), w2=0.1))
    16
    """
    count, target = _wanted(n, w2, scheme)
    seed = checks.seed(seed)
    with reporting(progress):
        return _quantized(distribution, count, target, scheme, match_moments, seed, executor)


def _quantized(
    distribution: Any,
    count: int | None,
    target: float | None,
    scheme: SchemeName,
    match_moments: bool,
    seed: int,
    executor: Any,
) -> Quantization:
    """The same, of arguments that are checked."""
    if is_dask(distribution):
        if count is None or scheme not in ("auto", "optimal") or match_moments:
            raise ValueError("a dask.array of samples goes to a number n of points, by scheme='auto'")
        return quantize_chunks(distribution, count, seed=seed)
    plain = partial(quantize, seed=seed, executor=executor)
    atoms = atoms_of(distribution)
    if atoms is not None:
        below = None if target is None else lowered(target, atoms)
        found = plain(atoms.diracs, count, w2=below, scheme=scheme, match_moments=match_moments)
        return replace(found, w2=raised(found.w2, atoms))
    distribution = as_law(distribution)
    if match_moments:
        return _quantize_with_moments(distribution, count, target, scheme, plain)
    if ENGINES.know(distribution):
        if executor is not None:
            raise ValueError(
                "executor shares the members of a batch, or the boxes of a mixture in space, but the distribution is a"
                f" single {type(distribution).__name__}: leave it out"
            )
        return _quantize_by_points(distribution, count, target, scheme, seed)
    mixture = as_mixture(distribution)
    batch = mixture.batch_shape
    # As they are: weights normalized once more might be rounded to others.
    singles = [map_arrays(mixture, lambda a: a[i]) for i in np.ndindex(*batch)]  # noqa: B023
    one = partial(_quantize_single, n=count, w2=target, scheme=scheme, seed=seed)
    if not batch:
        return one(singles[0], executor=executor)
    return _stack(mixture, each(executor, one, singles))


def _quantize_with_moments(
    distribution: Any, count: int | None, target: float | None, scheme: str, plain: Callable[..., Quantization]
) -> Quantization:
    if ENGINES.know(distribution):
        return matched(distribution, count, target, scheme, plain)
    mixture = map_arrays(as_mixture(distribution), stop_gradient)
    batch = mixture.batch_shape
    found = [
        matched(map_arrays(mixture, lambda a: a[i]), count, target, scheme, plain)  # noqa: B023
        for i in np.ndindex(*batch)
    ]
    return _stack(mixture, found) if batch else found[0]


def _wanted(n: Any, w2: Any, scheme: Any) -> tuple[int | None, float | None]:
    """Number of points and error, checked."""
    if (n is None) == (w2 is None):
        raise ValueError("give either n, the number of points, or w2, the error to stay below")
    checks.choice("scheme", scheme, SchemeName)
    return None if n is None else checks.count("n", n), None if w2 is None else checks.positive("w2", w2)


# Optimal points of a single mixture, NumPy's or of a framework; None where other schemes are to be preferred, unless
# these were wanted. What comes last is an executor, or None.
Optimal = Callable[[GaussianMixture, int | None, float | None, bool, int, Any], Quantization | None]


def _on_line(
    mixture: GaussianMixture, n: int | None, w2: float | None, wanted: bool, seed: int, executor: Any = None
) -> Quantization | None:
    """On the line grids are optimal, and "auto" tries them anyway."""
    return by_product(mixture, n, w2, ("grid",)) if wanted else None


OPTIMAL: Engines[Optimal] = Engines()
OPTIMAL.add(GaussianMixture, None, in_space)
OPTIMAL.add(GaussianMixture, 3, in_three_dimensions)
OPTIMAL.add(GaussianMixture, 2, in_plane)
OPTIMAL.add(GaussianMixture, 1, _on_line)
OPTIMAL.add(SumOfDiracs, None, of_cloud)


def _quantize_single(
    mixture: GaussianMixture, n: int | None, w2: float | None, scheme: str, seed: int, executor: Any = None
) -> Quantization:
    """A single mixture."""
    if scheme in ("auto", "optimal"):
        optimal = OPTIMAL.of(without_covariances(mixture))
        found = None if optimal is None else optimal(mixture, n, w2, scheme == "optimal", seed, executor)
        if found is not None:
            return found
    # Grids and crosses are products: "product" tries them as such, which with several groups can pay.
    return by_product(mixture, n, w2, KINDS if scheme in ("auto", "product", "optimal") else (scheme,))


def _quantize_by_points(law: Any, count: int | None, target: float | None, scheme: str, seed: int) -> Quantization:
    """By optimal points, or by a grid where the law has independent coordinates."""
    engine = engines(law)
    if scheme not in (("auto", "optimal") if engine.grid is None else ("auto", "optimal", "grid", "product")):
        listed = "'auto' or 'optimal'" if engine.grid is None else "'auto', 'optimal', 'grid' or 'product'"
        raise ValueError(f"scheme must be {listed} for a {type(law).__name__}, got {scheme!r}")
    if any(is_traced(x) for x in leaves(law)):
        raise TypeError("points are chosen by looking at the distribution, which cannot be done under transforms")
    found = []
    many = engine.most_axes is not None and law.ndim > engine.most_axes
    if scheme in ("auto", "optimal") and not (many and scheme == "auto"):
        found.append(_within(law, *_by_optimal_points(law, engine, seed), count, target))
    if engine.grid is not None and engine.grid_error is not None and scheme != "optimal":
        at, error = partial(engine.grid, law), partial(engine.grid_error, law)
        found.append(_within(law, at, error, count, target, refuse=not found))
    kept = [q for q in found if q is not None]
    return min(kept, key=lambda q: (float(concrete(q.w2)), len(q)) if target is None else (len(q), 0.0))


def _by_optimal_points(
    law: Any, engine: ByPoints, seed: int
) -> tuple[Callable[[int], Quantization], Callable[[int], float]]:
    """Of a number of points: the quantization, and about its error."""
    arrays, unit = leaves(law), engine.unit(law)

    def at(points: int) -> Quantization:
        return discretize(law, _like(PointScheme(engine.positions(unit, points, seed)), arrays))

    return at, lambda points: engine.error(unit, points)


def _within(
    law: Any,
    at: Callable[[int], Quantization],
    error: Callable[[int], float],
    count: int | None,
    target: float | None,
    refuse: bool = True,
) -> Quantization | None:
    """With `count` points, or the fewest for an error; None, or an error, where that needs too many."""
    if count is not None:
        return at(count)
    assert target is not None
    points = None
    if engines(law).lower(law, _MOST_BY_POINTS) <= target:
        points = expected_number(error, target, _MOST_BY_POINTS, law.ndim)
    if points is None and refuse:
        raise ValueError(f"w2 = {target:g} needs more than {_MOST_BY_POINTS} points; ask for a larger error")
    result = None if points is None else settled(at, points, target, _MOST_BY_POINTS, law.ndim)
    return found_within(result, target) if refuse else result


def _like(scheme: PointScheme, arrays: list[Array]) -> PointScheme:
    """In the kind of a law's arrays, if it has any."""
    return to_kind_of(scheme, arrays[0]) if arrays else scheme


def _stack(mixture: GaussianMixture, found: list[Quantization]) -> Quantization:
    """One batch of quantizations, the shorter ones padded with points of mass zero."""
    n = max(len(q) for q in found)
    xp = namespace(mixture.means)

    def padded(q: Quantization) -> tuple[Array, Array]:
        missing = n - len(q)
        if not missing:
            return q.positions, q.weights
        last = q.positions[-1:]
        positions = xp.concat([q.positions, xp.concat([last] * missing, axis=0)], axis=0)
        return positions, xp.concat(
            [q.weights, to_framework(np.zeros(missing), framework(mixture.means), q.weights)], axis=0
        )

    pairs = [padded(q) for q in found]
    positions, weights = (
        xp.stack(list(column)).reshape(*mixture.batch_shape, *column[0].shape) for column in zip(*pairs, strict=True)
    )
    w2 = xp.stack([q.w2 for q in found]).reshape(mixture.batch_shape)
    schemes: tuple[Scheme, ...] = tuple(q.scheme for q in found)  # type: ignore[misc]
    return Quantization(mixture, schemes, positions, weights, w2, all(q.exact for q in found))
