"""Pictures of trajectories with matplotlib: states over time, their Diracs, and the balls that their means lie in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs._arrays import concrete
from diracs.distributions.gaussian import GaussianMixture
from diracs.plotting import _INK, _matplotlib, round_to

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diracs.propagation.trajectory import Trajectory

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
    cmap: Any = "viridis",
) -> Axes:
    """Draw the states of a trajectory, in the colours of time.

    Each state is drawn as its regions of highest density with 95, 70 and 30 % of the mass, with the Diracs that the
    next step replaces it by as dots. The circle about its mean has the radius of the certificate: the means of *all*
    laws of the ambiguity ball, the true one among them, lie in it. In more than two dimensions everything is projected
    onto two axes.

    Parameters
    ----------
    trajectory : Trajectory
        In two or more dimensions.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    steps : sequence of int, optional
        Which states are drawn: 0 for the initial law, t for that after t steps; some seven by default.
    axes : array (d, 2), optional
        Orthonormal columns to project onto; by default the two leading principal axes of the states together.
    diracs, balls, title : bool
        Whether to draw the Diracs and the circles, and to write the certificate above.
    cmap : matplotlib colormap

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For trajectories on the line or with a change of dimension, steps that do not exist, axes of a wrong shape.
    ImportError
        If matplotlib is not installed.
    """
    mpl = _matplotlib()
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    states = [trajectory.initial, *trajectory.states]
    if len({s.ndim for s in states}) > 1 or states[0].ndim < 2:
        raise ValueError(f"states are drawn in one space of two or more dimensions, got {[s.ndim for s in states]}")
    last = len(states) - 1
    chosen = np.unique(np.linspace(0, last, _STATES).round().astype(int)) if steps is None else np.asarray(steps)
    if chosen.size == 0 or chosen.min() < 0 or chosen.max() > last:
        raise ValueError(f"steps must be between 0 and {last}, got {chosen.tolist()}")
    if ax is None:
        ax = mpl.pyplot.subplots(figsize=(6.4, 5.6), layout="constrained")[1]
    assert ax is not None
    axes, labels = _axes([states[t] for t in chosen], axes)
    colors = mpl.colormaps[cmap](np.linspace(0.0, 0.92, len(chosen)))
    bounds = np.append(0.0, concrete(trajectory.w2_bound))
    handles = []
    for t, color in zip(chosen.tolist(), colors, strict=True):
        mean = concrete(states[t].weights) @ concrete(states[t].means) @ axes
        _draw_density(ax, states[t], axes, color)
        if diracs and t < len(trajectory.diracs):
            points, masses = concrete(trajectory.diracs[t].positions) @ axes, concrete(trajectory.diracs[t].weights)
            sizes = np.clip(260.0 * masses, 0.5, 30.0)
            ax.scatter(points[:, 0], points[:, 1], s=sizes, color=color, linewidths=0, zorder=3)
        if balls and bounds[t] > 0:
            ball = Circle((float(mean[0]), float(mean[1])), float(bounds[t]), fill=False, color=_INK, linewidth=1.1)
            ball.set_zorder(4)
            ax.add_patch(ball)
        ax.plot(*mean, "+", color=_INK, markersize=5, zorder=5)
        text = "start" if t == 0 else f"step {t}:  W₂ ≤ {round_to(float(bounds[t]), math.ceil)}"
        handles.append(Line2D([], [], marker="o", linestyle="", color=color, label=text))
    ax.set(xlabel=labels[0], ylabel=labels[1], aspect="equal")
    ax.autoscale_view()
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    legend = ax.legend(
        handles=handles, frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), handletextpad=0.1
    )
    for entry in legend.get_texts():
        entry.set_color(_INK)
    if title:
        most = max((len(d) for d in trajectory.diracs), default=0)
        points = f"at most {most:,} points" if most else "exact"
        text = f"{last} steps, {points};  circles: bounds on W₂"
        ax.set_title(text, loc="left", fontsize="medium", color=_INK)
    return ax


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


def _draw_density(ax: Axes, state: GaussianMixture, axes: np.ndarray, color: Any) -> None:
    """Regions of highest density of the projection onto the axes; points for components without a density."""
    means, covs, weights = concrete(state.means) @ axes, concrete(state.covs), concrete(state.weights)
    if state.covariance_kind == "full":
        flat = axes.T @ covs @ axes
    else:
        each = np.broadcast_to(covs[:, None] if covs.ndim == 1 else covs, concrete(state.means).shape)
        flat = np.einsum("di,kd,dj->kij", axes, each, axes, optimize=True)
    deviations = np.sqrt(np.maximum(np.diagonal(flat, axis1=1, axis2=2), 0.0))
    reach = np.ptp(means, axis=0).max() + deviations.max()
    if np.linalg.eigvalsh(flat)[:, 0].min() <= 1e-8 * reach**2:
        ax.scatter(
            means[:, 0], means[:, 1], s=np.clip(200.0 * weights, 1.0, 40.0), color=color, alpha=0.4, linewidths=0
        )
        return
    low, high = (means - 4.0 * deviations).min(axis=0), (means + 4.0 * deviations).max(axis=0)
    x, y = (np.linspace(a, b, _PIXELS) for a, b in zip(low, high, strict=True))
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    density = np.zeros(len(places))
    covariances, kind = np.unique(flat.reshape(len(flat), -1), axis=0, return_inverse=True)
    for k, cov in enumerate(covariances.reshape(-1, 2, 2)):
        rows = np.flatnonzero(kind.ravel() == k)
        whiten = np.linalg.inv(np.linalg.cholesky(cov)).T
        for part in np.array_split(rows, -(-len(rows) // 128)):
            u, v = places @ whiten, means[part] @ whiten
            square = (u**2).sum(axis=1)[:, None] - 2.0 * u @ v.T + (v**2).sum(axis=1)
            density += np.exp(-0.5 * square) @ weights[part] * np.linalg.det(whiten) / (2.0 * math.pi)
    sorted_values = np.sort(density)[::-1]
    held = np.cumsum(sorted_values) / density.sum()
    levels = sorted_values[np.searchsorted(held, _SHARES)]
    image = density.reshape(_PIXELS, _PIXELS)
    for level in levels:
        ax.contourf(x, y, image, levels=[level, np.inf], colors=[color], alpha=0.16, zorder=1)
    ax.contour(x, y, image, levels=levels[:1], colors=[color], linewidths=0.8, zorder=2)
