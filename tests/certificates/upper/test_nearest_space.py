"""The exact W₂ of given points in space: against sampling, products, 40 digits on a line, in any unit."""

import numpy as np
import pytest
from independent import collinear_w2, nearest_cost, random_mixture
from scipy.spatial.transform import Rotation

from diracs import (
    Gaussian,
    GaussianMixture,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    recertify,
)
from diracs.certificates.upper.nearest import UnitMixture, nearest
from diracs.transport.plan import ConvergenceWarning

MEANS, COVS, WEIGHTS = random_mixture(11, 3, 3)
LAW = GaussianMixture(MEANS, COVS, WEIGHTS)
POINTS = np.random.default_rng(0).normal(size=(14, 3)) * 1.5


@pytest.mark.parametrize(("n", "kind"), [(1, "full"), (2, "diagonal"), (30, "isotropic"), (30, "full")])
def test_bound_and_masses_against_sampling(n, kind):
    means, covs, weights = random_mixture(n, 3, 3, kind)
    points = np.random.default_rng(n).normal(size=(n, 3)) * 2
    q = discretize(GaussianMixture(means, covs, weights), PointScheme(points))
    cost, masses, errors = nearest_cost(means, covs, weights, points, 200_000)
    assert q.exact
    assert abs(q.w2**2 - cost.value) < 5 * cost.error
    assert (np.abs(q.weights - masses) < 5 * errors + 1e-9).all()


def test_half_spaces_have_closed_forms():
    # Points ±a·e: E|x|² + a² − 2a·E|x·e|.
    direction = np.array([2.0, -1.0, 2.0]) / 3.0
    cov = COVS[0]
    deviation = float(np.sqrt(direction @ cov @ direction))
    q = discretize(Gaussian(np.zeros(3), cov), PointScheme(0.7 * np.array([direction, -direction])))
    square = np.trace(cov) + 0.49 - 1.4 * deviation * np.sqrt(2.0 / np.pi)
    assert square**0.5 <= q.w2 <= square**0.5 * (1 + 1e-11)
    np.testing.assert_allclose(q.weights, 0.5, atol=1e-14)


def test_fine_points_against_a_grid_whose_error_is_closed_form():
    frame = Rotation.from_euler("xyz", [0.3, 0.7, -1.1]).as_matrix()
    law = Gaussian(np.zeros(3), frame @ np.diag([1.0, 0.25, 0.04]) @ frame.T)
    levels = [np.linspace(-3.0, 3.0, m) * s for m, s in ((12, 1.0), (7, 0.5), (4, 0.2))]
    grid = ProductScheme([ScalarCodebook(x) for x in levels], frame)
    by_axes, by_points = discretize(law, grid), discretize(law, PointScheme(grid.positions(3)))
    assert by_points.w2 >= by_axes.w2 * (1 - 1e-12)
    assert by_points.w2 == pytest.approx(by_axes.w2, rel=3e-7)


def test_repeated_and_far_points_have_no_mass_of_their_own():
    more = np.concatenate([POINTS, POINTS[:3], [[1e8, 0.0, 0.0], [-1e200, 1e200, 0.0]]])
    one, other = (discretize(LAW, PointScheme(points)) for points in (POINTS, more))
    assert other.w2 == pytest.approx(one.w2, rel=1e-9)
    assert not other.weights[-2:].any()
    np.testing.assert_allclose(other.weights[:3] + other.weights[14:17], one.weights[:3], atol=1e-13)


@pytest.mark.parametrize("power", [-500, 500])
def test_units(power):
    unit = 2.0**power
    one = discretize(LAW, PointScheme(POINTS))
    other = discretize(GaussianMixture(MEANS * unit, COVS * unit * unit, WEIGHTS), PointScheme(POINTS * unit))
    assert other.w2 == pytest.approx(one.w2 * unit, rel=1e-12)
    np.testing.assert_allclose(other.weights, one.weights, atol=1e-14)


