"""Masses moved between Diracs: what comes out of the bounds for many pairs, against all pairs one by one."""

import tracemalloc

import numpy as np
import pytest

from diracs.certificates.upper.discrete import MOST_PAIRS, with_moved_masses_between


def moved(n, scale, offset=0.0):
    rng = np.random.default_rng(n)
    positions = offset + scale * rng.standard_normal((n, 3))
    best, given = rng.random(n), rng.random(n)
    return positions, best / best.sum(), given / given.sum()


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_many_pairs_cost_what_all_pairs_do(scale, offset):
    positions, best, given = moved(900, scale, offset * scale)
    more, less = np.maximum(best - given, 0.0), np.maximum(given - best, 0.0)
    assert (more > 0).sum() * (less > 0).sum() > MOST_PAIRS
    unit = positions / scale
    squares = ((unit[:, None] - unit) ** 2).sum(axis=2)
    expected = np.sqrt(more @ squares @ less / less.sum())
    found = (with_moved_masses_between(0.0, positions, best, given)) / scale
    assert expected <= found <= expected * (1.0 + 1e-9)


def test_many_pairs_take_no_array_of_all():
    positions, best, given = moved(20_000, 1.0)
    tracemalloc.start()
    bound = with_moved_masses_between(1.0, positions, best, given)
    assert tracemalloc.get_traced_memory()[1] < 50e6 and bound > 1.0
    tracemalloc.stop()
