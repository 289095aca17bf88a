"""recertify: the best masses, and exact distances to these and to the given ones."""

import numpy as np
import pytest
from independent import collinear_w2, line_w2, nearest_cost, random_mixture
from optional import optional
from scipy.special import ndtri

from diracs import (
    Gaussian,
    GaussianMixture,
    PolynomialGrid,
    SumOfDiracs,
    discretize,
    generate_scheme,
    quantize,
    recertify,
)

jnp = optional("jax.numpy")
torch = optional("torch")

MEANS, COVS, WEIGHTS = random_mixture(3, 3, 2)
LAW = GaussianMixture(MEANS, COVS, WEIGHTS)
POINTS = np.random.default_rng(0).normal(size=(15, 2)) * 1.5


def test_best_masses_and_their_distance_against_sampling():
    found = recertify(LAW, SumOfDiracs(POINTS))
    cost, masses, errors = nearest_cost(MEANS, COVS, WEIGHTS, POINTS, 50_000)
    assert abs(found.w2**2 - cost.value) < 5 * cost.error
    assert (np.abs(found.masses - masses) < 5 * errors).all()
    assert found.masses.sum() == pytest.approx(1.0, abs=1e-13)


def test_the_best_masses_given_back_have_the_same_distance():
    first = recertify(LAW, SumOfDiracs(POINTS))
    again = recertify(LAW, SumOfDiracs(POINTS, first.masses))
    assert again.w2 == first.w2
    assert again.w2_given == pytest.approx(first.w2, rel=1e-8)
    assert again.w2_given >= first.w2 * (1 - 1e-12)


def test_other_masses_are_dearer_by_what_the_dual_says():
    masses = np.random.default_rng(1).dirichlet(np.ones(15))
    found = recertify(LAW, SumOfDiracs(POINTS, masses))
    assert found.w2_given > found.w2
    # Weak duality holds for any weights; those of the plan attain W₂, here judged by fresh samples.
    from diracs import optimal_transport_plan

    plan = optimal_transport_plan(SumOfDiracs(POINTS, masses), LAW)
    rng = np.random.default_rng(2)
    values = []
    for mean, cov in zip(MEANS, COVS):
        x = rng.multivariate_normal(mean, cov, 50_000)
        power = ((x[:, None] - POINTS) ** 2).sum(axis=2) - plan.weights
        values.append(power.min(axis=1))
    estimate = masses @ plan.weights + sum(w * v.mean() for w, v in zip(WEIGHTS, values))
    error = np.sqrt(sum(w**2 * v.var() / len(v) for w, v in zip(WEIGHTS, values)))
    assert abs(found.w2_given**2 - estimate) < 5 * error


def test_one_dirac_is_elementary():
    found = recertify(Gaussian([1.0, 2.0], [4.0, 1.0]), SumOfDiracs([[0.0, 0.0]]))
    assert found.masses.tolist() == [1.0]
    assert found.w2 == pytest.approx(np.sqrt(10.0), rel=1e-12)
    assert found.w2_given == pytest.approx(np.sqrt(10.0), rel=1e-12)


def test_quantizations_of_schemes_are_improved_or_confirmed():
    for n in (10, 40):
        q = discretize(LAW, generate_scheme(LAW, n, configuration="grid", per_mode=False))
        found = recertify(LAW, q.diracs)
        assert found.w2 <= found.w2_given * (1 + 1e-12)
        assert found.w2_given <= q.w2 * (1 + 1e-9)
    q = quantize(LAW, 12)
    found = recertify(LAW, q.diracs)
    assert found.w2 == pytest.approx(q.w2, rel=1e-12)
    assert found.w2_given == pytest.approx(q.w2, rel=1e-8)


def test_on_the_line_against_quantile_functions():
    means, variances, weights = [-1.0, 2.0], [0.5, 1.5], [0.4, 0.6]
    positions, masses = np.array([[1.0], [-2.0], [3.0], [0.0]]), np.array([0.1, 0.2, 0.3, 0.4])
    law = GaussianMixture(np.array(means)[:, None], variances, weights)
    found = recertify(law, SumOfDiracs(positions, masses))
    assert float(found.w2_given / line_w2(means, variances, weights, positions, masses)) == pytest.approx(1.0, rel=1e-9)
    truth = line_w2(means, variances, weights, positions, found.masses)
    assert float(found.w2 / truth) == pytest.approx(1.0, rel=1e-12)


def test_images():
    values = np.random.default_rng(0).random((6, 5))
    image = PolynomialGrid(values, [[0.0, 0.0], [3.0, 2.0]])
    points = np.random.default_rng(1).random((12, 2)) * [3.0, 2.0]
    found = recertify(image, SumOfDiracs(points))
    # Pixels cut into 40 × 40: the error of the midpoint rule, and at the borders of cells, is some 1e-4.
    fine = np.kron(values, np.ones((40, 40)))
    x, y = ((np.arange(n) + 0.5) / n * side for n, side in zip(fine.shape, (3.0, 2.0)))
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    squares = ((grid - points) ** 2).sum(axis=2)
    shares = fine.ravel() / fine.sum()
    assert found.w2**2 == pytest.approx(shares @ squares.min(axis=1), rel=1e-3)
    np.testing.assert_allclose(found.masses, np.bincount(squares.argmin(axis=1), shares, 12), atol=1e-3)
    assert found.w2_given > found.w2


