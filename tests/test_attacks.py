"""Attacks on every promise: random, wilfully awkward cases against computations that share no code with the package.

Each attack draws its case from a generator and fails if the promise is broken. Some fifty cases run with the other
tests; `make attack` runs thousands. To add a promise, write a function here that draws a case, compares it with
something in `independent.py` (never with the package itself), and carries `@attack`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
from independent import cell_moments, gelbrich, line_cost, line_w2, mesh_cost, moments, nearest_cost
from mpmath import mp, mpf
from scipy.spatial import Delaunay

from diracs import (
    Affine,
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    Independent,
    Mesh,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    Quantization,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    distance,
    expectation,
    probability,
    probability_bounds,
    propagate,
    quadratic_cost_bounds,
    quantile_bounds,
    quantize,
    recertify,
    reduce_mixture,
    verify,
)
from diracs.intervals import jacobian_of, value_of

CASES = int(os.environ.get("DIRACS_ATTACKS", "3"))
ATTACKS: list[Callable[[np.random.Generator], None]] = []


def attack(function):
    ATTACKS.append(function)
    return function


def line_law(rng, dtype=np.float64):
    """Means, variances and weights on the line: groups up to 10⁸ apart, widths and weights over many decades."""
    k = int(rng.integers(1, 5))
    gap = 10.0 ** rng.uniform(-1, 8)
    means = gap * rng.integers(0, 3, k) + rng.normal(size=k)
    variances = 10.0 ** rng.uniform(-8, 1, k)
    weights = 10.0 ** rng.uniform(-6, 0, k)
    return means.astype(dtype), variances.astype(dtype), weights.astype(dtype)


def as_law(means, variances, weights):
    return GaussianMixture(means[:, None], variances, weights)


def holds(bound, truth, slack=0.0):
    """The promise itself: a bound is not below the truth, not even by a rounding."""
    assert mpf(float(bound)) >= truth * (1 - mpf(slack)), (float(bound), mp.nstr(truth, 20))


def weights_of(law):
    """The weights that a mixture holds, which are those of the law that it stands for."""
    return np.asarray(law.weights, dtype=np.float64)


# For expressions: in NumPy, and in 50 digits with the derivative.
UNARY = [
    (np.sin, mp.sin, mp.cos),
    (np.cos, mp.cos, lambda u: -mp.sin(u)),
    (np.tanh, mp.tanh, lambda u: 1 / mp.cosh(u) ** 2),
    (np.arctan, mp.atan, lambda u: 1 / (1 + u * u)),
    (lambda u: np.exp(-u * u), lambda u: mp.exp(-u * u), lambda u: -2 * u * mp.exp(-u * u)),
    (lambda u: np.sqrt(1 + u**2), lambda u: mp.sqrt(1 + u * u), lambda u: u / mp.sqrt(1 + u * u)),
    (lambda u: np.logaddexp(u, 0), lambda u: mp.log1p(mp.exp(u)), lambda u: 1 / (1 + mp.exp(-u))),
    (lambda u: 0.1 * u - 3, lambda u: mpf(0.1) * u - 3, lambda u: mpf(0.1)),
    (lambda u: u**3, lambda u: u**3, lambda u: 3 * u * u),
]


@attack
def jacobians_of_expressions(rng):
    """Random expressions over boxes of any size, by dual numbers of 50 digits at their corners and inside."""
    steps = [(int(rng.integers(len(UNARY) + 3)), *(int(i) for i in rng.integers(0, 2 + n, 2))) for n in range(5)]

    def f(x):
        nodes = [x[:, 0], x[:, 1]]
        for kind, i, j in steps:
            a, b = nodes[i], nodes[j]
            nodes.append([a + b, a * b, a / (2 + b * b)][kind] if kind < 3 else UNARY[kind - 3][0](a))
        return np.stack(nodes[2:], axis=1)

    def exact(x):
        nodes = [(mpf(x[0]), (mpf(1), mpf(0))), (mpf(x[1]), (mpf(0), mpf(1)))]
        for kind, i, j in steps:
            (a, da), (b, db) = nodes[i], nodes[j]
            if kind >= 3:
                _, value, slope = UNARY[kind - 3]
                nodes.append((value(a), tuple(slope(a) * p for p in da)))
            else:
                value = [a + b, a * b, a / (2 + b * b)][kind]
                to_a, to_b = [(1, 1), (b, a), (1 / (2 + b * b), -2 * a * b / (2 + b * b) ** 2)][kind]
                nodes.append((value, tuple(to_a * p + to_b * q for p, q in zip(da, db))))
        return nodes[2:]

    center, radius = rng.normal(size=2) * 10.0 ** rng.uniform(-3, 1), 10.0 ** rng.uniform(-12, 1) * rng.random(2)
    box = np.stack([center - radius * rng.integers(0, 2, 2), center + radius])
    slopes, values = jacobian_of(f)(box[None]), value_of(f)(box[None])
    with mp.workdps(50):
        for t in [*np.ndindex(2, 2), *rng.random((3, 2))]:
            x = np.clip(box[0] + np.array(t) * (box[1] - box[0]), *box)
            for n, (value, slope) in enumerate(exact(x)):
                assert values[0][0, n] <= value <= values[1][0, n]
                assert all(slopes[0][0, n, k] <= slope[k] <= slopes[1][0, n, k] for k in range(2))


def axis_cost(levels, scale, end):
    """E minᵢ (x − yᵢ)² for an exponential law of that scale, or, where that ends, the uniform one."""
    middles = [(mpf(a) + mpf(b)) / 2 for a, b in pairwise(levels)]
    borders = [min(border, end) for border in (mpf(0), *middles, end)]

    def density(x):
        return mp.exp(-x / scale) / scale if end == mp.inf else 1 / mpf(scale)

    parts = zip(levels, pairwise(borders))
    return sum(mp.quad(lambda x, y=y: (x - y) ** 2 * density(x), [a, b]) for y, (a, b) in parts if b > a)


@attack
def independent_coordinates_cut_into_cells(rng):
    """Exponential times uniform coordinates, turned: to a grid of points along the axes errors add up."""
    scales = 10.0 ** rng.uniform(-3, 3, 2)
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    law = Independent([scipy.stats.expon(scale=scales[0]), scipy.stats.uniform(0, scales[1])], turn)
    levels = [np.sort(scale * rng.exponential(size=int(rng.integers(1, 4)))) for scale in scales]
    grid = np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).reshape(-1, 2)
    ends = mp.inf, mpf(scales[1])
    square = sum(axis_cost(y.tolist(), float(scale), end) for y, scale, end in zip(levels, scales, ends))
    # The turned points are rounded, and so is the matrix.
    holds(discretize(law, PointScheme(grid @ turn.T)).w2, mp.sqrt(square), 1e-12)
    q = quantize(law, int(rng.integers(1, 30)))
    assert q.w2_lower <= q.w2


@attack
def quantize_on_the_line(rng):
    given = line_law(rng, rng.choice([np.float64, np.float32]))
    law = as_law(*given)
    q = quantize(law, int(rng.integers(1, 9)), scheme=str(rng.choice(["auto", "grid", "optimal"])))
    holds(q.w2, line_w2(given[0], given[1], weights_of(law), q.positions, q.weights))


@attack
def discretize_by_levels(rng):
    given = line_law(rng)
    law = as_law(*given)
    levels = np.concatenate([rng.choice(given[0], 2) + rng.normal(size=2), 10.0 ** rng.uniform(0, 9, 2)])
    q = discretize(law, ProductScheme([ScalarCodebook(levels)]))
    holds(q.w2, line_w2(given[0], given[1], weights_of(law), q.positions, q.weights))


@attack
def recertify_on_the_line(rng):
    given = line_law(rng, rng.choice([np.float64, np.float32]))
    law = as_law(*given)
    n = int(rng.integers(1, 6))
    points = rng.choice(given[0], n) + rng.normal(size=n).astype(given[0].dtype)
    diracs = SumOfDiracs(points[:, None], rng.dirichlet(np.ones(n)).astype(given[0].dtype))
    found = recertify(law, diracs)
    w = weights_of(law)
    holds(found.w2, line_w2(given[0], given[1], w, points, found.masses))
    holds(found.w2_given, line_w2(given[0], given[1], w, points, np.asarray(diracs.weights)))


@attack
def groups_far_apart_in_space(rng):
    """The projection to an axis is no further from its projection than the whole."""
    means, variances, weights = line_law(rng)
    d = int(rng.integers(2, 4))
    places = np.concatenate([means[:, None], rng.normal(size=(len(means), d - 1))], axis=1)
    covs = np.concatenate([variances[:, None], rng.uniform(1e-9, 1e-3, (len(means), d - 1))], axis=1)
    law = GaussianMixture(places, covs, weights)
    q = quantize(law, int(rng.integers(1, 10)), scheme=str(rng.choice(["auto", "grid", "cross", "product"])))
    holds(q.w2, line_w2(means, variances, weights_of(law), q.positions[:, 0], q.weights))


@attack
def points_far_away_and_huge_radii(rng):
    law = Gaussian([0.0, 0.0], [1.0, float(10.0 ** rng.uniform(-3, 3))])
    far = float(10.0 ** rng.uniform(100, 160))
    kind = int(rng.integers(3))
    if kind == 0:
        points = np.array([[-far, 0.0], [0.0, 0.0], [far, 1.0]])
        q = discretize(law, PointScheme(points))
        least = np.sqrt(1.0 + float(law.cov[1]))
        holds(q.w2, mpf(least), 1e-12)
        return
    books = [ScalarCodebook([0.0, far]), ScalarCodebook([0.0])] if kind == 1 else [CrossCodebook([1.0, far], 2)]
    q = discretize(law, ProductScheme(books))
    first = q.positions[:, 0]
    near = np.abs(first) < 1e90
    assert float(q.weights[near].sum()) == pytest.approx(1.0)
    holds(q.w2, line_w2([0.0], [1.0], [1.0], first[near], np.asarray(q.weights)[near]), 1e-12)


@attack
def planar_points(rng):
    """E min |x − y|² by a sample, less five standard errors."""
    k = int(rng.integers(1, 4))
    roots = rng.normal(size=(k, 2, 2)) * 10.0 ** rng.uniform(-2, 0, (k, 1, 1))
    means, covs, weights = 3 * rng.normal(size=(k, 2)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(k))
    points = means[rng.integers(0, k, 5)] + rng.normal(size=(5, 2)) * 10.0 ** rng.uniform(-2, 1)
    law = GaussianMixture(means, covs, weights)
    q = discretize(law, PointScheme(points)) if rng.random() < 0.7 else quantize(law, 5)
    estimate, _, _ = nearest_cost(
        means, covs, weights, np.asarray(q.positions), 20_000, seed=int(rng.integers(1 << 31))
    )
    assert float(q.w2) ** 2 >= estimate.value - 5 * estimate.error
    if q.exact:
        assert float(q.w2) ** 2 <= estimate.value + 5 * estimate.error + 1e-12


@attack
def images_on_the_line(rng):
    """Pixels are cut at the quantiles of the masses, in exact fractions."""
    from fractions import Fraction

    values = 10.0 ** rng.uniform(-12, 0, int(rng.integers(1, 9))) * (rng.random() < 0.9)
    values = np.where(rng.random(len(values)) < 0.3, 0.0, values)
    values[rng.integers(len(values))] = 1.0
    low = float(rng.normal())
    high = low + float(10.0 ** rng.uniform(-3, 3))
    q = quantize(PolynomialGrid(values, [[low], [high]]), int(rng.integers(1, 6)))
    order = np.argsort(q.positions[:, 0])
    y, w = ([Fraction(float(v)) for v in x] for x in (q.positions[order, 0], q.weights[order]))
    pixels, side = [Fraction(float(v)) for v in values], (Fraction(high) - Fraction(low)) / len(values)
    mass, whole = sum(pixels), sum(w)
    square, i, left = Fraction(0), 0, w[0] / whole
    for p, value in enumerate(pixels):
        begin, held = Fraction(low) + p * side, value / mass
        while held > 0:
            taken = held if i == len(w) - 1 else min(held, left)
            end = begin + side * taken / (value / mass)
            # ∫ (x − y)² over [begin, end] with density taken / (end − begin).
            a, b = begin - y[i], end - y[i]
            square += taken * (a * a + a * b + b * b) / 3
            begin, held, left = end, held - taken, left - taken
            if left == 0 and i < len(w) - 1:
                i += 1
                left = w[i] / whole
    holds(q.w2, mp.sqrt(mpf(square.numerator) / mpf(square.denominator)))


@attack
def points_on_meshes(rng):
    """Meshes of a few points, stretched and moved, in parts far apart, densities over decades: cells to 50 digits."""
    d, parts = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    vertices, simplices = [], []
    for part in range(parts):
        x = rng.random((int(rng.integers(d + 2, d + 5)), d))
        simplices.append(Delaunay(x).simplices + len(vertices))
        vertices.extend(x * 10.0 ** rng.uniform(-4, 0, d) + part * 10.0 ** rng.uniform(1, 6) * np.eye(d)[0])
    where = np.array(vertices) * 10.0 ** rng.uniform(-6, 6) + 10.0 ** rng.uniform(-3, 3)
    numbers = np.concatenate(simplices)
    per = "vertex" if rng.random() < 0.5 else "simplex"
    count = len(where) if per == "vertex" else len(numbers)
    values = 10.0 ** rng.uniform(-9, 0, count) * (rng.random(count) < 0.8)
    values[0 if per == "simplex" else numbers[0, 0]] = 1.0
    try:
        law = Mesh(where, numbers, values, per=per)
    except ValueError as error:
        # Far away they may be flat, or turned over, by rounding.
        assert "overlap" in str(error) or "flat" in str(error)
        return
    q = quantize(law, int(rng.integers(1, 4)))
    truth = mp.sqrt(mesh_cost(law, q.positions))
    holds(q.w2, truth)
    assert float(q.w2_lower) <= truth * (1 + mpf(1e-12))
    holds(recertify(law, q).w2_given, truth)


@attack
def lower_bounds_on_the_line(rng):
    """No n points, these ones not either, are nearer than `w2_lower`."""
    given = line_law(rng)
    law = as_law(*given)
    n = int(rng.integers(1, 7))
    q = quantize(law, n)
    lower = mpf(float(q.w2_lower))
    points = np.concatenate([np.sort(q.positions[:, 0]), rng.choice(given[0], 1)])[:n]
    for places in (q.positions[:, 0], points + 0.1 * np.sqrt(given[1].min()) * rng.normal(size=len(points))):
        assert lower**2 <= line_cost(given[0], given[1], weights_of(law), places) * (1 + mpf(10) ** -20)


@attack
def transport_on_the_line(rng):
    given = line_law(rng)
    law = as_law(*given)
    n = int(rng.integers(1, 5))
    points = rng.choice(given[0], n) + rng.normal(size=n)
    weights = rng.dirichlet(np.ones(n))
    found = float(distance(SumOfDiracs(points[:, None], weights), law))
    truth = line_w2(given[0], given[1], weights_of(law), points, weights) ** 2
    # Masses of doubles may be off by a rounding, which has to travel the whole way.
    loose = 1e-15 * float(np.ptp(np.concatenate([given[0], points])) + np.sqrt(given[1].max())) ** 2
    assert abs(mpf(found) - truth) <= truth * mpf(1e-10) + mpf(loose)


@attack
def affine_chains(rng):
    """Gelbrich's bound between the true moments and those of the state."""
    d = int(rng.integers(1, 4))

    def law(k, size):
        roots = size * rng.normal(size=(k, d, d))
        return size * rng.normal(size=(k, d)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(k))

    start, noise = law(int(rng.integers(1, 4)), 1.0), law(int(rng.integers(1, 3)), rng.choice([0.01, 0.3]))
    A, b = rng.normal(size=(d, d)), rng.normal(size=d)
    quantized = bool(rng.integers(2))
    found = propagate(
        GaussianMixture(*start),
        Affine(A, b),
        GaussianMixture(*noise),
        3,
        n=int(rng.integers(1, 12)),
        quantized=quantized,
    )
    (m, s), (v, t) = moments(*start), moments(*noise)
    for state, bound in zip(found.states, found.w2_bound, strict=True):
        m, s = A @ m + b + v, A @ s @ A.T + t
        truth = max(gelbrich((m, s), moments(state.means, state.covs, state.weights)), 0.0)
        # Roots of traces in doubles: right to 3e-7 of the size.
        assert np.sqrt(truth) <= float(bound) + 3e-7 * np.sqrt(np.trace(s) + m @ m)


