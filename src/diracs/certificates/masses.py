"""What the rounding of masses may cost.

The masses of the cells are rounded twice (docs/certificates.md, "Masses"):

- Each component's shares of the cells are right to a few roundings of themselves. They are those of a law whose density
  is off by as much, which by Talagrand's inequality is near: `law_error`.
- The masses returned are rounded sums of weights times shares. What they lack, or have too much, crosses the gaps of a
  path through the Diracs: what crosses a gap g costs g². NumPy knows these sums to twice the digits, and rounds the
  masses together with what those before have lost (`settled`). Elsewhere roundings are bounded (`mass_error`).

The path goes from cells of much mass to those of little, so that no cell is asked for more than it has.
"""

from __future__ import annotations

import math

import numpy as np

from diracs import _core
from diracs.backend import doubled
from diracs.backend.arrays import Array, add_rows, eps, namespace
from diracs.certificates.rounding import ROUNDINGS, diffused

_EPS = float(np.finfo(np.float64).eps)
# Masses on one stretch of the path differ by less than 2 to this power.
_STRETCH = 20.0


def law_error(variances: Array, shares: Array, arriving: Array, axes: int) -> Array:
    """Square of the W₂ within which there is a law whose shares of the cells are the computed ones, normalized.

    Parameters
    ----------
    variances : array (K,)
        Traces of the components' covariances.
    shares : array (K,)
        Weights of the components.
    arriving : array (K, n)
        Their computed shares of the cells.
    axes : int
        Number of factors of each share.
    """
    xp = namespace(variances, shares, arriving)
    divided = xp.where(is_whole(arriving), 0.0 * shares, shares)
    return ((ROUNDINGS + axes) * eps(shares)) ** 2 * xp.sum(divided * variances)


def is_whole(arriving: Array) -> Array:
    """(K,): all that counts of a component goes to one Dirac."""
    xp = namespace(arriving)
    return xp.max(arriving, axis=1) == xp.sum(arriving, axis=1)


def roundings(arriving: Array, shares: Array, rows: np.ndarray, count: int) -> Array:
    """So many roundings the masses (count, n) may be off by, relative to themselves; 0 where there are none."""
    xp = namespace(arriving, shares)
    held = xp.astype((shares > 0)[:, None] & (arriving > 0), arriving.dtype)
    ones = xp.ones_like(shares)
    terms = add_rows(held, ones, rows, count)
    divided = add_rows(held, xp.where(is_whole(arriving), 0.0 * ones, ones), rows, count)
    return xp.where((terms <= 1) & (divided == 0), 0.0 * terms, ROUNDINGS + 0.5 * terms)


def doubled_masses(arriving: np.ndarray, shares: doubled.Pair, rows: np.ndarray, count: int) -> doubled.Pair:
    """Masses (count, n) to twice the digits: shares (K,) of components times their `arriving` (K, n), normalized."""
    values, high, low = (np.ascontiguousarray(x, dtype=np.float64) for x in (arriving, *shares))
    return _core.doubled_masses(values, high, low, np.ascontiguousarray(rows, dtype=np.int32), count)


