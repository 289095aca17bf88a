"""Laws cut at the borders between points: certificates against exact ones and against samples."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from diracs import GaussianMixture, Mesh, Mixture, PointScheme, PolynomialGrid, discretize
from diracs.cells.divisible import Cut
from diracs.cells.partition import Partition
from diracs.merging.cutting import coarse, gone, sent_within
from diracs.merging.pieces import UnitPieces

MIXTURE = GaussianMixture([[0.0, 0.0], [2.0, 1.0]], [[[1.0, 0.4], [0.4, 0.5]], [[0.2, 0.0], [0.0, 1.0]]], [1, 2])


@pytest.mark.parametrize("precision", [0.1, 0.01, 0.001])
def test_what_is_to_be_gained_is_known_about(precision: float) -> None:
    """W₂ of the same points is known exactly in the plane."""
    points = np.random.default_rng(1).normal(size=(30, 2)) + 0.5
    unit = UnitPieces.of(MIXTURE)
    rows = coarse(unit.law, 200)[0]
    found = sent_within(unit.law, rows, unit.into(points), precision, 10**6)
    exact = float(discretize(MIXTURE, PointScheme(points)).w2)
    root = np.sqrt(found.found.square) * unit.unit
    assert exact * (1 - 1e-9) <= root <= exact * (1 + 1.2 * precision)
    assert unit.certify(found)[1] >= root


def test_an_image_of_the_plane() -> None:
    image = PolynomialGrid(np.random.default_rng(2).random((7, 5)), [[0, 0], [7, 3]])
    points = np.random.default_rng(3).random((12, 2)) * [7, 3]
    exact = discretize(image, PointScheme(points))
    unit = UnitPieces.of(image)
    found = unit.sent(points)
    masses, w2 = unit.certify(found)
    assert exact.w2 * (1 - 1e-9) <= w2 <= exact.w2 * 1.005
    np.testing.assert_allclose(masses, exact.weights, atol=4e-3)
    assert masses.sum() == pytest.approx(1.0, abs=1e-15)


def test_a_mesh_of_the_plane() -> None:
    mesh = Mesh([[0, 0], [2, 0], [2, 1], [0, 1.5]], [[0, 1, 2], [0, 2, 3]], [1.0, 2.0, 0.0, 5.0])
    points = PointScheme(np.random.default_rng(3).random((8, 2)) * [2, 1])
    exact = float(discretize(mesh, points).w2)
    assert exact * (1 - 1e-9) <= discretize(Mixture([mesh, mesh]), points).w2 <= exact * 1.005


def test_coarse_pieces_have_nearly_equal_spreads() -> None:
    unit = UnitPieces.of(MIXTURE)
    cut = coarse(unit.law, 5000)[1]
    assert len(cut.cells.mass) == 5000
    assert np.quantile(cut.cells.spread, 0.9) < 16 * np.quantile(cut.cells.spread, 0.1)


def test_accounting_of_what_is_gone() -> None:
    """Σ v + Σ m |c − y|², and the errors that doubts stand for."""
    cells = Partition(np.array([0.5, 0.25, 0.25]), np.array([[0.0], [1.0], [3.0]]), np.array([0.1, 0.2, 0.3]))
    cut = Cut(cells, np.array([1e-3, 0.0, 2e-3]), cells.spread)
    found = gone(cut, np.array([[1.0], [2.0]]), np.array([0, 0, 1]))
    assert found.found.square == pytest.approx(0.1 + 0.5 + 0.2 + 0.3 + 0.25)
    np.testing.assert_allclose(found.mass_error, [5e-4, 5e-4])
    assert found.cost_error == pytest.approx(2 * (1e-3 * 0.6 + 2e-3 * 0.55))
    np.testing.assert_allclose(found.at_barycenters().points, [[1 / 3], [3.0]])
    np.testing.assert_allclose(found.at_barycenters().found.square, 0.6 + 0.5 * 1 / 9 + 0.25 * 4 / 9)


def test_certificates_pay_for_doubts() -> None:
    unit = UnitPieces.of(MIXTURE)
    found = unit.sent(np.array([[0.0, 0.0], [2.0, 1.0]]))
    w2 = unit.certify(found)[1]
    more = unit.certify(found._replace(cost_error=0.02 * found.found.square))[1]
    assert more == pytest.approx(1.02**0.5 * w2, rel=1e-6)
    assert unit.certify(found._replace(mass_error=1e-3 * found.found.masses[0]))[1] > w2 * 1.0001


def test_in_five_dimensions_against_samples() -> None:
    rng = np.random.default_rng(5)
    law = GaussianMixture(np.zeros((1, 5)), np.array([[3.0, 2.0, 1.0, 0.5, 0.1]]))
    points = rng.normal(size=(6, 5))
    unit = UnitPieces.of(law)
    w2 = unit.certify(unit.sent(points))[1]
    square = cKDTree(points).query(rng.normal(size=(200_000, 5)) * np.sqrt(law.covs[0]))[0] ** 2
    root = np.sqrt(square.mean())
    assert root * (1 - 0.005) <= w2 <= root * 1.03
