"""How much the components of a mixture overlap: bounds on Bhattacharyya sums, and the elimination behind them."""

from __future__ import annotations

import math

import numpy as np

from diracs.schemes.grouping import merge_nearby

SLACK = 1e-10  # relative, on largest variances
GROUPS = 1024


class PairOverlap:
    """Upper bounds on Σ_k w_k ln Σ_j w_j exp(−BD_kj) of the components' projections on the leading axes.

    BD = Δᵀ S⁻¹ Δ / 8 + ½ ln(det S / √(det Σ_k det Σ_j)) with S = (Σ_k + Σ_j)/2. It grows with the number of axes, so
    that beyond the axes given it stays a valid bound. The second term is never negative.
    """

    def __init__(self, means: np.ndarray, covs: np.ndarray, lift: np.ndarray) -> None:
        self.size, self.axes = means.shape
        self.first, self.second = np.triu_indices(self.size, 1)
        self.distance = np.empty((len(self.first), self.axes))
        high = cumulative_log_pivots(covs, lift)[0]
        step = max(1, int(1e5 / math.prod(covs.shape[1:])))
        for start in range(0, len(self.first), step):
            part = slice(start, start + step)
            i, j = self.first[part], self.second[part]
            middle, error = (covs[i] + covs[j]) / 2, (lift[i] + lift[j]) / 2
            log_det = cumulative_log_pivots(middle, -error)[0]
            quadratic = cumulative_log_pivots(middle, error, means[i] - means[j])[1]
            with np.errstate(invalid="ignore"):
                spread = log_det / 2 - (high[i] + high[j]) / 4
            self.distance[part] = quadratic / 8 + np.maximum(np.nan_to_num(spread, nan=0.0, posinf=0.0), 0.0)

    def log_mean(self, r: int, active: np.ndarray, weights: np.ndarray) -> float:
        """The bound for the first r axes and the active components, whose weights sum to 1."""
        affinity = np.eye(self.size)
        affinity[self.first, self.second] = np.exp(-self.distance[:, min(r, self.axes) - 1])
        affinity[self.second, self.first] = affinity[self.first, self.second]
        return float(weights @ np.log(affinity[np.ix_(active, active)] @ weights))


class GroupOverlap:
    """The same sum for many components, by boxes around groups of means: exp(−BD_kj) ≤ exp(−gap² / 8λ).

    `gap` is the distance of the boxes that hold the two means and λ the mean of the largest variances in the two
    groups, no less than the largest eigenvalue of S.
    """

    def __init__(self, means: np.ndarray, largest: np.ndarray) -> None:
        self.label = merge_nearby(means, GROUPS)
        order = np.argsort(self.label, kind="stable")
        first = np.searchsorted(self.label[order], np.arange(self.label.max() + 1))
        lowest = np.minimum.reduceat(means[order], first)
        highest = np.maximum.reduceat(means[order], first)
        variance = np.maximum.reduceat(largest[order], first) * (1.0 + SLACK)
        gap = np.maximum(lowest[:, None] - highest[None], lowest[None] - highest[:, None])
        spread = np.maximum(variance[:, None] + variance, np.finfo(float).tiny)[..., None] * 4.0
        self.distance = np.cumsum(np.maximum(gap, 0.0) ** 2, axis=-1) / spread
        self.axes = means.shape[1]

    def log_mean(self, r: int, active: np.ndarray, weights: np.ndarray) -> float:
        """The bound for the first r axes and the active components, whose weights sum to 1."""
        mass = np.bincount(self.label[active], weights, minlength=len(self.distance))
        held = mass > 0
        affinity = np.exp(-self.distance[np.ix_(held, held)][..., min(r, self.axes) - 1])
        return float(mass[held] @ np.log(affinity @ mass[held]))


def cumulative_log_pivots(
    matrices: np.ndarray, lift: np.ndarray, vectors: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """ln det and vᵀ M⁻¹ v of all leading blocks of M = matrix + lift·I, by one elimination without pivoting.

    Parameters
    ----------
    matrices : array (m, d, d), or (m, d) for diagonal ones
    lift : array (m,)
    vectors : array (m, d), optional
        Zero by default.

    Returns
    -------
    log_det, quadratic : arrays (m, d)
        Entry r − 1 for the leading r × r block. From the first pivot that is not positive on, ln det is −∞ and the
        quadratic form stops growing.
    """
    count, d = matrices.shape[:2]
    v = np.zeros((count, d)) if vectors is None else vectors.copy()
    if matrices.ndim == 2:
        pivots = matrices + lift[:, None]
    else:
        pivots = np.empty((count, d))
        a = matrices + lift[:, None, None] * np.eye(d)
        for i in range(d):
            pivots[:, i] = a[:, i, i]
            column = a[:, i + 1 :, i] / np.where(a[:, i, i] > 0, a[:, i, i], np.inf)[:, None]
            a[:, i + 1 :, i + 1 :] -= column[:, :, None] * a[:, i, None, i + 1 :]
            v[:, i + 1 :] -= column * v[:, i, None]
    regular = np.logical_and.accumulate(pivots > 0, axis=-1)
    safe = np.where(regular, pivots, 1.0)
    log_det = np.cumsum(np.where(regular, np.log(safe), -np.inf), axis=-1)
    with np.errstate(over="ignore"):
        return log_det, np.cumsum(np.where(regular, v * (v / safe), 0.0), axis=-1)
