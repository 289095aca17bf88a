"""Independent, Elliptical, Mixture, histograms, laws of one's own, and those of other libraries: what they take."""

import numpy as np
import pytest
import scipy.stats as st

from diracs import (
    Elliptical,
    Gaussian,
    GaussianMixture,
    Independent,
    Mixture,
    PolynomialGrid,
    SumOfDiracs,
    discretize,
    quantize,
)
from diracs.laws.balls import Balls
from diracs.laws.convert import as_law, as_part
from diracs.laws.histogram import Histogram
from diracs.laws.own import cells_of


def test_independent_holds_what_it_was_given():
    law = Independent([st.gamma(2, scale=3), st.uniform(1, 2), Gaussian(1.0, 4.0)], [[1, 0, 2], [0, 1, 1]], [5, 6])
    assert law.ndim == 2 and len(law.laws) == 3
    np.testing.assert_allclose(law.mean, [6 + 2 + 5, 2 + 1 + 6])
    np.testing.assert_allclose(law.covariance, [[18 + 16, 8], [8, 1 / 3 + 4]])
    assert repr(law) == "Independent(3 laws in dimension 2)"
    assert repr(Elliptical(st.gamma(2), [0.0, 0.0], 1.0)) == "Elliptical(dimension 2)"
    assert repr(Mixture([law, law])) == "Mixture(2 laws in dimension 2)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Independent([]), TypeError, "laws must be a list"),
        (lambda: Independent(st.gamma(2)), TypeError, "laws must be a list"),
        (lambda: Independent([st.gamma(2), "x"]), TypeError, "cannot take str"),
        (lambda: Independent([Gaussian([0.0, 0.0], 1.0)]), TypeError, r"laws\[0\] must be a univariate law"),
        (lambda: Independent([Gaussian(0.0, 0.0)]), ValueError, r"laws\[0\] must have a variance above zero"),
        (lambda: Independent([st.t(1.5)]), ValueError, "variance"),
        (lambda: Independent([st.gamma(2)], [[1.0, 2.0]]), ValueError, r"matrix must have shape \(d, 1\)"),
        (lambda: Independent([st.gamma(2)], [[np.nan]]), ValueError, "matrix must be finite"),
        (lambda: Independent([st.gamma(2)], None, [1.0, 2.0]), ValueError, r"offset must have shape \(1,\)"),
        (lambda: Elliptical(st.norm(), [0.0], 1.0), ValueError, r"scale must be a law on \[0, ∞\)"),
        (lambda: Elliptical(2.0, [0.0], 1.0), TypeError, "cannot take"),
        (lambda: Elliptical(st.gamma(2), [[0.0]], [1.0]), ValueError, r"mean must have shape \(d,\)"),
        (lambda: Elliptical(st.gamma(2), [0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), ValueError, "cov"),
        (lambda: Mixture([]), TypeError, "laws must be a list"),
        (lambda: Mixture([st.gamma(2), Gaussian([0.0, 0.0], 1.0)]), ValueError, "of one dimension"),
        (lambda: Mixture([st.gamma(2), st.norm()], [1, -1]), ValueError, "weights must not be negative"),
        (lambda: Mixture([st.gamma(2)], [1, 1]), ValueError, "weights must have shape"),
        (lambda: Mixture([Gaussian([[0.0], [1.0]], [1.0, 1.0])]), ValueError, "batch of shape"),
        (lambda: Mixture([PolynomialGrid([1.0], periodic=True)]), ValueError, "periodic"),
        (lambda: PolynomialGrid.from_histogram([1, -1], [0, 1, 2]), ValueError, "counts must not be negative"),
        (lambda: PolynomialGrid.from_histogram([0, 0], [0, 1, 2]), ValueError, "counts must not all be zero"),
        (lambda: PolynomialGrid.from_histogram([1, 1], [0, 1]), ValueError, r"edges\[0\] must have shape \(3,\)"),
        (lambda: PolynomialGrid.from_histogram([1, 1], [0, 2, 1]), ValueError, r"edges\[0\] must increase"),
        (lambda: PolynomialGrid.from_histogram([[1, 1]], [[0, 1]]), ValueError, "edges must be 2 arrays"),
        (lambda: Balls([[0.0, 0.0]], 0.0), ValueError, "radius"),
        (lambda: Balls([0.0, 0.0], 1.0), ValueError, "centres must have shape"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()


class Uniform:
    """On the unit square."""

    ndim = 2

    def cells(self, count):
        k = int(np.ceil(count**0.5))
        middle = (np.arange(k) + 0.5) / k
        at = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
        return np.full(k * k, k**-2.0), at, np.full(k * k, k**-4.0 / 6)


def test_a_law_of_ones_own():
    q = quantize(Uniform(), 20)
    image = PolynomialGrid([[1.0]])
    exact = float(discretize(image, q.scheme).w2)
    assert exact <= q.w2 <= exact * 1.006
    assert q.w2 <= quantize(image, 20).w2 * 1.02 and q.w2_lower == 0.0
    assert quantize(Uniform(), w2=0.1).w2 <= 0.1
    mixed = quantize(Mixture([Uniform(), Gaussian([0.5, 0.5], 1e-4)], [3, 1]), 10)
    assert 0 < mixed.w2 < 0.2


def test_as_few_cells_as_it_has():
    """A law that has no more cells is certified with those."""

    class Coarse(Uniform):
        def cells(self, count):
            return super().cells(min(count, 400))

    q = quantize(Coarse(), 10)
    fine = quantize(Uniform(), 10)
    assert fine.w2 < q.w2 < fine.w2 * 1.1


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (lambda n: (np.ones(2) / 2, np.zeros((2, 3)), np.zeros(2)), r"barycenter \(m, 2\)"),
        (lambda n: (np.ones(2), np.zeros((2, 2)), np.zeros(2)), "sum to 1"),
        (lambda n: (np.ones(2) / 2, np.full((2, 2), np.inf), np.zeros(2)), "finite"),
        (lambda n: (np.array([1.5, -0.5]), np.zeros((2, 2)), np.zeros(2)), "negative"),
        (lambda n: (np.ones(2) / 2, np.zeros((2, 2)), -np.ones(2)), "negative"),
        (lambda n: (np.array([1.0, 0.0]), np.zeros((2, 2)), np.ones(2)), "without mass"),
        (lambda n: 5, "must return mass"),
        (lambda n: (np.zeros(0), np.zeros((0, 2)), np.zeros(0)), "got shapes"),
    ],
)
def test_cells_that_are_none(cells, message):
    law = Uniform()
    law.cells = cells
    with pytest.raises(ValueError, match=message):
        quantize(law, 3)
    with pytest.raises(ValueError, match=message):
        cells_of(law, 3)


