"""Optimal levels of univariate laws."""

import math

import numpy as np
import pytest
import scipy.stats as st

from diracs.codebooks.normal import normal_levels
from diracs.codebooks.univariate import companded_standard_levels, optimal_standard_levels
from diracs.laws.univariate.families.beta import Beta
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.families.numeric import FromFunctions
from diracs.laws.univariate.families.powers import LogNormal, Pareto
from diracs.laws.univariate.families.simple import Gumbel, Laplace, Logistic, Triangular, Uniform
from diracs.laws.univariate.families.student import Student

LAWS = [
    GeneralizedGamma(2.0),
    GeneralizedGamma(0.1),
    GeneralizedGamma(1.0, 0.6),
    Beta(2.0, 3.0),
    Beta(0.1, 0.2),
    Student(5.0),
    LogNormal(1.0),
    Pareto(4.0),
    TruncatedNormal(-1.0, 2.0),
    Laplace(),
    Logistic(),
    Gumbel(),
    Triangular(0.3),
]


def panter_dite(law):
    """lim n² D = (∫ f^{1/3})³/12, by sums over fine cells."""
    shares = np.concatenate([2.0 ** -np.linspace(1, 60, 40_000)[::-1], 1 - 2.0 ** -np.linspace(1, 40, 20_000)])
    z = np.concatenate([law.ppf(shares[:40_000]), law.isf(2.0 ** -np.linspace(1, 60, 40_000))])
    low, high = law.support
    z = np.unique(np.concatenate([[x for x in (low, high) if math.isfinite(x)], z]))
    return np.cbrt(law.heights(0.5 * z[1:] + 0.5 * z[:-1])) @ np.diff(z)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_thousand_levels_come_near_their_asymptotic_error(law):
    y, square = optimal_standard_levels(law, 1000)
    assert len(y) == 1000
    limit = panter_dite(law) ** 1.5 / math.sqrt(12.0) / 1000
    assert 0.985 * limit <= math.sqrt(square) <= 1.005 * limit


@pytest.mark.parametrize("n", [1, 2, 3, 10, 77])
@pytest.mark.parametrize("law", [*LAWS, Student(2.1)], ids=str)
def test_levels_are_barycenters_of_their_cells(law, n):
    y, square = optimal_standard_levels(law, n)
    found = law.moments(y, np.concatenate([[-np.inf], 0.5 * y[:-1] + 0.5 * y[1:], [np.inf]]))
    assert len(y) == n and square == pytest.approx(found.second.sum(), rel=1e-14)
    radius = np.sqrt(found.second / found.mass)
    assert np.abs(found.first / found.mass / radius).max() < 1e-7


def test_known_optima():
    for n in (1, 2, 7, 100):
        assert optimal_standard_levels(Uniform(), n)[1] == pytest.approx(1 / (12 * n**2), rel=1e-13)
        y, square = optimal_standard_levels(TruncatedNormal(-math.inf, math.inf), n)
        np.testing.assert_allclose(y, normal_levels(n)[0], atol=1e-9)
        assert square == pytest.approx(normal_levels(n)[1], rel=1e-12)
    # Two levels of Laplace's law are ±1: barycenters of halves.
    np.testing.assert_allclose(optimal_standard_levels(Laplace(), 2)[0], [-1.0, 1.0], rtol=1e-12)
    # Of f = z^{b−1}b, one level is the mean.
    np.testing.assert_allclose(optimal_standard_levels(Beta(0.1, 1.0), 1)[0], [0.1 / 1.1], rtol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("law", [Beta(0.1, 0.2), GeneralizedGamma(0.1), LogNormal(2.0)], ids=str)
def test_no_other_start_ends_lower(law, n):
    best = optimal_standard_levels(law, n)[1]
    rng = np.random.default_rng(0)
    for _ in range(6):
        y = np.sort(np.asarray(law.ppf(rng.random(n))))
        for _ in range(300):
            found = law.moments(y, np.concatenate([[-np.inf], 0.5 * y[:-1] + 0.5 * y[1:], [np.inf]]))
            y = y + np.divide(found.first, found.mass, out=np.zeros(n), where=found.mass > 0)
        assert best <= found.second.sum() * (1 + 1e-9)


def test_densities_with_gaps_and_poles_in_between():
    """Two pieces far apart, the number of levels of each being a matter of their masses; no level stays in the gap."""
    histogram = st.rv_histogram(
        (np.array([3.0, 1.0, 0.0, 0.0, 5.0]), np.array([0.0, 1.0, 2.0, 50.0, 99.0, 100.0])), density=True
    )
    law = FromFunctions(histogram)
    for n in (2, 3, 10):
        y, square = optimal_standard_levels(law, n)
        assert len(y) == n and not ((y > 2) & (y < 99)).any()
        x = np.sort(histogram.rvs(size=20_000, random_state=np.random.default_rng(n)))
        assert square == pytest.approx((np.abs(x[:, None] - y).min(axis=1) ** 2).mean(), rel=0.05)
    # Arcsine's law twice, with a pole in between, where one level for both halves saves half of one.
    y, square = optimal_standard_levels(FromFunctions(_Double()), 40)
    one = optimal_standard_levels(Beta(0.5, 0.5), 20)[1]
    assert 0.95 * one < square < one * (1 - 1e-3)
    x = st.arcsine.rvs(size=100_000, random_state=np.random.default_rng(0)) * np.tile([-1, 1], 50_000)
    squares = np.abs(x[:, None] - y).min(axis=1) ** 2
    assert square == pytest.approx(squares.mean(), abs=4 * squares.std() / math.sqrt(len(x)))


class _Double:
    def support(self):
        return -1.0, 1.0

    def pdf(self, x):
        return 0.5 * st.arcsine.pdf(np.abs(x))

    def cdf(self, x):
        return np.where(x < 0, 0.5 * st.arcsine.sf(-x), 0.5 + 0.5 * st.arcsine.cdf(x))

    def sf(self, x):
        return self.cdf(-np.asarray(x))

    def ppf(self, q):
        q = np.asarray(q)
        return np.where(q < 0.5, -st.arcsine.isf(np.minimum(2 * q, 1)), st.arcsine.ppf(np.maximum(2 * q - 1, 0)))

    def isf(self, q):
        return -self.ppf(q)


def test_heavy_tails_are_followed_to_their_ends():
    """Of |z|^{−3.1} the last of many optimal levels lies where hardly anything is, but for its square."""
    y, square = optimal_standard_levels(Student(2.1), 300)
    start = companded_standard_levels(Student(2.1), 300)
    assert y[-1] > 1e30 and start[-1] > 1e20
    np.testing.assert_allclose(y, -y[::-1], rtol=1e-6, atol=1e-9)
    assert square < Student(2.1).variance / 100
