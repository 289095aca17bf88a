"""The fewest points for an error: one search for products, planar points, the line and propagation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

# What is found needs no more than this share of points too many, beyond fifty points, where errors fall as expected.
_PRECISION = 0.02
# Numbers to try lie so much beyond the number expected, and are no more than so many times the last.
_MARGIN, _GROWTH = 0.003, 8
# After so many trials that follow the expectation the interval is halved.
_TRIALS = 6
# Powers of the points that the error falls with, in units of 1/d.
_LEAST_SLOPE, _MOST_SLOPE = 0.25, 2.0


def fewest(
    at: Callable[[int], tuple[float, int, Result]],
    target: float,
    most: int,
    dimension: int,
    *,
    start: int = 1,
    precision: float = _PRECISION,
) -> Result | None:
    """The result of about the fewest points whose error is at most `target`; None if `most` points are not enough.

    Parameters
    ----------
    at : callable
        For at most n points: the error, the number of points that were used, and the result.
    target : float
        Positive.
    most : int
    dimension : int
        In d dimensions errors fall like n^(−1/d) in the long run (Zador 1982); what is seen comes first.
    start : int
        The first number to try.
    precision : float
        The share of points that may be too many.

    Notes
    -----
    A secant method in the logarithms. It ends where a number is reached and hardly fewer are expected to be enough.
    """
    low, high = 0, most + 1
    best: Result | None = None
    n, slope, failures = max(1, min(start, most)), 1.0 / dimension, 0
    seen: tuple[float, float] | None = None
    for trial in range(10_000):
        error, count, result = at(n)
        here = math.log(count), math.log(max(error, 1e-300) / target)
        if seen is not None and here[0] != seen[0]:
            fall = -(here[1] - seen[1]) / (here[0] - seen[0])
            slope = min(max(fall, _LEAST_SLOPE / dimension), _MOST_SLOPE / dimension)
        seen = here
        expected = math.exp(min(here[0] + here[1] / slope, 50.0))
        if error <= target:
            high, best, failures = min(high, count), result, 0
            if high - expected <= max(0.75, precision * high):
                break
        else:
            low, failures = max(low, n), failures + 1
            if low >= most:
                break
        if high - low <= max(1.0, precision * high):
            break
        guess = math.ceil(expected * (1.0 + _MARGIN))
        if high > most:
            # Where errors do not fall as expected, steps grow.
            guess = min(max(guess, low + int(0.01 * low * 2.0**failures)), _GROWTH * low, most)
        elif trial >= _TRIALS:
            guess = math.ceil(math.sqrt(max(low, 1) * high))
        n = min(max(guess, low + 1), high - 1)
    return best


def expected_number(error: Callable[[int], float], target: float, most: int, dimension: int) -> int | None:
    """About the fewest points of optimal quantizers of an error of at most `target`; None if clearly beyond `most`.

    Of optimal quantizers n^(1/d) times the error tends to a limit (Zador 1982), from which it differs by about a
    multiple of n^(−1/d), for boundaries and tails. Looked at are 2, 8, 32, … points, up to a quarter of the answer.
    """
    n, before, scaled_before = 1, 1.0, error(1)
    if scaled_before <= target:
        return 1
    while True:
        n = 2 if n == 1 else min(4 * n, most)
        found = error(n)
        if not found > 0:
            return n
        here, scaled = n ** (-1.0 / dimension), n ** (1.0 / dimension) * found
        tilt = (scaled - scaled_before) / (here - before)
        # scaled + tilt (x − here) = target / x, with x = m^(−1/d) for m points.
        x = here
        for _ in range(60):
            level = max(scaled + tilt * (x - here), 0.25 * scaled)
            x = min(target / level, before)
        number = max(1, math.ceil(x ** -float(dimension)))
        # Until each of several clusters has its points errors fall faster, and say nothing of what follows.
        early = found > target and number <= n
        if (number <= 5 * n and not early) or n == most:
            return number if number <= 1.2 * most else None
        before, scaled_before = here, scaled
