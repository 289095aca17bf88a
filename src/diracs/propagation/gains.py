"""What a law gains by moving into a region, or out of it: E (1 − D²/d²)₊ or a bound on it, D the distance that is to
go.

Leaving a polytope means to enter one of the half-spaces outside of its faces. For one component of the mixture let g be
the gain of each face; faces whose projections are uncorrelated are independent, in groups. Since the terms g lie in [0,
1],

- leaving: max g ≤ 1 − Π (1 − Σ of the group), the sum over faces within a group;
- entering, where normals of different groups are orthogonal as well: squares of distances add, so that
  (1 − ΣD²/d²)₊ ≤ Π (1 − D²/d²)₊ for the groups. Within one the least g counts, or g + g' − 1 for two sides of a slab.

For half-spaces and slabs both are exact, for boxes with independent coordinates nearly so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from diracs.backend.arrays import concrete
from diracs.laws.regions import Ball, Complement, HalfSpace, Polytope, Region
from diracs.propagation.ball_masses import distance_bounds
from diracs.propagation.worst_mass import Gain, Nominal, beyond, lines

# Distances to a ball are rounded down to a series with this ratio, from this share of the reach on.
_RATIO, _FIRST = 1.01, 0.25
_SHELLS = 1500


def leaving(law: Nominal, region: Region) -> Gain:
    """The gain of the closure of what is outside of a region, or a bound on it."""
    return _gain(law, region, True)


def entering(law: Nominal, region: Region) -> Gain:
    """The gain of a region, or a bound on it."""
    return _gain(law, region, False)


def faces_of(region: HalfSpace | Polytope) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (m, d) and offsets (m,) of the half-spaces n·x ≤ b whose intersection the region is."""
    H, h = region.faces()
    powers = np.frexp(np.abs(H).max(axis=1))[1]
    H = np.ldexp(H, -powers[:, None])
    lengths = np.linalg.norm(H, axis=1)
    with np.errstate(over="ignore"):
        return H / lengths[:, None], np.clip(np.ldexp(h / lengths, -powers), -1e300, 1e300)


def _gain(law: Nominal, region: Any, out: bool) -> Gain:
    while isinstance(region, Complement):
        region, out = region.region, not out
    if isinstance(region, Ball):
        return _ball(law, region, out)
    return _polytope(law, region, out)


def _polytope(law: Nominal, region: HalfSpace | Polytope, out: bool) -> Gain:
    normals, offsets = faces_of(region)
    on, borders = lines(law, normals), law.scaled(offsets)
    away = (borders - on.means if out else on.means - borders) - on.loose - 4e-16 * np.abs(borders)
    groups = _independent(law, normals)
    opposite = np.argwhere(np.triu((normals[:, None] == -normals).all(axis=2)) & (borders[:, None] >= -borders))

    def gain(d: float) -> float:
        each = np.minimum(beyond(away, on.deviations, d), 1.0)
        if out:
            missed = [1.0 - np.minimum(each[:, group].sum(axis=1), 1.0) for group in groups]
            return float(law.weights @ (1.0 - np.prod(missed, axis=0)))
        held = np.array([each[:, group].min(axis=1) for group in groups])
        for i, j in opposite:
            at = next(g for g, group in enumerate(groups) if i in group)
            held[at] = np.minimum(held[at], np.maximum(each[:, i] + each[:, j] - 1.0, 0.0))
        return float(law.weights @ np.prod(held, axis=0))

    return gain


def _independent(law: Nominal, normals: np.ndarray) -> list[np.ndarray]:
    """Indices of faces, in groups with orthogonal normals and uncorrelated projections in every component.

    A correlation that rounds to zero changes products of probabilities by a rounding, which the slack covers.
    """
    joined = (normals @ normals.T != 0) | (normals @ law.covs @ normals.T != 0).any(axis=0)
    count, labels = scipy.sparse.csgraph.connected_components(joined, directed=False)
    return [np.flatnonzero(labels == g) for g in range(count)]


def _ball(law: Nominal, region: Ball, out: bool) -> Gain:
    """By the distance to the center, of which the distribution function is enclosed at a series of radii."""
    radius = float(law.scaled(concrete(region.radius)))
    center = law.scaled(concrete(region.center))
    first = max(_FIRST * law.reach, 1e-12 * radius, 1e-12)
    far = 2.0 * radius if out else radius + 1e3 * law.reach + 40.0
    count = min(_SHELLS, max(2, int(np.log(far / first) / np.log(_RATIO)) + 2))
    steps = np.append(0.0, np.geomspace(first, far, count))
    low, high = distance_bounds(law, center, radius - steps if out else radius + steps)
    # Mass between two distances counts at the smaller one.
    reached = np.maximum.accumulate(1.0 - low if out else high)
    masses = np.diff(reached, prepend=0.0)
    steps = np.append(0.0, steps[:-1])

    def gain(d: float) -> float:
        with np.errstate(divide="ignore"):
            left = np.maximum(1.0 - (steps / d) ** 2, 0.0) if d > 0 else steps == 0
        return float(masses @ left)

    return gain
