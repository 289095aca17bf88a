"""Rate–distortion bounds for Gaussians: n points carry ln n nats."""

from __future__ import annotations

import math

import numpy as np

from diracs.codebooks.optimal import normal_levels

LARGEST_LINE = 10_000  # levels computed for the optimum on a line; beyond, rate–distortion alone


def rate_distortion(eigenvalues: np.ndarray, nats: float | np.ndarray) -> np.ndarray:
    """Least mean squared error of Gaussian vectors sent with the given information: reverse water-filling.

    Parameters
    ----------
    eigenvalues : array (..., d)
        Of the covariances; non-negative, in any order.
    nats : float or array (...)
        Information, non-negative; infinity gives 0.

    Returns
    -------
    array (...)
        D = Σ min(λ_i, θ) with the level θ for which Σ max(0, ½ ln(λ_i/θ)) = nats.

    Notes
    -----
    Cover & Thomas, Elements of Information Theory (2006), theorem 10.3.3.
    """
    v = np.asarray(eigenvalues, dtype=np.float64)
    return water_filling(v, np.ones_like(v), nats)


def component_distortions(variances: np.ndarray, n: int) -> np.ndarray:
    """Lower bounds (k,) on E|X − Y|² for the Gaussians with these covariance eigenvalues (k, d), largest first.

    The larger of the rate–distortion bound and of the optimum of the leading axis alone: in a mixture they hold for
    each component, given that X comes from it.
    """
    bounds = rate_distortion(variances, math.log(n))
    # n² times the optimum on a line stays below π√3/2 = 2.7207: do not compute levels that cannot help.
    if 1 < n <= LARGEST_LINE and (variances[:, 0] * (2.7207 / n**2) > bounds).any():
        line = float(normal_levels(n)[1]) * (1.0 - 1e-9)
        bounds = np.maximum(bounds, variances[:, 0] * line)
    return bounds


def water_filling(variances: np.ndarray, counts: np.ndarray, nats: float | np.ndarray) -> np.ndarray:
    """Reverse water-filling over the last axis, each variance counted so many times (positive, not always whole)."""
    order = np.argsort(-variances, axis=-1, kind="stable")
    v = np.take_along_axis(variances, order, axis=-1)
    c = np.take_along_axis(counts, order, axis=-1)
    top = np.where(v[..., :1] > 0, v[..., :1], 1.0)
    v = v / top
    rate = np.asarray(nats, dtype=np.float64)[..., None]
    positive = v > 0
    logs = np.log(np.where(positive, v, 1.0))
    sizes = np.cumsum(np.where(positive, c, 0.0), axis=-1)
    sums = np.cumsum(np.where(positive, c * logs, 0.0), axis=-1)
    # The rate at which the falling water reaches each variance.
    reached = np.where(positive, (sums - sizes * logs) / 2, np.inf)
    last = np.maximum((reached < rate).sum(axis=-1, keepdims=True) - 1, 0)
    v, c, sizes, sums = (np.broadcast_to(x, (*last.shape[:-1], x.shape[-1])) for x in (v, c, sizes, sums))
    size = np.take_along_axis(sizes, last, axis=-1)
    level = np.exp((np.take_along_axis(sums, last, axis=-1) - 2.0 * rate) / np.where(size > 0, size, 1.0))
    below = np.where(np.arange(v.shape[-1]) > last, c * v, 0.0).sum(axis=-1)
    distortion: np.ndarray = ((size * level)[..., 0] + below) * top[..., 0]
    return distortion
