"""Lower bounds on the W₂ between a Gaussian mixture and *every* measure of n points.

Let X follow the mixture, K be its component and Y the point that X is sent to, under any coupling. Four facts are used:

- Y takes n values, so I(X; Y) ≤ ln n, and I(X; Y | K = k) ≤ ln n for each k: rate–distortion theory applies;
- n points span an affine space of dimension n − 1 at most, and what the best such space misses is lost;
- a projection only lowers W₂, and on a line the optimal quantizer of a Gaussian is known;
- leaving components out of the mixture only lowers the cost.

Rounding is downward: factorizations are of covariances lowered (raised, where they divide) by more than the backward
error, and `SLACK` covers what is left, the rounding of sums, logarithms and exponentials of moderate size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from diracs.cells.product import interval_moments, voronoi_gaps
from diracs.codebooks.optimal import mixture_distortion, normal_levels, optimal_levels

SLACK = 1e-10  # relative, on W₂²: logarithms reach 1e3, so their sums are good to some 1e-13; d and k add a few digits
BACKWARD = 8 * 2.0**-52  # times dimension and trace: above the backward error of eigenvalues, rotation and elimination
LARGEST_LINE = 10_000  # levels computed for the optimum on a line; beyond, rate–distortion alone
MOST_PAIRS = 1500  # components compared pair by pair; more are compared by groups
GROUPS = 1024
ATOMS = (256, 768)  # fewest and most atoms that stand for the law on the leading axis
MOST_ON_LINE, MOST_ON_LINE_COMPONENTS = 48, 64  # points and components up to which that is done
WORK = 1e8  # elementary operations allowed to one batch of eliminations

Normalized = tuple[np.ndarray, np.ndarray, np.ndarray, int]


def lower_bound(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int) -> float:
    """A number that the W₂ (not squared) between the mixture and any measure of n points is never below.

    Parameters
    ----------
    means : array (k, d)
    covs : array (k, d, d)
        Symmetric positive semidefinite; singular and zero covariances are allowed.
    weights : array (k,)
        Non-negative, of sum 1.
    n : int
        Number of points, at least 1.

    Returns
    -------
    float
        The largest of: what an affine space of dimension n − 1 misses (for n = 1 the exact optimum, the root of the
        total variance), Σ w_k D_k with the bounds D_k of `component_distortions`, `shannon_bound`, and `line_bound`
        for the projection on the leading axis.
    """
    m, c, w, exponent = _normalized(means, covs, weights)
    if not (m.any() or c.any()):
        return 0.0
    diagonal = np.diagonal(c, axis1=-2, axis2=-1)
    is_diagonal = np.count_nonzero(c) == np.count_nonzero(diagonal)
    variances = np.sort(diagonal, axis=-1)[:, ::-1] if is_diagonal else _eigenvalues(c)
    distortions = component_distortions(variances, n)
    bounds = [float(w @ distortions)]
    k, d = m.shape
    if k == 1:
        bounds.append(float(diagonal.sum()) if n == 1 else float(variances[0, n - 1 :].sum()))
    else:
        centred = m - w @ m
        if n == 1:
            bounds.append(float(w @ (np.einsum("ki,ki->k", centred, centred) + diagonal.sum(axis=-1))))
        else:
            total = np.tensordot(w, c, 1) + (centred * w[:, None]).T @ centred
            spectrum, axes = np.linalg.eigh(total)
            error = BACKWARD * (d + math.sqrt(k)) * float(np.trace(total))
            bounds.append(float(np.maximum(spectrum[: max(d - n + 1, 0)] - error, 0.0).sum()))
            bounds.append(shannon_bound(m, c, w, variances, distortions, axes[:, ::-1], n))
            # Skipped where n points on the leading axis cannot cost much: for most laws it is below 8 λ/n².
            affordable = n <= MOST_ON_LINE and k <= MOST_ON_LINE_COMPONENTS
            if affordable and 8.0 * float(spectrum[-1]) > max(bounds) * n**2:
                along = np.maximum(c @ axes[:, -1] @ axes[:, -1], 0.0)
                blur = BACKWARD * d * diagonal.sum(axis=-1)
                bounds.append(line_bound(m @ axes[:, -1], along, w, n, blur))
    root = math.sqrt(max(bounds) * (1.0 - SLACK))
    return math.nextafter(math.ldexp(root, exponent), 0.0)


def rate_distortion(eigenvalues: np.ndarray, nats: float | np.ndarray) -> np.ndarray:
    """Least mean squared error of Gaussian vectors sent with the given information: reverse water-filling.

    Parameters
    ----------
    eigenvalues : array (..., d)
        Of the covariances; non-negative, in any order.
    nats : float or array (...)
        Information, non-negative; infinity gives 0.

    Returns
    -------
    array (...)
        D = Σ min(λ_i, θ) with the level θ for which Σ max(0, ½ ln(λ_i/θ)) = nats.

    Notes
    -----
    Cover & Thomas, Elements of Information Theory (2006), theorem 10.3.3.
    """
    v = np.asarray(eigenvalues, dtype=np.float64)
    return _water_filling(v, np.ones_like(v), nats)


def component_distortions(variances: np.ndarray, n: int) -> np.ndarray:
    """Lower bounds (k,) on E|X − Y|² for the Gaussians with these covariance eigenvalues (k, d), largest first.

    The larger of the rate–distortion bound and of the optimum of the leading axis alone: in a mixture they hold for
    each component, given that X comes from it.
    """
    bounds = rate_distortion(variances, math.log(n))
    # n² times the optimum on a line stays below π√3/2 = 2.7207: do not compute levels that cannot help.
    if 1 < n <= LARGEST_LINE and (variances[:, 0] * (2.7207 / n**2) > bounds).any():
        line = float(normal_levels(n)[1]) * (1.0 - 1e-9)
        bounds = np.maximum(bounds, variances[:, 0] * line)
    return bounds


def line_bound(means: np.ndarray, variances: np.ndarray, weights: np.ndarray, n: int, blur: np.ndarray) -> float:
    """Lower bound on W₂² for mixtures on the line, by an exact optimum of a fine discretization.

    With q(X) the nearest of N ≫ n levels, W₂(X, ν) ≥ W₂(q(X), ν) − W₂(X, q(X)) for every ν. The first term on the right
    is least, over all ν of n points, for a partition of the atoms into n runs, found by dynamic programming (Bruce
    1965); the second is the distortion of the levels.

    Parameters
    ----------
    means, variances, weights : arrays (k,)
    n : int
        Number of points, at least 2.
    blur : array (k,)
        Error of the variances, which moves the law by no more than the error of the deviations.
    """
    group = np.zeros(len(means), dtype=np.intp)
    levels = np.unique(optimal_levels(means, variances, weights, group, int(np.clip(32 * n, *ATOMS)))[0])
    # Mass beyond the reach is left out, which only lowers the bound.
    reach = 2.0 * float(np.abs(means).max() + 40.0 * math.sqrt(variances.max()) + np.abs(levels).max())
    left, right = (np.minimum(gap, reach) for gap in voronoi_gaps(levels))
    cells = interval_moments(levels, left, right, means[:, None], variances[:, None])
    masses = weights @ cells.mass
    least = _least_partition(levels[masses > 0], masses[masses > 0], n)
    distance = math.sqrt(float(mixture_distortion(levels[None], means, variances, weights, group)[0]))
    shifts = np.divide(blur, np.sqrt(np.maximum(variances, blur)), out=np.zeros_like(blur), where=blur > 0)
    # Positions, too, are rounded: of the means when projected, of the levels when centred.
    moved = math.sqrt(float(weights @ shifts**2)) + 16 * 2.0**-52 * float(np.abs([*levels, *means]).max())
    return max(0.0, math.sqrt(least) * (1.0 - 1e-9) - distance * (1.0 + 1e-9) - moved) ** 2


def _least_partition(atoms: np.ndarray, masses: np.ndarray, n: int) -> float:
    """The least distortion of n points for sorted atoms with positive masses."""
    count = len(atoms)
    cost = np.full((count, count), np.inf)  # cost[i, j] of the atoms i, …, j, updated by positive terms (Welford 1962)
    mass, mean, squares = np.zeros((3, count))
    for j in range(count):
        total = mass[: j + 1] + masses[j]
        shift = atoms[j] - mean[: j + 1]
        squares[: j + 1] += masses[j] * (mass[: j + 1] / total) * shift**2
        mean[: j + 1] += shift * (masses[j] / total)
        mass[: j + 1] = total
        cost[: j + 1, j] = squares[: j + 1]
    best = cost[0]
    for _ in range(n - 1):
        # One run fewer before atom i, then the run from i to j; or as many runs as before.
        best = np.minimum(best, (np.append(np.inf, best[:-1])[:, None] + cost).min(axis=0))
    return float(best[-1])


def shannon_bound(
    means: np.ndarray,
    covs: np.ndarray,
    weights: np.ndarray,
    variances: np.ndarray,
    distortions: np.ndarray,
    axes: np.ndarray,
    n: int,
) -> float:
    """Shannon's lower bound on W₂² for mixtures, joined with rate–distortion on what the projection leaves out.

    For a projection P on r axes and X' = X − PX, ln n ≥ I(PX; Y) + I(X'; Y | PX, K). The first term is at least
    (r/2) ln(r σ²/D') for D' = E|P(X−Y)|² and σ² = exp(2 h(PX)/r) / 2πe. Given PX and K = k, X' is Gaussian and its
    covariance, a Schur complement of Σ_k, has eigenvalues no smaller than λ_{r+1}, …, λ_d of Σ_k (Smith 1992,
    "Some interlacing properties of the Schur complement"). Hence D is at least what reverse water-filling gives for r
    variances σ² and the remaining λ_{k,i} counted w_k times each. The entropy is bounded below by
    h ≥ Σ w_k h_k − Σ w_k ln Σ_j w_j exp(−BD_kj), BD the Bhattacharyya distance (Kolchinsky & Tracey 2017, "Estimating
    mixture entropy with pairwise distances", Chernoff α = 1/2). Components of no entropy are left out of the mixture
    and pay their own distortion; so are, as an alternative, those of much less entropy than others.

    Returns the largest bound over subspaces of the leading `axes` (d, d), the principal axes of the total covariance.
    """
    k, d = means.shape
    traces = np.trace(covs, axis1=-2, axis2=-1)
    means, covs = _in_frame(means, covs, axes)
    pairs = min(k, MOST_PAIRS) ** 2 / 2
    power = covs.ndim - 1
    deepest = means.shape[1]
    compared = int(min(deepest, max(1.0, (WORK / (10 * pairs)) ** (1 / power))))
    lift = BACKWARD * d * traces if covs.ndim == 3 else np.zeros(k)
    low = cumulative_log_pivots(covs, -lift)[0]
    overlap: PairOverlap | GroupOverlap
    if k <= MOST_PAIRS:
        overlap = PairOverlap(means[:, :compared], _leading(covs, compared), lift)
    else:
        overlap = GroupOverlap(means[:, :compared], variances[:, 0])
    best = 0.0
    nats = math.log(n)
    for r in _ranks(deepest, k * d):
        for active in _entropic(low[:, r - 1] / r):
            w = weights[active]
            share = float(w.sum())
            w = w / share
            log_variance = (w @ low[active, r - 1] - 2.0 * overlap.log_mean(r, active, w)) / r
            items = np.concatenate([[math.exp(min(log_variance, 700.0))], variances[active, r:].ravel()])
            counts = np.concatenate([[float(r)], np.repeat(w, d - r)])
            bound = share * float(_water_filling(items, counts, nats)) + float(weights[~active] @ distortions[~active])
            best = max(best, bound)
    return best


class PairOverlap:
    """Upper bounds on Σ_k w_k ln Σ_j w_j exp(−BD_kj) of the components' projections on the leading axes.

    BD = Δᵀ S⁻¹ Δ / 8 + ½ ln(det S / √(det Σ_k det Σ_j)) with S = (Σ_k + Σ_j)/2. It grows with the number of axes, so
    that beyond the axes given it stays a valid bound. The second term is never negative.
    """

    def __init__(self, means: np.ndarray, covs: np.ndarray, lift: np.ndarray) -> None:
        self.size, self.axes = means.shape
        self.first, self.second = np.triu_indices(self.size, 1)
        self.distance = np.empty((len(self.first), self.axes))
        high = cumulative_log_pivots(covs, lift)[0]
        step = max(1, int(1e5 / math.prod(covs.shape[1:])))
        for start in range(0, len(self.first), step):
            part = slice(start, start + step)
            i, j = self.first[part], self.second[part]
            middle, error = (covs[i] + covs[j]) / 2, (lift[i] + lift[j]) / 2
            log_det = cumulative_log_pivots(middle, -error)[0]
            quadratic = cumulative_log_pivots(middle, error, means[i] - means[j])[1]
            with np.errstate(invalid="ignore"):
                spread = log_det / 2 - (high[i] + high[j]) / 4
            self.distance[part] = quadratic / 8 + np.maximum(np.nan_to_num(spread, nan=0.0, posinf=0.0), 0.0)

    def log_mean(self, r: int, active: np.ndarray, weights: np.ndarray) -> float:
        """The bound for the first r axes and the active components, whose weights sum to 1."""
        affinity = np.eye(self.size)
        affinity[self.first, self.second] = np.exp(-self.distance[:, min(r, self.axes) - 1])
        affinity[self.second, self.first] = affinity[self.first, self.second]
        return float(weights @ np.log(affinity[np.ix_(active, active)] @ weights))


class GroupOverlap:
    """The same sum for many components, by boxes around groups of means: exp(−BD_kj) ≤ exp(−gap² / 8λ).

    `gap` is the distance of the boxes that hold the two means and λ the mean of the largest variances in the two
    groups, no less than the largest eigenvalue of S.
    """

    def __init__(self, means: np.ndarray, largest: np.ndarray) -> None:
        groups = _bisected(means, GROUPS)
        self.label = np.empty(len(means), dtype=np.intp)
        for g, members in enumerate(groups):
            self.label[members] = g
        lowest = np.array([means[g].min(axis=0) for g in groups])
        highest = np.array([means[g].max(axis=0) for g in groups])
        variance = np.array([largest[g].max() for g in groups]) * (1.0 + SLACK)
        gap = np.maximum(lowest[:, None] - highest[None], lowest[None] - highest[:, None])
        spread = np.maximum(variance[:, None] + variance, np.finfo(float).tiny)[..., None] * 4.0
        self.distance = np.cumsum(np.maximum(gap, 0.0) ** 2, axis=-1) / spread
        self.axes = means.shape[1]

    def log_mean(self, r: int, active: np.ndarray, weights: np.ndarray) -> float:
        """The bound for the first r axes and the active components, whose weights sum to 1."""
        mass = np.bincount(self.label[active], weights, minlength=len(self.distance))
        held = mass > 0
        affinity = np.exp(-self.distance[np.ix_(held, held)][..., min(r, self.axes) - 1])
        return float(mass[held] @ np.log(affinity @ mass[held]))


def cumulative_log_pivots(
    matrices: np.ndarray, lift: np.ndarray, vectors: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """ln det and vᵀ M⁻¹ v of all leading blocks of M = matrix + lift·I, by one elimination without pivoting.

    Parameters
    ----------
    matrices : array (m, d, d), or (m, d) for diagonal ones
    lift : array (m,)
    vectors : array (m, d), optional
        Zero by default.

    Returns
    -------
    log_det, quadratic : arrays (m, d)
        Entry r − 1 for the leading r × r block. From the first pivot that is not positive on, ln det is −∞ and the
        quadratic form stops growing.
    """
    count, d = matrices.shape[:2]
    v = np.zeros((count, d)) if vectors is None else vectors.copy()
    if matrices.ndim == 2:
        pivots = matrices + lift[:, None]
    else:
        pivots = np.empty((count, d))
        a = matrices + lift[:, None, None] * np.eye(d)
        for i in range(d):
            pivots[:, i] = a[:, i, i]
            column = a[:, i + 1 :, i] / np.where(a[:, i, i] > 0, a[:, i, i], np.inf)[:, None]
            a[:, i + 1 :, i + 1 :] -= column[:, :, None] * a[:, i, None, i + 1 :]
            v[:, i + 1 :] -= column * v[:, i, None]
    regular = np.logical_and.accumulate(pivots > 0, axis=-1)
    safe = np.where(regular, pivots, 1.0)
    log_det = np.cumsum(np.where(regular, np.log(safe), -np.inf), axis=-1)
    with np.errstate(over="ignore"):
        return log_det, np.cumsum(np.where(regular, v * (v / safe), 0.0), axis=-1)


def _water_filling(variances: np.ndarray, counts: np.ndarray, nats: float | np.ndarray) -> np.ndarray:
    """Reverse water-filling over the last axis, each variance counted so many times (positive, not always whole)."""
    order = np.argsort(-variances, axis=-1, kind="stable")
    v = np.take_along_axis(variances, order, axis=-1)
    c = np.take_along_axis(counts, order, axis=-1)
    top = np.where(v[..., :1] > 0, v[..., :1], 1.0)
    v = v / top
    rate = np.asarray(nats, dtype=np.float64)[..., None]
    positive = v > 0
    logs = np.log(np.where(positive, v, 1.0))
    sizes = np.cumsum(np.where(positive, c, 0.0), axis=-1)
    sums = np.cumsum(np.where(positive, c * logs, 0.0), axis=-1)
    # The rate at which the falling water reaches each variance.
    reached = np.where(positive, (sums - sizes * logs) / 2, np.inf)
    last = np.maximum((reached < rate).sum(axis=-1, keepdims=True) - 1, 0)
    v, c, sizes, sums = (np.broadcast_to(x, (*last.shape[:-1], x.shape[-1])) for x in (v, c, sizes, sums))
    size = np.take_along_axis(sizes, last, axis=-1)
    level = np.exp((np.take_along_axis(sums, last, axis=-1) - 2.0 * rate) / np.where(size > 0, size, 1.0))
    below = np.where(np.arange(v.shape[-1]) > last, c * v, 0.0).sum(axis=-1)
    distortion: np.ndarray = ((size * level)[..., 0] + below) * top[..., 0]
    return distortion


def _normalized(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> Normalized:
    """Means about the heaviest one and covariances over a power of two, exact but for underflow; and its exponent."""
    keep = weights > 0
    m, c, w = means[keep], covs[keep], weights[keep]
    first = int(np.frexp(np.abs(m).max())[1]) + 1
    m = np.ldexp(m, -first)
    m = m - m[np.argmax(w)]
    spread = [int(np.frexp(np.abs(m).max())[1]) + first] if m.any() else []
    width = [-(-int(np.frexp(c.max())[1]) // 2)] if c.any() else []
    exponent = max(spread + width, default=0)
    c = np.ldexp(c, -2 * exponent)
    # Subnormal covariances are not worth their rounding errors.
    c[np.diagonal(c, axis1=-2, axis2=-1).max(axis=-1) < 1e-280] = 0.0
    return np.ldexp(m, first - exponent), c, w / w.sum(), exponent


def _eigenvalues(covs: np.ndarray) -> np.ndarray:
    """Eigenvalues (k, d), largest first, lowered by their error."""
    error = BACKWARD * covs.shape[-1] * np.trace(covs, axis1=-2, axis2=-1)
    lowered: np.ndarray = np.maximum(np.linalg.eigvalsh(covs)[:, ::-1] - error[:, None], 0.0)
    return lowered


def _in_frame(means: np.ndarray, covs: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (k, r) and covariances (k, r, r), or (k, r) if diagonal, on as many leading axes as are affordable.

    Isotropic covariances stay diagonal in any frame; other diagonal ones keep the coordinate axes, most variable first,
    where full matrices would cost too much.
    """
    k, d = means.shape
    diagonal = np.diagonal(covs, axis1=-2, axis2=-1)
    is_diagonal = np.count_nonzero(covs) == np.count_nonzero(diagonal)
    deepest = int(min(d, max(1.0, WORK / k)))
    if is_diagonal and (diagonal == diagonal[:, :1]).all():
        return means @ axes[:, :deepest], diagonal[:, :deepest]
    if is_diagonal and k * d**3 > WORK:
        order = np.argsort(-(means.var(axis=0) + diagonal.mean(axis=0)))[:deepest]
        return means[:, order], diagonal[:, order]
    axes = axes[:, : int(min(d, max(1.0, (WORK / k) ** (1 / 3))))]
    return means @ axes, axes.T @ covs @ axes


def _leading(covs: np.ndarray, r: int) -> np.ndarray:
    """The blocks of the first r axes, of full or diagonal covariances."""
    return covs[:, :r, :r] if covs.ndim == 3 else covs[:, :r]


def _ranks(deepest: int, size: int) -> list[int]:
    """Dimensions of the subspaces to try: all of a few, else a geometric selection."""
    if deepest <= 16 and size <= 100_000:
        return list(range(1, deepest + 1))
    return sorted({round(r) for r in np.geomspace(1, deepest, 12 if size <= 100_000 else 4)})


def _entropic(log_det: np.ndarray) -> Iterator[np.ndarray]:
    """Sets of components (k,) worth keeping: all of finite entropy, and those above the widest gap of entropies."""
    active = np.isfinite(log_det)
    if active.any():
        yield active
        levels = np.sort(log_det[active])
        gaps = np.diff(levels)
        if len(gaps) and gaps.max() > 1.0:
            yield log_det > levels[np.argmax(gaps)]


def _bisected(points: np.ndarray, groups: int) -> list[np.ndarray]:
    """Indices of the points (k, r) in groups of nearly equal size, halved across their widest axis."""
    parts = [np.arange(len(points))]
    while 2 * len(parts) <= groups:
        halves = []
        for part in parts:
            axis = np.argmax(np.ptp(points[part], axis=0))
            order = part[np.argsort(points[part, axis])]
            halves += [order[: len(order) // 2], order[len(order) // 2 :]]
        parts = halves
    return parts
