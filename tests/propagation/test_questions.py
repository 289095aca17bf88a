"""Probabilities and quantiles of one state: exact where they say so, attained by laws of the ball, never broken by
any."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, linprog
from scipy.special import ndtr, ndtri
from scipy.stats import ncx2, norm

from diracs import (
    Ball,
    Complement,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    Polytope,
    probability_bounds,
    quantile_bounds,
)
from diracs.propagation.ball_masses import distance_bounds
from diracs.propagation.worst_mass import beyond, nominal

LAW = GaussianMixture([[0.0, 0.0], [1.0, -0.5]], [[[0.5, 0.2], [0.2, 0.3]], [[0.2, 0.0], [0.0, 0.4]]], [0.4, 0.6])


def atoms(law, direction, count=4000):
    """A projection on a unit vector as points of equal mass at the quantiles of each component."""
    u = (np.arange(count) + 0.5) / count
    s = np.sqrt(np.einsum("i,kij,j->k", direction, law.covs, direction))
    points = (law.means @ direction)[:, None] + s[:, None] * ndtri(u)
    return points.ravel(), np.repeat(law.weights / count, count)


def moved(points, masses, border, radius):
    """The most mass at or beyond a border that a budget of radius² brings there: the nearest first."""
    gaps = np.maximum(border - points, 0.0)
    order = np.argsort(gaps)
    spent = np.cumsum(masses[order] * gaps[order] ** 2)
    return float(masses[order][spent <= radius**2].sum())


@pytest.mark.parametrize(
    "t, s, d", [(1.0, 1.0, 0.1), (1.0, 1.0, 3.0), (-2.0, 0.5, 1.0), (3.0, 0.1, 5.0), (2.0, 1.0, 2.0)]
)
def test_gains_are_those_of_quadrature(t, s, d):
    kinks = sorted({t - d, *(x for x in (-4 * s, 0.0, 4 * s) if t - d < x < t), t})
    inside = sum(
        quad(lambda x: (1 - ((t - x) / d) ** 2) * norm.pdf(x, scale=s), a, b, epsabs=1e-14)[0]
        for a, b in itertools.pairwise(kinks)
    )
    found = beyond(np.array([t, t]), np.array([s, 0.0]), d)
    assert found[0] == pytest.approx(norm.sf(t, scale=s) + inside, abs=1e-13)
    assert found[1] == pytest.approx(min(max(1 - (max(t, 0.0) / d) ** 2, 0.0), 1.0))


@pytest.mark.parametrize("radius", [1e-3, 0.05, 0.4])
def test_half_spaces_are_exact_and_attained(radius):
    direction, border = np.array([0.6, 0.8]), 1.2
    region = Complement(HalfSpace(3.0 * direction, 3.0 * border))
    _, high = probability_bounds(LAW, radius, region)
    m, s = LAW.means @ direction, np.sqrt(np.einsum("i,kij,j->k", direction, LAW.covs, direction))

    def cost(d):
        density = lambda x: LAW.weights @ norm.pdf(x, m, s)  # noqa: E731
        return quad(lambda x: (border - x) ** 2 * density(x), border - d, border, epsabs=1e-14)[0]

    d = brentq(lambda d: cost(d) - radius**2, 1e-3 * radius, 20.0, xtol=1e-13)
    assert high == pytest.approx(LAW.weights @ ndtr((m - border + d) / s), abs=1e-9)
    # The law that has it: all within d of the border goes there. It is within the radius, by its cost.
    points, masses = atoms(LAW, direction)
    assert moved(points, masses, border, radius) == pytest.approx(high, abs=1e-3)
    low = probability_bounds(LAW, radius, HalfSpace(direction, border)).low
    assert low == pytest.approx(1.0 - high, abs=1e-12)


def test_half_spaces_against_a_linear_programme():
    law, radius, border = GaussianMixture([[0.0], [2.0]], [[[1.0]], [[0.1]]], [0.7, 0.3]), 0.3, 1.0
    points, masses = atoms(law, np.ones(1), 1000)
    # How much of each atom goes to the border.
    cost = np.maximum(points - border, 0.0) ** 2
    best = linprog(-np.ones(len(points)), A_ub=[cost], b_ub=[radius**2], bounds=list(zip(0.0 * masses, masses)))
    assert probability_bounds(law, radius, HalfSpace([1.0], border)).high == pytest.approx(-best.fun, abs=1e-3)


def test_without_a_radius_probabilities_are_those_of_the_law():
    law = GaussianMixture([[0.0, 0.0], [1.0, -0.5]], [[0.5, 0.3], [0.2, 0.4]], [0.4, 0.6])
    s = np.sqrt(law.covs)
    box = Polytope.box([-1.0, -1.5], [1.5, 0.5])
    inside = ndtr((np.array([1.5, 0.5]) - law.means) / s) - ndtr((np.array([-1.0, -1.5]) - law.means) / s)
    truth = law.weights @ inside.prod(axis=1)
    assert probability_bounds(law, 0.0, box) == pytest.approx((truth, truth), abs=1e-12)
    assert probability_bounds(law, 0.0, Complement(box)) == pytest.approx((1 - truth, 1 - truth), abs=1e-12)
    # A slab aslant, of components that are correlated.
    n = np.array([0.6, 0.8])
    m, s = LAW.means @ n, np.sqrt(np.einsum("i,kij,j->k", n, LAW.covs, n))
    truth = LAW.weights @ (ndtr((1.0 - m) / s) - ndtr((-0.7 - m) / s))
    assert probability_bounds(LAW, 0.0, Polytope([n, -n], [1.0, 0.7])) == pytest.approx((truth, truth), abs=1e-12)


def test_slabs_are_exact_from_both_sides():
    radius, law = 0.2, GaussianMixture([[0.3]], [[[1.0]]])
    points, masses = atoms(law, np.ones(1), 20_000)
    low, high = probability_bounds(law, radius, Polytope([[1.0], [-1.0]], [1.0, 0.8]))
    for away, end in (
        (np.maximum(np.abs(points - 0.1) - 0.9, 0), high),
        (np.maximum(0.9 - np.abs(points - 0.1), 0), 1 - low),
    ):
        assert moved(-away, masses, 0.0, radius) == pytest.approx(end, abs=2e-4)


@pytest.mark.parametrize("radius", [0.0, 0.03, 0.3])
def test_no_law_of_the_ball_breaks_a_bound(radius):
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.multivariate_normal(m, c, int(50_000 * w)) for m, c, w in zip(LAW.means, LAW.covs, LAW.weights)]
    )
    regions = [
        Polytope([[1.0, 1.0], [1.0, -1.0], [-1.0, 0.0]], [1.5, 1.9, 1.0]),
        Polytope.box([-1.0, -1.2], [1.4, 0.9]),
        Ball([0.4, -0.2], 1.2),
        HalfSpace([1.0, 2.0], 0.7),
    ]
    masses, error = np.full(len(x), 1.0 / len(x)), 2.0 / np.sqrt(len(x))
    for region in regions:
        depth = region.depth(x)[0]
        low, high = probability_bounds(LAW, radius, region)
        assert low <= (depth >= 0).mean() + error and (depth >= 0).mean() - error <= high
        assert low <= 1.0 - moved(-depth, masses, 0.0, radius) + error
        # Outside of corners the depth is less than the distance.
        if not isinstance(region, Polytope):
            assert high >= moved(depth, masses, 0.0, radius) - error
        assert probability_bounds(LAW, radius, Complement(region)) == pytest.approx((1.0 - high, 1.0 - low), abs=1e-13)


def test_shared_budget_of_the_faces_of_a_box():
    """The worst case of leaving one of several faces, which a law of the ball attains but for the corners."""
    law, radius = Gaussian([0.0, 0.0], 1.0), 0.1
    low = probability_bounds(law, radius, Polytope.box([-3.0, -3.0], [3.0, 3.0])).low
    u = ndtri((np.arange(2000) + 0.5) / 2000)
    gaps = np.maximum(3.0 - np.maximum(np.abs(u)[:, None], np.abs(u)), 0.0).ravel()
    worst = moved(-gaps, np.full(gaps.size, 1.0 / gaps.size), 0.0, radius)
    assert worst - 1e-4 <= 1.0 - low <= 1.005 * worst


@pytest.mark.parametrize("variances", [(1.0, 1.0), (1.0, 0.1), (1.0, 0.003), (1.0, 1e-7), (1.0, 0.0)])
def test_distances_to_a_point(variances):
    center, radii = np.array([0.5, 0.2]), np.array([-1.0, 0.1, 0.6, 1.5, 4.0])
    law = nominal(GaussianMixture([[0.0, 0.0]], [list(variances)]), 1.0)
    low, high = distance_bounds(law, law.scaled(center), law.scaled(radii))
    s = np.sqrt(variances)

    def probability(r):
        if r < 0:
            return 0.0
        half = lambda x: np.sqrt(max(r**2 - (x - 0.5) ** 2, 0.0))  # noqa: E731
        other = lambda x: norm.cdf(0.2 + half(x), scale=s[1]) - norm.cdf(0.2 - half(x), scale=s[1])  # noqa: E731
        if s[1] == 0.0:
            return float(np.diff(norm.cdf(0.5 + np.array([-1, 1]) * np.sqrt(max(r**2 - 0.04, 0.0))))[0])
        near = [0.5 + sign * np.sqrt(max(r**2 - 0.04, 0.0)) for sign in (-1, 1)]
        return quad(lambda x: norm.pdf(x) * other(x), 0.5 - r, 0.5 + r, points=near, limit=300, epsabs=1e-11)[0]

    truth = np.array([probability(r) for r in radii])
    assert (low <= truth + 1e-9).all() and (truth - 1e-9 <= high).all()
    if variances[1] >= 0.003:
        np.testing.assert_allclose(low, truth, atol=1e-8 if variances[1] > 0.05 else 0.3)
        np.testing.assert_allclose(high, truth, atol=1e-8 if variances[1] > 0.05 else 0.3)


def test_balls_beside_flat_laws_are_in_half_spaces():
    law = nominal(GaussianMixture([[0.0, 0.0]], [[0.25, 1e-9]]), 0.0)
    _, high = distance_bounds(law, law.scaled(np.array([1.5, 0.0])), law.scaled(np.array([1.0, 1.6])))
    np.testing.assert_allclose(high, ndtr([-1.0, 0.2]), rtol=1e-6)


def test_balls_far_off_in_deviations_and_in_many_dimensions():
    law = Gaussian(np.zeros(6), 0.5)
    truth = ncx2.cdf(4.0**2 / 0.5, 6, 9.0 / 0.5)
    center = 3.0 * np.eye(6)[0]
    assert probability_bounds(law, 0.0, Ball(center, 4.0)) == pytest.approx((truth, truth), abs=1e-11)
    low, high = probability_bounds(Gaussian([0.0, 0.0], 1e-6), 0.0, Ball([1.0, 0.0], 0.9))
    assert low == 0.0 and high < 1e-12
    assert probability_bounds(Gaussian([0.0, 0.0], 1e-6), 0.0, Ball([1.0, 0.0], 1.1)).low > 1.0 - 1e-12


@pytest.mark.parametrize("radius", [1e-3, 0.1])
def test_balls_lose_one_percent_of_the_distance(radius):
    law, ball = Gaussian([0.0, 0.0], 1.0), Ball([0.0, 0.0], 2.0)
    # Quantiles of the distance, in fine steps of probability.
    u = (np.arange(400_000) + 0.5) / 400_000
    r, masses = np.sqrt(-2.0 * np.log(u)), np.full(len(u), 1.0 / len(u))
    low, high = probability_bounds(law, radius, ball)
    inward, outward = (moved(sign * (r - 2.0) * -1.0, masses, 0.0, radius) for sign in (1.0, -1.0))
    inside = 1.0 - np.exp(-2.0)
    assert inward - 1e-5 <= high <= inward + 0.01 * (inward - inside) + 2e-5
    assert outward - 1e-5 <= 1.0 - low <= outward + 0.01 * (outward - 1 + inside) + 2e-5


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("radius", [0.0, 0.02, 0.3])
def test_quantiles_are_those_of_the_worst_law(level, radius):
    a = np.array([1.2, 1.6])
    low, high = quantile_bounds(LAW, radius, a, level)
    truth = brentq(
        lambda q: LAW.weights @ ndtr((q - LAW.means @ a) / np.sqrt(np.einsum("i,kij,j->k", a, LAW.covs, a))) - level,
        -20,
        20,
    )
    assert low <= truth <= high
    if radius == 0.0:
        assert high - low < 1e-9
        return
    points, masses = atoms(LAW, a / 2.0, 200_000)
    # Just below `high` a law of the ball has too much beyond; just above, none has.
    for sign, end, share in ((1.0, high, 1.0 - level), (-1.0, low, level)):
        over, under = (moved(sign * points, masses, sign * end / 2.0 + x, radius) for x in (0.01, -0.01))
        assert over < share < under
    assert probability_bounds(LAW, radius, HalfSpace(a, high)).low == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_scales(scale):
    law = Gaussian([0.0, 0.0], scale**2 if scale < 1e150 else 1e300)
    low, high = quantile_bounds(law, 0.01 * scale, [1.0, 0.0], 0.95)
    reference = quantile_bounds(Gaussian([0.0, 0.0], 1.0), 0.01, [1.0, 0.0], 0.95)
    assert (low / scale, high / scale) == pytest.approx(tuple(reference), rel=1e-9)
    for region in (HalfSpace([1.0, 0.0], 2.0 * scale), Ball([0.0, 0.0], 2.0 * scale)):
        one = HalfSpace([1.0, 0.0], 2.0) if isinstance(region, HalfSpace) else Ball([0.0, 0.0], 2.0)
        found = probability_bounds(law, 0.01 * scale, region)
        assert tuple(found) == pytest.approx(tuple(probability_bounds(Gaussian([0.0, 0.0], 1.0), 0.01, one)), abs=1e-3)


def test_frameworks_keep_their_arrays():
    torch = pytest.importorskip("torch")

    found = probability_bounds(
        Gaussian(torch.zeros(2), torch.tensor(1.0)), 0.1, HalfSpace(torch.tensor([1.0, 0.0]), 0.5)
    )
    assert all(isinstance(x, torch.Tensor) and x.dtype == torch.float32 for x in found)
    reference = probability_bounds(Gaussian([0.0, 0.0], 1.0), 0.1, HalfSpace([1.0, 0.0], 0.5))
    assert float(found.low) <= reference.low and float(found.high) >= reference.high


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="region must be a HalfSpace"):
        probability_bounds(LAW, 0.1, "all")
    with pytest.raises(ValueError, match="region lies in dimension 1"):
        probability_bounds(LAW, 0.1, Complement(HalfSpace([1.0], 0.0)))
    with pytest.raises(ValueError, match="radius must be"):
        probability_bounds(LAW, -0.1, HalfSpace([1.0, 0.0], 0.0))
    with pytest.raises(ValueError, match="law must be one law"):
        probability_bounds(GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1))), 0.1, HalfSpace([1.0, 0.0], 0.0))
    with pytest.raises(ValueError, match="level must be between"):
        quantile_bounds(LAW, 0.1, [1.0, 0.0], 1.5)
    with pytest.raises(ValueError, match="direction must be a vector of 2"):
        quantile_bounds(LAW, 0.1, [1.0], 0.5)
