"""Generating schemes: groups of components become product schemes in the principal axes of the groups."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar, get_args

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import beside, is_traced, map_arrays
from diracs.codebooks.cross import CrossCodebook, optimal_crosses
from diracs.codebooks.normal import normal_levels
from diracs.codebooks.optimal import optimal_levels
from diracs.codebooks.scalar import ScalarCodebook
from diracs.codebooks.tabulated import tabulate, tabulated_levels
from diracs.laws.convert import as_mixture
from diracs.laws.gaussian import SINGULAR, GaussianMixture, components_of
from diracs.schemes.allocation import Allocation, Block, budgets_below
from diracs.schemes.grouping import merge_levels, modes, moment_match
from diracs.schemes.layered import LayeredScheme, Scheme
from diracs.schemes.product import Codebook, ProductScheme
from diracs.schemes.scaling import rescale, unit_of
from diracs.schemes.sharing import share_points
from diracs.typing import Configuration

# Kinds of spectrum that get an allocation of their own; nearby ones share one.
_KINDS = 64
# Up to this many groups times components, levels are fitted to the groups' own marginals rather than to a Gaussian's.
_FITTED = 8000
# Marginals of more components are tabulated.
_TABULATED = 64
KINDS: tuple[str, ...] = get_args(Configuration)
AnyScheme = TypeVar("AnyScheme", bound=Scheme)


class Mixture(NamedTuple):
    """A mixture as generation wants it: NumPy float64, full covariances."""

    means: np.ndarray  # (k, d)
    covs: np.ndarray  # (k, d, d)
    weights: np.ndarray  # (k,)


class Groups(NamedTuple):
    """Groups of components with their Gaussians of equal moments, in principal axes."""

    labels: np.ndarray  # (k,)
    weights: np.ndarray  # (G,)
    means: np.ndarray  # (G, d)
    variances: np.ndarray  # (G, d), descending
    axes: np.ndarray  # (G, d, d), columns


class Plan(NamedTuple):
    """Groups and what each of them gets."""

    groups: Groups
    blocks: list[tuple[Block, ...]]  # one for each group
    error: float  # mean square, as far as the groups are Gaussian


def generate_scheme(
    distribution: Any,
    scheme_size: int,
    *,
    configuration: Configuration = "grid",
    per_mode: bool = True,
    ndim_support: int | None = None,
) -> LayeredScheme:
    """A scheme of at most `scheme_size` points for a Gaussian mixture.

    Parameters
    ----------
    distribution : Gaussian, GaussianMixture, or what `diracs.laws.convert` takes
        No batch.
    scheme_size : int
        Points in all. With fewer points than groups, groups are merged.
    configuration : {"grid", "cross", "product"}
        Scalar codebooks on some axes of each group; one cross of sigma points; products of both.
    per_mode : bool
        One group for the components of each mode of the density, or one for each component.
    ndim_support : int, optional
        At most so many axes of a group are quantized, those of the largest variance; all by default.

    Returns
    -------
    LayeredScheme

    Raises
    ------
    ValueError, TypeError
        For an unknown configuration, a batch, or counts that are not whole numbers of at least 1.

    Examples
    --------
    >>> from diracs import GaussianMixture, generate_scheme
    >>> mixture = GaussianMixture([[0.0, 0.0], [9.0, 0.0]], [[1.0, 0.1], [0.1, 1.0]])
    >>> scheme = generate_scheme(mixture, 10, ndim_support=1)
    >>> scheme, scheme.positions().shape
    (LayeredScheme(2 schemes, 10 points), (10, 2))
    """
    mixture = as_mixture(distribution)
    n = checks.count("scheme_size", scheme_size)
    checks.choice("configuration", configuration, Configuration)
    reach = mixture.ndim if ndim_support is None else checks.count("ndim_support", ndim_support)
    if mixture.batch_shape:
        raise ValueError(f"distribution must be one mixture, got a batch of shape {mixture.batch_shape}")
    numbers, unit = normalized(mixture)
    labels = modes(*numbers) if per_mode else np.arange(len(numbers.weights))
    groups = group(numbers, coarsen(numbers, labels, n))
    return to_kind_of(rescale(build(numbers, plan(groups, n, configuration, reach)), unit), mixture.means)


def normalized(mixture: GaussianMixture) -> tuple[Mixture, float]:
    """The mixture's numbers in a unit that harms no squares, and that unit; components of no weight join the first.

    Raises
    ------
    TypeError
        If the values cannot be looked at.
    """
    if any(is_traced(x) for x in (mixture.means, mixture.covs, mixture.weights)):
        raise TypeError(
            "a scheme is chosen by looking at the distribution, which cannot be done under transforms such as jit;"
            " make the scheme outside and use discretize(distribution, scheme) inside"
        )
    means, covs, weights = components_of(mixture)
    first = int(np.argmax(weights > 0))
    empty = weights == 0
    if empty.any():
        means, covs = np.where(empty[:, None], means[first], means), np.where(empty[:, None, None], covs[first], covs)
    unit = unit_of(means, covs)
    return Mixture(means / unit, covs / unit / unit, weights), float(unit)


def to_kind_of(scheme: AnyScheme, like: Any) -> AnyScheme:
    """The scheme in the framework and on the device of `like`, as precise as the framework goes."""
    moved: AnyScheme = map_arrays(scheme, lambda a: beside(a, like))
    return moved


def coarsen(mixture: Mixture, labels: np.ndarray, n: int) -> np.ndarray:
    """The labels, merged until there are at most n groups."""
    if int(labels.max()) + 1 <= n:
        return labels
    weights, means, covs = moment_match(*mixture, labels)
    return merge_levels(means, covs, weights, [n])[n][labels]


def group(mixture: Mixture, labels: np.ndarray) -> Groups:
    """Moments and principal axes of the groups."""
    weights, means, covs = moment_match(*mixture, labels)
    values, vectors = np.linalg.eigh(covs)
    values = np.maximum(values[:, ::-1], 0.0)
    # Rounding noise of singular covariances is no variance.
    values = np.where(values > SINGULAR * covs.shape[-1] * values[:, :1], values, 0.0)
    diagonal = (covs * (1.0 - np.eye(covs.shape[-1])) == 0.0).all(axis=(1, 2))
    axes = vectors[:, :, ::-1].copy()
    if diagonal.any():
        # Coordinate axes themselves, so that nothing is rotated and nothing rounded.
        variances = np.diagonal(covs[diagonal], axis1=1, axis2=2)
        order = np.argsort(-variances, axis=1, kind="stable")
        values[diagonal] = np.take_along_axis(variances, order, axis=1)
        axes[diagonal] = np.swapaxes(np.eye(covs.shape[-1])[order], 1, 2)
    return Groups(labels, weights, means, values, axes)


def plan(groups: Groups, n: int, kind: str, reach: int | None = None) -> Plan:
    """Share n points between the groups and within each between its axes, taking groups for Gaussian."""
    variances = groups.variances[:, :reach]
    if len(groups.weights) == 1:
        budgets, rows, factor, spectra = budgets_below(n), np.zeros(1, dtype=int), groups.weights, variances
    else:
        budgets = _menu(n - len(groups.weights) + 1)
        rows, scale, spectra = _kinds(variances)
        factor = groups.weights * scale
    allocation = Allocation(spectra, budgets, kind)
    states = share_points(allocation.reduction, rows, factor, budgets, n)
    pairs, inverse = np.unique(np.stack([rows, states]), axis=1, return_inverse=True)
    found = [allocation.blocks(int(r), int(s)) for r, s in pairs.T]
    gained = (factor * allocation.reduction[rows, states]).sum()
    total = (groups.weights * groups.variances.sum(axis=1)).sum()
    return Plan(groups, [found[i] for i in inverse.ravel()], float(total - gained))


def _menu(most: int) -> np.ndarray:
    """Budgets to choose from: all small ones, larger ones in steps of 8 %."""
    large = np.geomspace(1, max(most, 1), 2 + int(np.log(max(most, 1)) / 0.08)).astype(int)
    return np.unique(np.concatenate([np.arange(1, min(most, 64) + 1), large, [max(most, 1)]]))


def _kinds(variances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectra up to scale, nearby ones taken for one: kind (G,), scale (G,), spectra (R, d)."""
    scale = variances[:, 0]
    safe = np.where(scale > 0, scale, 1.0)
    shapes = variances / safe[:, None]
    if len(shapes) <= _KINDS:
        return np.arange(len(shapes)), scale, shapes
    logs = np.log2(np.maximum(shapes, 1e-12))
    step = 0.05
    while True:
        _, row = np.unique(np.round(logs / step), axis=0, return_inverse=True)
        if row.max() < _KINDS:
            break
        step *= 1.6
    row = row.ravel()
    count = np.bincount(row)[:, None]
    spectra = np.stack([np.bincount(row, column) for column in shapes.T], axis=1) / count
    return row, scale, spectra


