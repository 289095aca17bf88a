"""Pictures of laws that are cut into cells: their masses on a fine grid, in the plane, on the line, and projected."""

from __future__ import annotations

from functools import singledispatch
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy

from diracs.laws.balls import Balls
from diracs.laws.elliptical import Elliptical
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mesh import Mesh
from diracs.laws.mixed import Mixture
from diracs.laws.own import CutsItself, cells_of
from diracs.laws.pixels import PolynomialGrid
from diracs.merging.pieces import UnitPieces
from diracs.show.law import draw_law, draw_regions, limits_of
from diracs.show.line import draw_curve, draw_filled, draw_steps
from diracs.show.style import colour_bar, padded, shades

if TYPE_CHECKING:
    from diracs.show.style import Axes

# Pieces that the law is cut into, pixels on a side, on the line, and over how many of these a piece is spread at least.
PIECES, _PIXELS, _LINE_PIXELS, _BLUR = 2**17, 160, 600, 1.6
# A law of one's own is asked for fewer, whose cells may cost more; limits need but few.
_OWN_PIECES, _FEW = 2**14, 2000
# The lightest pieces that make up so much of the mass do not widen the picture.
_REST = 0.01


class Pieces(NamedTuple):
    """A law in small pieces; points are pieces without variance."""

    mass: np.ndarray  # (N,)
    places: np.ndarray  # (N, d)
    variance: np.ndarray  # (N,) of a coordinate

    def along(self, centre: np.ndarray, axes: np.ndarray) -> Pieces:
        """Seen along orthonormal axes (d, 2)."""
        return self._replace(places=(self.places - centre) @ axes)

    def on_grid(self, edges: list[np.ndarray]) -> np.ndarray:
        """The density (m₁, …) on a grid, without points: their pieces are spread over what they stand for, nearly."""
        wide = self.variance > 0
        mass, places = self.mass[wide], self.places[wide]
        masses = np.histogramdd(places, bins=edges, weights=mass)[0]
        sides = np.array([edge[1] - edge[0] for edge in edges])
        deviation = np.sqrt(mass @ self.variance[wide] / mass.sum()) if len(mass) else 0.0
        density: np.ndarray = scipy.ndimage.gaussian_filter(masses, np.maximum(_BLUR, deviation / sides))
        return density / sides.prod()


@singledispatch
def pieces_of(law: Any, count: int) -> Pieces | None:
    """About `count` pieces of a law; None if it is not known how to cut it."""
    return None


@pieces_of.register(Independent)
@pieces_of.register(Elliptical)
@pieces_of.register(Mixture)
@pieces_of.register(Histogram)
@pieces_of.register(Balls)
@pieces_of.register(Mesh)
@pieces_of.register(PolynomialGrid)
def _(law: Any, count: int) -> Pieces | None:
    if any(getattr(law, "periodic", ())):
        return None
    unit = UnitPieces.of(law)
    mass, barycenter, spread = unit.cells(count)
    return Pieces(mass, unit.out_of(barycenter), unit.unit**2 * spread / mass / law.ndim)


@pieces_of.register
def _(law: CutsItself, count: int) -> Pieces:
    mass, barycenter, spread = cells_of(law, min(count, _OWN_PIECES))
    held = mass > 0
    return Pieces(mass[held], barycenter[held], spread[held] / mass[held] / barycenter.shape[1])


@draw_law.register(Pieces)
def _(law: Pieces, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """Regions of highest density; points have none, and are left to the Diracs."""
    edges = [np.linspace(low, high, _PIXELS + 1) for low, high in limits.T]
    density = law.on_grid(edges).T
    if density.any():
        x, y = (0.5 * (edge[1:] + edge[:-1]) for edge in edges)
        draw_regions(mpl, ax, (x, y), density, float(law.mass[law.variance > 0].sum()), legend)
    return []


@draw_law.register(Independent)
@draw_law.register(Elliptical)
@draw_law.register(Mixture)
@draw_law.register(Balls)
@draw_law.register(CutsItself)
def _(law: Any, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    found: list[Any] = draw_law(pieces_of(law, PIECES), mpl, ax, limits, legend)
    return found


@draw_curve.register(Independent)
@draw_curve.register(Elliptical)
@draw_curve.register(Mixture)
@draw_curve.register(Balls)
@draw_curve.register(CutsItself)
def _(law: Any, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    """The masses of small pieces; points have no density, and are left to the Diracs."""
    pieces = pieces_of(law, PIECES)
    assert pieces is not None
    edges = np.linspace(limits[0], limits[1], _LINE_PIXELS + 1)
    density = pieces.on_grid([edges])
    if not density.any():
        return 0.0, []
    return draw_filled(mpl, ax, 0.5 * (edges[1:] + edges[:-1]), density, float(density.max()))


@draw_curve.register(Histogram)
def _(law: Histogram, mpl: ModuleType, ax: Axes, limits: np.ndarray) -> tuple[float, list[Any]]:
    return draw_steps(mpl, ax, law.edges[0], law.masses / law.volumes)


@draw_law.register(Histogram)
def _(law: Histogram, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """Bins, the darker the denser."""
    density = (law.masses / law.volumes).T
    shade = ax.pcolormesh(*law.edges, density, cmap=shades(mpl), vmin=0.0, zorder=0)
    if legend:
        colour_bar(ax, shade, "mass per area")
    return []


@limits_of.register(Pieces)
def _(law: Pieces, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    """All points, and the law but for what is rare on either side."""
    ends = []
    for x in law.places.T:
        order = np.argsort(x)
        sums = np.cumsum(law.mass[order]) / law.mass.sum()
        ends.append(x[order[np.searchsorted(sums, [_REST, 1.0 - _REST])]])
    low, high = np.array(ends).T
    return padded(np.minimum(points.min(axis=0), low), np.maximum(points.max(axis=0), high))


@limits_of.register(Independent)
@limits_of.register(Elliptical)
@limits_of.register(Mixture)
@limits_of.register(Balls)
@limits_of.register(CutsItself)
def _(law: Any, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    return limits_of(pieces_of(law, _FEW), points, reach)


@limits_of.register(Histogram)
def _(law: Histogram, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    low, high = law.domain
    return np.stack([np.minimum(points.min(axis=0), low), np.maximum(points.max(axis=0), high)])
