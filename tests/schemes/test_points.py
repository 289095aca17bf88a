"""Schemes of given points: nearest-point quantization on the line and in the plane."""

import numpy as np
import pytest
from optional import optional

from diracs import GaussianMixture, PointScheme, ProductScheme, ScalarCodebook, discretize

jax = optional("jax")
jnp = optional("jax.numpy")


def test_attributes():
    scheme = PointScheme([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    assert (scheme.size, scheme.ndim) == (3, 2)
    assert scheme.positions() is scheme.positions(2) is scheme.points
    assert len(scheme.arrays()) == 1
    assert repr(scheme) == "PointScheme(3 points in dimension 2)"
    with pytest.raises(ValueError, match=r"dimension 2.*dimension 3"):
        scheme.positions(3)
    with pytest.raises(ValueError, match=r"dimension 2.*dimension 1"):
        discretize(GaussianMixture([[0.0]], [1.0]), scheme)


def test_on_the_line_it_is_a_scalar_codebook_in_the_order_given():
    law = GaussianMixture([[0.0], [2.0]], [1.0, 0.3], [0.4, 0.6])
    levels = np.array([1.0, -1.0, 3.0, 2.0])
    ours = discretize(law, PointScheme(levels[:, None]))
    sorted_ones = discretize(law, ProductScheme([ScalarCodebook(levels)]))
    order = np.argsort(levels)
    np.testing.assert_array_equal(ours.positions[:, 0], levels)
    np.testing.assert_array_equal(ours.weights[order], sorted_ones.weights)
    assert ours.w2 == sorted_ones.w2
    assert ours.exact

    @jax.jit
    def traced(points):
        return discretize(law, PointScheme(points)).weights

    np.testing.assert_allclose(traced(jnp.asarray(levels[:, None])), ours.weights, rtol=1e-5)


def test_a_grid_of_points_is_the_product_of_its_levels():
    law = GaussianMixture([[0.0, 0.0], [1.0, 2.0]], [[1.0, 0.5], [0.2, 1.0]], [0.4, 0.6])
    grid = ProductScheme([ScalarCodebook([-1.0, 0.0, 2.0]), ScalarCodebook([-0.5, 1.0])])
    by_axes, by_points = discretize(law, grid), discretize(law, PointScheme(grid.positions(2)))
    np.testing.assert_array_equal(by_points.positions, by_axes.positions)
    np.testing.assert_allclose(by_points.weights, by_axes.weights, atol=1e-14)
    assert by_points.w2 == pytest.approx(by_axes.w2, rel=1e-11)
    assert by_points.exact


def test_batches_share_the_points():
    rng = np.random.default_rng(0)
    means, covs, points = (
        rng.normal(size=(2, 3, 2)),
        rng.uniform(0.1, 1.0, (2, 3)),
        PointScheme(rng.normal(size=(7, 2))),
    )
    both = discretize(GaussianMixture(means, covs), points)
    for i in range(2):
        single = discretize(GaussianMixture(means[i], covs[i]), points)
        assert both.w2[i] == single.w2
        np.testing.assert_array_equal(both.weights[i], single.weights)
