"""Bounds by covering the line: never above what n points reach, however hard one tries, and close to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from diracs import GaussianMixture, PolynomialGrid, quantize
from diracs.certificates.lower.covering_line import LineCells, _largest, line_covering_bound, line_image_covering_bound
from diracs.certificates.lower.mixture import sharpest_lower_bound
from diracs.certificates.upper.nearest_line import UnitLineImage
from diracs.codebooks.normal import normal_levels
from diracs.codebooks.optimal import mixture_distortion, optimal_levels


def least_found(means, variances, weights, n):
    """The distortion of the best levels found."""
    group = np.zeros(len(means), dtype=int)
    levels = optimal_levels(means, variances, weights, group, n)
    return float(mixture_distortion(levels, means, variances, weights, group)[0])


@pytest.mark.parametrize(("n", "loss"), [(2, 0.12), (49, 0.012), (150, 0.012)])
def test_the_normal_law(n, loss):
    optimum = normal_levels(n)[1]
    bound = line_covering_bound(np.zeros(1), np.ones(1), np.ones(1), n)
    assert optimum * (1 - 2 * loss) <= bound <= optimum


@pytest.mark.parametrize(("seed", "n"), [(0, 49), (1, 49), (2, 70), pytest.param(3, 120, marks=pytest.mark.slow)])
def test_random_mixtures(seed, n):
    rng = np.random.default_rng([seed, n])
    k = int(rng.integers(2, 9))
    means, variances = 3.0 * rng.standard_normal(k), 10.0 ** rng.uniform(-5, 0.5, k)
    weights = rng.dirichlet(np.ones(k))
    if seed == 0:
        variances[0] = 0.0  # a point mass
    if seed == 1:
        means *= 1e4  # clusters far apart
    optimum = least_found(means, variances, weights, n)
    bound = line_covering_bound(means, variances, weights, n)
    assert 0.94 * optimum <= bound <= optimum * (1 + 1e-12)


def test_any_radii_give_a_bound():
    """Radii at random, coarse cells: what is rigorous does not depend on how well they are chosen."""
    rng = np.random.default_rng(0)
    for trial in range(20):
        n = int(rng.integers(1, 8))
        optimum = normal_levels(n)[1]
        borders = np.sort(rng.uniform(-5, 5, int(rng.integers(6, 60))))
        mass = np.diff(norm.cdf(borders))
        centroid = -np.diff(norm.pdf(borders)) / mass
        second = mass - np.diff(borders * norm.pdf(borders)) - mass * centroid**2
        cells = LineCells(borders, mass, centroid, np.maximum(second, 0.0))
        radii = rng.uniform(0.0, 1.5 / n, len(mass)) if trial % 2 else np.full(len(mass), rng.uniform(0.0, 6.0 / n))
        assert cells.value(radii, n) <= optimum
        assert cells.bound(n) <= optimum


def test_gains_are_no_less_than_integrals():
    rng = np.random.default_rng(1)
    atoms, weights = np.sort(rng.uniform(-1, 1, 1000)), rng.dirichlet(np.ones(1000))
    borders = np.append(np.sort(rng.choice(np.linspace(-1.0, 1.0, 200), 30, replace=False)), [1.1])
    inside = (atoms > borders[0]) & (atoms < borders[-1])
    atoms, weights = atoms[inside], weights[inside]
    cell = np.searchsorted(borders, atoms) - 1
    mass = np.bincount(cell, weights, 30)
    centroid = np.bincount(cell, weights * atoms, 30) / np.where(mass > 0, mass, 1.0)
    second = np.bincount(cell, weights * (atoms - centroid[cell]) ** 2, 30)
    cells = LineCells(borders, mass, centroid, second)
    radii = rng.uniform(0.0, 0.5, 30)
    nodes = np.sort(rng.uniform(-1.2, 1.2, 100))
    gains, reach = cells.gains(nodes, radii)
    between = np.linspace(nodes[:-1], nodes[1:], 7)
    tau = radii[cell] ** 2
    for k in range(99):
        terms = tau - (atoms - between[:, k, None]) ** 2
        assert ((terms > 0) @ weights <= reach[k] + 1e-12).all()
        width = nodes[k + 1] - nodes[k]
        most = max(gains[k], gains[k + 1]) + reach[k] * (width / 2) ** 2 + 1e-12
        assert (np.maximum(terms, 0.0) @ weights <= most).all()
        assert weights @ np.maximum(tau - (atoms - nodes[k]) ** 2, 0.0) <= gains[k] + 1e-12


def test_largest_of_runs():
    rng = np.random.default_rng(2)
    values = rng.standard_normal(50)
    first = rng.integers(0, 50, 200)
    last = np.minimum(first + rng.integers(1, 51, 200), 50)
    np.testing.assert_array_equal(_largest(values, first, last), [values[a:b].max() for a, b in zip(first, last)])


def test_quantizations_of_mixtures_and_images_are_nearly_optimal():
    law = GaussianMixture(np.arange(4.0)[:, None], np.full(4, 0.1), [0.1, 0.4, 0.3, 0.2])
    q = quantize(law, n=49)
    assert q.w2_lower <= q.w2 <= 1.02 * q.w2_lower
    moved = sharpest_lower_bound(1e3 * law.means - 7.0, 1e6 * law.covs[:, None, None], law.weights, 49)
    assert moved == pytest.approx(1e3 * q.w2_lower, rel=1e-6)
    rng = np.random.default_rng(3)
    values = rng.random(40) * (rng.random(40) < 0.8)
    image = quantize(PolynomialGrid(values, [[2.0], [7.0]]), n=129)  # where the bound by partitions ends
    assert image.w2_lower <= image.w2 <= 1.03 * image.w2_lower
    uniform = UnitLineImage.of(np.ones(7), np.array([[0.0], [3.0]]))
    optimum = 3.0 / (200 * math.sqrt(12.0))
    assert 0.98 * optimum <= line_image_covering_bound(uniform, 200) <= optimum


def test_scales_and_few_distinct_places():
    means, variances, weights = np.array([0.0, 1.0, 5.0]), np.array([1.0, 0.2, 0.3]), np.array([0.3, 0.3, 0.4])
    one = sharpest_lower_bound(means[:, None], variances[:, None, None], weights, 49)
    for unit in (1e-100, 1e100):
        other = sharpest_lower_bound(means[:, None] * unit, variances[:, None, None] * unit * unit, weights, 49)
        assert other == pytest.approx(one * unit, rel=1e-9)
    # As many points as atoms: nothing is left, and nothing may be claimed.
    assert line_covering_bound(means, np.zeros(3), weights, 49) == 0.0
    assert line_covering_bound(np.append(means, 1e-12), np.append(np.zeros(3), 1e-30), np.full(4, 0.25), 60) < 1e-20
