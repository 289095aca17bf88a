"""Products of levels for independent coordinates: the exact error of their cells."""

import itertools

import numpy as np
import pytest
import scipy.stats as st

from diracs import Independent, discretize, quantize
from diracs.quantization.by_grid import grid_error

LAWS = [st.gamma(2), st.laplace(), st.uniform()]


def test_axes_add_up():
    """Orthogonal columns: errors of the axes add, times the squares of their lengths."""
    law = Independent(LAWS, np.diag([1.0, 2.0, 3.0]))
    q = quantize(law, 60, scheme="grid")
    best = min(
        sum(float(quantize(one, m).w2) ** 2 * g**2 for one, m, g in zip(LAWS, numbers, (1, 2, 3)))
        for numbers in itertools.product(range(1, 61), repeat=3)
        if np.prod(numbers) == 60
    )
    assert q.w2**2 <= best * (1 + 1e-9)
    assert q.w2 == pytest.approx(grid_error(law, 60), rel=1e-6)
    assert discretize(law, q.scheme).w2 == pytest.approx(float(q.w2), rel=5e-3)
    assert quantize(law, 60).w2 <= q.w2


def test_columns_that_are_not_orthogonal():
    """E|x − y|² = Σ (BᵀB)_kk D_k of product cells, which nearest points improve."""
    matrix = np.array([[1.0, 0.9], [0.0, 0.5]])
    q = quantize(Independent(LAWS[:2], matrix), 12, scheme="product")
    counts = [len(np.unique(np.round(np.linalg.solve(matrix, q.positions.T)[k], 9))) for k in (0, 1)]
    squares = [float(quantize(one, m).w2) ** 2 for one, m in zip(LAWS, counts)]
    assert q.w2**2 == pytest.approx(squares[0] + (0.81 + 0.25) * squares[1], rel=1e-9)
    assert discretize(q.distribution, q.scheme).w2 < q.w2


def test_with_an_error():
    law = Independent(LAWS)
    q = quantize(law, w2=0.5, scheme="grid")
    assert q.w2 <= 0.5 and len(q) <= 110
    assert quantize(law, w2=0.5).w2 <= 0.5


def test_many_axes_take_grids():
    law = Independent([st.gamma(2)] * 12)
    q = quantize(law, 64)
    one, two = (float(quantize(st.gamma(2), m).w2) ** 2 for m in (1, 2))
    assert q.w2**2 == pytest.approx(6 * one + 6 * two, rel=1e-9)
    assert q.w2_lower <= q.w2


def test_constant_columns_get_no_points():
    q = quantize(Independent(LAWS, [[1.0, 0.0, 0.0]]), 7, scheme="grid")
    assert len(q) == 7 and q.w2 == pytest.approx(float(quantize(LAWS[0], 7).w2), rel=1e-9)