def settled(positions: np.ndarray, masses: doubled.Pair, doubt: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Masses (n,) in doubles, each rounded together with the error left by those before it, and M and f.

    Parameters
    ----------
    positions : array (n, d)
    masses : pair of arrays (n,)
    doubt : array (n,)
        What the masses themselves may be off by.
    """
    order = _path(positions, masses[0])
    high, low = masses[0][order], masses[1][order]
    out = np.empty_like(high)
    out[order] = rounded = diffused(high, np.float64, low)
    return out, *_moved(positions[order], rounded, (high, low), doubt[order])


def mass_moves(
    positions: np.ndarray, given: np.ndarray, masses: doubled.Pair, doubt: np.ndarray
) -> tuple[float, float]:
    """M and f (see `rounding`) from masses known to twice the digits to the given ones (n,), both normalized."""
    order = _path(positions, masses[0])
    return _moved(positions[order], given[order], (masses[0][order], masses[1][order]), doubt[order])


def mass_error(positions: Array, masses: Array, relative: Array) -> tuple[Array, Array]:
    """M and f for masses (n,) that are off by so many roundings of themselves, `relative` (n,), normalized or not."""
    xp = namespace(positions, masses)
    order = _path(positions, masses)
    positions, masses, relative = (xp.take(x, order, axis=0) for x in (positions, masses, relative))
    off = eps(masses) * relative * masses
    (before, after), (wrong, rest) = (_sums(x) for x in (masses, off))
    total = xp.sum(masses)
    return _along(positions, masses, (wrong * after + rest * before) / xp.where(total > 0, total, xp.ones_like(total)))


def mass_error_within(
    positions: np.ndarray, masses: np.ndarray, relative: np.ndarray, group: np.ndarray
) -> tuple[float, float]:
    """The same for masses (n,) in groups (n,), numbered in order, whose sums are right."""
    share = np.log2(np.maximum(masses, 1e-300))
    top = np.maximum.reduceat(share, np.flatnonzero(np.diff(group, prepend=-1)))
    first = np.unique(group, return_inverse=True)[1]
    order = np.lexsort((np.floor((top[first] - share) / _STRETCH), group))
    positions, masses, group = positions[order], masses[order], first[order]
    before = np.cumsum(masses)
    ends = np.flatnonzero(np.diff(group, append=group[-1] + 1))
    after = before[ends][group] - before
    before = before - np.concatenate([[0.0], before[ends][:-1]])[group]
    # Off by ε, each of b and a is off by ε·a·b/(a + b) at most once their sum is right, and twice that if it was not.
    flows = 2.0 * _EPS * relative[order] * np.maximum(np.minimum(before, after), 0.0)
    flows[ends] = 0.0
    moved, fraction = _along(positions, masses, flows[:-1])
    return float(moved), float(fraction)


def _moved(positions: np.ndarray, given: np.ndarray, masses: doubled.Pair, doubt: np.ndarray) -> tuple[float, float]:
    high, low = masses
    off = (given - high) - low
    share = math.fsum(off.tolist()) / math.fsum(high.tolist())
    off = off - share * high
    doubt = doubt + _EPS * (len(off) * np.abs(off) + abs(share) * high)
    (before, after), (least, most) = _sums(off), _sums(doubt)
    flows = np.minimum(np.abs(before) + least, np.abs(after) + most)
    moved, fraction = _along(positions, high, flows)
    return float(moved), float(fraction)


def _path(positions: Array, masses: Array) -> Array:
    """An order of the Diracs: on the line from left to right, but those of hardly any mass after the others."""
    xp = namespace(positions, masses)
    top = xp.max(masses)
    share = masses / xp.where(top > 0, top, xp.ones_like(top))
    size = xp.where(share > 0, share, xp.full_like(share, 1e-300 if eps(masses) < 1e-12 else 1e-37))
    stretch = xp.floor(xp.log2(size) * (-1.0 / _STRETCH))
    if positions.shape[1] > 1:
        return xp.argsort(stretch, stable=True)
    order = xp.argsort(positions[:, 0], stable=True)
    return xp.take(order, xp.argsort(xp.take(stretch, order, axis=0), stable=True), axis=0)


def _sums(values: Array) -> tuple[Array, Array]:
    """The sums (n − 1,) of what lies before each gap, and of what lies after it, from the end."""
    xp = namespace(values)
    return xp.cumulative_sum(values)[:-1], xp.flip(xp.cumulative_sum(xp.flip(values, axis=0)), axis=0)[1:]


def _along(positions: Array, masses: Array, flows: Array) -> tuple[Array, Array]:
    """M and f for what crosses the gaps (n − 1,) of a path."""
    xp = namespace(positions, masses)
    moved = xp.sum(flows * xp.sum((positions[1:] - positions[:-1]) ** 2, axis=-1))
    none = xp.zeros_like(masses[:1])
    through = xp.concat([none, flows], axis=0) + xp.concat([flows, none], axis=0)
    fraction = xp.max(
        xp.where(through > 0, through / xp.where(masses > 0, masses, xp.full_like(masses, 1e-37)), 0.0 * masses)
    )
    # Where a cell holds less than crosses it, some of that goes over many gaps: (Σ g)² ≤ n Σ g².
    return xp.where(fraction > 1.0, len(masses) * moved, moved), xp.where(
        fraction > 1.0, xp.ones_like(fraction), fraction
    )
