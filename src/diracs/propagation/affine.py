"""Affine maps of Gaussian mixtures are Gaussian mixtures: the exact chain, merged where it grows too large.

With N(m, S) a component and N(v, V) one of the noise, N(A m + b + v, A S Aᵀ + V) is one of the next state. What merging
and rounding add to the error, and how that grows, is proved in docs/propagation.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from diracs.backend.arrays import Array, bound_in, concrete, eps, framework, to_framework
from diracs.backend.progress import report
from diracs.laws.gaussian import GaussianMixture, full_covariances
from diracs.propagation.ambiguity import NONE, Radius, drifts
from diracs.propagation.bounds import AffineGrowth
from diracs.propagation.dynamics import Affine, norm
from diracs.propagation.growth import growth_factors
from diracs.propagation.joint import Chain
from diracs.propagation.law import law_of, state_rounding
from diracs.propagation.limit import check_contraction, sum_of_norms
from diracs.propagation.merging import merge
from diracs.propagation.trajectory import Limit, Trajectory

# Components that the images are merged to where nothing else is asked for.
MOST_COMPONENTS = 1000
# Squares of what is larger would overflow, and for states squares of their covariances.
LARGEST, _WIDEST = 1e150, 1e75
_EPS = 2.0**-52
# The limit with noise of several components: until the start counts for so little of the bound, or of the start.
_FORGOTTEN, _GONE = 1e-2, 1e-9


class State(NamedTuple):
    """A mixture in NumPy float64, and what sets it apart from the exact law of its time."""

    means: np.ndarray  # (K, d)
    covs: np.ndarray  # (K, d, d)
    weights: np.ndarray  # (K,)
    off: float  # relative error of the weights
    between: np.ndarray  # (d, d): second moment of what merging moved the means by, carried along
    moved: float  # W₂ of what else merging and rounding did in the last step


def propagate_exactly(
    start: GaussianMixture,
    dynamics: Affine,
    noise_in: Callable[[int], GaussianMixture],
    steps: int,
    components: int,
    radii: tuple[Radius, Radius],
) -> Trajectory:
    """The trajectory of an affine map, its images merged to at most `components` in every step before noise is added.

    `noise_in(d)` is the noise in the dimension that the map leads to, `radii` are those of the initial law and of it.
    """
    A, b = concrete(dynamics.A), concrete(dynamics.b)
    noise = state_of(noise_in(len(A)))
    radii[1].check("noise_radius", len(A))
    state, states, moved, apart = state_of(start), [], [], []
    for t in range(steps):
        state = advance(state, A, b, noise, components)
        if not max(np.abs(state.means).max(), np.sqrt(np.abs(state.covs).max())) <= _WIDEST:
            raise ValueError(f"the states grow beyond {_WIDEST:g} in step {t + 1}: take fewer steps")
        states.append(_as_mixture(state, start.means))
        moved.append(state.moved)
        apart.append(_apart(state) + _narrowing(state, states[-1]))
        report("steps of propagation", t + 1, steps)
    factors = growth_factors(AffineGrowth(A, NONE, NONE, steps), steps)
    drift = drifts(A, *radii, steps)
    bounds = (np.convolve(moved, factors)[:steps] + apart + drift) * (1.0 + 1e-12)
    if not np.isfinite(bounds).all():
        raise ValueError("the bounds of the states overflow: take fewer steps")
    kind = framework(start.means)

    def limit() -> Limit:
        found, bound = stationary(A, b, noise, components)
        given = _as_mixture(found, start.means)
        bound += sum_of_norms(A) * radii[1].value + _narrowing(found, given)
        return Limit(given, bound_in(bound * (1.0 + 1e-12), kind, start.means, up=True))

    w2_bound, none = (bound_in(x, kind, start.means, up=True) for x in (bounds, np.zeros(0)))
    chain = _chain(state_of(start), A, b, noise, components)
    return Trajectory(start, tuple(states), w2_bound, (), none, (), limit, chain=chain)


def _chain(start: State, A: np.ndarray, b: np.ndarray, noise: State, components: int) -> Chain | None:
    """The chain, if its components keep apart: with one of the noise, and no more of the start than are kept."""
    if len(noise.weights) > 1 or len(start.weights) > components or A.shape[0] != A.shape[1]:
        return None
    return Chain(A, b + noise.means[0], noise.covs[0], start.means, start.covs, start.weights)


def advance(state: State, A: np.ndarray, b: np.ndarray, noise: State, components: int) -> State:
    """One step: the map, merging where there are more images than asked for, and the noise."""
    d, terms = len(A), max(A.shape) + 2
    means, covs, weights, loose = state.means @ A.T + b, A @ state.covs @ A.T, state.weights, state.off
    between, moved = A @ state.between @ A.T, 0.0
    # Sums of so many products are right to as many roundings of the sum of their sizes (Higham 2002, section 3.1).
    off = terms * _EPS * (np.abs(state.means) @ np.abs(A).T + np.abs(b))
    cov_off = 2 * terms * _EPS * (np.abs(A) @ np.abs(state.covs) @ np.abs(A).T)
    if len(weights) > components:
        moved = rounding(covs, weights, off, cov_off)
        merged = merge(means, covs, weights, components)
        means, covs, weights = merged.means, merged.covs, merged.weights
        between, moved, loose = between + merged.between, moved + merged.moved, loose + merged.off
        off, cov_off = np.zeros_like(means), np.zeros_like(covs)
    n, k = len(means), len(noise.means)
    means = (means[:, None] + noise.means).reshape(n * k, d)
    covs = (covs[:, None] + noise.covs).reshape(n * k, d, d)
    covs = 0.5 * (covs + np.swapaxes(covs, 1, 2))
    off = np.repeat(off, k, axis=0) + _EPS * np.abs(means)
    cov_off = np.repeat(cov_off, k, axis=0) + 2.0 * _EPS * np.abs(covs)
    loose += 0.0 if (noise.weights == 1.0).all() else _EPS
    weights = (weights[:, None] * noise.weights).ravel()
    return State(means, covs, weights, loose, between, moved + rounding(covs, weights, off, cov_off))


def rounding(covs: np.ndarray, weights: np.ndarray, off: np.ndarray, cov_off: np.ndarray) -> float:
    """W₂ by which a mixture moves whose means (K, d) and covariances (K, d, d) are off by at most so much, each entry.

    Two Gaussians are at most as far apart as their means and the roots of their covariances. With E the error of Σ and
    λ its least eigenvalue, the root moves by ‖E‖_*^{1/2} at most (Powers & Størmer 1970), and by ‖E‖_F / λ^{1/2}
    (Bhatia 1997, X.46).
    """
    d = covs.shape[1]
    frobenius = np.sqrt((cov_off**2).sum(axis=(1, 2)))
    values = np.linalg.eigvalsh(covs)
    least = values[:, 0] - frobenius - 4 * d * _EPS * np.abs(values).max(axis=1)
    ratio = frobenius / np.where(least > 0, least, 1.0)
    square = frobenius * np.where(least > 0, np.minimum(math.sqrt(d), ratio), math.sqrt(d))
    return float(np.sqrt(weights @ ((off**2).sum(axis=1) + square)))


def _apart(state: State) -> float:
    """W₂ by which merged means and rounded weights set a state apart.

    Weights off by a share r misplace r of the mass after they are normalized, half of it twice: what moves from x to y
    by way of the mean costs 2|x|² + 2|y|² at most.
    """
    centre = state.weights @ state.means
    variance = state.weights @ (((state.means - centre) ** 2).sum(axis=1) + np.trace(state.covs, axis1=1, axis2=2))
    between = max(float(np.trace(state.between)), 0.0)
    return math.sqrt(between) + math.sqrt(4.0 * state.off * float(variance))


def stationary(A: np.ndarray, b: np.ndarray, noise: State, components: int) -> tuple[State, float]:
    """A mixture near the law π that a contraction settles on, and a bound on its W₂ distance from π.

    One Gaussian of noise makes it N(m, S) with m = A m + b + v and S = A S Aᵀ + V; one step Φ from there tells how far
    off rounding has left it, W₂(N, π) ≤ Σ‖Aˢ‖ W₂(N, Φ(N)). With more, the chain is run from N(m, S), which has the
    moments of π and so is within (2 tr S)^{1/2} of it, until that counts for little.

    Raises
    ------
    ValueError
        If A is no contraction.
    """
    check_contraction(A)
    share = noise.weights / noise.weights.sum()
    v = share @ noise.means
    V = np.tensordot(share, noise.covs, 1) + (share[:, None] * (noise.means - v)).T @ (noise.means - v)
    m, S = np.linalg.solve(np.eye(len(A)) - A, b + v), scipy.linalg.solve_discrete_lyapunov(A, V)
    state = State(m[None], 0.5 * (S + S.T)[None], np.ones(1), 0.0, np.zeros_like(A), 0.0)
    if len(share) == 1:
        after = advance(state, A, b, noise, components)
        gap = rounding(state.covs, state.weights, np.abs(after.means - state.means), np.abs(after.covs - state.covs))
        return state, sum_of_norms(A) * (gap + after.moved)
    far, norms, moved, power = math.sqrt(2.0 * float(np.trace(S))) * (1.0 + 1e-6), [1.0], [], np.eye(len(A))
    while True:
        state = advance(state, A, b, noise, components)
        moved.append(state.moved)
        bound = float(np.dot(moved[::-1], norms)) + _apart(state)
        power = A @ power
        norms.append(norm(power))
        left = norms[-1] * far
        if left <= max(_FORGOTTEN * bound, _GONE * far):
            return state, bound + left


def state_of(mixture: GaussianMixture) -> State:
    """A given mixture, without components of no weight."""
    means, covs, weights = (concrete(x) for x in (mixture.means, mixture.covs, mixture.weights))
    held = weights > 0
    if eps(mixture.weights) > _EPS:
        weights = weights / weights.sum()  # normalized in single precision they sum to 1 only up to 1e-7
    d = means.shape[1]
    return State(means[held], full_covariances(means, covs)[held], weights[held], 0.0, np.zeros((d, d)), 0.0)


def _as_mixture(state: State, like: Array) -> GaussianMixture:
    """In the framework and dtype of `like`, without another look at what was good before."""
    new = object.__new__(GaussianMixture)
    for name, values in (("means", state.means), ("covs", state.covs), ("weights", state.weights)):
        object.__setattr__(new, name, to_framework(values, framework(like), like))
    return new


def _narrowing(state: State, given: GaussianMixture) -> float:
    """The W₂ by which another dtype moves a state."""
    return state_rounding(law_of(_as_mixture(state, state.means)), given)
