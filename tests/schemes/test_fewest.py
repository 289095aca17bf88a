"""The search for the fewest points: found whatever the errors, with few looks at them."""

import math

import pytest

from diracs.schemes.fewest import expected_number, fewest


def searched(error, target, most=100_000, dimension=2, **options):
    """What is found, and how many looks it took."""
    looks = []

    def at(n):
        looks.append(n)
        return error(n), n, n

    return fewest(at, target, most, dimension, **options), len(looks)


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("power", [0.3, 1.0, 1.8])
@pytest.mark.parametrize("number", [1, 2, 3, 7, 40, 555, 60_000])
@pytest.mark.parametrize("start", [1, 300])
def test_falling_errors(dimension, power, number, start):
    def error(n):
        return 3.0 * n ** (-power / dimension)

    found, looks = searched(error, error(number) * (1 + 1e-9), dimension=dimension, start=start)
    assert number <= found <= max(number, 1.021 * number)
    assert looks <= 12


def test_a_good_start_takes_one_look():
    error = lambda n: (n + 3.0) ** -0.5  # noqa: E731
    assert searched(error, error(1000) * 1.0001, start=1003) == (1003, 1)


def test_steps_plateaus_and_errors_of_zero():
    for width in (2, 5, 17):
        error = lambda n: (1 + (n - 1) // width) ** -0.5  # noqa: B023, E731
        for target in (0.9, 0.3, 0.1, 0.05):
            least = next(n for n in range(1, 10_000) if error(n) <= target)
            found, _ = searched(error, target)
            assert error(found) <= target
            assert least <= found <= max(least + 1, 1.05 * least)
    assert searched(lambda n: 0.0 if n >= 5 else 1.0, 1e-200)[0] == 5
    assert searched(lambda n: 1.0 if n < 700 else 1e-3, 0.01)[0] <= 714


def test_points_that_are_not_used_do_not_count():
    def at(n):
        used = 2 ** int(math.log2(n))
        return used**-0.5, used, used

    assert fewest(at, 0.1, 1000, 2) == 128
    assert fewest(at, 0.01, 1000, 2) is None


def test_none_where_errors_do_not_fall():
    assert searched(lambda n: 1.0, 0.99, most=50)[0] is None
    found, looks = searched(lambda n: 1.0, 0.99, most=100_000)
    assert found is None
    assert looks < 40


@pytest.mark.parametrize("dimension", [1, 2])
def test_expected_number_follows_boundaries_and_tails(dimension):
    seen = []

    def error(n):
        seen.append(n)
        x = n ** (-1.0 / dimension)
        return x * (1.0 - 0.3 * x)

    for number in (1, 2, 5, 19, 100, 2000, 90_000):
        seen.clear()
        found = expected_number(error, error(number) * (1 + 1e-9), 100_000, dimension)
        assert abs(found - number) <= 1 + 0.01 * number
        assert max(seen) <= max(8, number)
    assert expected_number(error, 1e-9, 1000, dimension) is None
