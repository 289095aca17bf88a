"""Units: laws and schemes of any size are brought to one where squares neither overflow nor vanish."""

from __future__ import annotations

import numpy as np

from diracs._arrays import Array, asarray_like, eps, is_traced, namespace, stop_gradient
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme, book_array


def rescale(scheme: LayeredScheme, factor: float | Array) -> LayeredScheme:
    """The scheme with all points multiplied by the factor."""
    scaled = []
    for part in scheme.schemes:
        offset = None if part.offset is None else part.offset * factor
        if part.scales is not None:
            scales = part.scales * factor
        elif part.codebooks:
            first = book_array(part.codebooks[0])
            scales = asarray_like(np.ones(part.ndim_support), first) * factor
        else:
            scales = None
        scaled.append(ProductScheme(part.codebooks, part.frame, offset, scales))
    return LayeredScheme(scaled, scheme.groups)


def unit_of(means: Array, covs: Array, scheme: LayeredScheme | None = None) -> float | Array:
    """A power of two near the size of law and scheme, 1 where that is harmless.

    Sizes are those of deviations, of differences between means and offsets, and of the points about their offsets. Mass
    that is nowhere and schemes that nobody uses are to be left out by the caller. For traced values a traced number.
    """
    xp = namespace(means, covs)
    sizes = [xp.sqrt(xp.max(abs(covs))), xp.max(abs(means - means[:1]))]
    for part in () if scheme is None else scheme.schemes:
        offset = 0.0 * means[0] if part.offset is None else part.offset
        sizes.append(xp.max(abs(offset - means[:1])))
        scale = 1.0 if part.scales is None else xp.max(abs(part.scales))
        sizes += [xp.max(abs(book_array(book))) * scale for book in part.codebooks if part.ndim_support]
    size = sizes[0]
    for other in sizes[1:]:
        size = xp.where(other > size, other, size)
    size = stop_gradient(size)
    harmless = 60.0 if eps(means) < 1e-10 else 6.0
    if is_traced(size):
        positive = xp.where(size > 0, size, xp.ones_like(size))
        digits = xp.log(positive) / np.log(10.0)
        return xp.where(abs(digits) < harmless, xp.ones_like(size), xp.exp(np.log(2.0) * xp.round(xp.log2(positive))))
    value = float(size)
    if value == 0.0 or abs(np.log10(value)) < harmless:
        return 1.0
    return float(2.0 ** np.round(np.log2(value)))
