"""Pictures of quantizations with matplotlib: the law as density contours, the Diracs as dots, their Voronoi cells."""

from __future__ import annotations

import itertools
import math
from functools import singledispatch
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from diracs.backend.arrays import concrete
from diracs.backend.decimals import bounds_text
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.show.law import Components, draw_law, limits_of
from diracs.show.line import draw_stems
from diracs.show.pieces import PIECES, pieces_of
from diracs.show.style import (
    DIRAC,
    INK,
    dot_sizes,
    dots,
    frame,
    legend_below,
    line,
    load_matplotlib,
    mass_mark,
    new_axes,
    trim,
    write_title,
)

if TYPE_CHECKING:
    from diracs.quantization.discretization import Quantization
    from diracs.show.style import Axes


def plot_quantization(
    q: Quantization,
    ax: Axes | None = None,
    *,
    cells: bool = True,
    contours: bool = True,
    title: bool = True,
    legend: bool = True,
    lower: bool = False,
    color: Any = DIRAC,
) -> Axes:
    """Draw a quantization beside the law that it approximates.

    On the line: the density, with a stem for each Dirac. In the plane: regions of highest density holding 10 to 99 % of
    the mass, or the image, Diracs as dots of area proportional to mass (within sensible limits), Voronoi cells of the
    positions. In higher dimension: the projection onto the two leading principal axes of the law, without cells, as
    cells do not project to cells. Densities of laws that are cut into cells are those of some 10⁵ pieces, blurred.
    Components without a density appear as segments and rings. Pictures more than eight times as long as they are high
    are stretched, and say so.

    Parameters
    ----------
    q : Quantization
        One quantization, not a batch.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    cells, contours, title, legend : bool
        Whether to draw the cells, the law, to write n and the certificate above, and to explain shades and sizes.
    lower : bool
        Whether to compute `q.w2_lower` for the title, which may take seconds. Where it is known already, the title has
        it in any case.
    color : matplotlib color
        Of the Diracs.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a batch of quantizations.
    ImportError
        If matplotlib is not installed.
    """
    mpl = load_matplotlib()
    positions, masses = concrete(q.positions), concrete(q.weights)
    if positions.ndim != 2:
        raise ValueError(f"only one quantization can be plotted, got a batch of shape {positions.shape[:-2]}: pick one")
    kept = masses > 0
    positions, masses = positions[kept], masses[kept]
    law: Any = q.distribution
    own = ax is None
    if positions.shape[1] == 1:
        ax = new_axes() if ax is None else ax
        draw_stems(mpl, ax, positions[:, 0], masses, law if contours else None, color, legend)
    else:
        labels = ("$x_1$", "$x_2$")
        if positions.shape[1] > 2:
            positions, law, (first, second) = projected(positions, masses, law)
            labels, cells = (first, f"{second}, cells not drawn"), False
        limits = limits_of(law, positions)
        ax = new_axes(limits) if ax is None else ax
        frame(ax, limits, labels)
        entries = draw_law(law, mpl, ax, limits, legend) if contours else []
        _draw_points(mpl, ax, positions, masses, with_images(law, positions) if cells else None, color, entries, legend)
    if title:
        write_title(ax, certificate_text(q, lower))
    if own:
        trim(ax)
    return ax


def certificate_text(q: Quantization, lower: bool = False) -> str:
    """n, the certificate (rounded up unless exact) and, if known or asked for, the lower bound (rounded down)."""
    known = float(concrete(q.w2_lower)) if lower or q.w2_lower_known else None
    upper, best = bounds_text(float(concrete(q.w2)), known, q.exact)
    text = f"n = {q.positions.shape[-2]:,},  W₂ {upper} ({'exact' if q.exact else 'certified'})"
    return text if best is None or not known else f"{text},  best possible ≥ {best}"


@singledispatch
def _components(law: Any) -> Components | None:
    """The components of a Gaussian mixture in NumPy, None for other laws."""
    return None


_components.register(GaussianMixture)(components_of)


def projected(positions: np.ndarray, masses: np.ndarray, law: Any) -> tuple[np.ndarray, Any, tuple[str, str]]:
    """Positions and the law on its two leading principal axes (those of the Diracs, if it is neither mixture nor cut).

    Laws that are cut become `Pieces`.
    """
    components, pieces = _components(law), pieces_of(law, PIECES)
    means, covs, weights = components or (positions, np.zeros((1, 1, 1)), masses)
    if pieces is not None:
        means, weights = pieces.places, pieces.mass
    center = weights @ means
    shifted = means - center
    total = np.tensordot(weights, np.broadcast_to(covs, (len(weights), *covs.shape[1:])), 1)
    variances, axes = np.linalg.eigh(total + (shifted * weights[:, None]).T @ shifted)
    axes = axes[:, :-3:-1]
    # The sign of an eigenvector is arbitrary: the largest entry counts as positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    share = np.clip(variances[:-3:-1] / max(variances.sum(), 1e-300), 0, 1)
    labels = (
        f"first principal axis ({share[0]:.0%} of the variance)",
        f"second principal axis ({share[1]:.0%})",
    )
    seen: Any = None if pieces is None else pieces.along(center, axes)
    if components is not None:
        seen = GaussianMixture._of(shifted @ axes, axes.T @ covs @ axes, weights)
    return (positions - center) @ axes, seen, labels


def _draw_points(
    mpl: ModuleType,
    ax: Axes,
    positions: np.ndarray,
    masses: np.ndarray,
    seeds: np.ndarray | None,
    color: Any,
    entries: list[Any],
    legend: bool,
) -> None:
    """Diracs and their cells; below them what they mean, before the given entries."""
    sizes = dot_sizes(ax, positions, masses)
    dots(ax, positions, sizes, color, zorder=3)
    handles = [mass_mark(mpl, masses, sizes, color)]
    if seeds is not None:
        style = {"color": INK, "linewidth": float(np.clip(8.0 / math.sqrt(len(masses)), 0.1, 0.8)), "alpha": 0.35}
        edges = mpl.collections.LineCollection(list(voronoi_edges(seeds)), zorder=2, **style)
        ax.add_collection(edges, autolim=False)
        handles.append(line(mpl, "Voronoi cells", **{**style, "linewidth": 0.8}))
    if legend:
        legend_below(mpl, ax, [*handles, *entries])


def with_images(law: Any, positions: np.ndarray) -> np.ndarray:
    """Positions (n, d), and on a torus their images one period away."""
    periodic = getattr(law, "periodic", ())
    if not any(periodic):
        return positions
    turns = itertools.product(*([-1, 0, 1] if axis else [0] for axis in periodic))
    return np.concatenate([positions + np.array(turn) * (law.domain[1] - law.domain[0]) for turn in turns])


def voronoi_edges(positions: np.ndarray) -> np.ndarray:
    """The edges (m, 2, 2) between Voronoi cells of points (n, 2) in the plane, cut far outside their bounding box.

    Four points far away make every cell bounded, so that one, two or collinear points are no special case.
    """
    points = np.unique(positions, axis=0)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    span = np.abs(points - center).max()
    if len(points) < 2:
        return np.zeros((0, 2, 2))
    far = 100.0 * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    diagram = scipy.spatial.Voronoi(np.concatenate([(points - center) / span, far]))
    inner = (diagram.ridge_points < len(points)).all(axis=1)
    ridges = np.array([r for r, keep in zip(diagram.ridge_vertices, inner) if keep], dtype=int).reshape(-1, 2)
    ridges = ridges[(ridges >= 0).all(axis=1)]
    return diagram.vertices[ridges] * span + center
