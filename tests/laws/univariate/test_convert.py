"""Laws of scipy.stats and torch.distributions, each made by its library."""

import math

import numpy as np
import pytest
import scipy.stats as st
from optional import optional

from diracs import quantize
from diracs.laws.convert import ACCEPTED, as_law, as_mixture
from diracs.laws.gaussian import Gaussian
from diracs.laws.univariate.families.numeric import FromFunctions, FromScipy
from diracs.laws.univariate.families.student import Student
from diracs.laws.univariate.law import Univariate

torch = optional("torch")
td = optional("torch.distributions")

CLOSED = [
    st.arcsine(),
    st.beta(2, 0.5),
    st.chi(3),
    st.chi2(5),
    st.erlang(3),
    st.expon(),
    st.gamma(2),
    st.gamma(a=0.3, scale=2.0, loc=-1.0),
    st.gumbel_l(),
    st.gumbel_r(1.0, 2.0),
    st.halfnorm(),
    st.laplace(3.0),
    st.logistic(),
    st.lognorm(0.7, scale=3.0),
    st.maxwell(),
    st.pareto(3.5),
    st.powerlaw(0.4),
    st.rayleigh(),
    st.t(4.5),
    st.triang(0.25),
    st.truncnorm(-1.0, 3.0),
    st.uniform(2.0, 5.0),
    st.weibull_max(1.7),
    st.weibull_min(1.7),
]
OTHERS = [st.invgauss(0.5), st.genextreme(0.2), st.skewnorm(3.0), st.cosine(), st.nakagami(0.6), st.burr12(3.0, 2.0)]


@pytest.mark.parametrize("given", [*CLOSED, *OTHERS], ids=lambda x: x.dist.name)
@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (-1e5, 1e-3), (3.0, 1e100)])
def test_laws_of_scipy(given, loc, scale):
    shapes, place, unit = given.dist._parse_args(*given.args, **given.kwds)
    other = given.dist(*shapes, loc=loc + place, scale=scale * unit)
    law = as_law(other)
    assert isinstance(law, Univariate) and isinstance(law.family, FromScipy) == (given in OTHERS)
    x = np.asarray(other.ppf([0.01, 0.5, 0.99]))
    blurred = 1e-10 * abs(loc) / scale
    np.testing.assert_allclose(law.heights(x), other.pdf(x), rtol=1e-8 + 10 * blurred)
    assert law.mean == pytest.approx(float(other.mean()), rel=1e-9, abs=1e-11 * scale)
    assert math.sqrt(law.variance) == pytest.approx(float(other.std()), rel=1e-7)
    np.testing.assert_allclose(
        law.quantiles(np.array([0.1, 0.9]), np.array([0.9, 0.1])), other.ppf([0.1, 0.9]), rtol=1e-7
    )


def scalars(*values, dtype=torch.float64):
    return [torch.tensor(v, dtype=dtype) for v in values]


TORCH = [
    (td.Beta, (0.5, 2.0), st.beta(0.5, 2.0)),
    (td.Chi2, (3.0,), st.chi2(3.0)),
    (td.Exponential, (2.0,), st.expon(scale=0.5)),
    (td.Gamma, (2.0, 0.25), st.gamma(2.0, scale=4.0)),
    (td.Gumbel, (1.0, 2.0), st.gumbel_r(1.0, 2.0)),
    (td.HalfNormal, (2.0,), st.halfnorm(scale=2.0)),
    (td.Laplace, (1.0, 2.0), st.laplace(1.0, 2.0)),
    (td.LogNormal, (0.5, 0.25), st.lognorm(0.25, scale=math.exp(0.5))),
    (td.Pareto, (2.0, 3.0), st.pareto(3.0, scale=2.0)),
    (td.StudentT, (3.0, 1.0, 2.0), st.t(3.0, 1.0, 2.0)),
    (td.Uniform, (-1.0, 3.0), st.uniform(-1.0, 4.0)),
    (td.Weibull, (2.0, 1.5), st.weibull_min(1.5, scale=2.0)),
    (td.Kumaraswamy, (2.0, 1.0), st.powerlaw(2.0)),
    (td.Kumaraswamy, (2.0, 0.5), None),
]


