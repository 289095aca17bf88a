"""Points without repetitions along a curve."""

import numpy as np
import pytest

from diracs import _core


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e12])
def test_each_spot_comes_once_with_its_first_point(d, scale):
    rng = np.random.default_rng(d)
    points = scale * rng.random((3000, d))
    points[rng.integers(0, 3000, 900)] = points[rng.integers(0, 3000, 900)]
    points[7] = points[9] = [0.0] * d
    points[11] = [-0.0] * d
    first, place = _core.spots(points)
    np.testing.assert_array_equal(points[first][place], points)
    assert len(np.unique(points, axis=0)) == len(first)
    earliest = np.full(len(first), 3000)
    np.minimum.at(earliest, place, np.arange(3000))
    np.testing.assert_array_equal(first, earliest)


def test_neighbours_on_the_curve_are_near():
    points = np.random.default_rng(0).random((10_000, 2))
    first, _ = _core.spots(points)
    # The curve has about one step of the mean distance for each point; in random order steps are half of the side.
    assert np.linalg.norm(np.diff(points[first], axis=0), axis=1).mean() < 0.015


def test_bad_points_are_refused():
    for points in (np.zeros((3, 1)), np.zeros((3, 4)), np.full((2, 2), np.inf)):
        with pytest.raises(ValueError, match="points"):
            _core.spots(points)
    first, place = _core.spots(np.zeros((0, 2)))
    assert len(first) == len(place) == 0
