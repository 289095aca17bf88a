"""Univariate laws as targets: derivatives, Diracs without mass, barycenters, plans."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats as st
from optional import optional

from diracs import SumOfDiracs, barycenter, distance, optimal_transport_plan, quantize
from diracs.laws.convert import as_law
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.law import Univariate

torch = optional("torch")

LAPLACE = torch.distributions.Laplace


def tensor(x, grad=False):
    return torch.tensor(x, dtype=torch.float64, requires_grad=grad)


def test_one_dirac_costs_variance_and_square_of_the_distance():
    for law in (st.gamma(2.0, scale=3.0), st.t(2.5, loc=1.0), st.beta(0.2, 0.3)):
        found = distance(SumOfDiracs([[7.0]]), law)
        assert float(found) == pytest.approx(law.var() + (law.mean() - 7.0) ** 2, rel=1e-10)


def test_derivatives_in_location_and_scale():
    diracs = SumOfDiracs(tensor([[0.0], [3.0], [-1.0]]), tensor([0.2, 0.5, 0.3]))
    loc, scale = tensor(1.0, True), tensor(2.0, True)
    value = distance(diracs, LAPLACE(loc, scale))
    value.backward()
    at = lambda a, b: float(distance(diracs, LAPLACE(tensor(a), tensor(b))))  # noqa: E731
    h = 1e-4
    assert float(loc.grad) == pytest.approx((at(1 + h, 2.0) - at(1 - h, 2.0)) / (2 * h), rel=1e-6)
    assert float(scale.grad) == pytest.approx((at(1.0, 2 + h) - at(1.0, 2 - h)) / (2 * h), rel=1e-6)


def test_derivatives_in_positions_and_masses():
    positions = tensor([[0.1], [2.0], [5.0]], True)
    masses = tensor([0.2, 0.5, 0.3], True)
    law = torch.distributions.Gamma(tensor(2.0), tensor(0.7))
    assert torch.autograd.gradcheck(lambda y, m: distance(SumOfDiracs(y, m), law), (positions, masses), atol=1e-6)


def test_diracs_without_mass_have_no_cell():
    law = st.expon()
    plan = optimal_transport_plan(SumOfDiracs([[0.5], [1.0], [4.0]], [0.5, 0.0, 0.5]), law)
    assert plan.converged and plan.cell_masses.tolist()[1] == 0.0
    border = math.log(2.0)
    np.testing.assert_allclose(plan.barycenters[[0, 2], 0], [1.0 - border, 1.0 + border], rtol=1e-12)


def test_barycenter_of_two_laws_averages_quantiles():
    """Of N laws on the line quantile functions are averaged: means of cells too."""
    found = barycenter([st.expon(), st.uniform(10.0, 2.0)], 4, iterations=30).positions[:, 0]
    shares = np.arange(5) / 4
    exponential = [
        st.expon().expect(lambda x: x, lb=a, ub=b) * 4
        for a, b in zip(st.expon().ppf(shares)[:-1], [*st.expon().ppf(shares)[1:-1], 60.0])
    ]
    uniform = 10.0 + 2.0 * (shares[:-1] + 0.125)
    np.testing.assert_allclose(found, 0.5 * (np.array(exponential) + uniform), rtol=1e-6)


def test_far_seeds_of_heavy_tails():
    q = quantize(st.t(2.1), 300)
    assert np.abs(q.positions).max() > 1e30
    assert float(distance(q, st.t(2.1))) == pytest.approx(float(q.w2) ** 2, rel=1e-6)


def test_families_are_told_apart():
    y = SumOfDiracs([[1.0]])
    values = [float(distance(y, st.gamma(a))) for a in (1.0, 2.0, 1.0)]
    assert values[0] == values[2] != values[1]


@pytest.mark.parametrize("loc", [0.0, 1e7])
def test_moments_about_points_far_from_the_origin(loc):
    """`Univariate.moments` says what rounding of seeds and borders does."""
    law = Univariate(GeneralizedGamma(2.0), np.asarray(loc), np.asarray(1e-3))
    plain = as_law(st.gamma(2.0))
    y, b = (loc + 1e-3 * np.array(u) for u in ([0.3, 1.1, 4.0], [0.0, 0.7, 2.0, np.inf]))
    # What the numbers are in the unit of the law, exactly.
    off = lambda x: float((Fraction(float(x)) - Fraction(loc)) / Fraction(1e-3)) if np.isfinite(x) else x  # noqa: E731
    found, true = law.moments(y, b), plain.moments(np.array(list(map(off, y))), np.array(list(map(off, b))))
    assert (np.abs(found.mass - true.mass) <= found.mass_error + 1e-16).all()
    assert (np.abs(found.second * 1e6 - true.second) <= 1e6 * found.second_error).all()
    assert 0 < found.mass_error.max() < 1e-14
