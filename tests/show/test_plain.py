"""Pictures of laws alone, and of Diracs without a law."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from optional import optional

from diracs import Elliptical, Gaussian, GaussianMixture, Independent, Mesh, Mixture, PolynomialGrid, SumOfDiracs
from diracs.laws.convert import as_law

matplotlib = optional("matplotlib")
plt = optional("matplotlib.pyplot")

matplotlib.use("agg")
RNG = np.random.default_rng(0)
LAWS = {
    "mixture 1": GaussianMixture([[0.0], [3.0]], [1.0, 0.2]),
    "mixture 2": GaussianMixture([[0.0, 0.0], [3.0, 1.0]], [1.0, 0.2]),
    "mixture 4": GaussianMixture(np.eye(4)[:2], [1.0, 0.2]),
    "Gaussian": Gaussian([0.0, 1.0], 2.0),
    "image 1": PolynomialGrid([1.0, 2.0]),
    "image 2": PolynomialGrid(RNG.random((4, 5))),
    "image 3": PolynomialGrid(RNG.random((4, 5, 6))),
    "mesh": Mesh([[0, 0], [1, 0], [1, 1], [0, 1]], [[0, 1, 2], [0, 2, 3]], [1.0, 3.0]),
    "independent": Independent([scipy.stats.gamma(2)] * 3),
    "elliptical": Elliptical(scipy.stats.uniform(0, 1), [0.0, 0.0], 1.0),
    "gamma": as_law(scipy.stats.gamma(2.0)),
    "histogram": PolynomialGrid.from_histogram([1, 3], [0.0, 1.0, 10.0]),
    "mixed": Mixture([SumOfDiracs([[3.0, 3.0]]), PolynomialGrid([[1.0]])]),
    "diracs 1": SumOfDiracs(RNG.normal(size=(5, 1))),
    "diracs 2": SumOfDiracs(RNG.normal(size=(300, 2)), [0, *[1, 2] * 149, 1]),
    "diracs 5": SumOfDiracs(RNG.normal(size=(5, 5))),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", LAWS)
def test_laws_of_all_dimensions_are_drawn(name):
    law = LAWS[name]
    ax = law.plot()
    ax.figure.canvas.draw()
    assert ax.has_data()
    if not isinstance(law, Gaussian):
        assert ax.get_title(loc="left") == repr(law)
    if law.ndim > 2:
        assert "principal axis" in ax.get_xlabel()
    other = plt.figure().add_axes((0, 0, 1, 1))
    assert law.plot(other, title=False, legend=False) is other
    assert other.get_title(loc="left") == "" and other.get_legend() is None


def test_the_curve_is_the_density():
    law = LAWS["mixture 1"]
    x, y = law.plot().lines[0].get_data()
    np.testing.assert_allclose(y, law.pdf(x[:, None]), rtol=1e-12)


def test_points_without_mass_are_left_out_and_areas_are_like_masses():
    (dots,) = LAWS["diracs 2"].plot().collections
    np.testing.assert_allclose(dots.get_offsets(), LAWS["diracs 2"].positions[1:])
    assert dots.get_sizes()[1::2] == pytest.approx(2.0 * dots.get_sizes()[0], rel=1e-6)


def test_one_law_at_a_time():
    with pytest.raises(ValueError, match=r"batch of shape \(2,\)"):
        GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1))).plot()
    with pytest.raises(ValueError, match=r"batch of shape \(2,\)"):
        SumOfDiracs(np.zeros((2, 3, 2))).plot()
    with pytest.raises(ValueError, match="nothing to plot"):
        SumOfDiracs([[0.0]])[:0].plot()
