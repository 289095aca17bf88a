"""Allocation finds the exact optimum over grids, over crosses and over products of both."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs.codebooks.cross import optimal_crosses
from diracs.codebooks.normal import normal_distortion
from diracs.schemes.allocation import Allocation, Block, budgets_below

KINDS = ("grid", "cross", "product")
SHELLS = (1, 2, 3)
SHELLS_ALONE = (1, 2, 3, 4, 6, 8)


@lru_cache
def scalar_share(levels: int) -> float:
    return 1.0 - float(normal_distortion(levels))


@lru_cache
def cross_share(axes: int, shells: int) -> float:
    return float(optimal_crosses((axes,), shells)[1][0]) / axes


@lru_cache
def best_grid(variances: tuple[float, ...], n: int) -> float:
    """Largest reduction over all products of scalar codebooks, on any axes."""
    if not variances:
        return 0.0
    return max(scalar_share(m) * variances[0] + best_grid(variances[1:], n // m) for m in range(1, n + 1))


@lru_cache
def best_product(variances: tuple[float, ...], n: int) -> float:
    """Largest reduction over all partitions of the axes, not only consecutive ones, into scalars and crosses."""
    if not variances or n < 2:
        return 0.0
    first, rest = variances[0], variances[1:]
    best = max(scalar_share(m) * first + best_product(rest, n // m) for m in range(1, n + 1))
    for count in range(len(rest) + 1):
        for chosen in itertools.combinations(range(len(rest)), count):
            axes = count + 1
            joined = first + sum(rest[i] for i in chosen)
            others = tuple(v for i, v in enumerate(rest) if i not in chosen)
            for shells in SHELLS:
                size = 2 * axes * shells
                if size <= n:
                    best = max(best, cross_share(axes, shells) * joined + best_product(others, n // size))
    return best


def best_cross(variances: tuple[float, ...], n: int) -> float:
    options = [
        cross_share(axes, shells) * sum(sorted(variances)[-axes:])
        for axes in range(1, len(variances) + 1)
        for shells in SHELLS_ALONE
        if 2 * axes * shells <= n
    ]
    return max(options, default=0.0)


def reduction_of(blocks: tuple[Block, ...], variances: np.ndarray) -> float:
    """What the blocks take away, on consecutive axes."""
    total, axis = 0.0, 0
    for block in blocks:
        share = cross_share(block.axes, block.shells) if block.shells else scalar_share(block.levels)
        total += share * variances[axis : axis + block.axes].sum()
        axis += block.axes
    assert axis <= len(variances)
    return total


spectra = st.lists(
    st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9, 1.0, 3.0]) | st.floats(0.001, 10.0), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=20, derandomize=True)
@given(spectra, st.integers(1, 48))
def test_small_problems_are_solved_exactly(variances, n):
    v = np.sort(np.array(variances))[::-1]
    states = budgets_below(n)
    brute = {"grid": best_grid, "cross": best_cross, "product": best_product}
    for kind in KINDS:
        allocation = Allocation(v[None], states, kind)
        best = brute[kind](tuple(v.tolist()), n)
        np.testing.assert_allclose(allocation.reduction[0, -1], best, rtol=1e-12, atol=1e-15, err_msg=kind)
        blocks = allocation.blocks(0, len(states) - 1)
        assert math.prod(block.size for block in blocks) <= n
        np.testing.assert_allclose(reduction_of(blocks, v), best, rtol=1e-12, atol=1e-15, err_msg=kind)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.integers(1, 60), st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_product_is_never_worse_than_grid_nor_cross(d, n, seed):
    v = np.sort(np.random.default_rng(seed).random((3, d)) ** 3, axis=1)[:, ::-1]
    states = budgets_below(n)
    grid, cross, product = (Allocation(v, states, kind).reduction for kind in KINDS)
    assert (product >= np.maximum(grid, cross) - 1e-12).all()
    for reduction in (grid, cross, product):
        assert (reduction[:, 0] == 0.0).all()
        assert (np.diff(reduction, axis=1) >= -1e-15).all()
        assert (reduction <= v.sum(axis=1)[:, None]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 36, 97, 1000, 10**6])
def test_budgets_below_are_all_quotients(n):
    expected = (
        {n // j for j in range(1, n + 1)} if n <= 1000 else {n // j for j in range(1, 1001)} | set(range(1, 1000))
    )
    assert budgets_below(n).tolist() == sorted(expected)


def test_large_budgets_and_dimensions():
    for d, n in ((3, 10**5), (20, 10**4), (500, 300)):
        v = np.linspace(1.0, 0.01, d)
        states = budgets_below(n)
        found = []
        for kind in KINDS:
            allocation = Allocation(v[None], states, kind)
            blocks = allocation.blocks(0, len(states) - 1)
            assert math.prod(block.size for block in blocks) <= n
            np.testing.assert_allclose(reduction_of(blocks, v), allocation.reduction[0, -1], rtol=1e-9)
            found.append(allocation.reduction[0, -1])
        assert found[2] >= max(found[:2]) - 1e-12


def test_products_of_crosses_beat_grids_where_many_axes_matter():
    # 256 axes with variances from 1 to 0.01, n = 1000: two crosses take away far more than the best grid.
    v = np.linspace(1.0, 0.01, 256)[None]
    states = budgets_below(1000)
    grid, product = (Allocation(v, states, kind).reduction[0, -1] for kind in ("grid", "product"))
    assert product > 1.25 * grid


def test_no_variance_gets_no_points():
    for kind in KINDS:
        allocation = Allocation(np.zeros((1, 3)), budgets_below(30), kind)
        assert allocation.blocks(0, len(budgets_below(30)) - 1) == ()
