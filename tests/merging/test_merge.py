"""Merging: the identity, against brute force; k-means and its promises."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from diracs import _core
from diracs.cells.partition import Partition
from diracs.merging.kmeans import kmeans
from diracs.merging.merge import assign, barycenters, group_masses, merge


def some_cells(count: int, d: int, seed: int = 0) -> tuple[Partition, list[np.ndarray], list[np.ndarray]]:
    """Cells of atoms, and the atoms with their masses."""
    rng = np.random.default_rng(seed)
    atoms = [rng.normal(size=(rng.integers(1, 6), d)) * 0.1 + rng.normal(size=d) for _ in range(count)]
    masses = [rng.exponential(size=len(a)) for a in atoms]
    whole = sum(m.sum() for m in masses)
    masses = [m / whole for m in masses]
    mass = np.array([m.sum() for m in masses])
    barycenter = np.array([m @ a / m.sum() for m, a in zip(masses, atoms)])
    spread = np.array([m @ ((a - c) ** 2).sum(axis=1) for m, a, c in zip(masses, atoms, barycenter)])
    return Partition(mass, barycenter, spread), atoms, masses


@pytest.mark.parametrize("d", [1, 2, 3, 7, 11])
def test_mean_square_error_is_that_of_the_atoms(d: int) -> None:
    cells, atoms, masses = some_cells(60, d)
    found = merge(cells, 7)
    direct = sum(m @ ((a - found.points[label]) ** 2).sum(axis=1) for a, m, label in zip(atoms, masses, found.labels))
    assert found.square == pytest.approx(direct, rel=1e-12)
    assert found.masses[0].sum() == pytest.approx(1.0, rel=1e-14)


def test_merging_twice_adds() -> None:
    cells, _, _ = some_cells(500, 3)
    once = merge(cells, 60)
    again = once.cells(cells)
    assert again.spread.sum() == pytest.approx(once.square, rel=1e-9)
    twice = merge(again, 8)
    labels = twice.labels[once.labels]
    direct = cells.spread.sum() + cells.mass @ ((cells.barycenter - twice.points[labels]) ** 2).sum(axis=1)
    assert twice.square == pytest.approx(direct, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6, 7, 8, 9, 20])
@pytest.mark.parametrize("n", [2, 17, 300])
def test_nearest_centres_and_groups_against_all_distances(d: int, n: int) -> None:
    rng = np.random.default_rng(d)
    x, y, m = rng.normal(size=(700, d)), rng.normal(size=(n, d)), rng.exponential(size=700)
    points = _core.WeightedPoints(x, m, np.zeros(700))
    square = cdist(x, y, "sqeuclidean")
    label, first, other, second = points.nearest(y, both=True)
    assert (label == square.argmin(axis=1)).all()
    two = np.sort(square, axis=1)[:, :2]
    np.testing.assert_allclose(np.stack([first, second], axis=1), two, rtol=1e-12)
    np.testing.assert_allclose(square[np.arange(700), other], second, rtol=1e-12)
    centres, mass, cost, steps = points.lloyd(y, steps=0, tolerance=0.0)
    assert steps == 0 and (centres == y).all()
    np.testing.assert_allclose(mass, np.bincount(label, m, minlength=n), rtol=1e-12)
    np.testing.assert_allclose(cost, np.bincount(label, m * two[:, 0], minlength=n), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("d", [2, 5, 12])
def test_lloyds_steps_are_those_of_the_definition(d: int) -> None:
    """Also from what is remembered of the steps before."""
    rng = np.random.default_rng(d)
    x, m = rng.normal(size=(3000, d)), rng.exponential(size=3000)
    points = _core.WeightedPoints(x, m, np.zeros(3000))
    y = x[:40].copy()
    for steps in (1, 3):
        found = points.lloyd(y, steps=steps, tolerance=0.0)[0]
        for _ in range(steps):
            label = cdist(x, y).argmin(axis=1)
            mass = np.bincount(label, m, minlength=40)
            y = np.stack([np.bincount(label, m * column, minlength=40) for column in x.T], axis=1) / mass[:, None]
        np.testing.assert_allclose(found, y, atol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 10])
def test_the_number_of_threads_changes_nothing(d: int) -> None:
    rng = np.random.default_rng(0)
    cells = Partition.of_points(rng.normal(size=(5000, d)), np.full(5000, 1 / 5000))
    one, three = (kmeans(cells, 50, seed=3, threads=k) for k in (1, 3))
    assert (one == three).all()


def test_few_points_against_all_partitions() -> None:
    rng = np.random.default_rng(5)
    labels = np.array(list(itertools.product(range(3), repeat=8)))
    inside = (labels[:, None, :] == np.arange(3)[:, None]).astype(float)
    for _ in range(5):
        x, m = rng.normal(size=(8, 2)), rng.dirichlet(np.ones(8))
        # Σ m |x|² is kept in all, and Σ M |y|² of it by the groups.
        mass = inside @ m
        kept = ((inside * m) @ x) ** 2 / np.where(mass > 0.0, mass, 1.0)[..., None]
        best = (m @ (x**2).sum(axis=1) - kept.sum(axis=(1, 2))).min()
        found = merge(Partition.of_points(x, m), 3).square
        assert best * (1 - 1e-12) <= found <= best * 1.15


@pytest.mark.parametrize("d", [2, 6, 15])
def test_centres_are_barycenters_of_their_groups(d: int) -> None:
    rng = np.random.default_rng(1)
    cells = Partition.of_points(rng.normal(size=(4000, d)), rng.dirichlet(np.ones(4000)))
    y = kmeans(cells, 30)
    assert len(y) == 30
    moved = barycenters(cells, y)
    before, after = assign(cells, y).square, assign(cells, moved).square
    assert before * (1 - 1e-3) <= after <= before * (1 + 1e-12)


def test_not_worse_than_the_usual_algorithm() -> None:
    sklearn = pytest.importorskip("sklearn.cluster")
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1500, 3)) * [1.0, 0.5, 0.2]
    found = merge(Partition.of_points(x, np.full(1500, 1 / 1500)), 30)
    other = sklearn.KMeans(30, n_init=2, random_state=0).fit(x)
    assert found.square <= other.inertia_ / 1500 * 1.005


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((50, 3)),
        np.linspace(0.0, 1.0, 60)[:, None] * np.ones(3),
        np.repeat(np.eye(3), 20, axis=0),
        np.concatenate([np.zeros((500, 2)), np.ones((3, 2))]),
        np.tile([[0.0], [1.0]], (40, 1)),
    ],
)
@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_clouds_of_equal_and_collinear_points(x: np.ndarray, n: int) -> None:
    cells = Partition.of_points(x, np.full(len(x), 1 / len(x)))
    found = merge(cells, n)
    distinct = len(np.unique(x, axis=0))
    assert len(found.points) <= n
    if n >= distinct:
        assert found.square == 0.0
    else:
        assert found.square > 0.0


def test_sums_of_masses_have_twice_the_digits() -> None:
    from fractions import Fraction

    rng = np.random.default_rng(0)
    masses, labels = rng.exponential(size=1000) ** 8, rng.integers(4, size=1000)
    high, low = group_masses(labels, masses, 4)
    for g in range(4):
        exact = sum(Fraction(float(v)) for v in masses[labels == g])
        error = abs(exact - Fraction(float(high[g])) - Fraction(float(low[g])))
        assert error <= exact * Fraction(1, 2**90)


def test_core_refuses_what_it_cannot_take() -> None:
    x, m = np.zeros((3, 2)), np.ones(3)
    with pytest.raises(ValueError, match="finite"):
        _core.WeightedPoints(x + np.nan, m, m)
    with pytest.raises(ValueError, match="negative"):
        _core.WeightedPoints(x, -m, m)
    with pytest.raises(ValueError, match="length"):
        _core.WeightedPoints(x, m[:2], m)
    points = _core.WeightedPoints(x, m, m)
    with pytest.raises(ValueError, match="centres"):
        points.nearest(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        points.lloyd(np.full((2, 2), np.inf), steps=1, tolerance=0.0)
