"""The barycenters of the cells of a quantization, and what going there costs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from diracs.backend.arrays import concrete
from diracs.cells.intervals import voronoi_moments
from diracs.certificates.rounding import root_mean_square
from diracs.certificates.upper.assignment import parts
from diracs.certificates.upper.product import FrameMoments, block_moments, in_frame
from diracs.codebooks.cross import CrossCodebook, shell_moments
from diracs.codebooks.scalar import ScalarCodebook
from diracs.laws.convert import points_of
from diracs.laws.gaussian import FLAT, GaussianMixture, components_of
from diracs.propagation.law import law_of
from diracs.propagation.step import measure
from diracs.quantization.by_points import ENGINES
from diracs.quantization.discretization import Quantization
from diracs.quantization.units import Barycentric, barycentric_cells, unit_law
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.points import PointScheme
from diracs.schemes.product import ProductScheme, orthonormal


def barycentric(q: Quantization) -> Barycentric:
    """The cells of a quantization that is no batch, NumPy float64."""
    law, scheme = q.distribution, q.scheme
    assert not isinstance(scheme, tuple)
    if ENGINES.know(law) or (isinstance(scheme, PointScheme) and not _on_line(law)):
        return barycentric_cells(unit_law(law), concrete(q.positions))
    if isinstance(scheme, PointScheme):
        scheme = ProductScheme([ScalarCodebook(concrete(scheme.points)[:, 0])])
    layered = scheme if isinstance(scheme, LayeredScheme) else LayeredScheme([scheme])
    layered = LayeredScheme([_explicit(part, law.ndim) for part in layered.schemes], layered.groups)
    if any(isinstance(book, CrossCodebook) for part in layered.schemes for book in part.codebooks):
        return _of_crosses(q, law, layered)
    choice = measure(law_of(law), layered, biased=False)
    return Barycentric(choice.cells.masses, choice.cells.barycenters, math.sqrt(choice.step.square) + choice.step.moved)


def _on_line(law: GaussianMixture) -> bool:
    """Whether the certificate of points comes from levels: a mixture on the line that is no cloud."""
    return law.ndim == 1 and points_of(law) is None


def _explicit(part: ProductScheme, d: int) -> ProductScheme:
    """The same scheme with a frame and an offset, NumPy float64."""
    frame = np.eye(d) if part.frame is None else orthonormal(concrete(part.frame))
    offset = np.zeros(d) if part.offset is None else concrete(part.offset)
    scales = None if part.scales is None else concrete(part.scales)
    books = [
        CrossCodebook(concrete(book.radii), book.ndim)
        if isinstance(book, CrossCodebook)
        else ScalarCodebook(concrete(book.levels))
        for book in part.codebooks
    ]
    return ProductScheme(books, frame, offset, scales)


def _of_crosses(q: Quantization, law: GaussianMixture, scheme: LayeredScheme) -> Barycentric:
    """Of products with crosses, for the coupling of `certificates/upper/product.py`.

    In the frame R component k is X = μ + C ξ + rest, C = Σ R B^{−1/2} O with B = RᵀΣR: the axes that no codebook covers
    follow by regression. O is the polar factor of diag(ĝ) B^{1/2}, turned over; E[ξ | point] is known block by block.
    """
    means, covs, weights = components_of(law)
    masses, places = [], []
    for part, members, index, share in parts(scheme, means, covs, weights / weights.sum()):
        points = part.positions(law.ndim).reshape(part.stack, -1, law.ndim)
        mass, first = np.zeros(points.shape[:2]), np.zeros(points.shape)
        group = np.zeros(len(members), dtype=int) if index is None else index
        moments = in_frame(part, index, means[members], covs[members])
        blocks, _ = block_moments(part, index, moments)
        arriving, along = np.ones((len(members), 1)), np.zeros((len(members), 1, 0))
        for block, own in zip(blocks, _standardized(part, group, moments)):
            # Products of the blocks before with this one: masses, and E[ξ; point].
            along = np.concatenate(
                [along[:, :, None] * block.masses[:, None, :, None], (arriving[:, :, None, None] * own[:, None])],
                axis=3,
            ).reshape(len(members), -1, along.shape[2] + own.shape[2])
            arriving = (arriving[:, :, None] * block.masses[:, None, :]).reshape(len(members), -1)
        for j, (k, g) in enumerate(zip(members, group)):
            gain = np.concatenate([block.alignment[j] for block in blocks]) if blocks else np.zeros(0)
            mass[g] += share[j] * arriving[j]
            first[g] += share[j] * (
                arriving[j][:, None] * (means[k] - points[g]) + along[j] @ _lift(part, g, covs[k], gain).T
            )
        solid = np.where(mass > 0, mass, 1.0)[..., None]
        masses.append(mass.ravel())
        places.append((points + first / solid).reshape(-1, law.ndim))
    found, centres = np.concatenate(masses), np.concatenate(places)
    # What the certificate of the points themselves counts too much.
    gained = float(root_mean_square(centres - concrete(q.positions), found)) ** 2 * (1.0 - 1e-9)
    w2 = float(concrete(q.w2))
    return Barycentric(concrete(q.weights), centres, math.sqrt(max(w2**2 - gained, 0.0)) + 1e-13 * w2)


def _standardized(part: ProductScheme, group: np.ndarray, moments: FrameMoments) -> Iterator[np.ndarray]:
    """E[ξ; point] for each codebook, (J, n, axes), ξ being its Z standardized."""
    r, start = part.ndim_support, 0
    scales = np.broadcast_to(1.0 if part.scales is None else part.scales, (part.stack, r))[group]
    for book in part.codebooks:
        axes = slice(start, start + book.ndim)
        start += book.ndim
        if isinstance(book, CrossCodebook):
            each = shell_moments(np.sort(book.radii), book.ndim)[1] / (2 * book.ndim)
            signs = np.sign(book.points()).reshape(len(each), -1, book.ndim)
            one = (each[:, None, None] * signs).reshape(1, -1, book.ndim)
            yield np.broadcast_to(one, (len(group), *one.shape[1:]))
        else:
            y = np.sort(book.levels) * scales[:, axes]
            yield voronoi_moments(y, moments.mean[:, axes], moments.variance[:, axes]).slope[:, :, None]


def _lift(part: ProductScheme, g: int, cov: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """C (d, r) for a covariance (d, d) and gains E ξ_l q_l (r,)."""
    assert part.frame is not None
    frame = orthonormal(part.frame).reshape(-1, *part.frame.shape[-2:])
    frame = frame[g if len(frame) > 1 else 0][:, : len(gain)]
    spread = cov @ frame
    block = frame.T @ spread
    values, vectors = np.linalg.eigh(0.5 * (block + block.T))
    solid = values > FLAT * values[-1] if len(values) else np.zeros(0, dtype=bool)
    roots = np.sqrt(np.where(solid, values, 0.0))
    inverse = np.divide(1.0, roots, out=np.zeros_like(roots), where=solid)
    u, _, vt = np.linalg.svd(gain[:, None] * ((vectors * roots) @ vectors.T))
    return spread @ (vectors * inverse) @ vectors.T @ (vt.T @ u.T)
