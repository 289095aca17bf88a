"""Pictures of power diagrams, transport plans and fitted mixtures, with matplotlib."""

from __future__ import annotations

import itertools
import math
from functools import singledispatch
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.backend.decimals import round_to
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.mixtures.density import mixture_density
from diracs.show.law import draw_image, draw_mesh, limits_of
from diracs.show.line import draw_curve, draw_line_plan
from diracs.show.space import plot_space_fit, plot_space_plan
from diracs.show.style import (
    DIRAC,
    INK,
    LAW,
    colour_bar,
    dot_sizes,
    dots,
    frame,
    legend_below,
    line,
    load_matplotlib,
    mark,
    mass_mark,
    new_axes,
    padded,
    trim,
    without_box,
    write_title,
)

if TYPE_CHECKING:
    from diracs.laws.diracs import SumOfDiracs
    from diracs.show.style import Axes
    from diracs.transport.plan import OtPlan
    from diracs.transport.power_diagram import PowerDiagram


def plot_diagram(
    diagram: PowerDiagram,
    ax: Axes | None = None,
    *,
    values: Any = None,
    label: str | None = None,
    seeds: bool = True,
    edges: bool = True,
    legend: bool = True,
    cmap: Any = "Greens",
) -> Axes:
    """Draw the cells of a power diagram.

    Parameters
    ----------
    diagram : PowerDiagram
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    values : array (n,), optional
        Numbers that colour the cells; their areas by default.
    label : str, optional
        What the values are, for the colour bar.
    seeds, edges, legend : bool
        Whether to draw the seeds and the borders of the cells, and to explain shades and marks.
    cmap : matplotlib colormap

    Returns
    -------
    matplotlib Axes
    """
    mpl = load_matplotlib()
    own = ax is None
    ax = new_axes(diagram.domain) if ax is None else ax
    cells = diagram.cells
    drawn = [k for k, cell in enumerate(cells) if len(cell) > 2]
    shade = np.array([_area(cell) for cell in cells]) if values is None else concrete(np.asarray(values))
    low, high = (float(f(shade[drawn])) for f in (np.min, np.max)) if drawn else (0.0, 1.0)
    if values is None:
        # Areas are compared with zero. Few large cells must not leave all others pale.
        low, high = 0.0, min(high, 1.5 * float(np.quantile(shade[drawn], 0.95))) if drawn else 1.0
    # Pale enough for seeds and borders to be seen.
    pale = mpl.colors.ListedColormap(mpl.colormaps[cmap](np.linspace(0.05, 0.7, 128)))
    images = [(k, cell) for k in drawn for cell in _images(cells[k], diagram)]
    polygons = mpl.collections.PolyCollection(
        [cell for _, cell in images],
        array=shade[[k for k, _ in images]],
        cmap=pale,
        edgecolors=INK if edges else "face",
        linewidths=_thin(len(drawn)) if edges else 0.1,
    )
    polygons.set_clim(low, high if high > low else low + 1.0)
    ax.add_collection(polygons)
    frame(ax, diagram.domain)
    if seeds:
        y = diagram.positions
        inside = ((y >= diagram.domain[0]) & (y <= diagram.domain[1])).all(axis=1)
        sizes = np.minimum(dot_sizes(ax, y, np.ones(len(y)), 0.02), 16.0)
        dots(ax, y, sizes, DIRAC, zorder=3)
    if legend:
        over = "max" if drawn and shade[drawn].max() > high else "neither"
        colour_bar(ax, polygons, label or ("area" if values is None else "values"), extend=over)
        entries = [line(mpl, "borders of cells", INK, linewidth=0.8)] if edges else []
        if seeds:
            outside = len(y) - int(inside.sum())
            name = "seeds" + (f" ({outside} outside the box)" if outside else "")
            entries.insert(0, mark(mpl, name, DIRAC, size=float(sizes[0]) ** 0.5))
        if entries:
            legend_below(mpl, ax, entries)
    if own:
        trim(ax)
    return ax


def _images(cell: np.ndarray, diagram: PowerDiagram) -> list[np.ndarray]:
    """A cell, and those of its images on a torus that reach into the domain."""
    (low, high), found = diagram.domain, [cell]
    turns = itertools.product(*([-1, 0, 1] if periodic else [0] for periodic in diagram.periodic))
    for turn in turns:
        image = cell + np.array(turn) * (high - low)
        if any(turn) and (image.max(axis=0) > low).all() and (image.min(axis=0) < high).all():
            found.append(image)
    return found


