"""Fewer components with the same mean and covariance of the whole, and what that costs in W₂."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from diracs.mixtures.reduction import bures, clusters
from diracs.schemes.grouping import centroids, embedding

# The covariance of a group is kept if that costs no more than this share of what its means are moved by.
_LITTLE = 0.02


class Merged(NamedTuple):
    """Components that were merged, and what that moved."""

    means: np.ndarray  # (G, d)
    covs: np.ndarray  # (G, d, d)
    weights: np.ndarray  # (G,)
    between: np.ndarray  # (d, d): Σ w_j (μ_j − m)(μ_j − m)ᵀ
    moved: float  # W₂ of what else was moved: (Σ w_j BW²(Σ_j, S))^{1/2}, and rounding
    off: float  # relative error of the weights


def merge(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, k: int) -> Merged:
    """At most k Gaussians, each with the mean of a group of given ones and, where that costs little, its covariance.

    Parameters
    ----------
    means, covs, weights : arrays (K, d), (K, d, d), (K,)
    k : int

    Notes
    -----
    Sending each component N(μ_j, Σ_j) to its group's N(m, S) by the optimal map of two Gaussians is a coupling; what it
    moves is μ_j − m, of mean zero in each group, and a part of second moment BW²(Σ_j, S) (Gelbrich 1990). With S the
    covariance of the group no variance is lost; of components nearer to each other than they are wide it costs little.
    Else S is the mean of the Σ_j.
    """
    centre = 0.5 * means.min(axis=0) + 0.5 * means.max(axis=0)
    size = max(float(np.abs(means - centre).max()), math.sqrt(float(np.abs(covs).max())))
    unit = math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
    u, s = (means - centre) / unit, covs / unit / unit
    labels = np.unique(clusters(embedding(u, s), weights, k), return_inverse=True)[1]
    total, middle = np.bincount(labels, weights), centroids(u, weights, labels)
    share, off = weights / total[labels], u - middle[labels]
    narrow, wide = np.zeros((2, len(total), *s.shape[1:]))
    np.add.at(narrow, labels, share[:, None, None] * s)
    np.add.at(wide, labels, share[:, None, None] * (s + off[:, :, None] * off[:, None, :]))
    lost = np.bincount(labels, weights * (off**2).sum(axis=1))
    costs = [np.bincount(labels, weights * bures(s, covs[labels])) for covs in (narrow, wide)]
    kept = costs[1] <= _LITTLE * lost + costs[0]
    merged = np.where(kept[:, None, None], wide, narrow)
    between = (weights[:, None] * off).T @ off
    # Of the groups' means, and of the way back.
    rounding = 4.0 * 2.0**-52 * (math.sqrt(u.shape[1]) + float(np.linalg.norm(centre / unit)))
    moved = math.sqrt(float(np.where(kept, costs[1], costs[0]).sum())) * (1.0 + 1e-12) + rounding
    most = float(np.bincount(labels).max())
    return Merged(
        centre + unit * middle, merged * unit * unit, total, between * unit * unit, moved * unit, most * 2.0**-53
    )
