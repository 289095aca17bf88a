"""Grouping the components of a mixture: by mode, and by every level of a merge tree."""

from __future__ import annotations

import numpy as np
import scipy

# Above this many components the merge tree, and the climb to the modes, start from this many small clusters.
_MOST = 2500
_MODES = 400
# Entries of the temporary arrays of one block of pairwise work.
_BLOCK = 1 << 22


def moment_match(
    means: np.ndarray, covs: np.ndarray, weights: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (G,), means (G, d) and total covariances (G, d, d) of groups of components.

    Parameters
    ----------
    means, covs, weights : array (k, d), (k, d, d), (k,)
    labels : int array (k,)
        Values 0 … G − 1, all of them taken.
    """
    groups = int(labels.max()) + 1
    if groups == len(labels):
        order = np.argsort(labels)
        return weights[order], means[order], covs[order]
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], np.arange(groups))
    total = np.add.reduceat(weights[order], first)
    # Components without weight count a little, so that a group of them has a mean.
    safe = weights[order] + 1e-300
    share = safe / np.add.reduceat(safe, first)[labels[order]]
    mean = np.add.reduceat(share[:, None] * means[order], first)
    delta = means[order] - mean[labels[order]]
    spread = covs[order] + delta[:, :, None] * delta[:, None, :]
    return total, mean, np.add.reduceat(share[:, None, None] * spread, first)


def merge_levels(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, counts: list[int]) -> dict[int, np.ndarray]:
    """Labels (k,) for groupings into about each of the given numbers of groups, nested like a tree.

    Ward's tree (Ward 1963) of the points (μ, Σ^{1/2}), whose Euclidean distance bounds the W₂ distance of two Gaussians
    from above, with equality if their covariances commute.
    """
    k = len(means)
    counts = sorted({min(max(count, 1), k) for count in counts})
    out = {1: np.zeros(k, dtype=int), k: np.arange(k)}
    inner = [count for count in counts if 1 < count < k]
    if inner:
        start, tree = ward_tree(_embedded(means, covs), np.ones(k), _MOST)
        for count in inner:
            out[count] = np.unique(cut_tree(tree, count)[start], return_inverse=True)[1]
    return {count: out[count] for count in counts}


def _embedded(means: np.ndarray, covs: np.ndarray) -> np.ndarray:
    """The embedding about the middle, or (μ, √diag Σ) where that would be too large."""
    large = means.size * means.shape[1] > _BLOCK
    return embedding(means - means.mean(axis=0), np.diagonal(covs, axis1=1, axis2=2) if large else covs)


def ward_tree(points: np.ndarray, weights: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Ward's tree of points (n, p), at least two: the small clusters (n,) that it starts from, and a linkage matrix.

    Each point is one of these, unless there are more than `most`.
    """
    start = np.arange(len(points))
    if len(points) > most:
        start = merge_nearby(points, most)
        points = centroids(points, weights, start)
    return start, scipy.cluster.hierarchy.linkage(scipy.spatial.distance.pdist(points), "ward")


def cut_tree(tree: np.ndarray, count: int) -> np.ndarray:
    """Labels (n,), from 0, of `count` clusters of a tree of n points, at most n: all but its last merges are done."""
    n = len(tree) + 1
    merges = n - min(count, n)
    parent = np.arange(n + merges)
    for child in tree[:merges, :2].astype(int).T:
        parent[child] = np.arange(n, n + merges)
    while (parent != parent[parent]).any():
        parent = parent[parent]
    labels: np.ndarray = np.unique(parent[:n], return_inverse=True)[1]
    return labels


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


def centroids(points: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weighted means (G, p) of groups of points."""
    total = np.bincount(labels, weights)
    share = weights / total[labels]
    return np.stack([np.bincount(labels, share * column) for column in points.T], axis=1)


def merge_nearby(points: np.ndarray, count: int) -> np.ndarray:
    """Labels of at most `count` clusters of nearby points, by median cuts across the widest coordinate."""
    parts = [np.arange(len(points))]
    while 2 * len(parts) <= count:
        halves = []
        for part in parts:
            if len(part) < 2:
                halves.append(part)
                continue
            axis = int(np.argmax(np.ptp(points[part], axis=0)))
            order = part[np.argsort(points[part, axis], kind="stable")]
            halves += [order[: len(order) // 2], order[len(order) // 2 :]]
        if len(halves) == len(parts):
            break
        parts = halves
    labels = np.empty(len(points), dtype=int)
    for i, part in enumerate(parts):
        labels[part] = i
    return labels


def modes(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Labels (k,): the mode of the density that each component's mean climbs to.

    Mean shift for Gaussian mixtures (Carreira-Perpiñán 2000), x ← (Σ p_j Σ_j⁻¹)⁻¹ Σ p_j Σ_j⁻¹ μ_j with p_j the
    responsibilities at x, over-relaxed as far as the density grows. Points that meet go on as one. Zero variances are
    raised to a millionth of the spread, which leaves a point mass a mode of its own.
    """
    k = len(means)
    if k > _MODES:
        labels = merge_nearby(_embedded(means, covs), _MODES)
        weights, means, covs = moment_match(means, covs, weights, labels)
        return modes(means, covs, weights)[labels]
    centre = weights @ means
    means = means - centre
    total = np.einsum("k,kii->", weights, covs) + weights @ (means**2).sum(axis=1)
    if k == 1 or total == 0.0:
        return np.zeros(k, dtype=int)
    values, vectors = np.linalg.eigh(covs)
    values = np.maximum(values, 1e-12 * total)
    climb = _Climb(means, vectors / np.sqrt(values)[:, None, :], weights, 0.5 * np.log(values).sum(axis=1))

    target = np.arange(k)  # which climber stands for each component
    alive = np.arange(k)
    x = means.copy()
    scale = np.sqrt(values.min(axis=1))  # a climber's length of comparison: the narrowest width at its start
    stretch = np.ones(k)
    height, aim, peak = climb.step(x, newton=False)
    bold = np.zeros(k, dtype=bool)
    for iteration in range(200):
        # Mean shift never fails but crawls along ridges; Newton's method finishes what it has begun.
        trial = np.where(bold[alive, None], peak[alive], x[alive] + stretch[alive, None] * (aim[alive] - x[alive]))
        new_height, new_aim, new_peak = climb.step(trial, newton=iteration >= 20)
        up = new_height >= height[alive]
        moved = alive[up]
        length = np.linalg.norm(trial[up] - x[moved], axis=1)
        # A step of length 1 never loses height (it is an EM step), so one that does is at the top, up to rounding.
        top = alive[~up & ~bold[alive] & (stretch[alive] == 1.0)]
        stretch[alive] = np.where(up, np.minimum(stretch[alive] * 1.5, 4.0), 1.0)
        bold[alive] = up & (iteration >= 20)
        x[moved], height[moved], aim[moved], peak[moved] = trial[up], new_height[up], new_aim[up], new_peak[up]
        rest = np.linalg.norm(aim[moved] - x[moved], axis=1)
        still = moved[(rest <= 1e-7 * scale[moved]) & (length <= 1e-5 * scale[moved])]
        alive = np.setdiff1d(alive, np.concatenate([still, top]), assume_unique=True)
        if iteration % 4 == 3:
            alive = _join(x, scale, alive, target)
        if not alive.size:
            break
    ends = np.unique(target)
    return _meet(x, scale, ends, target)


class _Climb:
    """Log-density of a mixture at many points, and the steps of mean shift and of Newton's method."""

    def __init__(self, means: np.ndarray, whiten: np.ndarray, weights: np.ndarray, log_root: np.ndarray) -> None:
        self._means, self._whiten = means, whiten  # Σ⁻¹ = whiten whitenᵀ
        self._precision = whiten @ np.swapaxes(whiten, 1, 2)
        with np.errstate(divide="ignore"):
            self._constant = np.log(weights) - log_root

    def step(self, x: np.ndarray, newton: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-density (n,) up to a constant, and where mean shift and Newton's method lead (n, d)."""
        block = max(1, _BLOCK // self._means.size)
        parts = [self._step(x[i : i + block], newton) for i in range(0, len(x), block)]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]

    def _step(self, x: np.ndarray, newton: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        delta = np.ascontiguousarray(x.T)[None] - self._means[:, :, None]  # (k, d, n)
        white = np.swapaxes(self._whiten, 1, 2) @ delta
        p = self._constant[:, None] - 0.5 * (white * white).sum(axis=1)
        top = p.max(axis=0)
        p = np.exp(p - top)
        mass = p.sum(axis=0)
        p /= mass
        pull = -(self._whiten @ white)
        gradient = (p[:, None, :] * pull).sum(axis=0).T
        k, d = self._means.shape
        matrix = (p.T @ self._precision.reshape(k, -1)).reshape(-1, d, d)
        # Solve for the shift, not the place: means may lie far from the origin.
        aim = x + np.linalg.solve(matrix, gradient[..., None])[..., 0]
        peak = x + _newton_shift(matrix, gradient, p, pull, aim - x) if newton else aim
        return top + np.log(mass), aim, peak


def _newton_shift(
    matrix: np.ndarray, gradient: np.ndarray, p: np.ndarray, pull: np.ndarray, otherwise: np.ndarray
) -> np.ndarray:
    """Newton's shift (n, d) on the log-density, `otherwise` where its Hessian is not negative definite."""
    each = np.moveaxis(pull, 2, 0)  # (n, k, d)
    spread = np.swapaxes(each, 1, 2) @ (p.T[:, :, None] * each)
    values, vectors = np.linalg.eigh(matrix - spread + gradient[:, :, None] * gradient[:, None, :])
    convex = values[:, 0] > 1e-12 * values[:, -1]
    along = np.einsum("nij,ni->nj", vectors, gradient) / np.where(convex[:, None], values, 1.0)
    return np.where(convex[:, None], np.einsum("nij,nj->ni", vectors, along), otherwise)


def _join(x: np.ndarray, scale: np.ndarray, alive: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Let climbers that have met go on as one; returns those that are still climbing."""
    ends = np.unique(target)
    before = target.copy()
    _meet(x, 1e-2 * scale, ends, target)
    return alive[target[alive] == alive] if (before != target).any() else alive


def _meet(x: np.ndarray, scale: np.ndarray, ends: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Join the climbers `ends` that lie within a hundredth of their scales; updates `target`, returns labels from 0."""
    near = 1e-2 * scale[ends]
    pairs = scipy.spatial.cKDTree(x[ends]).query_pairs(float(near.max()), output_type="ndarray")
    gap = np.linalg.norm(x[ends[pairs[:, 0]]] - x[ends[pairs[:, 1]]], axis=1)
    pairs = pairs[gap <= np.minimum(near[pairs[:, 0]], near[pairs[:, 1]])]
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(ends), len(ends)))
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    first = np.unique(component, return_index=True)[1]
    place = np.empty(len(target), dtype=int)
    place[ends] = component
    labels = place[target]
    target[:] = ends[first][labels]
    return labels
