"""Which component of a mixture goes to which scheme, and what that costs in all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from diracs.backend import doubled
from diracs.backend.arrays import (
    Array,
    add_rows,
    concrete,
    eps,
    is_traced,
    namespace,
    stop_gradient,
    take,
    within_reach,
)
from diracs.certificates.masses import doubled_masses, law_error, mass_error, mass_moves, roundings, settled
from diracs.certificates.rounding import root_mean_square, with_moved_masses
from diracs.certificates.upper.product import couple, low_precision_slack
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme


def transport(means: Array, covs: Array, weights: Array, scheme: LayeredScheme) -> tuple[Array, Array, Array, bool]:
    """Positions (n, d), masses (n,), bound on W₂ and exactness, for arrays of one framework at a harmless scale.

    Weights are what they are, and normalized here.
    """
    xp = namespace(means, covs, weights)
    places = scheme.positions(means.shape[-1])
    # Where the law is has no part in what it costs to move masses.
    positions = within_reach(places - means[:1])
    weights, lower = normalized_weights(weights)
    square = rounding = shifted = 0.0 * xp.sum(means)
    masses: list[Array] = []
    placed: list[Array] = []
    relative: list[Array] = []
    twice: list[doubled.Pair] = []
    exact = scheme.stack == 1
    known = not is_traced(square) and not any(is_traced(x) for x in (covs, weights))
    single = means.shape[0] == 1
    for part, members, index, share in parts(scheme, means, covs, weights):
        if not members.size:
            for found in (masses, placed, relative):
                found.append(xp.zeros(part.size, dtype=means.dtype))
            twice.append((np.zeros(part.size), np.zeros(part.size)))
            continue
        own = take(covs, members, axis=0)
        coupling = couple(part, index, take(means, members, axis=0), own)
        square = square + xp.sum(share * coupling.cost)
        rounding = rounding + xp.sum(share * coupling.rounding**2)
        rows = np.zeros(len(members), dtype=int) if index is None else index
        arriving = coupling.masses
        masses.append(add_rows(arriving, share, rows, part.stack).reshape(-1))
        # Offsets by themselves are not rounded.
        placed.append(masses[-1] if part.codebooks else 0.0 * masses[-1])
        shifted = shifted + law_error(traces(own, means.shape[-1]), share, arriving, len(part.codebooks))
        if not single:
            relative.append(roundings(arriving, share, rows, part.stack).reshape(-1))
        if known and not single:
            held = concrete(share)
            pair = doubled_masses(concrete(arriving), (held, np.where(held > 0, lower[members], 0.0)), rows, part.stack)
            twice.append((pair[0].ravel(), pair[1].ravel()))
        exact = exact and coupling.nearest
    # A bound must cover the rounding of the positions and masses that it speaks of.
    weight = xp.concat(masses, axis=0)
    slack = low_precision_slack(means)
    if not single:
        weight, error, fraction = _rounded(positions, weight, xp.concat(relative, axis=0), twice, len(means))
        square = with_moved_masses(square, error, fraction)
    positive = square > 0
    root = xp.where(positive, xp.sqrt(xp.where(positive, square, xp.ones_like(square))), 0.0 * square)
    moved = eps(means) * root_mean_square(stop_gradient(places), stop_gradient(xp.concat(placed, axis=0)))
    moved = moved + stop_gradient(xp.sqrt(rounding) + xp.sqrt(shifted))
    w2 = root * (1.0 + slack) + moved
    return positions, weight, w2, exact or positions.shape[0] == 1


def normalized_weights(weights: Array) -> tuple[Array, np.ndarray]:
    """Weights of sum 1, and what float64 lacks of them.

    Those that are right to their rounding are left alone: they are normalized in thought, as the masses are.
    """
    lower = np.zeros(weights.shape[0])
    if not isinstance(weights, np.ndarray):
        return weights, lower
    total = doubled.sums(weights)
    if abs(float(total[0]) - 1.0) < 1e-13:
        return weights, lower
    return doubled.divide((weights, lower), total)


def traces(covs: Array, d: int) -> Array:
    """Traces (K,) of covariances (K,), (K, d) or (K, d, d)."""
    if covs.ndim == 1:
        return d * covs
    xp = namespace(covs)
    return xp.sum(covs if covs.ndim == 2 else xp.linalg.diagonal(covs), axis=-1)


def _rounded(
    positions: Array, masses: Array, relative: Array, twice: list[doubled.Pair], components: int
) -> tuple[Array, Array | float, Array | float]:
    """The masses (n,) to return, and M and f of their rounding: as it is, or bounded where that is not known."""
    if not twice:
        error, fraction = mass_error(stop_gradient(positions), stop_gradient(masses), stop_gradient(relative))
        return masses, stop_gradient(error), stop_gradient(fraction)
    high, low = (np.concatenate(x) for x in zip(*twice))
    doubt = (8.0 + components) * 2.0**-104 * high * (concrete(relative) > 0)
    if isinstance(masses, np.ndarray):
        return settled(positions, (high, low), doubt)
    error, fraction = mass_moves(concrete(positions), concrete(masses), (high, low), doubt)
    return masses, 0.0 * stop_gradient(masses[0]) + error, fraction


def parts(
    scheme: LayeredScheme, means: Array, covs: Array, weights: Array
) -> Iterator[tuple[ProductScheme, np.ndarray, np.ndarray | None, Array]]:
    """Each scheme with its components (maybe none), which of a stack each takes, and the weight that goes there."""
    components = np.arange(means.shape[0])
    groups = np.zeros_like(components) if scheme.stack == 1 else scheme.groups
    if groups is not None:
        numbers, first = np.asarray(groups), 0
        for part in scheme.schemes:
            members = np.flatnonzero((numbers >= first) & (numbers < first + part.stack))
            index = numbers[members] - first if part.stack > 1 else None
            first += part.stack
            yield part, members, index, take(weights, members, axis=0)
        return
    xp = namespace(means, covs, weights)
    numbered = [(part, _stacked_at(part, g, len(components))) for part in scheme.schemes for g in range(part.stack)]
    costs = xp.stack([couple(part, index, means, covs, masses=False).cost for part, index in numbered], axis=1)
    best = xp.argmin(costs, axis=1)
    number = 0
    for part in scheme.schemes:
        # The shares of the schemes of a stack are dealt out to copies of the components.
        shares = [xp.where(best == number + g, weights, 0.0 * weights) for g in range(part.stack)]
        number += part.stack
        members = np.tile(components, part.stack)
        index = np.repeat(np.arange(part.stack), len(components)) if part.stack > 1 else None
        yield part, members, index, xp.concat(shares, axis=0)


def _stacked_at(part: ProductScheme, g: int, count: int) -> np.ndarray | None:
    return np.full(count, g) if part.stack > 1 else None


def mean_square_error(scheme: LayeredScheme, means: Array, covs: Array, weights: Array) -> float:
    """The square of the certificate, without masses: for comparing schemes (NumPy)."""
    total = 0.0
    for part, members, index, share in parts(scheme, means, covs, weights):
        if not members.size:
            continue
        cost = couple(part, index, means[members], covs[members], masses=False).cost
        total += float((share * cost).sum())
    return total
