"""The plan as a differentiable function of positions and masses, in PyTorch and JAX.

The solver is not differentiated through: derivatives are those of `implicit.pull_back`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np

from diracs.backend.arrays import Array, concrete
from diracs.backend.callback import Arrays, InvalidValues, Numbers, NumpyFunction, Shapes
from diracs.backend.members import of_batch
from diracs.transport.convergence import ConvergenceWarning
from diracs.transport.families import FAMILIES, Family, Form, is_valid, target_of
from diracs.transport.implicit import pull_back
from diracs.transport.solved import Transport, transport

# What the last array holds: nothing, weights to start from, or the solution.
COLD, WARM, SOLVED = 0.0, 1.0, 2.0


def differentiable_plan(
    form: Form, tolerance: float, kind: float, known: Array, *arrays: Array
) -> tuple[Array, Array, Array, Array]:
    """Distance (), barycenters (n, d), masses (n,) and weights (n,) for positions, masses and parameters of a density.

    Parameters
    ----------
    form : Form
    tolerance : float
    kind : float
        COLD, WARM or SOLVED.
    known : array
        Weights (n,) to start from, or the solution as `packed`.
    *arrays : arrays
        Of one framework.
    """
    numbers = (*form.numbers, tolerance, kind)
    found = _function(form.family)(numbers, *arrays, known)
    return found[0], found[1], found[2], found[3]


def packed(found: Transport) -> np.ndarray:
    """A solution as one array (n + 1, d + 2)."""
    rows = np.column_stack([found.weights, found.mass, found.first])
    return np.vstack([rows, np.full((1, rows.shape[1]), found.distance)])


def _shapes(shapes: Shapes) -> tuple[Shapes, Shapes]:
    """The four outputs; weights and first moments in double precision."""
    positions = shapes[0]
    return [(), positions, positions[:1], positions[:1]], [positions[:1], positions]


def _value(family: Family, numbers: Numbers, arrays: Arrays) -> tuple[Arrays, Arrays]:
    (*own, tolerance, kind), dtype = numbers, arrays[0].dtype
    positions, masses, *parameters, known = (concrete(x) for x in arrays)
    form = Form(family, tuple(own))
    if kind == SOLVED:
        weights, mass, first, distance = known[:-1, 0], known[:-1, 1], known[:-1, 2:], known[-1, 0]
    else:
        sound = np.isfinite(positions).all() and np.isfinite(masses).all() and masses.min() >= 0 and masses.max() > 0
        if not (sound and is_valid(form, tuple(parameters))):
            raise InvalidValues("positions, masses and the density's parameters must be finite and make a problem")
        start = known if kind == WARM else None
        found = transport(positions, masses, target_of(form, tuple(parameters)), tolerance, start)
        if not found.converged:
            warnings.warn(f"transport: {of_batch()}{found.message}", ConvergenceWarning, stacklevel=4)
        weights, mass, first, distance = found.weights, found.mass, found.first, found.distance
    barycenters = positions + _shift(mass, first)
    outputs = [np.asarray(x, dtype) for x in (distance, barycenters, mass, weights)]
    return outputs, [np.array(weights), np.array(first)]


def _shift(mass: np.ndarray, first: np.ndarray) -> np.ndarray:
    """From positions to barycenters (n, d)."""
    held = mass[:, None] > 0
    return np.asarray(np.where(held, first / np.where(held, mass[:, None], 1.0), 0.0))


def _pullback(
    family: Family, numbers: Numbers, arrays: Arrays, kept: Arrays, along: Arrays, wanted: Sequence[bool]
) -> Arrays:
    """Derivatives in positions and masses."""
    weights, first = kept
    if not np.isfinite(weights).all():
        raise InvalidValues("the plan has no numbers")
    positions, masses, *parameters, _ = (concrete(x) for x in arrays)
    by_distance, by_barycenters, by_masses, by_weights = (concrete(x) for x in along)
    goal = target_of(Form(family, numbers[:-2]), tuple(parameters))
    slopes, in_masses = pull_back(positions, masses, weights, goal, by_barycenters, by_weights, wanted[1])
    # The distance by the envelope theorem, masses as shares of their sum.
    share = masses / masses.sum()
    own = by_distance * weights + by_masses
    in_masses = in_masses + (own - share @ own) / masses.sum()
    return [slopes - 2.0 * by_distance * first, in_masses, *(0.0 * p for p in parameters), 0.0 * concrete(arrays[-1])]


_FUNCTIONS: dict[str, NumpyFunction] = {}


def _function(family: Family) -> NumpyFunction:
    """For the densities of one family."""
    if family.name not in _FUNCTIONS:
        _FUNCTIONS[family.name] = NumpyFunction(
            f"plan_to_{family.name}",
            "the optimal plan",
            3 + len(family.parameters),
            _shapes,
            partial(_value, family),
            partial(_pullback, family),
            smooth=2,
            constants="the parameters of the density",
        )
    return _FUNCTIONS[family.name]


# PyTorch's compiler is to know them before it is at work.
for _family in FAMILIES:
    _function(_family)
