"""Seeds that keep their triangulation from one choice of weights to the next, against diagrams made anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from diracs import _core

BOX = 8.0 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
POLYGON = _core.Polygon(BOX, 1.0 / 256.0)


def check(seeds: _core.FixedSeeds, positions: np.ndarray, weights: np.ndarray, threads: int) -> np.ndarray:
    """Number for number what there is for seeds that have had no other weights; their masses."""
    cells, (i, j, strength) = _core.couplings(POLYGON, seeds, weights, threads=threads)
    new, edges = _core.moments(POLYGON, positions, weights, edges=True, threads=9 - threads)
    for kept, fresh in zip(cells, new, strict=True):
        assert_array_equal(kept, fresh)
    assert_array_equal(i, edges.i)
    assert_array_equal(j, edges.j)
    assert_array_equal(strength, edges.integrals[:, 0] / (2.0 * edges.gap))
    return cells.mass


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2, 5, 30])), min_size=2, max_size=6),
    st.sampled_from([1.0, 0.1, 1e-150, 1e150]),
)
@settings(max_examples=60, deadline=None)
def test_degenerate_seeds_whatever_weights_were_before(points, choices, scale):
    positions = scale * np.array(points, float)
    seeds = _core.FixedSeeds(positions)
    for step, (seed, most) in enumerate(choices):
        weights = np.random.default_rng(seed).integers(0, most + 1, len(positions)) * scale * scale
        if np.isfinite(weights).all():
            check(seeds, positions, weights, 1 + step % 8)


@pytest.mark.parametrize("n", [300, 20_000])
def test_random_seeds_come_and_go(n):
    rng = np.random.default_rng(n)
    positions = rng.uniform(-1.0, 1.0, (n, 2))
    seeds = _core.FixedSeeds(positions)
    hidden = []
    for step, size in enumerate([0.0, 0.3, 0.3, 1.0, 10.0, 3.0, 0.1, 0.1, 0.0]):
        mass = check(seeds, positions, size / n * rng.random(n), 1 + step % 8)
        hidden.append(int((mass == 0).sum()))
    assert hidden[0] == hidden[-1] == 0 and hidden[4] > n / 4 > hidden[5] > 0


def test_a_heavy_seed_hides_all_others_and_lets_them_go():
    positions = np.random.default_rng(0).uniform(-1.0, 1.0, (500, 2))
    seeds = _core.FixedSeeds(positions)
    weights = np.zeros(500)
    for weights[123] in (0.0, 1e9, 0.0, -1e9, 0.0):
        alive = np.count_nonzero(check(seeds, positions, weights, 2))
        assert alive == {0.0: 500, 1e9: 1, -1e9: 499}[weights[123]]


@pytest.mark.parametrize("law", ["polygon", "mixture"])
def test_cells_that_change_with_a_few_weights_are_found(law):
    """Number for number, edges in their order too, what new seeds have; whatever density was asked for in between."""
    rng = np.random.default_rng(5)
    positions = rng.uniform(-1.0, 1.0, (2000, 2))
    mixture = _core.Mixture(rng.uniform(-1, 1, (30, 2)), np.tile(0.05 * np.eye(2), (30, 1, 1)), np.full(30, 1 / 30))
    density = POLYGON if law == "polygon" else mixture
    seeds, weights = _core.FixedSeeds(positions), 2e-4 * rng.random(2000)
    for step, count in enumerate((0, 1, 3, 30, 900, 1, 1999, 2)):
        weights = weights.copy()
        weights[rng.choice(2000, count, replace=False)] += 3e-3 * rng.standard_normal(count)
        if step == 5:
            _core.couplings(_core.Polygon(BOX, 1.0), seeds, weights)
        kept = _core.couplings(density, seeds, weights, threads=1 + step % 2)
        new = _core.couplings(density, _core.FixedSeeds(positions), weights)
        for one, other in zip(kept, new, strict=True):
            for a, b in zip(one, other, strict=True):
                assert_array_equal(a, b)


def test_threads_share_seeds():
    rng = np.random.default_rng(1)
    positions = rng.uniform(-1.0, 1.0, (2000, 2))
    seeds = _core.FixedSeeds(positions)
    choices = [1e-3 * rng.random(2000) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda w: _core.couplings(POLYGON, seeds, w, threads=2)[0].mass, choices))
    for mass, weights in zip(found, choices, strict=True):
        assert_array_equal(mass, _core.moments(POLYGON, positions, weights, edges=False)[0].mass)


def test_wrong_weights():
    seeds = _core.FixedSeeds(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="differ in length"):
        _core.couplings(POLYGON, seeds, np.zeros(3))
    with pytest.raises(ValueError, match="weights must be finite"):
        _core.couplings(POLYGON, seeds, np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="positions must be finite"):
        _core.FixedSeeds(np.array([[0.0, np.inf]]))
