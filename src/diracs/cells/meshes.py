"""Moments of densities that are linear on simplices, and these cut into smaller ones."""

from __future__ import annotations

import itertools
import math

import numpy as np

from diracs import _core

_CORES: dict[int, type[_core.Mesh] | type[_core.SpaceMesh]] = {2: _core.Mesh, 3: _core.SpaceMesh}


def core_of(vertices: np.ndarray, simplices: np.ndarray, densities: np.ndarray) -> _core.Mesh | _core.SpaceMesh:
    """Of vertices (v, d) and densities (s, d + 1) at the corners of simplices."""
    x, numbers, r = (np.ascontiguousarray(a) for a in (vertices, simplices.astype(np.int32), densities))
    return _CORES[vertices.shape[1]](x, numbers, r)


def volumes_of(corners: np.ndarray) -> np.ndarray:
    """(s,) of corners (s, d + 1, d)."""
    edges = corners[:, 1:] - corners[:, :1]
    return np.asarray(np.abs(np.linalg.det(edges)) / math.factorial(corners.shape[2]))


def boundaries_of(corners: np.ndarray) -> np.ndarray:
    """(s,) lengths, or areas, of the borders of simplices (s, d + 1, d)."""
    d = corners.shape[2]
    total = np.zeros(len(corners))
    for facet in itertools.combinations(range(d + 1), d):
        edges = corners[:, facet[1:]] - corners[:, facet[:1]]
        total += np.linalg.norm(edges[:, 0] if d == 2 else 0.5 * np.cross(edges[:, 0], edges[:, 1]), axis=1)
    return total


def mean_and_covariance(corners: np.ndarray, densities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) and (d, d) of the law with densities (s, d + 1) at corners (s, d + 1, d).

    Over a simplex of volume V ∫λᵢλₖ = V (1 + δᵢₖ) / ((d + 1)(d + 2)) and ∫λᵢλⱼλₖ = V d!/(d + 3)! times the factorials
    of how often each appears.
    """
    d = corners.shape[2]
    volumes, total = volumes_of(corners), densities.sum(axis=1)
    masses = volumes * total / (d + 1)
    shares = volumes[:, None] * (total[:, None] + densities) / ((d + 1) * (d + 2)) / masses.sum()
    origin = corners.reshape(-1, d).mean(axis=0)
    mean = origin + np.einsum("sk,skd->d", shares, corners - origin)
    pairs = total[:, None, None] + densities[:, :, None] + densities[:, None, :]
    pairs = pairs * (1.0 + np.eye(d + 1)) * (volumes / ((d + 1) * (d + 2) * (d + 3)) / masses.sum())[:, None, None]
    off = corners - mean
    return mean, np.asarray(np.einsum("sjk,sja,skb->ab", pairs, off, off))


def halved(corners: np.ndarray) -> np.ndarray:
    """Each simplex (s, d + 1, …) cut in half along all edges: 2ᵈ as many, of equal volumes."""
    d = corners.shape[1] - 1
    middle = {(i, j): 0.5 * (corners[:, i] + corners[:, j]) for i, j in itertools.combinations(range(d + 1), 2)}
    for i in range(d + 1):
        middle[i, i] = corners[:, i]
    parts = [[middle[min(i, j), max(i, j)] for j in range(d + 1)] for i in range(d + 1)]
    if d == 2:
        parts.append([middle[0, 1], middle[1, 2], middle[0, 2]])
    else:
        # Around the diagonal of the octahedron that is left, from the middle of edge 02 to that of edge 13.
        ring = [middle[edge] for edge in ((0, 1), (0, 3), (2, 3), (1, 2))]
        parts += [[middle[0, 2], middle[1, 3], ring[k], ring[(k + 1) % 4]] for k in range(4)]
    return np.concatenate([np.stack(part, axis=1) for part in parts])


def drawn_from(corners: np.ndarray, densities: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n independent points (n, d).

    Of a barycentric coordinate as density all of them are a Dirichlet distribution: a corner first, then that.
    """
    s, k = densities.shape
    parts = (densities * volumes_of(corners)[:, None]).ravel()
    which = rng.choice(s * k, n, p=parts / parts.sum())
    shares = rng.standard_gamma(1.0 + (which[:, None] % k == np.arange(k)))
    shares /= shares.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("nk,nkd->nd", shares, corners[which // k]))
