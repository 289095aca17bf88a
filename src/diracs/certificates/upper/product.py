"""Upper bounds: the cost of sending each Gaussian component to the points of a product scheme.

In frame coordinates, X ~ N(μ, Σ) is written X = μ + A(Z − EZ), Z with independent coordinates and sent to q(Z). Then

    E|X − q(Z)|² = Σ_l [E(Z_l − q_l)² + excess_l] + 2 [Σ_l dev_l ĝ_l − tr(Σ^{1/2} O diag ĝ)],   ĝ_l = E ξ_l q_l,

ξ being Z's standardized coordinates. The best orthogonal O makes the last trace the nuclear norm of diag(ĝ) Σ^{1/2}
(docs/certificates.md, "Product schemes"). If Σ is diagonal in the frame, or if the true joint masses of the cells are
known, scalar axes need no correction: the error depends on the marginals only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.backend.arrays import Array, concrete, eps, is_lazy, namespace, stop_gradient, take, within_reach
from diracs.cells.intervals import standardize, voronoi_gaps
from diracs.cells.rectangles import rectangle_masses
from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.moments import BlockMoments
from diracs.schemes.product import ProductScheme, orthonormal

# A correlation below this is as good as none: its effect on a bound is of the order of its square.
_UNCORRELATED = 1e-10


class FrameMoments(NamedTuple):
    """K Gaussians in the coordinates of their scheme's frame, about its offset."""

    mean: Array  # (K, r)
    variance: Array  # (K, r)
    covariance: Array | None  # (K, r, r), None if diagonal by structure
    residual: Array  # (K,): mean square distance from the space of the covered axes
    rounding: Array  # (K,): W₂ by which rounding may have moved the Gaussian


class Coupling(NamedTuple):
    """The cost of sending K Gaussians to the n points of their schemes, and the masses that arrive there."""

    cost: Array  # (K,)
    masses: Array | None  # (K, n), if asked for
    rounding: Array  # (K,): to be added to the root of the cost
    nearest: bool  # every point of space surely goes to its nearest Dirac


def in_frame(scheme: ProductScheme, index: np.ndarray | None, means: Array, covs: Array) -> FrameMoments:
    """Means (K, d) and covariances (K,), (K, d) or (K, d, d) in the frames of the stacked schemes `index` (K,)."""
    xp = namespace(means, covs)
    d, r = means.shape[-1], scheme.ndim_support
    delta = means if scheme.offset is None else within_reach(means - _gather(scheme.offset, index, 1))
    moved = 0.0 * delta[:, 0] if scheme.offset is None else eps(means) * xp.sqrt(xp.sum(delta * delta, axis=-1))
    kind = covs.ndim - means.ndim
    if scheme.frame is None:
        if kind < 0:
            variances = covs[:, None] + xp.zeros_like(means)
        else:
            variances = covs if kind == 0 else xp.linalg.diagonal(covs)
        block = covs[:, :r, :r] if kind > 0 else None
        residual = xp.sum(variances[:, r:] + delta[:, r:] ** 2, axis=-1)
        return FrameMoments(delta[:, :r], variances[:, :r], block, residual, stop_gradient(moved))

    frame = _gather(orthonormal(scheme.frame), index, 2)
    mean = xp.matmul(delta[:, None, :], frame)[:, 0]  # (K, m)
    if kind < 0:
        variance, block = covs[:, None] + xp.zeros_like(mean), None
        total = d * covs
    else:
        spread = xp.matmul(covs, frame) if kind > 0 else covs[:, :, None] * frame
        variance = xp.sum(frame * spread, axis=-2)
        # Rounding may leave a zero variance below zero.
        variance = xp.where(variance > 0, variance, xp.zeros_like(variance))
        block = xp.matmul(xp.matrix_transpose(frame[..., :r]), spread[..., :r]) if r > 1 else None
        total = xp.sum(covs, axis=-1) if kind == 0 else xp.sum(xp.linalg.diagonal(covs), axis=-1)
    residual = xp.sum(variance[:, r:] + mean[:, r:] ** 2, axis=-1)
    aligned = axis_aligned(scheme)
    if frame.shape[-1] < d:
        outside = delta - xp.matmul(frame, mean[..., None])[..., 0]
        if aligned:
            # The variances of the other axes themselves: as a difference small ones would be lost.
            each = covs[:, None] if kind < 0 else covs if kind == 0 else xp.linalg.diagonal(covs)
            rest = xp.sum((1.0 - xp.sum(frame * frame, axis=-1)) * each, axis=-1)
        else:
            rest = total - xp.sum(variance, axis=-1)
        residual = residual + xp.sum(outside * outside, axis=-1) + xp.where(rest > 0, rest, xp.zeros_like(rest))
    if aligned:
        return FrameMoments(mean[:, :r], variance[:, :r], block, residual, stop_gradient(moved))
    # Rotated sums are only good to rounding of their largest terms: δ off a variance is δ/σ ≤ √δ off a deviation.
    slack = 4.0 * d * eps(means) * total
    top = xp.where(slack > 0, slack, xp.ones_like(slack))[:, None]
    deviations = slack[:, None] / xp.sqrt(xp.where(variance[:, :r] > top, variance[:, :r], top))
    moved = moved + 4.0 * d * eps(means) * xp.sqrt(xp.sum(delta * delta, axis=-1))
    rounding = xp.sqrt(xp.sum(deviations * deviations, axis=-1) + moved * moved)
    residual = residual + stop_gradient(slack)
    return FrameMoments(mean[:, :r], variance[:, :r], block, residual, stop_gradient(rounding))


