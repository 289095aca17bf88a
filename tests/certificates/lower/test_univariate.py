"""Lower bounds for univariate laws."""

import math

import numpy as np
import pytest
import scipy.stats as st

from diracs import quantize
from diracs.certificates.lower.univariate import sharpest_univariate_lower_bound, univariate_lower_bound
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.laws.convert import as_law

LAWS = [st.gamma(2.0), st.gamma(0.1), st.beta(0.3, 0.2), st.t(3.0), st.lognorm(1.0), st.gumbel_r(), st.invgauss(0.5)]


@pytest.mark.parametrize("n", [1, 2, 9, 100, 400])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.dist.name)
def test_close_below_the_optimum(law, n):
    q = quantize(law, n)
    assert (0.97 if n > 1 else 0.999) * q.w2 <= q.w2_lower <= q.w2


@pytest.mark.parametrize("n", [1, 5, 50, 300])
def test_the_optimum_of_a_uniform_law_is_known(n):
    """1/(2√3 n): no bound may be larger, and Shannon's is √(6/πe) of it."""
    unit = UnitUnivariate.of(as_law(st.uniform()))
    exact = 1.0 / (2.0 * math.sqrt(3.0) * n)
    for bound in (univariate_lower_bound(unit, n), sharpest_univariate_lower_bound(unit, n)):
        assert math.sqrt(6.0 / (math.pi * math.e)) * exact * (1 - 1e-6) <= bound <= exact


def test_units_and_places():
    small, large = (as_law(st.gamma(2.0, loc=loc, scale=s)) for loc, s in ((0.0, 1.0), (5e99, 1e100)))
    for n in (1, 20, 200):
        bounds = [sharpest_univariate_lower_bound(UnitUnivariate.of(law), n) for law in (small, large)]
        assert bounds[1] == pytest.approx(1e100 * bounds[0], rel=1e-12)


@pytest.mark.parametrize(("nu", "n"), [(2.01, 140), (2.1, 2), (2.1, 30), (2.1, 300), (2.3, 1000)])
def test_heavy_tails(nu, n):
    """Cells grow with the distance from the middle; only of ν = 2.01 much is beyond all numbers."""
    q = quantize(st.t(nu), n)
    with np.errstate(all="raise", under="ignore"):
        assert (0.9 if nu > 2.05 else 0.7) * q.w2 <= q.w2_lower <= q.w2
