"""Gaussian mixtures of weighted points by likelihood: what a fit in W₂ starts from."""

from __future__ import annotations

import numpy as np

from diracs.laws.gaussian import full_covariances

# A component of less weight has lost its points.
_NOTHING = 1e-9

Parameters = tuple[np.ndarray, np.ndarray, np.ndarray]  # means (k, d), covariances of some kind, weights (k,)


def spread_centres(points: np.ndarray, masses: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Centres (k, d) of k-means++ (Arthur & Vassilvitskii 2007): each drawn by its squared distance from the others.

    Of a few candidates the one that leaves the least is taken, as its authors advise. At least k of the points (n, d),
    all of positive mass (n,), must be distinct; then the centres are.
    """
    tries = 2 + int(np.log(k))
    centres = [points[rng.choice(len(points), p=masses / masses.sum())]]
    nearest = ((points - centres[0]) ** 2).sum(axis=1)
    for _ in range(k - 1):
        chance = masses * nearest
        candidates = points[rng.choice(len(points), tries, p=chance / chance.sum())]
        left = np.minimum(nearest, ((points - candidates[:, None, :]) ** 2).sum(axis=2))
        best = int((left @ masses).argmin())
        centres.append(candidates[best])
        nearest = left[best]
    return np.array(centres)


def expectation_maximization(
    points: np.ndarray, masses: np.ndarray, centres: np.ndarray, kind: str, floor: float, iterations: int
) -> Parameters:
    """Steps of the EM algorithm (Dempster, Laird & Rubin 1977) from the cells nearest to the centres.

    Parameters
    ----------
    points, masses : array (n, d), (n,)
    centres : array (k, d)
    kind : {"full", "diagonal", "isotropic"}
    floor : float
        Standard deviation that is added to every component, in square.
    iterations : int

    Returns
    -------
    means (m, d), covariances, weights (m,)
        Of the m ≤ k components that still hold points.
    """
    square = ((points[:, None, :] - centres) ** 2).sum(axis=2)
    shares = (square.argmin(axis=1)[:, None] == np.arange(len(centres))).astype(float)
    for _ in range(iterations):
        found = _maximize(points, masses, shares, kind, floor)
        shares = _expect(points, *found)
    means, covs, weights = _maximize(points, masses, shares, kind, floor)
    held = weights > _NOTHING
    return means[held], covs[held], weights[held] / weights[held].sum()


def _maximize(points: np.ndarray, masses: np.ndarray, shares: np.ndarray, kind: str, floor: float) -> Parameters:
    """The components that are most likely, given the shares (n, k) of the points that are theirs."""
    held = masses[:, None] * shares
    # A component that has lost all points keeps a trace of each.
    held = held + 1e-12 * masses[:, None]
    weights = held.sum(axis=0)
    means = held.T @ points / weights[:, None]
    shifted = points[:, None, :] - means
    covs = np.einsum("nk,nki,nkj->kij", held, shifted, shifted) / weights[:, None, None]
    d = points.shape[1]
    covs = covs + floor**2 * np.eye(d)
    if kind == "diagonal":
        covs = np.diagonal(covs, axis1=1, axis2=2).copy()
    elif kind == "isotropic":
        covs = np.trace(covs, axis1=1, axis2=2) / d
    return means, covs, weights / weights.sum()


def _expect(points: np.ndarray, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The posterior probabilities (n, k) of the components."""
    logs = log_densities(points, means, covs) + np.log(weights)
    logs -= logs.max(axis=1, keepdims=True)
    shares = np.exp(logs)
    result: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return result


def log_densities(points: np.ndarray, means: np.ndarray, covs: np.ndarray) -> np.ndarray:
    """Logarithms (n, k) of the components' densities, without the constant −d/2·log 2π."""
    factors = np.linalg.cholesky(full_covariances(means, covs))
    z = np.linalg.solve(factors, (points[:, None, :] - means)[..., None])[..., 0]
    logarithms = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    result: np.ndarray = -0.5 * (z**2).sum(axis=2) - logarithms
    return result
