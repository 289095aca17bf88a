"""Elementary functions against 40 digits: ranges hold every sample, and are no wider than samples and extrema."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import diracs.intervals.activations  # noqa: F401 (adds to the table)
from diracs.intervals.arithmetic import Interval
from diracs.intervals.elementary import ELEMENTARY, power, power_slope

RNG = np.random.default_rng(11)
REAL, POSITIVE = (-6.0, 6.0), (1e-3, 40.0)


def logistic(u):
    return 1 / (1 + mp.exp(-u))


def gauss(u):
    return mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)


# The function, its derivative, where, and the places of extrema of either.
TRUTH = {
    "sin": (mp.sin, mp.cos, (-30.0, 30.0), [k * mp.pi / 2 for k in range(-20, 21)]),
    "cos": (mp.cos, lambda u: -mp.sin(u), (-30.0, 30.0), [k * mp.pi / 2 for k in range(-20, 21)]),
    "tan": (mp.tan, lambda u: 1 + mp.tan(u) ** 2, (-1.5, 1.5), [0]),
    "exp": (mp.exp, mp.exp, (-600.0, 600.0), []),
    "exp2": (lambda u: mp.mpf(2) ** u, lambda u: mp.log(2) * mp.mpf(2) ** u, REAL, []),
    "expm1": (mp.expm1, mp.exp, REAL, []),
    "log": (mp.log, lambda u: 1 / u, POSITIVE, []),
    "log2": (lambda u: mp.log(u, 2), lambda u: 1 / (u * mp.log(2)), POSITIVE, []),
    "log10": (mp.log10, lambda u: 1 / (u * mp.log(10)), POSITIVE, []),
    "log1p": (mp.log1p, lambda u: 1 / (1 + u), (-0.99, 9.0), []),
    "sqrt": (mp.sqrt, lambda u: 1 / (2 * mp.sqrt(u)), POSITIVE, []),
    "cbrt": (mp.cbrt, lambda u: 1 / (3 * mp.cbrt(u) ** 2), POSITIVE, []),
    "square": (lambda u: u * u, lambda u: 2 * u, REAL, [0]),
    "reciprocal": (lambda u: 1 / u, lambda u: -1 / u**2, POSITIVE, []),
    "absolute": (abs, None, REAL, [0]),
    "relu": (lambda u: max(u, 0), None, REAL, [0]),
    "tanh": (mp.tanh, lambda u: mp.sech(u) ** 2, (-25.0, 25.0), [0]),
    "expit": (logistic, lambda u: logistic(u) * logistic(-u), (-40.0, 40.0), [0]),
    "softplus": (lambda u: mp.log1p(mp.exp(u)), logistic, (-40.0, 40.0), []),
    "silu": (
        lambda u: u * logistic(u),
        lambda u: logistic(u) * (1 + u * logistic(-u)),
        (-9.0, 9.0),
        [-1.2784645427610738, 2.3993572805154677, -2.3993572805154677],
    ),
    "gelu": (
        lambda u: u * mp.ncdf(u),
        lambda u: mp.ncdf(u) + u * gauss(u),
        (-9.0, 9.0),
        [-0.7517915246935645, mp.sqrt(2), -mp.sqrt(2)],
    ),
    "erf": (mp.erf, lambda u: 2 * mp.exp(-u * u) / mp.sqrt(mp.pi), (-9.0, 9.0), [0]),
    "ndtr": (mp.ncdf, gauss, (-9.0, 9.0), [0]),
    "arctan": (mp.atan, lambda u: 1 / (1 + u * u), (-99.0, 99.0), [0]),
    "sinh": (mp.sinh, mp.cosh, REAL, [0]),
    "cosh": (mp.cosh, mp.sinh, REAL, [0]),
    "arcsinh": (mp.asinh, lambda u: 1 / mp.sqrt(1 + u * u), REAL, [0]),
    "arcsin": (mp.asin, lambda u: 1 / mp.sqrt(1 - u * u), (-0.999, 0.999), [0]),
    "arccos": (mp.acos, lambda u: -1 / mp.sqrt(1 - u * u), (-0.999, 0.999), [0]),
    "arctanh": (mp.atanh, lambda u: 1 / (1 - u * u), (-0.999, 0.999), [0]),
}


def boxes(domain, n=60):
    """Wide, narrow and degenerate intervals of a domain, and such that begin at zero."""
    low, high = domain
    a = RNG.uniform(low, high, n)
    b = np.clip(a + (high - low) * 10.0 ** RNG.uniform(-9, 0, n) * RNG.choice([-1, 1], n), low, high)
    b[::10] = a[::10]
    if low < 0 < high:
        a[1::10] = 0.0
    return Interval(np.minimum(a, b), np.maximum(a, b))


def check(got, f, u, extrema):
    """The ends of `got` are those of f on u up to 10⁻¹³, and never inside."""
    with mp.workdps(40):
        for n in range(len(u.low)):
            low, high = mp.mpf(u.low[n]), mp.mpf(u.high[n])
            places = [low, high, *(p for p in extrema if low <= p <= high)]
            values = [f(mp.mpf(x)) for x in places]
            least, most = min(values), max(values)
            assert got.low[n] <= least and most <= got.high[n], (u.low[n], u.high[n])
            for end, exact in ((got.low[n], least), (got.high[n], most)):
                assert abs(end - exact) <= 2e-14 + 2e-12 * abs(exact), (u.low[n], u.high[n])


@pytest.mark.parametrize("name", TRUTH)
def test_values_and_slopes_are_the_exact_ranges(name):
    f, slope, domain, extrema = TRUTH[name]
    u = boxes(domain)
    with np.errstate(all="ignore"):
        check(ELEMENTARY[name].value(u), f, u, extrema)
        if slope is not None:
            check(ELEMENTARY[name].slope(u), slope, u, extrema)


@pytest.mark.parametrize("p", [2.0, 3.0, 4.0, -1.0, -2.0, 0.5, 1.5, -0.7, 2.5])
def test_powers(p):
    whole = p > 0 and p % 1 == 0
    u = boxes(REAL if whole else POSITIVE)
    with np.errstate(all="ignore"):
        check(power(u, p), lambda x: x ** mp.mpf(p) if x else mp.mpf(0), u, [0])
        check(power_slope(u, p), lambda x: mp.mpf(p) * x ** (mp.mpf(p) - 1) if x else mp.mpf(0), u, [0])


def one(low, high):
    return Interval(np.array([low]), np.array([high]))


def ends(x):
    return x.low[0], x.high[0]


def test_slopes_on_the_whole_line():
    whole = one(-np.inf, np.inf)
    for name, (low, high) in {
        "sin": (-1, 1),
        "tanh": (0, 1),
        "expit": (0, 0.25),
        "softplus": (0, 1),
        "relu": (0, 1),
        "absolute": (-1, 1),
        "arctan": (0, 1),
        "silu": (-0.0998393201, 1.0998393201),
        "gelu": (-0.1289042, 1.1289042),
    }.items():
        with np.errstate(all="ignore"):
            got = ends(ELEMENTARY[name].slope(whole))
        np.testing.assert_allclose(got, (low, high), atol=1e-7, err_msg=name)


def test_kinks_have_all_slopes_in_between_and_their_ends_count():
    for low, high, absolute, relu in [
        (-1, 1, (-1, 1), (0, 1)),
        (0, 1, (-1, 1), (0, 1)),
        (-1, 0, (-1, 1), (0, 1)),
        (0, 0, (-1, 1), (0, 1)),
        (1e-300, 1, (1, 1), (1, 1)),
        (-1, -1e-300, (-1, -1), (0, 0)),
    ]:
        u = one(float(low), float(high))
        assert ends(ELEMENTARY["absolute"].slope(u)) == absolute
        assert ends(ELEMENTARY["relu"].slope(u)) == relu


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("sqrt", 0, 1),
        ("log", 0, 1),
        ("log", -1, 1),
        ("cbrt", -1, 1),
        ("reciprocal", -1, 1),
        ("tan", 1, 2),
        ("tan", -2, -1),
        ("arcsin", 0, 1),
        ("arctanh", -1, 0),
        ("log1p", -1, 1),
        ("sign", -1, 0),
        ("floor", 0.5, 1.0),
        ("floor", 1.0, 1.5),
        ("rint", 0.4, 0.6),
        ("ceil", 0.5, 1.5),
    ],
)
def test_no_slope_at_poles_and_jumps_and_outside_of_domains(name, low, high):
    with np.errstate(all="ignore"):
        assert np.isnan(ELEMENTARY[name].slope(one(float(low), float(high))).low[0])


def test_steps_between_jumps_are_flat():
    assert ends(ELEMENTARY["floor"].slope(one(1.1, 1.9))) == (0, 0)
    assert ends(ELEMENTARY["floor"].value(one(-0.5, 1.9))) == (-1, 1)
    assert ends(ELEMENTARY["sign"].slope(one(1e-9, np.inf))) == (0, 0)
    assert ends(ELEMENTARY["floor"].value(one(-np.inf, np.inf))) == (-np.inf, np.inf)


def test_sines_of_large_arguments_and_over_whole_periods():
    for low in (1e3, 1e9, 1e15, -1e12):
        for width in (0.5, 3.0, 7.0):
            u = one(low, low + width)
            got = ELEMENTARY["sin"].value(u)
            x = np.linspace(u.low[0], u.high[0], 2000)
            assert got.low[0] <= np.sin(x).min() and np.sin(x).max() <= got.high[0]
    assert ends(ELEMENTARY["sin"].value(one(0.1, 0.1 + 6.3))) == (-1, 1)
    assert ends(ELEMENTARY["cos"].value(one(-np.inf, 3.0))) == (-1, 1)
