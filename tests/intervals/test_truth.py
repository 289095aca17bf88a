"""Comparisons of intervals: what holds for all pairs of points, and what for any."""

from __future__ import annotations

import numpy as np
import pytest

from diracs.intervals.arithmetic import Interval
from diracs.intervals.dual import Dual
from diracs.intervals.operations import COMPARISONS
from diracs.intervals.truth import Truth, truth, where

# Disjoint, touching, overlapping, nested, equal points, different points.
PAIRS = [(0, 1, 2, 3), (0, 1, 1, 2), (0, 2, 1, 3), (0, 3, 1, 2), (1, 1, 1, 1), (1, 1, 2, 2), (2, 3, 0, 1), (1, 2, 0, 1)]


def dual(low, high, slope=(0.0, 0.0)):
    ends = [np.array([float(x)]) for x in (low, high)]
    return Dual(Interval(*ends), Interval(*(np.array([[x]]) for x in slope)))


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("pair", PAIRS)
def test_comparisons_are_those_of_all_pairs_of_points(name, pair):
    a, b, c, d = pair
    held = [bool(getattr(np, name)(x, y)) for x in np.linspace(a, b, 13) for y in np.linspace(c, d, 13)]
    got = COMPARISONS[name](dual(a, b), dual(c, d))
    assert got.sure[0] == all(held)
    assert got.possible[0] == any(held)


def test_logic():
    no, maybe, yes = (Truth(np.array([s]), np.array([p])) for s, p in ((False, False), (False, True), (True, True)))
    table = {(no, maybe): (False, False, False, True), (maybe, yes): (False, True, True, True)}
    for (a, b), (sure_and, possible_and, sure_or, possible_or) in table.items():
        assert ((a & b).sure[0], (a & b).possible[0]) == (sure_and, possible_and)
        assert ((a | b).sure[0], (a | b).possible[0]) == (sure_or, possible_or)
    assert (~maybe).possible[0] and not (~maybe).sure[0] and (~no).sure[0]
    assert (maybe ^ yes).possible[0] and not (maybe ^ yes).sure[0]
    assert bool(yes) and not bool(no) and bool(truth(True))
    with pytest.raises(TypeError, match=r"use np\.where"):
        bool(maybe)


def test_choices():
    a, b = dual(0, 1, (1, 1)), dual(0.5, 2, (2, 3))
    for sure, possible, continuous, value, slope in [
        (True, True, False, (0, 1), (1, 1)),
        (False, False, False, (0.5, 2), (2, 3)),
        (False, True, True, (0, 2), (1, 3)),
        (False, True, False, (0, 2), (-np.inf, np.inf)),
    ]:
        got = where(Truth(np.array([sure]), np.array([possible])), a, b, continuous)
        assert (got.value.low[0], got.value.high[0]) == value
        assert (got.slope.low[0, 0], got.slope.high[0, 0]) == slope
