"""Moments of intervals and their error bounds, against quadrature of the density in 40 digits."""

import math
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import scipy.stats as st

from diracs.laws.univariate.families.beta import Beta
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.families.numeric import FromScipy
from diracs.laws.univariate.families.powers import LogNormal, Pareto
from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.families.simple import Gumbel, Laplace, Logistic, Triangular, Uniform
from diracs.laws.univariate.families.student import Student

INF = math.inf
with mp.workdps(25):
    NODES = mp.calculus.quadrature.GaussLegendre(mp.mp).calc_nodes(4, mp.mp.prec)


def generalized_gamma(a, k):
    return lambda z, *_: k * z ** (k * a - 1) * mp.exp(-(z**k)) / mp.gamma(a)


def beta(a, b):
    return lambda z, end, off: z ** (a - 1) * ((1 - end) - off) ** (b - 1) / mp.beta(a, b)


def truncated_normal(low, high):
    whole = mp.ncdf(high) - mp.ncdf(low) if low < 0 else mp.ncdf(-low) - mp.ncdf(-high)
    return lambda z, *_: mp.npdf(z) / whole


GAMMAS = [(2.0, 1.0), (1.0, 1.0), (0.1, 1.0), (0.01, 1.0), (40.5, 1.0), (1e4, 1.0), (1.0, 0.4), (1.0, 3.5), (1.5, 2.0)]
GAMMAS += [(200.0, 2.0), (0.3, 0.5)]
# The standard law, its density in any precision, and the law of scipy. The density takes z = end + off as well: beside
# 1 it wants the distance from there.
CASES = {
    **{
        f"gamma({a}, {k})": (GeneralizedGamma(a, k), (generalized_gamma, a, k), st.gengamma(a, k))
        for a, k in GAMMAS
    },
    **{
        f"beta({a}, {b})": (Beta(a, b), (beta, a, b), st.beta(a, b))
        for a, b in [(2.0, 3.0), (0.1, 0.2), (0.5, 0.5), (1.0, 1.0), (1e3, 2e3), (0.3, 50.0), (7.0, 0.05)]
    },
    **{
        f"t({nu})": (Student(nu), (lambda nu: lambda z, *_: (1 + z * z / nu) ** (-(nu + 1) / 2)
                                   / (mp.sqrt(nu) * mp.beta(nu / 2, mp.mpf(1) / 2)), nu), st.t(nu))
        for nu in (2.1, 3.0, 8.0, 1e3)
    },
    **{
        f"lognormal({s})": (LogNormal(s), (lambda s: lambda z, *_: mp.npdf(mp.log(z) / s) / (s * z), s), st.lognorm(s))
        for s in (1.0, 0.01, 3.0)
    },
    **{
        f"pareto({b})": (Pareto(b), (lambda b: lambda z, *_: b * z ** (-b - 1), b), st.pareto(b))
        for b in (2.1, 5.0, 300.0)
    },
    **{
        f"normal({a}, {b})": (TruncatedNormal(a, b), (truncated_normal, a, b), st.truncnorm(a, b))
        for a, b in [(-1.0, 2.0), (0.0, INF), (-INF, INF), (30.0, INF), (-5.0, -4.999)]
    },
    "uniform": (Uniform(), (lambda: lambda z, *_: mp.mpf(1),), st.uniform()),
    "triangular": (
        Triangular(0.3),
        (lambda c: lambda z, *_: 2 * z / c if z < c else 2 * (1 - z) / (1 - c), 0.3),
        st.triang(0.3),
    ),
    "laplace": (Laplace(), (lambda: lambda z, *_: mp.exp(-abs(z)) / 2,), st.laplace()),
    "logistic": (Logistic(), (lambda: lambda z, *_: mp.sech(z / 2) ** 2 / 4,), st.logistic()),
    "gumbel": (Gumbel(), (lambda: lambda z, *_: mp.exp(-z - mp.exp(-z)),), st.gumbel_r()),
    "gumbel, reflected": (Reflected(Gumbel()), (lambda: lambda z, *_: mp.exp(z - mp.exp(z)),), st.gumbel_l()),
    "inverse gaussian": (
        FromScipy("invgauss", (0.5,)),
        (lambda m: lambda z, *_: mp.exp(-((z - m) ** 2) / (2 * z * m**2)) / mp.sqrt(2 * mp.pi * z**3), 0.5),
        st.invgauss(0.5),
    ),
}  # fmt: skip
ENDS = {Triangular: [0.3], Laplace: [0.0]}
POLES = {GeneralizedGamma: lambda law: (law.alpha * law.power, 1.0), Beta: lambda law: (law.a, law.b)}


def cells_of(law):
    """Borders (m + 1,) and seeds (m,): ends, tails, cells that are wide and cells that are narrow."""
    low, high = law.support
    shares = np.array([1e-12, 1e-3, 0.3, 0.3 + 1e-4, 0.3 + 1.01e-4, 0.8, 1 - 1e-6])
    inner = np.clip(np.asarray(law.ppf(shares)), low, high)
    middle = float(np.asarray(law.ppf(np.array([0.5])))[0])
    inner = np.unique(inner if low < 0 else np.maximum(inner, low + 1e-22))
    begin = low if math.isfinite(low) else inner[0] - 1e-3 * (middle - inner[0])
    end = high if math.isfinite(high) else inner[-1] + 2.0 * (inner[-1] - middle)
    borders = np.unique(np.concatenate([[begin], inner, [end]]))
    return borders, borders[:-1] + np.diff(borders) * np.linspace(-0.2, 1.1, len(borders) - 1)


