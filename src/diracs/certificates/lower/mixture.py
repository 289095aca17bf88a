"""Lower bounds on the W₂ between a Gaussian mixture and *every* measure of n points.

Let X follow the mixture, K be its component and Y the point that X is sent to, under any coupling. Four facts are used:

- Y takes n values, so I(X; Y) ≤ ln n, and I(X; Y | K = k) ≤ ln n for each k: rate–distortion theory applies;
- n points span an affine space of dimension n − 1 at most, and what the best such space misses is lost;
- a projection only lowers W₂, and on a line the optimal quantizer of a Gaussian is known;
- leaving components out of the mixture only lowers the cost.

Rounding is downward: factorizations are of covariances lowered (raised, where they divide) by more than the backward
error, and `SLACK` covers what is left, the rounding of sums, logarithms and exponentials of moderate size.
"""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.lower.cloud import cloud_lower_bound
from diracs.certificates.lower.covering import mixture_covering_bound
from diracs.certificates.lower.covering_line import line_covering_bound
from diracs.certificates.lower.line import line_bound
from diracs.certificates.lower.rate_distortion import component_distortions
from diracs.certificates.lower.shannon import BACKWARD, shannon_bound
from diracs.laws.gaussian import full_covariances

SLACK = 1e-10  # relative, on W₂²: logarithms reach 1e3, so their sums are good to some 1e-13; d and k add a few digits
MOST_ON_LINE, MOST_ON_LINE_COMPONENTS = 48, 64  # points and components up to which that is done
FEW_POINTS = 1000  # a cloud of so few points is looked at as a mixture too

Normalized = tuple[np.ndarray, np.ndarray, np.ndarray, int]


def lower_bound(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    """A number that the W₂ (not squared) between the mixture and any measure of n points is never below.

    Parameters
    ----------
    means : array (k, d)
    covs : array (k, d, d)
        Symmetric positive semidefinite; singular and zero covariances are allowed.
    weights : array (k,)
        Non-negative, of sum 1.
    n : int
        Number of points, at least 1.

    Returns
    -------
    float
        The largest of: what an affine space of dimension n − 1 misses (for n = 1 the exact optimum, the root of the
        total variance), Σ w_k D_k with the bounds D_k of `component_distortions`, `shannon_bound`, and `line_bound`
        for the projection on the leading axis.
    """
    m, c, w, exponent = _normalized(means, covs, weights)
    if not (m.any() or c.any()):
        return 0.0
    diagonal = np.diagonal(c, axis1=-2, axis2=-1)
    is_diagonal = np.count_nonzero(c) == np.count_nonzero(diagonal)
    variances = np.sort(diagonal, axis=-1)[:, ::-1] if is_diagonal else _eigenvalues(c)
    distortions = component_distortions(variances, n)
    bounds = [float(w @ distortions)]
    k, d = m.shape
    if k == 1:
        bounds.append(float(diagonal.sum()) if n == 1 else float(variances[0, n - 1 :].sum()))
    else:
        centred = m - w @ m
        if n == 1:
            bounds.append(float(w @ (np.einsum("ki,ki->k", centred, centred) + diagonal.sum(axis=-1))))
        else:
            total = np.tensordot(w, c, 1) + (centred * w[:, None]).T @ centred
            spectrum, axes = np.linalg.eigh(total)
            error = BACKWARD * (d + math.sqrt(k)) * float(np.trace(total))
            bounds.append(float(np.maximum(spectrum[: max(d - n + 1, 0)] - error, 0.0).sum()))
            bounds.append(shannon_bound(m, c, w, variances, distortions, axes[:, ::-1], n))
            # Skipped where n points on the leading axis cannot cost much: for most laws it is below 8 λ/n².
            affordable = n <= MOST_ON_LINE and k <= MOST_ON_LINE_COMPONENTS
            if affordable and 8.0 * float(spectrum[-1]) > max(bounds) * n**2:
                along = np.maximum(c @ axes[:, -1] @ axes[:, -1], 0.0)
                blur = BACKWARD * d * diagonal.sum(axis=-1)
                bounds.append(line_bound(m @ axes[:, -1], along, w, n, blur))
    root = math.sqrt(max(bounds) * (1.0 - SLACK))
    return math.nextafter(math.ldexp(root, exponent), 0.0)


def law_lower_bound(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    """The sharpest for one mixture (k, d) with covariances of any kind, or for a cloud, where there is none."""
    if covs.any():
        return sharpest_lower_bound(means, full_covariances(means, covs), weights, n)
    bound = cloud_lower_bound(means, weights, n)
    if len(weights) <= FEW_POINTS:
        bound = max(bound, sharpest_lower_bound(means, full_covariances(means, covs), weights, n))
    return bound


def sharpest_lower_bound(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    """As `lower_bound`, or that by covering the line, the plane or space if larger, which takes up to seconds."""
    bound = lower_bound(means, covs, weights, n)
    d = means.shape[1]
    if d not in _COVERINGS or n == 1 or bound == 0.0:
        return bound
    m, c, w, exponent = _normalized(means, covs, weights)
    square = _COVERINGS[d](m, c, w, n)
    root = math.sqrt(square * (1.0 - SLACK))
    return max(bound, math.nextafter(math.ldexp(root, exponent), 0.0))


def _line_covering(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    # One component alone has the exact optimum already, and few points theirs nearly.
    if len(weights) == 1 or n <= MOST_ON_LINE:
        return 0.0
    return line_covering_bound(means[:, 0], covs[:, 0, 0], weights, n)


# By dimension.
_COVERINGS = {1: _line_covering, 2: mixture_covering_bound, 3: mixture_covering_bound}


def _normalized(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> Normalized:
    """Means about the heaviest one and covariances over a power of two, exact but for underflow; and its exponent."""
    keep = weights > 0
    m, c, w = means[keep], covs[keep], weights[keep]
    first = int(np.frexp(np.abs(m).max())[1]) + 1
    m = np.ldexp(m, -first)
    m = m - m[np.argmax(w)]
    spread = [int(np.frexp(np.abs(m).max())[1]) + first] if m.any() else []
    width = [-(-int(np.frexp(c.max())[1]) // 2)] if c.any() else []
    exponent = max(spread + width, default=0)
    c = np.ldexp(c, -2 * exponent)
    # Subnormal covariances are not worth their rounding errors.
    c[np.diagonal(c, axis1=-2, axis2=-1).max(axis=-1) < 1e-280] = 0.0
    return np.ldexp(m, first - exponent), c, w / w.sum(), exponent


def _eigenvalues(covs: np.ndarray) -> np.ndarray:
    """Eigenvalues (k, d), largest first, lowered by their error."""
    error = BACKWARD * covs.shape[-1] * np.trace(covs, axis1=-2, axis2=-1)
    lowered: np.ndarray = np.maximum(np.linalg.eigvalsh(covs)[:, ::-1] - error[:, None], 0.0)
    return lowered