def build(mixture: Mixture, plan: Plan, known: dict[tuple, Any] | None = None, *, quick: bool = False) -> LayeredScheme:
    """The scheme of a plan: groups with the same codebooks are stacked; `known` keeps fitted levels for later.

    If `quick` all marginals are tabulated, which makes levels that are nearly optimal.
    """
    groups, blocks = plan.groups, plan.blocks
    sizes = np.bincount(groups.labels)
    fitted = np.flatnonzero(sizes > 1)
    if len(fitted) * len(groups.labels) > _FITTED:
        fitted = fitted[:0]
    levels = _fitted_levels(mixture, groups, blocks, fitted, {} if known is None else known, 1 if quick else _TABULATED)
    kinds: dict[tuple, list[int]] = {}
    for g, found in enumerate(blocks):
        kinds.setdefault((found, g if g in levels else -1), []).append(g)
    schemes, number = [], np.empty(len(sizes), dtype=int)
    position = 0
    for (found, g), members in kinds.items():
        r = sum(block.axes for block in found)
        books: list[Codebook] = []
        scales = np.sqrt(groups.variances[members][:, :r])
        axis = 0
        for block in found:
            if block.shells:
                books.append(CrossCodebook(optimal_crosses((block.axes,), block.shells)[0][0], block.axes))
            elif g >= 0:
                books.append(ScalarCodebook(levels[g][axis]))
                scales[:, axis] = 1.0
            else:
                books.append(ScalarCodebook(normal_levels(block.levels)[0]))
            axis += block.axes
        frame, offset = groups.axes[members][:, :, :r], groups.means[members]
        if len(members) == 1:
            frame, offset, scales = frame[0], offset[0], scales[0]
        schemes.append(ProductScheme(books, frame if r else None, offset, scales if r else None))
        number[members] = np.arange(position, position + len(members))
        position += len(members)
    return LayeredScheme(schemes, number[groups.labels])


