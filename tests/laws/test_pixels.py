"""Densities constant on pixels."""

import numpy as np
import pytest
from optional import optional

from diracs import PolynomialGrid

torch = optional("torch")


def test_mass_is_one_on_any_box():
    for values, domain in ((np.ones(5), None), (np.random.default_rng(0).random((3, 4)), [[-1, 2], [4, 2.5]])):
        grid = PolynomialGrid(values, domain)
        assert grid.values.sum() * grid.pixel_volume == pytest.approx(1.0)
    assert PolynomialGrid(np.full((2, 2), 1e308)).values == pytest.approx(np.ones((2, 2)))


def test_framework_and_gradients_are_kept():
    values = torch.rand(3, 3, dtype=torch.float64, requires_grad=True)
    grid = PolynomialGrid(values)
    assert isinstance(grid.values, torch.Tensor) and grid.values.requires_grad
    assert grid.ndim == 2 and "3 × 3" in repr(grid)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([[-1.0, 2.0]],), "values"),
        ((np.zeros((2, 2)),), "values"),
        (([[np.nan, 1.0]],), "values"),
        ((np.ones((0, 2)),), "values"),
        ((1.0,), "values"),
        ((np.ones((2, 2)), [[0, 0], [1, 0]]), "domain"),
        ((np.ones((2, 2)), [[0, 0, 0], [1, 1, 1]]), "domain"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, name):
    with pytest.raises((TypeError, ValueError), match=name):
        PolynomialGrid(*arguments)


@pytest.mark.parametrize("make", [np.ones, torch.ones], ids=["numpy", "torch"])
def test_colour_pictures_are_no_volumes_unless_a_domain_says_so(make):
    box = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    for shape in ((5, 6, 3), (5, 6, 4), (427, 64, 3), (3, 64, 48), (4, 64, 48)):
        with pytest.raises(ValueError, match=r"colour picture: make it grey.*domain="):
            PolynomialGrid(make(shape))
        assert PolynomialGrid(make(shape), box).ndim == 3
    for shape in ((2, 3, 4), (4, 4, 4), (3, 5, 7), (5, 6, 2), (5, 6, 7), (5, 3)):
        assert PolynomialGrid(make(shape)).ndim == len(shape)


def test_the_cure_for_a_colour_picture_works():
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
    assert PolynomialGrid(picture[..., :3] @ [0.2126, 0.7152, 0.0722]).values.shape == (5, 6)