@attack
def lipschitz_chains(rng):
    """One step of a bent map on the line against transport between samples of equal ranks."""
    slope = float(rng.uniform(0.3, 2.0))
    start = line_law(rng)
    start = (start[0] % 7.0, np.clip(start[1], 1e-3, 1.0), start[2])
    law = as_law(*start)
    found = propagate(
        law, lambda x: slope * np.sin(x), Gaussian([0.0], [0.01]), 1, n=int(rng.integers(1, 9)), lipschitz=slope
    )
    count = 4000
    w = weights_of(law) / weights_of(law).sum()
    k = rng.choice(len(w), count, p=w)
    x = slope * np.sin(start[0][k] + np.sqrt(start[1][k]) * rng.normal(size=count)) + 0.1 * rng.normal(size=count)
    state = found.states[0]
    j = rng.choice(len(state.weights), count, p=np.asarray(state.weights) / np.asarray(state.weights).sum())
    z = state.means[j, 0] + 0.1 * rng.normal(size=count)
    near = np.sqrt(np.mean((np.sort(x) - np.sort(z)) ** 2))
    assert near <= float(found.w2_bound[0]) + 6.0 * (x.std() + z.std()) / np.sqrt(count)


@attack
def reductions(rng):
    k, d = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    rank = int(rng.integers(1, d + 1))
    size = 10.0 ** rng.uniform(-6, 6)
    roots = size * rng.normal(size=(k, d, rank))
    law = size * rng.normal(size=(k, d)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(k))
    fewer, bound = reduce_mixture(GaussianMixture(*law), int(rng.integers(1, k)))
    truth = gelbrich(moments(*law), moments(fewer.means, fewer.covs, fewer.weights))
    assert np.sqrt(max(truth, 0.0)) <= float(bound) + 1e-7 * size


