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
import scipy

from diracs.backend.progress import report
from diracs.cells.facets import FacetMoments
from diracs.cells.record import Cells

# Up to so many seeds matrices are dense.
_DENSE = 60
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

    def hessian(self) -> np.ndarray | scipy.sparse.bsr_matrix:
        """H (dn, dn), coordinates of one seed beside each other."""
        (n, d), facets = self.seeds.shape, self.edges
        i, j, every = facets.i, facets.j, np.arange(n, dtype=facets.i.dtype)
        here, across, there = (x * (2.0 / facets.gap)[:, None, None] for x in facets.products())
        own = 2.0 * self.mass[:, None, None] * np.eye(d)
        for a, b in np.ndindex(d, d):
            own[:, a, b] -= np.bincount(i, here[:, a, b], minlength=n) + np.bincount(j, there[:, a, b], minlength=n)
        # A pair may have several facets on a torus, and a cell some with its own images: entries that are added.
        rows, columns = np.concatenate([every, i, j]), np.concatenate([every, j, i])
        blocks = np.concatenate([own, across, across.swapaxes(1, 2)])
        if n <= _DENSE:
            place = rows * n + columns
            sums = [np.bincount(place, blocks[:, a, b], minlength=n * n) for a, b in np.ndindex(d, d)]
            return np.reshape(sums, (d, d, n, n)).transpose(2, 0, 3, 1).reshape(d * n, d * n)
        # Numbers of two bytes are sorted several times faster.
        order = np.argsort(rows.astype(np.min_scalar_type(n)), kind="stable")
        indptr = np.append(0, np.cumsum(np.bincount(rows, minlength=n)))
        return scipy.sparse.bsr_matrix((blocks[order], columns[order], indptr), (d * n, d * n))


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
        step, promised, cut = _steihaug(hessian, at, radius, min(0.5, math.sqrt(gradient / size)))
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
    hessian: np.ndarray | scipy.sparse.bsr_matrix, at: Quantizer, step: np.ndarray, promised: float
) -> tuple[np.ndarray, float]:
    """The step (n, d), no seed moving further than a share of its cell's radius, and the decrease it promises.

    Beyond that neighbours change, of which H knows nothing; a radius for all would hold up the others.
    """
    most = _FARTHEST**2 * at.second / at.mass
    square = (step**2).sum(axis=1)
    if not (square > most).any():
        return step, promised
    step = step * np.sqrt(np.minimum(1.0, most / np.maximum(square, 1e-300)))[:, None]
    flat = step.ravel()
    return step, 2.0 * float(at.first.ravel() @ flat) - 0.5 * float(flat @ (hessian @ flat))


def _steihaug(
    hessian: np.ndarray | scipy.sparse.bsr_matrix, at: Quantizer, radius: float, accuracy: float
) -> tuple[np.ndarray, float, bool]:
    """A step (n, d) of at most this length in the metric diag(m), the decrease it promises; was it cut short?"""
    metric = np.repeat(2.0 * at.mass, at.seeds.shape[1])
    radius2 = 2.0 * radius**2
    gradient = -2.0 * at.first.ravel()
    step, slope = np.zeros_like(gradient), np.zeros_like(gradient)  # slope: H·step
    residual = gradient.copy()
    scaled = residual / metric
    direction = -scaled
    product = first_product = float(residual @ scaled)
    length2 = mixed = 0.0  # |step|² and step·direction in the metric
    direction2 = product
    cut = False
    for _ in range(_MOST_PRODUCTS):
        image = hessian @ direction
        curvature = float(direction @ image)
        ahead = product / curvature if curvature > 1e-14 * direction2 else math.inf
        if not length2 + ahead * (2.0 * mixed + ahead * direction2) < radius2:
            # To the border: the length² of step + a·direction is radius².
            cut = True
            ahead = (radius2 - length2) / (mixed + math.sqrt(mixed**2 + direction2 * (radius2 - length2)))
        step += ahead * direction
        slope += ahead * image
        if cut:
            break
        length2 += ahead * (2.0 * mixed + ahead * direction2)
        residual += ahead * image
        scaled = residual / metric
        last, product = product, float(residual @ scaled)
        if product <= accuracy**2 * first_product:
            break
        again = product / last
        mixed = again * (mixed + ahead * direction2)
        direction2 = product + again**2 * direction2
        direction = again * direction - scaled
    promised = -float(gradient @ step) - 0.5 * float(step @ slope)
    return step.reshape(at.seeds.shape), promised, cut
