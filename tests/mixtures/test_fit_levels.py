"""More components are never worse than fewer, and points of any kind have a fit."""

import numpy as np
import pytest

from diracs import SumOfDiracs, distance, fit_mixture
from diracs.mixtures.fit_levels import Options, Points, best_fit, halves
from diracs.mixtures.free_weights import FreeProblem, free_transport
from diracs.mixtures.likelihood import expectation_maximization
from diracs.mixtures.quasi_newton import Evaluation, Minimum, minimize
from diracs.transport.components import component_moments

RNG = np.random.default_rng(0)
# From a report: few points on three spots, of which two are tight.
SPOTS = np.repeat(
    [(1086, 348), (1087, 347), (1190, 244), (1185, 249), (1193, 241), (1188, 247), (1187, 233), (26, 111), (26, 110)],
    [2, 2, 2, 2, 1, 1, 1, 2, 4],
    axis=0,
).astype(float)
SHAPES = {
    "spots": SPOTS,
    "line": np.concatenate([RNG.standard_normal(8), 30 + 0.01 * RNG.standard_normal(6)])[:, None],
    "collinear": RNG.standard_normal((10, 1)) * [1.0, -2.0],
    "lattice": RNG.integers(0, 3, (24, 2)).astype(float),
    "tight": RNG.integers(0, 3, (14, 1)) * [1.0, 0.4] + 1e-5 * RNG.standard_normal((14, 2)),
}


def width(points):
    return np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())


