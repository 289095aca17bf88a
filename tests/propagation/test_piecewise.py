"""Piecewise affine maps: pieces, continuity, the Jacobians that boxes meet, and bounds."""

import numpy as np
import pytest

from diracs import Gaussian, PiecewiseAffine, Smooth, propagate

A = np.array([[0.0, 0.4], [0.3, 0.8]])
HALVES = [([[1.0, 0.0]], [0.0]), ([[-1.0, 0.0]], [0.0])]


def test_a_clamp_is_a_clamp():
    rng = np.random.default_rng(0)
    clamp = PiecewiseAffine.clamp(A, -2.0, [2.0, 1.0], [0.1, 0.2])
    x = rng.standard_normal((500, 2)) * 10.0 ** rng.uniform(-2, 3, (500, 1))
    np.testing.assert_allclose(clamp(x), np.clip(x @ A.T + [0.1, 0.2], [-2, -2], [2, 1]), rtol=1e-12, atol=1e-12)
    assert len(clamp.matrices) == 9


def test_boxes_know_the_pieces_that_they_meet():
    clamp = PiecewiseAffine.clamp(np.eye(2), -1.0, 1.0)
    boxes = np.array([[[-0.5, -0.5], [2.0, -0.5], [0.5, 0.5], [-np.inf, -np.inf]],
                      [[0.5, 0.5], [3.0, 0.5], [1.5, 0.7], [np.inf, np.inf]]])  # fmt: skip
    found = clamp.on_boxes(boxes)
    np.testing.assert_array_equal(found[0].low, np.eye(2))
    np.testing.assert_array_equal(found[1].high, np.diag([0.0, 1.0]))
    np.testing.assert_array_equal(found[2].low, np.diag([0.0, 1.0]))
    np.testing.assert_array_equal(found[2].high, np.eye(2))
    np.testing.assert_array_equal(found[3].low, np.zeros((2, 2)))


def test_the_bounded_linear_system_of_the_literature():
    start, noise = Gaussian([1.5, 2.5], [0.4, 0.5]), Gaussian([0.0, 0.0], [0.3, 0.3])
    found = propagate(start, PiecewiseAffine.clamp(A, -2.0, 2.0), noise, 3, n=100)
    assert found.w2_bound[0] < 0.06
    plain = propagate(start, lambda x: np.clip(x @ A.T, -2, 2), noise, 3, n=100, lipschitz=np.linalg.norm(A, 2))
    assert (found.w2_bound < 0.6 * plain.w2_bound).all()


def test_the_pieces_may_be_of_any_shape():
    bent = PiecewiseAffine(HALVES, [[[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [2.0, 1.0]]], np.zeros((2, 2)))
    np.testing.assert_array_equal(bent(np.array([[-1.0, 1.0], [1.0, 1.0]])), [[-1.0, 1.0], [3.0, 3.0]])
    assert isinstance(bent, Smooth)


@pytest.mark.parametrize(
    ("regions", "matrices", "offsets", "words"),
    [
        (HALVES, [np.eye(2), 2 * np.eye(2)], np.zeros((2, 2)), "agree where"),
        (HALVES, [np.eye(2), np.eye(2)], [[0.0, 0.0], [0.0, 1e-3]], "agree where"),
        (HALVES[:1], [np.eye(2)], np.zeros((1, 2)), "cover the space"),
        (HALVES, [np.eye(2)], np.zeros((1, 2)), "as many"),
        (HALVES, np.eye(2), np.zeros((2, 2)), "shapes"),
        ([([[1.0]], [0.0])] * 2, [np.eye(2)] * 2, np.zeros((2, 2)), "of shapes"),
        ([3, 4], [np.eye(2)] * 2, np.zeros((2, 2)), "pair"),
    ],
)
def test_what_is_no_continuous_map_is_refused(regions, matrices, offsets, words):
    with pytest.raises(ValueError, match=words):
        PiecewiseAffine(regions, matrices, offsets)


def test_clamps_of_many_axes():
    """Of 729 pieces no pairs are looked at, and their Jacobians are 64 matrices."""
    rng = np.random.default_rng(0)
    A, b, x = rng.standard_normal((6, 6)), rng.standard_normal(6), 3.0 * rng.standard_normal((500, 6))
    f = PiecewiseAffine.clamp(A, -1.0, 1.0, b)
    np.testing.assert_allclose(f(x), np.clip(x @ A.T + b, -1.0, 1.0), atol=1e-12)
    assert f.everywhere(6).hull.shape == (64, 6, 6)
    assert f.everywhere(6).norm == pytest.approx(np.linalg.norm(A, 2), rel=0.2)