def test_histograms_of_numpy():
    counts, edges = np.histogram([0.0, 0.1, 0.9, 1.0], bins=3)
    law = PolynomialGrid.from_histogram(counts, edges)
    assert isinstance(law, PolynomialGrid) and law.domain.tolist() == [[0.0], [1.0]]
    np.testing.assert_allclose(law.values, [1.5, 0, 1.5])
    far = PolynomialGrid.from_histogram(*np.histogram(1e6 + np.random.default_rng(0).random(100), bins=7))
    assert isinstance(far, PolynomialGrid)
    uneven = PolynomialGrid.from_histogram([1, 3], [[0.0, 1.0, 1.0 + 2.0**-20 + 1]])
    assert isinstance(uneven, Histogram)
    np.testing.assert_allclose(uneven.volumes, [1, 1 + 2.0**-20])


def test_student_of_scipy():
    law = as_law(st.multivariate_t([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]], df=5))
    assert isinstance(law, Elliptical)
    assert law.second == pytest.approx(5 / 3, rel=1e-12)
    assert law.scale.mean == pytest.approx(st.invgamma(2.5, scale=2.5).expect(np.sqrt), rel=1e-8)
    with pytest.raises(ValueError, match="variance"):
        as_law(st.multivariate_t([0.0, 0.0], np.eye(2), df=2))


