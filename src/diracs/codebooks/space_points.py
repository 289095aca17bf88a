"""Quantizers in space: n points at the barycenters of their Voronoi cells, by Lloyd's steps (1982).

Points of cells that hold nothing, and now and then some that are needed least, go beside those that cost most: what is
better is kept. Steps are stretched as long as that lowers the distortion, which is worth about a factor of three.
"""

from __future__ import annotations

import math

import numpy as np

from diracs import _core
from diracs.codebooks.mesh_laws import MeshLaw
from diracs.codebooks.planar_laws import hilbert_order

# Steps of a descent, and for an estimate; descents after exchanges, their steps, for so much work in cells at most.
_STEPS, _QUICK, _HOPS, _HOP_STEPS, _WORK = 200, 40, 8, 25, 200_000
# Where steps end, in shares of √D; how far they are stretched.
_LEVELLED, _STRETCH = 1e-4, 1.6


def space_points(law: MeshLaw, n: int, *, quick: bool = False, seed: int = 0) -> tuple[np.ndarray, float]:
    """Points (m, 3), m ≤ n, with cells that hold something, and the distortion E minᵢ |x − yᵢ|²."""
    rng = np.random.default_rng(seed)
    points, cost = _descend(law, law.draw_root(n, rng), _QUICK if quick else _STEPS, rng)
    for _ in range(0 if quick or n == 1 else min(_HOPS, _WORK // (_HOP_STEPS * n))):
        mass, _, second = _cells(law, points)
        moved = points.copy()
        least = np.argsort(mass * rng.uniform(0.5, 1.5, len(points)), kind="stable")[: max(1, len(points) // 50)]
        moved[least] = _beside_costliest(points, mass, second, len(least), rng)
        found = _descend(law, moved, _HOP_STEPS, rng)
        if found[1] < cost:
            points, cost = found
    mass, first, _ = _cells(law, points)
    held = mass > 0
    points = points[held] + first[held] / mass[held, None]
    return points[hilbert_order(points)], cost


def _cells(law: MeshLaw, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass, first and second moments of the Voronoi cells about their points."""
    return _core.moments(law.core, np.ascontiguousarray(points), np.zeros(len(points)), edges=False)[0][:3]


def _descend(law: MeshLaw, points: np.ndarray, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """The best points met, and their distortion."""
    best, least, stretch = points, math.inf, 1.0
    mass, first, second = _cells(law, points)
    for _ in range(steps):
        cost = float(second.sum())
        if cost < least:
            best, least, stretch = points, cost, min(1.1 * stretch, _STRETCH)
        elif stretch > 1.0:
            # Too far: from the best again, with a plain step.
            points, stretch = best, 1.0
            mass, first, second = _cells(law, points)
        empty = np.flatnonzero(mass <= 0)
        shift = first / np.where(mass > 0, mass, 1.0)[:, None]
        if not len(empty) and float(mass @ (shift**2).sum(axis=1)) <= _LEVELLED**2 * float(second.sum()):
            break
        moved = points + stretch * shift
        if len(empty):
            moved[empty] = _beside_costliest(points, mass, second, len(empty), rng)
        points = moved
        mass, first, second = _cells(law, points)
    cost = float(second.sum())
    return (points, cost) if cost < least else (best, least)


def _beside_costliest(
    points: np.ndarray, mass: np.ndarray, second: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Points (count, 3) in the cells that cost most."""
    cells = np.argsort(-second, kind="stable")[np.arange(count) % max(1, int((mass > 0).sum()))]
    radii = np.sqrt(second[cells] / np.where(mass[cells] > 0, mass[cells], 1.0))
    ways = rng.standard_normal((count, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return np.asarray(points[cells] + 0.5 * radii[:, None] * ways)
