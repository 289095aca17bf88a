"""Choosing grids for the law of a state: groups of nearby components, each with a grid in its own frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.cells.intervals import voronoi_moments
from diracs.codebooks.normal import normal_levels
from diracs.codebooks.optimal import optimal_levels
from diracs.codebooks.scalar import ScalarCodebook
from diracs.codebooks.tabulated import tabulate, tabulated_levels
from diracs.propagation.law import Law
from diracs.schemes.generate import Groups, Plan, plan
from diracs.schemes.grouping import cut_tree, embedding, ward_tree
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.product import ProductScheme

# The tree of groups starts from at most so many clusters of components.
_MOST = 1000
# Levels are fitted to the marginals of so many groups at most, the marginals of more components tabulated.
_FITTED, _TABULATED = 8, 16
# Up to so many levels for more than so many components are found by so many rounds of Lloyd's method.
_LLOYD, _FEW, _ROUNDS = 6, 4, 20
# So many groupings are built, those of the best estimates.
_BUILT = 3
# Entries of all frames together.
_ENTRIES = 1 << 20


def grouping_tree(law: Law, count: int | None) -> dict[int, np.ndarray]:
    """Labels (K,) of nested groupings of the components by number of groups: Ward's tree of the means and deviations.

    With `count` only the groupings into one and into about so many groups.
    """
    k = len(law.means)
    levels = {1: np.zeros(k, dtype=int)}
    if k == 1 or count == 1:
        return levels
    variances = np.diagonal(law.covs, axis1=1, axis2=2)[law.kind]
    points = law.means if len(law.covs) == 1 else embedding(law.means, variances)
    start, tree = ward_tree(points, np.ones(k), _MOST)
    most = max(1, min(k, _ENTRIES // law.means.shape[1] ** 2))
    counts = np.unique(np.concatenate([[2, 3, 4, 6], np.geomspace(2, most, 8).round(), [most]]).astype(int))
    counts = counts if count is None else np.array([min(count, k)])
    for wanted in counts[(counts > 1) & (counts <= most)].tolist():
        labels = np.arange(k) if wanted == k else cut_tree(tree, wanted)[start]
        levels[wanted] = np.unique(labels, return_inverse=True)[1]
    return levels


def group(law: Law, labels: np.ndarray, *, common: bool) -> Groups:
    """Moments of groups, and their principal axes or, if `common`, those of the covariance that their components share.

    Along the axes of the covariance all components have independent coordinates, and nothing is lost to coupling.
    """
    count, d = int(labels.max()) + 1, law.means.shape[1]
    weights = np.bincount(labels, law.weights, count)
    safe = np.where(weights > 0, weights, 1.0)[labels]
    share = np.where(weights[labels] > 0, law.weights / safe, 0.0)
    means = np.zeros((count, d))
    np.add.at(means, labels, share[:, None] * law.means)
    kinds = np.zeros((count, len(law.covs)))
    np.add.at(kinds, (labels, law.kind), share)
    covs = np.tensordot(kinds, law.covs, 1)
    delta = law.means - means[labels]
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    for g, rows in enumerate(np.split(order, starts[1:])):
        if len(rows) > 1:
            covs[g] += (share[rows, None] * delta[rows]).T @ delta[rows]
    if common:
        axes = np.linalg.eigh(law.covs)[1][law.kind[order[starts]]]
        variances = np.maximum(np.einsum("gdi,gde,gei->gi", axes, covs, axes, optimize=True), 0.0)
        order = np.argsort(-variances, axis=1, kind="stable")
        axes = np.take_along_axis(axes, order[:, None, :], axis=2)
        return Groups(labels, weights, means, np.take_along_axis(variances, order, axis=1), axes)
    values, vectors = np.linalg.eigh(covs)
    return Groups(labels, weights, means, np.maximum(values[:, ::-1], 0.0), vectors[:, :, ::-1].copy())


def grids(law: Law, found: Plan, *, cover: bool = False) -> LayeredScheme:
    """The scheme of a plan, groups with the same numbers of levels stacked; with `cover` all axes have a level."""
    groups, d = found.groups, law.means.shape[1]
    count = len(groups.weights)
    fitted = count <= _FITTED and len(law.means) > count
    kinds: dict[tuple[int, ...], list[int]] = {}
    for g, blocks in enumerate(found.blocks):
        levels = tuple(block.levels for block in blocks)
        levels += (1,) * (d - len(levels)) if cover else ()
        kinds.setdefault((*levels, -1 - g) if fitted else levels, []).append(g)
    schemes, number, position = [], np.empty(count, dtype=int), 0
    for levels, members in kinds.items():
        sizes = [m for m in levels if m > 0]
        r = len(sizes)
        axes, offset = groups.axes[members][:, :, :r], groups.means[members]
        scales = np.sqrt(groups.variances[members][:, :r])
        if fitted:
            rows = np.flatnonzero(groups.labels == members[0])
            books = [
                _levels(law, rows, offset[0], axes[0, :, k], m) if m > 1 else np.zeros(1) for k, m in enumerate(sizes)
            ]
            scales = np.ones_like(scales)
        else:
            books = [normal_levels(m)[0] for m in sizes]
        if len(members) == 1:
            axes, offset, scales = axes[0], offset[0], scales[0]
        codebooks = [ScalarCodebook(y) for y in books]
        schemes.append(ProductScheme(codebooks, axes if r else None, offset, scales if r else None))
        number[members] = np.arange(position, position + len(members))
        position += len(members)
    return LayeredScheme(schemes, number[groups.labels])


def _levels(law: Law, rows: np.ndarray, centre: np.ndarray, direction: np.ndarray, n: int) -> np.ndarray:
    """The optimal levels of the marginal of the components `rows` along a direction, about a centre."""
    means = (law.means[rows] - centre) @ direction
    variances = np.maximum(law.covs @ direction @ direction, 0.0)[law.kind[rows]]
    weights = law.weights[rows]
    if len(rows) > _FEW and n <= _LLOYD:
        return _lloyd(means, variances, weights / weights.sum(), n)
    if len(rows) > _TABULATED:
        return tabulated_levels(tabulate(means, variances, weights), n)
    return optimal_levels(means, variances, weights, np.zeros(len(rows), dtype=int), n)[0]


def _lloyd(means: np.ndarray, variances: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Few levels by Lloyd's method on the exact marginal, to some thousandths of the spread: borders need no more."""
    centre = weights @ means
    spread = np.sqrt(weights @ (variances + (means - centre) ** 2))
    levels = centre + spread * normal_levels(n)[0]
    for _ in range(_ROUNDS):
        cells = voronoi_moments(levels, means[:, None], variances[:, None])
        mass = weights @ cells.mass
        shift = np.divide(weights @ cells.first, mass, out=np.zeros(n), where=mass > 0)
        levels = levels + shift
        if np.abs(shift).max() <= 4e-3 * spread:
            break
    return np.sort(levels)


class Candidate(NamedTuple):
    """A plan, and whether its frames are those of the only covariance."""

    plan: Plan
    common: bool


def candidates(law: Law, tree: dict[int, np.ndarray], n: int) -> list[Candidate]:
    """Plans of at most n points for the groupings of a tree, those that promise most, one group always among them."""
    found = [plan(group(law, labels, common=False), n, "grid") for count, labels in tree.items() if count <= n]
    one, others = found[0], sorted(found[1:], key=lambda p: p.error)
    plain = [Candidate(p, False) for p in [one, *others][:_BUILT]]
    if len(law.covs) > 1 or isotropic(law.covs[0]):
        return plain
    axes = [plan(group(law, c.plan.groups.labels, common=True), n, "grid") for c in plain]
    return plain + [Candidate(p, True) for p in axes]


def candidate(law: Law, labels: np.ndarray, n: int, common: bool) -> Candidate:
    """The plan for one grouping."""
    return Candidate(plan(group(law, labels, common=common), n, "grid"), common)


def isotropic(cov: np.ndarray) -> bool:
    return bool(np.abs(cov - cov[0, 0] * np.eye(len(cov))).max() <= 1e-15 * abs(cov[0, 0]))
