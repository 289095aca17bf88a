"""Units: laws and schemes of any size are brought to one where squares neither overflow nor vanish."""

from __future__ import annotations

import numpy as np

from diracs.backend.arrays import Array, asarray_like, eps, is_traced, namespace, stop_gradient, take
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

    Sizes are those of deviations, of differences between means and offsets, and of the points next to the offsets:
    others are either nearer to the law than these, or have no mass. Components without weight are to be left out by
    the caller. For traced values a traced number.
    """
    xp = namespace(means, covs)
    sizes = [xp.sqrt(xp.max(abs(covs))), xp.max(abs(means - means[:1]))]
    if scheme is not None:
        reached = xp.concat([_nearest_points(part, means) for part in scheme.schemes], axis=0)
        if scheme.stack == 1 or scheme.groups is not None:
            used = np.zeros(1, dtype=int) if scheme.stack == 1 else np.unique(np.asarray(scheme.groups))
            sizes.append(xp.max(take(reached, used, axis=0)))
        else:
            sizes.append(xp.min(reached))
    size = sizes[0]
    for other in sizes[1:]:
        size = xp.where(other > size, other, size)
    size = stop_gradient(size)
    harmless = _harmless(means)
    if is_traced(size):
        positive = xp.where(size > 0, size, xp.ones_like(size))
        digits = xp.log(positive) / np.log(10.0)
        return xp.where(abs(digits) < harmless, xp.ones_like(size), xp.exp(np.log(2.0) * xp.round(xp.log2(positive))))
    value = float(size)
    if value == 0.0 or abs(np.log10(value)) < harmless:
        return 1.0
    return float(2.0 ** np.round(np.log2(value)))


def _nearest_points(part: ProductScheme, means: Array) -> Array:
    """For each scheme of a stack the distance (G,), by the largest coordinate, to its offset and the next points."""
    xp = namespace(means)
    offset = xp.zeros_like(means[:1]) if part.offset is None else part.offset.reshape(-1, means.shape[-1])
    size = xp.max(abs(offset - means[:1]), axis=-1)
    axes = 0
    for book in part.codebooks:
        scale = xp.ones_like(size[:1])
        if part.scales is not None:
            scale = xp.max(abs(part.scales.reshape(-1, part.ndim_support)[:, axes : axes + book.ndim]), axis=-1)
        axes += book.ndim
        reach = xp.min(abs(book_array(book))) * scale
        size = xp.where(reach > size, reach, size + 0.0 * reach)
    return size + xp.zeros(part.stack, dtype=means.dtype)


def _harmless(x: Array) -> float:
    """Numbers between 10 to ± this are squared as they are; see also `within_reach`."""
    return 60.0 if eps(x) < 1e-10 else 6.0
