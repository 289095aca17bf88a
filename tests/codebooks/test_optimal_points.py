"""Optimal points in the plane: stationary, near Zador's value, the same every time, in every region of a law."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from diracs.certificates.upper.nearest import UnitMixture
from diracs.codebooks.cell_laws import CellImage, CellMixture, hilbert_order, thinned
from diracs.codebooks.normal import normal_distortion
from diracs.codebooks.optimal_points import improved_points, optimal_points
from diracs.codebooks.trust_region import Quantizer
from diracs.laws.gaussian import full_covariances

CASES = json.loads((Path(__file__).parent.parent / "data" / "grid_certificates.json").read_text())
THREE = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]), np.ones((3, 1, 1)) * np.eye(2), np.array([0.3, 0.4, 0.3])


@lru_cache
def three(n, seed=0):
    return optimal_points(CellMixture.of(*THREE), n, seed=seed)


def unit_mixture(means, covs, weights):
    means, covs, weights = (np.asarray(x, dtype=float) for x in (means, covs, weights))
    found = UnitMixture.of(means, full_covariances(means, covs), weights / weights.sum())
    assert found is not None
    return found


def zador(law, n, steps=900):
    """√(5/(18√3)·(∫√f)²/n) by the trapezoidal rule, which is exact to many digits for sums of Gaussians."""
    deviations = np.sqrt(np.diagonal(law.covs, axis1=1, axis2=2))
    low, high = (law.means - 12 * deviations).min(axis=0), (law.means + 12 * deviations).max(axis=0)
    x, y = (np.linspace(a, b, steps) for a, b in zip(low, high))
    density = np.zeros((steps, steps))
    for mean, cov, weight in zip(law.means, law.covs, law.weights):
        p = np.linalg.inv(cov)
        u, v = x[:, None] - mean[0], y[None, :] - mean[1]
        square = p[0, 0] * u**2 + 2 * p[0, 1] * u * v + p[1, 1] * v**2
        density += weight * np.exp(-0.5 * square) / (2 * np.pi * np.sqrt(np.linalg.det(cov)))
    root = np.sqrt(density).sum() * (x[1] - x[0]) * (y[1] - y[0])
    return np.sqrt(5.0 / (18.0 * np.sqrt(3.0)) * root**2 / n)


def assert_stationary(q, tolerance=1e-8):
    radii = np.sqrt(q.second / q.mass)
    assert (np.linalg.norm(q.shifts, axis=1) <= tolerance * radii).all()


@pytest.mark.parametrize(
    ("case", "n"),
    [
        ("plane", 40),
        ("homogeneous_4", 24),
        ("heterogeneous_4", 24),
        pytest.param("heterogeneous_4", 200, marks=pytest.mark.slow),
        pytest.param("plane", 1000, marks=pytest.mark.slow),
        pytest.param("homogeneous_4", 1000, marks=pytest.mark.slow),
    ],
)
def test_published_mixtures_come_within_a_few_thousandths_of_zadors_value(case, n):
    entry = next(c for c in CASES if c["case"] == case)
    law = unit_mixture([[0, 0]], [entry["cov"]], [1]) if "cov" in entry else unit_mixture(*_parameters(entry))
    q = optimal_points(law.law, n)
    assert len(q.seeds) == n
    assert q.mass.min() > 0
    assert q.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.sqrt(q.distortion) <= 1.003 * zador(law.law, n)
    assert_stationary(q)


def _parameters(entry):
    return entry["means"], entry["covs"], entry["weights"]


@pytest.mark.parametrize("n", [1, 2, 3, 10, 47, pytest.param(301, marks=pytest.mark.slow)])
def test_stationary_for_any_number(n):
    q = three(n)
    assert len(q.seeds) == n
    assert_stationary(q)
    # Few points in the plane have less than Zador's value, as in the tails cells are wide.
    assert np.sqrt(q.distortion) <= 1.003 * zador(CellMixture.of(*THREE), n, 300)


def test_known_optima_of_the_normal_law():
    law = CellMixture.of(np.zeros((1, 2)), np.eye(2)[None], np.ones(1))
    # One, two (on a line, ±√(2/π)), and three points (three rays, at E[x; |angle| < π/3] = 3 sin(π/3)/√(2π)).
    assert optimal_points(law, 1).distortion == pytest.approx(2.0, rel=1e-12)
    assert optimal_points(law, 2).distortion == pytest.approx(2.0 - 2.0 / np.pi, rel=1e-12)
    radius = 3.0 * np.sin(np.pi / 3.0) / np.sqrt(2.0 * np.pi)
    assert optimal_points(law, 3).distortion == pytest.approx(2.0 - radius**2, rel=1e-12)


def test_the_same_seed_gives_the_same_points_and_another_nearly_the_same_error():
    first, again, other = three(47), optimal_points(CellMixture.of(*THREE), 47), three(47, seed=1)
    np.testing.assert_array_equal(first.seeds, again.seeds)
    assert other.distortion == pytest.approx(first.distortion, rel=3e-3)


def test_a_start_is_never_made_worse_and_may_have_fewer_points():
    law = CellMixture.of(*THREE)
    good = three(10)
    assert improved_points(law, 10, good.seeds, seed=5).distortion <= good.distortion * (1 + 1e-12)
    assert improved_points(law, 12, good.seeds, seed=5).distortion < good.distortion
    rough = law.draw_root(10, np.random.default_rng(5))
    q = improved_points(law, 10, rough)
    assert q.distortion < 0.9 * Quantizer.of(law, rough).distortion
    assert_stationary(q)


def test_every_cluster_gets_its_points_however_far_and_however_small():
    rng = np.random.default_rng(7)
    means = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 400.0], [500.0, 500.0], [-70.0, 20.0]])
    covs = np.array([1.0, 0.01, 4.0, 1e-4, 1.0])[:, None, None] * np.eye(2)
    weights = rng.dirichlet(np.full(5, 3.0))
    law = unit_mixture(means, covs, weights).law
    for n in (5, 40):
        q = optimal_points(law, n)
        cluster = ((q.seeds[:, None] - law.means) ** 2).sum(axis=2).argmin(axis=1)
        counts = np.bincount(cluster, minlength=5)
        assert counts.min() >= 1
        np.testing.assert_allclose(np.bincount(cluster, q.mass, minlength=5), weights, atol=1e-9)
        assert_stationary(q)
    # In the long run shares go like √w·σ.
    shares = np.sqrt(weights) * np.sqrt(covs[:, 0, 0])
    np.testing.assert_allclose(counts / 40, shares / shares.sum(), atol=0.06)


@pytest.mark.parametrize("condition", [1e6, 1e10])
def test_thin_ellipses(condition):
    law = unit_mixture([[0.0, 0.0]], [[[1.0, 0.0], [0.0, 1.0 / condition]]], [1.0]).law
    q = optimal_points(law, 8)
    # The optimal quantizer of the normal law with 8 points, and the other axis.
    size = np.sqrt(law.covs[0, 0, 0])
    on_line = normal_distortion(np.array([8]))[0]
    assert np.sqrt(q.distortion) / size == pytest.approx(np.sqrt(on_line + 1.0 / condition), rel=1e-6)
    assert_stationary(q)


def test_images_with_zeros_and_few_pixels():
    two = np.zeros((40, 30))
    two[3:10, 4:9], two[25:36, 20:28] = 1.0, 0.3
    for values in (np.ones((1, 1)), two, np.random.default_rng(0).random((16, 16)) ** 8):
        law = CellImage.of(values / values.sum(), np.array([1.0, 0.75]))
        for n in (1, 12):
            q = optimal_points(law, n)
            assert len(q.seeds) == n
            assert q.mass.min() > 0
            assert (np.linalg.norm(q.shifts, axis=1) <= 1e-8 * np.sqrt(q.distortion)).all()


def test_uniform_square_with_one_two_and_four_points():
    law = CellImage.of(np.ones((1, 1)), np.ones(2))
    for n, value in ((1, 1 / 6), (2, 1 / 12 + 1 / 48), (4, 1 / 24)):
        assert optimal_points(law, n).distortion == pytest.approx(value, rel=1e-10)


def test_points_refined_from_a_quarter_as_many_are_as_good(monkeypatch):
    monkeypatch.setattr("diracs.codebooks.optimal_points._REFINED", 40)
    law = CellMixture.of(*THREE)
    q = optimal_points(law, 47)
    assert len(q.seeds) == 47
    assert_stationary(q)
    assert q.distortion == pytest.approx(three(47).distortion, rel=5e-3)
    assert optimal_points(law, 47, quick=True).distortion == pytest.approx(three(47).distortion, rel=1e-2)


def test_refined_points_are_shared_so_that_cells_of_small_clusters_cost_what_others_do(monkeypatch):
    # Midpoints between few points of a cluster are too few.
    means, sizes = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, -7.0]]), np.array([1.0, 2e-3, 1e-3])
    law = CellMixture.of(means, sizes[:, None, None] * np.eye(2), np.array([0.4, 0.3, 0.3]))

    def found():
        q = optimal_points(law, 400, quick=True)
        within = ((q.seeds[:, None] - means[1:]) ** 2).sum(axis=2).min(axis=1) < 0.03
        return q.distortion, q.second[within].mean() / q.second.mean()

    balanced, cost = found()
    monkeypatch.setattr("diracs.codebooks.optimal_points._UNEVEN", np.inf)
    unbalanced, more = found()
    assert cost < 1.3
    assert more > 2.0
    assert balanced < 0.99 * unbalanced


def test_many_points_stop_near_where_they_would_rest(monkeypatch):
    monkeypatch.setattr("diracs.codebooks.optimal_points._REFINED", 40)
    law = CellMixture.of(*THREE)
    rest = optimal_points(law, 400)
    assert_stationary(rest)
    monkeypatch.setattr("diracs.codebooks.optimal_points._STATIONARY", 399)
    near = optimal_points(law, 400)
    assert near.length > 1e-8 * np.sqrt(near.distortion)
    assert rest.distortion < near.distortion < 1.002 * rest.distortion


@pytest.mark.parametrize("n", [47, pytest.param(400, marks=pytest.mark.slow)])
def test_quick_results_are_near_the_others(n):
    law = CellMixture.of(*THREE)
    assert optimal_points(law, n, quick=True).distortion == pytest.approx(three(n).distortion, rel=5e-3)


def test_hilbert_order_visits_a_grid_by_single_steps():
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(16)), axis=-1).reshape(-1, 2) + 0.5
    corners = np.array([[0.0, 0.0], [16.0, 16.0]])
    points = np.concatenate([grid, corners])
    order = hilbert_order(points)
    path = points[order[order < 256]]
    np.testing.assert_array_equal(np.abs(np.diff(path, axis=0)).sum(axis=1), 1.0)
    assert hilbert_order(np.zeros((3, 2))).tolist() == [0, 1, 2]


def test_systematic_sampling_gives_each_region_its_share():
    x = np.random.default_rng(0).random((20_000, 2))
    chosen = thinned(x, np.ones(len(x)), 400, np.random.default_rng(1))
    counts = np.histogram2d(*chosen.T, bins=2, range=[[0, 1], [0, 1]])[0]
    assert np.abs(counts - 100).max() <= 3


def test_draws_follow_the_root_of_the_density():
    law = CellMixture.of(*THREE)
    x = law.draw_root(2000, np.random.default_rng(0))
    one = CellMixture.of(np.zeros((1, 2)), np.eye(2)[None], np.ones(1)).draw_root(2000, np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(one.T), 2.0 * np.eye(2), atol=0.1)
    # Moments of √f by quadrature.
    axis = np.linspace(-10, 12, 400)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    square = ((grid[..., None, :] - THREE[0]) ** 2).sum(axis=-1)
    root = np.sqrt(np.exp(-0.5 * square) @ THREE[2])
    mean = (root[..., None] * grid).sum(axis=(0, 1)) / root.sum()
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=0.05)
    assert Quantizer.of(law, x[:50]).mass.min() > 0
