"""Lower bounds for images: below what points reach, and tight where the truth is known."""

import numpy as np
import pytest

from diracs import PolynomialGrid, quantize
from diracs.certificates.lower.image import image_lower_bound

SQUARE = np.array([[0.0, 0.0], [1.0, 1.0]])


SPOTS = np.zeros((20, 20))
SPOTS[2:5, 2:4], SPOTS[12:18, 13:19] = 1.0, 5.0
RANDOM = np.random.default_rng(1).random((12, 9))
IMAGES = {"uniform": np.ones((3, 2)), "random": RANDOM, "peaks": np.kron(RANDOM, np.ones((2, 2))) ** 6, "two": SPOTS}


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        *((kind, 1) for kind in IMAGES),
        ("uniform", 2),
        ("random", 3),
        ("peaks", 2),
        ("two", 2),
        *(pytest.param(kind, n, marks=pytest.mark.slow) for kind in IMAGES for n in (10, 100)),
    ],
)
def test_below_the_optimum_of_images_of_every_kind(kind, n):
    q = quantize(PolynomialGrid(IMAGES[kind], [[0.0, 0.0], [2.0, 1.0]]), n)
    assert 0 < q.w2_lower <= q.w2


def test_one_point_is_the_deviation_and_two_lose_an_axis():
    values = np.array([[1.0, 3.0], [2.0, 2.0]])
    masses = values / values.sum()
    x = np.array([0.25, 0.75])
    variance = [m @ x**2 - (m @ x) ** 2 + 0.25 / 12 for m in (masses.sum(axis=1), masses.sum(axis=0))]
    assert image_lower_bound(values, SQUARE, 1) == pytest.approx(np.sqrt(sum(variance)), rel=1e-9)
    assert image_lower_bound(np.ones((1, 50)), np.array([[0.0, 0.0], [1e-3, 1.0]]), 2) > 1e-3 / np.sqrt(12.1)


def test_the_uniform_law_is_within_a_percent_of_hexagons():
    for n in (500, 5000):
        hexagons = np.sqrt(5.0 / (18.0 * np.sqrt(3.0)) / n)
        assert 0.99 * hexagons < image_lower_bound(np.ones((8, 8)), SQUARE, n) < hexagons


def test_units_and_the_line():
    values = np.random.default_rng(0).random((6, 6))
    one = image_lower_bound(values, SQUARE, 20)
    for unit in (1e-140, 1e140):
        assert image_lower_bound(values * 1e300, SQUARE * unit, 20) == pytest.approx(one * unit, rel=1e-12)
    # n intervals of the uniform law on [0, 1].
    assert image_lower_bound(np.ones(5), np.array([[0.0], [1.0]]), 10) == pytest.approx(0.1 / np.sqrt(12), rel=1e-9)
