"""Pictures of power diagrams and transport plans in the plane, with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diracs._arrays import concrete
from diracs.distributions.gaussian import full_covariances
from diracs.distributions.grid import PolynomialGrid
from diracs.plotting import _DIRAC, _INK, _LAW, _matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diracs.cells.power_diagram import PowerDiagram
    from diracs.distributions.discrete import SumOfDiracs
    from diracs.distributions.gaussian import GaussianMixture
    from diracs.transport.plan import OtPlan
    from diracs.transport.target import Density


def plot_diagram(
    diagram: PowerDiagram,
    ax: Axes | None = None,
    *,
    values: Any = None,
    seeds: bool = True,
    edges: bool = True,
    cmap: Any = "Blues",
) -> Axes:
    """Draw the cells of a power diagram.

    Parameters
    ----------
    diagram : PowerDiagram
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    values : array (n,), optional
        Numbers that colour the cells; their areas by default.
    seeds, edges : bool
        Whether to draw the seeds and the borders of the cells.
    cmap : matplotlib colormap

    Returns
    -------
    matplotlib Axes
    """
    mpl = _matplotlib()
    from matplotlib.collections import PolyCollection

    ax = mpl.pyplot.subplots(layout="constrained")[1] if ax is None else ax
    cells = diagram.cells
    drawn = [k for k, cell in enumerate(cells) if len(cell) > 2]
    shade = np.array([_area(cell) for cell in cells]) if values is None else concrete(np.asarray(values))
    # Few large cells must not leave all others pale.
    top = float(np.quantile(shade[drawn], 0.98)) if drawn else 1.0
    polygons = PolyCollection(
        [cells[k] for k in drawn],
        array=shade[drawn],
        cmap=cmap,
        edgecolors=_INK if edges else "face",
        linewidths=0.4 if edges else 0.1,
    )
    polygons.set_clim(0.0, 1.4 * top if top > 0 else 1.0)
    ax.add_collection(polygons)
    (x0, y0), (x1, y1) = diagram.domain
    if seeds:
        inside = diagram.positions
        ax.scatter(inside[:, 0], inside[:, 1], s=_dot(len(inside)), color=_DIRAC, linewidths=0, zorder=3)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    return ax


def plot_plan(
    plan: OtPlan, ax: Axes | None = None, *, cells: bool = True, arrows: bool = True, title: bool = True
) -> Axes:
    """Draw a transport plan in the plane: the density, the cells coloured by mass, arrows to the barycenters.

    Parameters
    ----------
    plan : OtPlan
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    cells, arrows, title : bool
        Whether to draw the cells, the arrows from each Dirac to the centre of its cell, and W₂ above.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For plans on the line.
    """
    mpl = _matplotlib()
    if plan.diracs.ndim != 2:
        raise ValueError(f"plans are drawn in the plane, this one lies in dimension {plan.diracs.ndim}")
    from matplotlib.collections import LineCollection, PolyCollection

    ax = mpl.pyplot.subplots(layout="constrained")[1] if ax is None else ax
    positions, centres = concrete(plan.diracs.positions), concrete(plan.barycenters)
    masses, diagram = concrete(plan.cell_masses), plan.power_diagram
    (x0, y0), (x1, y1) = diagram.domain
    values = density_values(plan.density, diagram.domain)
    ax.imshow(
        values.T, origin="lower", extent=(x0, x1, y0, y1), cmap="Greys", vmin=0.0, vmax=1.6 * values.max(), zorder=0
    )
    if cells:
        polygons = diagram.cells
        drawn = [k for k, cell in enumerate(polygons) if len(cell) > 2]
        collection = PolyCollection(
            [polygons[k] for k in drawn],
            array=masses[drawn],
            cmap="viridis",
            alpha=0.35,
            edgecolors=_INK,
            linewidths=0.4,
        )
        collection.set_clim(0.0, 1.3 * float(masses.max()))
        ax.add_collection(collection)
    if arrows:
        lines = LineCollection(
            list(np.stack([positions, centres], axis=1)), colors=_DIRAC, linewidths=0.8, alpha=0.7, zorder=3
        )
        ax.add_collection(lines)
        ax.scatter(centres[:, 0], centres[:, 1], s=0.5 * _dot(len(centres)), color=_INK, linewidths=0, zorder=4)
    ax.scatter(positions[:, 0], positions[:, 1], s=_dot(len(positions)), color=_DIRAC, linewidths=0, zorder=5)
    low = np.minimum([x0, y0], positions.min(axis=0))
    high = np.maximum([x1, y1], positions.max(axis=0))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    if title:
        state = "" if plan.converged else " (not converged)"
        text = f"n = {len(positions)},  W₂ = {np.sqrt(float(concrete(plan.distance))):.4g}{state}"
        ax.set_title(text, loc="left", color=_INK, fontsize="medium")
    return ax


def plot_fit(
    mixture: GaussianMixture, points: SumOfDiracs, ax: Axes | None = None, *, color: Any = _LAW, dots: bool = True
) -> Axes:
    """Draw points and the components of a mixture: ellipses that hold 39 and 86 % of each (one and two deviations).

    On the line: the density, and the points as ticks below it.

    Parameters
    ----------
    mixture : GaussianMixture
    points : SumOfDiracs
        Of dimension 1 or 2; the areas of dots are proportional to masses.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    color : matplotlib color
        Of the components.
    dots : bool
        Whether to draw the points.

    Returns
    -------
    matplotlib Axes
    """
    mpl = _matplotlib()
    from matplotlib.patches import Ellipse

    ax = mpl.pyplot.subplots(layout="constrained")[1] if ax is None else ax
    assert ax is not None
    positions, masses = concrete(points.positions), concrete(points.weights)
    means, weights = concrete(mixture.means), concrete(mixture.weights)
    covs = full_covariances(means, concrete(mixture.covs))
    if positions.shape[1] == 1:
        _draw_curve(ax, positions[:, 0], means[:, 0], np.sqrt(covs[:, 0, 0]), weights, color, dots)
        return ax
    if dots:
        size = _dot(len(masses)) * masses / masses.mean()
        ax.scatter(positions[:, 0], positions[:, 1], s=np.minimum(size, 120.0), color=_INK, alpha=0.55, linewidths=0)
    for mean, cov, weight in zip(means, covs, weights, strict=True):
        variances, axes = np.linalg.eigh(cov)
        width, height = 2.0 * np.sqrt(np.maximum(variances, 0.0))
        angle = float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))
        for reach, alpha in ((2.0, 0.1), (1.0, 0.2)):
            ellipse = Ellipse((mean[0], mean[1]), reach * width, reach * height, angle=angle, linewidth=1.4)
            ellipse.set(facecolor=(*mpl.colors.to_rgb(color), alpha), edgecolor=color)
            ax.add_patch(ellipse)
        ax.scatter(mean[0], mean[1], s=20.0 + 60.0 * weight, color=color, marker="+", linewidths=1.6, zorder=3)
    ax.autoscale_view()
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    return ax


def _draw_curve(
    ax: Axes,
    x: np.ndarray,
    means: np.ndarray,
    deviations: np.ndarray,
    weights: np.ndarray,
    color: Any,
    dots: bool,
) -> None:
    """The density of a mixture on the line, for which components without width are lines, and ticks at the points."""
    low, high = min(x.min(), (means - 3 * deviations).min()), max(x.max(), (means + 3 * deviations).max())
    wide = deviations > 0
    # More abscissas where components are narrow.
    near = (means[wide, None] + deviations[wide, None] * np.linspace(-4.0, 4.0, 81)).ravel()
    t = np.unique(np.concatenate([np.linspace(low, high, 400), near]))
    z = (t[:, None] - means[wide]) / deviations[wide]
    values = np.exp(-0.5 * z**2) @ (weights[wide] / deviations[wide]) / np.sqrt(2.0 * np.pi)
    ax.fill_between(t, values, color=color, alpha=0.2, linewidth=0)
    ax.plot(t, values, color=color, linewidth=1.4)
    for mean in means[~wide]:
        ax.axvline(mean, color=color, linewidth=1.4)
    if dots:
        ax.plot(x, np.zeros_like(x), "|", color=_INK, markersize=8.0, clip_on=False)
    ax.set(xlabel="$x$", ylabel="density", ylim=(0.0, None))


def density_values(density: Density, box: np.ndarray, pixels: int = 300) -> np.ndarray:
    """A grid's values, or those of a mixture at midpoints of a grid on the box (2, 2)."""
    if isinstance(density, PolynomialGrid):
        return concrete(density.values)
    means, weights = concrete(density.means), concrete(density.weights)
    axes = [a + (b - a) * (np.arange(pixels) + 0.5) / pixels for a, b in box.T]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = np.zeros((pixels, pixels))
    for mean, cov, weight in zip(means, full_covariances(means, concrete(density.covs)), weights, strict=True):
        factor = np.linalg.cholesky(cov)
        u = np.linalg.solve(factor, (points - mean)[..., None])[..., 0]
        values += weight / (factor[0, 0] * factor[1, 1]) * np.exp(-0.5 * (u * u).sum(axis=-1))
    return values


def plot_stipples(positions: Any, ax: Axes, domain: Any) -> Axes:
    """Draw Diracs of equal mass as dots on white, as dense as the picture was dark."""
    y = concrete(positions)
    (x0, y0), (x1, y1) = np.asarray(domain)
    ax.scatter(y[:, 0], y[:, 1], s=6.0e4 / (len(y) + 100) * 0.12, color="black", linewidths=0)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    ax.axis("off")
    return ax


def _dot(n: int) -> float:
    """Area of a dot among n, in points²."""
    return float(np.clip(3000.0 / n, 0.5, 30.0))


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T if len(polygon) else (np.zeros(0), np.zeros(0))
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