@attack
def probabilities(rng):
    """P(x ≤ a) and E x on the line lie between the ends."""
    given = line_law(rng)
    given = (given[0] % 11.0, given[1], given[2])
    law = as_law(*given)
    q = quantize(law, int(rng.integers(1, 12)))
    a = float(rng.choice(given[0]) + rng.normal())
    w = [mpf(float(x)) for x in weights_of(law)]
    total = mp.fsum(w)
    parts = list(zip(given[0], np.sqrt(given[1]), w, strict=True))
    below = mp.fsum(x * cell_moments(-mp.inf, a, m, s, 0.0)[0] for m, s, x in parts) / total
    found = probability(q, HalfSpace([1.0], a))
    assert float(found.low) <= below * (1 + mpf(1e-12)) and float(found.high) >= below * (1 - mpf(1e-12))
    mean = mp.fsum(x * mpf(float(m)) for m, _, x in parts) / total
    known = expectation(q, lambda x: x[:, 0], lipschitz=1.0)
    assert float(known.low) <= mean + mpf(1e-12) and float(known.high) >= mean - mpf(1e-12)


@attack
def probabilities_after_the_worst_transport(rng):
    """What is within d of a border goes there: a law whose radius is known to 50 digits, and whose P the bound must
    hold."""
    given = line_law(rng)
    given = (given[0] % float(rng.choice([11.0, 1e4])), given[1], given[2])
    a, d = float(rng.choice(given[0]) + rng.normal()), float(10.0 ** rng.uniform(-4, 1))
    w = [mpf(float(x)) for x in weights_of(as_law(*given))]
    held = {"cost": mpf(0), "mass": mpf(0)}
    for m, s, x in zip(given[0], np.sqrt(given[1]), w, strict=True):
        held["cost"] += x / mp.fsum(w) * cell_moments(a - d, a, m, s, a)[2]
        held["mass"] += x / mp.fsum(w) * cell_moments(a - d, mp.inf, m, s, 0.0)[0]
    radius = float(mp.sqrt(held["cost"])) * (1 + 1e-15)
    scale = float(10.0 ** rng.choice([0.0, 100.0, -100.0]))
    law = as_law(given[0] * scale, given[1] * scale * scale, given[2])
    region = HalfSpace([-1.0], -a * scale)
    found = probability_bounds(law, radius * scale, region)
    holds(found.high, held["mass"] - mpf(1e-14))
    if 1e-9 < held["mass"] < 1 - 1e-6:
        # So much lies at the border or beyond it that the quantile is there.
        high = quantile_bounds(law, radius * scale, [1.0], 1.0 - float(held["mass"]) * (1 - 1e-9)).high
        holds(high + 1e-9 * scale * (1.0 + abs(a)), mpf(a) * scale)