def test_kernel_density_estimates():
    points = np.random.default_rng(0).normal(size=(2, 50))
    kde = st.gaussian_kde(points, weights=np.arange(1.0, 51.0))
    law = as_law(kde)
    assert isinstance(law, GaussianMixture) and law.n_components == 50
    np.testing.assert_allclose(law.covs[7], kde.covariance)
    np.testing.assert_allclose(law.weights, kde.weights)
    assert quantize(kde, 10).w2 > 0
    neighbors = pytest.importorskip("sklearn.neighbors")
    fitted = neighbors.KernelDensity(bandwidth=0.3).fit(points.T)
    np.testing.assert_allclose(as_law(fitted).covs, 0.09)
    hats = as_law(neighbors.KernelDensity(kernel="tophat", bandwidth=0.4).fit(points.T, sample_weight=kde.weights))
    assert isinstance(hats, Balls) and hats.radius == 0.4
    np.testing.assert_allclose(np.sort(hats.weights), np.sort(kde.weights))
    with pytest.raises(TypeError, match="'linear'"):
        as_law(neighbors.KernelDensity(kernel="linear").fit(points.T))
    with pytest.raises(ValueError, match="not been fitted"):
        as_law(neighbors.KernelDensity())


def test_independent_of_torch():
    torch = pytest.importorskip("torch")
    d = torch.distributions
    law = d.Independent(d.Gamma(torch.tensor([2.0, 3.0]), torch.tensor(2.0)), 1)
    found = as_law(law)
    assert isinstance(found, Independent)
    np.testing.assert_allclose(found.mean, [1.0, 1.5])
    np.testing.assert_allclose(np.diag(found.covariance), [0.5, 0.75])
    q = quantize(law, 9)
    assert q.positions.dtype == torch.float32 and isinstance(q.w2, torch.Tensor)
    assert np.isclose(float(q.weights.sum()), 1.0, atol=1e-6)
    box = d.Independent(d.Uniform(torch.tensor([0.0, 1.0]).double(), torch.tensor([1.0, 5.0]).double()), 1)
    assert quantize(box, 1).w2 == pytest.approx((1 / 12 + 16 / 12) ** 0.5)
    assert isinstance(as_part(d.Independent(d.Normal(torch.zeros(2), 1.0), 1)), Gaussian)


def test_flattened():
    inner = Mixture([st.gamma(2), st.expon()], [1, 3])
    law = Mixture([inner, Mixture([inner, st.norm()], [1, 1])], [1, 1])
    assert len(law.laws) == 5
    np.testing.assert_allclose(law.weights, [0.125, 0.375, 0.0625, 0.1875, 0.25])
    cloud = as_law(Mixture([SumOfDiracs([[0.0]]), SumOfDiracs([[1.0], [2.0]])]))
    assert isinstance(cloud, SumOfDiracs)
    np.testing.assert_allclose(cloud.weights, [0.5, 0.25, 0.25])


def test_a_gaussian_of_several_axes_is_told_how_to_be_given():
    cov = np.array([[1.0, 0.5], [0.5, 1.0]])
    with pytest.raises(TypeError, match="factor of the covariance in the matrix"):
        Independent([st.gamma(2.0), st.multivariate_normal([1.0, 2.0], cov)])
    matrix = np.eye(3)
    matrix[1:, 1:] = np.linalg.cholesky(cov)
    law = Independent([st.gamma(2.0), st.norm(), st.norm()], matrix, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(law.covariance[1:, 1:], cov, rtol=1e-12)
    np.testing.assert_allclose(law.mean, [2.0, 1.0, 2.0], rtol=1e-12)
