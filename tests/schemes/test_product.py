"""Product schemes: where the points are, and what a scheme must be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs import CrossCodebook, Gaussian, ProductScheme, ScalarCodebook, discretize
from diracs.schemes.product import orthonormal


def rotation(seed: int, d: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


@settings(deadline=None, max_examples=15, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 2))
def test_points_are_offset_plus_frame_times_scaled_combinations(seed, sizes, spare):
    rng = np.random.default_rng(seed)
    levels = [np.sort(rng.normal(size=n)) for n in sizes]
    r, d = len(sizes), len(sizes) + spare
    frame, offset, scales = rotation(seed, d)[:, : r + spare], rng.normal(size=d), rng.uniform(size=r)
    scheme = ProductScheme([ScalarCodebook(y) for y in levels], frame, offset, scales)
    expected = [offset + frame[:, :r] @ (scales * np.array(p)) for p in itertools.product(*levels)]
    np.testing.assert_allclose(scheme.positions(), expected, atol=1e-12)
    assert scheme.size == len(expected)
    assert (scheme.ndim, scheme.ndim_support, scheme.stack) == (d, r, 1)


def test_cross_points_are_plus_and_minus_the_radii_on_each_axis():
    scheme = ProductScheme([CrossCodebook([2.0, 1.0], 2)], offset=[10.0, 0.0], scales=[1.0, 3.0])
    expected = {(10 + s * p, 0.0) for s in (1, -1) for p in (1.0, 2.0)} | {
        (10.0, 3 * s * p) for s in (1, -1) for p in (1.0, 2.0)
    }
    assert {tuple(x) for x in scheme.positions()} == expected
    assert scheme.size == len(expected) == 8


def test_blocks_of_cross_and_scalar_multiply():
    scheme = ProductScheme([CrossCodebook([1.0], 2), ScalarCodebook([-1.0, 0.0, 1.0])], offset=np.zeros(4))
    assert scheme.size == 12
    points = scheme.positions()
    assert points.shape == (12, 4)
    assert len(np.unique(points, axis=0)) == 12
    assert (points[:, 3] == 0).all()


def test_levels_and_radii_may_come_in_any_order():
    law = Gaussian([0.2, 0.1, 0.0], [1.0, 2.0, 2.0])
    a = ProductScheme([ScalarCodebook([1.0, -1.0, 0.0]), CrossCodebook([3.0, 1.0], 2)], offset=np.zeros(3))
    b = ProductScheme([ScalarCodebook([-1.0, 0.0, 1.0]), CrossCodebook([1.0, 3.0], 2)], offset=np.zeros(3))
    qa, qb = discretize(law, a), discretize(law, b)
    np.testing.assert_array_equal(qa.positions, qb.positions)
    np.testing.assert_array_equal(qa.weights, qb.weights)
    assert qa.w2 == qb.w2


def test_a_scheme_without_codebooks_is_its_offset():
    scheme = ProductScheme((), offset=[1.0, 2.0])
    assert scheme.size == 1
    assert scheme.positions().tolist() == [[1.0, 2.0]]
    q = discretize(Gaussian([1.0, 2.0], [4.0, 5.0]), scheme)
    assert q.w2 == pytest.approx(3.0)
    assert q.exact


def test_one_codebook_need_not_be_put_in_a_list():
    assert ProductScheme(ScalarCodebook([0.0, 1.0])).size == 2


def test_stacks_are_schemes_one_after_the_other():
    rng = np.random.default_rng(0)
    frames, offsets, scales = (
        np.stack([rotation(s, 3) for s in range(4)]),
        rng.normal(size=(4, 3)),
        rng.uniform(size=(4, 2)),
    )
    books = [ScalarCodebook([-1.0, 1.0]), ScalarCodebook([-1.0, 0.0, 2.0])]
    stack = ProductScheme(books, frames, offsets, scales)
    assert stack.stack == 4
    assert stack.size == 24
    singles = [ProductScheme(books, f, o, s).positions() for f, o, s in zip(frames, offsets, scales)]
    np.testing.assert_allclose(stack.positions(), np.concatenate(singles), atol=1e-13)
    # A stack of one part is enough: the others are shared.
    shared = ProductScheme(books, frames[0], offsets, scales[0])
    np.testing.assert_allclose(
        shared.positions()[6:12], ProductScheme(books, frames[0], offsets[1], scales[0]).positions()
    )


def test_dimension_comes_from_offset_or_frame_or_the_caller():
    books = [ScalarCodebook([0.0, 1.0])]
    assert ProductScheme(books).ndim is None
    assert ProductScheme(books).positions(3).shape == (2, 3)
    assert ProductScheme(books, frame=np.eye(3)[:, :1]).ndim == 3
    with pytest.raises(ValueError, match="dimension"):
        ProductScheme(books).positions()
    with pytest.raises(ValueError, match="dimension"):
        ProductScheme(books, offset=[0.0, 1.0]).positions(3)
    with pytest.raises(ValueError, match="axes"):
        ProductScheme([*books, *books]).positions(1)


def test_a_rounded_frame_is_made_orthonormal():
    frame = rotation(0, 5).astype(np.float32).astype(np.float64)
    fixed = orthonormal(frame)
    np.testing.assert_allclose(fixed.T @ fixed, np.eye(5), atol=1e-14)
    np.testing.assert_allclose(fixed, frame, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"scales": [1.0]}, "scales"),
        ({"scales": [1.0, -1.0]}, "scales"),
        ({"scales": [1.0, np.nan]}, "scales"),
        ({"offset": [1.0]}, "offset"),
        ({"offset": [1.0, np.inf]}, "offset"),
        ({"offset": 1.0}, "offset"),
        ({"frame": [[1.0, 1.0], [0.0, 1.0]]}, "frame"),
        ({"frame": [[2.0, 0.0], [0.0, 2.0]]}, "frame"),
        ({"frame": [[1.0, 0.0], [0.0, np.nan]]}, "frame"),
        ({"frame": [[1.0], [0.0]]}, "frame"),
        ({"frame": [1.0, 0.0]}, "frame"),
        ({"frame": np.eye(2), "offset": [0.0, 0.0, 0.0]}, "offset"),
        ({"frame": np.stack([np.eye(2)] * 2), "offset": np.zeros((3, 2))}, "stack"),
        ({"frame": "eye"}, "frame"),
        ({"offset": np.array([1j, 0])}, "offset"),
    ],
)
def test_impossible_schemes_are_refused_by_the_name_of_the_argument(arguments, named):
    books = [ScalarCodebook([-1.0, 1.0]), ScalarCodebook([0.0])]
    with pytest.raises((ValueError, TypeError), match=named):
        ProductScheme(books, **arguments)


@pytest.mark.parametrize("books", [[[-1.0, 1.0]], [np.array([-1.0, 1.0])], [None], [ProductScheme(())]])
def test_only_codebooks_make_a_scheme(books):
    with pytest.raises(TypeError, match="codebooks must be"):
        ProductScheme(books)