# Each grows by one component at a time.
@pytest.mark.parametrize("counts", [(2, 3), pytest.param((1, 2, 4, 7), marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SHAPES)
def test_more_components_are_never_worse(name, counts):
    points = SHAPES[name]
    fits = [fit_mixture(points, k, starts=1) for k in counts]
    values = np.array([fit.distance for fit in fits])
    assert (np.diff(values) <= 0).all()
    for k, fit in zip(counts, fits):
        assert fit.converged and fit.mixture.n_components == k
        assert (fit.mixture.weights > 0).all() and (np.linalg.eigvalsh(fit.mixture.covs) > 0).all()
        # A share of 1e-9 of the mass may cross from spot to spot.
        crossing = 1e-9 * float(np.ptp(points, axis=0).max()) ** 2
        assert distance(SumOfDiracs(points), fit.mixture) == pytest.approx(fit.distance, rel=1e-5, abs=crossing)


@pytest.mark.parametrize("spots", [4, pytest.param(9, marks=pytest.mark.slow)])
def test_few_points_on_as_many_spots_as_components(spots):
    """A component of the floor's width on each of the spots costs no more than twice its square."""
    points = SPOTS if spots == 9 else SPOTS[: 2 * spots]
    fit = fit_mixture(points, spots, starts=1)
    assert fit.distance <= 1.01 * 2 * (1e-3 * width(points)) ** 2


def test_more_components_than_groups():
    groups = np.concatenate([RNG.standard_normal((12, 2))[:8] + c for c in ((0, 0), (200, 0), (0, 200))])
    three, four = fit_mixture(groups, 3, starts=1), fit_mixture(groups, 4, starts=1)
    assert three.converged and four.converged and four.distance <= three.distance
    np.testing.assert_allclose(three.mixture.weights, 1 / 3, atol=1e-6)


def test_copies_are_named_and_share_the_weight():
    fit = fit_mixture(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), 5, starts=1)
    assert "2 of the 5 components differ" in fit.message
    assert len(np.unique(fit.mixture.means, axis=0)) == 2
    np.testing.assert_allclose(fit.mixture.weights.sum(), 1.0)
    on_first = np.isclose(fit.mixture.means[:, 0], 0.0, atol=1e-2)
    assert fit.mixture.weights[on_first].sum() == pytest.approx(1 / 3, rel=1e-5)
    assert "differ" not in fit_mixture(SPOTS, 2, starts=1).message


def test_fits_are_reproducible():
    one, two = (fit_mixture(SHAPES["lattice"], 3) for _ in range(2))
    for a, b in zip(
        (one.mixture.means, one.mixture.covs, one.mixture.weights, one.history),
        (two.mixture.means, two.mixture.covs, two.mixture.weights, two.history),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def random_problem(seed):
    """Few points of a wild kind and scale, and a number of components."""
    rng = np.random.default_rng([9, seed])
    n, d, k = int(rng.integers(1, 9)), int(rng.integers(1, 3)), int(rng.integers(1, 6))
    points = [
        lambda: rng.standard_normal((n, d)),
        lambda: rng.integers(0, 3, (n, d)).astype(float),
        lambda: rng.standard_normal((n, 1)) * rng.standard_normal((1, d)),
        lambda: rng.standard_normal((3, d))[rng.integers(3, size=n)] + 1e-6 * rng.standard_normal((n, d)),
        lambda: rng.standard_cauchy((n, d)),
    ][seed % 5]()
    kind = ("full", "diagonal", "isotropic")[seed % 3]
    return points * 10.0 ** rng.uniform(-6, 6) + rng.standard_normal(d), k, kind


@pytest.mark.parametrize("seed", range(10))
def test_wild_points_have_fits(seed):
    points, k, kind = random_problem(seed)
    fit = fit_mixture(points, k, covariance_kind=kind, starts=1)
    assert fit.converged and fit.mixture.n_components == k
    if width(points) > 0:
        assert 0 <= fit.distance <= width(points) ** 2


def test_a_component_without_points_is_left_out_of_the_likelihood():
    points = np.concatenate([RNG.standard_normal((20, 2)), [[50.0, 0.0]]])
    centres = np.array([[0.0, 0.0], [50.0, 0.0], [-900.0, 0.0]])
    means, covs, weights = expectation_maximization(points, np.full(21, 1 / 21), centres, "full", 1e-2, 10)
    assert len(means) == len(covs) == 2
    np.testing.assert_allclose(np.sort(weights), [1 / 21, 20 / 21], atol=1e-9)


@pytest.mark.parametrize("kind", ["full", "diagonal", "isotropic"])
def test_halves_of_a_component_are_as_wide_as_it_is(kind):
    means, cov = np.array([[1.0, 2.0]]), np.array([[2.0, 0.5], [0.5, 1.0]])
    covs = {"full": cov, "diagonal": np.diag(cov), "isotropic": np.array(2.0)}[kind][None]
    centres, inner = halves(means, covs)
    # Pairs on either side, whose mean is the component's.
    pairs = np.stack([centres[0::2], centres[1::2]])
    np.testing.assert_allclose(pairs.mean(axis=0), np.tile(means, (4, 1)))
    if kind == "full":
        offset = pairs[0] - means
        np.testing.assert_allclose(inner[0::2] + offset[:, :, None] * offset[:, None, :], np.tile(cov, (4, 1, 1)))
    assert inner.shape == (8, *covs.shape[1:])


def test_a_new_component_lowers_the_cost_as_the_potential_says():
    """The slope of W₂² in the share of a new component is its potential less that of the others."""
    seeds = RNG.standard_normal((15, 2))
    target = np.full(15, 1 / 15)
    means, covs = np.array([[0.0, 0.0], [0.8, 0.3]]), np.array([np.eye(2), 0.1 * np.eye(2)])
    alone = free_transport(FreeProblem(seeds, target, means[:1], covs[:1]), np.ones(1), 1e-10)
    cost = component_moments(seeds, alone.dual, means, covs).potential
    # The pair has free weights: below the line through the single component with this slope, above none.
    both = free_transport(FreeProblem(seeds, target, means, covs), np.array([0.9, 0.1]), 1e-10)
    assert cost[1] < cost[0] and both.weights[1] > 0
    assert alone.distance + both.weights[1] * (cost[1] - cost[0]) <= both.distance < alone.distance


def test_a_component_comes_back_when_it_is_needed():
    seeds = np.random.default_rng(0).standard_normal((20, 2)) + np.repeat([[0.0, 0.0], [8.0, 0.0]], 10, axis=0)
    problem = FreeProblem(
        seeds,
        np.full(20, 1 / 20),
        np.array([[4.0, 0.0], [8.0, 0.0], [0.0, 0.0]]),
        np.array([20 * np.eye(2), np.eye(2), np.eye(2)]),
    )
    usual = free_transport(problem, np.full(3, 1 / 3), 1e-9)
    hardly = free_transport(problem, np.array([0.5, 0.499, 0.001]), 1e-9)
    assert hardly.weights[2] > 0.1
    assert hardly.distance == pytest.approx(usual.distance, rel=1e-7)


def test_steps_go_on_where_they_stopped():
    def evaluate(x, _):
        # Rosenbrock's valley.
        r = x[1] - x[0] ** 2
        value = 1.0 + (1.0 - x[0]) ** 2 + 100.0 * r**2
        return Evaluation(float(value), np.array([-2.0 * (1.0 - x[0]) - 400.0 * r * x[0], 200.0 * r]), None)

    x = np.array([-1.2, 1.0])
    begin = Minimum.start(x, evaluate(x, None))
    once = minimize(evaluate, begin, 1e-12, 50, lambda *_: None)
    half = minimize(evaluate, begin, 1e-12, 4, lambda *_: None)
    assert not half.converged and len(half.history) == 5 and "4 iterations" in half.message
    again = minimize(evaluate, half, 1e-12, 50, lambda *_: None)
    assert once.converged and again.history == once.history


def test_a_level_reports_only_its_own_steps():
    points = Points(np.array([[-1.0, -0.5], [1.0, -0.5], [0.0, 1.0], [0.4, 0.2]]), np.full(4, 0.25))
    seen = []
    fit = best_fit(points, 2, Options("full", 1, 0, 1e-3, 1e-6, 50), lambda i, p, v: seen.append((len(p[0]), v)))
    assert seen and all(count == 2 for count, _ in seen)
    assert fit.value <= min(v for _, v in seen) * (1 + 1e-12)