@attack
def costs_after_the_worst_transport(rng):
    """The image under x + ½(λ − Q)⁻¹(2Qx + q), whose cost and distance follow from moments."""
    d, k = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    means, roots = rng.normal(size=(k, d)) * 10.0 ** rng.uniform(-3, 3), rng.normal(size=(k, d, d))
    law = GaussianMixture(means, roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(k)))
    Q, q = rng.normal(size=(d, d)) * 10.0 ** rng.uniform(-3, 3), rng.normal(size=d)
    Q = 0.5 * (Q + Q.T)
    mean, cov = moments(law.means, law.covs, law.weights)
    second = cov + np.outer(mean, mean)
    lam = max(np.linalg.eigvalsh(Q)[-1], 0.0) + 10.0 ** rng.uniform(-2, 2)
    M = np.linalg.inv(lam * np.eye(d) - Q)
    B, c = M @ Q, 0.5 * M @ q
    radius = np.sqrt(np.trace(B @ second @ B.T) + 2 * c @ B @ mean + c @ c)
    A = np.eye(d) + B
    image = A @ second @ A.T + np.outer(A @ mean, c) + np.outer(c, A @ mean) + np.outer(c, c)
    cost, size = np.trace(Q @ image) + q @ (A @ mean + c), np.abs(Q).sum() * np.abs(image).max() + np.abs(q).sum()
    assert quadratic_cost_bounds(law, radius * (1 + 1e-12), Q, q).high >= cost - 1e-11 * size


