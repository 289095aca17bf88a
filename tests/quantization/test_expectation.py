"""Expectations and probabilities: certified ends hold for the law, and are reached within the ambiguity ball."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import ndtr
from scipy.stats import ncx2

from diracs import (
    Ball,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    PointScheme,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    expectation,
    probability,
    quantize,
    worst_case,
)

LAW = GaussianMixture([[0.0, 0.0], [2.0, 1.0]], [0.5, 0.2], [0.4, 0.6])


@lru_cache
def grid(n):
    return quantize(LAW, n=n, scheme="grid")


@pytest.mark.parametrize("n", [3, 30])
def test_expectation_of_distances_contains_the_truth(n):
    q = grid(n)
    direction = np.array([0.6, -0.8])
    value, low, high = expectation(q, lambda x: x @ direction, lipschitz=1.0)
    truth = LAW.weights @ (LAW.means @ direction)
    assert low <= truth <= high
    assert high - low == pytest.approx(2 * q.w2)
    assert value == pytest.approx(q.weights @ (q.positions @ direction))
    rng = np.random.default_rng(0)
    which = rng.choice(2, size=40_000, p=LAW.weights)
    x = LAW.means[which] + np.sqrt(LAW.covs[which])[:, None] * rng.normal(size=(40_000, 2))
    sample = np.abs(x).max(axis=1)
    _, low, high = expectation(q, lambda x: np.abs(x).max(axis=1), lipschitz=1.0)
    assert low <= sample.mean() + 5 * sample.std() / 200
    assert sample.mean() - 5 * sample.std() / 200 <= high
    assert worst_case(q, lambda x: np.abs(x).max(axis=1), lipschitz=1.0) == high


def test_a_shift_attains_the_worst_case():
    q = quantize(Gaussian([0.0, 0.0], 1.0), n=20, scheme="grid")
    reach = float(q.w2) + 0.3
    direction = np.array([0.6, 0.8])
    found = expectation(q, lambda x: x @ direction, lipschitz=1.0, radius=0.3)
    assert found.high == pytest.approx(q.weights @ ((q.positions + reach * direction) @ direction))
    assert found.low == pytest.approx(-found.high, abs=1e-9)


@pytest.mark.parametrize("n", [3, 30, 200])
def test_probabilities_contain_the_truth(n):
    q = grid(n)
    normal, offset = np.array([1.0, 2.0]), 2.0
    z = (offset - LAW.means @ normal) / (np.sqrt(LAW.covs) * np.sqrt(5.0))
    value, low, high = probability(q, HalfSpace(normal, offset))
    assert low <= LAW.weights @ ndtr(z) <= high
    assert low <= value <= high
    center, radius = np.array([1.5, 1.0]), 1.2
    distance = ((LAW.means - center) ** 2).sum(axis=1)
    truth = LAW.weights @ ncx2.cdf(radius**2 / LAW.covs, 2, distance / LAW.covs)
    value, low, high = probability(q, Ball(center, radius))
    assert low <= truth <= high
    assert low <= value <= high


def test_more_points_and_smaller_radii_narrow_the_interval():
    region = HalfSpace([1.0, 0.0], 1.0)
    widths = [np.ptp(probability(grid(n), region)[1:]) for n in (3, 30, 200)]
    assert widths[0] > widths[1] > widths[2]
    q = grid(30)
    assert np.ptp(probability(q, region, radius=0.5)[1:]) > widths[1]
    assert probability(q, region, radius=100.0)[1:] == (0.0, 1.0)


@settings(deadline=None, max_examples=8, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_probability_is_the_optimum_of_the_transport_problem(seed):
    """Against a linear programme: how much of each Dirac to carry to the nearest point of the set."""
    rng = np.random.default_rng(seed)
    law = GaussianMixture(rng.normal(size=(3, 2)), rng.uniform(0.1, 1, 3))
    q = discretize(law, PointScheme(1.5 * rng.normal(size=(int(rng.integers(1, 20)), 2))))
    extra = float(rng.choice([0.0, 0.1, 1.0]))
    reach = float(q.w2) + extra
    if rng.random() < 0.5:
        a, b = rng.normal(size=2), rng.normal()
        region, depth = HalfSpace(a, b), (b - q.positions @ a) / np.linalg.norm(a)
    else:
        c, r = rng.normal(size=2), rng.uniform(0.1, 2)
        region, depth = Ball(c, r), r - np.linalg.norm(q.positions - c, axis=1)
    _, low, high = probability(q, region, radius=extra)
    for sign, end in ((-1.0, high), (1.0, 1.0 - low)):
        cost = np.maximum(sign * depth, 0.0) ** 2
        best = linprog(-np.ones(len(q)), A_ub=[cost], b_ub=[reach**2], bounds=list(zip(np.zeros(len(q)), q.weights)))
        assert end == pytest.approx(min(-best.fun, 1.0), abs=1e-6)


def test_probabilities_of_diracs_with_any_radius():
    q = quantize(SumOfDiracs([[0.0], [1.0]]), n=2)
    assert probability(q, HalfSpace([1.0], 0.5)) == pytest.approx((0.5, 0.5, 0.5))
    # A Dirac on the boundary may count on either side.
    assert probability(q, HalfSpace([1.0], 1.0)) == pytest.approx((1.0, 0.5, 1.0))
    # A hundredth of the other half's cost: squares neither overflow nor vanish.
    for size in (1e-165, 1e-100, 1e100, 1e155):
        q = quantize(SumOfDiracs([[0.0], [size]]), n=2)
        found = probability(q, HalfSpace([1.0], 0.0), radius=0.1 * size)
        assert found.high == pytest.approx(0.5 + 0.01, abs=1e-6)


def test_values_lie_between_their_ends_in_any_region():
    # Masses may sum to 1 + 2e-16, and distances overflow.
    rng = np.random.default_rng(0)
    for _ in range(15):
        d = int(rng.integers(1, 4))
        law = GaussianMixture(rng.normal(size=(2, d)), [0.5, 0.2], rng.dirichlet([1.0, 1.0]))
        q = discretize(law, ProductScheme([ScalarCodebook(rng.normal(size=int(rng.integers(1, 4)))) for _ in range(d)]))
        axis = np.eye(d)[0]
        regions = [
            (HalfSpace(rng.normal(size=d), rng.normal()), None),
            (Ball(rng.normal(size=d), rng.uniform(0.1, 50.0)), None),
            (Ball(np.zeros(d), 1e300), 1.0),
            (Ball(np.full(d, 1e200), 1e3), 0.0),
            (HalfSpace(1e300 * axis, 1e308), 1.0),
            (HalfSpace(1e-300 * axis, 1e308), 1.0),
            (HalfSpace(1e-300 * axis, -1e308), 0.0),
        ]
        for region, certain in regions:
            for radius in (0.0, 1e3):
                found = probability(q, region, radius=radius)
                assert 0.0 <= found.low <= found.value <= found.high <= 1.0
                if certain is not None:
                    np.testing.assert_allclose(found, certain, atol=1e-11)


def test_real_and_imaginary_parts_of_characteristic_functions_are_certified():
    torch = pytest.importorskip("torch")

    t = np.array([0.5, -1.0])
    truth = LAW.weights @ np.exp(1j * LAW.means @ t - 0.5 * LAW.covs * (t @ t))
    slope = float(np.linalg.norm(t))
    for make in (np.asarray, torch.tensor):
        q = quantize(GaussianMixture(*(make(x) for x in (LAW.means, LAW.covs, LAW.weights))), n=30, scheme="grid")

        def wave(x):
            angle = x @ (torch.as_tensor(t) if isinstance(x, torch.Tensor) else t)
            return torch.exp(1j * angle) if isinstance(x, torch.Tensor) else np.exp(1j * angle)

        found = expectation(q, wave, lipschitz=slope)
        for part in ("real", "imag"):
            value, low, high = (float(getattr(x, part)) for x in found)
            assert low <= getattr(truth, part) <= high
            assert low < value < high
            assert high - low == pytest.approx(2.0 * slope * float(q.w2))
        with pytest.raises(TypeError, match="f must give real numbers"):
            worst_case(q, wave, lipschitz=slope)


def test_the_markov_bound_is_never_better():
    q = grid(30)
    for offset in (-1.0, 1.0, 3.0):
        beyond = np.maximum(q.positions[:, 0] - offset, 0.0)
        eps = np.linspace(1e-3, 5.0, 2000)
        markov = (q.weights @ (beyond[:, None] <= eps) + (q.w2 / eps) ** 2).min()
        assert probability(q, HalfSpace([1.0, 0.0], offset)).high <= markov + 1e-9


def test_frameworks_keep_their_arrays():
    torch = pytest.importorskip("torch")

    law = Gaussian(torch.zeros(2), torch.tensor(1.0))
    q = quantize(law, n=20, scheme="grid")
    for found in (
        expectation(q, lambda x: x[:, 0], lipschitz=1.0),
        probability(q, HalfSpace(torch.tensor([1.0, 0.0]), 0.5)),
    ):
        assert all(isinstance(x, torch.Tensor) and x.dtype == torch.float32 for x in found)
        assert found.low <= found.value <= found.high


def test_bad_input_is_refused():
    q = grid(3)
    with pytest.raises(ValueError, match="lipschitz must be"):
        expectation(q, lambda x: x[:, 0], lipschitz=-1.0)
    with pytest.raises(ValueError, match="f must give one finite number"):
        expectation(q, lambda x: x, lipschitz=1.0)
    with pytest.raises(TypeError, match="quantization must be a Quantization"):
        expectation(LAW, lambda x: x[:, 0], lipschitz=1.0)
    with pytest.raises(ValueError, match="radius must be"):
        probability(q, HalfSpace([1.0, 0.0], 0.0), radius=np.inf)
    with pytest.raises(ValueError, match="region lies in dimension 3"):
        probability(q, Ball(np.zeros(3), 1.0))
    with pytest.raises(ValueError, match="other than zero"):
        HalfSpace([0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match="offset must be a number"):
        HalfSpace([1.0, 0.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="radius must be above zero"):
        Ball([0.0, 0.0], -1.0)
    with pytest.raises(ValueError, match="center must be a vector"):
        Ball([[0.0]], 1.0)
    batch = quantize(GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1))), n=4, scheme="grid")
    with pytest.raises(ValueError, match="batch"):
        expectation(batch, lambda x: x[:, 0], lipschitz=1.0)
