"""The density of a Gaussian mixture."""

from __future__ import annotations

import math

import numpy as np

# Entries of what is worked on at a time.
_BLOCK = 1 << 20


def mixture_density(points: np.ndarray, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values (m,) at points (m, d), for covariances (k, d, d) that are positive definite where the weight is not 0.

    Components of one covariance are taken together, in coordinates where it is the identity.
    """
    n, d = points.shape
    held = weights > 0
    means, weights = means[held], weights[held]
    each, kind = np.unique(covs[held].reshape(-1, d * d), axis=0, return_inverse=True)
    values, size = np.zeros(n), max(1, _BLOCK // (n * d))
    for c, cov in enumerate(each.reshape(-1, d, d)):
        whiten = np.linalg.inv(np.linalg.cholesky(cov)).T / math.sqrt(2.0 * math.pi)
        rows = np.flatnonzero(kind.ravel() == c)
        for part in (rows[begin : begin + size] for begin in range(0, len(rows), size)):
            square = (((points @ whiten)[:, None] - means[part] @ whiten) ** 2).sum(axis=2)
            values += np.exp(-math.pi * square) @ weights[part] * np.linalg.det(whiten)
    return values
