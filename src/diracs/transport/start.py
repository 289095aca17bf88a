"""Where Newton's method starts: dual weights of a coarse entropic transport, evaluated at the seeds themselves.

Both laws are centred and each axis scaled to equal deviations, which leaves x·y what it is. Sinkhorn's iterations
(Cuturi 2013) between histograms, in logarithms and one axis at a time, end with a soft c-transform at the actual seeds.
Its potential is strictly convex, so that no cell of the plane, or of space, is empty. Along periodic axes, neither
centred nor scaled, kernels are sums over images: of all of space, the same holds.
"""

from __future__ import annotations

import numpy as np

from diracs.transport.density import UnitDensity

# Entropies in units of the variance, each with so many iterations.
_ENTROPIES = ((1.0, 3), (0.3, 4), (0.1, 5), (0.03, 7), (0.015, 9))
# Sums of products that were too small for doubles are not to be trusted below this.
_UNDERFLOW = 1e-250
# Masses that do not matter here.
_NOTHING = 1e-10
# For so many seeds in space a coarser grid does, where 24³ cells take a second.
_FEW = 30
# This share of the mass on either side may lie outside of the histogram of the seeds.
_OUTLIERS = 0.05


def sinkhorn_weights(seeds: np.ndarray, target: np.ndarray, density: UnitDensity) -> np.ndarray:
    """Weights (n,) of power cells that carry about the target masses."""
    d = seeds.shape[1]
    # Some axes of space may be but the thickness of a plane.
    most = (64 if len(seeds) > 20_000 else 32) if len(density.spread()) < 3 else 12 if len(seeds) <= _FEW else 24
    grid, p = density.coarse(most)
    periodic, sides = np.array(density.space.periodic), np.diff(density.box, axis=0)[0]
    marginals = [p.sum(axis=tuple(b for b in range(d) if b != a)) for a in range(d)]
    centre = np.array([m @ x for m, x in zip(marginals, grid, strict=True)])
    spread = np.sqrt([m @ (x - c) ** 2 for m, x, c in zip(marginals, grid, centre, strict=True)])
    # A few seeds far away would leave one cell of the histogram for all the others.
    near = _clipped(seeds, target, ~periodic)
    middle = target @ near
    reach = np.sqrt(target @ (near - middle) ** 2)
    # An axis on which the seeds, or the law, have no width is left alone.
    known = (reach > 1e-9 * reach.max()) & (spread > 0) & ~periodic
    stretch = np.sqrt(np.where(known, reach, 1.0) / np.where(known, spread, 1.0))
    centre[periodic] = middle[periodic] = 0.0
    x = [(g - c) * s for g, c, s in zip(grid, centre, stretch, strict=True)]
    z = (near - middle) / stretch
    scale = float((spread * stretch).max()) or 1.0
    periods = np.where(periodic, sides, 0.0)

    low, high = np.where(periodic, density.box[0], z.min(axis=0)), np.where(periodic, density.box[1], z.max(axis=0))
    width, shape = np.where(high > low, high - low, scale), np.array(p.shape)
    place = np.minimum(((z - low) / width * shape).astype(int), shape - 1)
    q = np.bincount(np.ravel_multi_index(tuple(place.T), p.shape), target, minlength=p.size).reshape(p.shape)
    y = [low[a] + width[a] * (np.arange(shape[a]) + 0.5) / shape[a] for a in range(d)]

    with np.errstate(divide="ignore"):
        log_p, log_q = np.log(p), np.log(q)
    g = np.zeros(p.shape)
    for entropy, iterations in _ENTROPIES:
        eps = entropy * scale**2
        costs = [_cost(x[a][:, None] - y[a], periods[a], eps) for a in range(d)]
        found = _scaled(costs, p, q, g / eps + log_q, iterations)
        if found is None:
            for _ in range(iterations):
                f = -eps * _log_sums(costs, g / eps + log_q)
                g = -eps * _log_sums([c.T for c in costs], f / eps + log_p)
            exponents = f / eps + log_p
        else:
            exponents, g = found[0], eps * found[1]
    potential = -eps * _log_sums_at(z, x, exponents, periods, eps)
    convex = 0.5 * (z**2).sum(axis=1) - potential
    far = np.flatnonzero((near != seeds).any(axis=1))
    if far.size:
        # Beyond the histogram it goes on with the slope that it has there, the mean of x.
        slope = _means_at(z[far], x, exponents, periods, eps)
        convex[far] += (((seeds - near)[far] / stretch) * slope).sum(axis=1)
    weights: np.ndarray = (seeds**2).sum(axis=1) - 2.0 * (convex + (seeds - middle) @ centre)
    # The median: a seed far away has a large weight, beside which the others' differences would lose their digits.
    return weights - np.median(weights)


