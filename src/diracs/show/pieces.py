"""Laws in small pieces, which pictures are drawn of where nothing better is known: cells, or draws."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import scipy

from diracs.backend.arrays import concrete
from diracs.laws.balls import Balls
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mesh import Mesh
from diracs.laws.mixed import Mixture
from diracs.laws.own import CutsItself, cells_of
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.merging.pieces import UnitPieces

# Pieces that the law is cut into; limits need but few. Over how many pixels a piece is spread at least.
PIECES, FEW, _BLUR = 2**17, 2000, 1.6
# A law of one's own is asked for fewer, whose cells may cost more.
_OWN_PIECES = 2**14


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
    """About `count` pieces of a law; of one from elsewhere `sample(size, seed)`, and None without that.

    Draws are as wide as Scott's rule has it (1992).
    """
    if not callable(getattr(law, "sample", None)):
        return None
    places = np.asarray(concrete(law.sample(min(count, _OWN_PIECES), 0)), dtype=np.float64)
    n, d = places.shape
    return Pieces(np.full(n, 1.0 / n), places, np.full(n, places.var(axis=0).mean() * n ** (-2.0 / (d + 4.0))))


@pieces_of.register(SumOfDiracs)
@pieces_of.register(GaussianMixture)
@pieces_of.register(Univariate)
def _(law: Any, count: int) -> None:
    """Points and densities that are known are drawn as such."""


@pieces_of.register
def _(law: Pieces, count: int) -> Pieces:
    return law


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
