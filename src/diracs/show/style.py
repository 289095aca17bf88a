"""What all pictures have in common: colours, figures in the shape of what they show, legends, rounded bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import scipy

# Of matplotlib, which is loaded where pictures are drawn.
Axes = Any

INK, LAW, DIRAC = "#1b2a41", "#2f6690", "#d1495b"
# Boxes narrower than this share of their length are stretched: what is in them could not be seen.
_NARROW = 1 / 6
# The widest and highest that axes become, the height of pictures without a scale, and the rim of figures, in inches.
_WIDEST, _HIGHEST, _LINE, _PAD = 5.6, 5.2, 3.8, 0.08


def load_matplotlib() -> ModuleType:
    """The package, with the parts that the pictures take from it."""
    try:
        import matplotlib
        import matplotlib.collections
        import matplotlib.colors
        import matplotlib.lines
        import matplotlib.patches
        import matplotlib.transforms
    except ImportError:
        raise ImportError("plotting needs matplotlib: pip install 'diracs[plot]'") from None
    return matplotlib


def new_axes(limits: np.ndarray | None = None) -> Axes:
    """Axes of a new figure, shaped like the box (2, 2) that is to fill them; `trim` makes the figure fit them."""
    load_matplotlib()
    from matplotlib import pyplot as plt

    width, height = _WIDEST, _LINE
    if limits is not None and not is_narrow(limits):
        ratio = float(np.divide(*(limits[1] - limits[0])[::-1]))
        width = min(_WIDEST, _HIGHEST / ratio)
        height = width * ratio
    figure = plt.figure(figsize=(_WIDEST, _HIGHEST))
    return figure.add_axes((0.0, 0.0, width / _WIDEST, height / _HIGHEST))


def trim(ax: Axes) -> None:
    """Give the figure of `new_axes` the size that title, labels, bars and legend need, and the axes what they have."""
    figure = ax.figure
    figure.draw_without_rendering()
    used, size = figure.get_tightbbox(), figure.get_size_inches()
    low, high = used.min - _PAD, used.max + _PAD
    place = ax.get_position(original=True)
    figure.set_size_inches(high - low)
    corners = ((np.array(corner) * size - low) / (high - low) for corner in (place.min, place.max))
    ax.set_position(np.concatenate([first := next(corners), next(corners) - first]))


def is_narrow(limits: np.ndarray) -> bool:
    """Whether a box (2, 2) is too narrow to be drawn to scale."""
    extent = limits[1] - limits[0]
    return bool(extent.min() < _NARROW * extent.max())


def padded(low: np.ndarray, high: np.ndarray, share: float = 0.05) -> np.ndarray:
    """A box (2, 2) around [low, high] with a margin.

    Where one axis is a line but for rounding, the box is widened to what is still drawn to scale.
    """
    extent = high - low
    span = float(extent.max())
    if not span > 0:
        span = 1e-6 * float(np.abs(low).max()) or 1.0
    flat = extent < 1e-6 * span
    margin = np.where(flat, (0.5 + share) * 1.2 * _NARROW * span, share * extent)
    return np.stack([low - margin, high + margin])


def frame(ax: Axes, limits: np.ndarray, labels: Sequence[str] = ("$x_1$", "$x_2$")) -> None:
    """Show a box (2, 2) of the plane: to scale, unless it is so narrow that nothing could be seen."""
    narrow = is_narrow(limits)
    ax.set(xlim=limits[:, 0], ylim=limits[:, 1], aspect="auto" if narrow else "equal")
    # No band between a title and a picture that is lower than its place.
    ax.set_anchor("N")
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1] + (" (stretched: not to the scale of the other)" if narrow else ""))
    without_box(ax)


def without_box(ax: Axes) -> None:
    """Only the axes that carry numbers."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def write_title(ax: Axes, text: str) -> None:
    """A line above the left end."""
    ax.set_title(text, loc="left", fontsize="medium", color=INK)


def shades(mpl: ModuleType) -> Any:
    """The colours of densities, from zero to the highest, pale enough for what lies above them."""
    return mpl.colors.LinearSegmentedColormap.from_list("law", mpl.colormaps["Blues"](np.linspace(0.0, 0.55, 64)))


