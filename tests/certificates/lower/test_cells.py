"""Lower bounds for laws that are cut into cells: below what any points reach, and near what is known."""

import math

import numpy as np
import pytest
import scipy.stats as st

from diracs import Elliptical, Gaussian, Independent, Mixture, PolynomialGrid, SumOfDiracs, quantize
from diracs.certificates.lower.cells import cells_lower_bound
from diracs.certificates.lower.mixture import lower_bound
from diracs.laws.balls import Balls
from diracs.laws.convert import as_law


def test_normal_coordinates_have_the_bound_of_their_normal_law():
    """Water-filling over the axes of a diagonal covariance, for which both bounds are that of rate–distortion."""
    variances = np.array([4.0, 1.0, 0.01])
    law = Independent([st.norm(0, v**0.5) for v in variances])
    for n in (2, 5, 100, 10_000):
        theta = np.full(3, np.nan)
        for active in (1, 2, 3):
            level = math.exp((np.log(variances[:active]).sum() - 2 * math.log(n)) / active)
            if level <= variances[active - 1]:
                theta = np.where(np.arange(3) < active, level, variances)
        assert cells_lower_bound(law, n) ** 2 == pytest.approx(theta.sum(), rel=1e-6)
        assert cells_lower_bound(law, n) <= theta.sum() ** 0.5


def test_shannon_for_a_skew_matrix():
    """All axes active: d/(2πe) exp(2(Σ h + ln|det B| − ln n)/d)."""
    matrix = np.array([[1.0, 0.7], [-0.2, 0.9]])
    entropy = st.gamma(2).entropy() + st.laplace().entropy() + math.log(abs(np.linalg.det(matrix)))
    exact = 2 / (2 * math.pi * math.e) * math.exp(entropy - math.log(50))
    law = Independent([st.gamma(2), st.laplace()], matrix)
    assert cells_lower_bound(law, 50) ** 2 == pytest.approx(exact, rel=1e-6)
    # One more column adds to the law, and takes nothing away.
    assert (
        cells_lower_bound(Independent([*law.laws, st.norm()], [[1.0, 0.7, 0.1], [-0.2, 0.9, 0.1]]), 50) ** 2
        >= exact * 0.9
    )


@pytest.mark.parametrize("n", [1, 2, 10, 60])
def test_below_what_points_reach(n):
    rng = np.random.default_rng(2)
    laws = [
        Independent([st.gamma(2), st.uniform(), st.expon()], rng.normal(size=(2, 3))),
        Independent([st.gamma(2), st.beta(0.5, 0.5)], [[1.0, 1.0], [1.0, 1.0]]),
        Elliptical(st.gamma(0.5), [0.0, 1.0], [[1.0, 0.2], [0.2, 0.1]]),
        as_law(st.multivariate_t([0.0, 0.0], np.eye(2), df=2.5)),
        Mixture([Gaussian([0.0, 0.0], 1.0), SumOfDiracs(rng.normal(size=(30, 2))), Balls([[5.0, 5.0]], 1.0)]),
        Balls([[0.0, 0.0], [0.5, 0.0]], 1.0),
        PolynomialGrid.from_histogram(rng.random((2, 3)), [[0, 1, 5], [0, 1, 2, 7]]),
        PolynomialGrid(rng.random((2, 2, 2, 2))),
    ]
    for law in laws:
        assert 0 < cells_lower_bound(law, n) <= quantize(law, n).w2


def test_elliptical_laws_are_mixtures_of_scales():
    """E s² times the bound for the normal law."""
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    law = Elliptical(st.gamma(3), [0.0, 0.0], cov)
    values = np.linalg.eigvalsh(cov)
    for n in (20, 1000):
        exact = (3 + 9) * 2 * math.sqrt(values.prod()) / n
        assert cells_lower_bound(law, n) ** 2 == pytest.approx(exact, rel=1e-8)


def test_histograms_and_balls_by_their_entropies():
    law = PolynomialGrid.from_histogram([[1, 0], [2, 1]], [[0, 1, 4], [0, 2, 3]])
    mass, volume = np.array([0.25, 0.5, 0.25]), np.array([2.0, 6.0, 3.0])
    entropy = -(mass * np.log(mass / volume)).sum()
    assert cells_lower_bound(law, 30) ** 2 == pytest.approx(math.exp(entropy) / (math.pi * math.e * 30), rel=1e-9)
    ball = Balls([[0.0, 0.0, 0.0]], 2.0)
    volume = 4 / 3 * math.pi * 8
    exact = 3 / (2 * math.pi * math.e) * (volume / 30) ** (2 / 3)
    assert cells_lower_bound(ball, 30) ** 2 == pytest.approx(exact, rel=1e-9)


def test_parts_of_a_mixture_add():
    part, other = Gaussian([0.0, 0.0], 1.0), Independent([st.uniform(), st.uniform()])
    squares = [lower_bound(np.zeros((1, 2)), np.eye(2)[None], np.ones(1), 9) ** 2, cells_lower_bound(other, 9) ** 2]
    law = Mixture([part, other], [1, 3])
    assert cells_lower_bound(law, 9) ** 2 == pytest.approx(0.25 * squares[0] + 0.75 * squares[1], rel=1e-9)


class Nothing:
    ndim = 1

    def cells(self, count):
        return np.ones(1), np.zeros((1, 1)), np.zeros(1)


def test_nothing_is_known_of_other_laws():
    assert cells_lower_bound(Nothing(), 3) == 0.0
