"""Pictures of power diagrams, transport plans and fitted mixtures in space, with matplotlib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.backend.decimals import round_to
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.show.style import DIRAC, INK, load_matplotlib

if TYPE_CHECKING:
    from diracs.laws.diracs import SumOfDiracs
    from diracs.show.style import Axes
    from diracs.transport.plan import OtPlan
    from diracs.transport.power_diagram_space import SpacePowerDiagram


def plot_space_diagram(
    diagram: SpacePowerDiagram,
    ax: Axes | None = None,
    *,
    values: Any = None,
    label: str | None = None,
    seeds: bool = False,
    edges: bool = True,
    legend: bool = True,
    cmap: Any = "Greens",
) -> Axes:
    """Draw the cells of a power diagram in space, with solid faces; `diagram.cut` shows what is inside.

    Parameters
    ----------
    diagram : SpacePowerDiagram
    ax : matplotlib Axes3D, optional
        Where to draw; a new figure by default.
    values : array (n,), optional
        Numbers that colour the cells; their volumes by default.
    label : str, optional
        What the values are, for the colour bar.
    seeds, edges, legend : bool
        Whether to draw the seeds, before everything else, and the borders of the cells, and to explain shades.
    cmap : matplotlib colormap

    Returns
    -------
    matplotlib Axes3D
    """
    mpl = load_matplotlib()
    shade = diagram.masses if values is None else concrete(np.asarray(values))
    norm = mpl.colors.Normalize(0.0 if values is None else float(shade.min()), float(shade.max()))
    pale = mpl.colors.ListedColormap(mpl.colormaps[cmap](np.linspace(0.05, 0.7, 128)))
    ax = _axes() if ax is None else ax
    # Faces between two cells are seen from neither side; those of a torus are on the outside of the clump.
    own = diagram.neighbours if not any(diagram.periodic) else None
    faces, colours = [], []
    for k, cell in enumerate(diagram.cells):
        outer = cell.faces if own is None else [f for f, other in zip(cell.faces, own[k], strict=True) if other < 0]
        faces += [cell.vertices[f] for f in outer]
        colours += [pale(norm(shade[k]))] * len(outer)
    _add_faces(ax, faces, facecolors=colours, edgecolors=INK if edges else "none", linewidths=0.4)
    if seeds:
        ax.scatter(*diagram.positions.T, s=6, color=DIRAC, depthshade=False, zorder=5)
    _frame(ax, np.concatenate([*faces, diagram.domain]))
    if legend:
        bar = mpl.cm.ScalarMappable(norm, pale)
        ax.figure.colorbar(bar, ax=ax, shrink=0.6, pad=0.1, label=label or ("volume" if values is None else "values"))
    return ax


def plot_space_plan(
    plan: OtPlan,
    ax: Axes | None = None,
    *,
    cells: bool = True,
    arrows: bool = True,
    title: bool = True,
    legend: bool = True,
) -> Axes:
    """Draw a plan in space: Diracs, the edges of the cells, and lines to the barycenters, as `plot_plan` does."""
    load_matplotlib()
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    ax = _axes() if ax is None else ax
    positions, centres = concrete(plan.diracs.positions), concrete(plan.barycenters)
    diagram = plan.power_diagram
    shown = [positions, centres]
    if cells:
        faces = [cell.vertices[f] for cell in diagram.cells for f in cell.faces]
        _add_faces(ax, faces, facecolors=(0.0, 0.0, 0.0, 0.0), edgecolors=(*_rgb(INK), 0.25), linewidths=0.4)
        shown += faces
    if arrows:
        held = concrete(plan.cell_masses) > 0
        ties = np.stack([positions[held], centres[held]], axis=1)
        ax.add_collection(Line3DCollection(list(ties), colors=DIRAC, linewidths=0.8), autolim=False)
        ax.scatter(*centres[held].T, s=3, color=INK, depthshade=False, label="barycenters of cells")
    masses = concrete(plan.diracs.weights)
    ax.scatter(*positions.T, s=20.0 * masses / masses.max(), color=DIRAC, depthshade=False, label="Diracs, by mass")
    _frame(ax, np.concatenate(shown))
    if legend:
        ax.legend(loc="upper left", frameon=False)
    if title:
        w2 = math.sqrt(max(float(concrete(plan.distance)), 0.0))
        state = "" if plan.converged else " (not converged)"
        ax.set_title(f"n = {len(plan.diracs):,},  W₂ = {round_to(w2, round, 4)}{state}")
    return ax


def plot_space_fit(
    mixture: GaussianMixture,
    points: SumOfDiracs,
    ax: Axes | None,
    *,
    color: Any,
    dots: bool,
    title: str | None,
    legend: bool,
) -> Axes:
    """Draw points and components in space, as `plot_fit` does: ellipsoids of one and two deviations."""
    mpl = load_matplotlib()
    ax = _axes() if ax is None else ax
    positions, masses = concrete(points.positions), concrete(points.weights)
    shown = [positions]
    if dots:
        ax.scatter(*positions.T, s=20.0 * masses / masses.max(), color=INK, depthshade=False, label="points, by mass")
    polar, around = np.linspace(0.0, np.pi, 13)[:, None], np.linspace(0.0, 2.0 * np.pi, 25)
    ball = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0.0 * around])
    for mean, cov, _ in zip(*components_of(mixture), strict=True):
        values, vectors = np.linalg.eigh(cov)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        for reach, alpha in ((2.0, 0.08), (1.0, 0.2)):
            surface = mean[:, None, None] + reach * np.einsum("ij,jkl->ikl", root, ball)
            ax.plot_surface(*surface, color=color, alpha=alpha, linewidth=0)
            shown.append(surface.reshape(3, -1).T)
    _frame(ax, np.concatenate(shown))
    if legend:
        handles = [*ax.get_legend_handles_labels()[0]]
        handles.append(mpl.patches.Patch(color=color, alpha=0.3, label="20 and 74 % of each component"))
        ax.legend(handles=handles, loc="upper left", frameon=False)
    if title:
        ax.set_title(title)
    return ax


def _axes() -> Axes:
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(6.4, 5.2)).add_subplot(projection="3d")


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = load_matplotlib().colors.to_rgb(colour)
    return red, green, blue


def _add_faces(ax: Axes, faces: list[np.ndarray], **style: Any) -> None:
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    # Limits are set here: matplotlib (3.11) takes them from padded faces, whose padding may be anything.
    ax.add_collection(Poly3DCollection(faces, **style), autolim=False)


def _frame(ax: Axes, shown: np.ndarray) -> None:
    low, high = shown.min(axis=0), shown.max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]), box_aspect=high - low)
    ax.set(xlabel="x", ylabel="y", zlabel="z")
