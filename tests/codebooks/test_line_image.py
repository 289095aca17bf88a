"""Optimal levels of densities constant on pixels of the line: known optima, brute force, stationarity."""

import numpy as np
import pytest

from diracs.cells.line import LineImage
from diracs.codebooks.line_image import companded_levels, optimal_image_levels, voronoi_borders


def image(values):
    values = np.asarray(values, float)
    return LineImage(values / values.sum())


def brute_force(values, n, parts):
    """The least distortions of 1, …, n levels with borders at multiples of 1/parts of a pixel, (n,)."""
    masses = np.repeat(np.asarray(values, float), parts) / parts / np.sum(values)
    k = len(masses)
    x, h = (np.arange(k) + 0.5) / k - 0.5, 1.0 / k
    sums = [np.append(0.0, np.cumsum(m)) for m in (masses, masses * x, masses * (x**2 + h**2 / 12))]
    cost = np.full((k + 1, k + 1), np.inf)
    for i in range(k + 1):
        mass, first, second = (s[i:] - s[i] for s in sums)
        cost[i, i:] = second - np.divide(first**2, mass, out=np.zeros_like(mass), where=mass > 0)
    best = [cost[0]]
    for _ in range(n - 1):
        best.append((best[-1][:, None] + cost).min(axis=0))
    return np.array(best)[:, -1]


def worst_shift(law, levels):
    """The largest distance of a level from the barycenter of its cell, in the cell's deviation; the least mass."""
    mass, first, second = law.cell_moments(levels, voronoi_borders(levels))
    return np.abs(first / mass / np.sqrt(second / mass)).max(), mass.min()


@pytest.mark.parametrize("n", [1, 2, 5, 100, 3000])
@pytest.mark.parametrize("k", [1, 7])
def test_uniform(n, k):
    levels, distortion = optimal_image_levels(image(np.ones(k)), n)
    np.testing.assert_allclose(levels, (2.0 * np.arange(n) + 1.0 - n) / (2.0 * n), atol=1e-15 + 1e-13 / n)
    assert distortion == pytest.approx(1.0 / (12.0 * n**2), rel=1e-12)


def test_two_blocks_share_their_levels_in_the_best_way():
    # Widths 1/4 and 1/4, masses 1/9 and 8/9: m levels leave mass/(12·16 m²), shares are like 1 : 2.
    law = image([1.0, 0.0, 0.0, 8.0])
    for n in (2, 9, 50):
        levels, distortion = optimal_image_levels(law, n)
        m = np.arange(1, n)
        best = ((1.0 / 9.0 / m**2 + 8.0 / 9.0 / (n - m) ** 2) / 192.0).min()
        assert distortion == pytest.approx(best, rel=1e-12)
        assert ((levels < -0.25) | (levels > 0.25)).all()


@pytest.mark.parametrize("seed", range(3))
def test_random_pixels_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    values = rng.random(12) ** 3 * (rng.random(12) < 0.8)
    values[seed] = 1.0
    truths = brute_force(values, 6, 16)
    for n in (1, 2, 3, 6):
        _, distortion = optimal_image_levels(image(values), n)
        truth = truths[n - 1]
        # Borders moved to the grid cost by the square of the way, at most.
        assert distortion <= truth * (1 + 1e-9)
        assert distortion >= truth * (1 - 5e-3)


@pytest.mark.parametrize("n", [2, 17, 140, 500])
def test_levels_are_barycenters_of_cells_that_are_not_empty(n):
    rng = np.random.default_rng(n)
    spike = np.append(np.ones(60), [1e6, *np.ones(30)])
    for values in (rng.random(50), rng.random(500) ** 6, spike, rng.random(100) * (rng.random(100) < 0.1)):
        law = image(values)
        levels, distortion = optimal_image_levels(law, n)
        shift, mass = worst_shift(law, levels)
        assert len(levels) == n
        assert shift < 1e-10
        assert mass > 0
        assert (np.diff(levels) > 0).all()
        start = companded_levels(law, n)
        assert distortion <= law.cell_moments(start, voronoi_borders(start))[2].sum() * (1 + 1e-12)


def test_levels_go_where_they_matter():
    # A far pixel without weight deserves one level of five, but no level if it holds 10⁻¹⁵ of the mass only.
    for far, own in ((1e-7, 1), (1e-15, 0)):
        values = np.zeros(1000)
        values[0], values[-1] = 1.0, far
        levels, distortion = optimal_image_levels(image(values), 5)
        assert (levels > 0.4).sum() == own
        assert distortion == pytest.approx(1e-6 / 12 / (5 - own) ** 2, rel=1e-3)


def test_many_levels_beside_many_saddles():
    law = image(np.random.default_rng(0).random(200))
    assert worst_shift(law, optimal_image_levels(law, 1000)[0])[0] < 1e-10


def test_many_rough_pixels():
    law = image(np.random.default_rng(0).random(20_000))
    levels, distortion = optimal_image_levels(law, 20)
    assert worst_shift(law, levels)[0] < 1e-10
    assert 12.0 * 20**2 * distortion == pytest.approx(1.0, rel=0.02)
