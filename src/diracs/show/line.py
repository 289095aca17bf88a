"""Pictures on the line: densities as curves, Diracs as stems, plans as ties from Diracs to their cells."""

from __future__ import annotations

from functools import singledispatch
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.mixtures.density import mixture_density
from diracs.show.law import limits_of, ticks
from diracs.show.pieces import PIECES, pieces_of
from diracs.show.style import DIRAC, INK, LAW, legend_below, line, mark, mass_mark, without_box

if TYPE_CHECKING:
    from diracs.show.style import Axes
    from diracs.transport.plan import OtPlan

# Components narrower than this share of the picture are drawn as lines.
_THIN = 1e-6
# Pixels for laws in pieces.
_PIXELS = 600
# Densities with poles are cut off at so many times what this share of the picture is below.
_TALLEST, _BROAD = 3.0, 0.97
_FILL = {"color": LAW, "alpha": 0.15, "linewidth": 0}


@singledispatch
def draw_curve(law: Any, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    """The density of a law on the line; its highest value (0 if it has none), and the entries of a legend.

    By default the masses of small pieces; points have no density, and are left to the Diracs.
    """
    pieces = pieces_of(law, PIECES)
    if pieces is None:
        return 0.0, []
    edges = np.linspace(limits[0], limits[1], _PIXELS + 1)
    density = pieces.on_grid([edges])
    if not density.any():
        return 0.0, []
    return draw_filled(mpl, ax, 0.5 * (edges[1:] + edges[:-1]), density, float(density.max()))


@draw_curve.register(PolynomialGrid)
def _(law: PolynomialGrid, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    values = concrete(law.values)
    low, high = law.domain[:, 0]
    return draw_steps(mpl, ax, np.linspace(low, high, len(values) + 1), values)


@draw_curve.register(Histogram)
def _(law: Histogram, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    return draw_steps(mpl, ax, law.edges[0], law.masses / law.volumes)


def draw_steps(mpl: ModuleType, ax: Axes, edges: np.ndarray, values: np.ndarray) -> tuple[float, list[Any]]:
    """A density of values (m,) between edges (m + 1,)."""
    ax.fill_between(edges, np.append(values, values[-1]), step="post", **_FILL)
    ax.stairs(values, edges, color=LAW, linewidth=1.6)
    return float(values.max()), [line(mpl, "density", LAW)]


@draw_curve.register(Univariate)
def _(law: Univariate, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    t, f = univariate_curve(law, limits)
    even = law.heights(np.linspace(limits[0], limits[1], 600))
    top = min(float(f.max()), _TALLEST * float(np.quantile(even, _BROAD)))
    return draw_filled(mpl, ax, t, f, top)


def draw_filled(mpl: ModuleType, ax: Axes, t: np.ndarray, f: np.ndarray, top: float) -> tuple[float, list[Any]]:
    """A density of values f (m,) at abscissas t, cut off at `top`."""
    ax.fill_between(t, np.minimum(f, top), **_FILL)
    ax.plot(t, np.minimum(f, 2.0 * top), color=LAW, linewidth=1.6)
    return top, [line(mpl, "density", LAW)]


def univariate_curve(law: Univariate, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Abscissas, more of them where the density is large, and its values there, zero beyond the ends."""
    shares = np.linspace(0.0, 1.0, 402)[1:-1]
    ends = np.array([x for x in law.support if np.isfinite(x)])
    step = 1e-9 * (limits[1] - limits[0])
    even = np.linspace(limits[0], limits[1], 600)
    t = np.unique(np.concatenate([even, law.quantiles(shares, 1.0 - shares), ends - step, ends + step]))
    t = t[(t >= limits[0]) & (t <= limits[1])]
    return t, law.heights(t)


@draw_curve.register(GaussianMixture)
def _(law: GaussianMixture, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    entries, top = [], 0.0
    t, f, thin = density_curve(law, limits)
    if len(t):
        top = float(f.max())
        ax.fill_between(t, f, **_FILL)
        ax.plot(t, f, color=LAW, linewidth=1.6)
        entries.append(line(mpl, "density", LAW))
    if len(thin):
        style = {"linewidth": 1.2, "linestyle": (0, (4, 3))}
        for m in thin:
            ax.axvline(m, color=LAW, **style)
        entries.append(line(mpl, "components without width", LAW, **style))
    return top, entries


def density_curve(law: GaussianMixture, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Abscissas and the values of a mixture's density there; the means of components without width, left out of it."""
    means, covs, weights = components_of(law)
    deviations = np.sqrt(covs[:, 0, 0])
    wide = deviations > _THIN * (limits[1] - limits[0])
    if not wide.any():
        return np.zeros(0), np.zeros(0), means[:, 0]
    t = ticks(limits, means[wide, 0], deviations[wide], 600)
    return t, mixture_density(t[:, None], means[wide], covs[wide], weights[wide]), means[~wide, 0]


def draw_stems(
    mpl: ModuleType,
    ax: Axes,
    x: np.ndarray,
    masses: np.ndarray,
    law: Any,
    color: Any,
    legend: bool,
) -> None:
    """The density of the law (none for None), stems of the heights of masses, the tallest as high; an axis for each."""
    limits = limits_of(law, x[:, None])[:, 0]
    top, entries = draw_curve(law, mpl, ax, limits)
    has_density = top > 0
    unit = (top or float(masses.max())) / float(masses.max())
    heights = masses * unit
    width = float(np.clip(160.0 / len(x), 0.4, 1.8))
    stems = mpl.collections.LineCollection(
        [[(a, 0.0), (a, b)] for a, b in zip(x, heights)], colors=color, linewidths=width, zorder=3
    )
    ax.add_collection(stems, autolim=False)
    size = np.clip(1200.0 / len(x), 2.0, 26.0)
    ax.scatter(x, heights, s=size, color=color, edgecolors="white", linewidths=0.4, zorder=4)
    ax.set(xlim=limits, ylim=(0.0, 1.08 * heights.max()), xlabel="$x$")
    without_box(ax)
    if not has_density:
        ax.set_ylabel("mass", color=color)
    else:
        ax.set_ylabel("density (mass per length)")
        scale = ax.secondary_yaxis("right", functions=(lambda h: h / unit, lambda m: m * unit))
        scale.set_ylabel("mass of a Dirac", color=color)
        scale.tick_params(colors=color)
        scale.spines["right"].set_color(color)
    if legend:
        stem = line(mpl, "Diracs", color, linewidth=min(width, 1.2), marker="o", markersize=3.5)
        legend_below(mpl, ax, [stem, *entries])


def draw_line_plan(mpl: ModuleType, ax: Axes, plan: OtPlan, cells: bool, arrows: bool, legend: bool) -> None:
    """The density cut into the cells; below it the Diracs, tied to the barycenters of theirs."""
    from diracs.cells.line import power_cells

    x, masses = concrete(plan.diracs.positions)[:, 0], concrete(plan.diracs.weights)
    centres, held = concrete(plan.barycenters)[:, 0], concrete(plan.cell_masses) > 0
    limits = limits_of(plan.density, x[:, None], 3.5)[:, 0]
    top, entries = draw_curve(plan.density, mpl, ax, limits)
    below = -0.22 * top
    if cells:
        seeds, first = np.unique(x[held], return_index=True)
        borders = power_cells(seeds, concrete(plan.weights)[held][first])[1]
        inside = borders[(borders > limits[0]) & (borders < limits[1])]
        style = {"color": INK, "linewidth": float(np.clip(40.0 / len(x), 0.15, 0.8)), "alpha": 0.6}
        ax.vlines(inside, 0.0, 1.05 * top, zorder=2, **style)
        entries.append(line(mpl, "borders of cells", **{**style, "linewidth": 0.8}))
    if arrows:
        ties = [[(a, below), (b, 0.0)] for a, b in zip(x[held], centres[held], strict=True)]
        style = {"color": DIRAC, "linewidth": float(np.clip(60.0 / len(x), 0.2, 1.0)), "alpha": 0.7}
        ax.add_collection(mpl.collections.LineCollection(ties, zorder=3, **style), autolim=False)
        size = float(np.clip(400.0 / len(x), 1.0, 10.0))
        ax.scatter(centres[held], np.zeros(held.sum()), s=size, color=INK, linewidths=0, zorder=4, clip_on=False)
        entries.append(mark(mpl, "barycenters of cells, tied to their Diracs", INK, size=3.0))
    sizes = np.clip(600.0 * masses / masses.sum(), 2.0, 80.0)
    ax.scatter(
        x, np.full(len(x), below), s=sizes, color=DIRAC, edgecolors="white", linewidths=0.4, zorder=5, clip_on=False
    )
    ax.axhline(0.0, color=INK, linewidth=0.8)
    ax.set(xlim=limits, ylim=(1.4 * below, 1.08 * top), xlabel="$x$", ylabel="density (mass per length)")
    # Below zero there is no density.
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 1.08 * top])
    without_box(ax)
    if legend:
        legend_below(mpl, ax, [mass_mark(mpl, masses, sizes, DIRAC), *entries])
