"""Discrete laws of scipy.stats: atoms, with what they are off by."""

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.stats as st

from diracs import SumOfDiracs, quantize, recertify
from diracs.laws.univariate.discrete import atoms_of
from diracs.quantization.discrete import lowered, raised

LAWS = [
    st.poisson(3.5),
    st.poisson(200.0, loc=-7),
    st.binom(20, 0.3),
    st.geom(0.2),
    st.nbinom(3, 0.4),
    st.randint(2, 9),
    st.hypergeom(50, 10, 20),
    st.bernoulli(0.3),
    st.skellam(3.0, 4.0),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.dist.name)
def test_atoms_have_the_moments_of_the_law(law):
    atoms = atoms_of(law)
    k, p = atoms.diracs.positions[:, 0], atoms.diracs.weights
    assert p @ k == pytest.approx(law.mean(), rel=1e-12)
    assert p @ (k - law.mean()) ** 2 == pytest.approx(law.var(), rel=1e-12)
    assert atoms.beyond**2 < 1e-28 * law.var() and atoms.moved < 1e-9


@pytest.mark.parametrize("mean", [0.01, 3.5, 1e4])
def test_masses_are_as_exact_as_is_paid_for(mean):
    k = np.unique(st.poisson(mean).ppf([1e-9, 1e-3, 0.3, 0.9, 1 - 1e-9])).astype(int)
    with mp.workdps(30):
        for i in k.tolist():
            exact = mp.exp(-mp.mpf(mean)) * mp.mpf(mean) ** i / mp.factorial(i)
            assert abs(st.poisson(mean).pmf(i) / exact - 1) < 1e-12 + 2e-15 * mean * math.log1p(mean)


def test_poisson_against_exact_sums():
    """E minᵢ |X − yᵢ|² in 30 digits, of a sum that goes further than the atoms kept."""
    law = st.poisson(3.5)
    q = quantize(law, 4)
    y = q.positions[:, 0]
    with mp.workdps(30):
        exact = mp.nsum(
            lambda k: mp.exp(-3.5) * mp.mpf(3.5) ** k / mp.factorial(k) * min((k - mp.mpf(float(v))) ** 2 for v in y),
            [0, 80],
        )
    assert float(q.w2) ** 2 == pytest.approx(float(exact), rel=1e-10) and float(q.w2) ** 2 >= exact
    assert isinstance(q.distribution.ndim, int) and q.exact
    found = recertify(law, q)
    assert found.w2 == pytest.approx(float(q.w2), rel=1e-9) and found.w2_given >= found.w2 * (1 - 1e-12)


def test_as_many_points_as_atoms_cost_what_their_masses_are_off_by():
    q = quantize(st.binom(6, 0.5), 7)
    assert len(q) == 7 and 1e-7 < float(q.w2) < 1e-5
    np.testing.assert_allclose(np.sort(q.positions[:, 0]), np.arange(7.0))
    assert float(quantize(st.binom(60, 0.5), w2=0.5).w2) <= 0.5
    with pytest.raises(ValueError, match="rounding of the law's masses"):
        quantize(st.binom(6, 0.5), w2=1e-9)


def test_bounds_for_atoms_and_for_the_law_are_inverse():
    atoms = atoms_of(st.geom(0.01))
    for w2 in (1e-3, 0.3, 50.0):
        assert raised(np.float64(lowered(w2, atoms)), atoms) == pytest.approx(w2, rel=1e-11)
        assert raised(np.float64(lowered(w2, atoms)), atoms) <= w2


def test_what_is_refused():
    for law, said in ((st.zipf(2.5), "second moment"), (st.zipf(3.5), "atoms"), (st.poisson([1.0, 2.0]), "batch")):
        with pytest.raises(ValueError, match=said):
            quantize(law, 3)
    assert atoms_of(SumOfDiracs([[0.0]])) is None and atoms_of(3) is None
    assert math.isfinite(float(quantize(st.poisson(2.0), 3, match_moments=True).w2))
