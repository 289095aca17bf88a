"""What rounding of the returned positions and masses may add to a certificate.

Masses that differ from those of a coupling are reached by sending a share of each cell elsewhere. If the share is the
same all over cell i, with first moment bᵢ about its Dirac, a move by the vector g costs |g|² + 2 g·bᵢ more. So with
M = Σ cᵢ|gᵢ|², the masses cᵢ moved being at most the fraction f of each cell, W₂² grows by M + 2 √(M f) W₂ at most.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from diracs.backend import doubled
from diracs.backend.arrays import Array, namespace

# Shares of cells are right to so many roundings of themselves (root mean square), sums of moments to as many.
ROUNDINGS = 4.0


def root_mean_square(vectors: Array, masses: Array) -> Array:
    """√Σ mᵢ|vᵢ|², without overflow: the W₂ by which moving each Dirac by vᵢ changes anything at most."""
    xp = namespace(vectors, masses)
    vectors = xp.where(masses[:, None] > 0, vectors, xp.zeros_like(vectors))
    top = xp.max(abs(vectors))
    top = xp.where(top > 0, top, xp.ones_like(top))
    return top * xp.sqrt(xp.sum(masses[:, None] * (vectors / top) ** 2))


def with_moved_masses(square: Array, moved: Array, fraction: float) -> Array:
    """The mean square error after moving masses with M = `moved`, at most this fraction of any cell."""
    xp = namespace(square)
    known = (square > 0) & (moved > 0)
    # Root by root: the product may be no double.
    first, second = (xp.where(known, x, xp.ones_like(square)) for x in (square, moved))
    return square + moved + 2.0 * fraction**0.5 * xp.where(known, xp.sqrt(first) * xp.sqrt(second), 0.0 * square)


def diffused(masses: np.ndarray, dtype: type, low: np.ndarray | None = None) -> np.ndarray:
    """Masses in a narrower dtype, each rounded together with the error left by those before it.

    The running sums are then right to the rounding of single masses, and hardly any mass ends up far away. Masses too
    small to take the error without changing much pass it on. `low` is what the masses have beyond double precision.
    """
    out: np.ndarray = np.empty(masses.shape, dtype=dtype)
    carry, most = 0.0, 2e-7 if dtype == np.float32 else 1e-14
    rest = [0.0] * len(masses) if low is None else low.tolist()
    for i, (mass, more) in enumerate(zip(masses.tolist(), rest)):
        carry += more
        wanted = mass + carry if abs(carry) < most * mass else mass
        out[i] = wanted
        carry += mass - float(out[i])
    return out


def mass_change(
    positions: np.ndarray, masses: np.ndarray, rounded: np.ndarray, seconds: np.ndarray | None = None
) -> tuple[float, float]:
    """M and f between two sets of masses on the same points: the coupling that keeps their order.

    Both are normalized first; masses that hardly differ are hardly moved. If the second moments of the cells are known,
    f is the mean of their fractions weighted by these: 2 Σ cᵢ gᵢ·bᵢ/mᵢ ≤ 2 √M √Σ (cᵢ/mᵢ) sᵢ, as |bᵢ|² ≤ mᵢ sᵢ.
    """
    first, second = _running_sums(masses), _running_sums(rounded.astype(np.float64))
    cuts = np.concatenate([first, _rescaled(second, first[-1])])
    order = np.lexsort((cuts[:, 1], cuts[:, 0]))
    cuts = cuts[order]
    pieces = np.maximum(np.diff(cuts, axis=0, prepend=np.zeros((1, 2))).sum(axis=1), 0.0) / masses.sum()
    # The piece that a cut ends belongs to as many cells as there are cuts before it.
    ends = order < len(masses)
    i, j = (np.minimum(np.cumsum(x) - x, len(masses) - 1) for x in (ends, ~ends))
    out = np.bincount(i, pieces * (i != j), minlength=len(masses))
    fractions = np.minimum(out / np.maximum(masses / masses.sum(), 1e-300), 1.0)
    moved = float((pieces * ((positions[i] - positions[j]) ** 2).sum(axis=1)).sum())
    if seconds is None or not seconds.any():
        return moved, float(fractions.max())
    return moved, float(fractions @ (seconds / seconds.sum()))


def _running_sums(masses: np.ndarray) -> np.ndarray:
    return np.stack(doubled.running_sums(masses), axis=-1)


def _rescaled(sums: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Running sums (n, 2) scaled to another total (2,), both in two doubles."""
    ratio = _fraction(total) / _fraction(sums[-1])
    high = float(ratio)
    factor = np.float64(high), np.float64(float(ratio - Fraction(high)))
    out = np.stack(doubled.multiply((sums[:, 0], sums[:, 1]), factor), axis=-1)
    out[-1] = total
    return out


def _fraction(pair: np.ndarray) -> Fraction:
    return Fraction(float(pair[0])) + Fraction(float(pair[1]))
