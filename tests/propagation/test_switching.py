"""Maps that jump across borders: cells on one side, and bounds against coupled simulations."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from diracs import Gaussian, GaussianMixture, PiecewiseAffine, propagate
from diracs.propagation.ambiguity import NONE
from diracs.propagation.bounds import StepError
from diracs.propagation.law import law_of
from diracs.propagation.merged import merged_cells
from diracs.propagation.metrics import JacobianSet
from diracs.propagation.switching import ParallelCells, Switch, SwitchedGrowth

TURN = 0.9 * np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
CENTRE = np.array([1.0, 0.0])
HALVES = [([[1.0, 0.0]], [0.0]), ([[-1.0, 0.0]], [0.0])]


def spiral():
    """The plane turns about one of two centres, by the sign of x₁."""
    off = (np.eye(2) - TURN) @ CENTRE
    return PiecewiseAffine(HALVES, [TURN, TURN], [-off, off], continuous=False)


def mixture():
    covs = [[[0.3, 0.1], [0.1, 0.2]]] * 2 + [[[0.05, 0.0], [0.0, 0.4]]]
    return GaussianMixture([[0.2, 0.1], [-0.5, 0.3], [0.4, -0.6]], covs, [0.5, 0.3, 0.2])


@pytest.mark.parametrize("normal", [[1.0, 0.0], [0.6, 0.8]])
def test_no_border_cuts_a_cell(normal):
    law, switch = law_of(mixture()), Switch(np.array(normal), np.array([-0.2, 0.3]))
    found = ParallelCells(law, 4000, switch)
    np.testing.assert_array_equal(switch.sides(found.parts.barycenter), found.sides)
    assert found.parts.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert set(found.sides) == {0, 1, 2}
    # Masses of the sides are those of the mixture along the normal.
    rng = np.random.default_rng(0)
    k = rng.choice(3, 400_000, p=law.weights)
    roots = np.linalg.cholesky(law.covs)[law.kind[k]]
    z = law.means[k] + np.einsum("nij,nj->ni", roots, rng.standard_normal((len(k), 2)))
    share = np.bincount(switch.sides(z), minlength=3) / len(k)
    np.testing.assert_allclose(np.bincount(found.sides, found.parts.mass), share, atol=0.004)
    # E δδᵀ of the fine cells by the law of total covariance.
    off = found.parts.barycenter - law.weights @ law.means
    spread = np.cov(z.T) - (found.parts.mass[:, None] * off).T @ off
    np.testing.assert_allclose(found.error, spread, atol=0.004)


def test_points_of_merged_cells_are_on_their_sides_and_biases_add_up():
    law, switch = law_of(mixture())._replace(source=np.array([0, 1, 1])), Switch(np.array([0.6, 0.8]), np.array([0.1]))
    found = merged_cells(law, 12, biased=True, switch=switch)
    assert found.step.parted == 0.0 and len(set(switch.sides(found.cells.barycenters))) == 2
    np.testing.assert_allclose(found.cells.bias.sum(axis=0), 0.0, atol=1e-12)
    # One point has to stand for both sides.
    one = merged_cells(law, 1, biased=True, switch=switch)
    assert 0.05 < one.step.parted < 0.95


def apart(f, found, noise, count=40_000):
    """Root mean squares of x − z in the coupling of the bound, as nearly as nearest points of one side tell."""
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(np.asarray(found.initial.means)[0], np.diag(np.asarray(found.initial.covs)[0]), count)
    z, out = x, []
    for t, points in enumerate(found.diracs):
        positions, root = np.asarray(points.positions), np.linalg.cholesky(found.metrics[t])
        near = np.empty(count, dtype=int)
        for side in (0, 1):
            index = np.flatnonzero(f.switch.sides(positions) == side)
            here = f.switch.sides(z) == side
            near[here] = index[cKDTree(positions[index] @ root).query(z[here] @ root)[1]]
        v = rng.standard_normal(x.shape) * noise**0.5
        x, z = f(x) + v, f(positions[near]) + v
        out.append(np.sqrt(((x - z) ** 2).sum(axis=1).mean()))
    return np.array(out)


@pytest.mark.parametrize("n", [20, 200])
def test_the_double_spiral_drifts_apart_no_further_than_the_bound(n):
    f = spiral()
    found = propagate(Gaussian([0.3, 0.2], [0.1, 0.1]), f, Gaussian([0.0, 0.0], [0.05, 0.05]), 3, n=n)
    far = apart(f, found, 0.05)
    assert (far <= 1.01 * found.w2_bound).all()
    assert far[0] >= 0.98 * found.w2_bound[0]  # nothing is parted in the first step
    assert far[-1] >= 0.2 * found.w2_bound[-1]
    # What slopes alone make of the first error is too little: jumps are paid for.
    assert far[1] > 1.3 * (0.9 * np.hypot(found.w2_bound[0], found.dirac_errors[1]))


def test_jumps_of_pieces_are_those_at_the_points():
    f = spiral()
    points = np.array([[0.5, 1.0], [-0.5, 2.0]])
    other = PiecewiseAffine(HALVES, f.matrices[::-1], f.offsets[::-1], continuous=False)
    np.testing.assert_allclose(f.leaps(points), other(points) - f(points))


def test_leaps_are_paid_with_the_root_of_their_chance():
    one = JacobianSet.hull_of(np.eye(2)[None])
    switch = Switch(np.array([1.0, 0.0]), np.array([0.0]))
    growth = SwitchedGrowth(one, NONE, NONE, np.eye(2), 2, switch=switch)
    nothing, leaps = np.zeros((2, 2)), np.array([[0.0, 1.0], [3.0, 4.0]])
    step = StepError(np.diag([0.01, 0.03]), nothing, nothing, 0.0, parted=0.04, leaps=leaps)
    assert growth.advance(step) == pytest.approx(0.2 + 0.2 * 5.0, rel=1e-6)
    # E|n·e| ≤ 0.1 + the chance times the longest leap along n.
    longest = np.abs(leaps[:, 0]).max()
    assert growth.crossed == pytest.approx(0.1 + 0.04 * longest, rel=1e-6)
    growth.density = 0.5
    chance = 0.5 * growth.crossed
    more = step._replace(parted=0.0)
    assert growth.advance(more) == pytest.approx(np.hypot(1.2, 0.2) + np.sqrt(chance) * 5.0, rel=1e-6)


def test_what_cannot_be_bounded_is_refused():
    f, start, noise = spiral(), Gaussian([0.3, 0.2], [0.1, 0.1]), Gaussian([0.0, 0.0], [0.05, 0.05])
    with pytest.raises(ValueError, match="go with n"):
        propagate(start, f, noise, 2, w2_bound=0.5)
    with pytest.raises(ValueError, match="initial_radius"):
        propagate(start, f, noise, 2, n=5, initial_radius=0.1)
    with pytest.raises(ValueError, match="limit"):
        propagate(start, f, noise, 1, n=5).limit()
    with pytest.raises(ValueError, match="density"):
        propagate(start, f, Gaussian([0.0, 0.0], [0.0, 0.05]), 2, n=5)
    with pytest.raises(ValueError, match="parallel"):
        quarters = [([[a, 0.0], [0.0, b]], [0.0, 0.0]) for a in (1.0, -1.0) for b in (1.0, -1.0)]
        PiecewiseAffine(quarters, [np.eye(2)] * 4, np.arange(8.0).reshape(4, 2), continuous=False)


def stairs(q):
    """The line with q borders near each other, between which a map steps up and down."""
    borders = np.linspace(-0.1, 0.1, q)
    rows = [
        ([[1.0]] * (k < q) + [[-1.0]] * (k > 0), [*borders[k : k + 1], *-borders[max(k - 1, 0) : k]])
        for k in range(q + 1)
    ]
    steps = 0.1 * (-1.0) ** np.arange(q + 1)[:, None]
    return PiecewiseAffine(rows, [[[0.3]]] * (q + 1), steps, continuous=False)


def test_many_borders_part_more_than_one():
    f, rng = stairs(5), np.random.default_rng(0)
    found = propagate(Gaussian([0.0], [0.01]), f, Gaussian([0.0], [0.01]), 2, n=300)
    z = x = 0.1 * rng.standard_normal((100_000, 1))
    for points in found.diracs:
        positions = np.sort(np.asarray(points.positions)[:, 0])
        sides, near = f.switch.sides(z), np.empty(len(x), dtype=int)
        for side in range(6):
            own = np.flatnonzero(f.switch.sides(positions[:, None]) == side)
            here = sides == side
            near[here] = own[cKDTree(positions[own, None]).query(z[here])[1]]
        v = 0.1 * rng.standard_normal(x.shape)
        x, z = f(x) + v, f(positions[near, None]) + v
    squares = ((x - z) ** 2).sum(axis=1)
    assert np.sqrt(squares.mean() - 3 * squares.std() / len(x) ** 0.5) <= found.w2_bound[-1]


@pytest.mark.parametrize("gap", [0.0, 0.3, 2.0, 40.0])
def test_densities_at_all_borders_add_up(gap):
    noise = law_of(GaussianMixture([[0.0], [3.0]], [[[0.25]], [[1.0]]], [0.4, 0.6]))
    borders = np.unique([0.0, gap, 2 * gap])
    shifts = np.linspace(-5.0, 85.0, 20_001)
    total = sum(
        w * np.exp(-0.5 * ((borders[:, None] - shifts) / s) ** 2).sum(axis=0).max() / (s * np.sqrt(2 * np.pi))
        for w, s in ((0.4, 0.5), (0.6, 1.0))
    )
    assert total * (1 - 1e-5) <= Switch(np.array([1.0]), borders).density(noise) <= 1.07 * total


def test_points_on_a_border_are_on_both_sides():
    """The right half holds its border: of two points that become one the map jumps at the second."""
    right_first = [([[-1.0]], [0.0]), ([[1.0]], [0.0])]
    f = PiecewiseAffine(right_first, [[[0.5]]] * 2, [[1.0], [-1.0]], continuous=False)
    start = GaussianMixture([[0.0], [-0.1]], [[[0.0]], [[0.0]]], [0.5, 0.5])
    noise = Gaussian([0.0], [0.01])
    true = f(np.array([[0.0], [-0.1]]))
    for n in (1, 2):
        found = propagate(start, f, noise, 1, n=n)
        images = f(np.asarray(found.diracs[0].positions))
        error = np.sqrt(((true - images) ** 2).sum(axis=1).mean())
        assert error - 1e-12 <= found.w2_bound[0] <= 2.0 * error + 1e-8


def test_a_direction_in_which_variances_cancel_has_no_density():
    a = np.array([0.6, 0.8])
    cov = np.outer(a, a)
    noise = law_of(GaussianMixture([[0.0, 0.0]], [cov], [1.0]))
    assert Switch(np.array([0.8, -0.6]), np.zeros(1)).density(noise) == np.inf
