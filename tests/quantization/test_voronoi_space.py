"""Optimal points in space, by Newton's method on exact Voronoi cells, through the front door."""

import numpy as np
import pytest
from independent import nearest_cost, random_mixture
from optional import optional

from diracs import Gaussian, GaussianMixture, PolynomialGrid, SumOfDiracs, quantize, recertify

torch = optional("torch")

MEANS, COVS, WEIGHTS = random_mixture(5, 2, 3)
LAW = GaussianMixture(MEANS, COVS, WEIGHTS)


def test_few_points_of_the_normal_law():
    law = Gaussian(np.zeros(3), np.ones(3))
    assert quantize(law, 1, scheme="optimal").w2 == pytest.approx(3**0.5, rel=1e-12)
    # Two points lie at ±√(2/π).
    assert quantize(law, 2, scheme="optimal").w2 == pytest.approx((3 - 2 / np.pi) ** 0.5, rel=1e-9)
    # Four make a tetrahedron; Lloyd's steps from random starts find nothing better.
    four = quantize(law, 4, scheme="optimal")
    gaps = np.linalg.norm(four.positions[:, None] - four.positions, axis=2)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-6)


@pytest.mark.parametrize("n", [3, 14])
def test_certificate_against_sampling_and_products(n):
    q = quantize(LAW, n, scheme="optimal")
    cost, masses, errors = nearest_cost(MEANS, COVS, WEIGHTS, q.positions, 100_000)
    assert q.exact and len(q) <= n and abs(q.w2**2 - cost.value) < 5 * cost.error
    assert (np.abs(q.weights - masses) < 5 * errors + 1e-9).all()
    assert q.w2_lower <= q.w2 <= quantize(LAW, n, scheme="product").w2
    assert q.w2 <= quantize(LAW, n).w2 * (1 + 1e-9) <= 1.02 * q.w2


def test_points_are_barycenters_of_their_cells():
    q = quantize(LAW, 12, scheme="optimal")
    moved = recertify(LAW, SumOfDiracs(q.positions))
    assert moved.w2 == pytest.approx(q.w2, rel=1e-9)
    for step in np.random.default_rng(0).normal(size=(3, 12, 3)):
        # The error is stationary: it grows with the square of the step.
        assert recertify(LAW, SumOfDiracs(q.positions + 1e-3 * step)).w2 - q.w2 == pytest.approx(0.0, abs=3e-5)


def test_fewest_points_for_an_error():
    q = quantize(LAW, w2=1.0)
    assert q.w2 <= 1.0 and quantize(LAW, len(q) - 1).w2 > 1.0


def test_volumes():
    cube = PolynomialGrid(np.ones((1, 1, 1)))
    assert quantize(cube, 1).w2 == pytest.approx(0.5, rel=1e-9)
    q = quantize(cube, 8)
    assert q.w2 <= 0.25 * (1 + 1e-9)
    assert 0.96 < q.w2_lower / q.w2 <= 1.0
    box = PolynomialGrid(np.ones((2, 1, 3)), [[0, 0, 10], [1e-3, 1, 10.5]])
    thin = quantize(box, 4)
    assert ((thin.positions >= [0, 0, 10]) & (thin.positions <= [1e-3, 1, 10.5])).all()
    assert thin.w2_lower <= thin.w2
    some = quantize(cube, w2=0.3)
    assert some.w2 <= 0.3 and len(some) <= 8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors(dtype):
    law = GaussianMixture(*(torch.tensor(x, dtype=dtype) for x in (MEANS, COVS, WEIGHTS)))
    q = quantize(law, 6)
    assert q.positions.dtype == q.weights.dtype == q.w2.dtype == dtype
    assert float(q.w2) == pytest.approx(quantize(LAW, 6).w2, rel=1e-3)
    # Where derivatives are asked for products take their place.
    lazy = GaussianMixture(torch.tensor(MEANS, requires_grad=True), torch.tensor(COVS), torch.tensor(WEIGHTS))
    (slope,) = torch.autograd.grad(quantize(lazy, 6).w2, lazy.means)
    assert torch.isfinite(slope).all()


def test_thin_and_many_components_are_merged_from_boxes():
    assert not quantize(Gaussian(np.zeros(3), np.diag([1.0, 0.5, 0.0])), 5).exact
    assert quantize(LAW, 7).positions.tolist() == quantize(LAW, 7).positions.tolist()
