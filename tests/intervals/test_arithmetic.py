"""Interval arithmetic against exact fractions: never inward, and outward by few ulp."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from diracs.intervals import arithmetic as ia
from diracs.intervals.arithmetic import Interval

RNG = np.random.default_rng(3)


def numbers(n):
    """Doubles of many sizes and both signs, with zeros, ones and whole numbers among them."""
    x = RNG.normal(size=n) * 10.0 ** RNG.uniform(-9, 9, n)
    x[::7] = np.round(RNG.normal(size=len(x[::7])) * 2)
    return x


def intervals(n):
    ends = np.sort([numbers(n), numbers(n)], axis=0)
    ends[1, ::5] = ends[0, ::5]
    return Interval(*ends)


EXACT = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
}


@pytest.mark.parametrize("name", EXACT)
def test_ends_are_those_of_fractions_rounded_outward(name):
    a, b = intervals(600), intervals(600)
    with np.errstate(all="ignore"):
        got = getattr(ia, name)(a, b)
    inward = 0
    for n in range(600):
        x, y = ([Fraction(e[n]) for e in end] for end in (a, b))
        if name == "divide" and y[0] <= 0 <= y[1]:
            assert got.low[n] == -np.inf and got.high[n] == np.inf
            continue
        pairs = [EXACT[name](s, t) for s in x for t in y]
        low, high = min(pairs), max(pairs)
        assert Fraction(got.low[n]) <= low and high <= Fraction(got.high[n])
        for end, exact in ((got.low[n], low), (got.high[n], high)):
            assert abs(Fraction(end) - exact) <= abs(exact) * Fraction(2) ** -50 + Fraction(2) ** -1000
            inward += Fraction(float(exact)) != exact
    # Most results are no doubles: rounding to nearest would have failed above.
    assert inward > 100


def test_neutral_operands_leave_numbers_exact():
    a = intervals(50)
    one, zero = ia.point(1.0), ia.point(0.0)
    for got in (ia.multiply(a, one), ia.multiply(one, a), ia.add(a, zero), ia.add(zero, a), ia.divide(a, one)):
        np.testing.assert_array_equal(got, a)
    np.testing.assert_array_equal(ia.multiply(a, ia.point(-1.0)), ia.negate(a))
    np.testing.assert_array_equal(ia.multiply(a, zero), np.zeros((2, 50)))


def test_infinite_ends_are_no_elements():
    whole, zero, some = ia.whole((1,)), ia.point([0.0]), Interval(np.array([2.0]), np.array([np.inf]))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(ia.multiply(whole, zero), 0.0)
        np.testing.assert_array_equal(np.ravel(ia.multiply(whole, some)), [-np.inf, np.inf])
        np.testing.assert_array_equal(np.ravel(ia.add(some, ia.negate(some))), [-np.inf, np.inf])
        quotient = ia.divide(some, some)
    assert -1e-300 <= quotient.low[0] <= 0 and quotient.high[0] == np.inf


def test_overflow_ends_at_the_largest_double():
    huge = ia.point([1e200])
    with np.errstate(all="ignore"):
        low, high = ia.multiply(huge, huge)
        both = ia.contract("ij,jk->ik", np.array([[1e200, -1e200]]), Interval(*np.full((2, 2, 1), 1e200)))
    assert low[0] == pytest.approx(np.finfo(float).max) and np.isfinite(low[0]) and high[0] == np.inf
    assert both.low[0, 0] == -np.inf and both.high[0, 0] == np.inf


def test_underflow_is_rounded_outward():
    tiny = ia.point([3e-200])
    low, high = ia.multiply(tiny, tiny)
    assert low[0] < 0 < high[0] < 1e-300


def test_infinite_and_missing_constants():
    low, high = ia.point([np.inf, -np.inf, np.nan, 2.0])
    assert low.tolist() == [ia.LARGEST, -np.inf, -np.inf, 2.0]
    assert high.tolist() == [np.inf, -ia.LARGEST, np.inf, 2.0]


def test_squares_know_that_their_factors_are_one():
    low, high = ia.square(Interval(np.array([-3.0, 1.0, -2.0]), np.array([1.0, 3.0, -0.5])))
    np.testing.assert_allclose(low, [0.0, 1.0, 0.25], rtol=1e-15)
    np.testing.assert_allclose(high, [9.0, 9.0, 4.0], rtol=1e-15)
    assert low[0] == 0 and low[1] < 1 and high[0] > 9


def test_sums_and_products_with_matrices_enclose_fractions():
    a = intervals(40)
    matrix = numbers(3 * 40).reshape(3, 40)
    got = ia.contract("ij,jk->ik", matrix, Interval(a.low[:, None], a.high[:, None]))
    summed = ia.total(a, (0,))
    for row in range(4):
        weights = [Fraction(x) for x in (np.ones(40) if row == 3 else matrix[row])]
        ends = [[Fraction(x) for x in end] for end in a]
        terms = [sorted((w * s, w * t)) for w, s, t in zip(weights, *ends)]
        low, high = (sum(t[side] for t in terms) for side in (0, 1))
        found = (summed.low, summed.high) if row == 3 else (got.low[row, 0], got.high[row, 0])
        assert Fraction(float(found[0])) <= low and high <= Fraction(float(found[1]))
        size = sum(max(abs(t[0]), abs(t[1])) for t in terms)
        assert low - Fraction(float(found[0])) <= size * Fraction(1, 10**13)


@pytest.mark.parametrize(("n", "seed"), list(itertools.product([2, 30, 1000], range(5))))
def test_sums_that_round_to_nearest_would_be_inside(n, seed):
    x = np.random.default_rng(seed).uniform(0.1, 1.0, n)
    exact = sum(Fraction(v) for v in x)
    low, high = ia.total(Interval(x, x), (0,))
    assert Fraction(float(low)) < exact < Fraction(float(high))
    assert high - low <= 4 * n * 2.0**-50 * float(exact)
    low, high = (float(e) for e in ia.contract("j,j->", x, Interval(x, x)))
    assert Fraction(low) < sum(Fraction(v) ** 2 for v in x) < Fraction(high)


@pytest.mark.parametrize("seed", range(8))
def test_sums_that_cancel_pay_for_the_rounding_of_their_terms(seed):
    x = np.random.default_rng(seed).normal(size=200)
    x[100:] = -x[:100] * (1 + 1e-14 * np.arange(100))
    exact = sum(Fraction(v) for v in x)
    low, high = (float(e) for e in ia.total(Interval(x, x), (0,)))
    assert Fraction(low) < exact < Fraction(high)
    # The sum alone says nothing of how much it is off.
    assert high - low > 100 * 2.0**-53 * abs(float(exact))
    assert high - low < 400 * 2.0**-50 * np.abs(x).sum()


def test_infinite_ends_reach_only_the_sums_that_they_enter():
    a = Interval(np.array([[-np.inf], [1.0]]), np.array([[0.0], [np.inf]]))
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])
    low, high = ia.contract("ij,jk->ik", matrix, a)
    np.testing.assert_array_equal(np.isinf(low[:, 0]), [True, False, False, False, True, False])
    np.testing.assert_array_equal(np.isinf(high[:, 0]), [False, True, True, False, True, True])
    np.testing.assert_allclose(low[[1, 2, 3, 5], 0], [1, 0, 0, 1], atol=1e-14)