def power_at(pole):
    """p for which t^p makes z^{pole − 1} dz smooth."""
    inverse = 1.0 / min(pole, 1.0)
    return inverse if inverse == round(inverse) else 4.0 * inverse


def integrals(f, law, a, b, seed):
    """∫ (z − y)^k f over [a, b], k = 0, 1, 2, by 24 nodes on pieces; poles at ends of the support are taken out."""
    edges = [float(x) for x in law.edges()]
    towards = [] if type(law) not in POLES else [x for j in range(75) for x in (2.0**-j, 1.0 - 2.0**-j)]
    points = sorted({a, b, *(x for x in [*ENDS.get(type(law), []), *edges, *towards] if a < x < b)})
    total = [mp.mpf(0)] * 3
    poles = dict(zip(law.support, POLES.get(type(law), lambda law: (1.0, 1.0))(law)))
    for left, right in pairwise(points):
        # From the end with a pole z = end + width·t^p, dz = p t^{p−1} width dt.
        end = right if right == law.support[1] else left
        width, power = (
            (mp.mpf(left) if end == right else mp.mpf(right)) - end,
            mp.mpf(power_at(poles.get(end, 1.0))),
        )
        cuts = [0, 1] if power == 1 else [0.0, 0.5, 0.8, 0.95, 1.0]
        for begin, length in zip(cuts, np.diff(cuts)):
            for node, weight in NODES:
                t = begin + length * (1 + node) / 2
                off = width * t**power
                value = f(end + off, mp.mpf(end), off) * power * t ** (power - 1) * weight / 2 * length * abs(width)
                total = [x + value * (end - seed + off) ** k for k, x in enumerate(total)]
    return total


@pytest.mark.parametrize("name", CASES)
def test_moments_are_within_their_error_bounds(name):
    law, (density, *shapes), _ = CASES[name]
    borders, y = cells_of(law)
    found = law.moments(y, borders)
    with mp.workdps(25):
        f = density(*[mp.mpf(s) for s in shapes])
        for i, seed in enumerate(y):
            a, b = float(borders[i]), float(borders[i + 1])
            mass, first, second = integrals(f, law, a, b, mp.mpf(float(seed)))
            assert abs(found.mass[i] - mass) <= found.mass_error[i], (a, b)
            assert abs(found.second[i] - second) <= found.second_error[i], (a, b)
            assert abs(found.first[i] - first) <= 4 * mp.sqrt(found.mass_error[i] * found.second_error[i]), (a, b)


@pytest.mark.parametrize("name", CASES)
def test_error_bounds_are_small(name):
    """A few roundings of the whole, times what points near the middle are resolved by."""
    law = CASES[name][0]
    y = np.asarray(law.ppf((np.arange(30) + 0.5) / 30))
    y = np.unique(y)
    found = law.moments(y, np.concatenate([law.support[:1], 0.5 * y[:-1] + 0.5 * y[1:], law.support[1:]]))
    unresolved = 1e-16 * (1.0 + abs(law.mean)) / math.sqrt(law.variance)
    assert found.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.mass_error.sum() <= 2e-11 + 100 * unresolved
    assert found.second_error.sum() <= (2e-11 + 100 * unresolved) * found.second.sum()


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("normal(-5")])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::scipy.integrate.IntegrationWarning")
def test_functions_are_those_of_scipy(name):
    law, _, other = CASES[name]
    shares = np.array([1e-6, 0.1, 0.5, 0.9])
    with np.errstate(all="ignore"):  # scipy's searches for ends
        z, right = np.asarray(other.ppf(shares)), np.asarray(other.isf(shares))
    np.testing.assert_allclose(law.cdf(z), other.cdf(z), rtol=1e-7)
    np.testing.assert_allclose(law.sf(z), other.sf(z), rtol=1e-6)
    np.testing.assert_allclose(law.ppf(shares), z, rtol=2e-6, atol=1e-12)
    np.testing.assert_allclose(law.isf(shares), right, rtol=1e-6, atol=1e-12)
    inside = z[(z > law.support[0]) & (z < law.support[1])]
    np.testing.assert_allclose(law.heights(inside), other.pdf(inside), rtol=1e-7)
    if "inf" not in name:  # scipy's truncated normal laws cancel there
        assert law.mean == pytest.approx(float(other.mean()), rel=1e-9, abs=1e-12)
        assert law.variance == pytest.approx(float(other.var()), rel=1e-7)
        assert law.entropy == pytest.approx(float(other.entropy()), abs=3e-6)
    low, high = law.support
    outside = np.array([x for x in (low - 1.0, high + 1.0) if math.isfinite(x)])
    assert not law.heights(outside).any()


def test_a_truncated_normal_far_out_has_the_moments_of_its_expansion():
    """Beyond a = 30 the mean is a + 1/a − 2/a³ + 10/a⁵ − …, the variance 1/a² − 6/a⁴ + 50/a⁶ − …."""
    law, a = TruncatedNormal(30.0, INF), 30.0
    assert law.mean == pytest.approx(a + 1 / a - 2 / a**3 + 10 / a**5 - 74 / a**7 + 706 / a**9, rel=1e-12)
    assert law.variance == pytest.approx(1 / a**2 - 6 / a**4 + 50 / a**6 - 518 / a**8, rel=1e-5)


def test_infinite_variances_are_known():
    assert Student(2.0).variance == Student(1.0).variance == Pareto(2.0).variance == INF
