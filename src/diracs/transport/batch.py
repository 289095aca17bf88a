"""Batches of problems: what the front door of `distance` makes of leading axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diracs.backend.arrays import Array, beside, common_framework, companion, namespace
from diracs.laws.diracs import SumOfDiracs
from diracs.transport.checks import check_density, check_dimensions
from diracs.transport.families import Form, as_density, parts

# From a form, which arrays differ along a first axis, and arrays to the values of all problems.
Solve = Callable[[Form, Sequence[bool], Sequence[Array]], Array]


def is_batch(diracs: SumOfDiracs, density: Any) -> bool:
    """Whether there is more than one problem here, or an axis for more."""
    return diracs.positions.ndim > 2 or isinstance(density, list | tuple) or bool(getattr(density, "batch_shape", ()))


def over_batch(diracs: SumOfDiracs, density: Any, solve: Solve) -> Array:
    """The values (…) of problems along the leading axes of Diracs, of densities, or of both, broadcast.

    Raises
    ------
    ValueError, TypeError
        For shapes that do not go together, densities of unlike kinds, and what single problems are refused for.
    """
    form, ndim, own, parameters = _densities(density)
    check_dimensions(diracs.ndim, ndim)
    common_framework(diracs=diracs.positions, density=parameters[0])
    shapes = (tuple(diracs.positions.shape[:-2]), own)
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"diracs and density must be batches of shapes that broadcast, got {shapes[0]} and {shapes[1]}"
        ) from None
    leads = [len(s) for s in (shapes[0], shapes[0], *[own] * len(parameters))]
    arrays = [diracs.positions, diracs.weights, *parameters]
    like = companion(*arrays)
    if like is not None:
        arrays = [beside(x, like) for x in arrays]
    # What is shared by all problems stays one array.
    flat = [_flat(x, lead, shape) if lead else x for x, lead in zip(arrays, leads, strict=True)]
    return solve(form, [lead > 0 for lead in leads], flat).reshape(shape)


def _flat(x: Array, lead: int, shape: tuple[int, ...]) -> Array:
    """(B, …) in place of leading axes that broadcast to `shape`."""
    rest = tuple(x.shape[lead:])
    return namespace(x).broadcast_to(x, shape + rest).reshape((math.prod(shape), *rest))


def _densities(density: Any) -> tuple[Form, int, tuple[int, ...], list[Array]]:
    """Form, dimension, batch shape and parameters: of one density, a batch of mixtures, or a sequence of densities."""
    if not isinstance(density, list | tuple):
        density = as_density(density)
        own = getattr(density, "batch_shape", ())
        # What makes no problem in a batch is found where it is solved.
        law = density if own else check_density(density)
        form, parameters = parts(law)
        return form, law.ndim, tuple(own), list(parameters)
    if not density:
        raise ValueError("density must not be an empty sequence: give one density for each problem, or one for all")
    laws = [_one(k, law) for k, law in enumerate(density)]
    common_framework(**{f"density[{k}]": parts(law)[1][0] for k, law in enumerate(laws)})
    like = companion(*[parts(law)[1][0] for law in laws])
    form, first = parts(laws[0])
    columns: list[list[Array]] = [[] for _ in first]
    for k, law in enumerate(laws):
        other, arrays = parts(law)
        if other != form or [x.shape for x in arrays] != [x.shape for x in first]:
            raise ValueError(
                f"density must be a sequence of densities of one kind, shape and domain, but {laws[0]!r} and the one at"
                f" {k}, {law!r}, are not: call distance for each group of like ones"
            )
        for column, x in zip(columns, arrays, strict=True):
            column.append(x if like is None else beside(x, like))
    return form, laws[0].ndim, (len(laws),), [namespace(*column).stack(column) for column in columns]


def _one(k: int, law: Any) -> Any:
    """The density at place k of a sequence."""
    try:
        return check_density(law)
    except (TypeError, ValueError) as error:
        raise type(error)(f"density[{k}]: {error}") from None
