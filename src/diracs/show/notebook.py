"""What notebooks show of results and laws: their `repr`, with the certificate, above a small picture.

Pictures have at most some 300 points, cells or pixels, whatever there is.
"""

from __future__ import annotations

from functools import singledispatch
from html import escape
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, is_traced, leaves
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian
from diracs.laws.shown import Drawn
from diracs.propagation.trajectory import Trajectory
from diracs.quantization.discretization import Quantization
from diracs.show.sketch import MOST, noted, principal, with_diracs
from diracs.show.style import padded
from diracs.show.svg import Picture
from diracs.transport.plan import OtPlan

# States that are drawn at most, and deviations about each that the picture holds.
_STATES, _REACH = 7, 2.7


def html(x: Any) -> str:
    """An element `div` with the `repr` of an object, its picture, and a line on what is drawn where that is not all."""
    text = escape(repr(x))
    # Inside transforms there are no values to draw.
    found = None if any(map(is_traced, leaves(x))) else drawn(x)
    if found is None:
        return f"<div><pre>{text}</pre></div>"
    picture, note = found
    below = f"<div><small>{escape(note)}</small></div>" if note else ""
    return f"<div><pre>{text}</pre>{picture.text(repr(x))}{below}</div>"


@singledispatch
def drawn(x: Any) -> tuple[Picture, str] | None:
    """A picture, and what is to be said of it; None for what has no one picture: batches, and no points."""
    return None


@drawn.register
def _(x: Gaussian) -> tuple[Picture, str] | None:
    return drawn(x.as_mixture())


@drawn.register
def _(x: Drawn) -> tuple[Picture, str] | None:
    return None if getattr(x, "batch_shape", ()) else with_diracs(x, None)


@drawn.register
def _(x: SumOfDiracs) -> tuple[Picture, str] | None:
    return with_diracs(None, x) if _single(x) else None


@drawn.register
def _(x: Quantization) -> tuple[Picture, str] | None:
    return with_diracs(x.distribution, x.diracs) if _single(x.diracs) else None


@drawn.register
def _(x: OtPlan) -> tuple[Picture, str] | None:
    # Parts of a plan that was traced.
    if x.converged is None:
        return None
    few = len(x.diracs) <= MOST and x.diracs.ndim == 2
    return with_diracs(x.density, x.diracs, x.power_diagram.cells if few else ())


def _single(diracs: SumOfDiracs) -> bool:
    return diracs.positions.ndim == 2 and len(diracs) > 0


@drawn.register
def _(x: Trajectory) -> tuple[Picture, str] | None:
    states = [x.initial, *x.states]
    if len({state.ndim for state in states}) > 1:
        return None
    means, covs = (np.stack([concrete(getattr(s, name)) for s in states]) for name in ("mean", "cov"))
    bounds = np.append(0.0, concrete(x.w2_bound))
    if means.shape[1] == 1:
        times, far = np.arange(len(states)), 2.0 * np.sqrt(covs[:, 0, 0])
        ends = np.stack([means[:, 0] - far, means[:, 0] + far])
        picture = Picture(padded(np.array([0.0, ends.min()]), np.array([times[-1], ends.max()])), flat=True)
        border = np.concatenate([np.column_stack([times, ends[0]]), np.column_stack([times, ends[1]])[::-1]])
        picture.line(border, closed=True, fill=0.15)
        picture.line(np.column_stack([times, means[:, 0]]))
        return picture, "mean ± 2 deviations over time"
    view = principal(means, covs, np.full(len(means), 1.0 / len(means)))
    centres, spreads = view.of(means), view.axes.T @ covs @ view.axes
    far = np.maximum(_REACH * np.sqrt(np.diagonal(spreads, axis1=1, axis2=2)), bounds[:, None])
    picture = Picture(padded((centres - far).min(axis=0), (centres + far).max(axis=0)))
    for t in np.unique(np.linspace(0, len(states) - 1, _STATES).round().astype(int)):
        picture.ellipse(centres[t], spreads[t], 2.0, 0.05 + 0.15 * t / len(states))
        picture.ellipse(centres[t], bounds[t] ** 2 * np.eye(2), 1.0, 0.0, 0.9)
    picture.line(centres)
    return picture, noted(view, "2 deviations of some states; circles: bounds on W₂ about the means")