@pytest.mark.parametrize("power", [-500, 500])
def test_any_unit(power):
    unit = 2.0**power
    one = recertify(LAW, SumOfDiracs(POINTS))
    other = recertify(GaussianMixture(MEANS * unit, COVS * unit * unit, WEIGHTS), SumOfDiracs(POINTS * unit))
    assert other.w2 == pytest.approx(one.w2 * unit, rel=1e-12)
    assert other.w2_given == pytest.approx(one.w2_given * unit, rel=1e-9)


@pytest.mark.parametrize(
    "make", [lambda x: torch.tensor(x, dtype=torch.float32), lambda x: jnp.asarray(x, jnp.float32)]
)
def test_framework_and_precision_of_the_law(make):
    narrow = GaussianMixture(make(MEANS), make(COVS), make(WEIGHTS))
    found = recertify(narrow, SumOfDiracs(POINTS if "jax" in str(type(narrow.means)) else make(POINTS)))
    wide = recertify(LAW, SumOfDiracs(POINTS))
    assert type(found.w2) is type(found.w2_given) is type(found.masses) is type(narrow.means)
    assert found.w2.dtype == found.masses.dtype == narrow.means.dtype
    assert float(found.w2) == pytest.approx(wide.w2, rel=1e-5)
    assert float(found.w2_given) == pytest.approx(wide.w2_given, rel=1e-5)


def test_diracs_without_mass_and_on_one_spot():
    positions = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [5.0, 5.0]])
    found = recertify(LAW, SumOfDiracs(positions, [0.5, 0.2, 0.3, 0.0]))
    merged = recertify(LAW, SumOfDiracs(positions[[0, 1]], [0.5, 0.5]))
    assert found.w2_given == pytest.approx(merged.w2_given, rel=1e-9)
    assert found.masses.sum() == pytest.approx(1.0, abs=1e-13)


def test_rounding_of_borders_far_from_the_diracs_is_covered():
    # On one axis, law and far Dirac: the border is a line across the Gaussian, and everything has closed forms.
    for far in (4096.0, 1e6):
        found = recertify(Gaussian([0.0, 0.0], 1.0), SumOfDiracs([[0.0, 0.0], [far, 0.0]], [0.7, 0.3]))
        q = ndtri(0.7)
        # |x|² on the left, |x|² − 2 far x₁ + far² on the right, E(x₁; x₁ > q) = φ(q).
        square = 2.0 - 2.0 * far * np.exp(-0.5 * q * q) / np.sqrt(2.0 * np.pi) + 0.3 * far * far
        assert found.w2_given >= np.sqrt(square) * (1 - 1e-14)
        assert found.w2_given == pytest.approx(np.sqrt(square), rel=1e-7)


@pytest.mark.filterwarnings("ignore::diracs.transport.plan.ConvergenceWarning")
def test_clusters_far_apart_against_forty_digits():
    """Diracs on a line, in any direction: separations of 1 to 1e8, masses down to 1e-15, solved or not."""
    rng = np.random.default_rng(0)
    for case in range(4):
        k, n = int(rng.integers(1, 4)), int(rng.integers(1, 6))
        direction = np.array([(1, 0), (1, 1), (3, 4), (-5, 12)][case % 4])
        apart = 10.0 ** rng.uniform(0, 8)
        # Of few digits, so that their multiples are exact.
        centres = np.round(rng.uniform(-1, 1, k) * apart * 2**10) / 2**10
        places = np.unique(centres[rng.integers(k, size=n)] + np.round(rng.normal(size=n) * 2**20) / 2**20)
        factors = rng.normal(size=(k, 2, 2)) * 10.0 ** rng.uniform(-2, 0, size=(k, 1, 1)) + 1e-3 * np.eye(2)
        covs = factors @ np.swapaxes(factors, 1, 2)
        weights = 10.0 ** rng.uniform(-15 if case % 3 else 0, 0, k)
        law = GaussianMixture(centres[:, None] * direction + rng.normal(size=(k, 2)), covs, weights)
        positions = places[:, None] * direction
        try:
            masses = recertify(law, SumOfDiracs(positions)).masses
        except ValueError as error:
            assert "deviations" in str(error)  # too narrow, or too far apart, for the plane
            continue
        masses = [masses, rng.dirichlet(np.ones(len(places))), 10.0 ** rng.uniform(-15, 0, len(places))][case % 3]
        diracs = SumOfDiracs(positions, masses)
        found = recertify(law, diracs)
        given, best = (collinear_w2(law, direction.tolist(), places, m) for m in (diracs.weights, found.masses))
        assert given <= found.w2_given <= given * (1 + 1e-3)
        assert best <= found.w2 <= best * (1 + 1e-3)


def test_slivers_at_a_border_between_distant_seeds_are_paid_for():
    # The border crosses the component, and rounding places it 1e-11 deviations wrong, at a cost of 1e10 variances.
    law = GaussianMixture([[0.0, 0.0]], [np.eye(2)])
    for right in 1e5 + np.random.default_rng(0).random(2):
        places = np.round(np.array([-1e5, right]) * 2**20) / 2**20
        found = recertify(law, SumOfDiracs(places[:, None] * [3, 4]))
        truth = collinear_w2(law, [3, 4], places, found.masses)
        assert truth <= found.w2 <= truth * (1 + 1e-8)
        assert truth <= found.w2_given
