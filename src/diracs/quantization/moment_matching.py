"""Diracs with exactly the mean and covariance of a law, and their certificate.

Barycenters c_i of cells have a covariance C ≼ Σ, that of the law. With S the optimal map of N(0, C) to N(0, Σ), the
points y_i = m + S (c_i − m) have the law's mean m and covariance Σ. As E[X − c_i | cell i] = 0, sending each cell to
its point costs

    E|X − y|² = E|X − c|² + Σ w_i |c_i − y_i|² = 2 tr Σ − 2 tr (Σ^{1/2} C Σ^{1/2})^{1/2},

with D = E|X − c|² on the line D + D²/4σ² + … (docs/certificates.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from diracs.backend.arrays import bound_in, concrete, framework, to_framework
from diracs.cells.meshes import mean_and_covariance
from diracs.certificates.masses import mass_error
from diracs.certificates.rounding import ROUNDINGS, root_mean_square, with_moved_masses
from diracs.codebooks.cross import CrossCodebook, optimal_crosses
from diracs.laws.gaussian import FLAT, GaussianMixture, components_of
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.propagation.law import rounding
from diracs.quantization.barycenters import barycentric
from diracs.quantization.by_points import ENGINES
from diracs.quantization.discretization import Quantization, discretize
from diracs.schemes.product import ProductScheme

# Directions with less than this share of their own variance left in C count as lost.
_LOST = 1e-6
# Searches for an error, and shells of a cross.
_TRIALS, _SHELLS = 200, 20


def matched(law: Any, n: int | None, w2: float | None, scheme: str, plain: Callable[..., Quantization]) -> Quantization:
    """A quantization with the mean and covariance of a law that is no batch.

    Parameters
    ----------
    law : GaussianMixture, PolynomialGrid, or a law that `by_points.ENGINES` know
    n, w2, scheme
        As of `quantize`, checked.
    plain : callable
        `quantize` itself.

    Raises
    ------
    ValueError
        If the points of the scheme do not span all directions in which the law varies.
    """
    if n is not None:
        found = _at(law, n, scheme, plain)
        if found is None:
            raise ValueError(
                f"{n} points of scheme={scheme!r} do not span the space in which the distribution varies, so that they"
                f" cannot have its covariance: give more, {2 * law.ndim} are enough for 'auto'"
            )
        return found
    assert w2 is not None
    points = len(plain(law, w2=w2, scheme=scheme))
    for _ in range(_TRIALS):
        found = _at(law, points, scheme, plain)
        if found is not None and float(concrete(found.w2)) <= w2:
            return found
        points += 1 + points // 50
    raise ValueError(f"w2 = {w2:g} is not reached with matched moments near {points} points; ask for a larger error")


def _at(law: Any, n: int, scheme: str, plain: Callable[..., Quantization]) -> Quantization | None:
    """The best with at most n points: of the scheme's own, or one cross that spans the space."""
    found = [with_matched_moments(plain(law, n, scheme=scheme))]
    if scheme not in ("grid", "optimal") and not ENGINES.know(law):
        cross = _spanning_cross(law, n)
        found.append(None if cross is None else with_matched_moments(discretize(law, cross)))
    return min((q for q in found if q is not None), key=lambda q: float(concrete(q.w2)), default=None)


