"""The law of a state: a mixture with few distinct covariances, each component born at a point of the step before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.backend.arrays import Array, concrete, framework, namespace, take, to_framework
from diracs.certificates.rounding import mass_change
from diracs.laws.gaussian import GaussianMixture, components_of, full_covariances
from diracs.schemes.grouping import psd_roots


class Law(NamedTuple):
    """Components in NumPy float64.

    The noise is independent of the past, so that given its source a state is independent of the error made before.
    """

    means: np.ndarray  # (K, d)
    covs: np.ndarray  # (C, d, d)
    kind: np.ndarray  # (K,): which covariance
    weights: np.ndarray  # (K,)
    source: np.ndarray  # (K,): the point that the component was born at, 0 … S − 1


def law_of(mixture: GaussianMixture) -> Law:
    """A given mixture: nothing is known of where its components come from, so that they have one source."""
    means, covs, weights = components_of(mixture)
    keep = weights > 0
    means, covs, weights = means[keep], covs[keep], weights[keep]
    if abs(weights.sum() - 1.0) > 1e-13:
        # Normalized in single precision they sum to 1 only up to 1e-7.
        weights = weights / weights.sum()
    rows = covs.reshape(len(covs), -1)
    if (rows == rows[0]).all():
        return Law(means, covs[:1], np.zeros(len(means), dtype=int), weights, np.zeros(len(means), dtype=int))
    return Law(means, covs, np.arange(len(means)), weights, np.zeros(len(means), dtype=int))


def covariance_of(law: Law) -> np.ndarray:
    """(d, d)"""
    off = law.means - law.weights @ law.means
    within = np.tensordot(np.bincount(law.kind, law.weights, len(law.covs)), law.covs, 1)
    return np.asarray(within + (law.weights[:, None] * off).T @ off)


def without_empty(law: Law) -> Law:
    """The law without components of no weight."""
    keep = law.weights > 0
    return law._replace(means=law.means[keep], kind=law.kind[keep], weights=law.weights[keep], source=law.source[keep])


def with_noise(points: np.ndarray, masses: np.ndarray, noise: Law) -> Law:
    """The law of a point plus independent noise: all pairs, points first."""
    n, k = len(points), len(noise.means)
    means = (points[:, None, :] + noise.means).reshape(n * k, -1)
    weights = (masses[:, None] * noise.weights).ravel()
    return Law(means, noise.covs, np.tile(noise.kind, n), weights, np.repeat(np.arange(n), k))


def as_state(law: Law, noise: GaussianMixture, like: Array) -> GaussianMixture:
    """A law made by `with_noise` as a mixture in the framework and dtype of `like`, covariances of the noise's kind.

    They are the noise's own, seen many times, and need neither memory nor another check.
    """
    kind = framework(like)
    keep = np.flatnonzero(concrete(noise.weights) > 0)
    covs = take(to_framework(noise.covs, kind, like), keep, axis=0)
    n = len(law.means) // len(keep)
    repeated = namespace(covs).broadcast_to(covs[None], (n, *covs.shape))
    repeated = repeated[:, 0] if len(keep) == 1 else repeated.reshape(n * len(keep), *covs.shape[1:])
    means, weights = (to_framework(x, kind, like) for x in (law.means, law.weights))
    return GaussianMixture._of(means, repeated, weights)


def rounding(points: np.ndarray, masses: np.ndarray, given: Array, given_masses: Array) -> float:
    """What W₂ may change where Diracs are returned in less than float64: places, and masses that go to a next one."""
    if given.dtype == namespace(given).float64:
        return 0.0
    places = np.sqrt(((concrete(given) - points) ** 2).sum(axis=1).max())
    square, _ = mass_change(points, masses, concrete(given_masses))
    return float(places + np.sqrt(square))


def state_rounding(law: Law, state: GaussianMixture) -> float:
    """The same for a law and the state that `as_state` made of it."""
    if state.means.dtype == namespace(state.means).float64:
        return 0.0
    d = law.means.shape[1]
    given = concrete(state.covs[: len(law.covs)])
    change = np.abs(full_covariances(law.means[: len(given)], given) - law.covs).max()
    # ‖√S − √T‖² is at most the sum of the singular values of S − T (Powers & Størmer 1970).
    widths = np.sqrt(d**1.5 * change)
    places = np.sqrt(((concrete(state.means) - law.means) ** 2).sum(axis=1).max())
    points = law.means
    if len(law.covs) > 1:
        # Misplaced mass may have another covariance now: W₂² of two Gaussians is at most |μ − μ'|² + ‖√Σ − √Σ'‖², and
        # R of QR has columns as far apart as those roots.
        roots = np.linalg.qr(psd_roots(law.covs).reshape(len(law.covs), -1).T)[1].T
        points = np.concatenate([points, roots[law.kind]], axis=1)
    return float(places + widths + np.sqrt(mass_change(points, law.weights, concrete(state.weights))[0]))
