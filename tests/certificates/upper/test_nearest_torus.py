"""Points on circles and tori: exact W₂ against sampling and elementary cases, bounds on both sides."""

import numpy as np
import pytest

from diracs import (
    Ball,
    PointScheme,
    PolynomialGrid,
    SumOfDiracs,
    discretize,
    distance,
    expectation,
    probability,
    quantize,
    recertify,
)
from diracs.certificates.lower.image import image_lower_bound


def nearest_square(law, points, count=200_000):
    """E min |x − y|² on the torus, with its error."""
    rng, shape = np.random.default_rng(0), law.values.shape
    low, high = law.domain
    shares = np.asarray(law.values).ravel() / np.asarray(law.values).sum()
    pixel = np.stack(np.unravel_index(rng.choice(shares.size, count, p=shares), shape), axis=1)
    x = low + (pixel + rng.random(pixel.shape)) / shape * (high - low)
    step = x[:, None] - points
    step -= np.where(law.periodic, np.round(step / (high - low)), 0.0) * (high - low)
    square = (step**2).sum(axis=2).min(axis=1)
    return square.mean(), square.std() / count**0.5


@pytest.mark.parametrize("n", [1, 2, 7])
def test_on_the_uniform_circle_points_are_evenly_spaced(n):
    q = quantize(PolynomialGrid([1.0], [[-1.0], [2.0]], periodic=True), n)
    assert q.exact and q.w2 == pytest.approx(3.0 / n / 12**0.5, rel=1e-9)
    # `w2_lower` is never above `w2`: the bound itself has to be.
    lower = image_lower_bound(np.ones(1), np.array([[-1.0], [2.0]]), n, torus=True)
    assert lower == pytest.approx(3.0 / n / 12**0.5, rel=1e-9) and lower <= 3.0 / n / 12**0.5
    np.testing.assert_allclose(q.weights, 1.0 / n, rtol=1e-6)
    gaps = np.diff(np.sort(np.append(q.positions[:, 0], q.positions[:, 0].min() + 3.0)))
    np.testing.assert_allclose(gaps, 3.0 / n, rtol=1e-6)


LAWS = {
    "circle": PolynomialGrid(np.array([1.0, 3.0, 0.0, 2.0]), [[10.0], [11.0]], periodic=True),
    "torus": PolynomialGrid(np.random.default_rng(0).random((3, 4)), [[0, 0], [2, 1]], periodic=True),
    "tube": PolynomialGrid(np.random.default_rng(1).random((3, 4)), [[0, 0], [2, 1]], periodic=(True, False)),
    "space": PolynomialGrid(np.random.default_rng(2).random((2, 3, 2)), periodic=(True, True, False)),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_bounds_against_sampling(law):
    q = quantize(law, 9)
    mean, error = nearest_square(law, np.asarray(q.positions))
    assert abs(q.w2**2 - mean) < 5 * error and q.exact
    assert 0.7 * q.w2 < q.w2_lower <= q.w2
    # No start that was drawn is better by much.
    rng = np.random.default_rng(3)
    low, high = law.domain
    some = low + rng.random((9, law.ndim)) * (high - low)
    assert q.w2 <= discretize(law, PointScheme(some)).w2


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_points_may_lie_in_any_period(law):
    rng = np.random.default_rng(4)
    low, high = law.domain
    points = low + rng.random((5, law.ndim)) * (high - low)
    turns = np.where(law.periodic, rng.integers(-3, 4, points.shape), 0)
    here, there = (discretize(law, PointScheme(p)) for p in (points, points + turns * (high - low)))
    assert there.w2 == pytest.approx(here.w2, rel=1e-9)
    np.testing.assert_allclose(there.weights, here.weights, atol=1e-12)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_given_masses(law):
    rng = np.random.default_rng(5)
    low, high = law.domain
    diracs = SumOfDiracs(low + rng.random((6, law.ndim)) * (high - low), rng.dirichlet(np.ones(6)))
    found = recertify(law, diracs)
    assert found.w2 <= found.w2_given
    assert found.w2_given == pytest.approx(float(distance(diracs, law)) ** 0.5, rel=1e-6)
    assert found.w2_given >= float(distance(diracs, law)) ** 0.5 * (1 - 1e-9)
    assert recertify(law, SumOfDiracs(diracs.positions, found.masses)).w2_given == pytest.approx(found.w2, rel=1e-6)


def test_what_a_torus_does_not_have_is_refused_by_name():
    q = quantize(LAWS["torus"], 4)
    with pytest.raises(ValueError, match="periodic"):
        expectation(q, lambda x: x[:, 0], lipschitz=1.0)
    with pytest.raises(ValueError, match="periodic"):
        probability(q, Ball(np.zeros(2), 0.5))
    with pytest.raises(ValueError, match="periodic"):
        quantize(LAWS["torus"], 8, match_moments=True)
