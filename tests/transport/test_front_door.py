"""What the doors of transport take, and what they say of the rest."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs import (
    Gaussian,
    GaussianMixture,
    PolynomialGrid,
    SumOfDiracs,
    distance,
    fit_mixture,
    lloyd,
    optimal_transport_plan,
    quantize,
    recertify,
)

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

RNG = np.random.default_rng(0)
POINTS = {1: RNG.normal(size=(7, 1)), 2: RNG.normal(size=(7, 2))}
# Two good components, and two without weight that EM has collapsed: to a point, and to a line.
MEANS = {1: [[0.0], [1.0], [0.3], [5.0]], 2: [[0.0, 0.0], [1.0, 0.5], [0.3, 0.2], [0.4, -0.2]]}
COVS = {
    1: np.array([1.0, 0.5, 0.0, 0.0])[:, None, None],
    2: np.array([[[1.0, 0.2], [0.2, 0.5]], 0.5 * np.eye(2), np.zeros((2, 2)), [[0.25, 0.5], [0.5, 1.0]]]),
}
WEIGHTS = [0.4, 0.6, 0.0, 0.0]


def law(d, held=4, make=np.array):
    return GaussianMixture(make(np.array(MEANS[d][:held])), make(COVS[d][:held]), make(np.array(WEIGHTS[:held])))


@pytest.mark.parametrize("d", [1, 2])
def test_singular_components_without_weight_do_not_count(d):
    diracs = SumOfDiracs(POINTS[d])
    assert distance(diracs, law(d)) == pytest.approx(float(distance(diracs, law(d, 2))), rel=1e-12)
    plan, alone = (optimal_transport_plan(diracs, law(d, k)) for k in (4, 2))
    np.testing.assert_allclose(plan.barycenters, alone.barycenters, rtol=1e-9, atol=1e-12)
    if d == 2:
        np.testing.assert_array_equal(plan.power_diagram.domain, alone.power_diagram.domain)
    found, expected = recertify(law(d), diracs), recertify(law(d, 2), diracs)
    np.testing.assert_allclose(found.w2, expected.w2, rtol=1e-9)
    np.testing.assert_allclose(found.w2_given, expected.w2_given, rtol=1e-9)
    if d == 2:
        one, other = (lloyd(law(d, k), POINTS[d], iterations=5) for k in (4, 2))
        np.testing.assert_allclose(one.positions, other.positions, rtol=1e-9, atol=1e-12)
    for weights in ([0.4, 0.5, 0.1, 0.0], [0.4, 0.5, 0.0, 1e-300]):
        with pytest.raises(ValueError, match="singular"):
            distance(diracs, GaussianMixture(MEANS[d], COVS[d], weights))


def average(function, mean, cov):
    """The mean of a function of points (n, d) under a Gaussian, singular or not, by the trapezoidal rule."""
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    t = np.linspace(-9.0, 9.0, 601)
    density = np.exp(-0.5 * t**2) / np.exp(-0.5 * t**2).sum()
    points = np.stack(np.meshgrid(*[t] * len(mean), indexing="ij"), axis=-1).reshape(-1, len(mean))
    shares = density if len(mean) == 1 else np.outer(density, density).ravel()
    return shares @ function(np.asarray(mean) + points @ root.T)


@pytest.mark.parametrize("d", [1, 2])
def test_the_slope_in_the_weight_of_a_singular_component(d):
    """∂W₂²/∂π_k = ∫ φᶜ dρ_k less its mean, φᶜ = minᵢ (|x − yᵢ|² − wᵢ); those of its mean and covariance are zero."""
    tensors = [torch.tensor(np.array(x), requires_grad=True) for x in (MEANS[d], COVS[d], WEIGHTS)]
    distance(SumOfDiracs(torch.tensor(POINTS[d])), GaussianMixture(*tensors)).backward()
    dual = optimal_transport_plan(SumOfDiracs(POINTS[d]), law(d)).weights

    def potential(x):
        return np.min([((x - y) ** 2).sum(axis=1) - w for y, w in zip(POINTS[d], dual, strict=True)], axis=0)

    means = np.array([average(potential, mean, cov) for mean, cov in zip(MEANS[d], COVS[d], strict=True)])
    expected = means - np.array(WEIGHTS) @ means
    np.testing.assert_allclose(tensors[2].grad, expected, atol=3e-4)
    assert not tensors[0].grad[2:].any()
    assert not tensors[1].grad[2:].any()


def test_singular_components_without_weight_do_not_count_under_jit():
    cost = jax.jit(lambda m, c, w: distance(SumOfDiracs(jnp.asarray(POINTS[2])), GaussianMixture(m, c, w)))
    arrays = [jnp.asarray(np.array(x), dtype=float) for x in (MEANS[2], COVS[2], WEIGHTS)]
    assert float(cost(*arrays)) == pytest.approx(float(distance(SumOfDiracs(POINTS[2]), law(2, 2))), rel=1e-4)
    assert np.isnan(cost(arrays[0], arrays[1], jnp.ones(4)))


def test_two_sums_of_diracs_are_sent_to_a_discrete_solver():
    diracs, q = SumOfDiracs(POINTS[2]), quantize(Gaussian([0.0, 0.0], [1.0, 2.0]), n=5)
    for function in (distance, optimal_transport_plan):
        for target in (diracs, q):
            with pytest.raises(TypeError, match=r"density.*Diracs.*POT's ot\.emd2\("):
                function(diracs, target)
    with pytest.raises(TypeError, match=r"ot\.emd2"):
        lloyd(diracs, 3)
    with pytest.raises(TypeError, match=r"SumOfDiracs\(points\)"):
        distance(POINTS[2], law(2, 2))


def test_a_quantization_stands_for_its_diracs():
    density = law(2, 2)
    q = quantize(density, n=6)
    assert distance(q, density) == distance(q.diracs, density)
    assert float(distance(q, density)) <= float(q.w2) ** 2 * (1 + 1e-9)
    grid = PolynomialGrid(np.ones((3, 3)), [[-2.0, -2.0], [2.0, 2.0]])
    assert distance(q, grid) == distance(q.diracs, grid)
    assert optimal_transport_plan(q, density).distance == distance(q, density)
    assert recertify(density, q).w2_given <= q.w2 * (1 + 1e-6)
    assert fit_mixture(q, 1, starts=1).points.positions is q.positions
    for start in (q, q.diracs):
        moved, same = (lloyd(density, x, iterations=2) for x in (start, q.positions))
        np.testing.assert_array_equal(moved.positions, same.positions)
