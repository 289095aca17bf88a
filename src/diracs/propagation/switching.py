"""Maps that switch with a jump across parallel borders: cells that no border cuts, and the chance to be parted by one.

Let f be affine between the planes nᵀx = h. Where x and the Dirac c of z are on one side, f(x) − f(c) = A (x − c); else
f(x) − f(c) = A' (x − c) + (f'(c) − f(c)), f' being the map where x is. The last bracket is one of a few vectors for
each c. Cells lie on one side, so that no border parts z from c; one parts x = p + v + e from z = p + v with a
probability of at most φ E|nᵀe|, as e is independent of the noise v: φ is the most that the densities of nᵀv at all
borders, these shifted together, add up to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from diracs.cells.partition import Partition
from diracs.propagation.bounds import StepError
from diracs.propagation.cells import Block, barycentric_cells
from diracs.propagation.fine import fine_grids, groups_of
from diracs.propagation.law import Law
from diracs.propagation.metric_growth import LONGEST, Known, MetricGrowth, first_moment_along, grown_along

# Of the largest deviation: thinner covariances count as singular.
_THINNEST = 1e-9
# Of their size: so near to a border points are on both sides.
_NEAR = 1e-9
# Shifts about each border, in deviations, between which sums of densities are bounded.
_SHIFTS = np.linspace(-4.0, 4.0, 65)


class Switch(NamedTuple):
    """Parallel planes nᵀx = h."""

    normal: np.ndarray  # (d,) of length one
    borders: np.ndarray  # (q,) ascending

    def sides(self, points: np.ndarray) -> np.ndarray:
        """Numbers (N,) of what lies between the planes: 0 before the first."""
        return np.searchsorted(self.borders, points @ self.normal)

    def seen_in(self, back: np.ndarray) -> Switch:
        """The same planes for y, x = `back` y."""
        normal = back.T @ self.normal
        length = float(np.linalg.norm(normal))
        return Switch(normal / length, self.borders / length)

    def near(self, points: np.ndarray) -> np.ndarray:
        """Which points (N,) lie so near to a border that rounding decides on the side."""
        sizes = np.abs(points) @ np.abs(self.normal)
        away = np.abs((points @ self.normal)[:, None] - self.borders)
        return np.asarray((away <= _NEAR * (sizes[:, None] + np.abs(self.borders))).any(axis=1))

    def density(self, noise: Law) -> float:
        """φ, the most that Σ_h p(h − u) is for a shift u of the borders h, p the density of nᵀv, or somewhat above.

        A step e crosses some border with a probability of at most φ|nᵀe|. Infinite if a component has no density.
        """
        d, size = len(self.normal), np.abs(self.normal)
        variances = np.einsum("d,kde,e->k", self.normal, noise.covs, self.normal)
        # Not above the true ones, which may cancel.
        variances -= 2 * (d + 4) * 2.0**-52 * np.einsum("d,kde,e->k", size, np.abs(noise.covs), size)
        if not (variances > 0).all():
            return math.inf
        each = np.array([_crowded(self.borders, float(s)) for s in np.sqrt(variances)])
        return float(noise.weights @ each[noise.kind]) * (1.0 + 1e-12)

    def unsure(self, law: Law, diracs: np.ndarray) -> float:
        """The mass of points of a law on a border that are no Diracs (N, d) themselves."""
        sharp = np.logical_not(law.covs.any(axis=(1, 2)))[law.kind]
        on = np.flatnonzero(sharp)[self.near(law.means[sharp])]
        kept = [(law.means[i] == diracs).all(axis=1).any() for i in on]
        return float(law.weights[on] @ np.logical_not(np.array(kept, dtype=bool)))


def _crowded(borders: np.ndarray, deviation: float) -> float:
    """The most that Σ_h p(h − u) is for any u, p the density of N(0, deviation²), or somewhat above.

    Between two shifts each term is bounded by its largest value there.
    """
    t = np.clip(borders / deviation, -1e100, 1e100)
    cuts = np.unique(t[:, None] + _SHIFTS)
    away = np.maximum(np.maximum(cuts[:-1, None] - t, t - cuts[1:, None]), 0.0)
    return float(np.exp(-0.5 * np.minimum(away, 40.0) ** 2).sum(axis=1).max()) / (math.sqrt(2.0 * math.pi) * deviation)


class _Part(NamedTuple):
    """The components of one covariance, in coordinates y = M⁻¹x in which it is the identity, and n along the first."""

    rows: np.ndarray  # which components
    map: np.ndarray  # (d, d) M
    blocks: list[Block]  # none: the components are points
    size: int  # number of cells


class ParallelCells:
    """Fine cells of a law, none of which a border cuts; otherwise as `FineCells`.

    Attributes
    ----------
    parts : Partition
    error : array (d, d)
    sides : array (N,)
        Between which borders each cell lies.
    """

    def __init__(self, law: Law, count: int, switch: Switch) -> None:
        self._law, self._parts = law, []
        d = law.means.shape[1]
        self.error = np.zeros((d, d))
        masses, places, sides = [], [], []
        for kind in np.unique(law.kind):
            rows = np.flatnonzero(law.kind == kind)
            if not law.covs[kind].any():
                self._parts.append(_Part(rows, np.eye(d), [], len(rows)))
                masses.append(law.weights[rows])
                places.append(law.means[rows])
                sides.append(switch.sides(law.means[rows]))
                continue
            coordinates = _along(law.covs[kind], switch.normal)
            own = Law(
                np.linalg.solve(coordinates, law.means[rows].T).T,
                np.eye(d)[None],
                np.zeros(len(rows), dtype=int),
                law.weights[rows],
                law.source[rows],
            )
            seen = switch.seen_in(coordinates)
            share = max(int(count * law.weights[rows].sum()), 1)
            scheme = fine_grids(own, groups_of(own, share, common=True), share, seen.borders * np.sign(seen.normal[0]))
            found = barycentric_cells(own, scheme, bias=False)
            levels = np.concatenate([block.levels.reshape(-1, d) for block in found.blocks])
            self._parts.append(_Part(rows, coordinates, found.blocks, len(levels)))
            self.error += coordinates @ found.error @ coordinates.T
            masses.append(found.masses)
            places.append(found.barycenters @ coordinates.T)
            sides.append(seen.sides(levels))
        self.parts = Partition(np.concatenate(masses), np.concatenate(places), np.zeros(sum(map(len, masses))))
        self.sides = np.concatenate(sides)

    def bias(self, points: np.ndarray) -> np.ndarray:
        """E[X − point; source] (S, d) if each cell goes to a point (N, d)."""
        law, first = self._law, 0
        out = np.zeros((int(law.source.max()) + 1, points.shape[1]))
        for part in self._parts:
            some = points[first : first + part.size]
            first += part.size
            if not part.blocks:
                here = law.weights[part.rows, None] * (law.means[part.rows] - some)
                np.add.at(out, law.source[part.rows], here)
                continue
            seen, begin = np.linalg.solve(part.map, some.T).T, 0
            for block in part.blocks:
                inner = seen[begin : begin + block.masses.size].reshape(block.levels.shape)
                begin += block.masses.size
                found = block.placed.share[:, None] * (block.bias_towards(inner) @ part.map.T)
                np.add.at(out, law.source[part.rows[block.placed.members]], found)
        return out


def _along(cov: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """M with M Mᵀ = Σ and Mᵀn along the first axis.

    Raises
    ------
    ValueError
        If the covariance is singular, and not zero.
    """
    values, vectors = np.linalg.eigh(cov)
    if not values[0] > _THINNEST**2 * values[-1]:
        raise ValueError("covariances must be positive definite or zero, where dynamics jump")
    root = (vectors * np.sqrt(values)) @ vectors.T
    seen = root @ normal
    # The first row of an orthogonal matrix is the direction, the others are any.
    basis = np.linalg.qr(np.concatenate([seen[:, None], np.eye(len(seen))], axis=1))[0]
    return np.asarray(root @ basis)


@dataclass
class SwitchedGrowth(MetricGrowth):
    """Bounds for a map that jumps across the borders of a switch, for the laws given: without radii.

    √V_{t+1} ≤ √(V_t + 2 √V_t β_t + tr P_tQ_t) + (P(parted) max |f'(c) − f(c)|²)^{1/2}, lengths in P_{t+1}.
    """

    switch: Switch = field(kw_only=True)
    density: float = 0.0  # φ of the noise in the state, over all borders
    crossed: float = 0.0  # E|nᵀe| of the state, at most

    def bound(self, step: StepError) -> float:
        return self._bounds([*self.taken, self._completed(step)])[1]

    def after_nominal(self, step: StepError) -> float:
        return self.bound(step)

    def advance(self, step: StepError) -> float:
        """Take the step; its bound."""
        step = self._completed(step)
        known, bound = self._bounds([*self.taken, step])
        self._reached = self.cost(step)
        self.taken.append(step)
        across = np.outer(self.switch.normal, self.switch.normal)
        self.known.append(known)
        self.crossed = min(self._least(self.taken, across), self._least(self.taken, across, first_moment_along))
        return bound

    def _completed(self, step: StepError) -> StepError:
        """The step with the chance that x and c are parted."""
        chance = self.density * self.crossed if self.crossed > 0 else 0.0
        return step._replace(parted=min(step.parted + chance, 1.0))

    def _bounds(self, steps: list[StepError]) -> tuple[Known, float]:
        found = self._least(steps, None)
        return Known(found, found, 0.0), found

    def _least(
        self,
        steps: list[StepError],
        last: np.ndarray | None,
        along: Callable[[list[StepError], list[np.ndarray], float], float] = grown_along,
    ) -> float:
        """The least bound on e after the steps, in the last metric, the identity if that is None."""
        first = max(0, len(steps) - LONGEST)
        # What is known after the first steps; the last of all may be that of the steps themselves.
        begun, steps = self.known[first].nominal, steps[first:]
        everywhere = [self.jacobians] * len(steps)
        found = math.inf
        for moments in self._guesses(steps, everywhere):
            found = min(found, along(steps, self._metrics(everywhere, moments, last), begun))
        return found * (1.0 + 1e-12)