def plot_plan(
    plan: OtPlan,
    ax: Axes | None = None,
    *,
    cells: bool = True,
    arrows: bool = True,
    title: bool = True,
    legend: bool = True,
) -> Axes:
    """Draw a transport plan: the density, the cells, and lines from the Diracs to the barycenters of theirs.

    On the line the Diracs lie below the density, which the cells cut. The areas of dots are proportional to masses.

    Parameters
    ----------
    plan : OtPlan
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    cells, arrows, title, legend : bool
        Whether to draw the cells, the lines from each Dirac to the centre of its cell, to write W₂ above, and to
        explain shades and marks.

    Returns
    -------
    matplotlib Axes
    """
    if plan.diracs.ndim == 3:
        return plot_space_plan(plan, ax, cells=cells, arrows=arrows, title=title, legend=legend)
    mpl = load_matplotlib()
    own = ax is None
    if plan.diracs.ndim == 1:
        ax = new_axes() if ax is None else ax
        draw_line_plan(mpl, ax, plan, cells, arrows, legend)
    else:
        positions, box = concrete(plan.diracs.positions), plan.power_diagram.domain
        low, high = positions.min(axis=0), positions.max(axis=0)
        inside = (low >= box[0]).all() and (high <= box[1]).all()
        limits = box if inside else padded(np.minimum(low, box[0]), np.maximum(high, box[1]), 0.03)
        ax = new_axes(limits) if ax is None else ax
        frame(ax, limits)
        _draw_planar_plan(mpl, ax, plan, cells, arrows, legend)
    if title:
        state = "" if plan.converged else " (not converged)"
        w2 = math.sqrt(max(float(concrete(plan.distance)), 0.0))
        write_title(ax, f"n = {len(plan.diracs):,},  W₂ = {round_to(w2, round, 4)}{state}")
    if own:
        trim(ax)
    return ax


def _draw_planar_plan(mpl: ModuleType, ax: Axes, plan: OtPlan, cells: bool, arrows: bool, legend: bool) -> None:
    positions, masses = concrete(plan.diracs.positions), concrete(plan.diracs.weights)
    centres, diagram = concrete(plan.barycenters), plan.power_diagram
    held = concrete(plan.cell_masses) > 0
    shown = draw_density(plan.density, mpl, ax, diagram.domain, legend)
    sizes = dot_sizes(ax, positions, masses, 0.03)
    dots(ax, positions, sizes, DIRAC, zorder=5)
    entries = [mass_mark(mpl, masses, sizes, DIRAC), *shown]
    if cells:
        polygons = [cell for cell in diagram.cells if len(cell) > 2]
        width = _thin(len(polygons))
        ax.add_collection(
            mpl.collections.PolyCollection(polygons, facecolors="none", edgecolors=INK, linewidths=width, alpha=0.6)
        )
        entries.append(line(mpl, "cells", INK, linewidth=0.8, alpha=0.6))
    if arrows:
        style = {"color": DIRAC, "linewidth": max(1.6 * _thin(held.sum()), 0.4), "alpha": 0.8}
        ties = np.stack([positions[held], centres[held]], axis=1)
        ax.add_collection(mpl.collections.LineCollection(list(ties), zorder=3, **style))
        size = float(np.clip(sizes.mean() / 3, 0.5, 9.0))
        ax.scatter(centres[held, 0], centres[held, 1], s=size, color=INK, linewidths=0, zorder=4)
        entries.append(mark(mpl, "barycenters of cells", INK, size=max(size, 2.0) ** 0.5))
    if legend:
        legend_below(mpl, ax, entries)


