"""Meshes for tests: cubes cut into simplices, and simplices cut into smaller ones."""

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


def refined(corners):
    """Each simplex (s, d + 1, …) cut in half along all edges; numbers at corners, as further columns, go linearly."""
    d = corners.shape[1] - 1
    middle = {(i, j): 0.5 * (corners[:, i] + corners[:, j]) for i, j in itertools.combinations(range(d + 1), 2)}
    for i in range(d + 1):
        middle[i, i] = corners[:, i]
    parts = [[middle[min(i, j), max(i, j)] for j in range(d + 1)] for i in range(d + 1)]
    if d == 2:
        parts.append([middle[0, 1], middle[1, 2], middle[0, 2]])
    else:
        ring = [middle[e] for e in ((0, 1), (0, 3), (2, 3), (1, 2))]
        parts += [[middle[0, 2], middle[1, 3], ring[k], ring[(k + 1) % 4]] for k in range(4)]
    return np.concatenate([np.stack(part, axis=1) for part in parts])
