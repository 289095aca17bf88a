"""Transport to a Gaussian mixture whose weights are free: the least W₂² over all weights of given components.

W₂²(ν, Σ π_k ρ_k) is convex in π. With φᶜ(x) = minᵢ (|x − yᵢ|² − wᵢ) and Φ_k(w) = ∫ φᶜ dρ_k the dual is

    max_w  Σ νᵢ wᵢ + min_k Φ_k(w),

and π are the multipliers of Φ_k ≥ λ. The conditions Σ_k π_k m_ik = νᵢ and Φ_k = λ (Φ_k > λ only where π_k = 0) are
solved by Newton's method for w and π at once. For fixed π the cost has a kink wherever a group of points, far from all
others, holds just the mass of its components: nearly no density is left to move a border through. Here that is the easy
case: the balance of masses determines π, and Φ_k = λ determines w. Components that lose all their weight leave the
equations, and come back where Φ_k < λ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from diracs.cells.line import LineMixture
from diracs.mixtures.likelihood import log_densities
from diracs.transport.components import ComponentMoments, component_moments
from diracs.transport.continuation import solve
from diracs.transport.density_space import mixture_density
from diracs.transport.line import transport_on_line
from diracs.transport.linear import solve_laplacian
from diracs.transport.problem import Problem
from diracs.transport.start import sinkhorn_weights

# Neither a cell nor a component loses more than this factor of its mass in a step.
_LEAST = 0.1
_SHORTEST = 0.02
# Components below this weight that are to lose more may lose all of it.
_FADING = 1e-3
# What a component gets that comes back.
_RETURN = 1e-2
# Newton steps from a similar problem; two to four are usual.
_FEW = 15
# Groups of cells without couplings above this, masses and mean squares being one, are connected by such.
_COUPLING = 1e-9


@dataclass(frozen=True)
class FreeProblem:
    """Diracs to be transported to components whose weights are free.

    Distinct seeds (n, d), d ≤ 3, of mean zero and mean square about one, with masses `target` (n,), positive and
    of sum 1; components with means (k, d) and positive definite covariances (k, d, d).
    """

    seeds: np.ndarray
    target: np.ndarray
    means: np.ndarray
    covs: np.ndarray

    def moments(self, dual: np.ndarray) -> ComponentMoments:
        """What the components have in the cells with these dual weights (n,)."""
        return component_moments(self.seeds, dual, self.means, self.covs)


@dataclass(frozen=True)
class FreeTransport:
    """The best weights of the components, and the dual weights of the cells."""

    weights: np.ndarray  # (k,)
    dual: np.ndarray  # (n,)
    distance: float
    moments: ComponentMoments
    steps: int


def free_transport(
    problem: FreeProblem,
    weights: np.ndarray,
    tolerance: float,
    start: np.ndarray | None = None,
) -> FreeTransport | None:
    """The least W₂² between Diracs and a mixture of given components.

    Parameters
    ----------
    problem : FreeProblem
    weights : array (k,)
        To start from; positive, of sum 1.
    tolerance : float
        For masses, in units of the smallest, and for the duality gap, in units of W₂².
    start : array (n,), optional
        Dual weights of a similar problem. With them either few steps of Newton's method are enough or none are tried.

    Returns
    -------
    FreeTransport or None
        None where Newton's method came to no end, of two components or more.
    """
    if start is None:
        found = _afresh(problem, weights, tolerance)
    else:
        found = _newton(problem, weights, start, tolerance, _FEW)
    return _single(problem, tolerance) if found is None and len(weights) == 1 else found


def _afresh(problem: FreeProblem, weights: np.ndarray, tolerance: float) -> FreeTransport | None:
    """From the transport for the given weights, exact on the line, coarse elsewhere; from affine ones; from none."""
    seeds, target, means, covs = problem.seeds, problem.target, problem.means, problem.covs
    if seeds.shape[1] == 1:
        law = LineMixture(means[:, 0], np.sqrt(covs[:, 0, 0]), weights)
        start = transport_on_line(seeds[:, 0], target, law).weights
    else:
        start = sinkhorn_weights(seeds, target, mixture_density(means, covs, weights))
    for dual in (start, _affine(problem, weights), np.zeros(len(seeds))):
        found = _newton(problem, weights, dual, tolerance)
        if found is not None:
            return found
    return None


def _affine(problem: FreeProblem, weights: np.ndarray) -> np.ndarray:
    """Dual weights of affine maps, from the seeds that are most likely of a component to the component.

    Between centred Gaussians of covariances C and Σ it is B = C^{-1/2}(C^{1/2} Σ C^{1/2})^{1/2} C^{-1/2} (Dowson &
    Landau 1982), with potential ψ = δᵀBδ/2 for seeds at δ from the mean: w = |δ|² − δᵀBδ + c. With
    c = tr Σ − tr (C^{1/2} Σ C^{1/2})^{1/2} every component has Φ_k = 0: groups far from each other are in balance.
    """
    seeds, target, means, covs = problem.seeds, problem.target, problem.means, problem.covs
    label = (log_densities(seeds, means, covs) + np.log(weights)).argmax(axis=1)
    dual = np.zeros(len(seeds))
    for k, (mean, cov) in enumerate(zip(means, covs, strict=True)):
        own = label == k
        if not own.any():
            continue
        offset = seeds[own] - mean
        values, vectors = np.linalg.eigh((target[own, None] * offset).T @ offset / target[own].sum())
        # Directions without width map to nothing.
        root = np.sqrt(np.maximum(values, 1e-12 * np.trace(cov)))
        inner = (vectors * root).T @ cov @ (vectors * root)
        squares, axes = np.linalg.eigh(inner)
        widths = np.sqrt(np.maximum(squares, 0.0))
        middle = (axes * widths) @ axes.T
        across = offset @ vectors / root
        dual[own] = (offset**2).sum(axis=1) - ((across @ middle) * across).sum(axis=1) + np.trace(cov) - widths.sum()
    return dual


def _single(problem: FreeProblem, tolerance: float) -> FreeTransport:
    """A single component has no free weight: by the solver for given weights, which ends in any case."""
    seeds, target = problem.seeds, problem.target
    if seeds.shape[1] == 1:
        law = LineMixture(problem.means[:, 0], np.sqrt(problem.covs[:, 0, 0]), np.ones(1))
        dual = transport_on_line(seeds[:, 0], target, law).weights
    else:
        density = mixture_density(problem.means, problem.covs, np.ones(1))
        dual = solve(Problem(np.ascontiguousarray(seeds), target, density), tolerance, None).weights
    moments = problem.moments(dual)
    return FreeTransport(np.ones(1), dual, float(target @ dual + moments.potential[0]), moments, 0)


def _newton(
    problem: FreeProblem,
    weights: np.ndarray,
    dual: np.ndarray,
    tolerance: float,
    most: int = 30,
) -> FreeTransport | None:
    """Damped Newton's method for dual weights and weights of the components, as long as no cell is empty."""
    target, moments = problem.target, problem.moments(dual)
    for step in range(most):
        mass = weights @ moments.mass
        if not mass.min() > 0.0:
            return None
        cost, potential = float(weights @ moments.cost), moments.potential
        # The gap is a difference of sums of dual weights.
        close = tolerance * cost + 1e-14 * float(np.ptp(dual))
        if np.abs(mass - target).max() <= tolerance * target.min():
            value = float(target @ dual)
            if abs(cost - value - potential.min()) <= close:
                return FreeTransport(weights, dual, cost, moments, step)
            if abs(cost - value - potential[weights > 0].min()) <= close:
                weights = (1.0 - _RETURN) * weights
                weights[potential.argmin()] += _RETURN
        advanced = _advance(problem, weights, dual, moments)
        if advanced is None:
            return None
        weights, dual, moments = advanced
    return None


