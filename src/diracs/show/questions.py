"""Pictures of what is asked of trajectories: the probability of staying safe, and quantiles with their bands."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from diracs.backend.arrays import concrete
from diracs.backend.decimals import round_to
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.regions import Region
from diracs.propagation.costs import quadratic_cost_bounds
from diracs.propagation.horizon import Horizon, stays_in
from diracs.propagation.questions import quantile_bounds
from diracs.show.propagation import plot_trajectory
from diracs.show.style import (
    DIRAC,
    INK,
    LAW,
    legend_below,
    line,
    load_matplotlib,
    new_axes,
    trim,
    without_box,
    write_title,
)

if TYPE_CHECKING:
    from diracs.propagation.trajectory import Trajectory
    from diracs.show.style import Axes

_PIXELS = 240
_RIM = 0.1


def plot_safe_set(
    trajectory: Trajectory,
    region: Region,
    ax: Axes | None = None,
    *,
    horizon: Horizon | None = None,
    step: int | None = None,
    **options: Any,
) -> Axes:
    """Draw a trajectory in the plane with its safe set.

    What is outside of the set is shaded. The dashed line is the border of the set shrunken by the margin of one step:
    laws of that step's ball may bring the mass beyond it out of the set, and no more.

    Parameters
    ----------
    trajectory : Trajectory
        Of two dimensions.
    region : HalfSpace, Polytope, Ball or Complement
    ax : matplotlib Axes, optional
    horizon : Horizon, optional
        What `stays_in` found with the start; it is asked otherwise.
    step : int, optional
        Whose margin is drawn, 0 for the start; by default that of the least safe.
    **options
        Of `plot_trajectory`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For states that do not lie in the plane, or a step that does not exist.
    ImportError
        If matplotlib is not installed.
    """
    mpl = load_matplotlib()
    if {s.ndim for s in (trajectory.initial, *trajectory.states)} != {2}:
        raise ValueError("trajectory must lie in the plane for its safe set to be drawn: use plot_safety for others")
    found = stays_in(trajectory, region) if horizon is None else horizon
    lows, margins = concrete(found.lows), concrete(found.margins)
    at = int(np.argmin(lows)) if step is None else step
    if not 0 <= at < len(margins):
        raise ValueError(f"step must be between 0 and {len(margins) - 1}, got {at}")
    own = ax is None
    ax = plot_trajectory(trajectory, ax, title=False, **options)
    handles = ax.get_legend().legend_handles if ax.get_legend() is not None else []
    handles += _draw_region(mpl, ax, region, float(margins[at]), at)
    if handles:
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "handletextpad": 0.3, "labelcolor": INK}
        ax.legend(handles=handles, frameon=False, fontsize="small", **place)
    write_title(ax, f"stays in the safe set with P ≥ {round_to(float(found.low), math.floor, 4)}")
    if own:
        trim(ax)
    return ax


def plot_safety(horizon: Horizon, ax: Axes | None = None, *, first: int = 0) -> Axes:
    """Draw the probability of keeping the constraints of each time, certified from both sides.

    Parameters
    ----------
    horizon : Horizon
    ax : matplotlib Axes, optional
    first : int
        The time of the first entry: 1 where the start does not count.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    mpl = load_matplotlib()
    own = ax is None
    ax = new_axes() if ax is None else ax
    lows, highs = concrete(horizon.lows), concrete(horizon.highs)
    times = np.arange(first, first + len(lows))
    ax.fill_between(times, lows, highs, color=LAW, alpha=0.25, linewidth=0)
    ax.plot(times, lows, color=LAW, marker="o", markersize=4, linewidth=1.4)
    low = float(horizon.low)
    ax.axhline(low, color=DIRAC, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.set(xlabel="step", ylabel="probability")
    ax.xaxis.get_major_locator().set_params(integer=True)
    without_box(ax)
    entries = [
        line(mpl, "of one step, at least", LAW, marker="o", markersize=4),
        mpl.patches.Patch(color=LAW, alpha=0.25, linewidth=0, label="up to its upper bound"),
        line(mpl, "of all steps, at least", DIRAC, linestyle=(0, (4, 3))),
    ]
    legend_below(mpl, ax, entries)
    write_title(ax, f"P(all constraints are kept) ≥ {round_to(low, math.floor, 4)}")
    if own:
        trim(ax)
    return ax


def plot_quantiles(
    trajectory: Trajectory,
    direction: Any,
    level: float = 0.95,
    ax: Axes | None = None,
    *,
    limit: float | None = None,
    initial_radius: float = 0.0,
) -> Axes:
    """Draw a quantile of a linear functional over time, with the band that it surely lies in.

    Parameters
    ----------
    trajectory : Trajectory
    direction : array (d,)
    level : number
    ax : matplotlib Axes, optional
    limit : number, optional
        Of a chance constraint, drawn as a line.
    initial_radius : number
        That of `propagate`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        As for `quantile_bounds`.
    ImportError
        If matplotlib is not installed.
    """
    return _band(
        trajectory,
        lambda state, radius: quantile_bounds(state, radius, direction, level),
        lambda state: quantile_bounds(state, 0.0, direction, level).high,
        ("$a · x$", f"{level:g}-quantile of a linear functional"),
        ax,
        limit,
        initial_radius,
    )


def plot_costs(
    trajectory: Trajectory,
    Q: Any,
    q: Any = None,
    ax: Axes | None = None,
    *,
    limit: float | None = None,
    initial_radius: float = 0.0,
) -> Axes:
    """Draw the expectation of a quadratic cost over time, with the band that it surely lies in.

    Parameters
    ----------
    trajectory : Trajectory
    Q : array (d, d)
    q : array (d,), optional
    ax : matplotlib Axes, optional
    limit : number, optional
        That the cost is to stay below, drawn as a line.
    initial_radius : number
        That of `propagate`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        As for `quadratic_cost_bounds`.
    ImportError
        If matplotlib is not installed.
    """
    return _band(
        trajectory,
        lambda state, radius: quadratic_cost_bounds(state, radius, Q, q),
        lambda state: quadratic_cost_bounds(state, 0.0, Q, q).high,
        ("cost", "expected quadratic cost"),
        ax,
        limit,
        initial_radius,
    )


def _band(
    trajectory: Trajectory,
    bounds: Callable[[GaussianMixture, float], Any],
    nominal: Callable[[GaussianMixture], Any],
    words: tuple[str, str],
    ax: Axes | None,
    limit: float | None,
    initial_radius: float,
) -> Axes:
    """A number of each state over time, and between which ends it lies for all laws of the ball; axis and title."""
    mpl = load_matplotlib()
    own = ax is None
    states: list[GaussianMixture] = [trajectory.initial, *trajectory.states]
    radii = [initial_radius, *concrete(trajectory.w2_bound).tolist()]
    ends = np.array([bounds(s, r) for s, r in zip(states, radii)], dtype=float)
    middle = np.array([nominal(s) for s in states], dtype=float)
    ax = new_axes() if ax is None else ax
    times = np.arange(len(states))
    ax.fill_between(times, ends[:, 0], ends[:, 1], color=LAW, alpha=0.25, linewidth=0)
    ax.plot(times, middle, color=LAW, marker="o", markersize=4, linewidth=1.4)
    entries = [
        line(mpl, "of the state", LAW, marker="o", markersize=4),
        mpl.patches.Patch(color=LAW, alpha=0.25, linewidth=0, label="of all laws within the bound on W₂"),
    ]
    if limit is not None:
        ax.axhline(limit, color=DIRAC, linewidth=1.2, linestyle=(0, (4, 3)))
        entries.append(line(mpl, "limit", DIRAC, linestyle=(0, (4, 3))))
    ax.set(xlabel="step", ylabel=words[0])
    ax.xaxis.get_major_locator().set_params(integer=True)
    without_box(ax)
    legend_below(mpl, ax, entries)
    write_title(ax, words[1])
    if own:
        trim(ax)
    return ax


def _draw_region(mpl: ModuleType, ax: Axes, region: Region, margin: float, step: int) -> list[Any]:
    """Shade what is outside of a region, draw its border and that of the shrunken one; entries for a legend."""
    limits = np.array([ax.get_xlim(), ax.get_ylim()])
    # Borders just beyond the states are to be seen.
    limits += _RIM * np.ptp(limits, axis=1).max() * np.array([-1.0, 1.0])
    ax.set(xlim=limits[0], ylim=limits[1])
    x, y = (np.linspace(low, high, _PIXELS) for low, high in limits)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    depth = region.depth(points)[0].reshape(_PIXELS, _PIXELS)
    entries = []
    if depth.min() < 0 < depth.max():
        ax.contourf(x, y, depth, levels=[-np.inf, 0.0], colors=[DIRAC], alpha=0.15, zorder=0)
        ax.contour(x, y, depth, levels=[0.0], colors=[DIRAC], linewidths=1.2, zorder=2)
        entries.append(mpl.patches.Patch(facecolor=DIRAC, alpha=0.15, label="not safe"))
    if 0 < margin and depth.min() < margin < depth.max():
        ax.contour(x, y, depth, levels=[margin], colors=[DIRAC], linewidths=1.0, linestyles="dashed", zorder=2)
        entries.append(line(mpl, f"margin of step {step}: {round_to(margin, math.ceil, 3)}", DIRAC, linestyle="dashed"))
    return entries
