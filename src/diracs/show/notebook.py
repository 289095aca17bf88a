"""What notebooks show of results and laws: their `repr`, with the certificate, above a small picture.

Pictures have at most some 300 points, cells or pixels, whatever there is.
"""

from __future__ import annotations

from functools import singledispatch
from html import escape
from typing import Any, NamedTuple

import numpy as np

from diracs.backend.arrays import concrete, is_traced, leaves
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture, components_of
from diracs.laws.pixels import PolynomialGrid
from diracs.propagation.trajectory import Trajectory
from diracs.quantization.discretization import Quantization
from diracs.show.law import limits_of
from diracs.show.line import density_curve
from diracs.show.style import padded
from diracs.show.svg import Picture
from diracs.transport.plan import OtPlan

# Points, cells and pixels that are drawn at most, pixels on a side of an image, components, and states.
_MOST, _SIDE, _COMPONENTS, _STATES = 300, 16, 60, 7
_REACH = 2.7


class View(NamedTuple):
    """Two axes that things of space are seen along, and how that is called."""

    centre: np.ndarray  # (d,)
    axes: np.ndarray  # (d, 2)
    name: str

    def of(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) of points (..., d)."""
        return (points - self.centre) @ self.axes


def html(x: Any) -> str:
    """An element `div` with the `repr` of an object, its picture, and a line on what is drawn where that is not all."""
    text = escape(repr(x))
    found = None if _hidden(x) else drawn(x)
    if found is None:
        return f"<div><pre>{text}</pre></div>"
    picture, note = found
    below = f"<div><small>{escape(note)}</small></div>" if note else ""
    return f"<div><pre>{text}</pre>{picture.text(repr(x))}{below}</div>"


def _hidden(x: Any) -> bool:
    """Whether there are no values to draw: of batches, parts without points, and inside transforms."""
    if isinstance(x, Gaussian):
        return x.mean.ndim > 1 or is_traced(x.mean) or is_traced(x.cov)
    if isinstance(x, GaussianMixture):
        return bool(x.batch_shape) or any(map(is_traced, leaves(x)))
    if isinstance(x, Quantization | SumOfDiracs):
        return x.positions.ndim > 2 or not len(x) or is_traced(x.positions) or is_traced(x.weights)
    if isinstance(x, OtPlan):
        return x.converged is None
    return isinstance(x, PolynomialGrid) and is_traced(x.values)


@singledispatch
def drawn(x: Any) -> tuple[Picture, str] | None:
    """A picture, and what is to be said of it."""
    return None


@drawn.register
def _(x: Gaussian) -> tuple[Picture, str]:
    return with_diracs(x.as_mixture(), None)


@drawn.register(GaussianMixture)
@drawn.register(PolynomialGrid)
def _(x: Any) -> tuple[Picture, str]:
    return with_diracs(x, None)


@drawn.register
def _(x: SumOfDiracs) -> tuple[Picture, str]:
    return with_diracs(None, x)


@drawn.register
def _(x: Quantization) -> tuple[Picture, str]:
    return with_diracs(x.distribution, x.diracs)


@drawn.register
def _(x: OtPlan) -> tuple[Picture, str]:
    few = len(x.diracs) <= _MOST and x.diracs.ndim == 2
    return with_diracs(x.density, x.diracs, x.power_diagram.cells if few else ())


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
    view = _principal(means, covs, np.full(len(means), 1.0 / len(means)))
    centres, spreads = view.of(means), view.axes.T @ covs @ view.axes
    far = np.maximum(_REACH * np.sqrt(np.diagonal(spreads, axis1=1, axis2=2)), bounds[:, None])
    picture = Picture(padded((centres - far).min(axis=0), (centres + far).max(axis=0)))
    for t in np.unique(np.linspace(0, len(states) - 1, _STATES).round().astype(int)):
        picture.ellipse(centres[t], spreads[t], 2.0, 0.05 + 0.15 * t / len(states))
        picture.ellipse(centres[t], bounds[t] ** 2 * np.eye(2), 1.0, 0.0, 0.9)
    picture.line(centres)
    return picture, _noted(view, "2 deviations of some states; circles: bounds on W₂ about the means")


def with_diracs(law: Any, diracs: SumOfDiracs | None, cells: Any = ()) -> tuple[Picture, str]:
    """A law, or none, with its Diracs, or none, and their cells in the plane."""
    points, masses = _points(diracs)
    left = "" if diracs is None or len(points) == len(diracs) else f"{len(points)} of {len(diracs)} points drawn"
    if (law if diracs is None else diracs).ndim == 1:
        return _on_line(law, points, masses), left
    view = _view(law, points, masses)
    seen = view.of(points)
    limits = _limits(law, view, seen)
    picture = Picture(limits)
    _draw(law, picture, view)
    for cell in cells:
        if len(cell) > 2:
            picture.line(np.clip(cell, *limits), closed=True, opacity=0.4)
    picture.dots(seen, masses)
    return picture, _noted(view, left)


def _points(diracs: SumOfDiracs | None) -> tuple[np.ndarray, np.ndarray]:
    """Some of the points that have mass, evenly spread over their order."""
    if diracs is None:
        return np.empty((0, 1)), np.empty(0)
    points, masses = concrete(diracs.positions), concrete(diracs.weights)
    if masses.any():
        points, masses = points[masses > 0], masses[masses > 0]
    some = np.unique(np.linspace(0, len(points) - 1, _MOST).astype(int))
    return points[some], masses[some]


def _noted(view: View, text: str) -> str:
    return "; ".join(part for part in (text, view.name) if part)


def _on_line(law: Any, points: np.ndarray, masses: np.ndarray) -> Picture:
    """The density as a curve, Diracs as stems, the highest of each as high as the picture."""
    curve = _curve(law, points)
    limits = (limits_of(law, points) if len(points) else curve[[0, -1], :1])[:, 0]
    picture = Picture(np.array([[limits[0], 0.0], [limits[1], 1.08]]), flat=True)
    if len(curve):
        height = curve[:, 1] / max(float(curve[:, 1].max()), 1e-300)
        ends = [[curve[0, 0], 0.0], *np.column_stack([curve[:, 0], height]), [curve[-1, 0], 0.0]]
        picture.line(np.array(ends), closed=True, fill=0.15)
    if len(points):
        tops = np.column_stack([points[:, 0], masses / max(float(masses.max()), 1e-300)])
        picture.stems(tops)
        picture.dots(tops, np.ones(len(tops)))
    return picture


@singledispatch
def _curve(law: Any, points: np.ndarray) -> np.ndarray:
    """Abscissas and values (m, 2) of a density; none if it is not known."""
    return np.empty((0, 2))


@_curve.register
def _(law: GaussianMixture, points: np.ndarray) -> np.ndarray:
    means = concrete(law.means)
    limits = limits_of(law, points if len(points) else means)[:, 0]
    x, values, _ = density_curve(law, limits)
    if not len(x):
        x, values = np.array(limits), np.zeros(2)
    some = np.unique(np.linspace(0, len(x) - 1, _MOST).astype(int))
    return np.column_stack([x, values])[some]


@_curve.register
def _(law: PolynomialGrid, points: np.ndarray) -> np.ndarray:
    values = _coarser(concrete(law.values), _MOST // 2)
    low, high = law.domain[:, 0]
    edges = np.linspace(low, high, len(values) + 1)
    return np.column_stack([np.repeat(edges, 2)[1:-1], np.repeat(values, 2)])


@singledispatch
def _view(law: Any, points: np.ndarray, masses: np.ndarray) -> View:
    """Along which axes a law is seen: those of the plane, or the principal ones of the points."""
    return _principal(points, np.zeros((len(points), points.shape[1], points.shape[1])), masses)


@_view.register
def _(law: GaussianMixture, points: np.ndarray, masses: np.ndarray) -> View:
    return _principal(*components_of(law))


@_view.register
def _(law: PolynomialGrid, points: np.ndarray, masses: np.ndarray) -> View:
    name = "" if law.ndim == 2 else "the first two coordinates"
    return View(np.zeros(law.ndim), np.eye(law.ndim)[:, :2], name)


def _principal(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> View:
    d = means.shape[1]
    if d == 2:
        return View(np.zeros(2), np.eye(2), "")
    # In a unit that holds the squares of all numbers.
    unit = max(float(np.abs(means).max()), float(np.sqrt(np.abs(covs)).max()), 1e-300)
    off, weights = means / unit, weights / weights.sum()
    centre = weights @ off
    off = off - centre
    total = (off * weights[:, None]).T @ off + np.tensordot(weights, covs / unit / unit, 1)
    return View(unit * centre, np.linalg.eigh(total)[1][:, :-3:-1], "projected onto two principal axes")


def _limits(law: Any, view: View, seen: np.ndarray) -> np.ndarray:
    """The box (2, 2) of the picture."""
    if isinstance(law, GaussianMixture):
        projected = _projected(law, view)
        return limits_of(projected, seen if len(seen) else concrete(projected.means))
    if isinstance(law, PolynomialGrid):
        corners = np.concatenate([law.domain[:, :2], seen]) if len(seen) else law.domain[:, :2]
        return padded(corners.min(axis=0), corners.max(axis=0))
    return padded(seen.min(axis=0), seen.max(axis=0))


def _projected(law: GaussianMixture, view: View) -> GaussianMixture:
    means, covs, weights = components_of(law)
    return GaussianMixture._of(view.of(means), view.axes.T @ covs @ view.axes, weights)


@singledispatch
def _draw(law: Any, picture: Picture, view: View) -> None:
    """The law behind the points, where it is one that is drawn."""


@_draw.register
def _(law: GaussianMixture, picture: Picture, view: View) -> None:
    means, covs, weights = components_of(_projected(law, view))
    for k in np.argsort(-weights, kind="stable")[:_COMPONENTS]:
        shade = 0.05 + 0.25 * float(weights[k] / weights.max())
        picture.ellipse(means[k], covs[k], 2.0, 0.5 * shade)
        picture.ellipse(means[k], covs[k], 1.0, shade)


@_draw.register
def _(law: PolynomialGrid, picture: Picture, view: View) -> None:
    values = concrete(law.values)
    values = _coarser(_coarser(values.sum(axis=tuple(range(2, values.ndim))), _SIDE).T, _SIDE).T
    low, high = law.domain[:, :2]
    x, y = (np.linspace(a, b, m + 1) for a, b, m in zip(low, high, values.shape))
    corners = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    opposite = np.stack([corners[:-1, :-1], corners[1:, 1:]], axis=-2).reshape(-1, 2, 2)
    picture.pixels(opposite, (0.5 * values / values.max()).ravel().tolist())


def _coarser(values: np.ndarray, most: int) -> np.ndarray:
    """Means over `most` stretches of the first axis, if it is longer."""
    n = len(values)
    if n <= most:
        return values
    starts = np.linspace(0, n, most + 1).astype(int)
    sums = np.add.reduceat(values / values.max(), starts[:-1], axis=0)
    return np.asarray(sums / np.diff(starts).reshape(-1, *(1,) * (values.ndim - 1)))
