"""Fewer components for a mixture, with a certified 2-Wasserstein bound."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from diracs import _checks
from diracs._arrays import Array, bound_in, concrete, framework, is_traced, to_framework
from diracs.distributions.convert import as_mixture
from diracs.distributions.gaussian import GaussianMixture, full_covariances
from diracs.schemes.grouping import merge_nearby

# Ward's tree starts from at most so many clusters.
_MOST = 2000
# Centres that a component of full covariance may move to: those nearest in the embedding.
_NEAREST = 4
_ROUNDS = 30
# Steps of the fixed point for the barycenter of covariances.
_STEPS = 20


def reduce_mixture(mixture: Any, k: int) -> tuple[GaussianMixture, Array]:
    """Merge the components of a mixture until there are at most k, and bound the W₂ distance that this makes.

    Parameters
    ----------
    mixture : Gaussian, GaussianMixture, or what `diracs.distributions.convert` takes
        No batch.
    k : int
        Most components wanted; identical ones are always merged, which is exact.

    Returns
    -------
    mixture : GaussianMixture
        In the framework and dtype of the input, with the same kind of covariances.
    w2_bound : number
        A bound on the 2-Wasserstein distance between the two mixtures; 0 where nothing but identical components was
        merged, unless their weights had to be rounded to less than float64.

    Raises
    ------
    ValueError, TypeError
        For a batch, or k that is not a whole number of at least 1; under `jax.jit`.

    Notes
    -----
    Sending each component to the one that it is merged into by the optimal map of two Gaussians is a coupling, whence
    W₂² ≤ Σ w_j BW²(N_j, merged), BW² = |μ−μ'|² + tr Σ + tr Σ' − 2 tr (Σ^{1/2} Σ' Σ^{1/2})^{1/2} (Gelbrich 1990). For
    given groups the sum is least for the weighted means and the Bures–Wasserstein barycenters of the covariances (Agueh
    & Carlier 2011), the fixed point of S = Σ w_j (S^{1/2} Σ_j S^{1/2})^{1/2}; matching the total covariance instead
    would never lower it. Groups come from Ward's tree and from farthest points, and are refined as in Lloyd's method.
    """
    law = as_mixture(mixture)
    count = _checks.count("k", k)
    if law.batch_shape:
        raise ValueError(f"mixture must be one mixture, got a batch of shape {law.batch_shape}: reduce each by itself")
    if any(is_traced(x) for x in (law.means, law.covs, law.weights)):
        raise TypeError("components are merged by looking at them, which cannot be done under transforms such as jit")
    means, covs, weights = (concrete(x) for x in (law.means, law.covs, law.weights))
    means, covs, weights = _distinct(means, covs, weights)
    merged = Merged(means, covs, weights, 0.0)
    if len(weights) > count:
        merged = _merge(means, covs, weights, clusters(embedding(means, covs), weights, count))
        for _ in range(_ROUNDS if law.covariance_kind == "full" else 0):
            # Embedded distances are only bounds where covariances do not commute: look again with the true ones.
            better = _merge(means, covs, weights, _nearest(means, covs, merged))
            if not better.square < merged.square * (1.0 - 1e-6):
                break
            merged = better
    reduced = _as_given(law, merged.means, merged.covs, merged.weights)
    return reduced, _bound(law, np.sqrt(merged.square) + _rounding(reduced, merged))


class Merged(NamedTuple):
    """G merged components, and the sum of w_j BW² that it costs."""

    means: np.ndarray  # (G, d)
    covs: np.ndarray  # (G,), (G, d) or (G, d, d)
    weights: np.ndarray  # (G,)
    square: float


def clusters(points: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Labels 0 … k' − 1 (n,), k' ≤ k, of weighted points (n, p): Lloyd's method from two starts, the better one."""
    n = len(points)
    if n <= k:
        return np.arange(n)
    if k == 1:
        return np.zeros(n, dtype=int)
    near = np.arange(n) if n <= _MOST else merge_nearby(points, _MOST)
    centres = points if n <= _MOST else centroids(points, weights, near)
    starts = [fcluster(linkage(pdist(centres), "ward"), k, "maxclust")[near] - 1, _farthest(points, weights, k)]
    found = [_lloyd(points, weights, labels) for labels in starts]
    return min(found, key=lambda pair: pair[1])[0]


def _farthest(points: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Labels by the nearest of k points, each of which was the one with the largest w·distance² to those before."""
    labels = np.zeros(len(points), dtype=int)
    distance = ((points - points[np.argmax(weights)]) ** 2).sum(axis=1)
    for i in range(1, k):
        new = ((points - points[np.argmax(weights * distance)]) ** 2).sum(axis=1)
        labels = np.where(new < distance, i, labels)
        distance = np.minimum(new, distance)
    return np.unique(labels, return_inverse=True)[1]


def _lloyd(points: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    labels = np.unique(labels, return_inverse=True)[1]
    for _ in range(_ROUNDS):
        new = cKDTree(centroids(points, weights, labels)).query(points)[1]
        new = np.unique(new, return_inverse=True)[1]
        if (new == labels).all():
            break
        labels = new
    off = points - centroids(points, weights, labels)[labels]
    return labels, float(weights @ (off**2).sum(axis=1))


def centroids(points: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weighted means (G, p) of groups of points."""
    total = np.bincount(labels, weights)
    share = weights / total[labels]
    return np.stack([np.bincount(labels, share * column) for column in points.T], axis=1)


def _distinct(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The components with identical ones merged and those of no weight left out, in their order."""
    keep = weights > 0
    means, covs, weights = means[keep], covs[keep], weights[keep]
    rows = np.concatenate([means, covs.reshape(len(means), -1)], axis=1)
    _, first, owner = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    total = np.bincount(owner.ravel(), weights)
    return means[first[order]], covs[first[order]], total[order]


def psd_roots(covs: np.ndarray) -> np.ndarray:
    """Symmetric square roots of positive semidefinite matrices (..., d, d)."""
    values, vectors = np.linalg.eigh(covs)
    return (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def embedding(means: np.ndarray, covs: np.ndarray) -> np.ndarray:
    """Points (K, p) whose distances bound those of the Gaussians, and equal them where covariances commute."""
    k, d = means.shape
    if covs.ndim == 3:
        flat = covs.reshape(k, -1)
        if (flat == flat[0]).all():
            return means
        roots = psd_roots(covs).reshape(k, -1)
    else:
        roots = np.sqrt(covs) if covs.ndim == 2 else np.sqrt(d * covs)[:, None]
    return np.concatenate([means, roots], axis=1)


def bures(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared distances (...) of centred Gaussians with covariances (..., d, d), not rounded down (Gelbrich 1990).

    tr (A^{1/2} B A^{1/2})^{1/2} grows with A and B, and eigenvalues are only right to roundings of the largest. Both
    times as much is taken off: the root of a zero that came out as 1e-16 would be 1e-8, and the distance too low.
    """
    d = first.shape[-1]
    values, vectors = np.linalg.eigh(first)
    lowered = np.maximum(values - 8 * d * 2.0**-52 * values[..., -1:], 0.0)
    root = (vectors * np.sqrt(lowered)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    error = 8 * d * 2.0**-52 * values[..., -1] * np.trace(second, axis1=-2, axis2=-1)
    values = np.linalg.eigvalsh(root @ second @ root) - error[..., None]
    trace = np.trace(first + second, axis1=-2, axis2=-1)
    square = trace - 2.0 * np.sqrt(np.maximum(values, 0.0)).sum(axis=-1)
    same = (first == second).all(axis=(-2, -1))
    return np.where(same, 0.0, np.maximum(square, 0.0) + 1e-14 * d * trace)


def _merge(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> Merged:
    """Merge the groups of components with labels 0 … G − 1."""
    d = means.shape[1]
    total, centres = np.bincount(labels, weights), centroids(means, weights, labels)
    square = float(weights @ ((means - centres[labels]) ** 2).sum(axis=1))
    if covs.ndim < 3:
        roots = np.sqrt(covs.reshape(len(covs), -1))
        merged = centroids(roots, weights, labels)
        square += float(weights @ ((roots - merged[labels]) ** 2).sum(axis=1)) * (d if covs.ndim == 1 else 1)
        return Merged(centres, (merged**2).reshape(len(total), *covs.shape[1:]), total, square)
    out = np.empty((len(total), d, d))
    for g in range(len(total)):
        rows = np.flatnonzero(labels == g)
        out[g] = _barycenter(covs[rows], weights[rows] / total[g])
        square += float(weights[rows] @ bures(covs[rows], out[g]))
    return Merged(centres, out, total, square)


def _barycenter(covs: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The Bures–Wasserstein barycenter of covariances, by the fixed point of Álvarez-Esteban et al. (2016)."""
    if (covs == covs[0]).all():
        return covs[0]
    root = np.tensordot(share, psd_roots(covs), 1)
    centre = root @ root.T
    for _ in range(_STEPS):
        root = psd_roots(centre)
        values, vectors = np.linalg.eigh(centre)
        top = values[-1] if values[-1] > 0 else 1.0
        inverse = np.where(values > 1e-12 * top, 1.0 / np.sqrt(np.maximum(values, 1e-12 * top)), 0.0)
        back = (vectors * inverse) @ vectors.T
        middle = np.tensordot(share, psd_roots(root @ covs @ root), 1)
        new = back @ middle @ middle @ back
        new = 0.5 * (new + new.T)
        done = np.abs(new - centre).max() <= 1e-10 * top
        centre = new
        if done:
            break
    start = np.tensordot(share, psd_roots(covs), 1)
    start = start @ start.T
    # For singular covariances the fixed point may miss directions that the start has.
    return min(centre, 0.5 * (start + start.T), key=lambda c: float(share @ bures(covs, c)))


def _nearest(means: np.ndarray, covs: np.ndarray, merged: Merged) -> np.ndarray:
    """Labels by the nearest merged component, among those whose embedding is nearest."""
    both = embedding(np.concatenate([means, merged.means]), np.concatenate([covs, merged.covs]))
    near = cKDTree(both[len(means) :]).query(both[: len(means)], k=min(_NEAREST, len(merged.means)))[1]
    near = near.reshape(len(means), -1)
    square = ((means[:, None] - merged.means[near]) ** 2).sum(axis=-1) + bures(covs[:, None], merged.covs[near])
    chosen = np.take_along_axis(near, np.argmin(square, axis=1)[:, None], axis=1)[:, 0]
    return np.unique(chosen, return_inverse=True)[1]


def _as_given(law: GaussianMixture, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> GaussianMixture:
    kind = framework(law.means)
    return GaussianMixture(*(to_framework(x, kind, law.means) for x in (means, covs, weights)))


def _rounding(reduced: GaussianMixture, merged: Merged) -> float:
    """What W₂ may change by the rounding of the numbers that are returned."""
    d = merged.means.shape[1]
    moved = np.sqrt(((concrete(reduced.means) - merged.means) ** 2).sum(axis=1).max())
    change = np.abs(concrete(reduced.covs) - merged.covs).max()
    # |√a − √b|² ≤ |a − b| for numbers, for matrices the sum of singular values (Powers & Størmer 1970).
    widened = np.sqrt(change * d ** (1.5 if merged.covs.ndim == 3 else 1.0))
    given = concrete(reduced.weights)
    shifted = 0.5 * np.abs(given / given.sum() - merged.weights / merged.weights.sum()).sum()
    variances = full_covariances(merged.means[:1], merged.covs[:1]) if merged.covs.ndim < 3 else merged.covs
    spread = np.ptp(merged.means, axis=0)
    reach = np.sqrt(spread @ spread) + 2.0 * np.sqrt(np.trace(variances, axis1=-2, axis2=-1).max())
    # Rounding of sums in float64 is left aside, as everywhere.
    return float(moved + widened + (np.sqrt(shifted) * reach if shifted > 1e-12 else 0.0))


def _bound(law: GaussianMixture, value: float) -> Array:
    return bound_in(value * (1.0 + 1e-12), framework(law.means), law.means, up=True)
