"""The exact W₂ between an image on the line and points: against sums in rationals and quadrature."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from diracs.certificates.upper.nearest import nearest, rounded
from diracs.certificates.upper.nearest_line import UnitLineImage

DOMAIN = np.array([[-2.0], [6.0]])


def exact(values, domain, points):
    """Masses and W₂² of the Voronoi cells of distinct points, in rationals."""
    low, high = (Fraction(float(x)) for x in domain[:, 0])
    heights = [Fraction(float(v)) for v in values]
    width = (high - low) / len(heights)
    y = sorted(Fraction(float(p)) for p in points)
    borders = [low - 10**9, *((a + b) / 2 for a, b in pairwise(y)), high + 10**9]
    total = sum(heights) * width
    masses, square = [], Fraction(0)
    for level, a, b in zip(y, borders, borders[1:], strict=False):
        mass = Fraction(0)
        for i, height in enumerate(heights):
            left, right = max(a, low + i * width), min(b, low + (i + 1) * width)
            if right > left:
                mass += height * (right - left)
                square += height * ((right - level) ** 3 - (left - level) ** 3) / 3
        masses.append(mass / total)
    return masses, square / total


@pytest.mark.parametrize("seed", range(3))
def test_against_rationals_and_never_below(seed):
    rng = np.random.default_rng(seed)
    values = rng.random(20) ** 4 * (rng.random(20) < 0.7)
    values[3] = 1.0
    points = np.sort(rng.uniform(-4.0, 7.0, 8))
    for domain in (DOMAIN, DOMAIN + 1e6, DOMAIN * 1e-90):
        moved = domain[0, 0] + (points + 2.0) * (domain[1, 0] - domain[0, 0]) / 8.0
        law = UnitLineImage.of(values, domain)
        found = nearest(law, moved[:, None])
        masses, square = exact(values, domain, moved)
        np.testing.assert_allclose(found.masses, [float(m) for m in masses], rtol=1e-9, atol=1e-12)
        assert Fraction(found.w2) ** 2 >= square
        assert float(Fraction(found.w2) ** 2 / square) == pytest.approx(1.0, rel=1e-8 if domain[0, 0] > 1e5 else 1e-11)
        narrow, w2 = rounded(law, moved[:, None], found, np.float32)
        assert narrow.dtype == np.float32
        assert found.w2 <= w2 < found.w2 * (1 + 1e-3)


def test_against_quadrature():
    values, points = np.array([1.0, 0.0, 5.0, 2.0]), np.array([-1.5, 0.3, 2.9, 3.1])

    def density(x):
        return values[min(int((x + 2.0) / 2.0), 3)] / 16.0

    cuts = [-2.0, -0.6, 0.0, 1.6, 2.0, 3.0, 4.0, 6.0]
    square = sum(quad(lambda x: density(x) * ((x - points) ** 2).min(), a, b)[0] for a, b in pairwise(cuts))
    assert nearest(UnitLineImage.of(values, DOMAIN), points[:, None]).w2 == pytest.approx(np.sqrt(square), rel=1e-10)


def test_any_order_points_on_one_spot_and_points_far_away():
    values = np.random.default_rng(0).random(9)
    law = UnitLineImage.of(values, DOMAIN)
    points = np.array([[3.0], [-1.0], [1.0], [3.0], [1e200], [-1e15]])
    found, plain = nearest(law, points), nearest(law, np.array([[-1.0], [1.0], [3.0]]))
    assert found.w2 == pytest.approx(plain.w2, rel=1e-14)
    np.testing.assert_allclose(found.masses[[1, 2]], plain.masses[:2], rtol=1e-14)
    assert found.masses[0] + found.masses[3] == pytest.approx(plain.masses[2], rel=1e-14)
    np.testing.assert_array_equal(found.masses[4:], 0.0)
    with pytest.raises(ValueError, match="further"):
        nearest(law, np.array([[1e14]]))
