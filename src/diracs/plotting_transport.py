"""Pictures of power diagrams and transport plans in the plane, with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from diracs._arrays import concrete
from diracs.distributions.gaussian import full_covariances
from diracs.distributions.grid import PolynomialGrid
from diracs.plotting import _DIRAC, _INK, _matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diracs.cells.power_diagram import PowerDiagram
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
