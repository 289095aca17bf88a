"""Pictures drawn with dots."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.show.style import load_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from diracs.show.style import Axes


def plot_stipples(positions: Any, ax: Axes, domain: Any, ink: float, color: str = "black") -> Axes:
    """Draw Diracs of equal mass as dots on white, which together have the area that is to be black.

    Parameters
    ----------
    positions : array (n, 2)
    ax : matplotlib Axes
        Its ticks and frame go.
    domain : array (2, 2)
        The box [[xmin, ymin], [xmax, ymax]] of the picture.
    ink : float
        The black area, in the units of the box; of a picture of square pixels the sum of their darkness.
    color : matplotlib color

    Returns
    -------
    matplotlib Axes
    """
    mpl = load_matplotlib()
    y = concrete(positions)
    (x0, y0), (x1, y1) = np.asarray(domain)
    diameter = np.full(len(y), 2.0 * _radius(len(y), ink))
    circles = mpl.collections.EllipseCollection(
        diameter, diameter, np.zeros(len(y)), units="xy", offsets=y, offset_transform=ax.transData
    )
    circles.set(color=color, linewidths=0)
    ax.add_collection(circles)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    ax.axis("off")
    return ax


def stipples_svg(positions: Any, domain: Any, ink: float, color: str = "black") -> str:
    """The same as an SVG file, in the units of the box, without matplotlib."""
    y = concrete(positions)
    low, high = np.asarray(domain, dtype=float)
    width, height = high - low
    radius = _radius(len(y), ink)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" fill="{escape(color)}">'
    dots = (
        f'<circle cx="{a:.2f}" cy="{b:.2f}" r="{radius:.3g}"/>' for a, b in zip(y[:, 0] - low[0], high[1] - y[:, 1])
    )
    return "\n".join([head, *dots, "</svg>"]) + "\n"


def _radius(n: int, ink: float) -> float:
    """That of n dots of this area together."""
    return math.sqrt(ink / (math.pi * n))


def sheet(domain: Any, longest: float = 6.4) -> Figure:
    """A figure with axes that fill it, in the shape of a box (2, 2), `longest` inches long; without pyplot."""
    from matplotlib.figure import Figure

    extent = np.diff(np.asarray(domain, dtype=float), axis=0)[0]
    figure = Figure(figsize=tuple(np.maximum(longest * extent / extent.max(), 0.1)))
    figure.add_axes((0.0, 0.0, 1.0, 1.0))
    return figure
