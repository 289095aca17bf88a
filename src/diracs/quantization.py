"""The front door: `quantize`."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs import _checks
from diracs._arrays import Array, concrete, framework, namespace, to_framework
from diracs.certificates.lower import lower_bound
from diracs.discretization import Quantization, discretize
from diracs.distributions.convert import as_mixture
from diracs.distributions.gaussian import GaussianMixture
from diracs.schemes.generate import KINDS, normalized, to_kind_of
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.scaling import rescale
from diracs.search import Groupings, best_scheme

SCHEMES = ("auto", *KINDS, "optimal")
# No search for a target error goes beyond this many points.
_MOST_POINTS = 2_000_000


def quantize(distribution: Any, n: int | None = None, *, w2: float | None = None, scheme: str = "auto") -> Quantization:
    """Replace a distribution by at most n weighted Diracs, or by the fewest whose certified error is at most `w2`.

    Parameters
    ----------
    distribution : Gaussian, GaussianMixture, SumOfDiracs, or what `diracs.distributions.convert` takes
        With leading axes a batch; its quantizations are padded with points of mass zero to a common length.
    n : int, optional
        Number of points; exactly one of `n` and `w2` is to be given.
    w2 : float, optional
        Error to stay below, in the units of the means. The number of points is within 5 % of the fewest that the same
        schemes reach it with.
    scheme : {"auto", "grid", "cross", "product", "optimal"}
        "grid": scalar codebooks on the principal axes of each group of components; "cross": one cross of sigma points
        for each group; "product": products of both; each with the best grouping of the components. "auto": the best of
        all. "optimal": the optimal quantizer, on the line.

    Returns
    -------
    Quantization
        In the framework, dtype and device of the distribution; `w2` is differentiable in its parameters.

    Raises
    ------
    ValueError, TypeError
        If not exactly one of `n` and `w2` is given, or they are not positive; for an unknown scheme; if `w2` needs more
        than two million points; under `jax.jit`, where no scheme can be chosen (use `discretize` there).
    """
    mixture = as_mixture(distribution)
    if (n is None) == (w2 is None):
        raise ValueError("give either n, the number of points, or w2, the error to stay below")
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(map(repr, SCHEMES))}, got {scheme!r}")
    if scheme == "optimal" and mixture.ndim > 1:
        raise ValueError(f"scheme='optimal' is for laws on the line, the distribution has dimension {mixture.ndim}")
    count = None if n is None else _checks.count("n", n)
    target = None if w2 is None else _checks.positive("w2", w2)
    # Grids and crosses are products: "product" tries them as such, which with several groups can pay.
    kinds = {"auto": KINDS, "product": KINDS, "optimal": ("grid",)}.get(scheme, (scheme,))
    batch = mixture.batch_shape
    found = []
    for i in np.ndindex(*batch):
        single = GaussianMixture(mixture.means[i], mixture.covs[i], mixture.weights[i])
        found.append(_quantize_one(single, count, target, kinds))
    return _stack(mixture, found) if batch else found[0]


def _quantize_one(mixture: GaussianMixture, n: int | None, w2: float | None, kinds: tuple[str, ...]) -> Quantization:
    numbers, unit = normalized(mixture)
    groupings = Groupings(numbers)

    def at(points: int) -> Quantization:
        found = to_kind_of(rescale(best_scheme(groupings, points, kinds)[0], unit), mixture.means)
        return discretize(mixture, found)

    if n is not None:
        return at(n)
    assert w2 is not None
    points = _fewest(groupings, w2 / unit, kinds)
    while True:
        result = at(points)
        # Rounding of the positions may lift the certificate above what the search saw.
        if float(concrete(result.w2)) <= w2:
            return result
        points += 1 + points // 100
        if points > _MOST_POINTS:
            raise ValueError(f"w2 = {w2:g} is below what rounding of the positions allows; ask for a larger error")


def _fewest(groupings: Groupings, w2: float, kinds: tuple[str, ...]) -> int:
    """The fewest points of error at most `w2`: doubling, bisection, then a look at smaller numbers still."""
    bounds: dict[int, bool] = {}

    def reached(n: int) -> bool:
        if n not in bounds:
            bounds[n] = best_scheme(groupings, n, kinds)[1] * (1.0 + 1e-12) <= w2 * w2
        return bounds[n]

    if lower_bound(*groupings.mixture, _MOST_POINTS) > w2:
        raise ValueError(
            f"w2 = {w2:g} (in units of the distribution's size) needs more than {_MOST_POINTS} points,"
            " whatever their positions; ask for a larger error"
        )
    high = 1
    while not reached(high):
        high *= 2
        if high > _MOST_POINTS:
            raise ValueError(f"w2 needs more than {_MOST_POINTS} points; ask for a larger error")
    low = high // 2
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    # The error of the best product is not quite monotone in n: fewer points may do.
    below = np.unique(np.geomspace(0.75 * high, high, 14).astype(int))
    for candidate in below[below >= 1]:
        if reached(int(candidate)):
            return int(candidate)
    return high


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
    schemes: tuple[LayeredScheme, ...] = tuple(q.scheme for q in found)  # type: ignore[misc]
    return Quantization(mixture, schemes, positions, weights, w2, all(q.exact for q in found))
