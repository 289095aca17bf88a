"""Partial moments in balls against quadrature of the densities in 30 digits."""

from __future__ import annotations

import math

import mpmath as mp
import pytest
from flint import arb, ctx

from diracs.laws.univariate.families.beta import Beta
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.families.inverse_gamma import InverseGamma
from diracs.laws.univariate.families.mixture import UnivariateMixture
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.families.powers import LogNormal, Pareto
from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.families.simple import Gumbel, Laplace, Logistic, Triangular, Uniform
from diracs.laws.univariate.families.student import Student
from diracs.verification.families import partial, whole


def normal(z):
    return mp.exp(-z * z / 2)


# A family, its density up to a factor, ends and breaks to integrate between, and places.
CASES = {
    "uniform": (Uniform(), lambda z: mp.mpf(1), [0, 1], [0.25, 0.8]),
    "triangular": (Triangular(0.25), lambda z: z * 4 if z < 0.25 else (1 - z) * 4 / 3, [0, 0.25, 1], [0.1, 0.7]),
    "one side": (Triangular(1.0), lambda z: z, [0, 1], [0.5]),
    "Laplace": (Laplace(), lambda z: mp.exp(-abs(z)), [-mp.inf, 0, mp.inf], [-2.0, 0.0, 1.5]),
    "logistic": (Logistic(), lambda z: mp.sech(z / 2) ** 2, [-mp.inf, 0, mp.inf], [-2.0, 0.5, 9.0]),
    "Gumbel": (Gumbel(), lambda z: mp.exp(-z - mp.exp(-z)), [-8, -2, 0, 2, mp.inf], [-1.0, 0.5, 4.0]),
    "gamma": (GeneralizedGamma(2.5), lambda z: z**1.5 * mp.exp(-z), [0, 2, mp.inf], [0.5, 4.0]),
    "Weibull": (GeneralizedGamma(1.0, 1.5), lambda z: z**0.5 * mp.exp(-(z**1.5)), [0, 1, mp.inf], [0.5, 2.0]),
    "inverse gamma": (InverseGamma(4.0), lambda z: z**-5 * mp.exp(-1 / z), [0, 0.3, 2, mp.inf], [0.2, 1.0]),
    "beta": (Beta(2.0, 3.5), lambda z: z * (1 - z) ** 2.5, [0, 0.5, 1], [0.2, 0.9]),
    "t": (Student(5.0), lambda z: (1 + z * z / 5) ** -3, [-mp.inf, 0, mp.inf], [-4.0, -0.3, 0.0, 0.3, 4.0]),
    "log-normal": (LogNormal(0.5), lambda z: mp.exp(-2 * mp.log(z) ** 2) / z, [0, 1, 4, mp.inf], [0.5, 2.0]),
    "Pareto": (Pareto(4.0), lambda z: z**-5, [1, 2, mp.inf], [1.5, 3.0]),
    "normal": (TruncatedNormal(-math.inf, math.inf), normal, [-mp.inf, 0, mp.inf], [-1.0, 2.0]),
    "cut": (TruncatedNormal(-1.0, 2.0), normal, [-1, 0, 2], [-0.5, 1.0]),
    "far": (TruncatedNormal(10.0, 12.0), normal, [10, 10.2, 11, 12], [10.1]),
    "mirror": (Reflected(Pareto(4.0)), lambda z: (-z) ** -5, [-mp.inf, -2, -1], [-3.0, -1.5]),
}


@pytest.mark.parametrize("name", CASES)
def test_partial_moments(name):
    family, density, ends, places = CASES[name]
    with ctx.workprec(256), mp.workdps(30):
        total = mp.quad(density, ends)
        for z in [*places, None]:
            found = whole(family) if z is None else partial(family, arb(z))
            inside = ends if z is None else [*(e for e in ends if e < z), z]
            for j, x in enumerate(found):
                expected = mp.quad(lambda t, j=j: t**j * density(t), inside) / total
                assert abs(mp.mpf(str(x.mid().str(30, radius=False))) - expected) < 1e-14 * (1 + abs(expected))
                assert x.rad() < arb(2) ** -100


def test_mixture_of_families():
    parts = Uniform(), Laplace()
    law = UnivariateMixture(parts, (1.0, -1.0), (2.0, 0.5), (0.25, 0.75))
    with ctx.workprec(128):
        found = partial(law, arb(2))
        one, other = partial(parts[0], arb(0.5)), partial(parts[1], arb(6))
        assert abs(found.mass - (one.mass + 3 * other.mass) / 4) < 1e-30
        first = (one.mass + 2 * one.first) + 3 * (-other.mass + other.first / 2)
        assert abs(found.first - first / 4) < 1e-30


def test_unknown_families_are_refused():
    with pytest.raises(TypeError, match="object has no partial moments in closed form"):
        partial(object(), arb(0))
