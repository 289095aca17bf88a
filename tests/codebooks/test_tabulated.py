"""Levels from a table: nearly as good as those of the law itself."""

import numpy as np
import pytest

from diracs.codebooks.optimal import mixture_distortion, optimal_levels
from diracs.codebooks.tabulated import tabulate, tabulated_levels


@pytest.mark.parametrize("n", [1, 2, 30])
@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_distortion_is_within_a_percent_of_the_optimum(n, spread):
    rng = np.random.default_rng(n)
    means, variances = rng.normal(5.0, spread, 30), rng.uniform(0.0, 1.0, 30) ** 2
    weights = rng.dirichlet(np.ones(30))
    group = np.zeros(30, dtype=int)
    tabulated = tabulated_levels(tabulate(means, variances, weights), n)
    found = mixture_distortion(tabulated[None], means, variances, weights, group)
    best = mixture_distortion(optimal_levels(means, variances, weights, group, n), means, variances, weights, group)
    assert found <= 1.01 * best


def test_more_levels_than_point_masses():
    levels = tabulated_levels(tabulate(np.array([0.0, 1.0]), np.zeros(2), np.ones(2)), 5)
    assert len(levels) == 5
    assert np.abs(levels[:, None] - [0.0, 1.0]).min(axis=0) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_joined_neighbours_serve_as_well_as_all_components(monkeypatch):
    rng = np.random.default_rng(5)
    means, variances = rng.standard_normal(600), rng.choice([0.0, 1e-4, 0.3, 2.0], 600)
    weights = rng.random(600) * (rng.random(600) < 0.9)
    weights /= weights.sum()

    def error():
        levels = tabulated_levels(tabulate(means, variances, weights), 20)
        return mixture_distortion(levels[None], means, variances, weights, np.zeros(600, dtype=int))

    monkeypatch.setattr("diracs.codebooks.tabulated._COMPONENTS", 200)
    joined = error()
    monkeypatch.setattr("diracs.codebooks.tabulated._COMPONENTS", 10_000)
    assert joined <= error() * 1.001
