"""Transport to Gaussian mixtures: closed forms, independent computations, what must not change, and hard regimes."""

import warnings
from pathlib import Path

import independent
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from optional import optional

from diracs import (
    ConvergenceWarning,
    Gaussian,
    GaussianMixture,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    SumOfGaussians,
    distance,
    optimal_transport_plan,
)

plt = optional("matplotlib.pyplot")
ot = optional("ot")
Estimator = optional("sklearn.mixture").GaussianMixture

torch = optional("torch")

REFERENCE = np.load(Path(__file__).parent.parent / "data" / "transport.npz")
RNG = np.random.default_rng(0)


def mixture(seed, components, ndim=2, kind="full"):
    return GaussianMixture(*independent.random_mixture(seed, components, ndim, kind))


def isotropic(means, deviations, weights=None):
    return GaussianMixture(np.asarray(means, float), np.asarray(deviations, float) ** 2, weights)


def check(plan, masses=None, tolerance=1e-9):
    """Converged, with the masses asked for, no duality gap, and a cost above Gelbrich's bound."""
    y = np.asarray(plan.diracs.positions)
    nu = np.asarray(plan.diracs.weights)
    assert plan.converged, plan.message
    np.testing.assert_allclose(plan.cell_masses, nu, rtol=2 * tolerance)
    scale = max(float(plan.distance), np.ptp(plan.weights) * tolerance * 10)
    assert abs(plan.dual_value - plan.distance) <= 1e-8 * scale
    law = plan.density
    ours = independent.moments(law.means, law.covs, law.weights)
    theirs = nu @ y, (y - nu @ y).T @ ((y - nu @ y) * nu[:, None])
    assert plan.distance >= independent.gelbrich(ours, theirs) * (1 - 1e-9) - 1e-12 * scale


# --- against other computations ---------------------------------------------------------------------------------------


def test_cost_and_barycenters_are_those_of_the_reference():
    case = {k: REFERENCE[f"isotropic_mixture_2d/{k}"] for k in ("positions", "masses", "means", "sigmas", "weights")}
    target = SumOfGaussians(case["means"], case["sigmas"] ** 2, case["weights"])
    plan = optimal_transport_plan(SumOfDiracs(case["positions"], case["masses"]), target)
    assert plan.distance == pytest.approx(REFERENCE["isotropic_mixture_2d/cost"], rel=1e-8)
    np.testing.assert_allclose(plan.barycenters, REFERENCE["isotropic_mixture_2d/barycenters"], atol=1e-7)


def test_one_dirac_costs_the_second_moment():
    law = mixture(0, 3)
    y = np.array([[0.3, -2.0]])
    mean, covariance = independent.moments(law.means, law.covs, law.weights)
    exact = np.trace(covariance) + ((mean - y) ** 2).sum()
    assert distance(SumOfDiracs(y), law) == pytest.approx(exact, rel=1e-12)


