"""Derivatives of the nearest-point coupling of planar mixtures, for PyTorch and JAX.

The compiled core is not differentiated through. For D = E minᵢ |x − yᵢ|², by the envelope theorem,

    ∂D/∂yᵢ = −2bᵢ,  ∂D/∂μ_k = 2π_k Σᵢ bᵢᵏ,  ∂D/∂Σ_k = π_k (I − C_k) (Stein),  ∂D/∂π_k = Σᵢ sᵢᵏ,

b first and s second moments of the cells about their points, C_k what the jumps of the gradient across edges take away.
For masses, Σ gᵢmᵢ is the integral of a function that jumps by gⱼ − gᵢ along the normal n from cell i to j, so that with
integrals over the edges

    ∂/∂μ_k = π_k Σ_ij (gⱼ − gᵢ) ∫ n φ_k,  ∂/∂Σ_k = ½ π_k Σ_ij (gⱼ − gᵢ) ∫ n (x − μ_k)ᵀ Σ_k⁻¹ φ_k (its symmetric part),
    ∂/∂yᵢ = Σ_j (gⱼ − gᵢ) ∫ (yᵢ − x) ρ / |yᵢ − yⱼ|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from diracs import _core
from diracs.backend.arrays import Array, bound_in, concrete
from diracs.backend.callback import Arrays, InvalidValues, Numbers, NumpyFunction, Shapes
from diracs.certificates.upper.nearest import REQUIRED, UnitMixture, into, nearest, rounded


class Slopes(NamedTuple):
    """Derivatives in means (k, 2), covariances (k, 2, 2), weights (k,) and points (n, 2)."""

    means: np.ndarray
    covs: np.ndarray
    weights: np.ndarray
    points: np.ndarray


def nearest_masses(means: Array, covs: Array, weights: Array, points: Array) -> tuple[Array, Array]:
    """The best masses (n,) on points of the plane and the bound on W₂, differentiable in all arguments.

    Parameters
    ----------
    means : array (k, 2)
    covs : array (k, 2, 2)
    weights : array (k,)
    points : array (n, 2)
        All of one framework, PyTorch or JAX.

    Raises
    ------
    ValueError
        For near singular covariances; in traced JAX code the results are NaN instead.
    """
    masses, w2 = _NEAREST((), means, covs, weights, points)
    return masses, w2


def _unit_mixture(arrays: Sequence[np.ndarray]) -> UnitMixture:
    """The law of means, covariances and weights; InvalidValues for what the front door would refuse."""
    means, covs, weights = arrays[:3]
    finite = all(np.isfinite(x).all() for x in arrays)
    if not (finite and weights.min() >= 0 and weights.max() > 0):
        raise InvalidValues("means, covs, weights and points must be finite, weights not negative and not all zero")
    mixture = UnitMixture.of(means, covs, weights / weights.sum())
    if mixture is None:
        raise InvalidValues(f"distribution must have {REQUIRED}, to go to a PointScheme of the plane")
    return mixture


def _shapes(shapes: Shapes) -> tuple[Shapes, Shapes]:
    """Masses and bound; nothing is kept."""
    return [shapes[3][:1], ()], []


def _value(numbers: Numbers, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Masses and bound in the dtype of the means."""
    given = [concrete(x) for x in arrays]
    mixture, points, dtype = _unit_mixture(given), given[3], arrays[0].dtype
    try:
        found = nearest(mixture, points)
    except ValueError as error:  # too far away
        raise InvalidValues(str(error)) from None
    masses, w2 = rounded(mixture, points, found, dtype.type)
    return [masses, np.asarray(bound_in(w2, "numpy", arrays[0], up=True))], []


def _pullback(numbers: Numbers, arrays: Arrays, kept: Arrays, along: Arrays, wanted: Sequence[bool]) -> Arrays:
    along_masses, along_w2 = (concrete(x) for x in along)
    return _slopes([concrete(x) for x in arrays], along_masses, float(along_w2))


def _slopes(arrays: Sequence[np.ndarray], along_masses: np.ndarray, along_w2: float) -> Slopes:
    """Derivatives of along_masses · masses + along_w2 · W₂."""
    means, covs, weights, points = arrays
    mixture = _unit_mixture(arrays)
    out = Slopes(*(np.zeros(x.shape) for x in (means, covs, weights, points)))
    held, law = np.flatnonzero(mixture.components), mixture.law
    y = into(mixture, points)
    # W₂ = unit·√D(u): ∂W₂ = unit/(2√D)·∂D, with numbers of the law in its unit.
    found = nearest(mixture, points)
    factor = along_w2 * mixture.unit / (2.0 * np.sqrt(found.square)) if found.square > 0 else 0.0
    potential, first, curvature = law.core.components(y, np.zeros(len(y)))
    out.means[held] = factor * 2.0 * law.weights[:, None] * first
    out.covs[held] = factor * law.weights[:, None, None] * (np.eye(2) - curvature)
    out.weights[held] = factor * potential
    out.points[:] = -2.0 * factor * found.first
    if along_masses.any():
        _add_mass_slopes(out, held, law, y, along_masses)
    for slope, power in ((out.means, 1), (out.covs, 2), (out.points, 1)):
        slope /= mixture.unit**power
    # Weights are normalized: only differences count.
    total = float(weights.sum())
    out.weights[:] = (out.weights - out.weights @ weights / total) / total
    return out


def _add_mass_slopes(out: Slopes, held: np.ndarray, law: Any, y: np.ndarray, along: np.ndarray) -> None:
    """Add those of Σ along·masses, component by component, in the unit of the law."""
    seeds = np.zeros(len(y))
    for place, mean, cov, weight in zip(held, law.means, law.covs, law.weights):
        one = _core.Mixture(np.zeros((1, 2)), cov[None], np.ones(1))
        shifted = np.ascontiguousarray(y - mean)
        cells, (i, j, between, distance, line) = _core.moments(one, shifted, seeds, edges=True)
        gap = distance[:, None]
        normal = between / gap
        tangent = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
        jump = (along[j] - along[i])[:, None]
        middle = 0.5 * (shifted[i] + shifted[j])
        # ∫ x φ over the edge, about the mean.
        moment = middle * line[:, :1] + tangent * line[:, 1:2]
        out.means[place] += weight * (jump * normal * line[:, :1]).sum(axis=0)
        outer = 0.5 * weight * (jump * normal).T @ moment @ np.linalg.inv(cov)
        out.covs[place] += 0.5 * (outer + outer.T)
        out.weights[place] += along @ cells.mass
        for ends, side in ((i, 1.0), (j, -1.0)):
            pull = weight * jump * side * (shifted[ends] * line[:, :1] - moment) / gap
            np.add.at(out.points, ends, pull)


_NEAREST = NumpyFunction("nearest_masses", "discretize to a PointScheme of the plane", 4, _shapes, _value, _pullback)
