"""Pictures of laws alone with matplotlib: densities, and Diracs without a law behind them."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture
from diracs.laws.mesh import Mesh
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.show.law import draw_law, limits_of
from diracs.show.line import draw_curve, draw_stems
from diracs.show.pieces import PIECES, pieces_of
from diracs.show.quantization import projected
from diracs.show.style import (
    DIRAC,
    dot_sizes,
    dots,
    frame,
    legend_below,
    load_matplotlib,
    mass_mark,
    new_axes,
    padded,
    trim,
    without_box,
    write_title,
)

if TYPE_CHECKING:
    from diracs.show.style import Axes


@singledispatch
def plot_by_itself(x: Any, ax: Axes | None = None, **options: Any) -> Axes:
    """A picture of a law, whichever it is."""
    return plot_law(x, ax, **options)


@plot_by_itself.register(Gaussian)
def _(x: Gaussian, ax: Axes | None = None, **options: Any) -> Axes:
    return plot_law(x.as_mixture(), ax, **options)


@plot_by_itself.register(SumOfDiracs)
def _(x: SumOfDiracs, ax: Axes | None = None, **options: Any) -> Axes:
    return plot_diracs(x, ax, **options)


def plot_law(law: Any, ax: Axes | None = None, *, title: bool = True, legend: bool = True) -> Axes:
    """Draw the density of a law: as a curve, as regions of highest density, or pixels; in space projected.

    Parameters
    ----------
    law : GaussianMixture, PolynomialGrid, Mesh, Independent, Elliptical, Mixture, Histogram or Univariate
        One law, not a batch.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    title, legend : bool
        Whether to write what it is above, and to explain shades.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a batch.
    ImportError
        If matplotlib is not installed.
    """
    mpl, own = load_matplotlib(), ax is None
    if getattr(law, "batch_shape", ()):
        raise ValueError(f"only one law can be plotted, got a batch of shape {law.batch_shape}: pick one")
    name, points = repr(law), inside(law)
    if law.ndim == 1:
        ax = new_axes() if ax is None else ax
        limits = limits_of(law, points)[:, 0]
        top, entries = draw_curve(law, mpl, ax, limits)
        ax.set(xlim=limits, ylim=(0.0, 1.08 * (top or 1.0)), xlabel="$x$", ylabel="density (mass per length)")
        without_box(ax)
    else:
        labels = ("$x_1$", "$x_2$")
        if law.ndim > 2:
            points, law, labels = projected(points, np.full(len(points), 1.0 / len(points)), law)
        limits = limits_of(law, points)
        ax = new_axes(limits) if ax is None else ax
        frame(ax, limits, labels)
        entries = draw_law(law, mpl, ax, limits, legend)
    return _finished(mpl, ax, own, entries if legend else [], name if title else "")


def plot_diracs(
    diracs: SumOfDiracs, ax: Axes | None = None, *, title: bool = True, legend: bool = True, color: Any = DIRAC
) -> Axes:
    """Draw points as dots of areas like their masses, on the line as stems, in space projected on two principal axes.

    Parameters
    ----------
    diracs : SumOfDiracs
        Not a batch.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    title, legend : bool
        Whether to write what it is above, and to explain sizes.
    color : matplotlib color

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a batch, and without points of positive mass.
    ImportError
        If matplotlib is not installed.
    """
    mpl, own = load_matplotlib(), ax is None
    positions, masses = concrete(diracs.positions), concrete(diracs.weights)
    if positions.ndim != 2:
        raise ValueError(f"only one set of points can be plotted, got a batch of shape {positions.shape[:-2]}")
    positions, masses = positions[masses > 0], masses[masses > 0]
    if not len(masses):
        raise ValueError("there is nothing to plot: no point has mass")
    entries: list[Any] = []
    if positions.shape[1] == 1:
        ax = new_axes() if ax is None else ax
        draw_stems(mpl, ax, positions[:, 0], masses, None, color, legend)
    else:
        labels = ("$x_1$", "$x_2$")
        if positions.shape[1] > 2:
            positions, _, labels = projected(positions, masses, None)
        limits = padded(positions.min(axis=0), positions.max(axis=0))
        ax = new_axes(limits) if ax is None else ax
        frame(ax, limits, labels)
        sizes = dot_sizes(ax, positions, masses)
        dots(ax, positions, sizes, color, zorder=3)
        entries = [mass_mark(mpl, masses, sizes, color)]
    return _finished(mpl, ax, own, entries if legend else [], repr(diracs) if title else "")


@singledispatch
def inside(law: Any) -> np.ndarray:
    """Some points (m, d) of the law's own, that its picture is to hold: the middle of its pieces."""
    pieces = pieces_of(law, PIECES)
    if pieces is None:
        raise ValueError(f"it is not known how to draw {law}")
    return np.asarray((pieces.mass @ pieces.places / pieces.mass.sum())[None])


@inside.register
def _(law: GaussianMixture) -> np.ndarray:
    return concrete(law.means)


@inside.register
def _(law: Univariate) -> np.ndarray:
    return np.array([[law.mean]])


@inside.register(PolynomialGrid)
@inside.register(Mesh)
def _(law: PolynomialGrid | Mesh) -> np.ndarray:
    return np.asarray(law.domain.mean(axis=0)[None])


def _finished(mpl: Any, ax: Axes, own: bool, entries: list[Any], title: str) -> Axes:
    if entries:
        legend_below(mpl, ax, entries)
    if title:
        write_title(ax, title)
    if own:
        trim(ax)
    return ax