def test_two_opposite_diracs_share_a_gaussian():
    # E|x|² + a² − 2a E|x₁|
    y = np.array([[0.7, 0.0], [-0.7, 0.0]])
    exact = 2.0 + 0.49 - 1.4 * np.sqrt(2.0 / np.pi)
    assert distance(SumOfDiracs(y), Gaussian(np.zeros(2), np.eye(2))) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_collinear_diracs_are_a_problem_on_the_line(angle):
    means, covs, weights = independent.random_mixture(3, 3, 1)
    line, masses = RNG.normal(size=(4, 1)), RNG.dirichlet(np.ones(4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    planar = turn @ np.stack([np.diag([c, 0.3]) for c in covs.ravel()]) @ turn.T
    law = GaussianMixture(np.c_[means, 0 * means] @ turn.T, planar, weights)
    found = distance(SumOfDiracs(np.c_[line, 0 * line] @ turn.T, masses), law)
    exact = float(independent.line_w2(means, covs, weights, line, masses)) ** 2
    assert found == pytest.approx(exact + 0.3, rel=1e-9)
    assert distance(SumOfDiracs(line, masses), GaussianMixture(means, covs, weights)) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("deviations", [(1.0, 1e-3), (1e-6, 1.0), (1e-8, 1e-8)])
def test_disparate_deviations_on_the_line(deviations):
    variances, masses = np.square(deviations), [0.5, 0.2, 0.3]
    y = np.array([[-1.0], [0.5], [2.0]])
    exact = float(independent.line_w2([0.0, 1.0], variances, [0.4, 0.6], y, masses)) ** 2
    law = GaussianMixture([[0.0], [1.0]], variances, [0.4, 0.6])
    assert distance(SumOfDiracs(y, masses), law) == pytest.approx(exact, rel=1e-9)


def test_cells_and_cost_against_random_points():
    law, y = mixture(4, 4), RNG.normal(size=(20, 2))
    masses = RNG.dirichlet(np.ones(20))
    plan = optimal_transport_plan(SumOfDiracs(y, masses), law)
    count = 20_000
    x = law.means[:, None] + independent.draws(law.means, law.covs, count, 5)
    power = ((x[:, :, None] - y) ** 2).sum(axis=-1) - plan.weights
    cell = power.argmin(axis=-1)
    share = np.stack([np.bincount(c, minlength=20) / count for c in cell])
    np.testing.assert_allclose(law.weights @ share, masses, atol=5 * 0.5 / np.sqrt(count))
    cost = ((x - y[cell]) ** 2).sum(axis=-1)
    error = np.sqrt(law.weights**2 @ cost.var(axis=1) / count)
    assert abs(law.weights @ cost.mean(axis=1) - plan.distance) < 5 * error


def test_limit_of_fine_images():
    law = isotropic([[0.0, 0.0], [1.0, 0.5]], [0.4, 0.3], [0.6, 0.4])
    n, low, high = 128, np.array([-3.0, -3.0]), np.array([4.0, 3.5])
    x, y = (low[a] + (high[a] - low[a]) * (np.arange(n) + 0.5) / n for a in range(2))
    values = sum(
        w / s**2 * np.exp(-((x[:, None] - m[0]) ** 2 + (y - m[1]) ** 2) / (2 * s**2))
        for m, s, w in zip(law.means, np.sqrt(law.covs), law.weights)
    )
    diracs = SumOfDiracs(RNG.normal(size=(30, 2)))
    image = distance(diracs, PolynomialGrid(values, np.stack([low, high])))
    # Pixels add their own variance, side²/12, at most.
    slack = ((high - low) ** 2).sum() / n**2 / 12
    assert float(distance(diracs, law)) == pytest.approx(float(image), abs=2 * slack)


@pytest.mark.parametrize("deviation", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("ndim", [1, 2])
def test_narrow_components_are_point_masses(deviation, ndim):
    rng = np.random.default_rng(6)
    means, weights = rng.normal(size=(5, ndim)), rng.dirichlet(np.ones(5))
    y, masses = rng.normal(size=(12, ndim)), rng.dirichlet(np.ones(12))
    discrete = ot.emd2(weights, masses, ot.dist(means, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = distance(SumOfDiracs(y, masses), isotropic(means, np.full(5, deviation), weights))
    # The triangle inequality: narrowing moves the law by √d σ.
    assert abs(np.sqrt(found) - np.sqrt(discrete)) <= np.sqrt(ndim) * deviation + 1e-9


# --- what must not change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ndim", [1, 2])
def test_rigid_motions_keep_the_cost_and_scaling_multiplies_it(ndim):
    law, y = mixture(7, 4, ndim), RNG.normal(size=(25, ndim))
    before = float(distance(SumOfDiracs(y), law))
    turn = independent.rotation(1, ndim)
    flip = np.diag([-1.0] + [1.0] * (ndim - 1))
    shift = np.linspace(3.0, -2.0, ndim)
    for matrix in (turn, flip, turn @ flip):
        moved = GaussianMixture(law.means @ matrix.T + shift, matrix @ law.covs @ matrix.T, law.weights)
        assert distance(SumOfDiracs(y @ matrix.T + shift), moved) == pytest.approx(before, rel=1e-9)
    for scale in (1e-150, 1e-9, 1e9, 1e150):
        scaled = GaussianMixture(law.means * scale, law.covs * scale**2, law.weights)
        assert distance(SumOfDiracs(y * scale), scaled) / scale**2 == pytest.approx(before, rel=1e-8)


@pytest.mark.parametrize("ndim", [1, 2])
def test_split_components_kinds_and_order_do_not_matter(ndim):
    y = SumOfDiracs(RNG.normal(size=(15, ndim)))
    law = mixture(8, 3, ndim, "isotropic")
    value = float(distance(y, law))
    eye = np.eye(ndim)
    again = np.array([2, 0, 1, 0])
    same = [
        GaussianMixture(law.means, law.covs[:, None] * np.ones(ndim), law.weights),
        GaussianMixture(law.means, law.covs[:, None, None] * eye, law.weights),
        GaussianMixture(law.means[again], law.covs[again], law.weights[again] * [1, 0.3, 1, 0.7]),
        GaussianMixture(np.r_[law.means, [[9.0] * ndim]], np.r_[law.covs, 4.0], np.r_[law.weights, 0.0]),
    ]
    for other in same:
        assert distance(y, other) == pytest.approx(value, rel=1e-10)


def test_laws_of_other_libraries():
    y = SumOfDiracs(RNG.normal(size=(10, 2)))
    mean, cov = np.array([0.2, 0.1]), np.array([[1.0, 0.3], [0.3, 0.5]])
    value = distance(y, GaussianMixture(mean[None], cov[None]))
    assert distance(y, Gaussian(mean, cov)) == pytest.approx(value, rel=1e-12)
    assert distance(y, scipy.stats.multivariate_normal(mean, cov)) == pytest.approx(value, rel=1e-12)
    points = RNG.normal(size=(200, 2))
    for kind in ("full", "tied", "diag", "spherical"):
        fitted = Estimator(2, covariance_type=kind, random_state=0).fit(points)
        assert np.isfinite(distance(y, fitted))
    other = torch.distributions.MultivariateNormal(torch.tensor(mean), torch.tensor(cov))
    positions = torch.tensor(y.positions)
    assert float(distance(SumOfDiracs(positions), other)) == pytest.approx(float(value), rel=1e-12)


# --- hard regimes -----------------------------------------------------------------------------------------------------


def uniform(n, seed=1, side=2.0):
    return np.random.default_rng(seed).uniform(-side, side, (n, 2))


def normal(n, scale=1.0, mean=(0.0, 0.0), seed=2):
    return scale * np.random.default_rng(seed).normal(size=(n, 2)) + mean


def condition(number):
    turn = independent.rotation(0, 2)
    return GaussianMixture(np.zeros((1, 2)), (turn @ np.diag([1.0, 1 / number]) @ turn.T)[None])


FOUR = mixture(4, 4)
TURN = np.linspace(0.0, 2 * np.pi, 13)[:-1]
# Seeds, law, masses, and how many Newton steps are enough.
REGIMES = {
    "one Gaussian": (uniform(200), isotropic([[0, 0]], [1]), None, 7),
    "five components": (uniform(200), mixture(5, 5), None, 12),
    "60 components": (uniform(100), mixture(6, 60), None, 12),
    "another law": (normal(1000, 0.3, (2, 2)), FOUR, None, 10),
    "condition 1e4": (uniform(150), condition(1e4), None, 12),
    "condition 1e6": (uniform(150), condition(1e6), None, 40),
    "condition 1e10": (uniform(150), condition(1e10), None, 60),
    "crossed condition 1e6": (
        uniform(200),
        GaussianMixture([[0.0, 0.0], [0.5, 0.0]], np.stack([np.diag([1, 1e-6]), np.diag([1e-6, 1])])),
        None,
        60,
    ),
    "scales 1e-3 and 1": (uniform(150), isotropic([[0, 0], [1, 1]], [1e-3, 1]), None, 80),
    "scales 1e-3 and 1, concentric": (uniform(150), isotropic([[0, 0], [0, 0]], [1e-3, 1]), None, 80),
    "scales 0.1 to 100": (uniform(150), isotropic([[0, 0]] * 4, [0.1, 1, 10, 100], [0.4, 0.3, 0.2, 0.1]), None, 60),
    "ring": (normal(240), isotropic(3 * np.c_[np.cos(TURN), np.sin(TURN)], np.full(12, 0.2)), None, 60),
    "seeds outside at 30 deviations": (normal(300, 1, (30, 30)), FOUR, None, 12),
    "seeds around at 1000 deviations": (normal(300, 1000.0), FOUR, None, 12),
    "one seed far away": (np.r_[normal(300), [[1e4, 0]]], FOUR, None, 15),
    "cluster of 1e-10": (normal(300, 1e-10, (0.5, 0.5)), FOUR, None, 12),
    "collinear": (np.c_[np.linspace(-2, 2, 100), np.linspace(-1, 1, 100)], FOUR, None, 12),
    "lattice": (np.indices((15, 15)).reshape(2, -1).T / 7.0 - 1.0, FOUR, None, 12),
    "duplicates": (np.repeat(normal(60), 3, axis=0), FOUR, None, 12),
    "three": ([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], FOUR, None, 12),
    "zero masses": (normal(200), FOUR, np.where(np.arange(200) % 2, 1.0, 0.0), 12),
    "masses from 1e-4": (normal(200), FOUR, 10.0 ** (-4 * RNG.random(200)), 20),
    "masses from 1e-10": (normal(200), FOUR, 10.0 ** (-10 * RNG.random(200)), 50),
    "a component of weight 1e-12": (
        np.r_[normal(200), normal(5, 1, (10, 0))],
        isotropic([[0, 0], [10, 0]], [1, 1], [1, 1e-12]),
        None,
        20,
    ),
}


@pytest.mark.parametrize("case", REGIMES)
def test_hard_regimes_converge(case):
    y, law, masses, steps = REGIMES[case]
    plan = optimal_transport_plan(SumOfDiracs(y, masses), law)
    check(plan)
    assert plan.iterations <= steps
    assert np.isfinite(plan.barycenters).all()


@pytest.mark.parametrize("gap", [10, 20, 30, 60, 1000])
@pytest.mark.parametrize("seeds", ["half and half", "unequal", "between"])
def test_components_far_apart(gap, seeds):
    """With as many seeds on both sides no mass passes at all: the parts are all but separate problems."""
    if seeds == "between":
        y = np.random.default_rng(3).uniform(0, 1, (80, 2)) * [gap, 2]
    else:
        left = 40 if seeds == "half and half" else 60
        y = np.r_[normal(left), normal(80 - left, 1, (gap, 0))]
    check(optimal_transport_plan(SumOfDiracs(y), isotropic([[0, 0], [gap, 0]], [1, 1]), tol=1e-8), tolerance=1e-8)


def test_far_component_with_just_the_mass_of_its_cells():
    """No mass passes between the parts, and none must be asked to by what one part's cells need of each other."""
    law = GaussianMixture([[0.0, 0.0], [40.0, 0.0]], [[[1.0, 0.4], [0.4, 0.5]], 0.01 * np.eye(2)], [0.8, 0.2])
    rng = np.random.default_rng(0)
    seeds = np.r_[rng.standard_normal((32, 2)), [40.0, 0.0] + 0.1 * rng.standard_normal((8, 2))]
    plan = optimal_transport_plan(SumOfDiracs(seeds), law)
    assert plan.converged and plan.iterations <= 12


def test_islands_in_the_midst_of_scattered_seeds():
    rng = np.random.default_rng(12)
    law = isotropic(70 * rng.normal(size=(6, 2)), [0.5, 0.3, 0.5, 0.4, 0.6, 0.05], rng.dirichlet(np.ones(6)))
    check(optimal_transport_plan(SumOfDiracs(60 * rng.normal(size=(118, 2))), law, tol=1e-8), tolerance=1e-8)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_problems(seed):
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 3))
    kind = rng.choice(["isotropic", "diagonal", "full"])
    means, covs, weights = independent.random_mixture(seed, int(rng.integers(1, 6)), ndim, kind)
    law = GaussianMixture(means, covs + (1e-4 * np.eye(ndim) if kind == "full" else 1e-4), weights)
    n = int(rng.integers(1, 40))
    y = rng.normal(size=(n, ndim)) * 10.0 ** rng.uniform(-2, 1) + rng.normal(size=ndim)
    masses = rng.dirichlet(np.full(n, rng.uniform(0.3, 5)))
    masses = np.where(masses > 1e-6, masses, 0.0)
    plan = optimal_transport_plan(SumOfDiracs(y, masses), law)
    check(plan)
    # The independent coupling costs no less.
    mean, covariance = independent.moments(law.means, law.covs, law.weights)
    nu = np.asarray(plan.diracs.weights)
    product = nu @ ((y - mean) ** 2).sum(axis=1) + np.trace(covariance)
    assert plan.distance <= product * (1 + 1e-9)


def test_rounding_is_called_so():
    with pytest.warns(ConvergenceWarning, match="rounding"):
        plan = optimal_transport_plan(SumOfDiracs(uniform(50)), FOUR, tol=1e-17)
    assert not plan.converged
    np.testing.assert_allclose(plan.cell_masses, 0.02, rtol=1e-10)


# --- what a plan offers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("components", "n"), [(2, 30), pytest.param(5, 400, marks=pytest.mark.slow)])
def test_start_from_an_earlier_plan(components, n):
    law, y = mixture(9, components), uniform(n)
    first = optimal_transport_plan(SumOfDiracs(y), law)
    assert optimal_transport_plan(SumOfDiracs(y), law, start=first).iterations <= 1
    moved = SumOfDiracs(y + 1e-4 * RNG.normal(size=y.shape))
    again = optimal_transport_plan(moved, law, start=first)
    check(again)
    assert again.iterations < first.iterations
    # A start that leads nowhere is left.
    far = optimal_transport_plan(SumOfDiracs(100 + 1e-3 * y), isotropic([[0, 0], [50, 0]], [1e-2, 1]))
    check(optimal_transport_plan(SumOfDiracs(y), law, start=far))


def test_diagram_adjusted_to_a_mixture():
    law, y, masses = mixture(10, 2), uniform(30), RNG.dirichlet(np.ones(30))
    diagram = PowerDiagram(y).adjust_weights(masses, law)
    x = np.concatenate(law.means[:, None] + independent.draws(law.means, law.covs, 20_000, 0))
    weight = np.repeat(law.weights / 20_000, 20_000)
    cell = (((x[:, None] - y) ** 2).sum(axis=-1) - diagram.weights).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(cell, weight, minlength=30), masses, atol=0.01)
    low, high = diagram.domain
    assert ((y >= low) & (y <= high)).all()


def test_plan_is_drawn():
    plan = optimal_transport_plan(SumOfDiracs(uniform(20)), mixture(11, 3))
    assert len([cell for cell in plan.power_diagram.cells if len(cell)]) > 0
    plan.plot()
    plt.close("all")


# --- refused ----------------------------------------------------------------------------------------------------------

SINGULAR = GaussianMixture(np.zeros((2, 2)), np.stack([np.eye(2), [[1.0, 1.0], [1.0, 1.0]]]))


@pytest.mark.parametrize(
    ("positions", "density", "error", "message"),
    [
        (np.zeros((1, 2)), SINGULAR, ValueError, "covariance 1 is singular"),
        (np.zeros((1, 2)), GaussianMixture(np.zeros((2, 2)), np.array([0.0, 1.0])), ValueError, "singular"),
        (np.zeros((1, 2)), GaussianMixture(np.zeros((1, 2)), np.array([[1.0, 0.0]])), ValueError, "singular"),
        (np.zeros((1, 1)), GaussianMixture(np.zeros((1, 1)), np.zeros(1)), ValueError, "singular"),
        (np.zeros((1, 2)), SumOfDiracs(np.zeros((1, 2))), TypeError, "must have a density, but is a SumOfDiracs"),
        (np.zeros((1, 4)), GaussianMixture(np.zeros((1, 4)), np.ones(1)), ValueError, "dimension 1, 2 or 3"),
        (np.zeros((1, 1)), FOUR, ValueError, "dimension"),
        (np.zeros((1, 2)), "mixture", TypeError, "density"),
    ],
)
@pytest.mark.parametrize("solve", [distance, optimal_transport_plan])
def test_refused(solve, positions, density, error, message):
    with pytest.raises(error, match=message):
        solve(SumOfDiracs(positions), density)


@pytest.mark.parametrize(
    ("positions", "density", "error", "message"),
    [
        (np.zeros((1, 2)), GaussianMixture(np.zeros((3, 2, 2)), np.ones((3, 2))), ValueError, "batch"),
        (np.zeros((1, 2)), [FOUR], TypeError, "density"),
        (np.zeros((2, 1, 2)), FOUR, ValueError, "batch"),
    ],
)
def test_plans_are_of_single_problems(positions, density, error, message):
    with pytest.raises(error, match=message):
        optimal_transport_plan(SumOfDiracs(positions), density)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(broken):
    with pytest.raises(ValueError, match="finite"):
        GaussianMixture([[broken, 0.0]], np.ones(1))
    with pytest.raises(ValueError, match="finite"):
        distance(SumOfDiracs([[broken, 0.0]]), FOUR)
