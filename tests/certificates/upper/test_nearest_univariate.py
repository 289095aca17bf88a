"""The W₂ between univariate laws and points, against the quantile coupling and samples."""

import math

import numpy as np
import pytest
import scipy.stats as st
from hypothesis import given, settings
from hypothesis import strategies as h

from diracs import SumOfDiracs, discretize, distance, optimal_transport_plan, quantize, recertify
from diracs.laws.convert import as_law
from diracs.schemes.points import PointScheme

LAWS = [
    st.gamma(2.0, scale=3.0),
    st.gamma(0.2),
    st.beta(0.5, 2.0, loc=-7.0, scale=4.0),
    st.t(3.0, 1.0, 0.1),
    st.lognorm(0.8),
    st.weibull_min(1.7),
    st.weibull_max(0.8),
    st.truncnorm(-1.0, 2.0),
    st.gumbel_r(),
    st.logistic(),
    st.laplace(),
    st.triang(0.2),
    st.uniform(),
    st.pareto(2.5),
    st.invgauss(0.5),
]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def coupling(law, positions, masses):
    """∫ (F⁻¹(u) − y(u))² du: interval by interval of u, in pieces that are fine towards both ends of [0, 1]."""
    order = np.argsort(positions)
    y, ends = positions[order], np.concatenate([[0.0], np.cumsum(masses[order])])
    rest = np.concatenate([np.cumsum(masses[order][::-1])[::-1], [0.0]])
    total, kinks = 0.0, [0.2] if law.dist.name == "triang" else []
    for lower in (True, False):
        cuts = ends if lower else rest[::-1]
        levels = y if lower else y[::-1]
        last = 320.0 if law.dist.name in ("t", "pareto") else 100.0
        u = np.unique(np.concatenate([0.5 ** np.arange(1.0, last), cuts[(cuts > 0) & (cuts < 0.5)], kinks]))
        left, width = u[:-1], np.diff(u)
        owner = np.clip(np.searchsorted(cuts, left + 0.5 * width, side="right") - 1, 0, len(y) - 1)
        u = (left[:, None] + width[:, None] * 0.5 * (1 + NODES)).ravel()
        x = as_law(law).quantiles(*((u, 1 - u) if lower else (1 - u, u))).reshape(len(left), -1)
        total += float((0.5 * width) @ (((x - levels[owner][:, None]) ** 2) @ WEIGHTS))
    return total


@pytest.mark.parametrize("n", [1, 4, 1000])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.dist.name}{law.args}")
def test_w2_is_that_of_the_quantile_coupling(law, n):
    q = quantize(law, n)
    exact = coupling(law, q.positions[:, 0], q.weights)
    assert float(q.w2) ** 2 == pytest.approx(exact, rel=2e-9)
    assert len(q) == n and q.exact and q.weights.sum() == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.dist.name}{law.args}")
def test_transport_to_it(law):
    """Masses that are not those of Voronoi cells: distance, plan and recertify agree with the coupling."""
    rng = np.random.default_rng(3)
    y = np.asarray(law.ppf(rng.random(9)))
    masses = rng.random(9)
    diracs = SumOfDiracs(y[:, None], masses)
    exact = coupling(law, y, diracs.weights)
    assert float(distance(diracs, law)) == pytest.approx(exact, rel=1e-7)
    plan = optimal_transport_plan(diracs, law)
    assert plan.converged and float(plan.distance) == pytest.approx(exact, rel=1e-7)
    np.testing.assert_allclose(plan.cell_masses, diracs.weights, rtol=1e-9)
    found = recertify(law, diracs)
    assert float(found.w2_given) ** 2 == pytest.approx(exact, rel=1e-7)
    assert math.sqrt(exact) * (1 - 1e-7) <= float(found.w2_given)
    assert float(found.w2) == float(discretize(law, PointScheme(y[:, None])).w2) <= float(found.w2_given)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.dist.name}{law.args}")
