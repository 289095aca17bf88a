"""Meshes for tests: cubes cut into simplices."""

from __future__ import annotations

import itertools

import numpy as np


def cut_cube(n, d):
    """Vertices and simplices of the unit cube as nᵈ cubes, each cut into d! simplices (Kuhn 1960)."""
    axes = np.stack(np.meshgrid(*[np.arange(n + 1)] * d, indexing="ij"), axis=-1).reshape(-1, d)
    place = (n + 1) ** np.arange(d)[::-1]
    corners = []
    for low in itertools.product(range(n), repeat=d):
        for order in itertools.permutations(range(d)):
            steps = np.cumsum([np.zeros(d, int), *np.eye(d, dtype=int)[list(order)]], axis=0)
            corners.append((np.array(low) + steps) @ place)
    return axes / n, np.array(corners, dtype=np.int32)
