"""Second moments of the density on edges and facets, seen from the seeds on both sides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from diracs.cells.record import Edges

# Matrices (e, d, d): ∫ (x − yᵢ)(x − yᵢ)ᵀ ρ, ∫ (x − yᵢ)(x − yⱼ)ᵀ ρ and ∫ (x − yⱼ)(x − yⱼ)ᵀ ρ.
Seen = tuple[np.ndarray, np.ndarray, np.ndarray]
_ENTRIES = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def seen_from_seeds(edges: Edges) -> Seen:
    """Second moments (e, d, d) over each edge, divided by the distance |yᵢ − yⱼ|: from i, from both, from j."""
    return _SEEN[edges.displacement.shape[1]](edges)


def mass_and_spread(edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    """Masses (e,) of edges, and mean squares (e,) of distances along them from the line through both seeds."""
    return _SPREAD[edges.displacement.shape[1]](edges)


def _spread_in_plane(edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    line = edges.integrals
    return np.abs(line[:, 0]), np.divide(line[:, 2], line[:, 0], out=np.zeros(len(line)), where=line[:, 0] > 0)


def _spread_in_space(edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    _, _, step, gap, integrals = edges
    normal, second = step / gap[:, None], integrals[:, 4:][:, _ENTRIES]
    along = np.trace(second, axis1=1, axis2=2) - np.einsum("ei,eij,ej->e", normal, second, normal)
    held = integrals[:, 0]
    return held, np.divide(np.maximum(along, 0.0), held, out=np.zeros(len(held)), where=held > 0)


def _in_plane(edges: Edges) -> Seen:
    """On the edge between Voronoi cells x − yᵢ = h·normal + τ·tangent and x − yⱼ = τ·tangent − h·normal, h = gap/2."""
    _, _, between, gap, integrals = edges
    normal = between / gap[:, None]
    tangent = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
    nn, nt, tt = (a[:, :, None] * b[:, None, :] for a, b in ((normal, normal), (normal, tangent), (tangent, tangent)))
    tn = nt.transpose(0, 2, 1)
    zeroth, linear, square = (
        a[:, None, None] for a in (0.25 * gap * integrals[:, 0], 0.5 * integrals[:, 1], integrals[:, 2] / gap)
    )
    even, odd = zeroth * nn + square * tt, linear * (nt + tn)
    return even + odd, square * tt - zeroth * nn + linear * (nt - tn), even - odd


def _in_space(edges: Edges) -> Seen:
    _, _, step, gap, integrals = edges
    zeroth, first, here = integrals[:, 0], integrals[:, 1:4], integrals[:, 4:][:, _ENTRIES]
    moved = first[:, :, None] * step[:, None, :]
    there = here - moved - moved.transpose(0, 2, 1) + zeroth[:, None, None] * step[:, :, None] * step[:, None, :]
    return here / gap[:, None, None], (here - moved) / gap[:, None, None], there / gap[:, None, None]


_SPREAD: dict[int, Callable[[Edges], tuple[np.ndarray, np.ndarray]]] = {2: _spread_in_plane, 3: _spread_in_space}
_SEEN: dict[int, Callable[[Edges], Seen]] = {2: _in_plane, 3: _in_space}
