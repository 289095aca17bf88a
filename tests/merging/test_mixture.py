"""Mixtures in space by merging boxes: certificates against sampling, quadrature and products."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import norm, truncnorm

from diracs import Gaussian, GaussianMixture, PointScheme, discretize, quantize
from diracs.cells.boxes import Components, grid_boxes, normal_cells
from diracs.merging.mixture import UnitMixtureCells
from diracs.merging.refinement import sent_within


def mixture(d: int, k: int, seed: int = 1) -> GaussianMixture:
    """Components that do not commute."""
    rng = np.random.default_rng(seed)
    a = 0.5 * rng.normal(size=(k, d, d))
    return GaussianMixture(
        1.5 * rng.normal(size=(k, d)), a @ a.transpose(0, 2, 1) + 0.02 * np.eye(d), rng.dirichlet(np.full(k, 3.0))
    )


def draw(law: GaussianMixture, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    which = rng.choice(law.n_components, count, p=law.weights)
    covs = law.covs if law.covs.ndim == 3 else law.covs.reshape(len(law.means), -1)[:, :, None] * np.eye(law.ndim)
    roots = np.stack([v * np.sqrt(np.maximum(w, 0.0)) for w, v in map(np.linalg.eigh, covs)])
    return law.means[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(count, law.ndim)))


def sampled(law: GaussianMixture, points: np.ndarray, count: int = 100_000) -> tuple[float, float]:
    """Mean square distance to the nearest point, and its standard error."""
    square = cKDTree(points).query(draw(law, count))[0] ** 2
    return float(square.mean()), float(square.std() / count**0.5)


def test_intervals_of_the_normal_law() -> None:
    low = np.array([-39.0, -39.0, -1.0, 0.0, 2.0, 5.0, 1.0])
    high = np.array([39.0, 0.5, 0.0, 1e-4, 39.0, 39.0, 1.5])
    mass, mean, variance = normal_cells(low, high)
    np.testing.assert_allclose(mass, norm.cdf(-low) - norm.cdf(-high), rtol=1e-10)
    expected = [truncnorm(a, b) for a, b in zip(low, high)]
    np.testing.assert_allclose(mean, [law.mean() for law in expected], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(variance[:3], [law.var() for law in expected[:3]], rtol=1e-8)
    assert variance[3] == pytest.approx(1e-8 / 12, rel=1e-6)


@pytest.mark.parametrize("d", [1, 3, 5])
def test_boxes_hold_the_law_whole(d: int) -> None:
    law = mixture(d, 4)
    components = Components.of(law.means, law.covs, law.weights)
    boxes = grid_boxes(components, 3000)
    assert 500 < len(boxes) <= 3000
    cells = boxes.cells()
    mean = law.weights @ law.means
    total = law.weights @ (np.trace(law.covs, axis1=1, axis2=2) + ((law.means - mean) ** 2).sum(axis=1))
    assert cells.mass.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(cells.mass @ cells.barycenter, mean, atol=1e-12)
    around = cells.spread.sum() + cells.mass @ ((cells.barycenter - mean) ** 2).sum(axis=1)
    assert around == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize(("d", "k", "n"), [(4, 3, 15), (5, 2, 10)])
def test_certificate_is_that_of_nearest_points_nearly(d: int, k: int, n: int) -> None:
    law = mixture(d, k)
    q = quantize(law, n, scheme="optimal")
    assert len(q) <= n
    square, error = sampled(law, q.positions)
    precision = {4: 0.01, 5: 0.02}[d]
    assert (square - 5 * error) ** 0.5 <= q.w2 <= (square + 5 * error) ** 0.5 * (1 + 1.5 * precision)
    assert q.w2 <= quantize(law, n, scheme="product").w2
    assert q.w2_lower <= q.w2
    assert q.weights.sum() == pytest.approx(1.0, abs=1e-14)


def test_better_than_products_in_space() -> None:
    law = GaussianMixture(np.zeros((1, 3)), np.ones(1))
    assert quantize(law, 100, scheme="optimal").w2 <= 0.480
    assert quantize(law, 100).w2 <= 0.480


def test_masses_are_those_of_the_cells() -> None:
    law = mixture(4, 2)
    points = draw(law, 6, seed=3)
    q = discretize(law, PointScheme(points))
    assert not q.exact and (q.positions == points).all()
    label = cKDTree(points).query(draw(law, 100_000))[1]
    np.testing.assert_allclose(q.weights, np.bincount(label, minlength=6) / 1e5, atol=0.01)


def test_on_a_line_in_space_the_error_is_that_of_the_line() -> None:
    """A singular covariance, and the exact distortion of its optimal levels."""
    direction = np.array([1.0, 2.0, 2.0]) / 3.0
    law = Gaussian(np.ones(3), np.outer(direction, direction))
    q = quantize(law, 10, scheme="optimal")
    assert 0.1514498 <= q.w2 <= 0.1514499 * 1.003


@pytest.mark.parametrize("d", [1, 2])
def test_refined_cells_against_exact_moments(d: int) -> None:
    """On the line and in the plane W₂ to the same points is known exactly."""
    law = mixture(d, 3)
    points = draw(law, 15, seed=2)
    exact = discretize(law, PointScheme(points))
    unit = UnitMixtureCells.of(law.means, law.covs, law.weights)
    found = unit.sent(points)
    masses, w2 = unit.certify(found)
    assert exact.w2 * (1 - 1e-10) <= w2 <= exact.w2 * 1.004
    np.testing.assert_allclose(masses, exact.weights, atol=5e-3)


def test_refining_stops_where_it_was_to() -> None:
    law = mixture(3, 2)
    unit = UnitMixtureCells.of(law.means, law.covs, law.weights)
    y = unit.into(draw(law, 10))
    boxes = grid_boxes(unit.law, 100)
    (coarse, first), (fine, second) = (sent_within(unit.law, boxes, y, share, 10**6) for share in (0.1, 0.001))
    assert len(boxes) < first.boxes < second.boxes < 10**6
    assert second.excess < 0.002 * fine.square < first.excess <= 0.2 * coarse.square
    few = sent_within(unit.law, boxes, y, 0.001, 1000)[1]
    assert few.boxes <= 2000 and few.excess > second.excess


def test_what_went_to_points_is_the_law() -> None:
    """Masses, first and second moments add up, whatever the points."""
    law = mixture(4, 3)
    unit = UnitMixtureCells.of(law.means, law.covs, law.weights)
    found = unit.sent(draw(law, 7, seed=4))
    mass = found.masses[0]
    assert mass.sum() == pytest.approx(1.0, abs=1e-13)
    mean = unit.into(law.weights @ law.means)
    np.testing.assert_allclose(mass @ found.barycenters(), mean, atol=1e-12)
    moved = found.at_barycenters()
    between = mass @ ((moved.points - mean) ** 2).sum(axis=1)
    off = unit.into(law.means) - mean
    total = law.weights @ (np.trace(law.covs, axis1=1, axis2=2) / unit.unit**2 + (off**2).sum(axis=1))
    assert moved.square + between == pytest.approx(total, rel=1e-9)
    assert moved.square <= found.square


@pytest.mark.parametrize("d", [10, 20])
def test_many_axes(d: int) -> None:
    """Certificates hold where boxes are coarse, and products are never better."""
    law = mixture(d, 2)
    q = quantize(law, 12, scheme="optimal")
    square, error = sampled(law, q.positions, 20_000)
    assert (square - 5 * error) ** 0.5 <= q.w2 <= quantize(law, 12, scheme="product").w2


def test_any_scale_and_place() -> None:
    law = mixture(3, 2)
    one = quantize(law, 8, scheme="optimal").w2
    for scale in (1e-150, 1e150):
        other = GaussianMixture(law.means * scale, law.covs * scale * scale, law.weights)
        assert quantize(other, 8, scheme="optimal").w2 == pytest.approx(float(one) * scale, rel=1e-6)
    far = GaussianMixture(law.means + 1e5, law.covs, law.weights)
    assert quantize(far, 8, scheme="optimal").w2 == pytest.approx(float(one), rel=1e-3)


def test_point_masses_beside_wide_components() -> None:
    law = GaussianMixture([[0.0, 0, 0], [5.0, 0, 0]], [np.eye(3), np.zeros((3, 3))], [0.5, 0.5])
    q = quantize(law, 9, scheme="optimal")
    square, error = sampled(law, q.positions)
    assert (square - 5 * error) ** 0.5 <= q.w2 <= (square + 5 * error) ** 0.5 * 1.006
    assert np.abs(q.positions - [5.0, 0.0, 0.0]).sum(axis=1).min() < 0.5


def test_fewest_points_for_an_error() -> None:
    law = mixture(3, 2)
    q = quantize(law, w2=1.0)
    assert q.w2 <= 1.0
    assert len(q) <= len(quantize(law, w2=1.0, scheme="product"))


def test_matched_moments() -> None:
    law = mixture(3, 2)
    q = quantize(law, 10, match_moments=True)
    mean = law.weights @ law.means
    np.testing.assert_allclose(q.weights @ q.positions, mean, atol=1e-9)


def test_single_precision() -> None:
    torch = pytest.importorskip("torch")
    law = mixture(3, 2)
    given = [torch.tensor(x, dtype=torch.float32) for x in (law.means, law.covs, law.weights)]
    q = quantize(GaussianMixture(*given), 12, scheme="optimal")
    assert q.w2.dtype == torch.float32
    square, error = sampled(law, q.positions.numpy().astype(float))
    assert float(q.w2) >= (square - 5 * error) ** 0.5
