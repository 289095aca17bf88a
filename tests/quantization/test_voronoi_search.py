"""quantize in the plane: optimal points, chosen by auto, certified, in any unit, precision and framework; images."""

from functools import lru_cache

import numpy as np
import pytest
from independent import nearest_cost, random_mixture
from optional import optional

from diracs import (
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    PointScheme,
    PolynomialGrid,
    SumOfDiracs,
    discretize,
    quantize,
    recertify,
)
from diracs.quantization.search import best_scheme

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

THREE = GaussianMixture([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [1.0, 1.0, 1.0], [0.3, 0.4, 0.3])
BLOB = np.exp(-((np.indices((40, 30)) - 12.0) ** 2).sum(axis=0) / 150.0)


@lru_cache
def three(n, scheme="auto"):
    return quantize(THREE, n, scheme=scheme)


def test_the_readmes_mixture():
    q = three(100)
    assert isinstance(q.scheme, PointScheme)
    assert len(q) == 100
    assert q.exact
    assert q.w2 <= 0.2290
    assert 0.15 < q.w2_lower < q.w2
    # Neighbours along the curve are neighbours in the plane.
    assert np.median(np.linalg.norm(np.diff(q.positions, axis=0), axis=1)) < 0.8


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
def test_certificate_against_sampling(kind):
    means, covs, weights = random_mixture(2, 4, 2, kind)
    for n in (3, 16):
        q = quantize(GaussianMixture(means, covs, weights), n, scheme="optimal")
        cost, masses, errors = nearest_cost(means, covs, weights, q.positions, 25_000)
        assert abs(q.w2**2 - cost.value) < 5 * cost.error
        assert (np.abs(q.weights - masses) < 5 * errors).all()


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 1), (5, 0), (14, 1)])
def test_optimal_is_never_worse_than_products_and_auto_never_worse_than_either(n, seed):
    law = GaussianMixture(*random_mixture(seed, 3, 2))
    product, optimal, auto = (quantize(law, n, scheme=s).w2 for s in ("product", "optimal", "auto"))
    assert optimal <= product * (1 + 1e-8)
    assert auto <= min(product, optimal) * (1 + 1e-8)


def test_products_are_built_only_where_their_plans_come_near_points(monkeypatch):
    asked = []

    def counted(groupings, n):
        asked.append(n)
        return best_scheme(groupings, n)

    monkeypatch.setattr("diracs.quantization.by_voronoi.best_scheme", counted)
    points = quantize(THREE, 10)
    assert not asked
    assert points.w2 < 0.95 * quantize(THREE, 10, scheme="product").w2
    # Points of a thin law are all on a line, which products know to be optimal there.
    thin = Gaussian([0.0, 0.0], [1.0, 1e-8])
    assert quantize(thin, 40).w2 <= quantize(thin, 40, scheme="product").w2 * (1 + 1e-9)
    assert asked == [40]


def test_stationary_in_space():
    q = three(20)
    from diracs.certificates.upper.nearest import UnitMixture, nearest

    law = UnitMixture.of(THREE.means, THREE.covs[:, None, None] * np.eye(2), THREE.weights)
    found = nearest(law, q.positions)
    assert np.abs(found.first / found.masses[:, None]).max() * law.unit < 1e-8 * q.w2


@pytest.mark.slow
def test_a_thousand_points():
    assert quantize(THREE, 1000).w2 < 0.0738


@pytest.mark.parametrize(("w2", "expected"), [(2.0, 1), (0.5, 19), pytest.param(0.2283, 100, marks=pytest.mark.slow)])
def test_fewest_points_for_an_error(w2, expected):
    q = quantize(THREE, w2=w2)
    assert q.w2 <= w2
    assert abs(len(q) - expected) <= expected // 50


def test_w2_of_separate_clusters_and_of_images():
    far = GaussianMixture([[0.0, 0.0], [1e4, 0.0], [0.0, 1e4]], [1.0, 1.0, 1.0])
    q = quantize(far, w2=0.8)
    assert q.w2 <= 0.8
    assert quantize(far, len(q) - 3).w2 > 0.8
    image = quantize(PolynomialGrid(BLOB), w2=0.1)
    assert image.w2 <= 0.1
    assert quantize(PolynomialGrid(BLOB), len(image) - 2).w2 > 0.1


@pytest.mark.parametrize("power", [-500, 500])
def test_units(power):
    unit = 2.0**power
    one = three(10, "optimal")
    other = quantize(GaussianMixture(THREE.means * unit, THREE.covs * unit * unit, THREE.weights), 10, scheme="optimal")
    assert other.w2 == pytest.approx(one.w2 * unit, rel=1e-12)
    np.testing.assert_allclose(other.positions / unit, one.positions, atol=1e-9)


def test_singular_components_go_to_products_in_auto():
    law = GaussianMixture([[0.0, 0.0], [3.0, 0.0]], [[1.0, 0.0], [1.0, 1.0]])
    q = quantize(law, 10)
    assert isinstance(q.scheme, LayeredScheme)
    assert q.w2 == quantize(law, 10, scheme="product").w2
    assert quantize(law, w2=0.5).w2 <= 0.5
    weightless = GaussianMixture(law.means, law.covs, [0.0, 1.0])
    assert isinstance(quantize(weightless, 10).scheme, PointScheme)


