"""Pictures of trajectories with matplotlib: states over time, their Diracs, and the balls that their means lie in."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.backend.decimals import round_to
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.mixtures.density import mixture_density
from diracs.show.law import limits_of
from diracs.show.line import density_curve
from diracs.show.style import (
    DIRAC,
    INK,
    LAW,
    legend_below,
    line,
    load_matplotlib,
    mark,
    new_axes,
    padded,
    trim,
    without_box,
    write_title,
)

if TYPE_CHECKING:
    from diracs.propagation.trajectory import Trajectory
    from diracs.show.style import Axes

# So many states are drawn at most, evenly spread over time.
_STATES = 7
_PIXELS = 110
# The regions of highest density that are drawn hold these shares of the mass.
_SHARES = (0.95, 0.7, 0.3)


def plot_trajectory(
    trajectory: Trajectory,
    ax: Axes | None = None,
    *,
    steps: Any = None,
    axes: Any = None,
    diracs: bool = True,
    balls: bool = True,
    title: bool = True,
    legend: bool = True,
    cmap: Any = "viridis",
) -> Axes:
    """Draw the states of a trajectory.

    On the line: each state's density, over the number of steps. In the plane: in the colours of time, the regions of
    highest density with 95, 70 and 30 % of the mass. The Diracs that the next step replaces a state by are dots. The
    circle about the mean of a state, on the line the bar, has the radius of the certificate: the means of *all* laws of
    the ambiguity ball, the true one among them, lie in it. In more than two dimensions everything is projected onto two
    axes.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    steps : sequence of int, optional
        Which states are drawn: 0 for the initial law, t for that after t steps; some seven by default, on the line
        some twenty.
    axes : array (d, 2), optional
        Orthonormal columns to project onto; by default the two leading principal axes of the states together.
    diracs, balls, title, legend : bool
        Whether to draw the Diracs and the circles, to write the certificate above, and to explain colours and marks.
    cmap : matplotlib colormap
        The colours of time.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a change of dimension, steps that do not exist, axes of a wrong shape.
    ImportError
        If matplotlib is not installed.
    """
    mpl = load_matplotlib()
    states = [trajectory.initial, *trajectory.states]
    if len({s.ndim for s in states}) > 1:
        raise ValueError(f"states are drawn in one space, these have dimensions {[s.ndim for s in states]}")
    on_line, own = states[0].ndim == 1, ax is None
    last = len(states) - 1
    some = np.unique(np.linspace(0, last, 21 if on_line else _STATES).round().astype(int))
    chosen = some if steps is None else np.asarray(steps)
    if chosen.size == 0 or chosen.min() < 0 or chosen.max() > last:
        raise ValueError(f"steps must be between 0 and {last}, got {chosen.tolist()}")
    bounds = np.append(0.0, concrete(trajectory.w2_bound))
    # Exact states have neither.
    balls, diracs = balls and bool(bounds.any()), diracs and len(trajectory.diracs) > 0
    if on_line:
        if axes is not None:
            raise ValueError("axes are for states of two or more dimensions, these lie on the line")
        ax = new_axes() if ax is None else ax
        _draw_on_line(mpl, ax, trajectory, np.unique(chosen), bounds, diracs, balls, legend)
        means = "bars: bounds on W₂, about the means"
    else:
        axes, labels = _axes([states[t] for t in chosen], axes)
        limits = _limits([states[t] for t in chosen], bounds[chosen] if balls else None, axes)
        ax = new_axes(limits) if ax is None else ax
        ax.set(xlim=limits[:, 0], ylim=limits[:, 1], aspect="equal", xlabel=labels[0], ylabel=labels[1])
        # No band between a title and a picture that is lower than its place.
        ax.set_anchor("N")
        without_box(ax)
        colors = mpl.colormaps[cmap](np.linspace(0.0, 0.92, len(chosen)))
        _draw_in_plane(mpl, ax, trajectory, chosen, axes, colors, bounds, diracs, balls, legend)
        means = "circles: bounds on W₂, about the means"
    if title:
        most = max((len(d) for d in trajectory.diracs), default=0)
        points = f"at most {most:,} points" if most else "exact"
        write_title(ax, f"{last} steps, {points}" + (f";  {means}" if balls else ""))
    if own:
        trim(ax)
    return ax


def _draw_on_line(
    mpl: ModuleType,
    ax: Axes,
    trajectory: Trajectory,
    chosen: np.ndarray,
    bounds: np.ndarray,
    diracs: bool,
    balls: bool,
    legend: bool,
) -> None:
    """Densities to the right of their steps, all of one width; Diracs on the steps, bounds about the means."""
    states = [trajectory.initial, *trajectory.states]
    gap = float(np.diff(chosen).min()) if len(chosen) > 1 else 1.0
    sizes = np.array([1.0])
    low, high = math.inf, -math.inf
    for t in chosen.tolist():
        means = concrete(states[t].means)
        limits = limits_of(states[t], means, 3.5)[:, 0]
        low, high = min(low, limits[0]), max(high, limits[1])
        mean = float(concrete(states[t].weights) @ means[:, 0])
        x, f, thin = density_curve(states[t], limits)
        if len(x):
            ax.fill_betweenx(x, t, t + 0.8 * gap * f / f.max(), color=LAW, alpha=0.35, linewidth=0, zorder=1)
        if len(thin):
            ax.hlines(thin, t, t + 0.8 * gap, color=LAW, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        if diracs and t < len(trajectory.diracs):
            points, masses = (concrete(v) for v in (trajectory.diracs[t].positions, trajectory.diracs[t].weights))
            sizes = np.clip(160.0 * masses, 0.8, 30.0)
            ax.scatter(np.full(len(points), t), points[:, 0], s=sizes, color=DIRAC, linewidths=0, zorder=3)
        if balls and bounds[t] > 0:
            bar = {"capsize": 3.0, "elinewidth": 1.1, "color": INK, "zorder": 4}
            ax.errorbar(t, mean, yerr=bounds[t], fmt="_", markersize=6, **bar)
            low, high = min(low, mean - bounds[t]), max(high, mean + bounds[t])
    ax.set(xlabel="step", ylabel="$x$", xlim=(chosen[0] - 0.3 * gap, chosen[-1] + gap), ylim=(low, high))
    ax.xaxis.get_major_locator().set_params(integer=True)
    without_box(ax)
    if legend:
        entries = [mpl.patches.Patch(color=LAW, alpha=0.35, linewidth=0, label="density, each to the same width")]
        if diracs:
            entries.append(mark(mpl, "Diracs (area: mass)", DIRAC, size=float(np.clip(sizes.max() ** 0.5, 3.0, 5.0))))
        if balls:
            entries.append(line(mpl, "mean ± bound on W₂", INK, linewidth=1.1, marker="_", markersize=6))
        legend_below(mpl, ax, entries)


def _draw_in_plane(
    mpl: ModuleType,
    ax: Axes,
    trajectory: Trajectory,
    chosen: np.ndarray,
    axes: np.ndarray,
    colors: Any,
    bounds: np.ndarray,
    diracs: bool,
    balls: bool,
    legend: bool,
) -> None:
    """Regions of highest density, Diracs and circles, projected onto the axes (d, 2)."""
    states = [trajectory.initial, *trajectory.states]
    handles = []
    for t, color in zip(chosen.tolist(), colors, strict=True):
        mean = concrete(states[t].weights) @ concrete(states[t].means) @ axes
        _draw_density(ax, states[t], axes, color)
        if diracs and t < len(trajectory.diracs):
            points, masses = concrete(trajectory.diracs[t].positions) @ axes, concrete(trajectory.diracs[t].weights)
            sizes = np.clip(260.0 * masses, 0.5, 30.0)
            ax.scatter(points[:, 0], points[:, 1], s=sizes, color=color, linewidths=0, zorder=3)
        if balls and bounds[t] > 0:
            ball = mpl.patches.Circle((float(mean[0]), float(mean[1])), float(bounds[t]), fill=False, color=INK)
            ball.set(linewidth=1.1, zorder=4)
            ax.add_patch(ball)
        ax.plot(*mean, "+", color=INK, markersize=5, zorder=5)
        text = "start" if t == 0 else f"step {t}:  W₂ ≤ {round_to(float(bounds[t]), math.ceil)}"
        handles.append(mark(mpl, text, color, size=6.0))
    if not legend:
        return
    grey = "#7f8899"
    shares = ", ".join(f"{100 * share:.0f}" for share in sorted(_SHARES))
    handles.append(mpl.patches.Patch(color=grey, alpha=0.4, linewidth=0, label=f"{shares} % of the mass"))
    if diracs:
        handles.append(mark(mpl, "Diracs (area: mass)", grey, size=3.5))
    handles.append(mark(mpl, "mean", INK, "+", 6.0))
    if balls:
        ring: dict[str, Any] = {"markeredgecolor": INK, "markeredgewidth": 1.1}
        handles.append(mark(mpl, "circle of the bound on W₂", "none", size=9.0, **ring))
    ax.legend(
        handles=handles,
        frameon=False,
        fontsize="small",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        handletextpad=0.3,
        labelcolor=INK,
    )


def _limits(states: list[GaussianMixture], bounds: np.ndarray | None, axes: np.ndarray) -> np.ndarray:
    """The box (2, 2) of all components to three deviations, and of the circles, in the plane of the axes."""
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for k, state in enumerate(states):
        means, reach = concrete(state.means) @ axes, 3.0 * _deviations(_flat(state, axes))
        mean = concrete(state.weights) @ means
        radius = 0.0 if bounds is None else bounds[k]
        low = np.minimum(low, np.minimum((means - reach).min(axis=0), mean - radius))
        high = np.maximum(high, np.maximum((means + reach).max(axis=0), mean + radius))
    return padded(low, high, 0.02)


def _axes(states: list[GaussianMixture], axes: Any) -> tuple[np.ndarray, tuple[str, str]]:
    """Two axes (d, 2) to draw on, and their names."""
    d = states[0].ndim
    if axes is not None:
        given = np.asarray(axes, dtype=np.float64)
        if given.shape != (d, 2):
            raise ValueError(f"axes must have shape {(d, 2)}, got {given.shape}")
        return given, ("first axis", "second axis")
    if d == 2:
        return np.eye(2), ("$x_1$", "$x_2$")
    means = np.concatenate([concrete(s.means) for s in states])
    weights = np.concatenate([concrete(s.weights) for s in states]) / len(states)
    centred = means - weights @ means
    axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)[1][:, :-3:-1]
    # The sign of an eigenvector is arbitrary: the largest entry counts as positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return axes, ("first principal axis of the states", "second principal axis")


def _flat(state: GaussianMixture, axes: np.ndarray) -> np.ndarray:
    """Covariances (k, 2, 2) in the plane of the axes."""
    return np.asarray(axes.T @ components_of(state)[1] @ axes)


def _deviations(flat: np.ndarray) -> np.ndarray:
    """Of the coordinates (k, 2)."""
    return np.sqrt(np.maximum(np.diagonal(flat, axis1=1, axis2=2), 0.0))


def _draw_density(ax: Axes, state: GaussianMixture, axes: np.ndarray, color: Any) -> None:
    """Regions of highest density of the projection onto the axes; points for components without a density."""
    means, weights, flat = concrete(state.means) @ axes, concrete(state.weights), _flat(state, axes)
    deviations = _deviations(flat)
    reach = np.ptp(means, axis=0).max() + deviations.max()
    if np.linalg.eigvalsh(flat)[:, 0].min() <= 1e-8 * reach**2:
        ax.scatter(
            means[:, 0], means[:, 1], s=np.clip(200.0 * weights, 1.0, 40.0), color=color, alpha=0.4, linewidths=0
        )
        return
    low, high = (means - 4.0 * deviations).min(axis=0), (means + 4.0 * deviations).max(axis=0)
    x, y = (np.linspace(a, b, _PIXELS) for a, b in zip(low, high, strict=True))
    density = mixture_density(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), means, flat, weights)
    sorted_values = np.sort(density)[::-1]
    held = np.cumsum(sorted_values) / density.sum()
    levels = sorted_values[np.searchsorted(held, _SHARES)]
    image = density.reshape(_PIXELS, _PIXELS)
    for level in levels:
        ax.contourf(x, y, image, levels=[level, np.inf], colors=[color], alpha=0.16, zorder=1)
    ax.contour(x, y, image, levels=levels[:1], colors=[color], linewidths=0.8, zorder=2)
