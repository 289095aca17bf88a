"""Certificates as covariances approach singularity, against 50-digit arithmetic.

Each certificate claims the cost of one coupling: x goes to the Dirac of its cell. Here that cost is computed anew from
the arrays that went in (law, levels, radii, frame) and the positions that came out, by other formulas and in 50 digits,
and the table shows certificate/cost − 1, which must not be negative. Condition numbers go from 1 to 1e300, sizes of the
whole law from 1e-150 to 1e150.

    python benchmarks/study_stability.py [--quick] [--plot stability.png]
"""

import argparse
import itertools
from functools import cache

import mpmath
import numpy as np
from mpmath import mpf

from diracs import (
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    ProductScheme,
    ScalarCodebook,
    discretize,
    generate_scheme,
)
from diracs.codebooks.cross import optimal_crosses
from diracs.codebooks.normal import normal_levels

DIGITS = 50
SIZES = (1e-150, 1e-75, 1.0, 1e75, 1e150)
CONDITIONS = (0, 2, 4, 6, 8, 10, 12, 14, 15, 16, 17, 18, 20, 24, 30, 50, 100, 200, 300)


# --- the truth, in 50 digits ------------------------------------------------------------------------------------------


def matrix(array):
    return mpmath.matrix(np.asarray(array, dtype=float).tolist())


def polar(frame):
    """The nearest matrix with orthonormal columns: Newton–Schulz doubles the 16 digits that are there."""
    f = matrix(frame)
    for _ in range(4):
        f = f * (3 * mpmath.eye(f.cols) - f.T * f) / 2
    return f


def root(s):
    """The symmetric root of a symmetric matrix, its negative eigenvalues (rounding of the input) taken for zero."""
    if all(s[i, j] == 0 for i in range(s.rows) for j in range(s.rows) if i != j):
        return mpmath.diag([mpmath.sqrt(max(s[i, i], 0)) for i in range(s.rows)])
    values, vectors = mpmath.eigsy(s)
    return vectors * mpmath.diag([mpmath.sqrt(max(v, 0)) for v in values]) * vectors.T


def density(x):
    return mpmath.npdf(x) if mpmath.isfinite(x) else mpf(0)


def probability(a, b):
    if a + b > 0:
        a, b = -b, -a
    return (mpmath.erfc(-b / mpmath.sqrt(2)) - mpmath.erfc(-a / mpmath.sqrt(2))) / 2


def scalar_cells(levels, mean, deviation):
    """Mass and E[ξ] of each cell of sorted levels, for N(mean, deviation²), ξ the standardized coordinate."""
    ends = [-mpmath.inf, *((a + b) / 2 for a, b in itertools.pairwise(levels)), mpmath.inf]
    if deviation == 0:
        # A point mass on a border is halved, which costs the same as any other choice.
        share = [(1 + mpmath.sign(mean - e)) / 2 for e in ends]
        return [a - b for a, b in itertools.pairwise(share)], [mpf(0)] * len(levels)
    t = [(e - mean) / deviation for e in ends]
    pairs = list(itertools.pairwise(t))
    return [probability(a, b) for a, b in pairs], [density(a) - density(b) for a, b in pairs]


@cache
def shell_cells(radii, ndim):
    """P(shell) and E[M; shell] for M = max |x_l|, by tanh–sinh quadrature of M's density."""
    with mpmath.workdps(DIGITS):
        p = [mpf(r) for r in radii]
        ends = [mpf(0), *((a + b) / 2 for a, b in itertools.pairwise(p)), mpf(12), mpf(24)]

        def law(m):
            return 2 * ndim * mpmath.npdf(m) * mpmath.erf(m / mpmath.sqrt(2)) ** (ndim - 1)

        pieces = [[mpmath.quad(g, [a, b]) for g in (law, lambda m: m * law(m))] for a, b in itertools.pairwise(ends)]
        return [*pieces[:-2], [u + v for u, v in zip(*pieces[-2:])]]


def block(book, mean, deviation, scale):
    """For each point of a codebook its mass and E[ξ] (a list over the axes); and the deviations of Z on these axes."""
    if isinstance(book, ScalarCodebook):
        levels = [mpf(float(y)) * scale[0] for y in np.sort(book.levels)]
        mass, slope = scalar_cells(levels, mean[0], deviation[0])
        return [(m, [s]) for m, s in zip(mass, slope)]
    points = []
    for mass, moment in shell_cells(tuple(np.sort(book.radii).tolist()), book.ndim):
        for axis, sign in itertools.product(range(book.ndim), (1, -1)):
            at = [mpf(0)] * book.ndim
            at[axis] = sign * moment / (2 * book.ndim)
            points.append((mass / (2 * book.ndim), at))
    return points


