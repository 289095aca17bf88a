"""Diracs with the mean and covariance of the state that they stand for, and what that adds to the error.

Barycenters c have less variance than the state: C = Σ − Q. With S C Sᵀ = Σ, S near one, the Diracs c' = m + S (c − m)
have Σ. The error of going to c' is δ' = δ + (c − c'), and as E[δ | c] = 0,

    E δ'δ'ᵀ = Q + E (c − c')(c − c')ᵀ,  E[δ' | i] = (I − S)(E[z | i] − m) + S E[δ | i].
"""

from __future__ import annotations

import numpy as np

from diracs.propagation.law import Law, covariance_of
from diracs.propagation.step import Choice, biases_of
from diracs.schemes.points import PointScheme

# Directions with less than this share of their own variance left in C count as lost.
_LOST = 1e-6


def matched(choice: Choice, law: Law) -> Choice:
    """The choice with Diracs moved.

    Raises
    ------
    ValueError
        If the Diracs do not span all directions in which the state varies.
    """
    cells, step = choice.cells, choice.step
    mean, cov = law.weights @ law.means, covariance_of(law)
    off = cells.barycenters - mean
    own = (cells.masses[:, None] * off).T @ off
    turn = _optimal_map(own, cov)
    moved = off @ (turn - np.eye(len(turn))).T
    error = step.error + (cells.masses[:, None] * moved).T @ moved
    bias = None
    if cells.bias is not None:
        sources = np.zeros_like(cells.bias)
        np.add.at(sources, law.source, law.weights[:, None] * (law.means - mean))
        bias = sources @ (np.eye(len(turn)) - turn).T + cells.bias @ turn.T
    places = cells.barycenters + moved
    return Choice(
        PointScheme(places),
        cells._replace(barycenters=places, error=error, bias=bias, blocks=[]),
        step._replace(error=error, biases=biases_of(law, bias)),
    )


def _optimal_map(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """S with S C Sᵀ = Σ: where Σ is the identity C^{−1/2}, the optimal map there; one where nothing varies."""
    values, vectors = np.linalg.eigh(wanted)
    scale = np.sqrt(np.maximum(values, 0.0))
    held = scale > 1e-12 * scale.max() if scale.max() > 0 else np.zeros(len(scale), dtype=bool)
    if not held.any():
        return np.eye(len(values))
    into, back = vectors[:, held] / scale[held], vectors[:, held] * scale[held]
    inner = into.T @ own @ into
    least, axes = np.linalg.eigh(0.5 * (inner + inner.T))
    if not least[0] > _LOST:
        raise ValueError(
            f"{len(own)}-dimensional states cannot keep their covariance: the Diracs do not span all directions; give"
            " more points"
        )
    rest = np.eye(len(values)) - vectors[:, held] @ vectors[:, held].T
    return np.asarray(back @ (axes / np.sqrt(least)) @ axes.T @ into.T + rest)
