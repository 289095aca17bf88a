"""W₂² as a loss: the transport cost with its derivatives, in NumPy, PyTorch and JAX.

The solver is not differentiated through. By the envelope theorem, at the solution ∂W₂²/∂yᵢ = 2 ∫_{cell i} (yᵢ − x) dρ,
∂W₂²/∂νᵢ = wᵢ up to a constant, and for density parameters ∫ φᶜ ∂ρ with φᶜ(x) = minᵢ (|x − yᵢ|² − wᵢ).
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from diracs import _core
from diracs._arrays import Array, common_framework, concrete, framework, to_framework
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.grid import PolynomialGrid
from diracs.transport.plan import ConvergenceWarning, Transport, check_problem, transport

# Target masses are met within this share of the smallest, in double and in single precision.
_TOLERANCE = {"float64": 1e-9, "float32": 1e-6}


def distance(diracs: SumOfDiracs, density: PolynomialGrid) -> Array:
    """The squared 2-Wasserstein distance W₂² between Diracs and a density, on the line or in the plane.

    Differentiable (PyTorch, JAX; `jax.jit` and `jax.vmap` too) in the positions and masses of the Diracs and in the
    values of the density. Moving the Diracs against the gradient in their positions, −2 ∫_{cell} (yᵢ − x) dρ, is how to
    place them.

    Parameters
    ----------
    diracs : SumOfDiracs
    density : PolynomialGrid
        Of dimension 1 or 2, of the framework of the Diracs (NumPy's go with all).

    Returns
    -------
    array ()
        In the framework, dtype and device of the positions.

    Raises
    ------
    ValueError, TypeError
        For batches (use `jax.vmap`), unequal dimensions, other kinds of density, mixed frameworks.

    Warns
    -----
    ConvergenceWarning
        If the target masses could not be reached.
    """
    check_problem(diracs, density)
    positions, masses, values = diracs.positions, diracs.weights, density.values
    kind = framework(positions)
    box = tuple(map(tuple, density.domain.tolist()))
    if kind == "torch":
        values = to_framework(values, kind, positions) if framework(values) == "numpy" else values
        out: Array = _torch_function()(positions, masses, values, box)
        return out
    if kind == "jax":
        import jax.numpy as jnp

        return _jax_function()(box, positions, masses, jnp.asarray(values))
    if common_framework(density=values) == "jax":
        return distance(SumOfDiracs(to_framework(positions, "jax"), to_framework(masses, "jax")), density)
    value = np.asarray(
        _solve(box, concrete(positions), concrete(masses), concrete(values), _precision(positions)).distance
    )
    return value.astype(positions.dtype)[()]


def _precision(x: Any) -> float:
    name = str(x.dtype).removeprefix("torch.")
    if name not in _TOLERANCE:
        raise TypeError(f"positions must be of dtype float32 or float64, got {name}")
    return _TOLERANCE[name]


def _solve(box: tuple, positions: np.ndarray, masses: np.ndarray, values: np.ndarray, tolerance: float) -> Transport:
    """Solve and warn."""
    found = transport(positions, masses, values, np.array(box), tolerance)
    if not found.converged:
        warnings.warn(f"transport: {found.message}", ConvergenceWarning, stacklevel=3)
    return found


def gradients(
    box: tuple, positions: np.ndarray, found: Transport, shape: tuple[int, ...] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Derivatives in positions (n, d), masses (n,) and, for values of the given shape, in the values of the pixels."""
    domain = np.array(box)
    slope = None if shape is None else potential_integrals(positions, found.weights, domain, shape)
    return -2.0 * found.first, found.weights, slope


def potential_integrals(
    positions: np.ndarray, weights: np.ndarray, domain: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """∫ φᶜ over each pixel of the box, φᶜ(x) = minᵢ (|x − yᵢ|² − wᵢ)."""
    centre, sides = 0.5 * (domain[0] + domain[1]), domain[1] - domain[0]
    size = float(sides.max())
    seeds, w, half = (positions - centre) / size, weights / size**2, 0.5 * sides / size
    if positions.shape[1] == 1:
        found = _line_integrals(seeds[:, 0], w, shape[0])
    else:
        unique, first = np.unique(seeds, axis=0, return_index=True)
        image = _core.Image(np.ones(shape), np.stack([-half, half]))
        found = image.potential(np.ascontiguousarray(unique), np.ascontiguousarray(w[first]))
    return np.asarray(found * size ** (2 + len(shape)))


def _line_integrals(seeds: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """∫ φᶜ over k equal pixels of [−½, ½]: cut at the borders of neighbouring cells, Simpson's rule on each piece."""
    order = np.argsort(seeds, kind="stable")
    y, w = seeds[order], weights[order]
    gap = np.diff(y)
    keep = np.concatenate([[True], gap > 0])
    y, w = y[keep], w[keep]
    borders = 0.5 * (y[1:] + y[:-1]) - 0.5 * np.diff(w) / np.where(np.diff(y) > 0, np.diff(y), 1.0)
    cuts = np.unique(np.clip(np.concatenate([borders, np.linspace(-0.5, 0.5, k + 1)]), -0.5, 0.5))
    left, length = cuts[:-1], np.diff(cuts)
    total = np.zeros(len(left))
    for place, share in ((0.0, 1 / 6), (0.5, 4 / 6), (1.0, 1 / 6)):
        x = left + place * length
        cell = np.clip(np.searchsorted(borders, left + 0.5 * length), 0, len(y) - 1)
        total += share * length * ((x - y[cell]) ** 2 - w[cell])
    pixel = np.clip(((left + 0.5 * length + 0.5) * k).astype(int), 0, k - 1)
    return np.bincount(pixel, total, minlength=k)


@functools.cache
def _torch_function() -> Any:
    """The distance as a torch.autograd.Function, made when PyTorch is there."""
    import torch

    class Distance(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, positions: Any, masses: Any, values: Any, box: tuple) -> Any:
            y, nu, v = (concrete(x) for x in (positions, masses, values))
            found = _solve(box, y, nu, v, _precision(positions))
            shape = tuple(values.shape) if ctx.needs_input_grad[2] else None
            slopes = gradients(box, y, found, shape)
            ctx.slopes = [
                None if slope is None else torch.as_tensor(slope).to(dtype=x.dtype, device=x.device)
                for slope, x in zip(slopes, (positions, masses, values), strict=True)
            ]
            return torch.as_tensor(found.distance, dtype=positions.dtype, device=positions.device)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: Any) -> Any:
            return (*(None if slope is None else grad * slope for slope in ctx.slopes), None)

    return Distance.apply


@functools.cache
def _jax_function() -> Any:
    """The distance as a jax.custom_vjp around a callback, made when JAX is there."""
    import jax
    import jax.numpy as jnp

    def broken(positions: np.ndarray, masses: np.ndarray, values: np.ndarray) -> bool:
        """True for what the front door would refuse, but could not see: the result is NaN."""
        finite = all(np.isfinite(x).all() for x in (positions, masses, values))
        return not (finite and masses.min() >= 0 and masses.max() > 0 and values.min() >= 0 and values.max() > 0)

    def value_only(box: tuple, precision: float, positions: Any, masses: Any, values: Any) -> np.ndarray:
        y, nu, v = (concrete(x) for x in (positions, masses, values))
        value = np.nan if broken(y, nu, v) else _solve(box, y, nu, v, precision).distance
        return np.asarray(value, dtype=np.asarray(positions).dtype)

    def with_slopes(
        box: tuple, precision: float, wanted: bool, positions: Any, masses: Any, values: Any
    ) -> tuple[np.ndarray, ...]:
        y, nu, v = (concrete(x) for x in (positions, masses, values))
        if broken(y, nu, v):
            empty = [np.full(np.shape(x), np.nan, dtype=np.asarray(positions).dtype) for x in (0.0, y, nu, v)]
            return tuple(empty if wanted else empty[:3])
        found = _solve(box, y, nu, v, precision)
        slopes = gradients(box, y, found, v.shape if wanted else None)
        dtype = np.asarray(positions).dtype
        out = (found.distance, *slopes) if wanted else (found.distance, *slopes[:2])
        return tuple(np.asarray(x, dtype=dtype) for x in out)

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def cost(box: tuple, positions: Any, masses: Any, values: Any) -> Any:
        call = functools.partial(value_only, box, _precision(positions))
        shape = jax.ShapeDtypeStruct((), positions.dtype)
        return jax.pure_callback(call, shape, positions, masses, values, vmap_method="sequential")

    def forward(box: tuple, positions: Any, masses: Any, values: Any) -> Any:
        wanted = values.perturbed
        arrays = [x.value for x in (positions, masses, values)]
        shapes = [jax.ShapeDtypeStruct((), arrays[0].dtype)]
        shapes += [jax.ShapeDtypeStruct(x.shape, arrays[0].dtype) for x in arrays[: 3 if wanted else 2]]
        call = functools.partial(with_slopes, box, _precision(arrays[0]), wanted)
        value, *slopes = jax.pure_callback(call, tuple(shapes), *arrays, vmap_method="sequential")
        rest = None if wanted else jnp.zeros_like(arrays[2])
        return value, (*slopes, *([] if wanted else [rest]))

    def backward(box: tuple, slopes: Any, grad: Any) -> Any:
        scale = grad.instantiate() if hasattr(grad, "instantiate") else grad
        return tuple(scale * slope for slope in slopes)

    cost.defvjp(forward, backward, symbolic_zeros=True)
    return cost