@pytest.mark.parametrize(("kind", "parameters", "other"), TORCH, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_laws_of_torch(kind, parameters, other, dtype):
    given = kind(*scalars(*parameters, dtype=dtype))
    q = quantize(given, 7)
    assert q.positions.dtype == q.w2.dtype == dtype and isinstance(q.distribution, Univariate)
    expected = float(given.variance)
    assert q.distribution.variance == pytest.approx(expected, rel=1e-5)
    if other is not None:
        twin = quantize(other, 7)
        np.testing.assert_allclose(q.positions, twin.positions, rtol=2e-6, atol=1e-6)
        assert float(q.w2) == pytest.approx(float(twin.w2), rel=1e-5) and float(q.w2) >= float(twin.w2) * (1 - 1e-9)
    # Parameters may be numbers as well.
    assert float(quantize(kind(*parameters), 7).w2) == pytest.approx(float(q.w2), rel=1e-5)


def test_rates_of_single_precision_are_what_they_are():
    """1/rate is not rounded to single precision: that would be another law."""
    law = as_law(td.Gamma(torch.tensor(2.0), torch.tensor(0.3)))
    assert float(law.scale) == 1.0 / float(np.float32(0.3)) and law.loc.dtype == torch.float32


def test_normal_laws_stay_gaussian():
    for given in (st.norm(1.0, 2.0), td.Normal(1.0, 2.0)):
        assert as_law(given) is given
        assert float(as_mixture(given).covs.ravel()[0]) == 4.0
    assert isinstance(as_law(Gaussian(0.0, 1.0)), Gaussian)
    # Student's law of infinitely many degrees of freedom is a normal one.
    assert as_law(st.t(math.inf)).variance == pytest.approx(1.0, rel=1e-14)


def test_laws_that_a_user_made_are_taken_by_their_functions():
    class Wedge(st.rv_continuous):
        def _pdf(self, x):
            return 2.0 * x

        def _cdf(self, x):
            return x * x

        def _ppf(self, q):
            return np.sqrt(q)

    law = as_law(Wedge(a=0.0, b=1.0, name="gamma")())
    assert isinstance(law.family, FromFunctions)
    assert law.mean == pytest.approx(2 / 3, rel=1e-12) and law.variance == pytest.approx(1 / 18, rel=1e-12)
    histogram = st.rv_histogram(np.histogram(np.arange(100) ** 2.0, bins=7), density=False)
    law = as_law(histogram(loc=0.0, scale=1.0))
    assert isinstance(law.family, FromFunctions)
    assert law.variance == pytest.approx(float(histogram.var()), rel=1e-9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: st.t(2.0), "second moment.*Student"),
        (lambda: st.t(1.5), "second moment"),
        (lambda: st.pareto(2.0), "second moment.*Pareto"),
        (lambda: st.cauchy(), "second moment.*cauchy"),
        (lambda: st.levy(), "second moment.*levy"),
        (lambda: td.HalfCauchy(1.0), "second moment.*HalfCauchy"),
        (lambda: td.Cauchy(0.0, 1.0), "second moment.*Cauchy"),
        (lambda: td.StudentT(2.0), "second moment"),
        (lambda: st.lognorm(12.0), "deviation below"),
        (lambda: st.gamma([1.0, 2.0]), "batch.*gamma"),
        (lambda: st.gamma(2.0, loc=np.zeros(3)), "batch.*gamma"),
        (lambda: td.Gamma(torch.ones(3), torch.ones(3)), "batch.*Gamma"),
        (lambda: td.Kumaraswamy(torch.ones(2), torch.ones(2)), "batch.*Kumaraswamy"),
        (lambda: st.gamma(-1.0), "parameters that gamma does not take"),
        (lambda: st.uniform(0.0, -1.0), "parameters that uniform does not take"),
        (lambda: st.expon(math.nan), "parameters that expon does not take"),
        (lambda: td.Gamma(torch.ones((), requires_grad=True), 1.0), "concentration.*detach"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        quantize(given(), 3)


@pytest.mark.parametrize("given", [st.gamma, td.VonMises(0.0, 1.0), td.Dirichlet(torch.ones(3))])
def test_what_is_no_law_on_the_line(given):
    with pytest.raises(TypeError, match="accepted are"):
        quantize(given, 3)
    assert "gamma(2, scale=3)" in ACCEPTED


def test_where_mixtures_are_needed():
    with pytest.raises(TypeError, match="Gaussian"):
        as_mixture(st.gamma(2.0))


def test_location_and_scale_are_numbers():
    family = Student(3.0)
    for loc, scale, said in (
        (np.zeros(2), np.ones(2), "loc"),
        (np.asarray(np.nan), np.asarray(1.0), "loc"),
        (np.asarray(0.0), np.asarray(0.0), "scale"),
        (np.asarray(0.0), np.asarray(-1.0), "scale"),
    ):
        with pytest.raises(ValueError, match=said):
            Univariate(family, loc, scale)


@pytest.mark.parametrize("shape", [1e6, 1e12])
def test_large_shapes_are_nearly_normal(shape):
    """Seven levels of a normal law leave 0.0440 of its variance."""
    for law in (st.gamma(shape), st.beta(shape, shape), st.t(shape), st.chi(shape**0.5)):
        q = quantize(law, 7)
        assert float(q.w2) / math.sqrt(q.distribution.variance) == pytest.approx(0.2097627, rel=2e-3)
        assert q.weights.sum() == pytest.approx(1.0, abs=1e-14)
