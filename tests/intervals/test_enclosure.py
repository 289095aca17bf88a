"""Jacobians over boxes: never narrower than those at points, exact where they should be, and errors by name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs.intervals import jacobian_of, value_of

RNG = np.random.default_rng(5)


def around(centers, radius):
    centers = np.asarray(centers, float)
    return np.stack([centers - radius, centers + radius], axis=1)


def whole(d):
    return np.stack([np.full(d, -np.inf), np.full(d, np.inf)])[None]


def complex_step(f, x):
    """The Jacobian of an analytic f at points (n, d), to all digits: Im f(x + ih)/h."""
    h = 1e-30
    return np.stack([f(x + 1j * h * e).imag / h for e in np.eye(x.shape[1])], axis=-1)


def inside(boxes, n, rng=RNG):
    """Points of each box, some at its corners: (n, k, d)."""
    t = rng.random((n, len(boxes), boxes.shape[2]))
    t[: n // 3] = np.round(t[: n // 3])
    return boxes[:, 0] + t * (boxes[:, 1] - boxes[:, 0])


def assert_sound(f, boxes, n=40, analytic=True, tolerance=1e-12):
    low, high = jacobian_of(f)(boxes)
    below, above = value_of(f)(boxes)
    for x in inside(boxes, n):
        y = f(x)
        slack = tolerance * (1 + np.abs(y))
        assert (below <= y + slack).all() and (y - slack <= above).all()
        if analytic:
            found = complex_step(f, x)
            slack = tolerance * (1 + np.abs(found))
            assert (low <= found + slack).all() and (found - slack <= high).all()
    return low, high


def dubins(x):
    return np.stack([x[:, 0] + 1.5 * np.cos(x[:, 2]), x[:, 1] + 1.5 * np.sin(x[:, 2]), x[:, 2] + 0.3 * 2], axis=1)


def pendulum(x):
    angle, speed = x.T
    faster = speed + 0.05 * (14.7 * np.sin(angle) - 0.3 * speed)
    return np.column_stack((angle + 0.05 * faster, faster))


def mountain_car(x):
    out = np.zeros_like(x)
    out[:, 1] = x[:, 1] + 0.001 * 0.7 - 0.0025 * np.cos(3 * x[:, 0])
    out[:, 0] = x[:, 0] + out[:, 1]
    return out


SYSTEMS = {"dubins": (dubins, 3), "pendulum": (pendulum, 2), "mountain car": (mountain_car, 2)}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("radius", [0.0, 1e-6, 0.1, 2.0])
def test_systems_are_sound_and_narrow_on_small_boxes(name, radius):
    f, d = SYSTEMS[name]
    boxes = around(RNG.normal(size=(30, d)) * 2, radius)
    low, high = assert_sound(f, boxes)
    assert (high - low).max() <= 4 * radius + 2e-14


def test_a_car_has_exact_bounds_on_the_whole_space():
    low, high = jacobian_of(dubins, 3)(whole(3))
    np.testing.assert_array_equal(low[0], [[1, 0, -1.5], [0, 1, -1.5], [0, 0, 1]])
    np.testing.assert_array_equal(high[0], [[1, 0, 1.5], [0, 1, 1.5], [0, 0, 1]])


def test_a_car_on_a_box_has_the_extrema_of_sines():
    low, high = jacobian_of(dubins)([[[0, 0, 0.3], [1, 1, 2.0]]])
    np.testing.assert_allclose([low[0, 0, 2], high[0, 0, 2]], [-1.5, -1.5 * np.sin(0.3)], rtol=1e-14)
    np.testing.assert_allclose([low[0, 1, 2], high[0, 1, 2]], [1.5 * np.cos(2.0), 1.5 * np.cos(0.3)], rtol=1e-14)


def test_other_systems_on_the_whole_space():
    low, high = jacobian_of(mountain_car)(whole(2))
    np.testing.assert_allclose(low[0], [[1 - 0.0075, 1], [-0.0075, 1]], rtol=1e-14)
    np.testing.assert_allclose(high[0], [[1 + 0.0075, 1], [0.0075, 1]], rtol=1e-14)
    low, high = jacobian_of(pendulum)(whole(2))
    np.testing.assert_allclose(high[0, 1], [0.735, 0.985], rtol=1e-14)
    np.testing.assert_allclose(low[0, 1], [-0.735, 0.985], rtol=1e-14)


def test_clamped_maps_have_the_slopes_of_their_pieces():
    matrix = np.array([[1.0, 2.0], [-1.0, 0.5]])

    def f(x):
        return np.clip(x @ matrix.T, -1.0, 1.0)

    low, high = jacobian_of(f)([[[0.1, 0.1], [0.2, 0.2]], [[5, 5], [6, 6]], [[0, 0], [1, 1]]])
    np.testing.assert_allclose(low[0], matrix, rtol=1e-14)
    np.testing.assert_allclose(high[0], matrix, rtol=1e-14)
    # Clipped for sure, in the first row.
    assert not low[1, 0].any() and not high[1, 0].any()
    np.testing.assert_allclose(low[2], np.minimum(matrix, 0)[[0, 1]] * [[1], [1]], atol=1e-14)
    np.testing.assert_allclose(high[2], np.maximum(matrix, 0), atol=1e-14)
    assert_sound(f, around(RNG.normal(size=(20, 2)), 0.7), analytic=False)


def network(widths, rng, activation):
    layers = [(rng.normal(size=(a, b)) / np.sqrt(a), 0.3 * rng.normal(size=b)) for a, b in itertools.pairwise(widths)]

    def f(x):
        for n, (matrix, offset) in enumerate(layers):
            x = x @ matrix + offset
            x = activation(x) if n < len(layers) - 1 else x
        return x

    return f


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([1e-3, 0.1, 1.0]))
def test_networks_are_sound(seed, d, radius):
    rng = np.random.default_rng(seed)
    activation = [np.tanh, np.sin, lambda u: 1 / (1 + np.exp(-u)), lambda u: u / np.sqrt(1 + u * u)][seed % 4]
    assert_sound(network((d, 7, 5, 3), rng, activation), around(rng.normal(size=(6, d)), radius * rng.random((6, 1))))


def test_a_network_with_one_layer_has_the_exact_bounds():
    # d/dx w tanh(v x) = w v (1 − tanh²(v x)): on [a, b] through zero between w v sech²(v max(|a|, |b|)) and w v.
    def f(x):
        return 3.0 * np.tanh(2.0 * x)

    low, high = jacobian_of(f)([[[-0.2], [0.5]], [[0.1], [0.5]]])
    np.testing.assert_allclose(low.ravel(), 6.0 / np.cosh(1.0) ** 2, rtol=1e-13)
    np.testing.assert_allclose(high.ravel(), [6.0, 6.0 / np.cosh(0.2) ** 2], rtol=1e-13)


def test_narrow_boxes_give_the_jacobian_at_a_point():
    f = network((2, 32, 32, 2), np.random.default_rng(0), np.tanh)
    x = RNG.normal(size=(1000, 2))
    low, high = jacobian_of(f)(around(x, 0.0))
    found = complex_step(f, x)
    np.testing.assert_allclose(low, found, atol=1e-12)
    np.testing.assert_allclose(high, found, atol=1e-12)
    assert (low < high).all()


# Expressions, each a function of (n, 2) written differently.
A = RNG.normal(size=(2, 2))
EXPRESSIONS = {
    "product": lambda x: np.stack([x[:, 0] * x[:, 1], x[:, 0] ** 3 - 2 / (4 + x[:, 1] ** 2)], -1),
    "quadratic": lambda x: np.einsum("ni,ij,nj->n", x, A, x)[:, None] * x,
    "rational": lambda x: x / (1 + (x * x).sum(axis=1, keepdims=True)),
    "exponents": lambda x: np.hstack((np.exp(-(x**2)), np.log(3 + np.sin(x)), 2.0**x)),
    "roots": lambda x: np.concatenate(
        [np.sqrt(1 + x**2), np.arctan(x), (2 + np.cos(x)) ** 1.5, (2 + np.cos(x)) ** x], 1
    ),
    "axes": lambda x: np.moveaxis(x[:, :, None] * A, 1, 2).reshape(len(x), -1)[:, ::-1],
    "hyperbolic": lambda x: (
        np.c_[np.sinh(x), np.cosh(x)] if isinstance(x, np.ndarray) else np.hstack((np.sinh(x), np.cosh(x)))
    ),
    "in place": lambda x: in_place(x),
    "dots": lambda x: np.dot(x, A) + (A @ x[..., None])[..., 0] - np.cumsum(x, axis=1) + np.mean(x, axis=1)[:, None],
    "rearranged": lambda x: (
        np.roll(x, 1, axis=1) * np.repeat(x[:, :1], 2, axis=1) + np.flip(x, 1) * np.prod(x, 1)[:, None]
    ),
}


def in_place(x):
    y = x.copy()
    first = y[:, 0]
    first += np.sin(y[:, 1])
    y.T[1] *= 2.0
    y[..., 1] -= x[..., 0] / 3
    return y


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("radius", [0.0, 0.05, 0.8])
def test_expressions_are_sound(name, radius):
    boxes = around(RNG.normal(size=(12, 2)), radius)
    low, high = assert_sound(EXPRESSIONS[name], boxes, tolerance=1e-11)
    if radius == 0:
        assert (high - low).max() < 1e-11


KINKED = {
    "absolute": lambda x: np.abs(x),
    "larger": lambda x: np.maximum(x[:, :1], x[:, 1:]) + np.minimum(x, 0.3),
    "leaky": lambda x: np.where(x > 0, x, 0.1 * x),
    "masked": lambda x: x * (x > 0),
    "norms": lambda x: np.hypot(x[:, 0], x[:, 1])[:, None] + np.linalg.norm(x, axis=1, keepdims=True),
    "largest": lambda x: np.stack([x.max(axis=1), np.min(x, axis=1)], 1),
    "both": lambda x: np.where(np.logical_and(x > 0, x < 1), x, np.clip(x, 0, 1)),
}


@pytest.mark.parametrize("name", KINKED)
def test_slopes_between_all_pairs_of_points_are_enclosed_at_kinks(name):
    f = KINKED[name]
    boxes = around(RNG.normal(size=(40, 2)) * 0.5, 0.4)
    low, high = jacobian_of(f, continuous=True)(boxes)
    for x, y in zip(inside(boxes, 40), inside(boxes, 40)):
        # f(x) − f(y) = J (x − y) for a J within the bounds.
        steps = (x - y)[:, None, :]
        ends = np.sort([low * steps, high * steps], axis=0).sum(axis=-1)
        assert (ends[0] <= f(x) - f(y) + 1e-12).all() and (f(x) - f(y) <= ends[1] + 1e-12).all()
    assert np.abs([low, high]).max() <= 3.0


@pytest.mark.parametrize(
    "f",
    [np.sign, np.floor, np.sqrt, lambda x: np.where(x > 0, x + 1.0, -1.0), lambda x: (x + 0.5) % 0.5, lambda x: 1 / x],
)
def test_jumps_and_poles_have_no_bound(f):
    for continuous in (False, True):
        low, high = jacobian_of(f, continuous=continuous)([[[-0.25], [0.25]]])
        assert low[0, 0, 0] == -np.inf and high[0, 0, 0] == np.inf
    low, high = jacobian_of(f)([[[0.1], [0.2]]])
    assert np.isfinite([low, high]).all()


def test_angles():
    def f(x):
        return np.arctan2(x[:, 1], x[:, 0])[:, None]

    boxes = around([[2, 1], [-2, 1.5], [0.1, -2], [1, 0.2]], 0.9)
    for x in inside(boxes, 50):
        found = np.stack([-x[:, 1], x[:, 0]], 1) / (x**2).sum(1, keepdims=True)
        for got, want in ((jacobian_of(f)(boxes), found[:, None]), (value_of(f)(boxes), f(x))):
            assert (got[0] <= want + 1e-14).all() and (want - 1e-14 <= got[1]).all()
    low, high = jacobian_of(f)([[[-1, -1], [1, 1]]])
    assert np.isinf([low, high]).all()


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scales(scale):
    def f(x):
        return scale * np.tanh(x / scale)

    low, high = jacobian_of(f)(np.array([[[-scale], [scale]], [[scale], [2 * scale]]]))
    np.testing.assert_allclose(low.ravel(), 1 / np.cosh([1.0, 2.0]) ** 2, rtol=1e-13)
    np.testing.assert_allclose(high.ravel(), [1.0, 1 / np.cosh(1.0) ** 2], rtol=1e-13)


def test_boxes_stay_as_they_are_and_many_agree_with_each():
    def f(x):
        x[:, 0] += 1.0
        return x * x

    boxes = around(RNG.normal(size=(1300, 1)), 0.1)
    kept = boxes.copy()
    low, high = jacobian_of(f, 1)(boxes)
    np.testing.assert_array_equal(boxes, kept)
    for n in (0, 511, 512, 1299):
        one = jacobian_of(f)(boxes[n : n + 1])
        np.testing.assert_array_equal([one[0][0], one[1][0]], [low[n], high[n]])


def test_constants_have_no_slope():
    low, high = jacobian_of(lambda x: np.ones((len(x), 3)))(whole(2))
    assert low.shape == (1, 3, 2) and not low.any() and not high.any()


@pytest.mark.parametrize("f", [lambda x: np.where(x > 0.5, x, 0.0), lambda x: x * (x > 0.5), lambda x: masked(x)])
def test_choices_between_values_that_meet_elsewhere_take_a_promise(f):
    # x in (0.5, 1), else 0: a jump that ranges over [−1, 1] do not show.
    box = [[[-1.0], [1.0]]]
    assert np.isinf(jacobian_of(f)(box)).all()
    np.testing.assert_array_equal(np.ravel(jacobian_of(f, continuous=True)(box)), [0.0, 1.0])
    # Where the choice is the same everywhere, none.
    np.testing.assert_array_equal(np.ravel(jacobian_of(f)([[[0.6], [1.0]]])), 1.0)


def masked(x):
    y = x.copy()
    y[x <= 0.5] = 0.0
    return y
