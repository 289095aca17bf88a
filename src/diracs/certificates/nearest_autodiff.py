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

import functools
from typing import Any, NamedTuple

import numpy as np

from diracs import _core
from diracs._arrays import Array, bound_in, concrete, framework
from diracs.certificates.nearest import UnitMixture, into, nearest, rounded


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
    function = _torch_function() if framework(means) == "torch" else _jax_function()
    masses, w2 = function(means, covs, weights, points)
    return masses, w2


def _value(arrays: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """Masses and bound in the dtype of the first array; None for what the front door would refuse."""
    means, covs, weights, points = (concrete(x) for x in arrays)
    dtype = np.float32 if "32" in str(arrays[0].dtype) else np.float64
    finite = all(np.isfinite(x).all() for x in (means, covs, weights, points))
    if not (finite and weights.min() >= 0 and weights.max() > 0):
        return None
    mixture = UnitMixture.of(means, covs, weights / weights.sum())
    if mixture is None:
        return None
    masses, w2 = rounded(mixture, points, nearest(mixture, points), dtype)
    return masses, np.asarray(bound_in(w2, "numpy", np.empty(0, dtype), up=True))


def _slopes(arrays: tuple[Any, ...], along_masses: np.ndarray, along_w2: float) -> Slopes | None:
    """Derivatives of along_masses · masses + along_w2 · W₂."""
    means, covs, weights, points = (concrete(x) for x in arrays)
    if _value(arrays) is None:
        return None
    mixture = UnitMixture.of(means, covs, weights / weights.sum())
    assert mixture is not None
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
        mass, _, _, i, j, line = _core.moments(one, shifted, seeds, edges=True)
        between = shifted[j] - shifted[i]
        gap = np.linalg.norm(between, axis=1)[:, None]
        normal = between / gap
        tangent = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
        jump = (along[j] - along[i])[:, None]
        middle = 0.5 * (shifted[i] + shifted[j])
        # ∫ x φ over the edge, about the mean.
        moment = middle * line[:, :1] + tangent * line[:, 1:2]
        out.means[place] += weight * (jump * normal * line[:, :1]).sum(axis=0)
        outer = 0.5 * weight * (jump * normal).T @ moment @ np.linalg.inv(cov)
        out.covs[place] += 0.5 * (outer + outer.T)
        out.weights[place] += along @ mass
        for ends, side in ((i, 1.0), (j, -1.0)):
            pull = weight * jump * side * (shifted[ends] * line[:, :1] - moment) / gap
            np.add.at(out.points, ends, pull)


@functools.cache
def _torch_function() -> Any:
    """`nearest_masses` as a torch.autograd.Function, made when PyTorch is there."""
    import torch

    class NearestMasses(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, means: Any, covs: Any, weights: Any, points: Any) -> Any:
            arrays = (means, covs, weights, points)
            found = _value(arrays)
            if found is None:
                raise ValueError("covariances must be positive definite where the scheme is one of given points")
            ctx.save_for_backward(*arrays)
            return tuple(torch.as_tensor(x).to(dtype=means.dtype, device=means.device) for x in found)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, along_masses: Any, along_w2: Any) -> Any:
            arrays = ctx.saved_tensors
            slopes = _slopes(arrays, concrete(along_masses), float(along_w2))
            assert slopes is not None
            return tuple(torch.as_tensor(s).to(dtype=x.dtype, device=x.device) for s, x in zip(slopes, arrays))

    return NearestMasses.apply


@functools.cache
def _jax_function() -> Any:
    """`nearest_masses` as a jax.custom_vjp around callbacks, made when JAX is there."""
    import jax

    def value(*arrays: Any) -> tuple[np.ndarray, ...]:
        dtype = np.asarray(arrays[0]).dtype
        found = _value(arrays)
        if found is None:
            return np.full(len(arrays[3]), np.nan, dtype), np.asarray(np.nan, dtype)
        return tuple(np.asarray(x, dtype) for x in found)

    def slopes(along_masses: Any, along_w2: Any, *arrays: Any) -> tuple[np.ndarray, ...]:
        found = _slopes(arrays, concrete(along_masses), float(along_w2))
        if found is None:
            return tuple(np.full(np.shape(x), np.nan, np.asarray(x).dtype) for x in arrays)
        return tuple(np.asarray(s, np.asarray(x).dtype) for s, x in zip(found, arrays))

    @jax.custom_vjp
    def function(means: Any, covs: Any, weights: Any, points: Any) -> Any:
        shapes = jax.ShapeDtypeStruct(points.shape[:1], means.dtype), jax.ShapeDtypeStruct((), means.dtype)
        return jax.pure_callback(value, shapes, means, covs, weights, points, vmap_method="sequential")

    def forward(*arrays: Any) -> Any:
        return function(*arrays), arrays

    def backward(arrays: Any, along: Any) -> Any:
        shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays)
        return jax.pure_callback(slopes, shapes, *along, *arrays, vmap_method="sequential")

    function.defvjp(forward, backward)
    return function
