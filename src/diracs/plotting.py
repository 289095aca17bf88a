"""Pictures of quantizations with matplotlib: the law as density contours, the Diracs as dots, their Voronoi cells."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from diracs._arrays import concrete
from diracs.distributions.gaussian import Gaussian, GaussianMixture, full_covariances
from diracs.distributions.grid import PolynomialGrid
from diracs.plotting_law import LAW, Components, draw_image, draw_law, draw_line_image, ticks
from diracs.plotting_law import density_levels as density_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diracs.discretization import Quantization

_INK = "#1b2a41"
_LAW = LAW
_DIRAC = "#d1495b"


def plot_quantization(
    q: Quantization,
    ax: Axes | None = None,
    *,
    cells: bool = True,
    contours: bool = True,
    title: bool = True,
    color: Any = _DIRAC,
) -> Axes:
    """Draw a quantization beside the law that it approximates.

    On the line: the density, with a stem for each Dirac. In the plane: regions of highest density holding 10 to 99 % of
    the mass, or the image, Diracs as dots of area proportional to mass (within sensible limits), Voronoi cells of the
    positions. In higher dimension: the projection onto the two leading principal axes of the law, without cells, as
    cells do not project to cells. Components without a density appear as segments and rings.

    Parameters
    ----------
    q : Quantization
        One quantization, not a batch.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    cells, contours, title : bool
        Whether to draw the cells, the law, and to write n, the certificate and the lower bound above.
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
    mpl = _matplotlib()
    positions, masses = concrete(q.positions), concrete(q.weights)
    if positions.ndim != 2:
        raise ValueError(f"only one quantization can be plotted, got a batch of shape {positions.shape[:-2]}: pick one")
    components = _components(q.distribution)
    if ax is None:
        from matplotlib import pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 4.2 if positions.shape[1] == 1 else 5.6), layout="constrained")
    assert ax is not None
    kept = masses > 0
    positions, masses = positions[kept], masses[kept]
    if positions.shape[1] == 1:
        top = 1.0
        if isinstance(q.distribution, PolynomialGrid) and contours:
            top = draw_line_image(ax, concrete(q.distribution.values), q.distribution.domain)
        _draw_line(mpl, ax, positions[:, 0], masses, components if contours else None, color, top)
        if isinstance(q.distribution, PolynomialGrid):
            (low, high), (a, b) = ax.get_xlim(), q.distribution.domain[:, 0]
            ax.set_xlim(min(low, a), max(high, b))
    else:
        labels = ("$x_1$", "$x_2$")
        if positions.shape[1] > 2:
            positions, components, labels = _project(positions, masses, components)
            cells = False
        _draw_plane(mpl, ax, positions, masses, components if contours else None, cells, color)
        if isinstance(q.distribution, PolynomialGrid):
            _draw_behind(ax, q.distribution, contours)
        ax.set_xlabel(labels[0])
        ax.set_ylabel(labels[1])
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if title:
        ax.set_title(certificate_text(q), loc="left", fontsize="medium", color=_INK)
    return ax


def certificate_text(q: Quantization) -> str:
    """n, the certificate (rounded up unless exact) and the lower bound (rounded down) in one line."""
    w2, lower = float(concrete(q.w2)), float(concrete(q.w2_lower))
    bound = f"W₂ = {w2:.3g} (exact)" if q.exact else f"W₂ ≤ {round_to(w2, math.ceil)} (certified)"
    return f"n = {q.positions.shape[-2]:,},  {bound},  best possible ≥ {round_to(lower, math.floor)}"


def round_to(x: float, direction: Any, digits: int = 3) -> str:
    """`x` to a number of digits, rounded by `math.ceil` or `math.floor`: a rounded bound is still a bound."""
    if x == 0 or not math.isfinite(x):
        return f"{x:g}"
    step = 10.0 ** (math.floor(math.log10(abs(x))) - digits + 1)
    return f"{direction(x / step) * step:.{digits}g}"


def _matplotlib() -> ModuleType:
    try:
        import matplotlib
        import matplotlib.collections
        import matplotlib.colors
    except ImportError:
        raise ImportError("plotting needs matplotlib: pip install 'diracs[plot]'") from None
    return matplotlib


def _components(law: Any) -> Components | None:
    """The components of a Gaussian mixture in NumPy, None for other laws."""
    if isinstance(law, Gaussian):
        law = law.as_mixture()
    if not isinstance(law, GaussianMixture):
        return None
    means = concrete(law.means)
    return means, full_covariances(means, concrete(law.covs)), concrete(law.weights)