def _spanning_cross(law: GaussianMixture, n: int) -> ProductScheme | None:
    """Sigma points on all principal axes of the law, as many shells as n allows; None if that is not one."""
    mean, cov = moments_of(law)
    values, vectors = np.linalg.eigh(cov)
    r = int(np.count_nonzero(values > FLAT * len(values) * values[-1]))
    if r == 0 or n < 2 * r:
        return None
    radii = optimal_crosses((r,), min(n // (2 * r), _SHELLS))[0][0]
    arrays = vectors[:, ::-1][:, :r], mean, np.sqrt(values[::-1][:r])
    kind, like = framework(law.means), law.means
    frame, offset, scales = (to_framework(np.ascontiguousarray(x), kind, like) for x in arrays)
    return ProductScheme([CrossCodebook(to_framework(radii, kind, like), r)], frame, offset, scales)


def with_matched_moments(q: Quantization) -> Quantization | None:
    """The Diracs of a quantization, not a batch, moved to the mean and covariance of its law.

    None where a direction in which the law varies has no variance among them: no linear map can give it back.
    """
    law = q.distribution
    mean, cov = moments_of(law)
    cells = barycentric(q)
    placed = cells.masses > 0
    centre = cells.masses @ (cells.barycenters - mean) + mean
    off = cells.barycenters - centre
    found = _map_between((cells.masses[:, None] * off).T @ off, cov)
    if found is None:
        return None
    positions = np.where(placed[:, None], mean + off @ found.T, cells.barycenters)
    moved = float(root_mean_square(positions - cells.barycenters, cells.masses))
    terms = 1 if ENGINES.know(law) else law.n_components
    wrong = mass_error(positions, cells.masses, np.full(len(positions), ROUNDINGS + terms))
    square = with_moved_masses(np.asarray(cells.w2**2 + moved**2), *wrong)
    kind, like = framework(q.positions), q.positions
    given, masses = (to_framework(x, kind, like) for x in (positions, cells.masses))
    w2 = math.sqrt(float(square)) * (1.0 + 1e-12) + rounding(positions, cells.masses, given, masses)
    return Quantization(law, q.scheme, given, masses, bound_in(w2, kind, like, up=True), False)


@singledispatch
def moments_of(law: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d)."""
    raise TypeError(f"the mean and covariance of a {type(law).__name__} are not known: register them with moments_of")


@moments_of.register(PolynomialGrid)
def _(law: PolynomialGrid) -> tuple[np.ndarray, np.ndarray]:
    if any(law.periodic):
        raise ValueError("distribution must not be periodic where moments are to match: a torus has no mean")
    values, (low, high) = concrete(law.values), law.domain
    sides = (high - low) / values.shape
    centres = [low[k] + sides[k] * (np.arange(n) + 0.5) for k, n in enumerate(values.shape)]
    places = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, values.ndim)
    return with_spread(places, np.diag(sides**2 / 12.0), (values / values.sum()).ravel())


@moments_of.register(Mesh)
def _(law: Mesh) -> tuple[np.ndarray, np.ndarray]:
    densities = law.densities
    return mean_and_covariance(law.vertices[law.simplices], densities / densities.max())


@moments_of.register(Univariate)
def _(law: Univariate) -> tuple[np.ndarray, np.ndarray]:
    return np.array([law.mean]), np.array([[law.variance]])


@moments_of.register(GaussianMixture)
def _(law: GaussianMixture) -> tuple[np.ndarray, np.ndarray]:
    places, covs, weights = components_of(law)
    weights = weights / weights.sum()
    return with_spread(places, np.tensordot(weights, covs, 1), weights)


def with_spread(places: np.ndarray, within: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and covariance within parts plus that of their places (k, d)."""
    mean = places[0] + weights @ (places - places[0])
    return mean, within + (weights[:, None] * (places - mean)).T @ (places - mean)


def _map_between(before: np.ndarray, after: np.ndarray) -> np.ndarray | None:
    """The optimal map S of centred Gaussians for covariances C and Σ (d, d); None if C lacks a direction of Σ."""
    values, vectors = np.linalg.eigh(0.5 * (after + after.T))
    if not values[-1] > 0:
        return np.zeros_like(after)
    kept = values > FLAT * len(values) * values[-1]
    vectors, roots = vectors[:, kept], np.sqrt(values[kept])
    # C in coordinates where Σ is the identity: its eigenvalues are at most 1.
    white = vectors.T @ before @ vectors / roots[:, None] / roots
    shares, axes = np.linalg.eigh(0.5 * (white + white.T))
    if shares[0] < _LOST:
        return None
    half, inverse = (axes * np.sqrt(shares)) @ axes.T, (axes / np.sqrt(shares)) @ axes.T
    # With Σ = R², C = R W R each R Q W^{−1/2} R^{−1} maps C to Σ, Q orthogonal; best is the polar factor of R² W^{1/2}.
    u, _, vt = np.linalg.svd(roots[:, None] ** 2 * half)
    return vectors @ (roots[:, None] * (u @ vt @ inverse) / roots) @ vectors.T
