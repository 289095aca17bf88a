"""The joint law of the states of an affine chain, and what violations of several constraints have in common.

For x⁺ = A x + b + v with Gaussian noise the states at all times are jointly normal under each component of the start,
with Cov(x_s, x_t) = P_s (Aᵀ)^{t−s}. For events of which any may happen, and terms g in [0, 1] of each,

    max g ≤ Σ g − Σ over the edges of a tree of min(g, g')     (Hunter 1976, Worsley 1982)

and E min(g, g') = ∫ 2u P(D ≤ u d, D' ≤ u d') du is bounded from below by few u, as the probability falls with smaller
ones.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import scipy

from diracs.propagation.worst_mass import BEYOND, SLACK, beyond

_EPS = 2.0**-52
_STEPS = np.array([0.0, 0.3, 0.55, 0.8, 1.0])
# Pairs of faces times components that are worth it.
_MOST_PAIRS = 4_000_000
# Events so many deviations away have nothing in common that counts.
_FAR = 7.5


class Chain(NamedTuple):
    """x⁺ = A x + b + v with v ~ N(mean, cov), from a mixture."""

    A: np.ndarray  # (d, d)
    b: np.ndarray  # (d,): with the mean of the noise
    noise: np.ndarray  # (d, d)
    means: np.ndarray  # (K, d)
    covs: np.ndarray  # (K, d, d)
    weights: np.ndarray  # (K,)


class Faces(NamedTuple):
    """Half-spaces n·x ≥ b at a time that are to be avoided, and how far away mass counts as in danger."""

    time: int
    normals: np.ndarray  # (m, d)
    offsets: np.ndarray  # (m,)
    near: float


def any_beyond(chain: Chain, faces: list[Faces]) -> float:
    """A bound on E max g, g = (1 − D²/near²)₊ of each half-space; 1 where there are too many faces. Faces are by
    time."""
    count = sum(len(f.offsets) for f in faces)
    if count == 0:
        return 0.0
    if count**2 * len(chain.weights) > _MOST_PAIRS:
        return 1.0
    offsets = np.concatenate([f.offsets for f in faces])
    near = np.concatenate([np.full(len(f.offsets), f.near) for f in faces])
    missed = 0.0
    for weight, mean, cov, off, loose in zip(chain.weights / chain.weights.sum(), *_projections(chain, faces)):
        s = np.sqrt(np.maximum(np.diag(cov), 0.0))
        # What is off makes distances smaller in the sum, and in what is common larger, with less correlation.
        root = np.diag(off) / np.sqrt(np.maximum(np.diag(cov), np.diag(off)) + (np.diag(off) == 0))
        gaps, loose = offsets - mean, loose + BEYOND * root + 4e-16 * np.abs(offsets)
        single = np.array([beyond(g, a, d) for g, a, d in zip((gaps - loose)[:, None], s[:, None], near)])
        missed += float(weight) * (float(np.minimum(single, 1.0).sum()) - _tree(gaps + loose, s, cov, off, near))
    return missed + count * SLACK


def _tree(gaps: np.ndarray, s: np.ndarray, cov: np.ndarray, off: np.ndarray, near: np.ndarray) -> float:
    """What the edges of the heaviest tree have in common, of one component."""
    i = np.flatnonzero((s > 0) & (gaps - near < s * _FAR))
    if len(i) < 2:
        return 0.0
    s, gaps, near = s[i], gaps[i], near[i]
    size = s[:, None] * s
    r = np.clip((cov - 4.0 * off)[np.ix_(i, i)] / size - 8 * _EPS, -1.0, 1.0)
    a, b = np.triu_indices(len(i), 1)
    held = np.zeros(len(a))
    for low, high in itertools.pairwise(_STEPS.tolist()):
        t = (gaps - low * near) / s
        held += (high**2 - low**2) * np.maximum(both_beyond(t[a], t[b], r[a, b]) - SLACK, 0.0)
    weights = np.zeros((len(i), len(i)))
    weights[a, b] = -held
    return -float(scipy.sparse.csgraph.minimum_spanning_tree(weights).sum())


def both_beyond(h: np.ndarray, k: np.ndarray, r: np.ndarray) -> np.ndarray:
    """P(X ≥ h, Y ≥ k) for standard normals of correlation r (Owen 1956), right to a rounding of 1."""
    # Zero has no side; at 1e-200 the function is the same.
    h, k = (np.where(np.abs(x) < 1e-200, 1e-200, np.clip(x, -40.0, 40.0)) for x in (-h, -k))
    root = np.sqrt(np.maximum((1.0 - r) * (1.0 + r), 1e-300))
    part = scipy.special.owens_t(h, (k - r * h) / (h * root)) + scipy.special.owens_t(k, (h - r * k) / (k * root))
    found: np.ndarray = (
        0.5 * (scipy.special.ndtr(h) + scipy.special.ndtr(k)) - part - np.where((h > 0) == (k > 0), 0.0, 0.5)
    )
    return np.maximum(found, 0.0)


def _projections(chain: Chain, faces: list[Faces]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means (K, F) and covariances (K, F, F) on all normals, and bounds on what is wrong with covariances and means."""
    d, last = len(chain.b), faces[-1].time
    sizes = Chain(*(np.abs(x) for x in chain))
    means, covs = zip(*(_moments(c, last) for c in (chain, sizes)))
    starts = np.cumsum([0] + [len(f.offsets) for f in faces])
    K, F = len(chain.weights), int(starts[-1])
    m, e, C, E = np.zeros((K, F)), np.zeros((K, F)), np.zeros((K, F, F)), np.zeros((K, F, F))
    for u, f in enumerate(faces):
        at = slice(starts[u], starts[u + 1])
        # Sums of products are right to as many roundings of the sums of sizes as products and terms follow each other.
        roundings = (d + 4) * (f.time + 2) * _EPS
        m[:, at] = means[0][f.time] @ f.normals.T
        e[:, at] = roundings * (means[1][f.time] @ np.abs(f.normals).T)
        for moments, A, out, factor, sign in ((covs[0], chain.A, C, 1.0, 1), (covs[1], sizes.A, E, 2 * roundings, -1)):
            side = f.normals if sign > 0 else np.abs(f.normals)
            # Rows of n Aᵏ against the covariance of the earlier time.
            power, time = side, f.time
            for v in range(u, -1, -1):
                earlier = faces[v]
                while time > earlier.time:
                    power, time = power @ A, time - 1
                other = earlier.normals if sign > 0 else np.abs(earlier.normals)
                block = factor * (power @ moments[time] @ other.T)
                before = slice(starts[v], starts[v + 1])
                out[:, at, before] = block
                out[:, before, at] = np.swapaxes(block, 1, 2)
    return m, C, E, e


def _moments(chain: Chain, last: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Means (K, d) and covariances (K, d, d) at the times 0 … last."""
    means, covs = [chain.means], [chain.covs]
    for _ in range(last):
        means.append(means[-1] @ chain.A.T + chain.b)
        covs.append(chain.A @ covs[-1] @ chain.A.T + chain.noise)
    return means, covs