@attack
def matched_moments(rng):
    given = line_law(rng)
    given = (given[0] % 5.0, given[1], given[2])
    law = as_law(*given)
    q = quantize(law, int(rng.integers(3, 12)), match_moments=True)
    holds(q.w2, line_w2(given[0], given[1], weights_of(law), q.positions, q.weights))
    mean, cov = moments(given[0][:, None], given[1], weights_of(law) / weights_of(law).sum())
    got = q.weights @ q.positions[:, 0]
    assert got == pytest.approx(mean[0], abs=1e-12 * (1 + abs(mean[0])))
    assert q.weights @ (q.positions[:, 0] - got) ** 2 == pytest.approx(cov[0, 0], rel=1e-9)


@attack
def single_precision_in_the_plane(rng):
    """A float32 certificate is not below the one of the same numbers in double precision."""
    torch = pytest.importorskip("torch")

    k = int(rng.integers(1, 4))
    means, variances = (3 * rng.normal(size=(k, 2))).astype(np.float32), rng.uniform(0.1, 2, k).astype(np.float32)
    points = (3 * rng.normal(size=(4, 2))).astype(np.float32)
    law = GaussianMixture(torch.tensor(means, requires_grad=bool(rng.integers(2))), torch.tensor(variances))
    q = discretize(law, PointScheme(torch.tensor(points)))
    wide = GaussianMixture(means.astype(float), variances.astype(float), law.weights.detach().numpy().astype(float))
    true = discretize(wide, PointScheme(points.astype(float)))
    assert float(q.w2.detach()) >= float(true.w2) * (1 - 1e-11)