def axis_aligned(scheme: ProductScheme) -> bool:
    """True if the frame surely is made of coordinate axes, so that it rotates nothing."""
    if scheme.frame is None:
        return True
    return not is_lazy(scheme.frame) and bool(np.isin(concrete(scheme.frame), (-1.0, 0.0, 1.0)).all())


def couple(
    scheme: ProductScheme, index: np.ndarray | None, means: Array, covs: Array, *, masses: bool = True
) -> Coupling:
    """Send each Gaussian to the points of its scheme.

    Parameters
    ----------
    scheme : ProductScheme
        A stack if `index` is given; its arrays of the same framework as the Gaussians'.
    index : int array (K,), optional
        Which scheme of the stack each Gaussian uses.
    means, covs : array
        (K, d); (K,), (K, d) or (K, d, d).
    masses : bool
        Whether to compute the masses, where not only the cost matters.
    """
    xp = namespace(means, covs)
    moments = in_frame(scheme, index, means, covs)
    blocks, radial = block_moments(scheme, index, moments)
    cost = moments.residual
    if not blocks:
        return Coupling(cost, xp.ones_like(means[:, :1]), moments.rounding, True)
    distortion, alignment, deviation, excess = (
        xp.concat([getattr(block, name) for block in blocks], axis=-1)
        for name in ("distortion", "alignment", "deviation", "excess")
    )
    cost = cost + xp.sum(distortion + excess, axis=-1)

    lazy = is_lazy(means) or is_lazy(covs) or any(is_lazy(a) for a in scheme.arrays())
    correlated = np.zeros(means.shape[0], dtype=bool)
    if moments.covariance is not None and moments.mean.shape[-1] > 1:
        correlated = ~correlated if lazy else _correlated(moments)
    planar = not radial and len(blocks) == 2
    if radial:
        root = xp.where(moments.variance > 0, xp.sqrt(xp.where(moments.variance > 0, moments.variance, 1.0)), 0.0)
        correction = 2.0 * xp.sum(alignment * (deviation - root), axis=-1)
        nearest = not lazy and _isotropic_crosses(scheme, moments, deviation)
    else:
        correction = xp.zeros_like(cost)
        nearest = planar or not correlated.any()
    if correlated.any() and not planar:
        rows = np.flatnonzero(correlated)
        g, dev = take(alignment, rows, axis=0), take(deviation, rows, axis=0)
        full = 2.0 * (xp.sum(g * dev, axis=-1) - nuclear_norm(g, take(moments.covariance, rows, axis=0)))
        if lazy:
            correction = full
        else:
            correction[rows] = full
    arriving = None
    if masses:
        arriving = _masses(scheme, index, moments, blocks, correlated if planar else np.zeros_like(correlated))
    return Coupling(cost + correction, arriving, moments.rounding, nearest)


