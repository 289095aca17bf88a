"""W₂² as a loss: the transport cost with its derivatives, in NumPy, PyTorch and JAX.

The solver is not differentiated through. By the envelope theorem, at the solution ∂W₂²/∂yᵢ = 2 ∫_{cell i} (yᵢ − x) dρ,
∂W₂²/∂νᵢ = wᵢ up to a constant, and for density parameters ∫ φᶜ ∂ρ with φᶜ(x) = minᵢ (|x − yᵢ|² − wᵢ).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from diracs._arrays import Array, concrete, framework
from diracs.discretization import Quantization
from diracs.distributions.discrete import SumOfDiracs
from diracs.transport.checks import check_problem
from diracs.transport.plan import ConvergenceWarning, Transport, transport
from diracs.transport.target import Density, Form, is_valid, parts, target_of

# Every target mass is met within this share of it, in double and in single precision …
_TOLERANCE = {"float64": 1e-9, "float32": 1e-6}
# … or within this one, where rounding allows no better: components of 1e-6 of the whole.
_ROUNDING = 1e-5


def distance(diracs: SumOfDiracs | Quantization, density: Density) -> Array:
    """The squared 2-Wasserstein distance W₂² between Diracs and a density, on the line or in the plane.

    Differentiable (PyTorch, JAX; `jax.jit` and `jax.vmap` too) in the positions and masses of the Diracs, in the values
    of a grid, in the means, covariances and weights of a mixture. Moving the Diracs against the gradient in their
    positions, −2 ∫_{cell} (yᵢ − x) dρ, is how to place them.

    Parameters
    ----------
    diracs : SumOfDiracs or Quantization
    density : PolynomialGrid or GaussianMixture
        Of dimension 1 or 2, of the framework of the Diracs (NumPy's go with all). A mixture is taken on the whole line
        or plane, exactly, with positive definite covariances of any kind (components of weight zero do not count); what
        `diracs.distributions.convert` makes one of is accepted too.

    Returns
    -------
    array ()
        In the framework, dtype and device of the positions.

    Raises
    ------
    ValueError, TypeError
        For batches (use `jax.vmap`), unequal dimensions, other kinds of density, components with a singular covariance
        (NaN under `jax.jit`, where values cannot be seen), mixed frameworks.

    Warns
    -----
    ConvergenceWarning
        If the target masses could not be reached.

    Notes
    -----
    The derivative in a full covariance is the symmetric matrix G with dW₂² = tr(G dΣ).
    """
    diracs, density = check_problem(diracs, density)
    form, parameters = parts(density)
    positions, masses = diracs.positions, diracs.weights
    kind = framework(positions)
    if kind == "torch":
        out: Array = _torch_function()(form, positions, masses, *parameters)
        return out
    if kind == "jax":
        return _jax_function()(form, positions, masses, *parameters)
    arrays = [concrete(x) for x in (positions, masses, *parameters)]
    value = np.asarray(_solve(form, arrays, _precision(positions)).distance)
    return value.astype(positions.dtype)[()]


def _precision(x: Any) -> float:
    name = str(x.dtype).removeprefix("torch.")
    if name not in _TOLERANCE:
        raise TypeError(f"positions must be of dtype float32 or float64, got {name}")
    return _TOLERANCE[name]


def _solve(form: Form, arrays: Sequence[np.ndarray], tolerance: float) -> Transport:
    """Solve for positions, masses and the parameters of the density, and warn."""
    positions, masses, *parameters = arrays
    found = transport(positions, masses, target_of(form, tuple(parameters)), tolerance)
    if not found.converged and found.error > _ROUNDING:
        warnings.warn(f"transport: {found.message}", ConvergenceWarning, stacklevel=3)
    return found


def _slopes(form: Form, arrays: Sequence[np.ndarray], found: Transport, wanted: bool) -> tuple[np.ndarray, ...]:
    """Derivatives in positions (n, d) and masses (n,), and in the parameters of the density if they are wanted."""
    positions, _, *parameters = arrays
    own = target_of(form, tuple(parameters)).slopes(positions, found.weights) if wanted else ()
    return (-2.0 * found.first, found.weights, *own)


@functools.cache
def _torch_function() -> Any:
    """The distance as a torch.autograd.Function, made when PyTorch is there."""
    import torch

    class Distance(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, form: Form, *tensors: Any) -> Any:
            arrays = [concrete(x) for x in tensors]
            found = _solve(form, arrays, _precision(tensors[0]))
            slopes = _slopes(form, arrays, found, any(ctx.needs_input_grad[3:]))
            ctx.slopes = [
                torch.as_tensor(slope).to(dtype=x.dtype, device=x.device)
                for slope, x in zip(slopes, tensors, strict=False)
            ]
            ctx.missing = len(tensors) - len(slopes)
            return torch.as_tensor(found.distance, dtype=tensors[0].dtype, device=tensors[0].device)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: Any) -> Any:
            return (None, *(grad * slope for slope in ctx.slopes), *[None] * ctx.missing)

    return Distance.apply


@functools.cache
def _jax_function() -> Any:
    """The distance as a jax.custom_vjp around a callback, made when JAX is there."""
    import jax
    import jax.numpy as jnp

    def solution(form: Form, arrays: Sequence[Any], precision: float) -> tuple[list[np.ndarray], Transport | None]:
        """None for what the front door would refuse, but could not see: the result is NaN."""
        numbers = [concrete(x) for x in arrays]
        positions, masses, *parameters = numbers
        sound = np.isfinite(positions).all() and np.isfinite(masses).all() and masses.min() >= 0 and masses.max() > 0
        valid = sound and is_valid(form, tuple(parameters))
        return numbers, _solve(form, numbers, precision) if valid else None

    def value_only(form: Form, precision: float, *arrays: Any) -> np.ndarray:
        found = solution(form, arrays, precision)[1]
        return np.asarray(np.nan if found is None else found.distance, dtype=np.asarray(arrays[0]).dtype)

    def with_slopes(form: Form, precision: float, wanted: bool, *arrays: Any) -> tuple[np.ndarray, ...]:
        numbers, found = solution(form, arrays, precision)
        if found is None:
            kept = numbers if wanted else numbers[:2]
            out: tuple[Any, ...] = (np.nan, *(np.full(x.shape, np.nan) for x in kept))
        else:
            out = (found.distance, *_slopes(form, numbers, found, wanted))
        return tuple(
            np.asarray(x, dtype=np.asarray(like).dtype) for x, like in zip(out, (arrays[0], *arrays), strict=False)
        )

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def cost(form: Form, *arrays: Any) -> Any:
        call = functools.partial(value_only, form, _precision(arrays[0]))
        shape = jax.ShapeDtypeStruct((), arrays[0].dtype)
        return jax.pure_callback(call, shape, *arrays, vmap_method="sequential")

    def forward(form: Form, *given: Any) -> Any:
        wanted = any(x.perturbed for x in given[2:])
        arrays = [x.value for x in given]
        kept = arrays if wanted else arrays[:2]
        shapes = [jax.ShapeDtypeStruct((), arrays[0].dtype), *(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in kept)]
        call = functools.partial(with_slopes, form, _precision(arrays[0]), wanted)
        value, *slopes = jax.pure_callback(call, tuple(shapes), *arrays, vmap_method="sequential")
        rest = [jnp.zeros_like(x) for x in arrays[len(kept) :]]
        return value, (*slopes, *rest)

    def backward(form: Form, slopes: Any, grad: Any) -> Any:
        scale = grad.instantiate() if hasattr(grad, "instantiate") else grad
        return tuple((scale * slope).astype(slope.dtype) for slope in slopes)

    cost.defvjp(forward, backward, symbolic_zeros=True)
    return cost