def space_law(rng, d):
    """Components that do not commute, singular ones, point masses, duplicates, tiny weights, any scale."""
    k = int(rng.integers(1, 4))
    means = float(10.0 ** rng.uniform(-2, 2)) * rng.normal(size=(k, d))
    a = rng.normal(size=(k, d, d)) * 10.0 ** rng.uniform(-3, 1, (k, 1, d))
    a[..., int(rng.integers(1, d + 1)) :] = 0.0
    covs = a @ np.swapaxes(a, 1, 2)
    if rng.random() < 0.3:
        covs[0] = 0.0
    if k > 1 and rng.random() < 0.3:
        means[1], covs[1] = means[0], covs[0]
    return means, covs, 10.0 ** rng.uniform(-6, 0, k)


@attack
def merged_points_in_space(rng):
    """No masses on the points reach less than nearest points do, nor than Gelbrich's bound says of the moments."""
    d, scale = int(rng.integers(3, 6)), 2.0 ** float(rng.integers(-460, 460))
    means, covs, weights = space_law(rng, d)
    law = GaussianMixture(means * scale, covs * scale * scale, weights)
    means, covs = law.means / scale, law.covs / scale / scale
    if rng.random() < 0.5:
        q = quantize(law, int(rng.integers(1, 12)), scheme="optimal")
    else:
        chosen = rng.choice(len(means), int(rng.integers(1, 9)))
        q = discretize(law, PointScheme((means[chosen] + rng.normal(size=(len(chosen), d))) * scale))
    points, w2, w = q.positions / scale, float(q.w2) / scale, weights_of(law)
    cost, _, _ = nearest_cost(means, covs, w, points, 4000, seed=int(rng.integers(1 << 30)))
    assert w2**2 >= cost.value - 6 * cost.error - 1e-12 * cost.value, (w2**2, cost)
    mass = q.weights / q.weights.sum()
    mean = mass @ points
    diracs = mean, (mass[:, None] * (points - mean)).T @ (points - mean)
    least = gelbrich(moments(means, covs, w), diracs)
    size = float(np.abs(means).max() ** 2 + np.abs(covs).max() + np.abs(points).max() ** 2)
    assert w2**2 >= least - 1e-12 * size, (w2**2, least)