def plot_fit(
    mixture: GaussianMixture,
    points: SumOfDiracs,
    ax: Axes | None = None,
    *,
    color: Any = LAW,
    dots: bool = True,
    title: str | None = None,
    legend: bool = True,
) -> Axes:
    """Draw points and the components of a mixture: ellipses that hold 39 and 86 % of each (one and two deviations).

    On the line: the density, and the points as ticks below it.

    Parameters
    ----------
    mixture : GaussianMixture
    points : SumOfDiracs
        Of dimension 1 to 3; the areas of dots are proportional to masses. In space ellipsoids hold 20 and 74 %.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    color : matplotlib color
        Of the components in the plane.
    dots, legend : bool
        Whether to draw the points, and to explain marks.
    title : str, optional
        A line above.

    Returns
    -------
    matplotlib Axes
    """
    if points.ndim == 3:
        return plot_space_fit(mixture, points, ax, color=color, dots=dots, title=title, legend=legend)
    mpl = load_matplotlib()
    positions, masses = concrete(points.positions), concrete(points.weights)
    own = ax is None
    if positions.shape[1] == 1:
        ax = new_axes() if ax is None else ax
        limits = limits_of(mixture, positions, 3.0)[:, 0]
        top, entries = draw_curve(mixture, mpl, ax, limits)
        if dots:
            ax.plot(positions[:, 0], np.zeros(len(positions)), "|", color=INK, markersize=8.0, clip_on=False)
            entries.append(mark(mpl, "points", INK, "|", 8.0))
        ax.set(xlabel="$x$", ylabel="density (mass per length)", xlim=limits, ylim=(0.0, 1.08 * (top or 1.0)))
        without_box(ax)
    else:
        means, covs, weights = components_of(mixture)
        reach = 2.0 * np.sqrt(np.diagonal(covs, axis1=1, axis2=2))
        low = np.minimum((means - reach).min(axis=0), positions.min(axis=0))
        limits = padded(low, np.maximum((means + reach).max(axis=0), positions.max(axis=0)))
        ax = new_axes(limits) if ax is None else ax
        frame(ax, limits)
        entries = []
        if dots:
            sizes = dot_sizes(ax, positions, masses, 0.03)
            ax.scatter(positions[:, 0], positions[:, 1], s=sizes, color=INK, alpha=0.55, linewidths=0)
            entries.append(mass_mark(mpl, masses, sizes, INK, "points", alpha=0.55))
        entries += _draw_ellipses(mpl, ax, means, covs, weights, color)
    if title:
        write_title(ax, title)
    if legend:
        legend_below(mpl, ax, entries)
    if own:
        trim(ax)
    return ax


def _draw_ellipses(
    mpl: ModuleType, ax: Axes, means: np.ndarray, covs: np.ndarray, weights: np.ndarray, color: Any
) -> list[Any]:
    """One and two deviations of each component, and its mean; the entries of a legend."""
    for mean, cov, weight in zip(means, covs, weights, strict=True):
        variances, axes = np.linalg.eigh(cov)
        width, height = 2.0 * np.sqrt(np.maximum(variances, 0.0))
        angle = float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))
        for reach, alpha in ((2.0, 0.1), (1.0, 0.2)):
            ellipse = mpl.patches.Ellipse((mean[0], mean[1]), reach * width, reach * height, angle=angle, linewidth=1.4)
            ellipse.set(facecolor=(*mpl.colors.to_rgb(color), alpha), edgecolor=color)
            ax.add_patch(ellipse)
        ax.scatter(mean[0], mean[1], s=20.0 + 60.0 * weight, color=color, marker="+", linewidths=1.6, zorder=3)
    ellipse = mpl.patches.Patch(
        facecolor=(*mpl.colors.to_rgb(color), 0.2), edgecolor=color, label="39 and 86 % of each component"
    )
    return [ellipse, mark(mpl, "means (size: weight)", color, "+", 7.0, markeredgewidth=1.6)]


@singledispatch
def draw_density(density: Any, mpl: ModuleType, ax: Axes, box: np.ndarray, legend: bool) -> list[Any]:
    """A density of the plane, the darker the denser; entries of a legend, beside the colour bar."""
    draw_image(mpl, ax, density_values(density, box), box, legend)
    return []


@draw_density.register(Mesh)
def _(density: Mesh, mpl: ModuleType, ax: Axes, box: np.ndarray, legend: bool) -> list[Any]:
    return draw_mesh(mpl, ax, density, legend)


@singledispatch
def density_values(density: Any, box: np.ndarray, pixels: int = 300) -> np.ndarray:
    """A grid's values, or those of a mixture at midpoints of a grid on the box (2, 2)."""
    raise TypeError(f"there is no picture of a {type(density).__name__} in the plane yet")


@density_values.register(PolynomialGrid)
def _(density: PolynomialGrid, box: np.ndarray, pixels: int = 300) -> np.ndarray:
    return concrete(density.values)


@density_values.register(GaussianMixture)
def _(density: GaussianMixture, box: np.ndarray, pixels: int = 300) -> np.ndarray:
    axes = [a + (b - a) * (np.arange(pixels) + 0.5) / pixels for a, b in box.T]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return mixture_density(points, *components_of(density)).reshape(pixels, pixels)


def _thin(n: int) -> float:
    """Width of the borders of n cells, in points."""
    return float(np.clip(8.0 / math.sqrt(max(n, 1)), 0.1, 0.8))


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T if len(polygon) else (np.zeros(0), np.zeros(0))
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
