"""Where Newton's method starts: dual weights of a coarse entropic transport, evaluated at the seeds themselves.

Both laws are centred and each axis scaled to equal deviations, which leaves x·y what it is. Sinkhorn's iterations
(Cuturi 2013) between histograms, in logarithms and one axis at a time, end with a soft c-transform at the actual seeds.
Its potential is strictly convex, so that no cell of the plane is empty.
"""

from __future__ import annotations

import numpy as np

from diracs.transport.density import PlanarDensity

# Entropies in units of the variance, each with so many iterations.
_ENTROPIES = ((1.0, 6), (0.3, 8), (0.1, 10), (0.03, 14), (0.015, 18))


def sinkhorn_weights(seeds: np.ndarray, target: np.ndarray, density: PlanarDensity) -> np.ndarray:
    """Weights (n,) of power cells that carry about the target masses."""
    cells = 64 if len(seeds) > 20_000 else 32
    grid, p = density.coarse(cells)
    marginals = (p.sum(axis=1), p.sum(axis=0))
    centre = np.array([m @ x for m, x in zip(marginals, grid, strict=True)])
    spread = np.sqrt([m @ (x - c) ** 2 for m, x, c in zip(marginals, grid, centre, strict=True)])
    middle = target @ seeds
    reach = np.sqrt(target @ (seeds - middle) ** 2)
    # An axis on which the seeds, or the law, have no width is left alone.
    known = (reach > 1e-9 * reach.max()) & (spread > 0)
    stretch = np.sqrt(np.where(known, reach, 1.0) / np.where(known, spread, 1.0))
    x = [(g - c) * s for g, c, s in zip(grid, centre, stretch, strict=True)]
    z = (seeds - middle) / stretch
    scale = float((spread * stretch).max()) or 1.0

    low, high = z.min(axis=0), z.max(axis=0)
    width = np.where(high > low, high - low, scale)
    place = np.minimum(((z - low) / width * cells).astype(int), cells - 1)
    q = np.bincount(place[:, 0] * cells + place[:, 1], target, minlength=cells * cells).reshape(cells, cells)
    y = [low[a] + width[a] * (np.arange(cells) + 0.5) / cells for a in range(2)]

    g = np.zeros_like(q)
    for entropy, iterations in _ENTROPIES:
        eps = entropy * scale**2
        kernels = [np.exp(-0.5 * (x[a][:, None] - y[a]) ** 2 / eps) for a in range(2)]
        for _ in range(iterations):
            f = _soft_transform(kernels[0], kernels[1], g, q, eps)
            g = _soft_transform(kernels[0].T, kernels[1].T, f, p, eps)
    top = f.max()
    a = np.exp((f - top) / eps) * p
    near = [np.exp(-0.5 * (z[:, i, None] - x[i]) ** 2 / eps) for i in range(2)]
    sums = ((near[0] @ a) * near[1]).sum(axis=1)
    # Seeds far outside see nothing of the kernels: they keep the quadratic potential of their nearest mass.
    gap = np.maximum(np.abs(z) - np.array([np.abs(v).max() for v in x]), 0.0)
    far = 0.5 * (gap**2).sum(axis=1)
    potential = np.where(sums > 1e-280, -eps * np.log(np.maximum(sums, 1e-300)) - top, far - top)
    convex = 0.5 * (z**2).sum(axis=1) - potential + (seeds - middle) @ centre
    weights: np.ndarray = (seeds**2).sum(axis=1) - 2.0 * convex
    return weights - weights.mean()


def _soft_transform(
    first: np.ndarray, second: np.ndarray, potential: np.ndarray, mass: np.ndarray, eps: float
) -> np.ndarray:
    """−ε log Σ exp((g − cost)/ε)·mass, the kernel separable; the largest exponent is taken out first."""
    top = potential[mass > 0].max()
    sums = first @ (np.exp(np.minimum((potential - top) / eps, 0.0)) * mass) @ second.T
    out: np.ndarray = -eps * np.log(np.maximum(sums, 1e-300)) - top
    return out
