"""Fewer components for a mixture, with a certified 2-Wasserstein bound."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import scipy

from diracs.backend import checks
from diracs.backend.arrays import Array, bound_in, concrete, framework, is_traced, map_arrays, to_framework
from diracs.backend.progress import report, reporting
from diracs.certificates.rounding import with_moved_masses
from diracs.laws.convert import as_mixture
from diracs.laws.gaussian import GaussianMixture, full_covariances
from diracs.schemes.grouping import centroids, cut_tree, embedding, psd_roots, ward_tree
from diracs.typing import Progress

# Ward's tree starts from at most so many clusters.
_MOST = 2000
# Centres that a component of full covariance may move to: those nearest in the embedding.
_NEAREST = 4
_ROUNDS = 30
# Steps of the fixed point for the barycenter of covariances.
_STEPS = 20


def reduce_mixture(mixture: Any, k: int, *, progress: Progress = False) -> tuple[GaussianMixture, Array]:
    """Merge the components of a mixture until there are at most k, and bound the W₂ distance that this makes.

    Parameters
    ----------
    mixture : Gaussian, GaussianMixture, or what `diracs.laws.convert` takes
        No batch.
    k : int
        Most components wanted; identical ones are always merged.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

    Returns
    -------
    mixture : GaussianMixture
        In the framework and dtype of the input, with the same kind of covariances.
    w2_bound : number
        A bound on the 2-Wasserstein distance between the two mixtures as they are, rounding of the numbers returned
        included; 0 where nothing was merged. Where identical components were, their weights are sums, whose rounding
        costs a little (1e-8 of the distances between the components).

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

    Examples
    --------
    >>> from diracs import GaussianMixture, reduce_mixture
    >>> mixture, w2_bound = reduce_mixture(GaussianMixture([[0.0], [0.2], [5.0]], [1.0, 1.0, 1.0]), 2)
    >>> sorted(mixture.means.ravel().round(6).tolist()), f"{w2_bound:.4f}"  # (2/3)^{1/2} 0.1
    ([0.1, 5.0], '0.0816')
    """
    law = as_mixture(mixture)
    count = checks.count("k", k)
    if law.batch_shape:
        raise ValueError(f"mixture must be one mixture, got a batch of shape {law.batch_shape}: reduce each by itself")
    if any(is_traced(x) for x in (law.means, law.covs, law.weights)):
        raise TypeError("components are merged by looking at them, which cannot be done under transforms such as jit")
    means, covs, weights = (concrete(x) for x in (law.means, law.covs, law.weights))
    # Normalized in single precision they sum to 1 only up to 1e-7.
    weights = weights / weights.sum()
    # In a unit, a power of two, in which nothing overflows.
    unit = math.frexp(max(float(np.abs(means).max()), math.sqrt(float(np.abs(covs).max()))))[1]
    means, covs = np.ldexp(means, -unit), np.ldexp(covs, -2 * unit)
    first, label = _distinct(means, covs, weights)
    if len(first) == (weights > 0).sum() <= count:
        return map_arrays(law, lambda x: to_framework(concrete(x)[first], framework(x), x)), _bound(law, 0.0)
    merged = Merged(means[first], covs[first], np.bincount(label[label >= 0], weights[label >= 0]), label, 0.0)
    if len(first) > count:
        each = merged
        with reporting(progress):
            merged = _merge(each, clusters(embedding(each.means, each.covs), each.weights, count))
            for done in range(_ROUNDS if law.covariance_kind == "full" else 0):
                # Embedded distances are only bounds where covariances do not commute: look again with the true ones.
                better = _merge(each, _nearest(each, merged))
                report("rounds of merging", done + 1, _ROUNDS)
                if not better.square < merged.square * (1.0 - 1e-6):
                    break
                merged = better
        merged = merged._replace(labels=np.where(label >= 0, merged.labels[label], -1))
    kind = framework(law.means)
    out = np.ldexp(merged.means, unit), np.ldexp(merged.covs, 2 * unit), merged.weights
    reduced = GaussianMixture(*(to_framework(x, kind, law.means) for x in out))
    # What is returned, and not what it was rounded from, is what the bound is for.
    means, covs = (np.ldexp(concrete(x), -e * unit) for x, e in ((law.means, 1), (law.covs, 2)))
    given = Merged(
        np.ldexp(concrete(reduced.means), -unit),
        np.ldexp(concrete(reduced.covs), -2 * unit),
        concrete(reduced.weights),
        merged.labels,
        0.0,
    )
    distance = _distance(means, covs, weights, concrete(law.weights), given)
    return reduced, _bound(law, math.ldexp(distance, unit))


class Merged(NamedTuple):
    """G merged components, and the sum of w_j BW² that it costs."""

    means: np.ndarray  # (G, d)
    covs: np.ndarray  # (G,), (G, d) or (G, d, d)
    weights: np.ndarray  # (G,)
    labels: np.ndarray  # which of them each component is merged into, −1 if none
    square: float


def clusters(points: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Labels 0 … k' − 1 (n,), k' ≤ k, of weighted points (n, p): Lloyd's method from two starts, the better one."""
    n = len(points)
    if n <= k:
        return np.arange(n)
    if k == 1:
        return np.zeros(n, dtype=int)
    near, tree = ward_tree(points, weights, _MOST)
    starts = [cut_tree(tree, k)[near], _farthest(points, weights, k)]
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
        new = scipy.spatial.cKDTree(centroids(points, weights, labels)).query(points)[1]
        new = np.unique(new, return_inverse=True)[1]
        if (new == labels).all():
            break
        labels = new
    off = points - centroids(points, weights, labels)[labels]
    return labels, float(weights @ (off**2).sum(axis=1))


