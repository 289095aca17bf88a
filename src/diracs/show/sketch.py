"""A law with its Diracs in a small picture: a curve and stems on the line, ellipses or pixels and dots beyond."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np

from diracs.backend.arrays import concrete
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import GaussianMixture, components_of
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.show.law import limits_of
from diracs.show.line import density_curve, univariate_curve
from diracs.show.pieces import pieces_of
from diracs.show.style import padded
from diracs.show.svg import Picture

# Points, cells and pixels that are drawn at most, pixels on a side of an image, and components.
MOST, _SIDE, _COMPONENTS = 300, 16, 60
# Pieces that other laws are cut into.
_PIECES = 4000
# Densities with poles are cut off at so many times what this share of the curve is below.
_TALLEST, _BROAD = 3.0, 0.97


class View(NamedTuple):
    """Two axes that things of space are seen along, and how that is called."""

    centre: np.ndarray  # (d,)
    axes: np.ndarray  # (d, 2)
    name: str

    def of(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) of points (..., d)."""
        return (points - self.centre) @ self.axes


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
    return picture, noted(view, left)


def _points(diracs: SumOfDiracs | None) -> tuple[np.ndarray, np.ndarray]:
    """Some of the points that have mass, evenly spread over their order."""
    if diracs is None:
        return np.empty((0, 1)), np.empty(0)
    points, masses = concrete(diracs.positions), concrete(diracs.weights)
    if masses.any():
        points, masses = points[masses > 0], masses[masses > 0]
    some = np.unique(np.linspace(0, len(points) - 1, MOST).astype(int))
    return points[some], masses[some]


def noted(view: View, text: str) -> str:
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
    pieces = pieces_of(law, _PIECES)
    if pieces is None:
        return np.empty((0, 2))
    masses, edges = np.histogram(pieces.places[:, 0], bins=MOST // 4, weights=pieces.mass)
    return _steps(edges, masses)


@_curve.register
def _(law: Univariate, points: np.ndarray) -> np.ndarray:
    limits = limits_of(law, points if len(points) else np.array([[law.mean]]))[:, 0]
    x, values = univariate_curve(law, limits)
    even = law.heights(np.linspace(limits[0], limits[1], MOST))
    some = np.unique(np.linspace(0, len(x) - 1, MOST).astype(int))
    return np.column_stack([x, np.minimum(values, _TALLEST * float(np.quantile(even, _BROAD)))])[some]


@_curve.register
def _(law: GaussianMixture, points: np.ndarray) -> np.ndarray:
    means = concrete(law.means)
    limits = limits_of(law, points if len(points) else means)[:, 0]
    x, values, _ = density_curve(law, limits)
    if not len(x):
        x, values = np.array(limits), np.zeros(2)
    some = np.unique(np.linspace(0, len(x) - 1, MOST).astype(int))
    return np.column_stack([x, values])[some]


@_curve.register
def _(law: PolynomialGrid, points: np.ndarray) -> np.ndarray:
    values = _coarser(concrete(law.values), MOST // 2)
    low, high = law.domain[:, 0]
    edges = np.linspace(low, high, len(values) + 1)
    return _steps(edges, values)


def _steps(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The curve (2 m, 2) of values (m,) between edges (m + 1,)."""
    return np.column_stack([np.repeat(edges, 2)[1:-1], np.repeat(values, 2)])


@singledispatch
def _view(law: Any, points: np.ndarray, masses: np.ndarray) -> View:
    """Along which axes a law is seen: those of the plane, or its principal ones; of what cannot be cut the points'."""
    pieces = pieces_of(law, _PIECES)
    if pieces is not None:
        points, masses = pieces.places, pieces.mass
    return principal(points, np.zeros((len(points), points.shape[1], points.shape[1])), masses)


@_view.register
def _(law: GaussianMixture, points: np.ndarray, masses: np.ndarray) -> View:
    return principal(*components_of(law))


@_view.register
def _(law: PolynomialGrid, points: np.ndarray, masses: np.ndarray) -> View:
    name = "" if law.ndim == 2 else "the first two coordinates"
    return View(np.zeros(law.ndim), np.eye(law.ndim)[:, :2], name)


def principal(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> View:
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


@singledispatch
def _limits(law: Any, view: View, seen: np.ndarray) -> np.ndarray:
    """The box (2, 2) of the picture."""
    held = np.concatenate([seen, _seen_pieces(law, view)[0]])
    return padded(held.min(axis=0), held.max(axis=0))


@_limits.register
def _(law: GaussianMixture, view: View, seen: np.ndarray) -> np.ndarray:
    projected = _projected(law, view)
    return limits_of(projected, seen if len(seen) else concrete(projected.means))


@_limits.register
def _(law: PolynomialGrid, view: View, seen: np.ndarray) -> np.ndarray:
    corners = np.concatenate([law.domain[:, :2], seen])
    return padded(corners.min(axis=0), corners.max(axis=0))


def _seen_pieces(law: Any, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Places (m, 2) and masses (m,) of pieces of a law, without the lightest ones far out; none if it is not cut."""
    pieces = pieces_of(law, _PIECES)
    if pieces is None:
        return np.empty((0, 2)), np.empty(0)
    order = np.argsort(-pieces.mass)
    mass = pieces.mass[order]
    kept = order[np.cumsum(mass) - mass < 0.99 * mass.sum()]
    return view.of(pieces.places[kept]), pieces.mass[kept]


def _projected(law: GaussianMixture, view: View) -> GaussianMixture:
    means, covs, weights = components_of(law)
    return GaussianMixture._of(view.of(means), view.axes.T @ covs @ view.axes, weights)


@singledispatch
def _draw(law: Any, picture: Picture, view: View) -> None:
    """The law behind the points: of pieces how much lies in each of some pixels."""
    places, masses = _seen_pieces(law, view)
    if not len(places):
        return
    limits = padded(places.min(axis=0), places.max(axis=0), 0.0)
    values, (x, y) = np.histogramdd(places, _SIDE, limits.T.tolist(), weights=masses)
    _draw_pixels(picture, x, y, values)


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
    _draw_pixels(picture, x, y, values)


def _draw_pixels(picture: Picture, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> None:
    """Values (m₁, m₂) between edges (m₁ + 1,), (m₂ + 1,), the denser the more opaque."""
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
