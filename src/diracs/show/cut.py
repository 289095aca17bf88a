"""Pictures of planar laws that are cut into cells: their masses on a fine grid."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from diracs.laws.balls import Balls
from diracs.laws.elliptical import Elliptical
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.merging.cutting import coarse
from diracs.merging.pieces import UnitPieces
from diracs.show.law import draw_law, draw_regions, limits_of
from diracs.show.style import colour_bar, padded, shades

if TYPE_CHECKING:
    from diracs.show.style import Axes

# Pieces that the law is cut into, pixels on a side, and over how many of these a piece is spread.
_PIECES, _PIXELS, _BLUR = 2**17, 160, 1.6
# The lightest pieces that make up so much of the mass do not widen the picture.
_REST = 0.01


@draw_law.register(Independent)
@draw_law.register(Elliptical)
@draw_law.register(Mixture)
@draw_law.register(Balls)
def _(law: Any, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """Regions of highest density, by the masses of small pieces; points have none, and are left to the Diracs."""
    unit = UnitPieces.of(law)
    (mass, barycenter, _), _, loose = coarse(unit.law, _PIECES)[1]
    spread_out = loose > 0
    if not spread_out.any():
        return []
    edges = [np.linspace(low, high, _PIXELS + 1) for low, high in limits.T]
    mass = mass[spread_out]
    x, y = unit.out_of(barycenter[spread_out]).T
    masses = np.histogram2d(x, y, bins=edges, weights=mass)[0]
    area = float(np.prod((limits[1] - limits[0]) / _PIXELS))
    density = scipy.ndimage.gaussian_filter(masses, _BLUR).T / area
    middles = (0.5 * edges[0][1:] + 0.5 * edges[0][:-1], 0.5 * edges[1][1:] + 0.5 * edges[1][:-1])
    draw_regions(mpl, ax, middles, density, float(mass.sum()), legend)
    return []


@draw_law.register(Histogram)
def _(law: Histogram, mpl: ModuleType, ax: Axes, limits: np.ndarray, legend: bool) -> list[Any]:
    """Bins, the darker the denser."""
    density = (law.masses / law.volumes).T
    shade = ax.pcolormesh(*law.edges, density, cmap=shades(mpl), vmin=0.0, zorder=0)
    if legend:
        colour_bar(ax, shade, "mass per area")
    return []


@limits_of.register(Independent)
@limits_of.register(Elliptical)
@limits_of.register(Mixture)
@limits_of.register(Balls)
def _(law: Any, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    """All points, and the law but for what is rare on either side."""
    unit = UnitPieces.of(law)
    cells = unit.cells(2000)
    places = unit.out_of(cells.barycenter)
    ends = []
    for x in places.T:
        order = np.argsort(x)
        sums = np.cumsum(cells.mass[order]) / cells.mass.sum()
        ends.append(x[order[np.searchsorted(sums, [_REST, 1.0 - _REST])]])
    low, high = np.array(ends).T
    return padded(np.minimum(points.min(axis=0), low), np.maximum(points.max(axis=0), high))


@limits_of.register(Histogram)
def _(law: Histogram, points: np.ndarray, reach: float = 2.7) -> np.ndarray:
    low, high = law.domain
    return np.stack([np.minimum(points.min(axis=0), low), np.maximum(points.max(axis=0), high)])
