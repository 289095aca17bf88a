"""Moments of power cells for every component of a Gaussian mixture by itself, on the line and in the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs import _core
from diracs.transport.line import LineMixture, power_cells


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
    """Moments of the power cells of seeds (n, d), d = 1 or 2, for components with full covariances (k, d, d)."""
    one = _on_line if seeds.shape[1] == 1 else _in_plane
    rows = [one(seeds, dual, mean, cov) for mean, cov in zip(means, covs, strict=True)]
    component = np.repeat(np.arange(len(means)), [len(row[3]) for row in rows])
    i, j, line = (np.concatenate([row[a] for row in rows]) for a in (3, 4, 5))
    steps = seeds[j] - seeds[i]
    gap = np.linalg.norm(steps, axis=1)
    curvature = np.zeros((len(means), seeds.shape[1], seeds.shape[1]))
    np.add.at(curvature, component, (line / gap)[:, None, None] * steps[:, :, None] * steps[:, None, :])
    masses = np.array([row[0] for row in rows])
    moved = np.array([row[1].sum(axis=0) for row in rows])
    cost = np.array([row[2].sum() for row in rows])
    return ComponentMoments(masses, cost, cost - masses @ dual, moved, curvature, component, i, j, line / (2.0 * gap))


def potentials(seeds: np.ndarray, dual: np.ndarray, means: np.ndarray, covs: np.ndarray) -> np.ndarray:
    """∫ minᵢ (|x − yᵢ|² − wᵢ) dρ_k (k,) alone."""
    return component_moments(seeds, dual, means, covs).potential


def _in_plane(seeds: np.ndarray, dual: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mass, first and second moments about the seeds; edges and their line integrals."""
    law = _core.Mixture(np.ascontiguousarray(mean[None]), np.ascontiguousarray(cov[None]), np.ones(1))
    mass, first, second, i, j, line = _core.moments(law, seeds, dual, edges=True)
    return mass, first, second, i, j, line[:, 0]


def _on_line(seeds: np.ndarray, dual: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same on the line, where an edge is a point."""
    law = LineMixture(mean, np.sqrt(cov[0]), np.ones(1))
    alive, borders = power_cells(seeds[:, 0], dual)
    found = law.cell_moments(seeds[alive, 0], np.concatenate([[-np.inf], borders, [np.inf]]))
    mass, first, second = np.zeros((3, len(seeds)))
    mass[alive], first[alive], second[alive] = found
    alive = alive.astype(np.int32)
    return mass, first[:, None], second, alive[:-1], alive[1:], law.at(borders)[0]
