"""Objects own what they hold: arrays that change later, or tensors that an optimizer moves, do not reach them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from optional import optional

from diracs import (
    Affine,
    Ball,
    Complement,
    CrossCodebook,
    Elliptical,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    Independent,
    LayeredScheme,
    Mesh,
    Mixture,
    PiecewiseAffine,
    PointScheme,
    PolynomialGrid,
    Polytope,
    PowerDiagram,
    ProductScheme,
    ScalarCodebook,
    Smooth,
    SumOfDiracs,
    discretize,
    distance,
    fit_mixture,
    optimal_transport_plan,
    propagate,
    quantize,
)
from diracs.backend.arrays import is_traced, leaves

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

MAKERS = {
    "SumOfDiracs": lambda a: SumOfDiracs(a(np.eye(2)), a(np.ones(2))),
    "GaussianMixture": lambda a: GaussianMixture(a(np.eye(2)), a(np.ones(2)), a(np.ones(2))),
    "full GaussianMixture": lambda a: GaussianMixture(a(np.eye(2)), a(np.stack([np.eye(2)] * 2))),
    "Gaussian": lambda a: Gaussian(a(np.ones(2)), a(np.eye(2))),
    "PolynomialGrid": lambda a: PolynomialGrid(a(np.full((2, 2), 1.0))),
    "Mesh": lambda a: Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], a(np.ones(1))),
    "ScalarCodebook": lambda a: ScalarCodebook(a(np.arange(2.0))),
    "CrossCodebook": lambda a: CrossCodebook(a(np.arange(1.0, 2.0)), 2),
    "PointScheme": lambda a: PointScheme(a(np.eye(2))),
    "ProductScheme": lambda a: ProductScheme(
        [ScalarCodebook(a(np.ones(1)))], a(np.eye(2)), a(np.ones(2)), a(np.ones(1))
    ),
    "LayeredScheme": lambda a: LayeredScheme([ProductScheme([], offset=a(np.ones(2)))]),
    "Affine": lambda a: Affine(a(np.eye(2)), a(np.ones(2))),
    "Affine without b": lambda a: Affine(a(np.eye(2))),
    "HalfSpace": lambda a: HalfSpace(a(np.ones(2)), a(np.ones(()))),
    "Ball": lambda a: Ball(a(np.ones(2)), a(np.ones(()))),
    "Polytope": lambda a: Polytope(a(np.eye(2)), a(np.ones(2))),
    "Complement": lambda a: Complement(Ball(a(np.ones(2)), a(np.ones(())))),
    "Independent": lambda a: Independent([scipy.stats.gamma(2.0)] * 2, a(np.eye(2)), a(np.ones(2))),
    "Elliptical": lambda a: Elliptical(scipy.stats.gamma(2.0), a(np.ones(2)), a(np.eye(2))),
    "Mixture": lambda a: Mixture([scipy.stats.gamma(2.0), scipy.stats.uniform()], a(np.full(2, 0.5))),
    "box": lambda a: Polytope.box(a(np.zeros(2)), a(np.ones(2))),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("wrap", [lambda x: x, torch.from_numpy, jnp.asarray], ids=["numpy", "torch", "jax"])
def test_what_is_changed_later_does_not_reach_an_object(name, wrap):
    given = []

    def array(x):
        x = np.array(x, dtype=np.float32)
        given.append(x)
        return wrap(x)

    made = MAKERS[name](array)
    before = [np.asarray(a).copy() for a in leaves(made)]
    for x in given:
        x[...] = 99.0
    for a, old in zip(leaves(made), before, strict=True):
        np.testing.assert_array_equal(np.asarray(a), old)


@pytest.mark.parametrize("convert", [torch.tensor, jnp.asarray], ids=["torch", "jax"])
def test_numpy_beside_tensors_is_copied(convert):
    means, covs = np.zeros((64, 2), dtype=np.float32), np.ones((64, 2), dtype=np.float32)
    law = GaussianMixture(means, convert(np.ones(64, np.float32)), covs[:, 0])
    scheme = ProductScheme([ScalarCodebook(means[:, 0])], offset=convert(np.ones(2, np.float32)))
    means[...] = covs[...] = 99.0
    assert not np.asarray(law.means).any()
    assert not np.asarray(scheme.codebooks[0].levels).any()


def test_known_values_stay_known_inside_jit():
    means, covs = jnp.asarray(np.eye(2)), np.ones(2)

    @jax.jit
    def cost(points):
        law = GaussianMixture(means, covs)
        assert not is_traced(law.means)
        assert not is_traced(law.covs)
        with pytest.raises(ValueError, match="covs holds variances"):
            GaussianMixture(means, -covs)
        return discretize(law, PointScheme(points)).w2

    assert np.isfinite(cost(means))


@pytest.mark.parametrize("name", MAKERS)
def test_numpy_arrays_of_objects_are_read_only(name):
    for a in leaves(MAKERS[name](np.array)):
        with pytest.raises(ValueError, match="read-only"):
            a[...] = 99.0


def test_a_lower_bound_asked_for_later_is_that_of_the_law_given():
    covs = np.array([1.0])
    q, same = (quantize(GaussianMixture(np.zeros((1, 1)), c), n=3) for c in (covs, np.array([1.0])))
    covs *= 1.5
    assert q.w2_lower == same.w2_lower < 0.44
    image = np.ones((2, 2))
    q, same = (quantize(PolynomialGrid(x), n=1) for x in (image, np.ones((2, 2))))
    image[0, 0] = 50.0
    assert q.w2_lower == same.w2_lower
    points = np.array([[-1.0], [1.0]])
    scheme = PointScheme(points)
    points *= 5.0
    assert discretize(Gaussian(0.0, 1.0), scheme).w2 < 1.0


def test_an_optimizer_does_not_move_a_law():
    means = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    covs = torch.ones(1, dtype=torch.float64, requires_grad=True)
    q = quantize(GaussianMixture(means, covs), n=3)
    q.w2.backward()
    assert covs.grad is not None
    assert torch.isfinite(covs.grad).all()
    assert covs.grad.item() > 0.01
    # As optimizers do; those of PyTorch take seconds to import.
    with torch.no_grad():
        covs -= 0.5 * covs.grad
    assert covs.item() < 1.0
    assert q.distribution.covs.item() == 1.0
    same = quantize(GaussianMixture(np.zeros((1, 1)), np.ones(1)), n=3)
    assert float(q.w2_lower) == pytest.approx(float(same.w2_lower), rel=1e-12)


def test_leaves_get_their_gradients_through_every_object():
    positions = torch.tensor([[0.2, 0.3], [0.8, 0.6]], dtype=torch.float64, requires_grad=True)
    masses = torch.tensor([0.4, 0.6], dtype=torch.float64, requires_grad=True)
    values = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    distance(SumOfDiracs(positions, masses), PolynomialGrid(values)).backward()
    levels = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
    scales = torch.ones(1, dtype=torch.float64, requires_grad=True)
    discretize(Gaussian([0.1], [1.0]), ProductScheme([ScalarCodebook(levels)], scales=scales)).w2.backward()
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64, requires_grad=True)
    discretize(Gaussian([0.0, 0.1], [1.0, 2.0]), PointScheme(points)).w2.backward()
    for leaf in (positions, masses, values, levels, scales, points):
        assert leaf.is_leaf
        assert leaf.grad is not None
        assert bool(leaf.grad.any())


def test_results_are_read_only():
    q = quantize(GaussianMixture(np.eye(2), np.ones(2)), n=5)
    batch = quantize(GaussianMixture(np.zeros((2, 1, 1)), np.ones((2, 1))), n=3)
    plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.3], [0.8, 0.6]]), PolynomialGrid(np.ones((2, 2))))
    chain = propagate(Gaussian([0.0], [1.0]), Affine([[0.5]]), Gaussian([0.0], [0.1]), 2, n=5, quantized=True)
    fit = fit_mixture(np.eye(2), 1, starts=1)
    arrays = [q.positions, q.weights, q.diracs.positions, q.diracs.weights, *leaves(q.scheme), *leaves(q.distribution)]
    arrays += [batch.positions, batch.weights, batch.w2]
    arrays += [plan.barycenters, plan.cell_masses, plan.brenier_potential, plan.weights]
    arrays += [*leaves(chain.states[-1]), *leaves(chain.diracs[-1]), *leaves(chain.schemes[-1])]
    arrays += [*leaves(fit.mixture), *leaves(fit.points)]
    for a in arrays:
        with pytest.raises(ValueError, match="read-only"):
            a[...] = 99.0


def test_maps_with_known_jacobians_keep_what_they_are_given():
    hull, low, high = np.eye(2)[None].copy(), -np.ones((2, 2)), np.ones((2, 2))
    made = [
        Smooth(np.sin, jacobian_hull=hull).jacobian_hull,
        *Smooth(np.sin, jacobian_range=(low, high)).jacobian_range,
    ]
    normals, ends = [np.array([[1.0, 0.0]]), np.array([[-1.0, 0.0]])], [np.zeros(1), np.zeros(1)]
    matrices, offsets = np.array([np.eye(2)] * 2), np.zeros((2, 2))
    pieces = PiecewiseAffine(list(zip(normals, ends)), matrices, offsets)
    made += [pieces.matrices, pieces.offsets, *pieces.regions[0]]
    before = [x.copy() for x in made]
    for x in (hull, low, high, *normals, *ends, matrices, offsets):
        x[...] = 99.0
    chain = propagate(Gaussian([0.0, 0.0], [1.0, 1.0]), pieces, None, 1, n=4)
    for x, old in zip(made, before):
        np.testing.assert_array_equal(x, old)
    for x in (*made, *chain.metrics):
        with pytest.raises(ValueError, match="read-only"):
            x[...] = 99.0


def test_a_diagram_keeps_its_seeds():
    seeds, weights, box = np.array([[0.2, 0.3], [0.8, 0.6]]), np.zeros(2), np.array([[0.0, 0.0], [1.0, 1.0]])
    diagram = PowerDiagram(seeds, weights, box)
    before = diagram.cells
    seeds[0], weights[0], box[1] = 99.0, 5.0, 7.0
    for a, b in zip(diagram.cells, before, strict=True):
        np.testing.assert_array_equal(a, b)
