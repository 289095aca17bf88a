"""Fine cells against closed forms, solved transport and sampling."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from flint import ctx
from independent import random_mixture, rotation, square_roots
from scipy.spatial import cKDTree

import diracs
from diracs.verification.bounds import _by_cells
from diracs.verification.cells import FineCells
from diracs.verification.pieces import pieces_of


@pytest.mark.parametrize("d, cells, within", [(2, 20_000, 2e-3), (3, 60_000, 1e-2)])
def test_grids_known_in_closed_form(d, cells, within):
    frame = rotation(d, d)
    law = diracs.Gaussian(np.ones(d), frame @ np.diag([2.0, 1.0, 0.3][:d]) @ frame.T)
    q = diracs.quantize(law, 30, scheme="grid")
    exact = diracs.verify(q)
    low, high = _by_cells(q.distribution, q.positions, q.weights, cells)
    assert low <= exact.low and exact.high <= high
    assert exact.low * (1 - within) <= low and high <= exact.high * (1 + within)


LAWS = {
    "mixture": diracs.GaussianMixture(*random_mixture(2, 3, 2)),
    "singular": diracs.GaussianMixture([[0.0, 0.0], [1.0, 1.0]], [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]]),
    "image": diracs.PolynomialGrid(np.random.default_rng(1).random((6, 5)) ** 3),
    "bins": diracs.PolynomialGrid.from_histogram([[1, 2], [3, 0]], [[0.0, 1.0, 2.0], [0.0, 1.0, 5.0]]),
    "independent": diracs.Independent([scipy.stats.gamma(2.0), scipy.stats.uniform()], [[1.0, 0.0], [1.0, 2.0]]),
    "of all kinds": diracs.Mixture(
        [
            diracs.SumOfDiracs([[0.0, 0.0], [1.0, 0.0]]),
            diracs.PolynomialGrid(np.ones((2, 2))),
            diracs.Gaussian([1, 1], 0.1),
        ]
    ),
}


def draw(law, count, rng):
    """Points of a law, by its definition."""
    if isinstance(law, diracs.Mixture):
        return np.concatenate([draw(part, count // len(law.laws), rng) for part in law.laws])
    if isinstance(law, diracs.SumOfDiracs):
        return law.positions[rng.integers(len(law), size=count)]
    if isinstance(law, diracs.Independent):
        z = np.column_stack([rng.gamma(2.0, size=count), rng.random(count)])
        return z @ law.matrix.T + law.offset
    if isinstance(law, diracs.Gaussian):
        return law.mean + rng.normal(size=(count, 2)) * np.sqrt(law.cov)
    if isinstance(law, diracs.GaussianMixture):
        k = rng.choice(law.n_components, size=count, p=law.weights)
        return law.means[k] + np.einsum("nij,nj->ni", square_roots(law.covs)[k], rng.normal(size=(count, 2)))
    masses = law.masses if hasattr(law, "masses") else law.values / law.values.sum()
    n = masses.shape
    edges = law.edges if hasattr(law, "edges") else [np.linspace(*law.domain[:, k], n[k] + 1) for k in (0, 1)]
    places = np.unravel_index(rng.choice(masses.size, size=count, p=masses.ravel()), n)
    return np.column_stack([e[i] + np.diff(e)[i] * rng.random(count) for e, i in zip(edges, places)])


@pytest.mark.parametrize("name", LAWS)
def test_nearest_points_by_sampling(name):
    """Masses of the cells are nearly those of the points, so that `low` and `high` both are near E min|X − y|²."""
    rng = np.random.default_rng(3)
    q = diracs.quantize(LAWS[name], 12)
    q = diracs.Quantization(q.distribution, diracs.PointScheme(q.positions), q.positions, q.weights, q.w2, q.exact)
    found = diracs.verify(q, cells=20_000)
    squares = cKDTree(q.positions).query(draw(LAWS[name], 20_000, rng))[0] ** 2
    mean, error = squares.mean(), squares.std() / np.sqrt(len(squares))
    assert found.low**2 <= mean + 4 * error and mean - 4 * error <= found.high**2
    assert found.high <= found.low * 1.02 and not found.refuted


@pytest.mark.parametrize("seed", range(3))
def test_given_masses_against_solved_transport(seed):
    rng = np.random.default_rng(seed)
    law = diracs.GaussianMixture(*random_mixture(seed, 2, 2))
    y, m = rng.normal(size=(8, 2)), rng.random(8)
    w2 = diracs.recertify(law, diracs.SumOfDiracs(y, m)).w2_given
    q = diracs.Quantization(law, diracs.PointScheme(y), y, m / m.sum(), w2, False)
    found = diracs.verify(q, cells=30_000)
    assert found.low <= w2 and w2 * (1 - 1e-9) <= found.high
    assert found.high - found.low <= 2e-3 * found.high


def test_matched_moments():
    q = diracs.quantize(diracs.GaussianMixture(*random_mixture(1, 2, 2)), 20, match_moments=True)
    found = diracs.verify(q, cells=30_000)
    assert not found.refuted and found.high <= q.w2 * 1.002


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_any_scale(scale):
    means, covs, weights = random_mixture(5, 2, 2)
    plain = diracs.quantize(diracs.GaussianMixture(means, covs, weights), 10)
    law = diracs.GaussianMixture(means * scale, covs * scale**2, weights)
    y = plain.positions * scale
    q = diracs.Quantization(law, diracs.PointScheme(y), y, plain.weights, plain.w2 * scale, True)
    found, same = diracs.verify(q, cells=5000), diracs.verify(plain, cells=5000)
    assert found.high == pytest.approx(same.high * scale, rel=1e-3) and not found.refuted


def test_losses_bound_what_boxes_lose():
    """For boxes that are as coarse as pieces, by sampling inside of them."""
    rng = np.random.default_rng(0)
    law = diracs.PolynomialGrid(rng.random((3, 3)))
    with ctx.workprec(256):
        pieces = pieces_of(law)
    y = rng.random((7, 2))
    cells = FineCells(pieces, y, np.zeros(7))
    sent = cells.cut(9, 0.0)
    rows = np.arange(9)
    lost = cells._lost(sent, rows)
    for j in rows:
        x = sent.boxes.center[j, :2] + (rng.random((20_000, 2)) - 0.5) / 3
        squares = ((x[:, None] - y) ** 2).sum(axis=2)
        true = sent.boxes.mass[j] * (squares[:, sent.first[j]] - squares.min(axis=1))
        assert true.mean() - 4 * true.std() / 141 <= lost[j] * (1 + 1e-9)
