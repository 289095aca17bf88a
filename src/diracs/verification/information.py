"""A lower bound for Gaussian mixtures in many dimensions, where boxes tell little: Diracs of masses m carry H(m) nats.

Let (X, Y) be coupled optimally and K the component of X, independent of Y given X. The means of I(X; Y | K = k) over k
are I(X; Y | K) ≤ I(X; Y) ≤ H(Y) = H(m), so that by rate–distortion of normal laws (Cover & Thomas 2006, theorem 10.3.3;
conditionally Gray 1973) and Lagrange, for every level θ > 0 and eigenvalues λ of the covariances,

    W₂² = E|X − Y|² ≥ Σ w_k Σ_j [min(λ_kj, θ) + θ log⁺(λ_kj/θ)] − 2 θ H(m).
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import numpy as np
from flint import arb, arb_mat

from diracs.backend.arrays import concrete
from diracs.laws.gaussian import GaussianMixture
from diracs.verification.balls import Ball, Balls, balls, normalized, root, total
from diracs.verification.gaussians import covariance_of, eigenbasis

# Halvings of the level's logarithm, and how low it goes, relative to the largest eigenvalue.
_HALVINGS, _LOWEST = 60, -700.0
# Components that are compared in pairs, at most.
_COMPARED = 64


@singledispatch
def information_bound(law: Any, masses: np.ndarray) -> Ball:
    """A number not above W₂ to any Diracs of masses (n,); 0 for a law of which none is known."""
    return arb(0)


@information_bound.register
def _(law: GaussianMixture, masses: np.ndarray) -> Ball:
    means, covs, weights = (np.asarray(concrete(x), dtype=np.float64) for x in (law.means, law.covs, law.weights))
    held = weights > 0
    shares = normalized(weights[held])
    found = [covariance_of(cov, law.ndim) for cov in covs[held]]
    off = root(total(share * wrong**2 for share, (_, wrong) in zip(shares, found)))
    carried = total(-m * m.log() for m in normalized(masses[masses > 0]))
    given = [cov for cov, _ in found]
    square = _by_components(given, shares, carried)
    if len(shares) <= _COMPARED:
        square = square.max(_by_entropy(means[held], given, shares, carried))
    return (root(square.max(arb(0))) - off).max(arb(0))


def _by_components(covs: list[Balls], shares: list[Ball], carried: Ball) -> Ball:
    """The formula above."""
    values = [_eigenvalues(cov) for cov in covs]
    top = arb(max(float(x.mid()) for row in values for x in row))
    if not top > 0:
        return arb(0)
    relative = np.array([[float((x / top).mid()) for x in row] for row in values])
    level = top * arb(_level(relative, np.array([float(w.mid()) for w in shares]), float(carried.mid())))
    spent = total(share * _spent(x, level) for share, row in zip(shares, values) for x in row)
    return spent - 2 * level * carried


def _by_entropy(means: np.ndarray, covs: list[Balls], shares: list[Ball], carried: Ball) -> Ball:
    """Shannon's lower bound d/(2πe) exp(2(h − H(m))/d), with a lower bound on the entropy h of the mixture.

    h ≥ Σ w_k h_k − Σ w_k ln Σ_j w_j exp(−BD_kj), BD the Bhattacharyya distance (Kolchinsky & Tracey 2017).
    """
    d, volumes = means.shape[1], [cov.det() for cov in covs]
    if not all(v > 0 for v in volumes):
        return arb(0)
    log_square = -2 * carried / d
    for k, share in enumerate(shares):
        near = arb(0)
        for j, other in enumerate(shares):
            between = (covs[k] + covs[j]) / 2
            delta = arb_mat(d, 1, [x - y for x, y in zip(balls(means[k]), balls(means[j]))])
            far = (delta.transpose() * between.solve(delta))[0, 0]
            near += other * (-far / 8).exp() * ((volumes[k] * volumes[j]).sqrt() / between.det()).sqrt()
        log_square += share * (volumes[k].log() - 2 * near.log()) / d
    return d * log_square.exp()


def _eigenvalues(cov: Balls) -> list[Ball]:
    """Numbers not above the eigenvalues, in some order: in a frame where the rest is R, they are within ‖R‖ (Weyl)."""
    turned, d = eigenbasis(cov)[1], cov.nrows()
    rest = root(total(turned[i, j] ** 2 for i in range(d) for j in range(d) if i != j))
    return [(turned[k, k] - rest).max(arb(0)).lower() for k in range(d)]


def _spent(value: Ball, level: Ball) -> Ball:
    return level * (1 + (value / level).log()) if value > level else value


def _level(values: np.ndarray, weights: np.ndarray, carried: float) -> float:
    """About the level where Σ w_k Σ_j log⁺(λ_kj/θ) = 2 H(m), the best one; any will do. Values (K, d), at most 1."""
    logs = np.log(np.maximum(values, math.exp(_LOWEST)))
    low, high = _LOWEST, 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        sent = float(weights @ np.maximum(logs - middle, 0.0).sum(axis=1))
        low, high = (middle, high) if sent > 2.0 * carried else (low, middle)
    return math.exp(high)