def _masses(
    scheme: ProductScheme,
    index: np.ndarray | None,
    moments: FrameMoments,
    blocks: list[BlockMoments],
    joint: np.ndarray,
) -> Array:
    """Masses (K, n) of the points: products over the blocks, but for the Gaussians `joint` the true ones."""

    def product(rows: np.ndarray | slice) -> Array:
        out = blocks[0].masses[rows]
        for block in blocks[1:]:
            out = (out[:, :, None] * block.masses[rows][:, None, :]).reshape(out.shape[0], -1)
        return out

    if not joint.any():
        return product(slice(None))
    rows = np.flatnonzero(joint)
    true = _rectangles(scheme, index, moments, rows)
    if joint.all():
        return true
    others = np.flatnonzero(~joint)
    masses = np.empty((joint.size, true.shape[1]))
    masses[rows], masses[others] = true, product(others)
    return masses


def nuclear_norm(g: Array, sigma: Array) -> Array:
    """A number not above the nuclear norm of diag(g) Σ^{1/2}, that is tr (diag(g) Σ diag(g))^{1/2}, batched.

    Differentiable twice, by an expansion about the value: the derivative of tr B^{1/2} is ½ tr(B^{−1/2} dB), while that
    of an eigendecomposition is singular at equal eigenvalues. Where B is singular, the derivatives are those along
    matrices of the same rank.
    """
    xp = namespace(g, sigma)
    b = g[:, :, None] * sigma * g[:, None, :]
    b = 0.5 * (b + xp.matrix_transpose(b))
    fixed = stop_gradient(b)
    values, vectors = xp.linalg.eigh(fixed)
    top = values[:, -1:]
    # The root of an eigenvalue that rounding made of zero would be 1e-8: round all of them down first.
    values = values - 4.0 * sigma.shape[-1] * eps(b) * top
    positive = values > 1e-30 * xp.where(top > 0, top, xp.ones_like(top))
    roots = xp.where(positive, xp.sqrt(xp.where(positive, values, xp.ones_like(values))), xp.zeros_like(values))
    trace = xp.sum(roots, axis=-1)
    if not is_lazy(g) and not is_lazy(sigma):
        return trace
    # With X = R + E/(rᵢ + rⱼ) − …, the root of R² + E in eigenvectors, tr X = tr R + Σ Eᵢᵢ/2rᵢ − Σ Dᵢⱼ²/2rᵢ, where
    # Dᵢⱼ = Eᵢⱼ/(rᵢ + rⱼ); at equal rank a null direction j adds Xⱼⱼ = Σ Dᵢⱼ²/rᵢ.
    change = xp.matmul(xp.matrix_transpose(vectors), xp.matmul(b - fixed, vectors))
    inverse = xp.where(positive, 1.0 / xp.where(positive, roots, xp.ones_like(roots)), xp.zeros_like(roots))
    sums = roots[:, :, None] + roots[:, None, :]
    some = sums > 0
    turned = xp.where(some, change / xp.where(some, sums, xp.ones_like(sums)), xp.zeros_like(sums))
    sign = 0.5 - xp.astype(~positive, b.dtype)[:, None, :]
    bend = sign * inverse[:, :, None]
    first = 0.5 * xp.sum(inverse * xp.linalg.diagonal(change), axis=-1)
    return trace + first - xp.sum(bend * turned * turned, axis=(-2, -1))


