"""Mixtures of so many components that the core sums them in polynomials, against products of normal integrals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from diracs import _core

K = 60


def law(rng, deviations, means=1.0):
    """K components with axes along the coordinates: means (K, 2), deviations (K, 2), weights (K,)."""
    deviations = np.broadcast_to(deviations, (K, 2))
    weights = 10.0 ** rng.uniform(-6, 0, K)
    return means * rng.uniform(-1, 1, (K, 2)), deviations, weights / weights.sum()


LAWS = {
    "wide": lambda rng: law(rng, 10.0 ** rng.uniform(-0.5, 0.5, (K, 2))),
    "one covariance": lambda rng: law(rng, [0.3, 0.2]),
    "thin": lambda rng: law(rng, 10.0 ** rng.uniform(-3, 0, (K, 2))),
    "far": lambda rng: law(rng, 0.1, 3.0),
}


def axis(a, b, y, mean, deviation):
    """∫(1, x − y, (x − y)²) over (a, b) of a normal density, in the digits of mpmath."""
    p, q = (a - mean) / deviation, (b - mean) / deviation
    mass = (mpmath.erfc(p / mpmath.sqrt(2)) - mpmath.erfc(q / mpmath.sqrt(2))) / 2
    first = deviation * (mpmath.npdf(p) - mpmath.npdf(q))
    second = deviation**2 * (mass + p * mpmath.npdf(p) - q * mpmath.npdf(q))
    shift = mean - y
    return mass, first + shift * mass, second + 2 * shift * first + shift**2 * mass


def exact(law, low, high, y):
    """Mass, first and second moment about y over a rectangle, and the density's integral along its right side."""
    total = [mpmath.mpf(0)] * 5
    with mpmath.workdps(60):
        a, b, y = ([mpmath.mpf(float(v)) for v in x] for x in (low, high, y))
        for mean, deviation, weight in zip(*law, strict=True):
            m, s = ([mpmath.mpf(float(v)) for v in x] for x in (mean, deviation))
            (p, px, pxx), (q, qy, qyy) = (axis(a[k], b[k], y[k], m[k], s[k]) for k in (0, 1))
            side = mpmath.npdf((b[0] - m[0]) / s[0]) / s[0] * q
            own = p * q, px * q, p * qy, pxx * q + p * qyy, side
            total = [t + mpmath.mpf(float(weight)) * v for t, v in zip(total, own, strict=True)]
        return [float(t) for t in total]


def lattice(at, spacing, count=5):
    steps = spacing * (np.arange(count) - count // 2)
    return np.array(at) + np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)


def check(law, positions, which, rtol):
    means, deviations, weights = law
    covariances = np.stack([np.diag(s**2) for s in deviations])
    core = _core.Mixture(np.ascontiguousarray(means), covariances, weights)
    cells, edges = _core.moments(core, positions, np.zeros(len(positions)), edges=True, threads=1)
    lines = {(int(i), int(j)): line[0] for i, j, line in zip(edges.i, edges.j, edges.integrals, strict=True)}
    right = round(len(positions) ** 0.5)  # ahead in the list
    for i in which:
        y = positions[i]
        low, high = 0.5 * (y + positions[i - right - 1]), 0.5 * (y + positions[i + right + 1])
        mass, *first, second, side = exact(law, low, high, y)
        assert_allclose(cells.mass[i], mass, rtol=rtol)
        assert_allclose(cells.second[i], second, rtol=rtol)
        assert_allclose(cells.first[i], first, atol=rtol * np.sqrt(mass * second), rtol=0.0)
        assert_allclose(lines[i, i + right], side, rtol=rtol)


@pytest.mark.parametrize("kind", LAWS)
@pytest.mark.parametrize("spacing", [2.0**-1, 2.0**-4, 2.0**-7, 2.0**-20])
def test_moments_are_those_of_the_components(kind, spacing):
    rng = np.random.default_rng(1)
    # Where edges are used for a component, second moments of smaller cells are differences.
    rtol = (
        2e-10 if kind == "thin" and spacing > 1e-3 else 1e-11 if spacing == 0.5 else 1e-13 if spacing < 0.01 else 1e-12
    )
    check(LAWS[kind](rng), lattice((0.25, -0.125), spacing), (6, 12, 18), rtol)


def test_many_cells_share_their_boxes():
    rng = np.random.default_rng(2)
    given = LAWS["one covariance"](rng)
    check(given, lattice((0.0, 0.0), 2.0**-4, 31), (40, 200, 481, 700, 900), 3e-13)


@pytest.mark.parametrize("scale", [2.0**-250, 2.0**-60, 2.0**60, 2.0**250])
def test_powers_of_two_change_nothing(scale):
    rng = np.random.default_rng(3)
    means, deviations, weights = LAWS["wide"](rng)
    positions = rng.uniform(-1, 1, (200, 2))
    roots = rng.uniform(-0.3, 0.3, (K, 2, 2)) + deviations[:, :, None] * np.eye(2)
    covariances = roots @ np.swapaxes(roots, 1, 2)

    def moments(by):
        core = _core.Mixture(by * means, by * (by * covariances), weights)
        return _core.moments(core, by * positions, np.zeros(200), edges=True, threads=1)

    (cells, edges), (large, far) = moments(1.0), moments(scale)
    assert_allclose(large.mass, cells.mass, rtol=1e-12)
    assert_allclose(large.first / scale, cells.first, rtol=1e-9, atol=1e-15)
    assert_allclose(large.second / scale / scale, cells.second, rtol=1e-9)
    assert_allclose(far.integrals[:, 0] * scale, edges.integrals[:, 0], rtol=1e-10)


def test_threads_and_order_do_not_matter():
    rng = np.random.default_rng(4)
    means, deviations, weights = LAWS["one covariance"](rng)
    covariances = np.stack([np.diag(s**2) for s in deviations])
    positions = rng.uniform(-1, 1, (3000, 2))

    def cells(core, threads):
        return _core.moments(core, positions, np.zeros(3000), edges=False, threads=threads)[0]

    one, two, used = (_core.Mixture(means, covariances, weights) for _ in range(3))
    for scale in (0.1, 1.0, 7.0):  # boxes of other cells are kept
        _core.moments(used, scale * positions[::3], np.zeros(1000), edges=False, threads=2)
    one, others = cells(one, 1), [cells(two, 2), cells(used, 2), cells(used, 1)]
    for other in others:
        for a, b in zip(one, other, strict=True):
            assert (a == b).all()
    assert_allclose(one.mass.sum(), 1.0, rtol=1e-14)
