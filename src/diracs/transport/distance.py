"""W₂² as a loss: the transport cost with its derivatives, in NumPy, PyTorch and JAX.

The solver is not differentiated through. By the envelope theorem, at the solution ∂W₂²/∂yᵢ = 2 ∫_{cell i} (yᵢ − x) dρ,
∂W₂²/∂νᵢ = wᵢ up to a constant, and for density parameters ∫ φᶜ ∂ρ with φᶜ(x) = minᵢ (|x − yᵢ|² − wᵢ).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np

from diracs.backend.arrays import Array, concrete
from diracs.backend.callback import Arrays, InvalidValues, Numbers, NumpyFunction, Shapes
from diracs.backend.members import of_batch
from diracs.laws.diracs import HoldsDiracs, SumOfDiracs, as_diracs
from diracs.laws.pixels import PolynomialGrid
from diracs.transport.batch import is_batch, over_batch
from diracs.transport.checks import check_problem
from diracs.transport.convergence import ConvergenceWarning
from diracs.transport.families import FAMILIES, Family, Form, is_valid, parts, target_of
from diracs.transport.implicit import hessian_product
from diracs.transport.small import small_transports
from diracs.transport.solved import transport
from diracs.transport.target import Density

# Every target mass is met within this share of it, in double and in single precision …
_TOLERANCE = {"float64": 1e-9, "float32": 1e-6}
# … or within this one, where rounding allows no better: components of 1e-6 of the whole.
_ROUNDING = 1e-5


def distance(diracs: SumOfDiracs | HoldsDiracs, density: Density | Sequence[Density]) -> Array:
    """The squared 2-Wasserstein distance W₂² between Diracs and a density, on the line, in the plane or in space.

    Differentiable (PyTorch, JAX; `jax.jit` and `jax.vmap` too) in the positions and masses of the Diracs, in the values
    of a grid or a mesh, in the means, covariances and weights of a mixture, in location and scale of a univariate law;
    twice in positions and masses (`hvp`, `hessian`). Moving the Diracs against the gradient in their positions,
    2 ∫_{cell} (yᵢ − x) dρ, is how to place them.

    Parameters
    ----------
    diracs : SumOfDiracs or Quantization
        Masses count as shares of their sum: `SumOfDiracs` has divided them by it. Leading axes, positions (…, n, d) and
        masses (…, n), are a batch of problems.
    density : PolynomialGrid, Mesh, GaussianMixture, or a univariate law of scipy.stats or torch.distributions
        Of dimension 1, 2 or 3, of the framework of the Diracs (NumPy's go with all). Values, or weights, count as
        shares of their sum too: W₂² is between probability measures, and scaling all masses, or all values, changes
        nothing (derivatives scale as 1/total). A mixture is taken on the whole line, plane or space, exactly, with
        positive definite covariances of any kind (components of weight zero do not count); what `diracs.laws.convert`
        makes one of is accepted too. Where a grid is periodic distances are those on the torus. One for all problems
        of a batch, or one for each: a sequence of densities of one kind, shape and domain, or a batch of mixtures.

    Returns
    -------
    array (…)
        In the framework, dtype and device of the positions; of the shape of the batch, () for one problem. Problems of
        a batch, and those that `torch.func.vmap` or `jax.vmap` make, are solved side by side (`diracs.set_threads`).

    Raises
    ------
    ValueError, TypeError
        For batches that are empty or do not broadcast, unequal dimensions, other kinds of density, components with a
        singular covariance (NaN under `jax.jit` and in batches of JAX, where values cannot be seen), mixed frameworks.
    NotImplementedError
        Where second derivatives in the parameters of the density are asked for.

    Warns
    -----
    ConvergenceWarning
        If the target masses could not be reached.

    Notes
    -----
    The derivative in a full covariance is the symmetric matrix G with dW₂² = tr(G dΣ). Second derivatives in masses are
    there where all masses are positive; second derivatives in positions of Diracs on one spot hold for motions of them
    as one.

    Examples
    --------
    Neither side needs to be normalized:

    >>> from diracs import PolynomialGrid, SumOfDiracs, distance
    >>> f"{distance(SumOfDiracs([[0.25], [0.75]], [3.0, 3.0]), PolynomialGrid([7.0])) * 48:.6f}"
    '1.000000'

    A batch of two:

    >>> batch = SumOfDiracs([[[0.25], [0.75]], [[0.5], [0.5]]])
    >>> (distance(batch, PolynomialGrid([1.0])) * 48).round(6).tolist()
    [1.0, 4.0]
    """
    diracs = as_diracs(diracs)
    _tolerance(diracs.positions.dtype)
    if is_batch(diracs, density):
        return over_batch(diracs, density, _of_batch)
    diracs, density = check_problem(diracs, density)
    form, parameters = parts(density)
    value: Array = _function(form.family)(form.numbers, diracs.positions, diracs.weights, *parameters)[0]
    return value


def _of_batch(form: Form, mapped: Sequence[bool], arrays: Sequence[Array]) -> Array:
    return _function(form.family).batch(form.numbers, mapped, *arrays)[0]


def _tolerance(dtype: object) -> float:
    name = str(dtype).removeprefix("torch.")
    if name not in _TOLERANCE:
        raise TypeError(f"positions must be of dtype float32 or float64, got {name}")
    return _TOLERANCE[name]


def _shapes(shapes: Shapes) -> tuple[Shapes, Shapes]:
    """W₂²; weights of the optimal plan and first moments of its cells."""
    positions = shapes[0]
    return [()], [positions[:1], positions]


def _value(family: Family, numbers: Numbers, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Solve for positions, masses and the parameters of the density, and warn."""
    positions, masses, *parameters = (concrete(x) for x in arrays)
    sound = np.isfinite(positions).all() and np.isfinite(masses).all() and masses.min() >= 0 and masses.max() > 0
    if not (sound and is_valid(Form(family, numbers), tuple(parameters))):
        raise InvalidValues(
            "positions, masses and the density's parameters must be finite, masses and weights not negative and not all"
            " zero, covariances positive definite"
        )
    dtype = arrays[0].dtype
    found = transport(positions, masses, target_of(Form(family, numbers), tuple(parameters)), _tolerance(dtype))
    if not found.converged and found.error > _ROUNDING:
        warnings.warn(f"transport: {of_batch()}{found.message}", ConvergenceWarning, stacklevel=4)
    return [np.asarray(found.distance, dtype)], [found.weights, found.first]


def _values(family: Family, numbers: Numbers, arrays: Arrays) -> tuple[np.ndarray, Arrays] | None:
    """The same for a batch of small problems; which of them are solved."""
    positions, masses, *parameters = (np.asarray(x, np.float64) for x in arrays)
    count = max(len(x) for x in arrays)
    if len(positions) != count:
        positions = np.broadcast_to(positions, (count, *positions.shape[1:]))
    goal, dtype = target_of(Form(family, numbers), tuple(x[0] for x in parameters)), arrays[0].dtype
    found = small_transports(positions, masses, goal, parameters[0], _tolerance(dtype))
    return None if found is None else (found.solved, [found.distance.astype(dtype), found.weights, found.first])


def _pullbacks(arrays: Arrays, kept: Arrays, along: Arrays, wanted: Sequence[bool]) -> tuple[np.ndarray, Arrays] | None:
    """Derivatives in positions and masses for all problems of a batch; those in parameters are found one by one."""
    if any(wanted[2:]):
        return None
    (weights, first), scale = kept, np.asarray(along[0], np.float64)
    sound = np.isfinite(weights).all(axis=1) & np.ones(max(len(x) for x in (*arrays, *kept, *along)), bool)
    slopes = -2.0 * scale[:, None, None] * first, scale[:, None] * weights
    full = [np.broadcast_to(s, (len(sound), *s.shape[1:])) for s, w in zip(slopes, wanted, strict=False) if w]
    return sound, [s if s.flags.writeable else s.copy() for s in full]


def _pullback(
    family: Family, numbers: Numbers, arrays: Arrays, kept: Arrays, along: Arrays, wanted: Sequence[bool]
) -> Arrays:
    """Derivatives in positions and masses, and in the parameters of the density if any of these is wanted."""
    weights, first = kept
    if not np.isfinite(weights).all():
        raise InvalidValues("the distance is not a number")
    positions, _, *parameters = (concrete(x) for x in arrays)
    own = [0.0 * p for p in parameters]
    if any(wanted[2:]):
        own = list(target_of(Form(family, numbers), tuple(parameters)).slopes(positions, weights))
    return [float(along[0]) * slope for slope in (-2.0 * first, weights, *own)]


def _hessian(family: Family, numbers: Numbers, arrays: Arrays, kept: Arrays, along: Arrays) -> Arrays:
    """Second derivatives in positions and masses, times directions in these."""
    weights = kept[0]
    if not np.isfinite(weights).all():
        raise InvalidValues("the distance is not a number")
    positions, masses, *parameters = (concrete(x) for x in arrays)
    goal, steps = target_of(Form(family, numbers), tuple(parameters)), (concrete(along[0]), concrete(along[1]))
    return hessian_product(positions, masses, weights, goal, steps)


# By the name of the family: PyTorch's compiler is to know them before it is at work.
_FUNCTIONS: dict[str, NumpyFunction] = {}


def _function(family: Family) -> NumpyFunction:
    """The distance to the densities of one family."""
    if family.name not in _FUNCTIONS:
        value, pullback = partial(_value, family), partial(_pullback, family)
        arity = 2 + len(family.parameters)
        _FUNCTIONS[family.name] = NumpyFunction(
            f"distance_to_{family.name}",
            "distance",
            arity,
            _shapes,
            value,
            pullback,
            constants="the parameters of the density",
            twice=2,
            hessian=partial(_hessian, family),
            together=partial(_values, family) if family.law is PolynomialGrid else None,
            pull_together=_pullbacks,
        )
    return _FUNCTIONS[family.name]


for _family in FAMILIES:
    _function(_family)