def coupling_cost(mean, cov, scheme, positions):
    """E|X − p|² for one Gaussian and the returned positions (n, d), and the masses: the coupling of the certificates.

    X = μ + F A ξ, where ξ is standard normal and goes to a point by the blocks of the scheme; A = S^{1/2} O with
    S = FᵀΣF and the orthogonal O that costs least, or the diagonal of S^{1/2} if S is diagonal.
    """
    d = len(mean)
    frame = mpmath.eye(d) if scheme.frame is None else polar(scheme.frame)
    scales = [mpf(float(s)) for s in (np.ones(d) if scheme.scales is None else scheme.scales)]
    centre = matrix(np.zeros(d) if scheme.offset is None else scheme.offset)
    full = matrix(cov)
    positive = root(full)
    sigma = frame.T * (positive * positive) * frame
    mu = frame.T * (matrix(mean) - centre)
    r = scheme.ndim_support
    inner = sigma[:r, :r]
    deviation = [mpmath.sqrt(inner[k, k]) for k in range(r)]

    # Joint masses and E[ξ; cell], the blocks being independent.
    joint, levels, axis, radial = [(mpf(1), [])], [], 0, False
    for book in scheme.codebooks:
        axes = slice(axis, axis + book.ndim)
        found = block(book, mu[axes], deviation[axes], scales[axes])
        joint = [(m * w, [x * w for x in xi] + [m * y for y in eta]) for m, xi in joint for w, eta in found]
        levels.append(matrix(book.points()) * mpmath.diag(scales[axes]))
        radial = radial or isinstance(book, CrossCodebook)
        axis += book.ndim
    correlated = any(
        abs(inner[i, j]) > 1e-10 * deviation[i] * deviation[j] for i in range(r) for j in range(r) if i != j
    )
    if correlated:
        sizes = [range(y.rows) for y in levels]
        points = [[y[i, k] for y, i in zip(levels, at) for k in range(y.cols)] for at in itertools.product(*sizes)]
        gain = [mpmath.fsum(xi[k] * p[k] for (_, xi), p in zip(joint, points)) for k in range(r)]
        half = root(inner)
        u, _, vt = mpmath.svd_r(mpmath.diag(gain) * half)
        map_ = half * (u * vt).T
    else:
        map_ = mpmath.diag(deviation)

    cost = mpmath.fsum(x * x for x in positive)
    spread = frame[:, :r] * map_
    for (m, xi), p in zip(joint, np.asarray(positions)):
        gap = matrix(mean) - matrix(p)
        moved = spread * mpmath.matrix(xi)
        cost += m * mpmath.fsum(g * g for g in gap) + 2 * mpmath.fsum(g * v for g, v in zip(gap, moved))
    return cost, [m for m, _ in joint]


def axis_costs(mean, cov, scheme, positions):
    """E|X − p|² where cells are the true ones of a grid on the coordinate axes: marginals decide, Σ is arbitrary."""
    cost = mpf(0)
    for k, book in enumerate(scheme.codebooks):
        scale, offset = mpf(float(scheme.scales[k])), mpf(float(scheme.offset[k]))
        levels = [offset + mpf(float(y)) * scale for y in np.sort(book.levels)]
        rounded = [mpf(float(p)) for p in np.unique(np.asarray(positions)[:, k])]
        mu, deviation = mpf(float(mean[k])), mpmath.sqrt(mpf(float(cov[k, k])))
        cost += deviation**2
        for m, s, p in zip(*scalar_cells(levels, mu, deviation), rounded):
            cost += m * (mu - p) ** 2 + 2 * (mu - p) * deviation * s
    return cost


def true_w2(law, scheme, q, planar):
    """The root of the weighted costs, and the masses that arrive (not for correlated Gaussians in the plane)."""
    parts = scheme.schemes if isinstance(scheme, LayeredScheme) else (scheme,)
    groups = np.zeros(len(law.means), dtype=int) if len(parts) == 1 else np.array(scheme.groups)
    first = np.cumsum([0, *(part.size for part in parts)])
    weights = [mpf(float(w)) for w in law.weights]
    masses, cost = [mpf(0)] * len(q), mpf(0)
    for mean, cov, weight, g in zip(law.means, law.covs, weights, groups):
        places = range(first[g], first[g + 1])
        positions = q.positions[places.start : places.stop]
        if planar:
            cost += weight * axis_costs(mean, cov, parts[g], positions)
            continue
        one, arriving = coupling_cost(mean, cov, parts[g], positions)
        cost += weight * one
        for i, m in zip(places, arriving):
            masses[i] += weight * m
    total = mpmath.fsum(weights)
    return mpmath.sqrt(cost / total), None if planar else [m / total for m in masses]


