"""Shannon's lower bound for mixtures, by a lower bound on their entropy."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from diracs.certificates.lower.overlap import GroupOverlap, PairOverlap, cumulative_log_pivots
from diracs.certificates.lower.rate_distortion import water_filling

BACKWARD = 8 * 2.0**-52  # times dimension and trace: above the backward error of eigenvalues, rotation and elimination
MOST_PAIRS = 1500  # components compared pair by pair; more are compared by groups
WORK = 1e8  # elementary operations allowed to one batch of eliminations


def shannon_bound(
    means: np.ndarray,
    covs: np.ndarray,
    weights: np.ndarray,
    variances: np.ndarray,
    distortions: np.ndarray,
    axes: np.ndarray,
    n: int,
) -> float:
    """Shannon's lower bound on W₂² for mixtures, joined with rate–distortion on what the projection leaves out.

    For a projection P on r axes and X' = X − PX, ln n ≥ I(PX; Y) + I(X'; Y | PX, K). The first term is at least
    (r/2) ln(r σ²/D') for D' = E|P(X−Y)|² and σ² = exp(2 h(PX)/r) / 2πe. Given PX and K = k, X' is Gaussian and its
    covariance, a Schur complement of Σ_k, has eigenvalues no smaller than λ_{r+1}, …, λ_d of Σ_k (Smith 1992,
    "Some interlacing properties of the Schur complement"). Hence D is at least what reverse water-filling gives for r
    variances σ² and the remaining λ_{k,i} counted w_k times each. The entropy is bounded below by
    h ≥ Σ w_k h_k − Σ w_k ln Σ_j w_j exp(−BD_kj), BD the Bhattacharyya distance (Kolchinsky & Tracey 2017, "Estimating
    mixture entropy with pairwise distances", Chernoff α = 1/2). Components of no entropy are left out of the mixture
    and pay their own distortion; so are, as an alternative, those of much less entropy than others.

    Returns the largest bound over subspaces of the leading `axes` (d, d), the principal axes of the total covariance.
    """
    k, d = means.shape
    traces = np.trace(covs, axis1=-2, axis2=-1)
    means, covs = _in_frame(means, covs, axes)
    pairs = min(k, MOST_PAIRS) ** 2 / 2
    power = covs.ndim - 1
    deepest = means.shape[1]
    compared = int(min(deepest, max(1.0, (WORK / (10 * pairs)) ** (1 / power))))
    lift = BACKWARD * d * traces if covs.ndim == 3 else np.zeros(k)
    low = cumulative_log_pivots(covs, -lift)[0]
    overlap: PairOverlap | GroupOverlap
    if k <= MOST_PAIRS:
        overlap = PairOverlap(means[:, :compared], _leading(covs, compared), lift)
    else:
        overlap = GroupOverlap(means[:, :compared], variances[:, 0])
    best = 0.0
    nats = math.log(n)
    for r in _ranks(deepest, k * d):
        for active in _entropic(low[:, r - 1] / r):
            w = weights[active]
            share = float(w.sum())
            w = w / share
            log_variance = (w @ low[active, r - 1] - 2.0 * overlap.log_mean(r, active, w)) / r
            items = np.concatenate([[math.exp(min(log_variance, 700.0))], variances[active, r:].ravel()])
            counts = np.concatenate([[float(r)], np.repeat(w, d - r)])
            bound = share * float(water_filling(items, counts, nats)) + float(weights[~active] @ distortions[~active])
            best = max(best, bound)
    return best


def _in_frame(means: np.ndarray, covs: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (k, r) and covariances (k, r, r), or (k, r) if diagonal, on as many leading axes as are affordable.

    Isotropic covariances stay diagonal in any frame; other diagonal ones keep the coordinate axes, most variable first,
    where full matrices would cost too much.
    """
    k, d = means.shape
    diagonal = np.diagonal(covs, axis1=-2, axis2=-1)
    is_diagonal = np.count_nonzero(covs) == np.count_nonzero(diagonal)
    deepest = int(min(d, max(1.0, WORK / k)))
    if is_diagonal and (diagonal == diagonal[:, :1]).all():
        return means @ axes[:, :deepest], diagonal[:, :deepest]
    if is_diagonal and k * d**3 > WORK:
        order = np.argsort(-(means.var(axis=0) + diagonal.mean(axis=0)))[:deepest]
        return means[:, order], diagonal[:, order]
    axes = axes[:, : int(min(d, max(1.0, (WORK / k) ** (1 / 3))))]
    return means @ axes, axes.T @ covs @ axes


def _leading(covs: np.ndarray, r: int) -> np.ndarray:
    """The blocks of the first r axes, of full or diagonal covariances."""
    return covs[:, :r, :r] if covs.ndim == 3 else covs[:, :r]


def _ranks(deepest: int, size: int) -> list[int]:
    """Dimensions of the subspaces to try: all of a few, else a geometric selection."""
    if deepest <= 16 and size <= 100_000:
        return list(range(1, deepest + 1))
    return sorted({round(r) for r in np.geomspace(1, deepest, 12 if size <= 100_000 else 4)})


def _entropic(log_det: np.ndarray) -> Iterator[np.ndarray]:
    """Sets of components (k,) worth keeping: all of finite entropy, and those above the widest gap of entropies."""
    active = np.isfinite(log_det)
    if active.any():
        yield active
        levels = np.sort(log_det[active])
        gaps = np.diff(levels)
        if len(gaps) and gaps.max() > 1.0:
            yield log_det > levels[np.argmax(gaps)]