def _project(
    positions: np.ndarray, masses: np.ndarray, components: Components | None
) -> tuple[np.ndarray, Components | None, tuple[str, str]]:
    """Positions and components on the two leading principal axes of the law (of the Diracs, if it is not a mixture)."""
    means, covs, weights = components or (positions, np.zeros((1, 1, 1)), masses)
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
        f"second principal axis ({share[1]:.0%}), cells not drawn",
    )
    projected = None if components is None else (shifted @ axes, axes.T @ covs @ axes, weights)
    return (positions - center) @ axes, projected, labels


def _limits(positions: np.ndarray, components: Components | None) -> np.ndarray:
    """Lower and upper corner (2, d) of the picture: all Diracs, and the law up to 2.7 standard deviations."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    if components is not None:
        means, covs, weights = components
        present = weights > 1e-4
        reach = 2.7 * np.sqrt(np.diagonal(covs, axis1=-2, axis2=-1))[present]
        low = np.minimum(low, (means[present] - reach).min(axis=0))
        high = np.maximum(high, (means[present] + reach).max(axis=0))
    span = (high - low).max()
    span = span if span > 0 else 1.0
    # No axis is narrower than a tenth of the other, so that flat laws can be seen.
    margin = np.maximum(0.05 * (high - low), 0.05 * span)
    return np.stack([low - margin, high + margin])


def _draw_line(
    mpl: ModuleType,
    ax: Axes,
    x: np.ndarray,
    masses: np.ndarray,
    components: Components | None,
    color: Any,
    top: float,
) -> None:
    """Density curve of components, and stems; the tallest stem reaches the top of the curve, or `top`."""
    limits = _limits(x[:, None], components)[:, 0]
    if components is not None:
        means, deviations, weights = components[0][:, 0], np.sqrt(components[1][:, 0, 0]), components[2]
        smooth = deviations > 1e-6 * (limits[1] - limits[0])
        if smooth.any():
            mu, sigma = means[smooth], deviations[smooth]
            t = ticks(limits, mu, sigma, 600)
            z = (t[:, None] - mu) / sigma
            f = np.exp(-0.5 * z * z) @ (weights[smooth] / (sigma * math.sqrt(2 * math.pi)))
            top = f.max()
            ax.fill_between(t, f, color=_LAW, alpha=0.15, linewidth=0)
            ax.plot(t, f, color=_LAW, linewidth=1.6)
        for m in means[~smooth]:
            ax.axvline(m, color=_LAW, linewidth=1.2, linestyle=(0, (4, 3)))
    heights = masses / masses.max() * top
    width = float(np.clip(160.0 / len(x), 0.4, 1.8))
    stems = mpl.collections.LineCollection(
        [[(a, 0.0), (a, b)] for a, b in zip(x, heights)], colors=color, linewidths=width, zorder=3
    )
    ax.add_collection(stems, autolim=False)
    ax.scatter(
        x, heights, s=np.clip(1200.0 / len(x), 2.0, 26.0), color=color, edgecolors="white", linewidths=0.4, zorder=4
    )
    ax.set_xlim(*limits)
    ax.set_ylim(0.0, 1.08 * top)
    ax.set_xlabel("$x$")
    ax.set_ylabel(f"density (stems: masses, tallest {masses.max():.3g})")


def _draw_plane(
    mpl: ModuleType,
    ax: Axes,
    positions: np.ndarray,
    masses: np.ndarray,
    components: Components | None,
    cells: bool,
    color: Any,
) -> None:
    limits = _limits(positions, components)
    ax.set_aspect("equal")
    ax.set_xlim(*limits[:, 0])
    ax.set_ylim(*limits[:, 1])
    if components is not None:
        draw_law(mpl, ax, components, limits)
    n = len(masses)
    if cells:
        edges = voronoi_edges(positions)
        width = float(np.clip(8.0 / math.sqrt(n), 0.1, 0.8))
        lines = mpl.collections.LineCollection(list(edges), colors=_INK, linewidths=width, alpha=0.35, zorder=2)
        ax.add_collection(lines, autolim=False)
    # Dots cover about 4 % of the picture (in square points), none is too small or large to see.
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    area = 0.04 * box.width * box.height * 72.0**2
    sizes = np.clip(area * masses / masses.sum(), 0.6, 160.0)
    # A white rim parts dots that touch, but would hide the smallest.
    rims = np.where(sizes > 8.0, np.sqrt(sizes) / 14, 0.0).tolist()
    ax.scatter(positions[:, 0], positions[:, 1], s=sizes, color=color, edgecolors="white", linewidths=rims, zorder=3)


def _draw_behind(ax: Axes, image: PolynomialGrid, drawn: bool) -> None:
    """The image under what is there, and its box in sight."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    low, high = image.domain
    if drawn:
        draw_image(ax, concrete(image.values), image.domain)
    ax.set(xlim=(min(x0, low[0]), max(x1, high[0])), ylim=(min(y0, low[1]), max(y1, high[1])), aspect="equal")


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