# --- laws and schemes -------------------------------------------------------------------------------------------------


def rotation(rng, d):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def spectrum(d, exponent):
    """Variances from 1 to 10^−exponent, in a geometric progression."""
    return 10.0 ** -np.linspace(0.0, exponent, d)


def turned(frame, variances):
    cov = frame * variances @ frame.T
    return 0.5 * (cov + cov.T)


LEVELS = {2: (6, 4), 3: (4, 3, 2)}


def grid(d, frame, offset, scales):
    return ProductScheme([ScalarCodebook(normal_levels(m)[0]) for m in LEVELS[d]], frame, offset, scales)


def cross(d, frame, offset, scales):
    return ProductScheme([CrossCodebook(optimal_crosses((d,), 2)[0][0], d)], frame, offset, scales)


def aligned_grid(d, exponent, size):
    """One Gaussian, coordinate axes."""
    variances = spectrum(d, exponent)
    mean = np.linspace(0.3, 0.7, d)
    law = GaussianMixture([mean * size], [np.diag(variances) * size * size])
    return law, grid(d, None, law.means[0], np.sqrt(variances) * size)


def aligned_cross(d, exponent, size):
    law, scheme = aligned_grid(d, exponent, size)
    return law, cross(d, None, scheme.offset, scheme.scales)


def turned_grid(d, exponent, size):
    """One Gaussian in a random position, the scheme that the package makes for it."""
    frame = rotation(np.random.default_rng(d), d)
    gaussian = Gaussian(np.linspace(0.3, 0.7, d) * size, turned(frame, spectrum(d, exponent)) * size * size)
    law = GaussianMixture(gaussian.mean[None], gaussian.cov[None])
    return law, generate_scheme(gaussian, int(np.prod(LEVELS[d])), configuration="grid")


def turned_cross(d, exponent, size):
    frame = rotation(np.random.default_rng(d), d)
    law = GaussianMixture([np.linspace(0.3, 0.7, d) * size], [turned(frame, spectrum(d, exponent)) * size * size])
    return law, cross(d, frame, law.means[0], np.sqrt(spectrum(d, exponent)) * size)


def three(d, exponent, size):
    """Three components turned differently, and the deviations of their marginals."""
    rng = np.random.default_rng(10 + d)
    means = 0.5 * rng.standard_normal((3, d)) * size
    covs = np.stack([turned(rotation(rng, d), spectrum(d, exponent)) for _ in range(3)]) * size * size
    law = GaussianMixture(means, covs, [0.5, 0.3, 0.2])
    return law, np.sqrt(np.einsum("k,kii->i", law.weights, covs) + law.weights @ means**2)


def shared_grid(d, exponent, size):
    """One grid on the coordinate axes for three components turned differently."""
    law, deviations = three(d, exponent, size)
    return law, grid(d, None, law.weights @ law.means, deviations)


def shared_cross(d, exponent, size):
    law, deviations = three(d, exponent, size)
    return law, cross(d, None, law.weights @ law.means, deviations)


def shrinking(d, exponent, size):
    """One round Gaussian that shrinks about a point: in the end all its points round to one."""
    law = GaussianMixture([np.linspace(0.3, 0.7, d) * size], [np.eye(d) * 10.0**-exponent * size * size])
    return law, grid(d, None, law.means[0], np.sqrt(np.diagonal(law.covs[0])))


def three_shrinking(d, exponent, size):
    """Three round components that shrink, a grid for each."""
    means = np.random.default_rng(20 + d).standard_normal((3, d)) * size
    variances = 10.0**-exponent * size * size * np.array([1.0, 0.5, 0.1])
    law = GaussianMixture(means, variances[:, None, None] * np.eye(d), [0.5, 0.3, 0.2])
    schemes = [grid(d, None, mean, np.sqrt(np.diag(cov))) for mean, cov in zip(law.means, law.covs)]
    return law, LayeredScheme(schemes, [0, 1, 2])


FLATTENING = {
    "grid, coordinate axes": aligned_grid,
    "grid, random axes": turned_grid,
    "cross, coordinate axes": aligned_cross,
    "cross, random axes": turned_cross,
    "three turned, one grid": shared_grid,
    "three turned, one cross": shared_cross,
}
SHRINKING = {"one Gaussian": shrinking, "three, own grids": three_shrinking}


