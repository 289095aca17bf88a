"""The law behind its Diracs, in the plane: regions of highest density, segments, images, meshes, pieces."""

from __future__ import annotations

import math
from functools import singledispatch
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.mixtures.density import mixture_density
from diracs.show.pieces import FEW, PIECES, pieces_of
from diracs.show.style import LAW, colour_bar, line, mark, padded, shades

if TYPE_CHECKING:
    from diracs.show.style import Axes

# Regions of highest density that hold these shares of the mass are drawn, the outermost first.
_SHARES = (0.99, 0.95, 0.85, 0.7, 0.5, 0.3, 0.1)
# Components thinner than this fraction of the picture are drawn as segments or points.
_THIN = 2e-3
# Pixels on a side for laws in pieces; the lightest of these that make up so much of the mass do not widen the picture.
_PIXELS, _REST = 160, 0.01
# The borders of more triangles than these would cover what is between.
_FEW_TRIANGLES = 1500

Components = tuple[np.ndarray, np.ndarray, np.ndarray]  # means (k, d), covariances (k, d, d), weights (k,)


def ticks(limits: np.ndarray, means: np.ndarray, deviations: np.ndarray, number: int) -> np.ndarray:
    """Abscissas at which to evaluate a density: even ones, and more around narrow components."""
    span = limits[1] - limits[0]
    narrow = np.argsort(deviations)[:16]
    narrow = narrow[deviations[narrow] < span / 20]
    around = means[narrow, None] + deviations[narrow, None] * np.linspace(-4, 4, 41)
    x = np.unique(np.concatenate([np.linspace(limits[0], limits[1], number), around.ravel()]))
    return x[(x >= limits[0]) & (x <= limits[1])]


