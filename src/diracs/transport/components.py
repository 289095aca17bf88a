"""Moments of power cells for every component of a Gaussian mixture by itself, in dimension d ≤ 3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.cells.line import LineMixture, power_cells
from diracs.cells.record import Edges
from diracs.transport.density_space import mixture_density


@dataclass(frozen=True)
class ComponentMoments:
    """What each of k components, of mass one, has in the cells of n seeds and on the e edges between these."""

    mass: np.ndarray  # (k, n)
    cost: np.ndarray  # (k,) Σᵢ ∫ |x − yᵢ|² dρ_k
    potential: np.ndarray  # (k,) ∫ φᶜ dρ_k
    moved: np.ndarray  # (k, d) Σᵢ ∫ (x − yᵢ) dρ_k
    curvature: np.ndarray  # (k, d, d) Σ_edges |yᵢ − yⱼ| n nᵀ ∫ ρ_k dℓ
    component: np.ndarray  # (e,) whose edge it is: each component has its own list
    i: np.ndarray  # (e,)
    j: np.ndarray
    coupling: np.ndarray  # (e,) ∫_edge ρ_k / (2|yᵢ − yⱼ|)


def component_moments(seeds: np.ndarray, dual: np.ndarray, means: np.ndarray, covs: np.ndarray) -> ComponentMoments:
    """Moments of the power cells of seeds (n, d), d ≤ 3, for components with full covariances (k, d, d)."""
    k, d = means.shape
    every = _on_line if d == 1 else _with_cells
    masses, moved, cost, component, edges = every(seeds, dual, means, covs)
    steps, gap, line = edges.displacement, edges.gap, edges.integrals[:, 0]
    curvature = np.empty((k, d, d))
    for a in range(d):
        for b in range(d):
            curvature[:, a, b] = np.bincount(component, line / gap * steps[:, a] * steps[:, b], minlength=k)
    potential, coupling = cost - masses @ dual, line / (2.0 * gap)
    return ComponentMoments(masses, cost, potential, moved, curvature, component, edges.i, edges.j, coupling)


# Masses (k, n); first (k, d) and second moments (k,) about the seeds; all components' edges, and whose they are.
_Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Edges]


def _with_cells(seeds: np.ndarray, dual: np.ndarray, means: np.ndarray, covs: np.ndarray) -> _Found:
    rows = []
    for mean, cov in zip(means, covs, strict=True):
        rows.append(mixture_density(mean[None], cov[None], np.ones(1)).moments(seeds, dual))
    component = np.repeat(np.arange(len(means)), [len(edges.i) for _, edges in rows])
    masses = np.array([cells.mass for cells, _ in rows])
    first = np.array([cells.first.sum(axis=0) for cells, _ in rows])
    second = np.array([cells.second.sum() for cells, _ in rows])
    return masses, first, second, component, Edges(*map(np.concatenate, zip(*(edges for _, edges in rows))))


def _on_line(seeds: np.ndarray, dual: np.ndarray, means: np.ndarray, covs: np.ndarray) -> _Found:
    """The same on the line, where an edge is a point."""
    k = len(means)
    law = LineMixture(means[:, 0], np.sqrt(covs[:, 0, 0]), np.ones(k))
    alive, borders = power_cells(seeds[:, 0], dual)
    found = law.component_moments(seeds[alive, 0], np.concatenate([[-np.inf], borders, [np.inf]]))
    masses = np.zeros((k, len(seeds)))
    masses[:, alive] = found[0]
    component = np.repeat(np.arange(k), len(borders))
    steps, alive = np.tile(np.diff(seeds[alive, 0]), k), alive.astype(np.int32)
    line = law.at(borders).reshape(-1, 1)
    edges = Edges(np.tile(alive[:-1], k), np.tile(alive[1:], k), steps[:, None], np.abs(steps), line)
    return masses, found[1].sum(axis=1)[:, None], found[2].sum(axis=1), component, edges