def _distinct(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the distinct components of positive weight stand, in their order; labels (K,) of all, −1 for no weight."""
    held = np.flatnonzero(weights > 0)
    rows = np.concatenate([means[held], covs[held].reshape(len(held), -1)], axis=1)
    _, first, owner = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    labels = np.full(len(weights), -1)
    labels[held] = np.argsort(order)[owner.ravel()]
    return held[first[order]], labels


def bures(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared distances (...) of centred Gaussians with covariances (..., d, d), not rounded down (Gelbrich 1990).

    tr (A^{1/2} B A^{1/2})^{1/2} grows with A and B, and eigenvalues are only right to roundings of the largest. Both
    times as much is taken off: the root of a zero that came out as 1e-16 would be 1e-8, and the distance too low.
    """
    d = first.shape[-1]
    # Each in a unit of its own, so that no product over- or underflows.
    (a, e), (b, f) = _in_unit(first), _in_unit(second)
    values, vectors = np.linalg.eigh(a)
    lowered = np.maximum(values - 8 * d * 2.0**-52 * values[..., -1:], 0.0)
    root = (vectors * np.sqrt(lowered)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    error = 8 * d * 2.0**-52 * values[..., -1] * np.trace(b, axis1=-2, axis2=-1)
    values = np.linalg.eigvalsh(root @ b @ root) - error[..., None]
    trace = np.trace(first, axis1=-2, axis2=-1) + np.trace(second, axis1=-2, axis2=-1)
    square = trace - np.ldexp(2.0 * np.sqrt(np.maximum(values, 0.0)).sum(axis=-1), e + f)
    same = (first == second).all(axis=(-2, -1))
    return np.where(same, 0.0, np.maximum(square, 0.0) + 1e-14 * d * trace)


def _in_unit(covs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (..., d, d) divided by 4^e, of entries about 1, and e (...)."""
    e = (np.frexp(np.abs(covs).max(axis=(-2, -1)))[1] + 1) // 2
    return np.ldexp(covs, -2 * e[..., None, None]), e


def _merge(each: Merged, labels: np.ndarray) -> Merged:
    """Merge the groups of components with labels 0 … G − 1."""
    means, covs, weights = each.means, each.covs, each.weights
    d = means.shape[1]
    total, centres = np.bincount(labels, weights), centroids(means, weights, labels)
    if covs.ndim < 3:
        out = centroids(np.sqrt(covs.reshape(len(covs), -1)), weights, labels) ** 2
        out = out.reshape(len(total), *covs.shape[1:])
    else:
        out = np.empty((len(total), d, d))
        for g in range(len(total)):
            rows = np.flatnonzero(labels == g)
            out[g] = _barycenter(covs[rows], weights[rows] / total[g])
    square = float(weights @ _squares(means, covs, centres[labels], out[labels]))
    return Merged(centres, out, total, labels, square)


def _squares(means: np.ndarray, covs: np.ndarray, other_means: np.ndarray, other_covs: np.ndarray) -> np.ndarray:
    """Squared W₂ (...) of Gaussians and others, rounded up but for roundings of themselves."""
    apart = ((means - other_means) ** 2).sum(axis=-1)
    if covs.ndim > means.ndim:
        return np.asarray(apart + bures(covs, other_covs))
    # √a − √b = (a − b)/(√a + √b), without cancellation.
    roots = np.sqrt(covs) + np.sqrt(other_covs)
    change = ((covs - other_covs) / np.where(roots > 0, roots, 1.0)) ** 2
    return np.asarray(apart + (change * means.shape[-1] if covs.ndim < means.ndim else change.sum(axis=-1)))


def _barycenter(covs: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The Bures–Wasserstein barycenter of covariances (J, d, d), by the fixed point of Álvarez-Esteban et al. (2016).

    For S = R Rᵀ and Σ_j = G_j G_jᵀ the optimal coupling is R z with G_j U_j z, z ~ N(0, I), U_j orthogonal with the
    largest tr Rᵀ G_j U_j, from a singular value decomposition; the best R for given U_j is their mean. So each step
    lowers Σ w_j |R − G_j U_j|², and there is no inverse: the covariances may be singular.
    """
    if (covs == covs[0]).all():
        return covs[0]
    top = float(np.abs(covs).max())
    e = (math.frexp(top)[1] + 1) // 2
    factors = psd_roots(np.ldexp(covs, -2 * e))
    root = np.tensordot(share, factors, 1)
    for _ in range(_STEPS):
        left, _, right = np.linalg.svd(root.T @ factors)
        turned = factors @ np.swapaxes(left @ right, -1, -2)
        new = np.tensordot(share, turned, 1)
        done = np.abs(new - root).max() <= 1e-10
        root = new
        if done:
            break
    centre = root @ root.T
    return np.asarray(np.ldexp(0.5 * (centre + centre.T), 2 * e))


def _nearest(each: Merged, merged: Merged) -> np.ndarray:
    """Labels by the nearest merged component, among those whose embedding is nearest."""
    k = len(each.means)
    both = embedding(np.concatenate([each.means, merged.means]), np.concatenate([each.covs, merged.covs]))
    near = scipy.spatial.cKDTree(both[k:]).query(both[:k], k=min(_NEAREST, len(merged.means)))[1].reshape(k, -1)
    square = _squares(each.means[:, None], each.covs[:, None], merged.means[near], merged.covs[near])
    chosen = np.take_along_axis(near, np.argmin(square, axis=1)[:, None], axis=1)[:, 0]
    return np.unique(chosen, return_inverse=True)[1]


def _distance(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, exact: np.ndarray, merged: Merged) -> float:
    """A bound on W₂ between components and what they are merged into, with the weights that these have.

    `weights` are `exact` ones normalized, up to rounding.
    """
    held = np.flatnonzero(weights > 0)
    label = merged.labels[held]
    square = float(weights[held] @ _squares(means[held], covs[held], merged.means[label], merged.covs[label]))
    missing = _missing(exact[held], label, merged.weights)
    if not missing.any():
        return math.sqrt(square)
    # Missing mass comes from other components, by their optimal maps, after that of the coupling: with shares of at
    # most f of any component and the cost M, W₂² grows by M + 2 √(M f) W₂ at most (see `certificates.rounding`).
    variances = np.trace(full_covariances(merged.means, merged.covs), axis1=-2, axis2=-1)
    spread = np.ptp(merged.means, axis=0)
    reach = math.sqrt(float(spread @ spread)) + 2.0 * math.sqrt(float(variances.max()))
    moved = 0.5 * float(np.abs(missing).sum()) * reach**2
    fraction = float(np.minimum(np.abs(missing) / np.maximum(merged.weights, np.abs(missing)), 1.0).max())
    return math.sqrt(float(with_moved_masses(np.asarray(square), np.asarray(moved), fraction)))


def _missing(weights: np.ndarray, labels: np.ndarray, merged: np.ndarray) -> np.ndarray:
    """What weights (G,), both normalized, lack of the sums over their components; exact but for one rounding."""
    sums = [Fraction(0)] * len(merged)
    for label, weight in zip(labels.tolist(), weights.tolist()):
        sums[label] += Fraction(weight)
    given = [Fraction(weight) for weight in merged.tolist()]
    total, whole = sum(sums), sum(given)
    return np.array([float(a / total - b / whole) for a, b in zip(sums, given)])


def _bound(law: GaussianMixture, value: float) -> Array:
    return bound_in(value * (1.0 + 1e-12), framework(law.means), law.means, up=True)
