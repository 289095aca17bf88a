"""Mixtures fitted in W₂: known mixtures come back, the objective has its gradient, and odd points do no harm."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from optional import optional

from diracs import GaussianMixture, SumOfDiracs, distance, fit_mixture, lloyd
from diracs.mixtures.fit_objective import Objective
from diracs.mixtures.free_weights import FreeProblem, free_transport
from diracs.mixtures.likelihood import expectation_maximization, spread_centres
from diracs.transport.solved import transport
from diracs.transport.target import MixtureTarget

Figure = optional("matplotlib.figure").Figure

jnp = optional("jax.numpy")
torch = optional("torch")

KINDS = ("full", "diagonal", "isotropic")
MEANS = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 5.0]])
COVS = np.array([[[1.0, 0.4], [0.4, 0.5]], [[0.3, 0.0], [0.0, 1.5]], [[0.8, -0.5], [-0.5, 0.9]]])
WEIGHTS = np.array([0.5, 0.3, 0.2])


def sample(n, seed=0, means=MEANS, covs=COVS, weights=WEIGHTS):
    rng = np.random.default_rng(seed)
    label = rng.choice(len(weights), n, p=weights)
    return means[label] + np.einsum("nij,nj->ni", np.linalg.cholesky(covs)[label], rng.standard_normal((n, 2)))


def in_order(mixture):
    """Parameters in the order of `MEANS`."""
    order = ((mixture.means - MEANS[:, None]) ** 2).sum(axis=2).argmin(axis=1)
    return mixture.means[order], mixture.covs[order], mixture.weights[order]


def objective(kind, d=2, n=25):
    points = sample(n)[:, :d]
    points = points - points.mean(axis=0)
    points = np.ascontiguousarray(points / np.sqrt((points**2).sum(axis=1).mean()))
    masses = np.random.default_rng(1).dirichlet(np.full(n, 3.0))
    centres = spread_centres(points, masses, 3, np.random.default_rng(0))
    start = expectation_maximization(points, masses, centres, kind, 1e-2, 5)
    return Objective(points, masses, kind, 1e-3, start)


def test_a_mixture_is_recovered_from_its_quantization():
    mixture = GaussianMixture(MEANS, COVS, WEIGHTS)
    points = lloyd(mixture, 150, iterations=20)
    fit = fit_mixture(points, 3, starts=1)
    assert fit.converged
    means, covs, weights = in_order(fit.mixture)
    np.testing.assert_allclose(means, MEANS, atol=0.02)
    # Barycenters lack the spread of their cells, which is about the same in all directions.
    spread = WEIGHTS @ (np.trace(COVS, axis1=1, axis2=2) + (MEANS**2).sum(axis=1))
    lost = spread - fit.points.weights @ (fit.points.positions**2).sum(axis=1)
    np.testing.assert_allclose(covs + 0.5 * lost * np.eye(2), COVS, atol=0.04)
    np.testing.assert_allclose(weights, WEIGHTS, atol=0.005)


def test_a_mixture_is_recovered_from_samples():
    points, label = sample(250), np.random.default_rng(0).choice(3, 250, p=WEIGHTS)
    fit = fit_mixture(points, 3, starts=1)
    means, covs, weights = in_order(fit.mixture)
    drawn = [points[label == k] for k in range(3)]
    np.testing.assert_allclose(means, [x.mean(axis=0) for x in drawn], atol=0.15)
    np.testing.assert_allclose(covs, [np.cov(x.T) for x in drawn], atol=0.25)
    np.testing.assert_allclose(weights, [len(x) / 250 for x in drawn], atol=0.04)
    assert fit.distance < distance(SumOfDiracs(points), GaussianMixture(MEANS, COVS, WEIGHTS))


@pytest.mark.parametrize("kind", KINDS)
def test_history_falls_from_the_start_of_the_likelihood_to_the_distance(kind):
    points = sample(30, seed=3)
    fit = fit_mixture(points, 2, covariance_kind=kind, starts=2)
    assert fit.mixture.covariance_kind == kind
    assert (np.diff(fit.history) < 0).all() and len(fit.history) == fit.iterations + 1
    assert fit.history[-1] == fit.distance
    assert distance(SumOfDiracs(points), fit.mixture) == pytest.approx(fit.distance, rel=1e-6)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_objective_is_that_of_differences(kind, d):
    check_gradient(objective(kind, d))


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_objective_in_space(kind):
    rng = np.random.default_rng(4)
    points, masses = rng.normal(size=(8, 3)) * [1.0, 0.6, 0.3], rng.dirichlet(np.full(8, 3.0))
    shape = {"isotropic": (2,), "diagonal": (2, 3), "full": (2, 1, 1)}[kind]
    covs = rng.uniform(0.3, 0.6, shape) * (np.eye(3) + 0.2 if kind == "full" else 1.0)
    start = rng.normal(size=(2, 3)) * 0.5, covs, np.array([0.4, 0.6])
    check_gradient(Objective(points, masses, kind, 1e-3, start))


def check_gradient(function):
    x = function.start + 0.01 * np.random.default_rng(2).standard_normal(len(function.start))
    here = function(x, None)
    slopes = np.empty_like(x)
    for i in range(len(x)):
        ends = []
        for step in (1e-4, -1e-4):
            moved = x.copy()
            moved[i] += step
            ends.append(function(moved, here.state).value)
        slopes[i] = (ends[0] - ends[1]) / 2e-4
    np.testing.assert_allclose(here.gradient, slopes, atol=2e-6)


@pytest.mark.parametrize("d", [1, 2])
def test_warm_starts_give_what_cold_ones_give(d):
    function = objective("full", d)
    first = function(function.start, None)
    x = function.start - 0.5 * first.gradient
    warm, cold = function(x, first.state), function(x, None)
    assert warm.state.steps <= cold.state.steps
    assert warm.value == pytest.approx(cold.value, rel=1e-8)
    np.testing.assert_allclose(warm.gradient, cold.gradient, atol=1e-7)


def test_a_step_of_minus_the_gradient_never_raises_the_objective():
    for kind in KINDS:
        function = objective(kind)
        first = function(function.start, None)
        assert (
            function(function.start - first.gradient, None).value < first.value - 0.4 * first.gradient @ first.gradient
        )


@pytest.mark.parametrize("apart", [1.0, 8.0])
def test_free_weights_are_the_best_weights(apart):
    """Against a scalar minimization over the weights of two components, each with a transport of its own."""
    rng = np.random.default_rng(5)
    seeds = np.concatenate([rng.standard_normal((20, 2)), rng.standard_normal((12, 2)) + np.array([apart, 0.0])])
    masses = np.full(32, 1 / 32)
    means, covs = np.array([[0.0, 0.0], [apart, 0.0]]), np.array([np.eye(2), 0.7 * np.eye(2)])

    def cost(share):
        return transport(seeds, masses, MixtureTarget(means, covs, np.array([share, 1 - share])), 1e-9).distance

    found = free_transport(FreeProblem(seeds, masses, means, covs), np.array([0.6, 0.4]), 1e-9)
    best = scipy.optimize.minimize_scalar(cost, bounds=(0.05, 0.95), method="bounded", options={"xatol": 1e-6})
    assert found.distance <= best.fun * (1 + 1e-7)
    assert found.distance == pytest.approx(cost(found.weights[0]), rel=1e-6)
    if apart > 4:
        np.testing.assert_allclose(found.weights, [20 / 32, 12 / 32], atol=1e-3)


def test_a_component_that_is_not_needed_loses_its_weight():
    seeds = np.random.default_rng(6).standard_normal((30, 2))
    means, covs = np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([np.eye(2), np.eye(2)])
    found = free_transport(FreeProblem(seeds, np.full(30, 1 / 30), means, covs), np.array([0.9, 0.1]), 1e-8)
    assert 0 <= found.weights[1] < 1e-6


def test_more_starts_are_not_worse_and_seeds_decide():
    points = sample(25, seed=7)
    one, several = fit_mixture(points, 2, starts=1), fit_mixture(points, 2, starts=3)
    assert several.distance <= one.distance * (1 + 1e-3)
    again = fit_mixture(points, 2, starts=1)
    np.testing.assert_array_equal(one.history, again.history)
    np.testing.assert_array_equal(one.mixture.covs, again.mixture.covs)


def test_one_component_on_the_line_has_the_known_optimum():
    """W₂² to N(μ, σ²) is least for the mean and σ = ∫ F⁻¹ Φ⁻¹, here by cells of equal mass."""
    x = np.sort(np.random.default_rng(8).gamma(2.0, size=50))
    fit = fit_mixture(x[:, None], 1, tol=1e-10)
    borders = scipy.stats.norm.pdf(scipy.stats.norm.ppf(np.linspace(0, 1, 51)))
    sigma = (x * (borders[:-1] - borders[1:])).sum()
    assert fit.mixture.means[0, 0] == pytest.approx(x.mean(), rel=1e-6)
    assert np.sqrt(fit.mixture.covs[0, 0, 0]) == pytest.approx(sigma, rel=1e-5)
    assert fit.distance == pytest.approx(x.var() - sigma**2, rel=1e-7)


def test_separate_groups_on_the_line():
    rng = np.random.default_rng(9)
    x = np.concatenate([rng.standard_normal(60), 40 + 2 * rng.standard_normal(30)])[:, None]
    fit = fit_mixture(x, 2, covariance_kind="diagonal")
    assert fit.mixture.covs.shape == (2, 1)
    np.testing.assert_allclose(np.sort(fit.mixture.weights), [1 / 3, 2 / 3], atol=1e-6)


def test_masses_count_and_zero_ones_do_not():
    points = sample(30, seed=10)
    masses = np.random.default_rng(11).integers(0, 3, 30)
    weighted = fit_mixture(SumOfDiracs(points, masses), 2, starts=2)
    repeated = fit_mixture(np.repeat(points, masses, axis=0), 2, starts=2)
    assert weighted.distance == pytest.approx(repeated.distance, rel=1e-6)
    np.testing.assert_allclose(weighted.mixture.means, repeated.mixture.means, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_in_the_framework_and_dtype_of_the_points(dtype):
    points = sample(20, seed=12).astype(dtype)
    numpy = fit_mixture(points, 2, starts=1)
    tensor = fit_mixture(torch.tensor(points, requires_grad=True), 2, starts=1)
    assert numpy.mixture.means.dtype == numpy.distance.dtype == dtype
    assert tensor.mixture.covs.dtype == tensor.distance.dtype == getattr(torch, dtype)
    np.testing.assert_array_equal(tensor.mixture.covs.numpy(), numpy.mixture.covs)
    if dtype == "float32":
        array = fit_mixture(jnp.asarray(points), 2, starts=1)
        assert isinstance(array.mixture.means, jnp.ndarray) and array.distance.dtype == dtype


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scale_and_shift_do_not_matter(scale):
    points = sample(20, seed=13)
    plain, scaled = fit_mixture(points, 2, starts=1), fit_mixture(scale * (points + 100.0), 2, starts=1)
    np.testing.assert_allclose(scaled.mixture.means / scale - 100.0, plain.mixture.means, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(scaled.history[-1] / scale**2, plain.history[-1], rtol=1e-6)


RNG = np.random.default_rng(14)
ODD = {
    "collinear": (np.linspace(0, 1, 15)[:, None] * [1.0, 2.0], 2),
    "duplicates": (RNG.integers(0, 3, (30, 2)).astype(float), 3),
    "two spots": (np.repeat([[0.0, 0.0], [1.0, 1.0]], 5, axis=0), 2),
    "fewer than k": (RNG.standard_normal((4, 2)), 6),
    "as many as k": (RNG.standard_normal((5, 2)), 5),
    "two on the line": (np.array([[0.0], [1.0]]), 2),
    "far outlier": (np.concatenate([RNG.standard_normal((20, 2)), [[1e6, 0.0]]]), 2),
    "heavy tails": (RNG.standard_cauchy((30, 2)), 2),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_points(name):
    points, k = ODD[name]
    fit = fit_mixture(points, k)
    assert fit.converged and fit.mixture.n_components == k
    spread = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    # No component is narrower than the floor.
    assert np.sqrt(np.linalg.eigvalsh(fit.mixture.covs).min()) >= 0.999e-3 * spread
    assert distance(SumOfDiracs(points), fit.mixture) == pytest.approx(fit.distance, rel=1e-5)


def test_coincident_points_are_components_without_width():
    fit = fit_mixture(np.full((5, 2), 3.0), 2, covariance_kind="isotropic")
    assert fit.converged and fit.distance == 0 and (fit.mixture.covs == 0).all()
    np.testing.assert_array_equal(fit.mixture.means, np.full((2, 2), 3.0))


def test_callback_limit_and_record():
    seen = []
    fit = fit_mixture(
        sample(30, seed=15), 3, starts=1, max_iterations=2, tol=1e-12, callback=lambda i, m, w: seen.append((i, m, w))
    )
    assert not fit.converged and "2 iterations" in fit.message and fit.iterations == 2
    # One run from the likelihood, then maybe one from the smaller fit.
    assert [i for i, _, _ in seen][:2] == [1, 2] and set(fit.history[1:]) <= {w for _, _, w in seen}
    last = next(m for _, m, w in seen if w == fit.distance)
    np.testing.assert_array_equal(last.means, fit.mixture.means)
    with pytest.raises(FrozenInstanceError):
        fit.distance = 0
    assert "not converged" in repr(fit)


@pytest.mark.parametrize("d", [1, 2])
def test_pictures(d):
    ax = Figure().subplots()
    fit = fit_mixture(sample(15)[:, :d], 2, starts=1)
    assert fit.plot(ax) is ax
    ax.figure.canvas.draw()
    assert len(ax.patches) == (4 if d == 2 else 0)
    assert fit.plot(Figure().subplots(), dots=False, color="green")
    fit_mixture(np.ones((3, d)), 1).plot(Figure().subplots())


POINTS = sample(10)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: fit_mixture([1.0, 2.0], 1), "points"),
        (lambda: fit_mixture(np.zeros((4, 4)), 1), "points"),
        (lambda: fit_mixture(np.full((4, 2), np.nan), 1), "points"),
        (lambda: fit_mixture("points", 1), "points"),
        (lambda: fit_mixture(SumOfDiracs(np.zeros((2, 4, 2))), 1), "points"),
        (lambda: fit_mixture((POINTS * 1e30).astype(np.float32), 1), "points"),
        (lambda: fit_mixture(POINTS * 1e200, 1), "points"),
        (lambda: fit_mixture(POINTS, 0), "k must"),
        (lambda: fit_mixture(POINTS, 1.5), "k must"),  # type: ignore[arg-type]
        (lambda: fit_mixture(POINTS, 1, covariance_kind="tied"), "covariance_kind"),  # type: ignore[arg-type]
        (lambda: fit_mixture(POINTS, 1, starts=0), "starts"),
        (lambda: fit_mixture(POINTS, 1, seed=-1), "seed"),
        (lambda: fit_mixture(POINTS, 1, floor=0.0), "floor"),
        (lambda: fit_mixture(POINTS, 1, floor=2.0), "floor"),
        (lambda: fit_mixture(POINTS, 1, floor=1e-7), "floor"),
        (lambda: fit_mixture(POINTS.astype(np.float32), 1, floor=1e-4), "floor"),
        (lambda: fit_mixture(POINTS, 1, tol=-1.0), "tol"),
        (lambda: fit_mixture(POINTS, 1, max_iterations=0), "max_iterations"),
        (lambda: fit_mixture(POINTS, 1, callback=3), "callback"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_refused_by_name(call, name):
    with pytest.raises((TypeError, ValueError), match=name):
        call()
