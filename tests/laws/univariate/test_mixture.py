"""Mixtures of univariate laws: their functions and moments against SciPy and quadrature, and what takes them."""

import math
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats as st

from diracs import (
    Gaussian,
    GaussianMixture,
    Independent,
    Mixture,
    PointScheme,
    Quantization,
    SumOfDiracs,
    discretize,
    distance,
    optimal_transport_plan,
    quantize,
    recertify,
)
from diracs.laws.convert import as_law
from diracs.laws.univariate.families.mixture import UnivariateMixture
from diracs.laws.univariate.law import Univariate
from diracs.quantization.moment_matching import moments_of

PARTS = [st.gamma(2.0), st.norm(6.0, 0.3), st.t(3.0, loc=-4.0, scale=0.5)]
WEIGHTS = np.array([0.5, 0.2, 0.3])
LAW = Mixture(PARTS, WEIGHTS)
TWO = Mixture([st.uniform(0, 1), st.uniform(10, 1)])


def total(of):
    return sum(w * of(part) for w, part in zip(WEIGHTS, PARTS))


def cost(y, borders=None):
    """E |x − y|² by SciPy, cell by cell, those of Voronoi if no borders are given."""
    borders = 0.5 * y[1:] + 0.5 * y[:-1] if borders is None else borders
    ends = np.concatenate([[-math.inf], borders, [math.inf]])
    found = 0.0
    for seed, a, b in zip(y, ends[:-1], ends[1:]):
        for w, part in zip(WEIGHTS, PARTS):
            low, high = max(a, part.support()[0]), min(b, part.support()[1])
            cuts = [low, *(x for x in np.asarray(part.ppf([0.01, 0.99])) if low < x < high), high]
            for left, right in pairwise(cuts):
                if left < right:
                    found += w * scipy.integrate.quad(lambda x: (x - seed) ** 2 * part.pdf(x), left, right)[0]  # noqa: B023
    return found


def test_functions_are_weighted_sums():
    law = as_law(LAW)
    assert isinstance(law, Univariate) and isinstance(law.family, UnivariateMixture)
    loc, scale = law.placed
    x = np.linspace(-20.0, 20.0, 101)
    z = (x - loc) / scale
    np.testing.assert_allclose(law.heights(x), total(lambda part: part.pdf(x)), rtol=1e-12, atol=1e-30)
    np.testing.assert_allclose(law.family.cdf(z), total(lambda part: part.cdf(x)), rtol=1e-11)
    np.testing.assert_allclose(law.family.sf(z), total(lambda part: part.sf(x)), rtol=1e-11)
    mean = total(lambda part: part.mean())
    assert law.mean == pytest.approx(mean, rel=1e-13)
    assert law.variance == pytest.approx(total(lambda part: part.var() + (part.mean() - mean) ** 2), rel=1e-12)
    assert as_law(TWO).support == (0.0, 11.0)
    shares = np.array([1e-30, 1e-3, 0.2, 0.5])
    np.testing.assert_allclose(law.family.cdf(law.family.ppf(shares)), shares, rtol=1e-9)
    np.testing.assert_allclose(law.family.sf(law.family.isf(shares)), shares, rtol=1e-9)


def test_entropies():
    """Of parts apart h = Σ w h + H(w), of two that are one its own; a lower bound that is close."""
    apart = as_law(Mixture([st.laplace(0.0), st.norm(500.0, 2.0)], [1, 3])).entropy
    exact = 0.25 * st.laplace.entropy() + 0.75 * st.norm(0, 2.0).entropy() + float(st.entropy([0.25, 0.75]))
    assert exact - 1e-9 <= apart <= exact + 1e-12
    over = as_law(Mixture([st.norm(0.0), st.laplace(1.0)])).entropy

    def f(x):
        return 0.5 * st.norm.pdf(x) + 0.5 * st.laplace.pdf(x, 1.0)

    pieces = [scipy.integrate.quad(lambda x: -f(x) * np.log(f(x)), *ends)[0] for ends in ((-40, 0), (0, 1), (1, 50))]
    assert over == pytest.approx(sum(pieces), abs=1e-8)


@pytest.mark.parametrize("place", [0.0, 1e6])
def test_moments_are_within_their_error_bounds(place):
    """Places of parts are rounded, which is paid."""
    law = as_law(Mixture([st.laplace(place), st.norm(place + 0.1, 0.3), st.expon(place / 3)], [1, 2, 3]))
    y = place + np.array([-2.0, -0.3, 0.05, 0.2, 1.5])
    borders = place + np.array([-3.0, -1.0, 0.0, 0.1, 1.0, 4.0])
    found = law.moments(y, borders)
    with mp.workdps(30):
        at = mp.mpf(place)
        second = mp.mpf(st.norm(place + 0.1, 0.3).mean())

        def f(x):
            far = x - mp.mpf(place / 3)
            return (
                mp.exp(-abs(x - at)) / 12 + mp.npdf(x, second, mp.mpf(0.3)) / 3 + (mp.exp(-far) / 2 if far > 0 else 0)
            )

        for i, seed in enumerate(y):
            cuts = sorted({*map(float, borders[i : i + 2]), *(x for x in (0.0,) if borders[i] < x < borders[i + 1])})
            mass, square = (mp.quad(lambda x: f(x) * (x - seed) ** k, cuts) for k in (0, 2))  # noqa: B023
            assert abs(found.mass[i] - mass) <= found.mass_error[i] <= 1e-9
            assert abs(found.second[i] - square) <= found.second_error[i] <= 1e-9


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_quantized_exactly(n):
    q = quantize(LAW, n)
    y = q.positions[:, 0]
    assert q.exact and len(q) == n and q.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert float(q.w2) ** 2 == pytest.approx(cost(y), rel=1e-7)
    assert 0.95 * q.w2 <= q.w2_lower <= q.w2
    cells = UnivariateMixture.moments(q.distribution.family, *_unit(q))
    assert np.abs(cells.first / np.sqrt(cells.mass * cells.second)).max() < 1e-7