def verify(make, d, exponent, size):
    """w2/true − 1, the true W₂ over the size of the law, and the largest error of a mass."""
    law, scheme = make(d, exponent, size)
    q = discretize(law, scheme)
    with mpmath.workdps(DIGITS):
        true, masses = true_w2(law, scheme, q, planar=make is shared_grid and d == 2)
        wrong = max(abs(mpf(float(w)) - m) for w, m in zip(q.weights, masses)) if masses else mpf(0)
        excess = mpf(float(q.w2)) / true - 1 if true else mpf(0 if q.w2 == 0 else "inf")
        return float(excess), float(true / size), float(wrong)


# --- masses of cells under correlation --------------------------------------------------------------------------------


def strip_masses(a, b, border, rho):
    """P(a < X ≤ b, Y ≤ border) of a standard bivariate normal: one integral over X, cut where the integrand bends."""
    rest = mpmath.sqrt(1 - rho * rho)
    if rest == 0:  # all mass on the diagonal
        return max(mpmath.ncdf(min(b, border)) - mpmath.ncdf(a), mpf(0))
    width = rest / rho
    marks = [border / rho + s * width for s in (-12, -6, -3, 0, 3, 6, 12)]
    ends = sorted({a, b, *(x for x in [*marks, *range(-10, 11, 2)] if a < x < b)})
    return mpmath.quad(lambda x: mpmath.npdf(x) * mpmath.ncdf((border - rho * x) / rest), ends)


def joint_mass_error(exponent, digits=24):
    """Largest error of 6 × 4 masses, variances 1 and condition 10^exponent, and w2/true − 1."""
    condition = 10.0**exponent
    rho = (condition - 1.0) / (condition + 1.0)
    law = GaussianMixture([[0.0, 0.0]], [[[1.0, rho], [rho, 1.0]]])
    scheme = grid(2, None, np.zeros(2), np.ones(2))
    q = discretize(law, scheme)
    with mpmath.workdps(digits):
        x, y = ([mpf(float(v)) for v in np.sort(book.levels)] for book in scheme.codebooks)
        across = [mpf(-14), *((u + v) / 2 for u, v in itertools.pairwise(x)), mpf(14)]
        along = [(u + v) / 2 for u, v in itertools.pairwise(y)]
        wrong = mpf(0)
        for i, (a, b) in enumerate(itertools.pairwise(across)):
            below = [mpf(0), *(strip_masses(a, b, c, mpf(rho)) for c in along), mpmath.ncdf(b) - mpmath.ncdf(a)]
            for j, (u, v) in enumerate(itertools.pairwise(below)):
                wrong = max(wrong, abs(mpf(float(q.weights[len(y) * i + j])) - (v - u)))
    with mpmath.workdps(DIGITS):
        true = mpmath.sqrt(axis_costs(law.means[0], law.covs[0], scheme, q.positions))
        return float(wrong), float(mpf(float(q.w2)) / true - 1)


# --- tables -----------------------------------------------------------------------------------------------------------


def flattening(conditions, sizes):
    """Rows (name, d): for each condition the least and the largest excess over all sizes; and the worst mass."""
    rows = {}
    for (name, make), d in itertools.product(FLATTENING.items(), (2, 3)):
        found = np.array([[verify(make, d, e, s) for s in sizes] for e in conditions])
        rows[name, d] = found[:, :, 0].min(axis=1), found[:, :, 0].max(axis=1), found[:, :, 2].max()
    return rows


def show_flattening(rows, conditions, sizes):
    shown = [e for e in (0, 4, 8, 12, 14, 16, 30, 300) if e in conditions]
    print(f"Variances from 1 to 1/condition; sizes {', '.join(f'{s:g}' for s in sizes)}: largest w2/true − 1")
    head = " ".join(f"{f'1e{e}':>8}" for e in shown)
    print(f"{'condition':28} {head} {'least':>9} {'masses':>8}")
    for (name, d), (least, largest, wrong) in rows.items():
        cells = " ".join(f"{largest[conditions.index(e)]:8.1e}" for e in shown)
        masses = "below" if (name, d) == ("three turned, one grid", 2) else f"{wrong:.0e}"
        print(f"{name:24} {d}-D {cells} {least.min():9.1e} {masses:>8}")
    count = len(rows) * len(conditions) * len(sizes)
    print(f"{count} certificates, the least w2/true − 1 is {min(least.min() for least, _, _ in rows.values()):.2e}")