def test_against_samples(law):
    q = quantize(law, 12)
    x = law.rvs(size=100_000, random_state=np.random.default_rng(5))
    squares = np.abs(x[:, None] - q.positions[:, 0]).min(axis=1) ** 2
    error = squares.std() / math.sqrt(len(x))
    # Squares of heavy tails have no variance: their mean is mostly too small.
    if law.dist.name in ("t", "pareto"):
        assert squares.mean() <= 1.5 * float(q.w2) ** 2
    else:
        assert abs(squares.mean() - float(q.w2) ** 2) <= 5 * error
    shares = np.bincount(np.abs(x[:, None] - q.positions[:, 0]).argmin(axis=1), minlength=12) / len(x)
    assert (np.abs(shares - q.weights) <= 5 * np.sqrt(q.weights / len(x)) + 1e-5).all()


def test_points_in_the_tail_alone():
    """All mass goes to the nearest, and W₂² is E|x − y|²."""
    for law, y in ((st.gamma(2.0), 50.0), (st.t(2.5), -1e6), (st.beta(0.1, 0.1), 1e3), (st.expon(), -3.0)):
        q = discretize(law, PointScheme([[y], [y + math.copysign(7.0, y)]]))
        assert q.weights[0] == pytest.approx(1.0, abs=1e-12)
        assert float(q.w2) ** 2 == pytest.approx(law.var() + (law.mean() - y) ** 2, rel=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    kind=h.sampled_from(["gamma", "beta", "t", "lognorm", "weibull_min", "chi", "pareto", "truncnorm", "triang"]),
    shape=h.floats(0.02, 60.0),
    other=h.floats(0.02, 60.0),
    place=h.floats(-1e3, 1e3),
    power=h.integers(-140, 140),
    n=h.integers(1, 40),
)
def test_any_shape_place_and_scale(kind, shape, other, place, power, n):
    """Place and scale move the optimum along; bounds are in order; each point is the barycenter of its cell."""
    shapes = {
        "beta": (shape, other),
        "t": (2.05 + shape,),
        "pareto": (2.05 + shape,),
        "lognorm": (min(shape, 5.0),),
        "truncnorm": (-shape, other),
        "triang": (shape / 60.0,),
        "weibull_min": (max(shape, 0.1),),
    }.get(kind, (shape,))
    scale = 10.0**power
    dist = getattr(st, kind)
    plain, moved = quantize(dist(*shapes), n), quantize(dist(*shapes, loc=place * scale, scale=scale), n)
    # Far from the origin points are rounded to what doubles resolve there.
    blur = 1e-15 * abs(place) / float(plain.w2)
    assert float(moved.w2) == pytest.approx(scale * float(plain.w2), rel=1e-9 + 10 * blur)
    assert float(moved.w2) >= scale * float(plain.w2) * (1 - 1e-9)
    assert 0 <= plain.w2_lower <= plain.w2
    # The mean of barycenters is the law's, and their variance what quantization leaves.
    law = plain.distribution
    mean = plain.weights @ plain.positions[:, 0]
    size = math.sqrt(law.variance)
    assert mean == pytest.approx(law.mean, abs=1e-6 * size)
    left = plain.weights @ (plain.positions[:, 0] - mean) ** 2
    assert left + float(plain.w2) ** 2 == pytest.approx(law.variance, rel=1e-6)


def test_one_point_costs_the_deviation():
    for law in LAWS:
        q = quantize(law, 1)
        assert float(q.w2) == pytest.approx(math.sqrt(q.distribution.variance), rel=1e-11)
        assert q.w2_lower == pytest.approx(float(q.w2), rel=1e-8)


def test_bounds_pay_for_errors():
    """With moments that are off by their bounds, the certificate still holds: it has been raised by more."""
    law = st.gamma(1e6)
    q = quantize(law, 200)
    cells = q.distribution.family.moments(q.positions[:, 0], _borders(q.positions[:, 0]))
    assert float(q.w2) ** 2 > cells.second.sum() + cells.second_error.sum()


def _borders(y):
    return np.concatenate([[-np.inf], 0.5 * y[:-1] + 0.5 * y[1:], [np.inf]])