def _unit(q):
    loc, scale = q.distribution.placed
    y = (q.positions[:, 0] - loc) / scale
    return y, np.concatenate([[-np.inf], 0.5 * y[1:] + 0.5 * y[:-1], [np.inf]])


@pytest.mark.parametrize("m", [1, 3, 40, 100])
def test_modes_have_their_own_points(m):
    """Two intervals far apart with m points each: 1/12m²."""
    q = quantize(TWO, 2 * m)
    assert float(q.w2) == pytest.approx(12**-0.5 / m, rel=1e-6)  # masses on both sides of the gap
    assert (0.95 if m > 1 else 0.8) * q.w2 <= q.w2_lower <= q.w2
    w2 = 1.001 * float(q.w2)
    assert len(quantize(TWO, w2=w2)) <= 2 * m


def test_normal_laws_beside_others_and_by_themselves():
    """A mixture of one law is that law; Gaussians as univariate laws have the optimum of GaussianMixture."""
    assert float(quantize(Mixture([st.gamma(2), st.gamma(2)], [1, 3]), 9).w2) == pytest.approx(
        float(quantize(st.gamma(2), 9).w2), rel=1e-9
    )
    gaussians = GaussianMixture([[0.0], [4.0]], [1.0, 0.25], [1, 2])
    near = Mixture([gaussians, st.truncnorm(-9.0, 9.0)], [1.0, 1e-13])
    assert float(quantize(near, 12).w2) == pytest.approx(float(quantize(gaussians, 12).w2), rel=1e-6)


@pytest.mark.parametrize("power", [-150, -30, 30, 150])
def test_scales(power):
    scale = 10.0**power
    law = Mixture([st.gamma(2.0, scale=scale), st.norm(6 * scale, 0.3 * scale)], [1, 2])
    here = quantize(Mixture([st.gamma(2.0), st.norm(6, 0.3)], [1, 2]), 15)
    assert float(quantize(law, 15).w2) == pytest.approx(scale * float(here.w2), rel=1e-9)


def test_transport_to_it():
    y = np.array([-5.0, 0.0, 1.0, 6.0])
    masses = np.array([0.1, 0.4, 0.2, 0.3])
    diracs = SumOfDiracs(y[:, None], masses)
    root = scipy.optimize.brentq
    ends = [root(lambda x: total(lambda part: part.cdf(x)) - u, -50, 50, xtol=1e-13) for u in np.cumsum(masses)[:3]]  # noqa: B023
    assert float(distance(diracs, LAW)) == pytest.approx(cost(y, ends), rel=1e-7)
    plan = optimal_transport_plan(diracs, LAW)
    assert plan.converged
    np.testing.assert_allclose(plan.cell_masses, masses, rtol=1e-9)
    assert float(recertify(LAW, diracs).w2_given) ** 2 == pytest.approx(float(distance(diracs, LAW)), rel=1e-9)
    assert float(discretize(LAW, PointScheme(y[:, None])).w2) ** 2 == pytest.approx(cost(y), rel=1e-7)


def test_files_pictures_and_moments(tmp_path):
    pytest.importorskip("matplotlib")
    q = quantize(LAW, 8)
    q.plot()
    for name in ("q.json", "q.npz"):
        q.save(tmp_path / name)
        read = Quantization.load(tmp_path / name)
        assert read.distribution.family == q.distribution.family and repr(read.distribution) == repr(q.distribution)
        assert discretize(read.distribution, read.scheme).w2 == q.w2
    matched = quantize(LAW, 8, match_moments=True)
    mean, cov = moments_of(q.distribution)
    assert matched.weights @ matched.positions[:, 0] == pytest.approx(mean[0], abs=1e-12)
    assert matched.weights @ (matched.positions[:, 0] - mean[0]) ** 2 == pytest.approx(cov[0, 0], rel=1e-12)


def test_as_a_coordinate():
    q = quantize(Independent([TWO, st.uniform()]), 8, scheme="grid")
    one = quantize(TWO, 4), quantize(st.uniform(), 2)
    assert float(q.w2) ** 2 == pytest.approx(sum(float(p.w2) ** 2 for p in one), rel=1e-8)


def test_frameworks():
    torch = pytest.importorskip("torch")
    d = torch.distributions
    law = Mixture([d.Gamma(2.0, 1.0), d.Normal(torch.tensor(6.0), 0.3)], torch.tensor([1.0, 2.0]))
    q = quantize(law, 15)
    assert q.positions.dtype == torch.float32 == q.weights.dtype
    double = float(quantize(Mixture([st.gamma(2.0), st.norm(6.0, 0.3)], [1, 2]), 15).w2)
    assert double * (1 - 1e-9) <= float(q.w2) == pytest.approx(double, rel=1e-5)


def test_what_is_cut_into_cells():
    """Points among the parts, or very many of them."""
    atoms = Mixture([st.gamma(2), SumOfDiracs([[1.0]])])
    assert as_law(atoms) is atoms
    degenerate = Mixture([st.gamma(2), Gaussian(1.0, 0.0)])
    assert as_law(degenerate) is degenerate
    many = Mixture([st.gamma(2, loc=float(k)) for k in range(70)])
    assert as_law(many) is many
    assert quantize(atoms, 5).w2_lower <= quantize(atoms, 5).w2
