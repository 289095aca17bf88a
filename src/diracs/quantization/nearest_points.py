"""A distribution goes to given points, each point of space to the nearest: exact, with the best masses."""

from __future__ import annotations

import numpy as np

from diracs.backend.arrays import (
    Array,
    bound_in,
    concrete,
    framework,
    is_lazy,
    namespace,
    to_framework,
)
from diracs.certificates.upper.nearest import REQUIRED, UnitLaw, UnitMixture, nearest, rounded
from diracs.certificates.upper.nearest_autodiff import nearest_masses
from diracs.laws.gaussian import full_covariances


def mixture_to_points(means: Array, covs: Array, weights: Array, points: Array) -> tuple[Array, Array, Array]:
    """Positions (n, 2), masses (n,) and bound on W₂ for a planar mixture, in the framework and dtype of `means`.

    Parameters
    ----------
    means : array (k, 2)
    covs : array (k,), (k, 2) or (k, 2, 2)
    weights : array (k,)
    points : array (n, 2)
        Rounded to the dtype of `means`: masses and bound are those of the rounded points.

    Raises
    ------
    ValueError
        For near singular covariances.
    """
    kind = framework(means)
    placed = to_framework(points, kind, means)
    arrays = (means, full_covariances(means, covs), weights, placed)
    if any(is_lazy(x) for x in arrays):
        masses, w2 = nearest_masses(*arrays)
        return placed, masses, w2
    mixture = UnitMixture.of(*(concrete(x) for x in arrays[:3]))
    if mixture is None:
        raise ValueError(
            f"distribution must have {REQUIRED}, to go to a PointScheme of the plane; use a ProductScheme (quantize's"
            " scheme='product')"
        )
    return placed, *_numbers(mixture, placed, means)


def unit_to_points(law: UnitLaw, points: Array, like: Array) -> tuple[Array, Array, Array]:
    """The same for a law in its own unit, points (n, d), in the framework and dtype of `like`."""
    placed = to_framework(points, framework(like), like)
    return placed, *_numbers(law, placed, like)


def _numbers(law: UnitLaw, placed: Array, like: Array) -> tuple[Array, Array]:
    kind, points = framework(like), concrete(placed)
    dtype = np.float32 if "32" in str(like.dtype) else np.float64
    masses, w2 = rounded(law, points, nearest(law, points), dtype)
    return to_framework(masses, kind, like), bound_in(w2, kind, like, up=True)


def in_given_order(points: Array, positions: Array, masses: Array) -> tuple[Array, Array]:
    """Sorted positions (n, 1) and masses (n,) on the line, in the order of the points (n, 1) that they came from."""
    xp = namespace(points)
    place = xp.argsort(xp.argsort(points[:, 0], stable=True), stable=True)
    if isinstance(positions, np.ndarray):
        place = np.asarray(place)
    return namespace(positions).take(positions, place, axis=0), namespace(masses).take(masses, place, axis=0)
