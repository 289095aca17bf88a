"""Newton's method for quantizers in the plane and in space.

The distortion D(y) = E minᵢ |x − yᵢ|² has the gradient −2bᵢ, b first moments of the Voronoi cells about their seeds,
and the Hessian (Iri, Murota & Ohya 1984)

    H_ii = 2mᵢ I − 2 Σ_j ∫_{ij} (x − yᵢ)(x − yᵢ)ᵀ ρ / |yᵢ − yⱼ|,    H_ij = 2 ∫_{ij} (x − yᵢ)(x − yⱼ)ᵀ ρ / |yᵢ − yⱼ|,

with integrals over the common edge, or facet. It is indefinite far from minima and has order n small eigenvalues:
Steihaug's trust-region conjugate gradients (1983), in the metric diag(2m), in which Lloyd's step is the steepest
descent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from diracs import _core
from diracs.backend.progress import report
from diracs.cells.facets import FacetMoments
from diracs.cells.record import Cells

# Differences of D below this share of it are rounding noise: gradients decide.
_NOISE = 1e-11
# Below this share of √D, Lloyd's steps shrink fast until rounding ends it.
_LEVELLED = 1e-9
_MOST_PRODUCTS = 200
# The radius to start with, in lengths of Lloyd's step; a seed moves by this share of its cell's radius at most.
_FIRST_RADIUS, _FARTHEST = 4.0, 0.7
# So many evaluations may pass with hardly any gain. A descent may end lower by so many times what a step promises.
_PATIENCE, _HOPED = 10, 6.0


class CellLaw(Protocol):
    """A law of the plane or of space, near the origin and of size about one."""

    def moments(self, seeds: np.ndarray, weights: np.ndarray, edges: bool) -> tuple[Cells, FacetMoments]:
        """Those of the power cells of seeds (n, d) with weights (n,), and of their facets, none if not `edges`."""

    @property
    def components(self) -> int:
        """How many terms its density has, for what an evaluation costs."""

    def draw_root(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """`count` points (count, d) spread like f^{d/(d + 2)}, as the best quantizers of many points are."""


@dataclass(frozen=True)
class Quantizer:
    """Seeds with the moments of their Voronoi cells about them."""

    seeds: np.ndarray  # (n, d)
    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, d)
    second: np.ndarray  # (n,)
    edges: FacetMoments  # none if they were not asked for

    @classmethod
    def of(cls, law: CellLaw, seeds: np.ndarray, *, edges: bool = True) -> Quantizer:
        cells, between = law.moments(seeds, np.zeros(len(seeds)), edges)
        return cls(seeds, cells.mass, cells.first, cells.second, between)

    @property
    def distortion(self) -> float:
        """E minᵢ |x − yᵢ|²."""
        return float(self.second.sum())

    @property
    def shifts(self) -> np.ndarray:
        """From the seeds to the barycenters, (n, d); zero for empty cells."""
        mass = np.where(self.mass > 0, self.mass, 1.0)
        return self.first / mass[:, None]

    @property
    def length(self) -> float:
        """√Σ mᵢ|shiftᵢ|², the length of Lloyd's step."""
        return math.sqrt(float((self.mass * (self.shifts**2).sum(axis=1)).sum()))

    def hessian(self) -> _core.DistortionHessian:
        """H, facets of a pair of seeds on a torus, and of a cell with its own images, added."""
        facets = self.edges
        moments = (facets.displacement, facets.mass, facets.first, facets.second)
        return _core.DistortionHessian(self.mass, facets.i, facets.j, *map(np.ascontiguousarray, moments))


def minimize(
    law: CellLaw, start: Quantizer, evaluations: int, tolerance: float, *, slow: float = 0.0, bar: float = math.inf
) -> Quantizer:
    """Descend from a quantizer with edges to a stationary one, of no larger distortion (but for rounding).

    Parameters
    ----------
    law : CellLaw
    start : Quantizer
        With edges and no empty cell.
    evaluations : int
        At most so many times are moments computed.
    tolerance : float
        Stop when the length of Lloyd's step is below this share of √D.
    slow : float
        Stop when ten evaluations have lowered D by less than this share.
    bar : float
        Stop when D does not look as if it would end below this.
    """
    at, radius = start, _FIRST_RADIUS * start.length
    hessian = at.hessian()
    reached = [math.inf] * _PATIENCE + [at.distortion]
    for done in range(evaluations):
        report("Newton steps of points", done)
        gradient, size = at.length, math.sqrt(at.distortion)
        if gradient <= tolerance * size or radius <= 1e-15 * size:
            break
        if slow > 0.0 and reached[-1 - _PATIENCE] - at.distortion < slow * at.distortion:
            break
        accuracy = min(0.5, math.sqrt(gradient / size))
        step, promised, cut = hessian.step(-2.0 * at.first, radius=radius, accuracy=accuracy, products=_MOST_PRODUCTS)
        if at.distortion - _HOPED * promised > bar:
            break
        step, promised = _clipped(hessian, at, step, promised)
        trial = Quantizer.of(law, at.seeds + step)
        if gradient < _LEVELLED * size and trial.length > 0.5 * gradient:
            break  # quadratic convergence has ended in rounding
        if promised > _NOISE * at.distortion:
            gained = at.distortion - trial.distortion
        else:
            gained = float(((at.first + trial.first) * step).sum())
        ratio = gained / promised if trial.mass.min() > 0 and promised > 0 else -1.0
        if ratio < 0.25:
            radius *= 0.5
        elif ratio > 0.75 and cut:
            radius *= 2.0
        if ratio > 1e-3:
            at, hessian = trial, trial.hessian()
        reached.append(at.distortion)
    return at


def _clipped(
    hessian: _core.DistortionHessian, at: Quantizer, step: np.ndarray, promised: float
) -> tuple[np.ndarray, float]:
    """The step (n, d), no seed moving further than a share of its cell's radius, and the decrease it promises.

    Beyond that neighbours change, of which H knows nothing; a radius for all would hold up the others.
    """
    most = _FARTHEST**2 * at.second / at.mass
    square = (step**2).sum(axis=1)
    if not (square > most).any():
        return step, promised
    step = step * np.sqrt(np.minimum(1.0, most / np.maximum(square, 1e-300)))[:, None]
    return step, float((step * (2.0 * at.first - 0.5 * hessian.multiply(step))).sum())
