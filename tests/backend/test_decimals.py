"""Numbers in decimals: rounded bounds are bounds, arrays are told in a few characters."""

from __future__ import annotations

import math

import numpy as np
from optional import optional

from diracs.backend.decimals import bounds_text, brief, round_to

torch = optional("torch")


def test_rounding_goes_to_the_side_asked_for():
    rng = np.random.default_rng(0)
    for x in 10.0 ** rng.uniform(-12, 12, 200):
        assert x <= float(round_to(x, math.ceil)) <= x * 1.01
        assert x >= float(round_to(x, math.floor)) >= x / 1.011
    assert round_to(0.0, math.ceil) == "0"
    assert round_to(0.2, math.ceil) == "0.200" and round_to(123456.7, math.floor) == "123000"


def test_bounds_side_by_side_have_equal_precision_and_enough_of_it():
    assert bounds_text(0.2, 0.196, True) == ("= 0.2000", "0.1960")
    assert bounds_text(0.2, None, False) == ("≤ 0.2000", None)
    # As many digits as it takes to tell them apart, and the same where they are the same.
    assert bounds_text(0.2000004, 0.2000001, False) == ("≤ 0.2000004", "0.2000001")
    assert bounds_text(2.0, 2.0, True) == ("= 2.000", "2.000")
    assert bounds_text(3.2e-9, 4.1e-10, True) == ("= 3.200e-09", "0.410e-09")
    rng = np.random.default_rng(1)
    for upper in 10.0 ** rng.uniform(-12, 12, 200):
        lower = upper * rng.uniform(0.1, 1.0)
        high, low = bounds_text(upper, lower, False)
        assert float(low) <= lower <= upper <= float(high.removeprefix("≤ "))


def test_bounds_in_brief_stay_bounds_and_say_no_more_than_needed():
    for x in 10.0 ** np.random.default_rng(2).uniform(-200, 200, 200):
        assert x <= float(brief(x, math.ceil)) <= x * 1.00002
        assert x >= float(brief(x, math.floor)) >= x / 1.00002
    assert [brief(x) for x in (0.5, 2.0, 1e150, 0.0, -0.25)] == ["0.5", "2", "1.00000e+150", "0", "-0.25"]
    assert brief(math.inf) == "inf" and brief(1 + 2j) == "1+2j"
    assert brief(torch.tensor([1.0, 0.5])) == "[1, 0.5]"
    assert brief(np.zeros((3, 2))) == "(3, 2) array"
