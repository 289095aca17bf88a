"""quantize keeps its promises: at most n points, the best of its candidates, the fewest points for an error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs import Gaussian, GaussianMixture, SumOfDiracs, discretize, generate_scheme, quantize
from diracs.laws.gaussian import full_covariances

SCHEMES = ("auto", "grid", "cross", "product")
CONFIGURATIONS = ("grid", "cross", "product")


@st.composite
def mixtures(draw, max_ndim=4, max_components=5):
    """Mixtures of every kind of covariance: singular ones, point masses, duplicates and components without weight."""
    d, k = draw(st.integers(1, max_ndim)), draw(st.integers(1, max_components))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.0, 0.5, 2.0, 8.0]))
    means = rng.normal(size=(k, d)) * spread
    kind = draw(st.sampled_from(["isotropic", "diagonal", "full"]))
    if kind == "full":
        rank = draw(st.integers(0 if spread else 1, d))
        roots = rng.normal(size=(k, d, rank)) * rng.choice([0.1, 1.0, 3.0], size=(k, 1, 1))
        covs = roots @ np.swapaxes(roots, 1, 2)
    else:
        covs = rng.choice([0.0 if spread else 0.1, 0.01, 1.0, 1.5], size=(k,) if kind == "isotropic" else (k, d))
    weights = rng.dirichlet(np.ones(k))
    if k > 1 and draw(st.booleans()):
        weights[0] = 0.0
        means[-1], covs[-1] = means[0], covs[0]
    return GaussianMixture(means, covs, weights)


def sample(mixture: GaussianMixture, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    covs = full_covariances(mixture.means, mixture.covs)
    which = rng.choice(mixture.n_components, size=count, p=mixture.weights)
    values, vectors = np.linalg.eigh(covs)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return mixture.means[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(count, mixture.ndim)))


def assert_sound(q, n, lower=False):
    """What holds for every quantization of one mixture; its lower bound depends on law and n alone, and takes long."""
    assert 1 <= len(q) <= n
    assert q.positions.shape == (len(q), q.distribution.ndim)
    assert q.weights.shape == (len(q),)
    assert np.isfinite(q.positions).all()
    assert (q.weights >= 0).all()
    assert q.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert 0.0 <= q.w2 < np.inf
    if lower:
        assert 0.0 <= q.w2_lower <= q.w2


@settings(deadline=None, max_examples=3, derandomize=True)
@given(mixtures(max_ndim=3, max_components=3), st.sampled_from([1, 2, 5]))
def test_auto_is_never_worse_than_any_other_choice_of_as_many_points(mixture, n):
    auto = quantize(mixture, n=n)
    assert_sound(auto, n, lower=True)
    best = float(auto.w2) * (1 - 1e-9) - 1e-13
    for name in SCHEMES[1:]:
        other = quantize(mixture, n=n, scheme=name)
        assert_sound(other, n)
        assert best <= other.w2, name
        for per_mode in (True, False):
            generated = discretize(mixture, generate_scheme(mixture, n, configuration=name, per_mode=per_mode))
            assert_sound(generated, n)
            assert best <= generated.w2, (name, per_mode)
            assert other.w2 * (1 - 1e-9) - 1e-13 <= generated.w2, (name, per_mode)
    if mixture.ndim == 1:
        optimal = quantize(mixture, n=n, scheme="optimal")
        assert_sound(optimal, n)
        assert best <= optimal.w2


@settings(deadline=None, max_examples=8, derandomize=True)
@given(mixtures(), st.sampled_from([1, 4, 12]), st.sampled_from(SCHEMES))
def test_no_certificate_is_below_the_mean_square_distance_to_the_nearest_point(mixture, n, scheme):
    q = quantize(mixture, n=n, scheme=scheme)
    x = sample(mixture, 4000)
    square = ((x[:, None, :] - q.positions[None]) ** 2).sum(axis=-1).min(axis=1)
    assert square.mean() - 6.0 * square.std() / np.sqrt(len(x)) <= q.w2**2 + 1e-20


@pytest.mark.parametrize(
    ("n", "w2"),
    [
        (1, 1.0),
        (2, np.sqrt(1.0 - 2.0 / np.pi)),
        (3, 0.43608948536728),
        (10, 0.1514498363),
        (100, 0.0163313263),
        (1000, 0.00164773367),
    ],
)
@pytest.mark.parametrize("scheme", ["auto", "optimal"])
def test_standard_normal_reaches_the_known_optimum(n, w2, scheme):
    q = quantize(Gaussian(0.0, 1.0), n=n, scheme=scheme)
    assert len(q) == n
    assert q.exact
    assert q.w2 == pytest.approx(w2, rel=2e-8)
    np.testing.assert_allclose(q.positions, -q.positions[::-1], atol=1e-12)


def test_optimal_on_the_line_separates_two_bumps_where_newton_finds_a_saddle():
    # ½N(±1.5, 0.15²), n = 3: the saddle has 0.0225, the optimum splits one bump.
    q = quantize(GaussianMixture([[-1.5], [1.5]], [0.0225, 0.0225]), n=3, scheme="optimal")
    assert q.w2**2 == pytest.approx(0.0153, abs=5e-5)
    assert q.w2**2 == pytest.approx(0.5 * 0.0225 * (1.0 + 1.0 - 2.0 / np.pi), rel=1e-3)


CURVES = [
    (Gaussian(0.0, 1.0), "optimal"),
    (Gaussian([0.0, 0.0], [4.0, 1.0]), "grid"),
    (Gaussian([0.0, 0.0, 0.0], [2.0, 1.0, 1.0]), "cross"),
    (Gaussian([0.0, 0.0, 0.0], [[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.5]]), "product"),
    (GaussianMixture([[0.0], [4.0]], [1.0, 0.0], [0.7, 0.3]), "auto"),
    pytest.param(GaussianMixture([[0.0, 0.0], [3.0, 3.0]], [1.0, 0.5]), "product", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("law", "scheme"), CURVES)
def test_w2_is_reached_with_about_the_fewest_points_that_reach_it(law, scheme):
    curve = np.array([quantize(law, n=n, scheme=scheme).w2 for n in range(1, 13)])
    for target in (curve[7] * 1.01, curve[11] * 1.0001):
        q = quantize(law, w2=target, scheme=scheme)
        assert q.w2 <= target
        fewest = int(np.flatnonzero(curve <= target)[0]) + 1
        assert len(q) <= 1.05 * fewest


def test_w2_of_the_normal_law_needs_as_many_points_as_its_known_errors_say():
    assert len(quantize(Gaussian(0.0, 1.0), w2=1.1)) == 1
    assert len(quantize(Gaussian(0.0, 1.0), w2=0.6029)) == 2
    assert 10 <= len(quantize(Gaussian(0.0, 1.0), w2=0.15145)) <= 10
    assert 1000 <= len(quantize(Gaussian(0.0, 1.0), w2=0.00164774)) <= 1050


def test_w2_in_any_unit_needs_the_same_points():
    for unit in (2.0**-500, 1.0, 2.0**500):
        q = quantize(Gaussian([0.0, unit], np.array([1.0, 0.25]) * unit**2), w2=0.7 * unit)
        assert len(q) == len(quantize(Gaussian([0.0, 1.0], [1.0, 0.25]), w2=0.7))
        assert q.w2 <= 0.7 * unit


def test_w2_above_the_spread_of_the_law_takes_one_point():
    assert len(quantize(GaussianMixture([[0.0, 0.0], [1.0, 0.0]], [1.0, 1.0]), w2=10.0)) == 1


def test_w2_beyond_two_million_points_is_refused_before_any_search(monkeypatch):
    monkeypatch.setattr("diracs.quantization.by_product.best_scheme", lambda *_: pytest.fail("searched for a scheme"))
    for law in (Gaussian(0.0, 1.0), Gaussian(np.zeros(10), np.ones(10))):
        with pytest.raises(ValueError, match="w2"):
            quantize(law, w2=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "cov",
    [
        [[1.0, 1.0], [1.0, 1.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[1e8, 0.0], [0.0, 1e-8]],
        [[1e-320, 0.0], [0.0, 1e-320]],
        [[1.0, 1.0 - 1e-15], [1.0 - 1e-15, 1.0]],
    ],
)
def test_singular_and_badly_scaled_covariances(cov, scheme):
    for n in (1, 7):
        q = quantize(Gaussian([3.0, -1.0], cov), n=n, scheme=scheme)
        assert_sound(q, n, lower=scheme == "grid")
        assert q.w2 <= np.sqrt(np.trace(cov)) * (1 + 1e-12) + 1e-14


def test_perfectly_correlated_gaussian_is_quantized_on_its_line():
    q = quantize(Gaussian([0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]]), n=10)
    assert q.w2 == pytest.approx(np.sqrt(2.0) * 0.1514498363, rel=1e-7)
    np.testing.assert_allclose(q.positions[:, 0], q.positions[:, 1], atol=1e-12)


def test_random_covariance_in_float32():
    a = np.random.default_rng(0).normal(size=(10, 10)).astype(np.float32)
    cov = a @ a.T
    law = Gaussian(np.zeros(10, np.float32), (cov + cov.T) / 2)
    q = quantize(law, n=100)
    assert q.positions.dtype == q.weights.dtype == q.w2.dtype == np.float32
    wide = quantize(Gaussian(law.mean.astype(float), law.cov.astype(float)), n=100)
    assert q.w2 == pytest.approx(wide.w2, rel=1e-4)
    assert q.w2 >= wide.w2


def test_far_means_with_small_deviations_keep_their_digits():
    near = GaussianMixture([[0.0, 0.0], [0.0078125, 0.0]], [1e-6, 1e-6])
    far = GaussianMixture(near.means + 1e6, near.covs)
    for scheme in SCHEMES:
        a, b = quantize(near, n=8, scheme=scheme), quantize(far, n=8, scheme=scheme)
        assert b.w2 == pytest.approx(a.w2, rel=1e-5)
        assert b.w2 >= a.w2 * (1 - 1e-7)


@pytest.mark.parametrize("power", [-500, 500])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_certificates_scale_with_the_unit(power, scheme):
    # 2^±500 is 1e±150; squares of that are near the ends of float64.
    unit = 2.0**power
    means, covs = np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 3.0]]), np.array([1.0, 2.0, 0.1])
    one = quantize(GaussianMixture(means, covs), n=8, scheme=scheme)
    scaled = quantize(GaussianMixture(means * unit, covs * unit * unit), n=8, scheme=scheme)
    assert scaled.w2 == pytest.approx(one.w2 * unit, rel=1e-12)
    if scheme == "grid":
        assert scaled.w2_lower == pytest.approx(one.w2_lower * unit, rel=1e-9)
    assert np.abs(scaled.positions / unit - one.positions).max() < 1e-9


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_point_is_the_mean_with_the_total_deviation(scheme):
    mixture = GaussianMixture([[0.0, 0.0], [4.0, 0.0]], [1.0, 2.0], [0.25, 0.75])
    q = quantize(mixture, n=1, scheme=scheme)
    np.testing.assert_allclose(q.positions, [[3.0, 0.0]], atol=1e-14)
    assert q.weights.tolist() == [1.0]
    assert q.exact
    assert q.w2 == pytest.approx(np.sqrt(2 * 1.75 + 3.0), rel=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_fewer_points_than_modes(scheme):
    means = 100.0 * np.arange(7)[:, None] * np.array([1.0, 0.0])
    for n in (1, 3, 6, 7):
        q = quantize(GaussianMixture(means, np.ones(7)), n=n, scheme=scheme)
        assert_sound(q, n)
    assert q.w2 == pytest.approx(np.sqrt(2.0), rel=1e-9)


def test_more_points_than_diracs_give_the_diracs_back():
    diracs = SumOfDiracs([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]], [1.0, 2.0, 3.0])
    for scheme in SCHEMES:
        q = quantize(diracs, n=50, scheme=scheme)
        assert len(q) == 3
        order = np.argsort(q.positions[:, 0])
        np.testing.assert_allclose(q.positions[order], diracs.positions, atol=1e-14)
        np.testing.assert_allclose(q.weights[order], diracs.weights, atol=1e-14)
        assert q.w2 < 1e-14
    assert len(quantize(diracs, w2=1e-6)) == 3


def test_two_diracs_on_a_plane_merge_into_their_barycenter():
    q = quantize(SumOfDiracs([[0.0, 0.0], [1.0, 1.0], [9.0, 9.0]]), n=2)
    assert sorted(q.weights.tolist()) == pytest.approx([1 / 3, 2 / 3])
    assert q.w2 == pytest.approx(np.sqrt(2 / 3 * 0.5), rel=1e-9)


def test_components_without_weight_change_nothing():
    means, covs = np.array([[0.0, 0.0], [3.0, 1.0]]), np.array([1.0, 0.5])
    plain = quantize(GaussianMixture(means, covs, [0.4, 0.6]), n=12)
    more = GaussianMixture([*means, [50.0, 50.0]], [*covs, 9.0], [0.4, 0.6, 0.0])
    q = quantize(more, n=12)
    # At most one point may be lost on the component that is not there.
    assert q.w2 <= quantize(GaussianMixture(means, covs, [0.4, 0.6]), n=11).w2 * (1 + 1e-12)
    assert q.w2 >= plain.w2 * 0.99
    assert q.weights[np.abs(q.positions).max(axis=1) > 20].sum() == 0.0


def test_duplicated_components_are_as_good_as_one():
    once = quantize(Gaussian([1.0, 2.0], [1.0, 0.3]), n=10)
    many = quantize(GaussianMixture([[1.0, 2.0]] * 5, [[1.0, 0.3]] * 5, [0.1, 0.2, 0.3, 0.2, 0.2]), n=10)
    assert many.w2 == pytest.approx(once.w2, rel=1e-9)


@pytest.mark.parametrize(("points", "ndim"), [(20_000, 200), pytest.param(10**6, 1000, marks=pytest.mark.slow)])
def test_very_many_points_and_dimensions(points, ndim):
    q = quantize(Gaussian(np.zeros(5), np.arange(1.0, 6.0)), n=points)
    assert 0.9 * points <= len(q) <= points
    assert_sound(q, points)
    q = quantize(Gaussian(np.zeros(ndim), np.linspace(1.0, 0.01, ndim)), n=1000)
    assert_sound(q, 1000)


def test_more_points_never_do_harm_on_one_gaussian():
    law = Gaussian([0.0, 0.0, 0.0], [3.0, 1.0, 0.2])
    for scheme in SCHEMES:
        numbers = (1, 2, 3, 5, 8, 13) if scheme == "auto" else range(1, 25)
        curve = [float(quantize(law, n=n, scheme=scheme).w2) for n in numbers]
        assert (np.diff(curve) <= 1e-12).all(), scheme


def test_iterates_as_diracs_and_certificate():
    q = quantize(Gaussian([0.0, 1.0], 2.0), n=9)
    points, w2 = q
    assert isinstance(points, SumOfDiracs)
    assert w2 == q.w2
    np.testing.assert_array_equal(points.positions, q.positions)
    again = discretize(Gaussian([0.0, 1.0], 2.0), q.scheme)
    np.testing.assert_array_equal(again.positions, q.positions)
    assert again.w2 == q.w2


def test_batches_equal_their_members_padded_without_mass():
    batch = (1, 2)
    rng = np.random.default_rng(1)
    means, covs = rng.normal(size=(*batch, 3, 2)) * 3, rng.uniform(0.1, 1.0, size=(*batch, 3))
    weights = rng.uniform(size=(*batch, 3))
    q = quantize(GaussianMixture(means, covs, weights), n=7)
    assert q.w2.shape == q.w2_lower.shape == batch
    assert q.positions.shape == (*batch, len(q), 2)
    for i in np.ndindex(*batch):
        single = quantize(GaussianMixture(means[i], covs[i], weights[i]), n=7)
        assert q.w2[i] == single.w2
        np.testing.assert_array_equal(q.positions[i][: len(single)], single.positions)
        np.testing.assert_array_equal(q.weights[i][: len(single)], single.weights)
        assert (q.weights[i][len(single) :] == 0.0).all()
    target = quantize(GaussianMixture(means, covs, weights), w2=1.5)
    assert (target.w2 <= 1.5).all()


def test_product_is_never_worse_than_grid_nor_cross():
    rng = np.random.default_rng(12)
    for _ in range(5):
        mixture = GaussianMixture(rng.normal(size=(6, 2)) * 2, rng.choice([0, 0.01, 1, 1.5], size=(6, 2)))
        w2 = {scheme: quantize(mixture, n=8, scheme=scheme).w2 for scheme in ("grid", "cross", "product")}
        assert w2["product"] <= min(w2["grid"], w2["cross"]) * (1 + 1e-9)


def test_equal_diracs_are_no_trouble():
    assert quantize(SumOfDiracs(np.zeros((6, 2))), n=3).w2 == 0.0


@pytest.mark.parametrize("scale", [1e-160, 1e-150, 1e150])
def test_generated_schemes_at_any_scale(scale):
    diracs = SumOfDiracs(np.array([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]]) * scale)
    for per_mode in (True, False):
        q = discretize(diracs, generate_scheme(diracs, 2, per_mode=per_mode))
        assert q.w2 / scale == pytest.approx(discretize(SumOfDiracs([[0, 0], [1, 1], [5.0, 5]]), _two()).w2, rel=0.5)


def _two():
    return generate_scheme(SumOfDiracs([[0, 0], [1, 1], [5.0, 5]]), 2)
