"""Which component of a mixture goes to which scheme, and what that costs in all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from diracs._arrays import Array, add_rows, eps, namespace, stop_gradient, take
from diracs.certificates.rounding import ROUNDINGS, mass_error, root_mean_square, with_moved_masses
from diracs.certificates.upper import couple, low_precision_slack
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme


def transport(means: Array, covs: Array, weights: Array, scheme: LayeredScheme) -> tuple[Array, Array, Array, bool]:
    """Positions (n, d), masses (n,), bound on W₂ and exactness, for arrays of one framework at a harmless scale."""
    xp = namespace(means, covs, weights)
    positions = scheme.positions(means.shape[-1])
    square = rounding = 0.0 * xp.sum(means)
    masses: list[Array] = []
    placed: list[Array] = []
    parted: list[Array] = []
    exact = scheme.stack == 1
    for part, members, index, share in parts(scheme, means, covs, weights):
        if not members.size:
            for found in (masses, placed, parted):
                found.append(xp.zeros(part.size, dtype=means.dtype))
            continue
        coupling = couple(part, index, take(means, members, axis=0), take(covs, members, axis=0))
        square = square + xp.sum(share * coupling.cost)
        rounding = rounding + xp.sum(share * coupling.rounding**2)
        rows = np.zeros(len(members), dtype=int) if index is None else index
        arriving = coupling.masses
        masses.append(add_rows(arriving, share, rows, part.stack).reshape(-1))
        # Offsets by themselves are not rounded, nor is what goes to one Dirac as a whole.
        placed.append(masses[-1] if part.codebooks else 0.0 * masses[-1])
        whole = xp.max(arriving, axis=1) == xp.sum(arriving, axis=1)
        divided = xp.where(whole, xp.zeros_like(share), share)
        parted.append(add_rows(arriving, divided, rows, part.stack).reshape(-1))
        exact = exact and coupling.nearest
    # A bound must cover the rounding of the positions and masses that it speaks of.
    weight = xp.concat(masses, axis=0)
    slack = low_precision_slack(means)
    moved = eps(means) * root_mean_square(stop_gradient(positions), stop_gradient(xp.concat(placed, axis=0)))
    error = stop_gradient(mass_error(positions, xp.concat(parted, axis=0)))
    square = with_moved_masses(square, error, ROUNDINGS * eps(means))
    positive = square > 0
    root = xp.where(positive, xp.sqrt(xp.where(positive, square, xp.ones_like(square))), 0.0 * square)
    w2 = root * (1.0 + slack) + stop_gradient(xp.sqrt(rounding)) + moved
    return positions, weight, w2, exact or positions.shape[0] == 1


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