@pytest.mark.parametrize("n", [30, 300])
def test_rounding_raises_by_little(n):
    found = nearest(UnitMixture.of(MEANS, COVS, WEIGHTS), np.random.default_rng(n).normal(size=(n, 3)) * 2)
    root = np.sqrt(found.square) * UnitMixture.of(MEANS, COVS, WEIGHTS).unit
    assert 0 < found.w2 / root - 1.0 < 1e-6


def test_single_precision_covers_the_rounding_of_points_and_masses():
    law = GaussianMixture(*(x.astype(np.float32) for x in (MEANS, COVS, WEIGHTS)))
    q = discretize(law, PointScheme(POINTS.astype(np.float32)))
    assert q.w2.dtype == q.weights.dtype == np.float32
    truth = discretize(LAW, PointScheme(POINTS)).w2
    assert truth * (1 - 1e-6) < float(q.w2) < truth * (1 + 1e-3)


def test_near_singular_covariances_are_cut_into_boxes():
    q = discretize(Gaussian(np.zeros(3), np.diag([1.0, 1.0, 0.0])), PointScheme(POINTS))
    assert not q.exact and q.w2 > 0


@pytest.mark.parametrize("case", range(4))
def test_collinear_diracs_against_forty_digits(case):
    """Components and Diracs up to 1e7 deviations apart, masses down to 1e-15, thin ellipsoids."""
    rng = np.random.default_rng(case)
    k, n = int(rng.integers(1, 4)), int(rng.integers(2, 6))
    direction = np.array([(1, 0, 0), (1, 1, 1), (3, 0, 4), (-2, 6, 3)][case])
    apart = 10.0 ** rng.uniform(0, 7)
    centres = np.round(rng.uniform(-1, 1, k) * apart * 2**10) / 2**10
    places = np.unique(centres[rng.integers(k, size=n)] + np.round(rng.normal(size=n) * 2**20) / 2**20)
    factors = rng.normal(size=(k, 3, 3)) * 10.0 ** rng.uniform(-2, 0, size=(k, 1, 1)) + 1e-2 * np.eye(3)
    weights = 10.0 ** rng.uniform(-15 if case % 2 else 0, 0, k)
    law = GaussianMixture(
        centres[:, None] * direction + rng.normal(size=(k, 3)), factors @ np.swapaxes(factors, 1, 2), weights
    )
    positions = places[:, None] * direction
    masses = rng.dirichlet(np.ones(len(places))) if case % 2 else recertify(law, SumOfDiracs(positions)).masses
    diracs = SumOfDiracs(positions, masses)
    try:
        found = recertify(law, diracs)
    except ConvergenceWarning:
        pytest.fail("the transport was not solved")
    given, best = (collinear_w2(law, direction.tolist(), places, m) for m in (diracs.weights, found.masses))
    assert given <= found.w2_given <= given * (1 + 1e-3)
    assert best <= found.w2 <= best * (1 + 1e-3)


def test_volumes():
    # Eight points in the middles of the octants of a cube.
    axes = np.meshgrid(*[[0.25, 0.75]] * 3, indexing="ij")
    q = discretize(PolynomialGrid(np.ones((3, 1, 2))), PointScheme(np.stack(axes, axis=-1).reshape(-1, 3)))
    assert q.exact and 0.25 <= q.w2 * (1 + 1e-14) <= 0.25 * (1 + 1e-9)
    np.testing.assert_allclose(q.weights, 0.125, rtol=1e-12)
    values = np.random.default_rng(0).random((4, 3, 5))
    law, points = PolynomialGrid(values, [[0, 0, 0], [4, 3, 5]]), np.random.default_rng(1).random((9, 3)) * [4, 3, 5]
    found = recertify(law, SumOfDiracs(points))
    rng = np.random.default_rng(2)
    voxel = np.stack(np.unravel_index(rng.choice(60, 400_000, p=(values / values.sum()).ravel()), (4, 3, 5)), axis=1)
    square = ((voxel + rng.random((400_000, 3)))[:, None] - points) ** 2
    nearest_squares = square.sum(axis=2).min(axis=1)
    assert found.w2**2 == pytest.approx(nearest_squares.mean(), abs=5 * nearest_squares.std() / 400_000**0.5)
    assert found.w2 <= found.w2_given
