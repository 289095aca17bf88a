"""W₂² between points and the components of a mixture, with its gradient, for a quasi-Newton method."""

from __future__ import annotations

import numpy as np

from diracs.mixtures.free_weights import FreeProblem, FreeTransport, free_transport
from diracs.mixtures.likelihood import Parameters
from diracs.mixtures.quasi_newton import Evaluation

# Masses and duality gap of every transport, relative.
_PRECISION = 1e-8
# A component of less weight takes steps as if it had this one.
_LIGHT = 1e-3


class Objective:
    """W₂² between points and components with their best weights, as a function of scaled parameters.

    Component k is the law of μ + Lz + f z', z and z' standard normal and f the floor: L is lower triangular, diagonal
    or a number s, so that Σ = LLᵀ + f². For a fixed plan the cost is a parabola in μ and L with the second derivatives
    2π_k (2π_k·d in s), and an upper bound on W₂². Parameters are μ and L times the roots of these at the start: the
    step of minus the gradient is to the minimum of the bound, as in EM.
    """

    def __init__(self, seeds: np.ndarray, target: np.ndarray, kind: str, floor: float, start: Parameters) -> None:
        self.seeds, self.target, self.kind, self.floor = seeds, target, kind, floor
        means, covs, self._weights = start
        k, d = means.shape
        self._lower = np.tril_indices(d)
        if kind == "full":
            values, vectors = np.linalg.eigh(covs)
            # No narrower than the floor again: the derivative in L vanishes at L = 0.
            roots = vectors * np.sqrt(np.maximum(values - floor**2, 0.1 * floor**2))[:, None, :]
            # A Aᵀ = Rᵀ R for Aᵀ = Q R, whatever the condition.
            upper = np.array([np.linalg.qr(root.T, mode="r") for root in roots])
            factors = upper.swapaxes(1, 2)[:, self._lower[0], self._lower[1]]
        else:
            factors = np.sqrt(np.maximum(covs - floor**2, 0.1 * floor**2)).reshape(k, -1)
        curvature = np.sqrt(2.0 * np.maximum(self._weights, _LIGHT))[:, None]
        factor_unit = curvature * (np.sqrt(d) if kind == "isotropic" else 1.0)
        self._unit = np.concatenate([np.repeat(curvature, d, 1), np.repeat(factor_unit, factors.shape[1], 1)], axis=1)
        self.start = (np.concatenate([means, factors], axis=1) * self._unit).ravel()

    def components(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means (k, d), factors (k, d, d) or (k, d) or (k,), covariances (k, d, d)."""
        d = self.seeds.shape[1]
        rows = x.reshape(self._unit.shape) / self._unit
        means, packed = rows[:, :d], rows[:, d:]
        unit = np.eye(d)
        if self.kind == "full":
            factors = np.zeros((len(rows), d, d))
            factors[:, self._lower[0], self._lower[1]] = packed
            return means, factors, factors @ factors.swapaxes(1, 2) + self.floor**2 * unit
        factors = packed[:, 0] if self.kind == "isotropic" else packed
        return means, factors, np.broadcast_to(packed[:, :, None] ** 2, (len(rows), d, 1)) * unit + self.floor**2 * unit

    def parameters(self, x: np.ndarray, found: Evaluation) -> Parameters:
        """Means, covariances of the kind asked for, weights."""
        means, factors, covs = self.components(x)
        return means, covs if self.kind == "full" else factors**2 + self.floor**2, found.state.weights

    def __call__(self, x: np.ndarray, state: FreeTransport | None) -> Evaluation | None:
        """Value and gradient, by the envelope theorem; the state is the transport found for x nearby."""
        weights, dual = (self._weights, None) if state is None else (state.weights, state.dual)
        return self.near(x, weights, dual)

    def near(self, x: np.ndarray, weights: np.ndarray, dual: np.ndarray | None) -> Evaluation | None:
        """The same from weights and dual weights nearby."""
        means, _, covs = self.components(x)
        found = free_transport(FreeProblem(self.seeds, self.target, means, covs), weights, _PRECISION, dual)
        return None if found is None else self.evaluation(x, found)

    def evaluation(self, x: np.ndarray, found: FreeTransport) -> Evaluation:
        """Value and gradient from the transport for x."""
        means, factors, _ = self.components(x)
        # In the mean 2π ∫(x − y) dρ_k, in the covariance π (I − Σ_edges |yᵢ − yⱼ| n nᵀ ∫ρ_k dℓ), by Stein's lemma.
        share = found.weights[:, None]
        in_means = 2.0 * share * found.moments.moved
        in_covs = share[:, :, None] * (np.eye(means.shape[1]) - found.moments.curvature)
        if self.kind == "full":
            in_factors = 2.0 * (in_covs @ factors)[:, self._lower[0], self._lower[1]]
        elif self.kind == "diagonal":
            in_factors = 2.0 * np.diagonal(in_covs, axis1=1, axis2=2) * factors
        else:
            in_factors = 2.0 * (np.trace(in_covs, axis1=1, axis2=2) * factors)[:, None]
        gradient = np.concatenate([in_means, in_factors], axis=1) / self._unit
        return Evaluation(found.distance, gradient.ravel(), found)
