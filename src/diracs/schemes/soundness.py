"""What the front doors refuse, for values that they could not look at: laws and schemes under transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, asarray_like, is_traced, namespace, stop_gradient
from diracs.codebooks.cross import CrossCodebook
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme, book_array, orthonormality


def sound_law(means: Array, covs: Array, weights: Array) -> Array:
    """True where means (k, d), covariances of any kind and weights (k,) make a law; a traced truth value."""
    means, covs, weights = (stop_gradient(x) for x in (means, covs, weights))
    xp = namespace(means, covs, weights)
    sound = _finite(means) & _finite(covs) & _finite(weights) & xp.all(weights >= 0)
    if covs.ndim < 3:
        largest = xp.max(covs, axis=-1, keepdims=True)
        return sound & xp.all(covs >= -checks.definite_tolerance(covs, 1) * abs(largest))
    d = covs.shape[-1]
    tolerance = checks.definite_tolerance(covs, d)
    unit = xp.max(abs(covs), axis=(-2, -1), keepdims=True)
    covs = covs / xp.where(unit > 0, unit, xp.ones_like(unit))
    covs = xp.where(xp.isfinite(covs), covs, asarray_like(np.eye(d), covs))
    symmetric = xp.all(abs(covs - xp.matrix_transpose(covs)) <= tolerance)
    return sound & symmetric & xp.all(xp.linalg.eigvalsh(covs) >= -tolerance)


def sound_scheme(scheme: Any) -> Array | bool:
    """The same for the numbers of a scheme."""
    arrays = [stop_gradient(a) for a in scheme.arrays()]
    if not any(is_traced(a) for a in arrays):
        return True  # the front door looked at them
    xp = namespace(*arrays)
    sound = xp.all(xp.stack([_finite(a) for a in arrays]))
    if not isinstance(scheme, ProductScheme | LayeredScheme):
        return sound
    for part in scheme.schemes if isinstance(scheme, LayeredScheme) else (scheme,):
        for book in part.codebooks:
            if isinstance(book, CrossCodebook):
                sound = sound & xp.all(book_array(book) > 0)
        if part.scales is not None:
            sound = sound & xp.all(part.scales >= 0)
        if part.frame is not None:
            defect, allowed = orthonormality(stop_gradient(part.frame))
            sound = sound & (defect <= allowed)
    return sound


def _finite(x: Array) -> Array:
    xp = namespace(x)
    return xp.all(xp.isfinite(x))
