"""Pictures of laws that are cut into cells."""

import numpy as np
import pytest
import scipy.stats as st

from diracs import Gaussian, Independent, Mixture, PolynomialGrid, SumOfDiracs, quantize
from diracs.show.law import limits_of


@pytest.fixture(autouse=True)
def _closed():
    plt = pytest.importorskip("matplotlib.pyplot")
    yield

    plt.close("all")


def test_regions_of_highest_density_hold_what_they_say():
    """Of independent normal coordinates they are discs: 50 % lie within √(2 ln 2) deviations."""
    law = Independent([st.norm(), st.norm()], None, [3.0, 1.0])
    ax = quantize(law, 12).plot()
    from matplotlib.contour import QuadContourSet

    filled = next(c for c in ax.collections if isinstance(c, QuadContourSet))
    radii = [np.linalg.norm(path.vertices - [3.0, 1.0], axis=1) for path in filled.get_paths() if len(path.vertices)]
    # Bands from 99, 95, … 10 % inwards: the outer rim of each.
    half = max(radii[4])
    assert half == pytest.approx(np.sqrt(2 * np.log(2)), rel=0.05)


def test_points_are_left_to_the_diracs_and_bins_are_drawn():
    law = Mixture([Gaussian([0.0, 0.0], 1.0), SumOfDiracs([[9.0, 9.0]])])
    ax = quantize(law, 8).plot()
    assert ax.get_xlim()[1] > 9
    uneven = PolynomialGrid.from_histogram([[1, 2], [3, 0]], [[0, 1, 5], [0, 1, 2]])
    ax = quantize(uneven, 5).plot()
    from matplotlib.collections import QuadMesh

    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_allclose(np.ravel(mesh.get_array()), [1 / 6, 3 / 24, 2 / 6, 0])
    assert limits_of(uneven, np.array([[1.0, 1.0]])).tolist() == [[0, 0], [5, 2]]


@pytest.mark.parametrize(
    "law",
    [
        Independent([st.gamma(2), st.uniform(), st.expon()]),
        PolynomialGrid(np.ones((2, 2, 2, 2))),
        Mixture([st.gamma(2), st.norm()]),
    ],
)
def test_other_dimensions(law):
    ax = quantize(law, 6).plot()
    assert ax.get_title(loc="left").startswith("n = ") or ax.get_title()