def block_moments(
    scheme: ProductScheme, index: np.ndarray | None, moments: FrameMoments
) -> tuple[list[BlockMoments], bool]:
    """The moments of every codebook on its axes, and whether one of them is a cross."""
    xp = namespace(moments.mean)
    scales = xp.ones_like(moments.mean[:1]) if scheme.scales is None else _gather(scheme.scales, index, 1)
    blocks, start = [], 0
    for book in scheme.codebooks:
        axes = slice(start, start + book.ndim)
        blocks.append(book.moments(moments.mean[:, axes], moments.variance[:, axes], scales[:, axes]))
        start += book.ndim
    return blocks, any(isinstance(book, CrossCodebook) for book in scheme.codebooks)


def _correlated(moments: FrameMoments) -> np.ndarray:
    """Which Gaussians are correlated in the frame."""
    root = np.sqrt(moments.variance)
    bound = _UNCORRELATED * root[:, :, None] * root[:, None, :]
    off = np.abs(np.asarray(moments.covariance)) * (1.0 - np.eye(root.shape[-1]))
    return (off > bound).any(axis=(-2, -1))


def _isotropic_crosses(scheme: ProductScheme, moments: FrameMoments, deviation: Array) -> bool:
    """True if on each cross the Gaussians are centred and of one variance, the square of every scale."""
    if moments.covariance is not None and _correlated(moments).any():
        return False
    start = 0
    for book in scheme.codebooks:
        axes = slice(start, start + book.ndim)
        start += book.ndim
        if isinstance(book, CrossCodebook):
            scale = deviation[:, axes]
            tolerance = 1e-13 * scale.max()
            if np.ptp(scale) > tolerance or np.abs(moments.mean[:, axes]).max() > tolerance:
                return False
            if np.abs(moments.variance[:, axes] - scale**2).max() > tolerance * scale.max():
                return False
    return True


def _rectangles(scheme: ProductScheme, index: np.ndarray | None, moments: FrameMoments, rows: np.ndarray) -> Array:
    """Joint masses (K', n₁n₂) of the cells of two scalar codebooks, for the Gaussians `rows`."""
    xp = namespace(moments.mean)
    mean, variance = take(moments.mean, rows, axis=0), take(moments.variance, rows, axis=0)
    covariance = take(moments.covariance, rows, axis=0)
    ones = xp.ones_like(moments.mean[:1])
    scales = ones if scheme.scales is None else _gather(scheme.scales, None if index is None else index[rows], 1)
    positive = variance > 0
    deviation = xp.where(positive, xp.sqrt(xp.where(positive, variance, 1.0)), xp.zeros_like(variance))
    borders = []
    for axis, book in enumerate(scheme.codebooks):
        y = within_reach(book.points()[:, 0][None, :] * scales[:, axis, None])
        upper = y + voronoi_gaps(y)[1]
        b = standardize(upper - mean[:, axis, None], deviation[:, axis, None])
        borders.append(xp.concat([xp.full_like(b[:, :1], -40.0), b], axis=-1))
    product = deviation[:, 0] * deviation[:, 1]
    correlation = covariance[:, 0, 1] / xp.where(product > 0, product, xp.ones_like(product))
    masses = rectangle_masses(borders[0], borders[1], xp.clip(correlation, -1.0, 1.0))
    return masses.reshape(masses.shape[0], -1)


def _gather(values: Array, index: np.ndarray | None, rank: int) -> Array:
    """Rows of a stacked array for each Gaussian; an unstacked one gets an axis to broadcast."""
    if values.ndim == rank:
        return values[None]
    return values if index is None else take(values, index, axis=0)


def low_precision_slack(x: Array) -> float:
    """Relative amount by which a bound computed in this dtype is raised, to cover the rounding of its arithmetic."""
    return 1e-13 if eps(x) < 1e-12 else 64.0 * eps(x)
