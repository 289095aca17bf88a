"""Sums of Diracs hold positions and normalized masses."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs import Mixture, PolynomialGrid, SumOfDiracs, distance, quantize, recertify
from diracs.backend.arrays import map_arrays
from diracs.laws.convert import as_mixture

torch = optional("torch")


def test_masses_are_equal_by_default_and_normalized():
    assert SumOfDiracs([[0.0], [1.0]]).weights.tolist() == [0.5, 0.5]
    assert SumOfDiracs([[0.0], [1.0], [2.0]], [1, 0, 3]).weights.tolist() == [0.25, 0.0, 0.75]


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_shapes(batch):
    diracs = SumOfDiracs(np.zeros((*batch, 7, 2)))
    assert len(diracs) == 7
    assert diracs.ndim == 2
    assert diracs.weights.shape == (*batch, 7)
    np.testing.assert_allclose(diracs.weights.sum(axis=-1), 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_masses_keep_dtype_and_derivatives(dtype):
    masses = torch.tensor([1.0, 3.0], dtype=dtype, requires_grad=True)
    diracs = SumOfDiracs(torch.zeros(2, 2, dtype=dtype), masses)
    assert diracs.weights.dtype == dtype
    (gradient,) = torch.autograd.grad(diracs.weights[0], masses)
    np.testing.assert_allclose(gradient, [3 / 16, -1 / 16], rtol=1e-6)


def test_diracs_are_components_of_zero_variance():
    mixture = as_mixture(SumOfDiracs([[0.0, 1.0], [2.0, 3.0]], [1.0, 3.0]))
    assert mixture.covariance_kind == "isotropic"
    assert mixture.covs.tolist() == [0.0, 0.0]
    assert mixture.means.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert mixture.weights.tolist() == [0.25, 0.75]


def test_diracs_cannot_be_changed_and_say_their_size():
    diracs = SumOfDiracs(np.zeros((3, 2)))
    with pytest.raises(AttributeError):
        diracs.positions = np.ones((3, 2))
    assert repr(diracs) == "SumOfDiracs(3 points in dimension 2)"


FIVE = SumOfDiracs(np.arange(10.0).reshape(5, 2), [1, 2, 3, 4, 10])


@pytest.mark.parametrize(
    "index",
    [
        slice(2),
        slice(None, None, -2),
        [0, 3],
        np.array([True, False, True, False, False]),
        np.array([4, 4]),
        torch.tensor([1, 2]),
        torch.tensor([True, False, False, False, True]),
        [],
    ],
)
def test_parts_are_those_of_numpy_with_their_own_masses(index):
    part, numpy = FIVE[index], index.numpy() if isinstance(index, torch.Tensor) else index
    numpy = np.asarray(numpy, dtype=int) if isinstance(numpy, list) else numpy
    np.testing.assert_array_equal(part.positions, FIVE.positions[numpy])
    np.testing.assert_array_equal(part.weights, FIVE.weights[numpy])
    assert len(part) == len(FIVE.weights[numpy])


def test_one_point_and_none_beyond_the_end():
    assert FIVE[-1].positions.tolist() == [[8.0, 9.0]] and FIVE[-1].weights.tolist() == [0.5]
    assert [float(part.weights[0]) for part in FIVE] == FIVE.weights.tolist()
    for index in (5, (0, 1), np.zeros((2, 2), dtype=int), 1.5):
        with pytest.raises(IndexError):
            FIVE[index]


def test_parts_are_taken_for_laws_by_shares_of_their_masses():
    part = FIVE[:3]
    again = SumOfDiracs(part.positions, part.weights)
    assert repr(part) == "SumOfDiracs(3 points in dimension 2, mass 0.3)"
    law = PolynomialGrid([[1.0]], [[0, 0], [9, 9]])
    assert quantize(part, 2).w2 == quantize(again, 2).w2
    assert distance(part, law) == distance(again, law)
    assert recertify(again, part).w2_given == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(as_mixture(part).weights, again.weights)
    np.testing.assert_array_equal(Mixture([part, law]).laws[0].weights, again.weights)
    np.testing.assert_array_equal(part.mean, again.mean)
    np.testing.assert_array_equal(part.cov, again.cov)
    np.testing.assert_array_equal(part.sample(5), again.sample(5))
    # A part of a part, and of a batch, and what transforms make of one, are parts.
    assert part[:1]._part and map_arrays(part, lambda a: a)._part
    batch = SumOfDiracs(np.zeros((2, 4, 1)))[1:]
    assert batch.weights.tolist() == [[0.25] * 3] * 2
    with pytest.raises(ValueError, match="weights"):
        quantize(SumOfDiracs([[0.0], [1.0]], [0, 1])[:1], 1)


def test_indices_of_a_batch_are_those_of_points():
    batch = SumOfDiracs(np.arange(12.0).reshape(2, 3, 2), [[1, 1, 2], [2, 1, 1]])
    assert len(batch) == 3 and batch[0].positions.tolist() == [[[0.0, 1.0]], [[6.0, 7.0]]]
    assert batch[0].weights.tolist() == [[0.25], [0.5]]
    assert [point.positions.shape for point in batch] == [(2, 1, 2)] * 3


def test_derivatives_flow_through_parts():
    positions = torch.zeros(3, 1, requires_grad=True)
    SumOfDiracs(positions, [1, 1, 2])[1:].mean.sum().backward()
    assert positions.grad.ravel().tolist() == pytest.approx([0.0, 1 / 3, 2 / 3])


def test_diracs_are_no_arrays():
    with pytest.raises(TypeError, match="got a SumOfDiracs: take its positions"):
        SumOfDiracs(FIVE)