def _cost(gap: np.ndarray, period: float, eps: float) -> np.ndarray:
    """Minus the logarithm of the kernel at displacements along an axis, of the sum over images if its period is > 0."""
    if not period > 0:
        return np.asarray(0.5 * gap**2 / eps)
    gap = gap - period * np.round(gap / period)
    return -_logsumexp(-0.5 * (gap[..., None] + period * np.arange(-1, 2)) ** 2 / eps)


def _clipped(seeds: np.ndarray, target: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Seeds moved along some axes to within the interval between two quantiles, widened by its length on both sides."""
    out = seeds.copy()
    for column in (out[:, a] for a in np.flatnonzero(axes)):
        order = np.argsort(column)
        sums = np.cumsum(target[order])
        low, high = column[order[np.searchsorted(sums, (_OUTLIERS, 1.0 - _OUTLIERS))]]
        if high > low:
            np.clip(column, 2.0 * low - high, 2.0 * high - low, out=column)
    return out


def _scaled(
    costs: list[np.ndarray], p: np.ndarray, q: np.ndarray, exponents: np.ndarray, iterations: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Sinkhorn's iterations from exponents g/ε + log q: f/ε + log p and g/ε, both up to constants.

    Scalings of rows and columns, without logarithms; None where these underflow.
    """
    kernels = [np.exp(-cost) for cost in costs]
    columns = np.exp(exponents - exponents.max())
    lost_p, lost_q = p > _NOTHING, q > _NOTHING
    for _ in range(iterations):
        sums = _products(kernels, columns)
        if (lost_p & (sums < _UNDERFLOW)).any():
            return None
        rows = p / np.maximum(sums, _UNDERFLOW)
        rows /= rows.max()
        sums = _products([k.T for k in kernels], rows)
        if (lost_q & (sums < _UNDERFLOW)).any():
            return None
        sums = np.maximum(sums, _UNDERFLOW)
        columns = q / sums
        columns /= columns.max()
    with np.errstate(divide="ignore"):
        return np.log(rows), -np.log(sums)


def _products(kernels: list[np.ndarray], values: np.ndarray) -> np.ndarray:
    """The kernels applied along the axes, one to each."""
    for kernel in kernels:
        # The first axis goes, and comes back as the last one.
        moved = values.reshape(len(values), -1).T @ kernel.T
        values = moved.reshape(*values.shape[1:], len(kernel))
    return values


def _log_sums(costs: list[np.ndarray], exponents: np.ndarray) -> np.ndarray:
    """log Σ exp(exponents − costs) on a grid."""
    for cost in costs:
        rest = exponents.reshape(len(exponents), -1).T
        exponents = _logsumexp(rest[:, None, :] - cost[None]).reshape(*exponents.shape[1:], len(cost))
    return exponents


def _logsumexp(x: np.ndarray) -> np.ndarray:
    """Over the last axis; −∞ where all are."""
    top = x.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        result: np.ndarray = np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]
    return result


def _log_sums_at(
    z: np.ndarray, x: list[np.ndarray], exponents: np.ndarray, periods: np.ndarray, eps: float
) -> np.ndarray:
    """log Σ exp(exponents − |z − x|²/2ε) at points z (m, d)."""
    top = exponents.max()
    relative = np.exp(exponents - top)
    sums = np.empty(len(z))
    for part in np.array_split(np.arange(len(z)), len(z) // 4096 + 1):
        near = [np.exp(-_cost(z[part, i, None] - x[i], periods[i], eps)) for i in range(len(x))]
        held = np.tensordot(near[0], relative, 1)
        for factor in near[1:]:
            held = np.einsum("ni,ni...->n...", factor, held)
        sums[part] = held
    lost = np.flatnonzero(sums < _UNDERFLOW)
    result: np.ndarray = np.log(np.maximum(sums, _UNDERFLOW)) + top
    for part in np.array_split(lost, len(lost) // 256 + 1):
        result[part] = _logsumexp(_exponents_at(z[part], x, exponents, periods, eps))
    return result


def _means_at(z: np.ndarray, x: list[np.ndarray], exponents: np.ndarray, periods: np.ndarray, eps: float) -> np.ndarray:
    """Mean (m, d) of x with the weights exp(exponents − |z − x|²/2ε) at points z (m, d)."""
    every = np.stack(np.meshgrid(*x, indexing="ij"), axis=-1).reshape(-1, len(x))
    out = np.empty_like(z)
    for part in np.array_split(np.arange(len(z)), len(z) // 256 + 1):
        logs = _exponents_at(z[part], x, exponents, periods, eps)
        out[part] = np.exp(logs - _logsumexp(logs)[:, None]) @ every
    return out


def _exponents_at(
    z: np.ndarray, x: list[np.ndarray], exponents: np.ndarray, periods: np.ndarray, eps: float
) -> np.ndarray:
    """Exponents less |z − x|²/2ε, (m, all x)."""
    result = exponents[None]
    for i, axis in enumerate(x):
        shape = [1] * len(x)
        shape[i] = len(axis)
        result = result - _cost(z[:, i, None] - axis, periods[i], eps).reshape(len(z), *shape)
    return result.reshape(len(z), exponents.size)
