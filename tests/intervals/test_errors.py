"""What cannot be enclosed is refused by name, with what to do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diracs.intervals import jacobian_of, value_of


@pytest.mark.parametrize(
    ("f", "named"),
    [
        (lambda x: np.fft.fft(x).real, "fft"),
        (np.sinc, "sinc"),
        (np.sort, "sort"),
        (lambda x: np.spacing(x), "spacing"),
        (lambda x: x.foo(), "foo"),
        (lambda x: np.asarray(x) + 1, "zeros_like"),
        (lambda x: np.array([x[:, 0], x[:, 1]]).T, "np.stack"),
        (lambda x: np.full((len(x), 1), math.sin(x[0, 0])), "math.sin"),
        (lambda x: x if x[0, 0] > 0 else -x, "np.where"),
        (lambda x: (x > 0) + x, "comparison"),
        (lambda x: np.where(x > 0, 1.0, 0.0), "jumps"),
        (lambda x: x[:, np.argmax(x[0])][:, None], "argmax"),
        (lambda x: np.linalg.norm(x, ord=3, axis=1)[:, None], "ord=3"),
        (lambda x: np.add(x, x, out=np.empty((1, 2))), "out="),
        (lambda x: np.multiply.outer(x, x)[0, :, 0], "outer"),
    ],
)
def test_operations_that_are_not_understood_are_named(f, named):
    with pytest.raises(TypeError, match=r"Smooth\(f, jacobian=") as caught:
        jacobian_of(f, 2)([[[-1.0, -1.0], [1.0, 1.0]]])
    assert named in str(caught.value)


def test_writing_after_a_view_was_taken_is_refused():
    def f(x):
        y = np.flip(x, 1)
        x[:, 0] = 0.0
        return y

    with pytest.raises(TypeError, match="write into a copy"):
        jacobian_of(f, 2)


def test_rows_that_depend_on_each_other_are_refused():
    with pytest.raises(TypeError, match="rows depend on each other"):
        jacobian_of(lambda x: x - x.mean(axis=0), 2)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0.0, 1.0]], "boxes must have shape"),
        (np.zeros((3, 3, 2)), "boxes must have shape"),
        (np.zeros((0, 2, 2)), "boxes must have shape"),
        (np.zeros((1, 2, 3)), "boxes must have shape"),
        ([[[1.0, 0.0], [0.0, 1.0]]], "low <= high"),
        ([[[np.nan, 0.0], [1.0, 1.0]]], "NaN"),
        ([[[np.inf, 0.0], [np.inf, 1.0]]], "must hold points"),
    ],
)
def test_bad_boxes(boxes, message):
    for enclosure in (jacobian_of(np.sin, 2), value_of(np.sin, 2)):
        with pytest.raises(ValueError, match=message):
            enclosure(boxes)


def test_bad_functions():
    with pytest.raises(TypeError, match="f must be a function"):
        jacobian_of(3.0)
    with pytest.raises(TypeError, match="ndim must be a whole number"):
        jacobian_of(np.sin, 1.5)
    with pytest.raises(ValueError, match="vectorize it over the first axis"):
        jacobian_of(lambda x: x[:, 0], 2)
    with pytest.raises(TypeError, match="f must return an array"):
        jacobian_of(lambda x: None, 2)
    with pytest.raises(ZeroDivisionError):
        jacobian_of(lambda x: 1 // 0, 2)
