"""Which component of a mixture goes to which scheme, and what that costs in all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from diracs._arrays import Array, namespace, take
from diracs.certificates.upper import couple
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme


def parts(
    scheme: LayeredScheme, means: Array, covs: Array, weights: Array
) -> Iterator[tuple[ProductScheme, np.ndarray, np.ndarray | None, Array]]:
    """Each scheme with its components, which scheme of a stack each takes, and the weight that goes there."""
    components = np.arange(means.shape[0])
    groups = np.zeros_like(components) if scheme.stack == 1 else scheme.groups
    if groups is not None:
        numbers, first = np.asarray(groups), 0
        for part in scheme.schemes:
            members = np.flatnonzero((numbers >= first) & (numbers < first + part.stack))
            index = numbers[members] - first if part.stack > 1 else None
            first += part.stack
            if members.size:
                yield part, members, index, take(weights, members, axis=0)
            else:  # Nobody goes there, but its points have their masses, zero.
                yield part, components[:1], _stacked_at(part, 0, 1), 0.0 * weights[:1]
        return
    xp = namespace(means, covs, weights)
    numbered = [(part, _stacked_at(part, g, len(components))) for part in scheme.schemes for g in range(part.stack)]
    costs = xp.stack([couple(part, index, means, covs, joint=False).cost for part, index in numbered], axis=1)
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
        cost = couple(part, index, means[members], covs[members], joint=False).cost
        total += float((share * cost).sum())
    return total
