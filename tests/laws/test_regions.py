"""Regions: depths against distances, their rounding, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from diracs import Ball, Complement, HalfSpace, Polytope, Quantization, SumOfDiracs, probability, quantize


def test_depths_of_polytopes_are_distances_inside_and_less_outside():
    triangle = Polytope([[2.0, 0.0], [0.0, 3.0], [-1.0, -1.0]], [2.0, 3.0, 1.0])
    points = np.array([[0.0, 0.0], [0.9, 0.0], [2.0, 0.5], [3.0, 4.0]])
    depth, rounding = triangle.depth(points)
    np.testing.assert_allclose(depth, [np.sqrt(0.5), 0.1, -1.0, -3.0])
    assert (rounding < 1e-13).all()
    for x, found in zip(points[2:], depth[2:]):
        constraints = [{"type": "ineq", "fun": lambda y, k=k: (triangle.h - triangle.H @ y)[k]} for k in range(3)]
        nearest = minimize(lambda y, x=x: ((y - x) ** 2).sum(), np.zeros(2), constraints=constraints).x
        assert -found <= np.linalg.norm(nearest - x) + 1e-6
    np.testing.assert_array_equal(Complement(triangle).depth(points)[0], -depth)
    assert triangle.ndim == Complement(triangle).ndim == 2


def test_boxes():
    box = Polytope.box([0.0, -1.0], [2.0, 1.0])
    np.testing.assert_allclose(box.depth(np.array([[0.5, 0.0], [1.0, 3.0]]))[0], [0.5, -2.0])
    half = HalfSpace([3.0, 4.0], 10.0)
    np.testing.assert_allclose(Polytope([[3.0, 4.0]], [10.0]).depth(np.eye(2))[0], half.depth(np.eye(2))[0])


def test_probabilities_of_diracs():
    q: Quantization = quantize(SumOfDiracs([[0.0, 0.0], [1.0, 1.0], [3.0, 0.0]], [0.2, 0.3, 0.5]), n=3)
    assert probability(q, Polytope.box([-1.0, -1.0], [2.0, 2.0])) == pytest.approx((0.5, 0.5, 0.5))
    assert probability(q, Complement(Ball([3.0, 0.0], 1.0))) == pytest.approx((0.5, 0.5, 0.5))
    # A budget that brings a tenth of the mass over the distance 1, out of the box or into it.
    found = probability(q, Polytope.box([-1.0, -1.0], [2.0, 2.0]), radius=np.sqrt(0.1))
    assert found == pytest.approx((0.5, 0.4, 0.6))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="H must be a matrix, one row other than zero"):
        Polytope([[1.0, 0.0], [0.0, 0.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"h must have shape \(1,\)"):
        Polytope([[1.0, 0.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="low and high must be vectors of one shape"):
        Polytope.box([0.0, 1.0], [1.0, 0.0])
    with pytest.raises(TypeError, match="region must be a region"):
        Complement([1.0, 2.0])
