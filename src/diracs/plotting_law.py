"""The law behind its Diracs: regions of highest density, segments and rings of thin components, images."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LAW = "#2f6690"
# Regions of highest density that hold these shares of the mass are drawn, the outermost first.
_SHARES = (0.99, 0.95, 0.85, 0.7, 0.5, 0.3, 0.1)
# Components thinner than this fraction of the picture are drawn as segments or points.
_THIN = 2e-3

Components = tuple[np.ndarray, np.ndarray, np.ndarray]  # means (k, d), covariances (k, d, d), weights (k,)


def ticks(limits: np.ndarray, means: np.ndarray, deviations: np.ndarray, number: int) -> np.ndarray:
    """Abscissas at which to evaluate a density: even ones, and more around narrow components."""
    span = limits[1] - limits[0]
    narrow = np.argsort(deviations)[:16]
    narrow = narrow[deviations[narrow] < span / 20]
    around = means[narrow, None] + deviations[narrow, None] * np.linspace(-4, 4, 41)
    x = np.unique(np.concatenate([np.linspace(limits[0], limits[1], number), around.ravel()]))
    return x[(x >= limits[0]) & (x <= limits[1])]


def draw_law(mpl: ModuleType, ax: Axes, components: Components, limits: np.ndarray) -> None:
    """Highest density regions of the components that have a density, segments and rings for the others."""
    means, covs, weights = components
    span = (limits[1] - limits[0]).max()
    variances, axes = np.linalg.eigh(covs)
    deviations = np.sqrt(np.maximum(variances, 0.0))
    thin = deviations[:, 0] < _THIN * span
    if not thin.all():
        _draw_density(mpl, ax, (means[~thin], covs[~thin], weights[~thin]), limits)
    reach = 2.0 * deviations[:, 1:] * axes[:, :, 1]
    segment = thin & (deviations[:, 1] >= _THIN * span)
    if segment.any():
        ends = np.stack([means[segment] - reach[segment], means[segment] + reach[segment]], axis=1)
        ax.add_collection(
            mpl.collections.LineCollection(
                list(ends), colors=LAW, linewidths=5, alpha=0.35, capstyle="round", zorder=1
            ),
            autolim=False,
        )
    point = thin & ~segment
    if point.any():
        ax.scatter(
            means[point, 0],
            means[point, 1],
            s=130,
            facecolors="none",
            edgecolors=LAW,
            linewidths=1.6,
            alpha=0.6,
            zorder=1,
        )


def _draw_density(mpl: ModuleType, ax: Axes, components: Components, limits: np.ndarray) -> None:
    means, covs, weights = components
    deviations = np.sqrt(np.diagonal(covs, axis1=-2, axis2=-1))
    number = 220 if len(weights) <= 50 else 120
    x, y = (ticks(limits[:, j], means[:, j], deviations[:, j], number) for j in (0, 1))
    density = np.zeros((len(y), len(x)))
    for mean, cov, weight in zip(means, covs, weights):
        determinant = cov[0, 0] * cov[1, 1] - cov[0, 1] ** 2
        u, v = x[None, :] - mean[0], y[:, None] - mean[1]
        square = (cov[1, 1] * u * u - 2 * cov[0, 1] * u * v + cov[0, 0] * v * v) / determinant
        density += weight * np.exp(-0.5 * square) / (2 * math.pi * math.sqrt(determinant))
    levels = density_levels(density, np.outer(np.gradient(y), np.gradient(x)), weights.sum())
    shades = mpl.colors.LinearSegmentedColormap.from_list("law", ["#eaf2f8", "#8fb8d6"])
    # Levels are spread evenly over the shades, whatever their values.
    steps = np.linspace(0.0, 1.0, len(levels))
    colors = shades(steps)
    ax.contourf(x, y, density, levels=[*levels, np.inf], colors=colors, zorder=0)
    ax.contour(x, y, density, levels=levels, colors=LAW, linewidths=0.6, alpha=0.35, zorder=1)


def density_levels(density: np.ndarray, area: np.ndarray, total: float) -> np.ndarray:
    """Increasing values above which the density holds given shares of its total mass (highest density regions)."""
    order = np.argsort(density, axis=None)[::-1]
    values = density.ravel()[order]
    held = np.cumsum(values * area.ravel()[order])
    at = np.searchsorted(held, np.asarray(_SHARES) * min(total, held[-1]))
    levels = np.unique(values[np.minimum(at, len(values) - 1)])
    return levels[levels > 0]


def draw_image(ax: Axes, values: np.ndarray, domain: np.ndarray) -> None:
    """Pixels (n₁, n₂) of an image, the darker the denser."""
    (x0, y0), (x1, y1) = domain
    top = 1.6 * float(values.max())
    ax.imshow(values.T, origin="lower", extent=(x0, x1, y0, y1), cmap="Blues", vmin=0.0, vmax=top, zorder=0)


def draw_line_image(ax: Axes, values: np.ndarray, domain: np.ndarray) -> float:
    """The steps of a density (k,) constant on the pixels of an interval; its largest value."""
    edges = np.linspace(domain[0, 0], domain[1, 0], len(values) + 1)
    ax.fill_between(edges, np.append(values, values[-1]), step="post", color=LAW, alpha=0.15, linewidth=0)
    ax.stairs(values, edges, color=LAW, linewidth=1.6)
    return float(values.max())