@attack
def points_of_clouds(rng):
    """The cost of the best masses, each point at its nearest, in exact fractions of the numbers themselves."""
    d, count = int(rng.integers(1, 6)), int(rng.integers(1, 30))
    x = float(10.0 ** rng.uniform(-140, 140)) * (rng.normal(size=(count, d)) + float(10.0 ** rng.uniform(-3, 6)))
    x = x[rng.integers(0, count, count)] if rng.random() < 0.3 else x
    law = SumOfDiracs(x, 10.0 ** rng.uniform(-9, 0, count))
    q = quantize(law, int(rng.integers(1, count + 3)))
    with mp.workdps(60):
        square, total = mpf(0), mpf(0)
        y = [[mpf(float(t)) for t in row] for row in q.positions]
        for row, weight in zip(x, law.weights):
            at = [mpf(float(t)) for t in row]
            square += mpf(float(weight)) * min(sum((a - b) ** 2 for a, b in zip(at, point)) for point in y)
            total += mpf(float(weight))
        holds(q.w2, mp.sqrt(square / total))
    assert q.w2_lower <= q.w2


@attack
def points_of_univariate_laws(rng):
    """Gamma and log-normal laws, of any place and scale: every point of the line at its nearest, in 80 digits."""
    scale = float(10.0 ** rng.uniform(-140, 140))
    loc = scale * float(rng.normal() * 10.0 ** rng.uniform(-3, 5))
    gamma = rng.random() < 0.6
    shape = float(10.0 ** (rng.uniform(-2, 3) if gamma else rng.uniform(-4, 0.6)))
    law = (scipy.stats.gamma if gamma else scipy.stats.lognorm)(shape, loc=loc, scale=scale)
    n = int(rng.integers(1, 12))
    if rng.random() < 0.5:
        q = quantize(law, n)
    else:
        y = law.ppf(rng.random(n)) + scale * 10.0 ** rng.uniform(-6, 2) * rng.normal(size=n)
        q = discretize(law, PointScheme(y[:, None]))
    with mp.workdps(80):
        a = mpf(shape)

        def below(b):
            """∫ z^j f over (0, b)."""
            if b <= 0:
                return [mpf(0)] * 3
            if gamma:
                return [mp.gammainc(a + j, 0, b) / mp.gamma(a) for j in range(3)]
            return [
                mp.exp((j * a) ** 2 / 2) * mp.ncdf(mp.log(b) / a - j * a if b < mp.inf else mp.inf) for j in range(3)
            ]

        levels = sorted((mpf(float(y)) - mpf(loc)) / mpf(scale) for y in q.positions[:, 0])
        ends = [mpf(0), *[(u + v) / 2 for u, v in pairwise(levels)], mp.inf]
        square = mpf(0)
        for y, (left, right) in zip(levels, pairwise([below(b) for b in ends])):
            mass, first, second = (v - u for u, v in zip(left, right))
            square += second - 2 * y * first + y * y * mass
        holds(q.w2, mpf(scale) * mp.sqrt(square))
    assert q.w2_lower <= q.w2


@attack
def verify_on_the_line(rng):
    pytest.importorskip("flint")
    given = line_law(rng, rng.choice([np.float64, np.float32]))
    law = as_law(*given)
    n = int(rng.integers(1, 6))
    y, m = rng.choice(given[0], n) + rng.normal(size=n), rng.dirichlet(np.ones(n))
    found = verify(Quantization(law, PointScheme(y[:, None]), y[:, None], m, np.array(1.0), False))
    truth = line_w2(given[0], given[1], weights_of(law), y, m)
    holds(found.high, truth)
    assert mpf(found.low) <= truth


@pytest.mark.parametrize("seed", range(CASES))
@pytest.mark.parametrize("promise", ATTACKS, ids=lambda function: function.__name__)
def test_promise(promise, seed):
    promise(np.random.default_rng([ATTACKS.index(promise), seed]))
