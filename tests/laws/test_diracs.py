"""Sums of Diracs hold positions and normalized masses."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs import SumOfDiracs
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
