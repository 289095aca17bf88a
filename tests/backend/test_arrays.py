"""Frameworks are told apart, values stay where they are, and sums go to the right rows."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from optional import optional

from diracs import GaussianMixture, LayeredScheme, ProductScheme, ScalarCodebook
from diracs.backend.arrays import (
    add_rows,
    common_framework,
    concrete,
    erfc,
    framework,
    is_lazy,
    is_traced,
    map_arrays,
    take,
    to_framework,
    working,
)

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

ARRAYS = {"numpy": np.arange(3.0), "torch": torch.arange(3.0), "jax": jnp.arange(3.0)}


def test_frameworks_are_told_apart():
    for name, x in ARRAYS.items():
        assert framework(x) == name
        assert common_framework(a=x, b=[1.0], c=None, d=2.0) == name
    assert framework([1.0]) == framework(1.0) == "numpy"
    assert common_framework() == "numpy"


def test_numpy_stands_beside_every_framework_but_torch_not_beside_jax():
    for other in ("torch", "jax"):
        assert common_framework(a=ARRAYS["numpy"], b=ARRAYS[other]) == other
    with pytest.raises(TypeError, match="first is a torch array, second is a jax array"):
        common_framework(first=ARRAYS["torch"], between=ARRAYS["numpy"], second=ARRAYS["jax"])


@pytest.mark.parametrize("kind", ARRAYS)
def test_lists_and_integers_become_floating_point_arrays(kind):
    for x in ([1, 2], np.array([1, 2]), 3):
        found = to_framework(x, kind)
        assert framework(found) == kind
        assert "float" in str(found.dtype)
    like = to_framework(np.zeros(1, np.float32), kind)
    assert "float32" in str(to_framework([1.0], kind, like).dtype)


@pytest.mark.parametrize("kind", ARRAYS)
def test_values_at_hand_are_worked_on_in_double_precision_numpy(kind):
    x = ARRAYS[kind]
    assert not is_lazy(x)
    (wide,) = working(x)
    assert isinstance(wide, np.ndarray)
    assert wide.dtype == np.float64
    np.testing.assert_array_equal(concrete(x), [0.0, 1.0, 2.0])


def test_differentiated_tensors_are_lazy_but_can_be_looked_at():
    x = torch.arange(3.0, requires_grad=True)
    assert is_lazy(x)
    assert not is_traced(x)
    np.testing.assert_array_equal(concrete(x), [0.0, 1.0, 2.0])
    (wide, other) = working(x, torch.zeros(1))
    assert wide.dtype == other.dtype == torch.float64
    assert wide.requires_grad
    with torch.no_grad():
        assert not is_lazy(x)


def test_tracers_are_lazy_and_cannot_be_looked_at():
    seen = []

    def function(x):
        seen.append((is_lazy(x), is_traced(x), isinstance(working(x)[0], jax.Array)))
        return x

    # Traced only: nothing is compiled.
    jax.jit(function).lower(ARRAYS["jax"])
    jax.vjp(function, ARRAYS["jax"])
    jax.vmap(function)(jnp.asarray(np.arange(3.0)[None]))
    assert seen == [(True, True, True)] * 3


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("index", [[0, 1, 2], [2, 0, 1], [1, 1, 1], [3, 0, 3]])
def test_rows_are_added_where_the_index_says(kind, index):
    values = to_framework(np.arange(12.0).reshape(3, 4), kind)
    expected = np.zeros((5, 4))
    for i, row in zip(index, np.arange(12.0).reshape(3, 4)):
        expected[i] += row
    np.testing.assert_allclose(concrete(add_rows(values, to_framework(np.ones(3), kind), np.array(index), 5)), expected)


def test_rows_of_as_many_groups_as_rows_are_added_too():
    values, twos = np.arange(6.0).reshape(3, 2), np.full(3, 2.0)
    np.testing.assert_array_equal(add_rows(values, twos, np.array([0, 1, 2]), 3), 2 * values)
    np.testing.assert_array_equal(add_rows(values, twos, np.array([2, 1, 0]), 3), 2 * values[::-1])
    np.testing.assert_array_equal(add_rows(values, twos, np.zeros(3, int), 1), [[12.0, 18.0]])


@pytest.mark.parametrize("kind", ARRAYS)
def test_take_and_erfc_are_those_of_numpy_and_scipy(kind):
    x = np.array([[-3.0, 0.0, 1.0], [2.0, 5.0, 8.0]])
    given = to_framework(x, kind)
    for axis, index in ((0, [1, 1, 0]), (1, [2, 0])):
        np.testing.assert_array_equal(concrete(take(given, np.array(index), axis)), np.take(x, index, axis=axis))
    np.testing.assert_allclose(concrete(erfc(given)), scipy.special.erfc(x), rtol=1e-14 if kind != "jax" else 1e-5)


def test_map_arrays_reaches_every_array_and_keeps_the_rest():
    part = ProductScheme([ScalarCodebook([0.0, 1.0])], offset=[1.0, 2.0])
    doubled = map_arrays(LayeredScheme([part, part], [1, 0]), lambda a: 2 * a)
    assert doubled.groups == (1, 0)
    assert doubled.schemes[1].offset.tolist() == [2.0, 4.0]
    assert doubled.schemes[0].codebooks[0].levels.tolist() == [0.0, 2.0]
    assert doubled.schemes[0].frame is None
    assert part.offset.tolist() == [1.0, 2.0]


def test_torch_dtype_and_requires_grad_survive_construction():
    means = torch.zeros(2, 2, requires_grad=True)
    mixture = GaussianMixture(means, torch.ones(2), torch.ones(2))
    assert mixture.means.requires_grad
    assert mixture.means.dtype == torch.float32
    assert mixture.weights.dtype == torch.float32