def test_very_many_points_go_to_products_in_auto_and_many_components_are_merged():
    assert isinstance(quantize(Gaussian([0.0, 0.0], 1.0), 10_001).scheme, LayeredScheme)
    many = GaussianMixture(*random_mixture(0, 50, 2, "isotropic"))
    q = quantize(many, 2001)
    assert isinstance(q.scheme, PointScheme) and q.exact
    assert q.w2 < 0.95 * quantize(many, 2001, scheme="product").w2


def test_batches_mix_kinds_of_schemes():
    means, covs = np.zeros((2, 1, 2)), np.array([[[1.0, 1.0]], [[1.0, 0.0]]])
    both = quantize(GaussianMixture(means, covs), 6)
    assert [type(s) for s in both.scheme] == [PointScheme, LayeredScheme]
    for i in range(2):
        assert both.w2[i] == quantize(GaussianMixture(means[i], covs[i]), 6).w2
    assert both.w2_lower.shape == (2,)


def test_single_precision():
    narrow = GaussianMixture(*(x.astype(np.float32) for x in (THREE.means, THREE.covs, THREE.weights)))
    q = quantize(narrow, 20)
    assert q.positions.dtype == q.weights.dtype == q.w2.dtype == np.float32
    exact = recertify(
        GaussianMixture(*(x.astype(float) for x in (narrow.means, narrow.covs, narrow.weights))),
        SumOfDiracs(q.positions.astype(float), q.weights.astype(float)),
    )
    assert exact.w2_given * (1 - 1e-9) <= q.w2 <= exact.w2_given * (1 + 1e-4)


def test_w2_is_differentiable_in_the_law():
    means, covs, weights = random_mixture(1, 3, 2, "diagonal")
    arrays = [torch.tensor(x, requires_grad=True) for x in (means, covs, weights)]
    q = quantize(GaussianMixture(*arrays), 6)
    q.w2.backward()
    scheme = PointScheme(q.positions.detach().numpy())
    for k, tensor in enumerate(arrays):
        numbers = [means, covs, weights]
        for index in ((0, 1), (2, 0)) if k < 2 else ((0,), (2,)):
            values = []
            for step in (1e-5, -1e-5):
                moved = [x.copy() for x in numbers]
                moved[k][index] += step
                values.append(discretize(GaussianMixture(*moved), scheme).w2)
            assert float(tensor.grad[index]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-8)
    found = quantize(GaussianMixture(jnp.asarray(means), jnp.asarray(covs), jnp.asarray(weights)), 6)
    assert isinstance(found.scheme.points, jax.Array)
    loss = jax.jit(jax.grad(lambda m: discretize(GaussianMixture(m, covs, weights), found.scheme).w2))
    np.testing.assert_allclose(loss(jnp.asarray(means)), arrays[0].grad.numpy(), atol=1e-4)


def test_images_in_any_box_framework_and_precision():
    box = [[-1.0, 5.0], [3.0, 8.0]]
    q = quantize(PolynomialGrid(BLOB, box), 15)
    assert q.exact
    assert len(q) == 15
    assert q.w2_lower < q.w2 < 1.5 * q.w2_lower
    assert (q.positions > box[0]).all() and (q.positions < box[1]).all()
    for values in (torch.tensor(BLOB, dtype=torch.float32), jnp.asarray(BLOB)):
        narrow = quantize(PolynomialGrid(values, box), 15)
        assert type(narrow.w2) is type(narrow.positions) is type(values)
        assert float(narrow.w2) == pytest.approx(q.w2, rel=1e-4)
    assert quantize(PolynomialGrid(BLOB, np.array(box) * 2.0**400), 15).w2 == pytest.approx(q.w2 * 2.0**400, rel=1e-9)


def test_image_of_a_gaussian_needs_about_what_the_gaussian_needs():
    x = (np.arange(80) + 0.5) / 80 * 12.0 - 6.0
    values = np.exp(-0.5 * (x[:, None] ** 2 + x**2))
    image = quantize(PolynomialGrid(values, [[-6.0, -6.0], [6.0, 6.0]]), 12)
    assert image.w2 == pytest.approx(quantize(Gaussian([0.0, 0.0], 1.0), 12).w2, rel=2e-3)


def test_the_same_every_time():
    first, again = three(20), quantize(THREE, 20)
    np.testing.assert_array_equal(first.positions, again.positions)
    assert first.w2 == again.w2


def test_auto_goes_by_certificates_where_rounding_of_masses_counts():
    # Components 10⁷ of their widths apart: masses moved between them cost more than the points do.
    law = GaussianMixture(
        [[-291720.7, -266592.3], [-239930.3, 1133507.6], [134859.2, 363619.2]],
        [3.6e-10, 8.2e-7, 2.3e-5],
        [0.0, 0.11, 0.89],
    )
    product = quantize(law, 4, scheme="product").w2
    assert quantize(law, 4).w2 <= product * (1 + 1e-8)
    assert len(quantize(law, w2=0.002)) <= 1.05 * len(quantize(law, w2=0.002, scheme="product"))