def shrinkages(conditions, sizes):
    rows = {}
    for (name, make), d in itertools.product(SHRINKING.items(), (2, 3)):
        rows[name, d] = np.array([[verify(make, d, e, s) for s in sizes] for e in conditions])
    return rows


def show_shrinkages(rows, conditions):
    shown = [e for e in (0, 4, 8, 12, 14, 16, 18, 20) if e in conditions]
    print("\nRound Gaussians of variance 1/condition at distances of order 1: largest w2/true − 1")
    head = " ".join(f"{f'1e{e}':>8}" for e in shown)
    print(f"{'1/variance':24} {head} {'least':>9}   (w2 − true)/size at 1e300")
    for (name, d), found in rows.items():
        largest = found[:, :, 0].max(axis=1)
        cells = " ".join(f"{largest[conditions.index(e)]:8.1e}" for e in shown)
        end = found[conditions.index(300), sizes_at_one(found), :]
        print(f"{name:20} {d}-D {cells} {found[:, :, 0].min():9.1e}   {end[0] * end[1]:.1e}")


def sizes_at_one(found):
    """The column of size 1: the middle one."""
    return found.shape[1] // 2


def show_masses(exponents):
    print("\nOne Gaussian on the plane's diagonal, variances 1 and a 6 × 4 grid along the coordinate axes")
    print(f"{'condition':>10} {'largest error of a mass':>24} {'w2/true − 1':>12}")
    found = []
    for e in exponents:
        found.append(joint_mass_error(e))
        print(f"{f'1e{e}':>10} {found[-1][0]:24.1e} {found[-1][1]:12.1e}", flush=True)
    return found


def plot(path, rows, shrunk, conditions):
    from study_plots import BLUE, GOLD, GREEN, GREY, INK, RED, figure, save, title

    fig, axes = figure(1, 2, (9.6, 3.9))
    left, right = axes[0]
    colors = dict(zip(FLATTENING, (GREY, BLUE, GOLD, GREEN, RED, INK)))
    place = np.arange(len(conditions))
    for (name, d), (_, largest, _) in rows.items():
        style = {"ls": "-" if d == 3 else "--", "marker": "o" if d == 3 else "s", "ms": 3, "lw": 1.2}
        left.plot(place, largest, color=colors[name], label=name if d == 3 else None, **style)
    title(left, "flat Gaussians (dashed: plane, lines: space)")
    left.legend(fontsize="x-small", frameon=False, loc="upper left")
    deviations = 10.0 ** (-0.5 * np.array(conditions))
    near = deviations >= 1e-18
    for name, color in (("three, own grids", RED), ("one Gaussian", BLUE)):
        found = shrunk[name, 3][near, sizes_at_one(shrunk[name, 3])]
        right.plot(deviations[near], (found[:, 0] + 1.0) * found[:, 1], color=color, marker="o", ms=3, label=name)
        right.plot(deviations[near], found[:, 1], color=color, ls=":", lw=1.2)
    title(right, "round Gaussians that shrink (dotted: true)")
    right.legend(fontsize="small", frameon=False, loc="upper left")
    right.set_xscale("log")
    right.set_xlabel("deviation, at distances of order 1", color=INK)
    right.set_ylabel("w2", color=INK)
    right.set_yscale("log")
    left.set_yscale("log")
    ticks = [i for i, e in enumerate(conditions) if e in (0, 4, 8, 12, 16, 20, 30, 100, 300)]
    left.set_xticks(ticks, [f"$10^{{{conditions[i]}}}$" for i in ticks])
    left.set_xlabel("condition of the covariances", color=INK)
    left.set_ylabel("w2/true − 1, 50 digits", color=INK)
    left.set_ylim(3e-14, 1e-5)
    save(fig, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer conditions and sizes")
    parser.add_argument("--plot", metavar="PATH", help="draw a picture (needs matplotlib)")
    options = parser.parse_args()
    conditions = [0, 8, 16, 30, 300] if options.quick else list(CONDITIONS)
    sizes = SIZES[::2] if options.quick else SIZES
    rows = flattening(conditions, sizes)
    show_flattening(rows, conditions, sizes)
    shrunk = shrinkages(conditions, sizes)
    show_shrinkages(shrunk, conditions)
    show_masses((2, 14) if options.quick else (1, 2, 4, 6, 8, 10, 12, 14, 15, 16))
    if options.plot:
        plot(options.plot, rows, shrunk, conditions)


if __name__ == "__main__":
    main()