def _advance(
    problem: FreeProblem,
    weights: np.ndarray,
    dual: np.ndarray,
    moments: ComponentMoments,
) -> tuple[np.ndarray, np.ndarray, ComponentMoments] | None:
    """One damped step: the logarithmic residual m·(log(ν/m) + c) first, ν − m if that is cut below a quarter."""
    target = problem.target
    mass = weights @ moments.mass
    ratio = np.log(target / mass)
    least = _LEAST * np.minimum(mass, target)
    slack = moments.potential - weights @ moments.potential
    before = _residuals(target, weights, moments)
    best: tuple[float, np.ndarray, np.ndarray, ComponentMoments] | None = None
    for rhs in (mass * (ratio - (mass @ ratio) / mass.sum()), (target - mass) - (target - mass).mean()):
        change, shift = _direction(problem.seeds, rhs, weights, moments)
        falling = change < 0
        length = float(((1.0 - _LEAST) * weights[falling] / -change[falling]).min(initial=1.0))
        while length > (_SHORTEST if best is None else best[0]):
            moved, lifted = weights + length * change, dual + length * shift
            trial = problem.moments(lifted)
            after, factor = _residuals(target, moved, trial), 1.0 - 0.25 * length
            # Of both together, or of the masses while potentials wait for weights that are held back.
            falls = after.sum() <= factor * before.sum() or (after <= [factor * before[0], 4.0 * before.max()]).all()
            if falls and (moved @ trial.mass >= least).all():
                best = length, moved / moved.sum(), lifted, trial
                break
            length *= 0.5
        if best is not None and best[0] >= 0.25:
            break
    if best is None:
        return None
    _, moved, lifted, trial = best
    fading = (moved < _FADING) & (moved < 2.0 * _LEAST * weights) & (slack > 0)
    rest = np.where(fading, 0.0, moved)
    if fading.any() and (rest @ trial.mass >= 0.5 * (moved @ trial.mass)).all():
        moved = rest / rest.sum()
    return moved, lifted, trial


