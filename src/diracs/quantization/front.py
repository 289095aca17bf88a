"""The front door: `quantize`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

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
from diracs.certificates.lower.mixture import lower_bound
from diracs.certificates.upper.nearest import REQUIRED, UnitMixture
from diracs.laws.convert import as_mixture
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.quantization.by_points import ENGINES, engines
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.moment_matching import matched
from diracs.quantization.planar_search import MOST_POINTS, MOST_TERMS, affordable, optimal_positions, quick_error
from diracs.quantization.search import Groupings, QuickErrors, best_scheme
from diracs.schemes.fewest import expected_number, fewest
from diracs.schemes.generate import KINDS, normalized, to_kind_of
from diracs.schemes.layered import Scheme
from diracs.schemes.points import PointScheme
from diracs.schemes.scaling import rescale

SCHEMES = ("auto", *KINDS, "optimal")
# No search for a target error goes beyond this many points.
_MOST_POINTS = 2_000_000
_MOST_BY_POINTS = 100_000


def quantize(
    distribution: Any,
    n: int | None = None,
    *,
    w2: float | None = None,
    scheme: str = "auto",
    match_moments: bool = False,
) -> Quantization:
    """Replace a distribution by at most n weighted Diracs, or by the fewest whose certified error is at most `w2`.

    Parameters
    ----------
    distribution : Gaussian, GaussianMixture, SumOfDiracs, or what `diracs.laws.convert` takes; PolynomialGrid
        With leading axes a batch; its quantizations are padded with points of mass zero to a common length. A
        PolynomialGrid lies on the line or in the plane and takes "auto" and "optimal", which are the same there.
    n : int, optional
        Number of points; exactly one of `n` and `w2` is to be given.
    w2 : float, optional
        Error to stay below, in the units of the means. The number of points is within 5 % of the fewest that the same
        schemes reach it with.
    scheme : {"auto", "grid", "cross", "product", "optimal"}
        "grid": scalar codebooks on the principal axes of each group of components; "cross": one cross of sigma points
        for each group; "product": products of both; each with the best grouping of the components. "optimal": the
        optimal quantizer, on the line and in the plane. "auto": the best of all; in the plane "optimal" is tried up to
        10 000 points and 100 000 points times components, which takes seconds.
    match_moments : bool
        Whether the points are to have exactly the mean and covariance of the distribution (to rounding). Barycenters
        of cells, which have less of it, are moved by a linear map; that adds to the error to second order only. The
        points must span the space in which the distribution varies: in d dimensions 2 d are enough for "auto". For a
        Gaussian and n = 2 d they are the sigma points of the unscented transform (κ = 0). Results carry no derivatives.

    Returns
    -------
    Quantization
        In the framework, dtype and device of the distribution; `w2` and `weights` are differentiable in the parameters
        of mixtures. Optimal points in the plane come as a PointScheme, in the order of a Hilbert curve; those of a
        PolynomialGrid on the line from left to right.

    Raises
    ------
    ValueError, TypeError
        If not exactly one of `n` and `w2` is given, or they are not positive; for an unknown scheme; for "optimal" in
        higher dimensions or with near singular covariances in the plane; if `w2` needs more than two million points;
        under `jax.jit`, where no scheme can be chosen (use `discretize` there).
    """
    if match_moments:
        return _quantize_with_moments(distribution, n, w2, scheme)
    if ENGINES.know(distribution):
        return _quantize_by_points(distribution, n, w2, scheme)
    mixture = as_mixture(distribution)
    count, target = _wanted(n, w2, scheme)
    if scheme == "optimal" and mixture.ndim > 2:
        raise ValueError(
            f"scheme='optimal' is for laws on the line and in the plane, the distribution has dimension {mixture.ndim};"
            " use 'product'"
        )
    # Grids and crosses are products: "product" tries them as such, which with several groups can pay.
    kinds = {"auto": KINDS, "product": KINDS, "optimal": ("grid",)}.get(scheme, (scheme,))
    batch = mixture.batch_shape
    found = []
    for i in np.ndindex(*batch):
        # As it is: weights normalized once more might be rounded to others.
        single = map_arrays(mixture, lambda a: a[i])  # noqa: B023
        planar = mixture.ndim == 2 and scheme in ("auto", "optimal")
        one = _quantize_in_plane(single, count, target, scheme == "optimal") if planar else None
        found.append(one or _quantize_one(single, count, target, kinds))
    return _stack(mixture, found) if batch else found[0]


def _quantize_with_moments(distribution: Any, n: int | None, w2: float | None, scheme: str) -> Quantization:
    count, target = _wanted(n, w2, scheme)
    if ENGINES.know(distribution):
        return matched(distribution, count, target, scheme, quantize)
    mixture = map_arrays(as_mixture(distribution), stop_gradient)
    batch = mixture.batch_shape
    found = [
        matched(map_arrays(mixture, lambda a: a[i]), count, target, scheme, quantize)  # noqa: B023
        for i in np.ndindex(*batch)
    ]
    return _stack(mixture, found) if batch else found[0]


def _wanted(n: Any, w2: Any, scheme: Any) -> tuple[int | None, float | None]:
    """Number of points and error, checked."""
    if (n is None) == (w2 is None):
        raise ValueError("give either n, the number of points, or w2, the error to stay below")
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(map(repr, SCHEMES))}, got {scheme!r}")
    return None if n is None else checks.count("n", n), None if w2 is None else checks.positive("w2", w2)


def _quantize_one(mixture: GaussianMixture, n: int | None, w2: float | None, kinds: tuple[str, ...]) -> Quantization:
    """By product schemes."""
    numbers, unit = normalized(mixture)
    groupings = Groupings(numbers)

    if n is not None:
        return _by_product(mixture, groupings, unit, n, kinds)
    assert w2 is not None
    return _found(_fewest_by_product(mixture, groupings, unit, w2, kinds), w2)


def _by_product(
    mixture: GaussianMixture, groupings: Groupings, unit: float, n: int, kinds: tuple[str, ...]
) -> Quantization:
    found = to_kind_of(rescale(best_scheme(groupings, n, kinds)[0], unit), mixture.means)
    return discretize(mixture, found)


def _fewest_by_product(
    mixture: GaussianMixture, groupings: Groupings, unit: float, w2: float, kinds: tuple[str, ...]
) -> Quantization | None:
    if lower_bound(*groupings.mixture, _MOST_POINTS) * unit > w2:
        raise ValueError(
            f"w2 = {w2:g} needs more than {_MOST_POINTS} points, whatever their positions; ask for a larger error"
        )
    quick = QuickErrors(groupings, kinds)

    def at(n: int) -> tuple[float, int, int]:
        error, used = quick(n)
        return unit * error, used, used

    planned = fewest(lambda n: (unit * quick.planned(n), n, n), w2, _MOST_POINTS, mixture.ndim)
    points = fewest(at, w2, _MOST_POINTS, mixture.ndim, start=planned or 1)
    if points is None:
        raise ValueError(f"w2 = {w2:g} needs more than {_MOST_POINTS} points; ask for a larger error")
    # The error of the best product is not quite monotone in n: fewer points may do.
    below = np.unique(np.geomspace(0.75 * points, points, 8).astype(int))
    points = next((int(n) for n in below if n > 0 and unit * quick(int(n))[0] <= w2), points)
    return _settled(lambda n: _by_product(mixture, groupings, unit, n, kinds), points, w2, _MOST_POINTS, mixture.ndim)


def _settled(
    at: Callable[[int], Quantization], points: int, w2: float, most: int, dimension: int
) -> Quantization | None:
    """The result with the fewest points, about as many as expected; None if rounding stands before it.

    Rounding of positions and masses may lift the certificate above what was expected. Where twice the points do not
    help, it makes up half of the square of it: more would hardly do.
    """

    def measured(n: int) -> tuple[float, int, Quantization]:
        found = at(n)
        return float(concrete(found.w2)), len(found), found

    return fewest(measured, w2, min(most, 2 * points + 10), dimension, start=points)


def _found(result: Quantization | None, w2: float) -> Quantization:
    if result is None:
        raise ValueError(f"w2 = {w2:g} is below what rounding of positions and masses allows; ask for a larger error")
    return result


def _quantize_in_plane(mixture: GaussianMixture, n: int | None, w2: float | None, wanted: bool) -> Quantization | None:
    """By optimal points in the plane; None where schemes are to be preferred and these were not `wanted`."""
    numbers, unit = normalized(mixture)
    law = UnitMixture.of(*components_of(mixture))
    components = int(np.count_nonzero(numbers.weights))
    if law is None:
        if wanted:
            raise ValueError(f"scheme='optimal' needs in the plane {REQUIRED}; use scheme='product'")
        return None
    if not wanted and not affordable(n or 1, components):
        return None
    groupings = Groupings(numbers)

    def at(points: int) -> Quantization:
        # The best of the other schemes is a start as well, and kept where it is as good.
        product, square = best_scheme(groupings, points)
        also = concrete(product.positions(2)) * unit
        positions, _ = optimal_positions(law, points, also)
        by_points = discretize(mixture, to_kind_of(PointScheme(positions), mixture.means))
        reached = float(concrete(by_points.w2)) * (1.0 + 1e-9)
        if unit * math.sqrt(square) > reached:
            return by_points
        # Rounding of masses costs points more, which counts where components lie far apart.
        by_product = discretize(mixture, to_kind_of(rescale(product, unit), mixture.means))
        return by_product if float(concrete(by_product.w2)) <= reached else by_points

    if n is not None:
        return at(n)
    assert w2 is not None
    most = _MOST_POINTS if wanted else min(MOST_POINTS, MOST_TERMS // components)
    if lower_bound(*groupings.mixture, most) > w2 / unit:
        points = None
    else:
        points = expected_number(lambda m: quick_error(law, m), w2, most, 2)
    if points is None:
        if wanted:
            raise ValueError(f"w2 = {w2:g} needs more than {most} points; ask for a larger error")
        return None
    result = _settled(at, points, w2, most, 2)
    if wanted:
        return _found(result, w2)
    if result is None or len(result) > 1.1 * points + 1.0:
        # Where rounding costs that much, products, whose masses are right to more, may need fewer points.
        product = _fewest_by_product(mixture, groupings, unit, w2, KINDS)
        return product if result is None or (product is not None and len(product) < len(result)) else result
    return result


def _quantize_by_points(law: Any, n: int | None, w2: float | None, scheme: str) -> Quantization:
    """By optimal points on the line or in the plane."""
    count, target = _wanted(n, w2, scheme)
    if scheme not in ("auto", "optimal"):
        raise ValueError(f"scheme must be 'auto' or 'optimal' for a {type(law).__name__}, got {scheme!r}")
    engine, arrays = engines(law), leaves(law)
    if any(is_traced(x) for x in arrays):
        raise TypeError("points are chosen by looking at the distribution, which cannot be done under transforms")
    unit = engine.unit(law)

    def at(points: int) -> Quantization:
        return discretize(law, to_kind_of(PointScheme(engine.positions(unit, points)), arrays[0]))

    if count is not None:
        return at(count)
    assert target is not None
    points = None
    if engine.lower(law, _MOST_BY_POINTS) <= target:
        points = expected_number(lambda m: engine.error(unit, m), target, _MOST_BY_POINTS, law.ndim)
    if points is None:
        raise ValueError(f"w2 = {target:g} needs more than {_MOST_BY_POINTS} points; ask for a larger error")
    return _found(_settled(at, points, target, _MOST_BY_POINTS, law.ndim), target)


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