def _fitted_levels(
    mixture: Mixture,
    groups: Groups,
    blocks: list[tuple[Block, ...]],
    fitted: np.ndarray,
    known: dict[tuple, Any],
    most: int,
) -> dict[int, dict[int, np.ndarray]]:
    """The optimal levels of the marginals of the groups `fitted`: group → axis → levels about the group's mean.

    Marginals of more than `most` components are tabulated.
    """
    members = {int(g): np.flatnonzero((groups.labels == g) & (mixture.weights > 0)) for g in fitted}
    wanted: dict[int, list[tuple[int, int]]] = {}
    levels: dict[int, dict[int, np.ndarray]] = {g: {} for g in members}
    for g in members:
        axis = 0
        for block in blocks[g]:
            if not block.shells:
                wanted.setdefault(block.levels, []).append((g, axis))
            axis += block.axes
    for count, pairs in wanted.items():
        keys = [(members[g].tobytes(), axis, count) for g, axis in pairs]
        few = []  # solved together below
        for i, ((g, axis), key) in enumerate(zip(pairs, keys, strict=True)):
            if key in known:
                continue
            if len(members[g]) <= most:
                few.append(i)
                continue
            table = key[:2]
            if table not in known:
                known[table] = tabulate(*_marginal(mixture, members[g], groups.means[g], groups.axes[g][:, axis]))
            known[key] = tabulated_levels(known[table], count)
        if few:
            laws = [
                _marginal(mixture, members[g], groups.means[g], groups.axes[g][:, a])
                for g, a in (pairs[i] for i in few)
            ]
            means, variances, weights = (np.concatenate(x) for x in zip(*laws, strict=True))
            row = np.repeat(np.arange(len(few)), [len(law[0]) for law in laws])
            for i, found in zip(few, optimal_levels(means, variances, weights, row, count), strict=True):
                known[keys[i]] = found
        for (g, axis), key in zip(pairs, keys, strict=True):
            levels[g][axis] = known[key]
    return levels


def _marginal(
    mixture: Mixture, members: np.ndarray, centre: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, variances and weights of a group's marginal along a direction, about its centre."""
    means = (mixture.means[members] - centre) @ direction
    variances = np.maximum(np.einsum("i,kij,j->k", direction, mixture.covs[members], direction), 0.0)
    return means, variances, mixture.weights[members]