@singledispatch
def limits_of(law: Any, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    """Lower and upper corner (2, d) of a picture: all points (n, d), and the law but for what is rare."""
    pieces, ends = pieces_of(law, FEW), [points.min(axis=0), points.max(axis=0)]
    if pieces is not None:
        for k, x in enumerate(pieces.places.T):
            order = np.argsort(x)
            sums = np.cumsum(pieces.mass[order]) / pieces.mass.sum()
            low, high = x[order[np.searchsorted(sums, [_REST, 1.0 - _REST])]]
            ends[0][k], ends[1][k] = min(ends[0][k], low), max(ends[1][k], high)
    return padded(*ends)


@limits_of.register(PolynomialGrid)
@limits_of.register(Histogram)
@limits_of.register(Mesh)
def _(law: PolynomialGrid | Histogram | Mesh, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    low, high = law.domain
    return np.stack([np.minimum(points.min(axis=0), low), np.maximum(points.max(axis=0), high)])


@limits_of.register(Univariate)
def _(law: Univariate, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    """The quantiles that so many deviations are of a normal law, and points, but those far out in the tails."""
    share = np.array([math.erfc(reach / math.sqrt(2.0)) / 2.0])
    inside = law.quantiles(np.append(share, 1.0 - share), np.append(1.0 - share, share))
    width = inside[1] - inside[0]
    low = max(float(points.min()), inside[0] - width)
    high = min(float(points.max()), inside[1] + width)
    return padded(np.array([min(low, inside[0])]), np.array([max(high, inside[1])]))


@limits_of.register(GaussianMixture)
def _(law: GaussianMixture, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    means, covs, weights = components_of(law)
    present = weights > 1e-4
    means, far = means[present], reach * np.sqrt(np.diagonal(covs, axis1=-2, axis2=-1))[present]
    low = np.minimum(points.min(axis=0), (means - far).min(axis=0))
    return padded(low, np.maximum(points.max(axis=0), (means + far).max(axis=0)))


@singledispatch
def draw_law(law: Any, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """A law of the plane, by default of pieces; the entries of a legend, where there is no colour bar for it.

    Points among the pieces have no density, and are left to the Diracs.
    """
    pieces = pieces_of(law, PIECES)
    if pieces is None:
        return []
    edges = [np.linspace(low, high, _PIXELS + 1) for low, high in limits.T]
    density = pieces.on_grid(edges).T
    if density.any():
        x, y = (0.5 * (edge[1:] + edge[:-1]) for edge in edges)
        draw_regions(mpl, ax, (x, y), density, float(pieces.mass[pieces.variance > 0].sum()), legend)
    return []


@draw_law.register(PolynomialGrid)
def _(law: PolynomialGrid, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    draw_image(mpl, ax, concrete(law.values), law.domain, legend)
    return []


@draw_law.register(Histogram)
def _(law: Histogram, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """Bins, the darker the denser."""
    density = (law.masses / law.volumes).T
    shade = ax.pcolormesh(*law.edges, density, cmap=shades(mpl), vmin=0.0, zorder=0)
    if legend:
        colour_bar(ax, shade, "mass per area")
    return []


@draw_law.register(Mesh)
def _(law: Mesh, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    return draw_mesh(mpl, ax, law, legend)


@draw_law.register(GaussianMixture)
def _(law: GaussianMixture, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """Highest density regions of the components that have a density, segments and rings for the others."""
    means, covs, weights = components_of(law)
    # Thin is what looks thin: the axes of a stretched picture have scales of their own.
    extent = limits[1] - limits[0]
    drawn = extent if ax.get_aspect() == "auto" else np.full(2, extent.max())
    variances, axes = np.linalg.eigh(covs / np.outer(drawn, drawn))
    deviations = np.sqrt(np.maximum(variances, 0.0))
    thin = deviations[:, 0] < _THIN
    if not thin.all():
        _draw_density(mpl, ax, (means[~thin], covs[~thin], weights[~thin]), limits, legend)
    entries = []
    reach = 2.0 * deviations[:, 1:] * axes[:, :, 1] * drawn
    segment = thin & (deviations[:, 1] >= _THIN)
    if segment.any():
        ends = np.stack([means[segment] - reach[segment], means[segment] + reach[segment]], axis=1)
        # Wider than the dots that lie on them.
        style = {"linewidth": 9, "alpha": 0.35, "color": LAW}
        ax.add_collection(
            mpl.collections.LineCollection(list(ends), capstyle="round", zorder=1, **style), autolim=False
        )
        entries.append(line(mpl, "thin components (± 2 deviations)", solid_capstyle="round", **style))
    point = thin & ~segment
    if point.any():
        size = float(np.clip(4000.0 / point.sum(), 6.0, 130.0))
        ring = {"linewidths": min(1.6, size**0.5 / 4), "alpha": 0.6, "zorder": 1}
        ax.scatter(means[point, 0], means[point, 1], s=size, facecolors="none", edgecolors=LAW, **ring)
        edge: dict[str, Any] = {"markeredgecolor": LAW, "markeredgewidth": 1.2}
        entries.append(mark(mpl, "components without width", "none", size=min(size, 60.0) ** 0.5, **edge))
    return entries


def _draw_density(mpl: ModuleType, ax: Axes, components: Components, limits: np.ndarray, legend: bool) -> None:
    means, covs, weights = components
    deviations = np.sqrt(np.diagonal(covs, axis1=-2, axis2=-1))
    number = 220 if len(weights) <= 50 else 120
    x, y = (ticks(limits[:, j], means[:, j], deviations[:, j], number) for j in (0, 1))
    places = np.stack(np.meshgrid(x, y), axis=-1)
    density = mixture_density(places.reshape(-1, 2), means, covs, weights).reshape(places.shape[:-1])
    draw_regions(mpl, ax, (x, y), density, float(weights.sum()), legend)


def draw_regions(
    mpl: ModuleType, ax: Axes, places: tuple[np.ndarray, np.ndarray], density: np.ndarray, total: float, legend: bool
) -> None:
    """Regions of highest density, from values (n₂, n₁) at places (n₁,), (n₂,) along the axes, of a law of a mass."""
    x, y = places
    levels = density_levels(density, np.outer(np.gradient(y), np.gradient(x)), total)
    # Shades are spread evenly over the shares of mass, whatever the values.
    colors = shades(mpl)(np.linspace(0.15, 0.95, len(levels)))
    kept = np.diff(levels, prepend=0.0) > 0
    ax.contourf(x, y, density, levels=[*levels[kept], np.inf], colors=colors[kept], zorder=0)
    ax.contour(x, y, density, levels=levels[kept], colors=LAW, linewidths=0.6, alpha=0.35, zorder=1)
    if legend:
        number = len(levels)
        norm = mpl.colors.BoundaryNorm(np.arange(number + 1), number)
        mappable = mpl.cm.ScalarMappable(norm, mpl.colors.ListedColormap(colors))
        bar = colour_bar(ax, mappable, "mass inside")
        bar.set_ticks(np.arange(number), labels=[f"{share:.0%}" for share in _SHARES])


def density_levels(density: np.ndarray, area: np.ndarray, total: float) -> np.ndarray:
    """Values, rising, above which the density holds given shares of its total mass (highest density regions)."""
    order = np.argsort(density, axis=None)[::-1]
    values = density.ravel()[order]
    held = np.cumsum(values * area.ravel()[order])
    at = np.searchsorted(held, np.asarray(_SHARES) * min(total, held[-1]))
    levels: np.ndarray = values[np.minimum(at, len(values) - 1)]
    return levels


def draw_image(mpl: ModuleType, ax: Axes, values: np.ndarray, domain: np.ndarray, legend: bool) -> None:
    """Pixels (n₁, n₂) of a density, the darker the denser."""
    (x0, y0), (x1, y1) = domain
    picture = ax.imshow(
        values.T,
        origin="lower",
        extent=(x0, x1, y0, y1),
        cmap=shades(mpl),
        vmin=0.0,
        vmax=float(values.max()),
        aspect=ax.get_aspect(),
        zorder=0,
    )
    if legend:
        colour_bar(ax, picture, "mass per area")


def draw_mesh(mpl: ModuleType, ax: Axes, law: Mesh, legend: bool) -> list[Any]:
    """Triangles, the darker the denser, with their borders if there are few; the entry of a legend for these."""
    densities = law.densities
    held = densities.max(axis=1) > 0
    corners, densities = law.vertices[law.simplices[held]], densities[held]
    limits: dict[str, Any] = {"cmap": shades(mpl), "vmin": 0.0, "vmax": float(densities.max()), "zorder": 0}
    x, y = corners.reshape(-1, 2).T
    triangles = np.arange(x.size).reshape(-1, 3)
    if law.per == "vertex":
        shade = ax.tripcolor(x, y, triangles, densities.ravel(), shading="gouraud", **limits)
    else:
        shade = ax.tripcolor(x, y, triangles, facecolors=densities[:, 0], edgecolors="face", linewidth=0.2, **limits)
    if legend:
        colour_bar(ax, shade, "mass per area")
    if len(corners) > _FEW_TRIANGLES:
        return []
    style = {"color": LAW, "linewidth": 0.5, "alpha": 0.35}
    outlines = np.concatenate([corners, corners[:, :1]], axis=1)
    ax.add_collection(mpl.collections.LineCollection(list(outlines), zorder=1, **style), autolim=False)
    return [line(mpl, "mesh", **style)]
