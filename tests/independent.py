"""Truths that share no code with the package: 50-digit sums on the line, Monte Carlo, moments, transport's dual."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import mpmath
import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree

DIGITS = 50


class Estimate(NamedTuple):
    """A mean over random draws and its standard error."""

    value: float
    error: float


def full(means, covs):
    """Covariances of any rank as matrices (k, d, d)."""
    means, covs = np.asarray(means, float), np.asarray(covs, float)
    if covs.ndim == 3:
        return covs
    return np.reshape(covs, (len(means), -1, 1)) * np.eye(means.shape[1])


def square_roots(covs):
    """Symmetric roots of positive semidefinite matrices."""
    values, vectors = np.linalg.eigh(covs)
    return (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def random_mixture(seed, components, ndim, kind="full", spread=1.5):
    """Means, covariances of the given kind and weights of a well-scaled mixture."""
    rng = np.random.default_rng(seed)
    means, weights = spread * rng.standard_normal((components, ndim)), rng.dirichlet(np.full(components, 3.0))
    if kind == "isotropic":
        return means, rng.uniform(0.2, 1.5, components), weights
    if kind == "diagonal":
        return means, rng.uniform(0.05, 1.5, (components, ndim)), weights
    root = rng.standard_normal((components, ndim, ndim)) * rng.uniform(0.2, 1.0, (components, 1, 1))
    if kind == "singular":
        root[..., -1] = 0.0
    return means, root @ np.swapaxes(root, 1, 2), weights


def rotation(seed, ndim):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((ndim, ndim)))[0]


# --- the line, in 50 digits -------------------------------------------------------------------------------------------


def cell_moments(a, b, mean, deviation, about):
    """Mass, first and second moment of N(mean, deviation²) over (a, b] about a point; borders halve point masses."""
    with mpmath.workdps(DIGITS):
        a, b, mean, deviation, about = (mpmath.mpf(x) for x in (a, b, mean, deviation, about))
        shift = mean - about
        if deviation == 0:
            side = [(mpmath.mpf(1) if mean > e else mpmath.mpf(0)) if mean != e else mpmath.mpf("0.5") for e in (a, b)]
            mass = side[0] - side[1]
            return mass, mass * shift, mass * shift**2
        s, t = (a - mean) / deviation, (b - mean) / deviation
        root = mpmath.sqrt(2)
        if s + t > 0:
            mass = (mpmath.erfc(s / root) - mpmath.erfc(t / root)) / 2
        else:
            mass = (mpmath.erfc(-t / root) - mpmath.erfc(-s / root)) / 2
        # (φ(x), xφ(x)), both zero at infinity
        ends = [(mpmath.npdf(x), x * mpmath.npdf(x)) if mpmath.isfinite(x) else (mpmath.mpf(0),) * 2 for x in (s, t)]
        fall, bend = ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]
        first = deviation * fall + shift * mass
        second = deviation**2 * (mass + bend) + 2 * shift * deviation * fall + shift**2 * mass
        return mass, first, second


def line_cost(means, variances, weights, positions, borders=None):
    """Σ w ∫ (x − y)² over the cells of sorted positions, midpoints by default: exact, as an mpf."""
    with mpmath.workdps(DIGITS):
        y = [mpmath.mpf(float(v)) for v in np.sort(np.ravel(positions))]
        if borders is None:
            borders = [(u + v) / 2 for u, v in itertools.pairwise(y)]
        ends = [mpmath.mpf("-inf"), *borders, mpmath.mpf("inf")]
        weights = [mpmath.mpf(float(w)) for w in weights]
        cost = mpmath.mpf(0)
        for mean, variance, weight in zip(np.ravel(means), np.ravel(variances), weights):
            deviation = mpmath.sqrt(mpmath.mpf(float(variance)))
            for i, level in enumerate(y):
                a, b = ends[i], ends[i + 1]
                # Beyond 60 deviations nothing is left that 50 digits would show beside the rest.
                if deviation > 0 and (a - mean > 60 * deviation or mean - b > 60 * deviation):
                    continue
                cost += weight * cell_moments(a, b, float(mean), deviation, level)[2]
        return cost / mpmath.fsum(weights)


def line_w2(means, variances, weights, positions, masses):
    """Exact W₂ of a mixture with a density on the line and weighted Diracs, by their quantile functions."""
    with mpmath.workdps(DIGITS):
        order = np.argsort(np.ravel(positions), kind="stable")
        masses = [mpmath.mpf(float(m)) for m in np.ravel(masses)[order]]
        total, weight_sum = mpmath.fsum(masses), mpmath.fsum(mpmath.mpf(float(w)) for w in weights)
        laws = [
            (mpmath.mpf(float(w)) / weight_sum, mpmath.mpf(float(m)), mpmath.sqrt(mpmath.mpf(float(v))))
            for w, m, v in zip(weights, np.ravel(means), np.ravel(variances))
        ]
        lowest, highest = min(m - 40 * s for _, m, s in laws), max(m + 40 * s for _, m, s in laws)
        borders, reached = [], mpmath.mpf(0)
        for mass in masses[:-1]:
            reached += mass / total
            low, high = lowest, highest
            for _ in range(120):
                middle = (low + high) / 2
                below = mpmath.fsum(w * mpmath.ncdf((middle - m) / s) for w, m, s in laws)
                low, high = (middle, high) if below < reached else (low, middle)
            borders.append(low)
        return mpmath.sqrt(line_cost(means, variances, weights, positions, borders))


# --- Monte Carlo, stratified by component -----------------------------------------------------------------------------


def draws(means, covs, count, seed):
    """`count` draws of each component, (k, count, d), about its mean."""
    rng = np.random.default_rng(seed)
    roots = square_roots(full(means, covs))
    k, d = np.shape(means)
    return np.einsum("kij,knj->kni", roots, rng.standard_normal((k, count, d)))


def nearest_cost(means, covs, weights, positions, count, seed=0):
    """E min_i |x − y_i|², which no masses on these positions can beat, and the masses that attain it, with errors."""
    means, weights = np.asarray(means, float), np.asarray(weights, float)
    noise = draws(means, covs, count, seed)
    value = variance = 0.0
    masses, errors = np.zeros(len(positions)), np.zeros(len(positions))
    for mean, x, weight in zip(means, noise, weights):
        distance, index = cKDTree(positions - mean).query(x)
        value += weight * np.mean(distance**2)
        variance += weight**2 * np.var(distance**2) / count
        share = np.bincount(index, minlength=len(positions)) / count
        masses += weight * share
        errors += weight**2 * (share * (1 - share) + 1 / count) / count
    return Estimate(value, math.sqrt(variance)), masses, np.sqrt(errors)


def dual_cost(means, covs, weights, positions, masses, count=100_000, seed=0):
    """A lower estimate of W₂² to Diracs of *these* masses: Σ m ψ + E min_i(|x − y_i|² − ψ_i), for any ψ.

    ψ is fitted to one sample by the entropic semi-dual and judged on a fresh one, which keeps the estimate unbiased.
    """
    means, weights = np.asarray(means, float), np.asarray(weights, float)
    keep = masses > 0
    y, nu = positions[keep], masses[keep] / masses[keep].sum()
    size = 1600
    x = (means[:, None, :] + draws(means, covs, size, seed + 1)).reshape(-1, means.shape[1])
    w = np.repeat(weights / size, size)
    cost = ((x[:, None, :] - y) ** 2).sum(axis=-1)
    scale = w @ cost.min(axis=1)

    def negative(psi, temperature):
        exponent = (psi - cost) / temperature
        top = exponent.max(axis=1, keepdims=True)
        p = np.exp(exponent - top)
        total = p.sum(axis=1, keepdims=True)
        soft = -temperature * (top + np.log(total))[:, 0]
        return -(nu @ psi + w @ soft), -(nu - w @ (p / total))

    psi = np.zeros(len(y))
    for temperature in (0.5 * scale, 0.1 * scale, 0.02 * scale):
        psi = minimize(negative, psi, (temperature,), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    value, variance = float(nu @ psi), 0.0
    noise = draws(means, covs, count // len(means), seed + 2)
    for mean, x, weight in zip(means, noise, weights):
        shifted = y - mean
        power = (shifted**2).sum(axis=1) - psi
        least = (power - 2 * x @ shifted.T).min(axis=1) + (x**2).sum(axis=1)
        value += weight * least.mean()
        variance += weight**2 * least.var() / len(x)
    return Estimate(value, math.sqrt(variance))


# --- moments ----------------------------------------------------------------------------------------------------------


def moments(means, covs, weights):
    """Mean and covariance of a mixture."""
    means, weights = np.asarray(means, float), np.asarray(weights, float)
    mean = weights @ means
    delta = means - mean
    return mean, np.einsum("k,kij->ij", weights, full(means, covs) + delta[:, :, None] * delta[:, None, :])


def gelbrich(first, second):
    """Gelbrich's lower bound on W₂² from two pairs (mean, covariance)."""
    (m, s), (n, t) = first, second
    root = square_roots(s)
    # Eigenvalues are right to so much.
    cross = np.linalg.eigvalsh(root @ t @ root) + 2e-15 * np.trace(s) * np.trace(t)
    return float(((m - n) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * np.sqrt(np.maximum(cross, 0.0)).sum())


def collinear_w2(law, direction, places, masses):
    """W₂ of a mixture and Diracs at places·direction, an integer vector, in 40 digits.

    Along the direction it is a transport on the line, by quantiles; across it all goes straight to the line.
    """
    with mpmath.workdps(60):
        d = len(direction)
        squared = sum(x * x for x in direction)

        def moments(axis):
            means = [sum(a * mpmath.mpf(float(x)) for a, x in zip(axis, mean)) for mean in law.means]
            covs = [[[mpmath.mpf(float(x)) for x in row] for row in cov] for cov in law.covs]
            variances = [sum(axis[i] * axis[j] * c[i][j] for i in range(d) for j in range(d)) for c in covs]
            return means, variances

        weights, given = ([_exact(w) for w in normalized(x)] for x in (law.weights, masses))
        order = np.argsort(places)
        levels = [squared * mpmath.mpf(float(places[i])) for i in order]
        means, variances = moments(direction)
        square = _line_square(means, variances, weights, levels, [given[i] for i in order])
        square -= sum(w * (v + m * m) for w, m, v in zip(weights, means, variances))
        for i in range(d):
            axis = [int(i == j) for j in range(d)]
            square += squared * sum(w * (v + m * m) for w, m, v in zip(weights, *moments(axis)))
        return mpmath.sqrt(square / squared)


def normalized(weights):
    """As exact fractions."""
    exact = [Fraction(float(w)) for w in weights]
    return [w / sum(exact) for w in exact]


def _exact(fraction):
    return mpmath.mpf(fraction.numerator) / fraction.denominator


def _line_square(means, variances, weights, levels, masses):
    """W₂² of a mixture on the line and sorted levels: every cell ends at a quantile, found by bisection."""
    deviations = [mpmath.sqrt(v) for v in variances]

    def beyond(z):
        return mpmath.erfc(z / mpmath.sqrt(2)) / 2

    reach = 60 * max(deviations)
    ends = [-mpmath.inf]
    for k in range(1, len(levels)):
        below, above = sum(masses[:k]), sum(masses[k:])
        side = 1 if above <= below else -1  # the smaller tail is the one to be exact
        low, high = min(means) - reach, max(means) + reach
        for _ in range(140):
            middle = (low + high) / 2
            tail = sum(w * beyond(side * (middle - m) / s) for w, m, s in zip(weights, means, deviations))
            lower = tail < above if side == 1 else tail > below
            low, high = (low, middle) if lower else (middle, high)
        ends.append((low + high) / 2)
    ends.append(mpmath.inf)
    total = mpmath.mpf(0)
    for level, left, right in zip(levels, ends[:-1], ends[1:]):
        for w, m, s in zip(weights, means, deviations):
            a, b = (left - m) / s, (right - m) / s
            mass = beyond(a) - beyond(b) if a > 0 else beyond(-b) - beyond(-a)
            (pa, ua), (pb, ub) = ((mpmath.npdf(z), z) if mpmath.isfinite(z) else (mpmath.mpf(0), 0) for z in (a, b))
            shift = m - level
            total += w * (shift**2 * mass + 2 * shift * s * (pa - pb) + s * s * (mass + ua * pa - ub * pb))
    return total


def mesh_cost(law, points):
    """E minᵢ |X − yᵢ|² for a mesh, to 50 digits: simplices are cut along all bisectors, into simplices."""
    with mpmath.workdps(50):
        exact = lambda x: [[mpmath.mpf(float(v)) for v in row] for row in x]  # noqa: E731
        y = exact(points)
        mass, cost = mpmath.mpf(0), mpmath.mpf(0)
        for corners, densities in zip(law.vertices[law.simplices], law.densities):
            if not densities.any():
                continue
            pieces = [(exact(corners), [mpmath.mpf(float(r)) for r in densities])]
            for i in range(len(y)):
                for j in range(i):
                    pieces = [part for piece in pieces for part in _cut(piece, y[i], y[j])]
            for x, r in pieces:
                volume = abs(_determinant([[a - b for a, b in zip(p, x[0])] for p in x[1:]]))
                middle = [sum(c) / len(x) for c in zip(*x)]
                nearest = min(y, key=lambda z: sum((a - b) ** 2 for a, b in zip(middle, z)))
                mass += volume * sum(r) / len(r)
                cost += volume * _cubic(x, r, nearest)
        return cost / mass


def _cut(piece, y, z, *on):
    """Parts of a simplex (corners, densities) on either side of the bisector of y and z; corners `on` lie on it."""
    x, r = piece
    side = [
        mpmath.mpf(0) if k in on else sum((a - b) ** 2 - (a - c) ** 2 for a, b, c in zip(p, y, z))
        for k, p in enumerate(x)
    ]
    for i in range(len(x)):
        for j in range(i):
            if side[i] * side[j] < 0:
                t = side[i] / (side[i] - side[j])
                p = [a + t * (b - a) for a, b in zip(x[i], x[j])]
                value = r[i] + t * (r[j] - r[i])
                return [
                    part
                    for k in (i, j)
                    for part in _cut(([*x[:k], p, *x[k + 1 :]], [*r[:k], value, *r[k + 1 :]]), y, z, *on, k)
                ]
    return [piece]


def _determinant(rows):
    if len(rows) == 1:
        return rows[0][0]
    return sum(
        (-1) ** i * row[0] * _determinant([other[1:] for j, other in enumerate(rows) if j != i])
        for i, row in enumerate(rows)
    )


def _cubic(x, r, y):
    """The mean of r |x − y|² over a simplex: of products of barycentric coordinates it is d!/(d + 3)! Π nₖ!."""
    n = len(x)
    off = [[a - b for a, b in zip(p, y)] for p in x]
    total = mpmath.mpf(0)
    for i, j, k in itertools.product(range(n), repeat=3):
        times = mpmath.mpf(1)
        for corner in range(n):
            times *= mpmath.factorial((i, j, k).count(corner))
        total += times * r[i] * sum(a * b for a, b in zip(off[j], off[k]))
    return total * mpmath.factorial(n - 1) / mpmath.factorial(n + 2)