def _direction(
    seeds: np.ndarray, rhs: np.ndarray, weights: np.ndarray, moments: ComponentMoments
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's step for weights (k,) and dual weights (n,).

    With the Laplacian L of the mixture's couplings and masses M (n, k): L δw + M δπ = rhs, and for each component
    Mᵀδw + δλ = Φ − λ + δπ·max(Φ − λ, 0)/π, which lets those go to zero that are not needed; Σ δπ = 0.
    """
    used = weights > 0
    i, j, coupling = _connected(len(rhs), moments.i, moments.j, weights[moments.component] * moments.coupling)
    share, k = weights[used], int(used.sum())

    def solve(b: np.ndarray) -> np.ndarray:
        return solve_laplacian(seeds, i, j, coupling, b - b.mean(), 1e-12)

    # A basis of the changes of sum zero.
    basis = np.concatenate([np.eye(k - 1), -np.ones((1, k - 1))])
    columns = moments.mass[used].T @ basis
    inverse = np.array([solve(c) for c in columns.T]).reshape(k - 1, len(seeds)).T
    slack = moments.potential[used] - weights @ moments.potential
    plain = solve(rhs)
    right = columns.T @ plain - basis.T @ slack
    # Components that nearly coincide exchange weight at no cost: a price on it, until none loses too much.
    price = 0.0
    while True:
        matrix = columns.T @ inverse + basis.T @ (((np.maximum(slack, 0.0) + price) / share)[:, None] * basis)
        unit = np.sqrt(np.diag(matrix).clip(1e-300))
        # By a pivoted QR decomposition, which ends for whatever numbers.
        reduced = scipy.linalg.lstsq(
            matrix / unit[:, None] / unit, right / unit, cond=1e-13, lapack_driver="gelsy", check_finite=False
        )[0]
        part = basis @ (reduced / unit)
        if (part >= -share).all() or not price <= 1e6 * np.abs(slack).max():
            change = np.zeros(len(weights))
            change[used] = part
            return change, plain - inverse @ part[:-1]
        price = max(4.0 * price, 1e-2 * float(np.abs(slack).max()))


def _connected(n: int, i: np.ndarray, j: np.ndarray, coupling: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges, each once, and couplings of a graph of n vertices, with weak ones added until it is connected."""
    strong = coupling > _COUPLING
    i, j, coupling = i[strong], j[strong], coupling[strong]
    pairs, place = np.unique(np.minimum(i, j).astype(np.int64) * n + np.maximum(i, j), return_inverse=True)
    coupling = np.bincount(place, coupling, minlength=len(pairs))
    i, j = (pairs // n).astype(np.int32), (pairs % n).astype(np.int32)
    graph = scipy.sparse.coo_matrix((np.ones(len(i)), (i, j)), shape=(n, n))
    groups, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    total = np.bincount(np.concatenate([i, j]), np.tile(coupling, 2), minlength=n)
    # The best connected vertex of each group is the first of it in this order.
    order = np.argsort(-total, kind="stable")
    heads = order[np.unique(label[order], return_index=True)[1]].astype(i.dtype)
    links = np.full(groups - 1, _COUPLING)
    return np.concatenate([i, heads[:-1]]), np.concatenate([j, heads[1:]]), np.concatenate([coupling, links])


def _residuals(target: np.ndarray, weights: np.ndarray, moments: ComponentMoments) -> np.ndarray:
    """Errors of masses and of potentials (2,)."""
    mass = weights @ moments.mass
    slack = moments.potential - weights @ moments.potential
    return np.sqrt([(((mass - target) ** 2) / target).sum(), weights @ slack**2])