def colour_bar(ax: Axes, mappable: Any, label: str, **options: Any) -> Any:
    """A bar beside the axes that says what shades mean; part of the axes, so that it takes room from no others."""
    inset = ax.inset_axes((1.02, 0.0, 0.03, 1.0))
    bar = ax.figure.colorbar(mappable, cax=inset, **options)
    # Above the bar, where there is room however low the picture is.
    bar.ax.set_title(label, loc="left", color=INK, fontsize="small")
    bar.ax.tick_params(labelsize="small")
    bar.minorticks_off()
    bar.outline.set_visible(False)
    return bar


def legend_below(mpl: ModuleType, ax: Axes, handles: Sequence[Any]) -> None:
    """What the marks mean, below the label of the horizontal axis, in as many columns as there is room for."""
    room = ax.get_window_extent().width / ax.figure.dpi
    widths = [0.55 + 0.065 * len(handle.get_label()) for handle in handles]
    ax.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes + mpl.transforms.ScaledTranslation(0.0, -0.47, ax.figure.dpi_scale_trans),
        ncols=_columns(widths, room),
        frameon=False,
        fontsize="small",
        labelcolor=INK,
        borderpad=0.0,
        borderaxespad=0.2,
        columnspacing=1.4,
        handletextpad=0.6,
    )


def _columns(widths: list[float], room: float) -> int:
    """The most columns that fit, if they are filled one by one."""
    for columns in range(len(widths), 1, -1):
        rows = -(-len(widths) // columns)
        if sum(max(widths[i : i + rows]) for i in range(0, len(widths), rows)) <= room:
            return columns
    return 1


def mark(mpl: ModuleType, label: str, color: Any, marker: str = "o", size: float = 5.0, **options: Any) -> Any:
    """An entry of a legend: a marker."""
    edges: dict[str, Any] = {} if marker in "+|" else {"markeredgewidth": 0}
    return mpl.lines.Line2D(
        [], [], linestyle="", marker=marker, markersize=max(size, 2.5), color=color, label=label, **{**edges, **options}
    )


def line(mpl: ModuleType, label: str, color: Any, **options: Any) -> Any:
    """An entry of a legend: a line."""
    return mpl.lines.Line2D([], [], color=color, label=label, **options)


def dot_sizes(ax: Axes, positions: np.ndarray, masses: np.ndarray, share: float = 0.04) -> np.ndarray:
    """Areas (n,) of dots in square points, proportional to masses but for the smallest and the largest.

    They cover the given share of the axes, less where points lie close: neighbours are told apart.
    """
    ax.apply_aspect()
    box = ax.get_window_extent()
    scale = np.array([box.width, box.height]) * 72.0 / ax.figure.dpi
    area = share * scale[0] * scale[1]
    limits = np.array([ax.get_xlim(), ax.get_ylim()]).T
    places = np.unique((positions - limits[0]) / (limits[1] - limits[0]) * scale, axis=0)
    if len(places) > 1:
        gap = float(np.median(scipy.spatial.cKDTree(places).query(places, k=2)[0][:, 1]))
        area = min(area, len(masses) * math.pi / 4 * (0.75 * gap) ** 2)
    sizes: np.ndarray = np.clip(area * masses / masses.sum(), 0.6, 160.0)
    return sizes


def dots(ax: Axes, positions: np.ndarray, sizes: np.ndarray, color: Any, **options: Any) -> None:
    """Points as dots; a white rim parts those that touch, but would hide the smallest."""
    rims = np.where(sizes > 8.0, np.sqrt(sizes) / 14, 0.0).tolist()
    ax.scatter(positions[:, 0], positions[:, 1], s=sizes, color=color, edgecolors="white", linewidths=rims, **options)


def mass_mark(
    mpl: ModuleType, masses: np.ndarray, sizes: np.ndarray, color: Any, name: str = "Diracs", **options: Any
) -> Any:
    """An entry of a legend: a dot of the size that belongs to a mass, in round numbers if not all are the same."""
    top = int(np.argmax(sizes))
    if np.ptp(masses) <= 1e-6 * masses.max():
        return mark(mpl, f"{name}, of mass {masses[top]:.2g} each", color, size=float(sizes[top]) ** 0.5, **options)
    # The largest of 1, 2, 5, 10, … that some dot reaches, or none does only by the limits on sizes.
    power = 10.0 ** math.floor(math.log10(masses[top]))
    shown = max(step * power for step in (1, 2, 5) if step * power <= masses[top] * (1 + 1e-12))
    size = float(np.interp(shown, *_increasing(masses, sizes)))
    return mark(mpl, f"{name}; area: mass, here {shown:.2g}", color, size=size**0.5, **options)


def _increasing(masses: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(masses)
    return masses[order], sizes[order]
