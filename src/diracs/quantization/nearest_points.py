"""A distribution goes to given points, each point of space to the nearest, with the best masses."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs.backend.arrays import Array, bound_in, concrete, framework, is_lazy, namespace, to_framework
from diracs.certificates.upper.nearest_autodiff import nearest_masses
from diracs.laws.gaussian import GaussianMixture, full_covariances
from diracs.quantization.units import send, unit_law


def mixture_to_points(means: Array, covs: Array, weights: Array, points: Array) -> tuple[Array, Array, Array, bool]:
    """Positions (n, d), masses (n,), bound on W₂, and whether it is W₂, in the framework and dtype of `means`.

    Parameters
    ----------
    means : array (k, d)
    covs : array (k,), (k, d) or (k, d, d)
    weights : array (k,)
    points : array (n, d)
        Rounded to the dtype of `means`: masses and bound are those of the rounded points.

    Raises
    ------
    ValueError
        For near singular covariances in the plane, unless all are zero.
    TypeError
        For derivatives in more than two dimensions.
    """
    placed = to_framework(points, framework(means), means)
    if not any(is_lazy(x) for x in (means, covs, weights, placed)):
        return placed, *_numbers(unit_law(GaussianMixture._of(means, covs, weights)), placed, means)
    if means.shape[-1] > 2:
        raise TypeError(
            "scheme must not be a PointScheme in more than two dimensions where derivatives are asked for: they are not"
            " known there"
        )
    masses, w2 = nearest_masses(means, full_covariances(means, covs), weights, placed)
    return placed, masses, w2, True


def unit_to_points(law: Any, points: Array, like: Array) -> tuple[Array, Array, Array, bool]:
    """The same for a law in its own unit, in the framework and dtype of `like`."""
    placed = to_framework(points, framework(like), like)
    return placed, *_numbers(law, placed, like)


def _numbers(law: Any, placed: Array, like: Array) -> tuple[Array, Array, bool]:
    kind = framework(like)
    masses, w2, exact = send(law, concrete(placed), np.float32 if "32" in str(like.dtype) else np.float64)
    return to_framework(masses, kind, like), bound_in(w2, kind, like, up=True), exact


def in_given_order(points: Array, positions: Array, masses: Array) -> tuple[Array, Array]:
    """Sorted positions (n, 1) and masses (n,) on the line, in the order of the points (n, 1) that they came from."""
    xp = namespace(points)
    place = xp.argsort(xp.argsort(points[:, 0], stable=True), stable=True)
    if isinstance(positions, np.ndarray):
        place = np.asarray(place)
    return namespace(positions).take(positions, place, axis=0), namespace(masses).take(masses, place, axis=0)
