"""Point clouds as laws: exact W₂, bounds from below, sizes, frameworks."""

import numpy as np
import pytest
from optional import optional
from scipy.spatial.distance import cdist

from diracs import GaussianMixture, PointScheme, Quantization, SumOfDiracs, discretize, quantize, recertify
from diracs.certificates.lower.cloud import cloud_lower_bound

ot = optional("ot")


def cloud(count: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, d)) * np.linspace(1.0, 0.3, d), rng.dirichlet(np.ones(count))


def transport(x: np.ndarray, w: np.ndarray, q: Quantization) -> float:
    w, v = np.asarray(w, dtype=np.float64), np.asarray(q.weights, dtype=np.float64)
    return float(ot.emd2(w / w.sum(), v / v.sum(), cdist(x, q.positions, "sqeuclidean"), numItermax=10**6)) ** 0.5


@pytest.mark.parametrize("d", [1, 2, 3, 5, 12])
def test_error_is_the_transport_cost(d: int) -> None:
    x, w = cloud(200, d)
    q = quantize(SumOfDiracs(x, w), 9)
    assert q.exact and len(q) == 9
    assert q.w2 == pytest.approx(transport(x, w, q), rel=1e-9)
    assert q.w2_lower <= q.w2
    nearest = cdist(x, q.positions, "sqeuclidean")
    assert q.w2 >= (w @ nearest.min(axis=1)) ** 0.5 * (1 - 1e-14)
    np.testing.assert_allclose(q.weights, np.bincount(nearest.argmin(axis=1), w, minlength=9), rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_not_worse_than_products(d: int) -> None:
    x, w = cloud(60, d, seed=4)
    law = SumOfDiracs(x, w)
    for n in (2, 5, 12):
        assert quantize(law, n).w2 <= quantize(law, n, scheme="product").w2 * (1 + 1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e-7, 1.0, 1e150])
def test_any_scale(scale: float) -> None:
    x, w = cloud(100, 3)
    one, other = quantize(SumOfDiracs(x, w), 6), quantize(SumOfDiracs(x * scale, w), 6)
    assert other.w2 == pytest.approx(float(one.w2) * scale, rel=1e-6)


def test_far_from_the_origin() -> None:
    x, w = cloud(100, 3)
    q = quantize(SumOfDiracs(x + 1e6, w), 6)
    exact = float((w @ cdist(x + 1e6, q.positions, "sqeuclidean").min(axis=1)) ** 0.5)
    assert exact * (1 - 1e-9) <= q.w2 <= exact * (1 + 1e-8)


def test_as_many_points_as_there_are() -> None:
    x, w = cloud(30, 4)
    for n in (30, 100):
        q = quantize(SumOfDiracs(x, w), n)
        assert q.w2 == 0.0 and q.w2_lower == 0.0 and q.exact
        assert sorted(map(tuple, q.positions)) == sorted(map(tuple, x))
    q = quantize(SumOfDiracs(np.repeat(x, 3, axis=0)), 30)
    # Sums of three masses are rounded.
    assert q.w2 <= 3e-8


def test_one_point_and_weights_of_zero() -> None:
    x, w = cloud(40, 3)
    w[::2] = 0.0
    q = quantize(SumOfDiracs(x, w), 1)
    w = w / w.sum()
    variance = w @ ((x - w @ x) ** 2).sum(axis=1)
    assert q.w2 == pytest.approx(variance**0.5, rel=1e-12)
    assert variance**0.5 * (1 - 1e-9) <= q.w2_lower <= q.w2


def test_equal_points() -> None:
    q = quantize(SumOfDiracs(np.full((20, 3), 0.1)), 4)
    assert q.w2 == 0.0 and (q.positions == 0.1).all()


def test_fewest_points_for_an_error() -> None:
    x, w = cloud(300, 3)
    q = quantize(SumOfDiracs(x, w), w2=0.5)
    assert q.w2 <= 0.5
    assert quantize(SumOfDiracs(x, w), max(1, int(0.85 * len(q)))).w2 > 0.5


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_given_points(d: int) -> None:
    x, w = cloud(150, d)
    y = np.random.default_rng(1).normal(size=(8, d))
    q = discretize(SumOfDiracs(x, w), PointScheme(y))
    assert (q.positions == y).all() and q.exact
    assert q.w2 == pytest.approx(transport(x, w, q), rel=1e-9)
    found = recertify(SumOfDiracs(x, w), q)
    assert found.w2 == pytest.approx(float(q.w2), rel=1e-12)
    assert float(q.w2) * (1 - 1e-9) <= found.w2_given <= float(q.w2) * (1 + 1e-6)


def test_given_masses() -> None:
    x, w = cloud(120, 3)
    rng = np.random.default_rng(1)
    y, v = rng.normal(size=(7, 3)), rng.dirichlet(np.ones(7))
    exact = ot.emd2(w, v, cdist(x, y, "sqeuclidean")) ** 0.5
    found = recertify(SumOfDiracs(x, w), SumOfDiracs(y, v))
    assert exact * (1 - 1e-9) <= found.w2_given <= exact * (1 + 1e-6)


def test_points_far_away_have_no_mass() -> None:
    x, w = cloud(50, 3)
    y = np.array([[0.0, 0.0, 0.0], [1e200, 0.0, 0.0]])
    q = discretize(SumOfDiracs(x, w), PointScheme(y))
    assert q.weights[1] == 0.0 and np.isfinite(q.w2)
    with pytest.raises(ValueError, match="further"):
        discretize(SumOfDiracs(x, w), PointScheme(y[1:]))


@pytest.mark.parametrize("kind", ["torch", "jax"])
def test_frameworks_and_single_precision(kind: str) -> None:
    x, w = cloud(100, 3)
    x, w = x.astype(np.float32), w.astype(np.float32)
    if kind == "torch":
        torch = pytest.importorskip("torch")
        law = SumOfDiracs(torch.tensor(x), torch.tensor(w))
    else:
        jnp = pytest.importorskip("jax.numpy")
        law = SumOfDiracs(jnp.array(x), jnp.array(w))
    q = quantize(law, 5)
    assert "float32" in str(q.positions.dtype) and "float32" in str(q.weights.dtype)
    weights = np.asarray(law.weights, dtype=np.float64)
    y, v = np.asarray(q.positions, dtype=np.float64), np.asarray(q.weights, dtype=np.float64)
    exact = ot.emd2(weights / weights.sum(), v / v.sum(), cdist(x.astype(np.float64), y, "sqeuclidean")) ** 0.5
    assert exact * (1 - 1e-9) <= float(q.w2) <= exact * (1 + 1e-5)


def test_batches() -> None:
    x, w = cloud(60, 3)
    q = quantize(SumOfDiracs(np.stack([x, 2 * x]), np.stack([w, w])), 5)
    assert q.positions.shape == (2, 5, 3)
    np.testing.assert_allclose(q.w2[1], 2 * q.w2[0], rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_no_points_get_below_the_lower_bound(d: int) -> None:
    x, w = cloud(80, d, seed=2)
    for n in (1, 2, 3, 5, 8):
        best = min(float(quantize(SumOfDiracs(x, w), n).w2), 1e9)
        lower = cloud_lower_bound(x, w, n)
        assert 0.0 <= lower <= best
    assert cloud_lower_bound(x, w, 1) == pytest.approx(float(quantize(SumOfDiracs(x, w), 1).w2), rel=1e-6)
    assert cloud_lower_bound(x, w, 2) > 0.0


def test_lower_bound_on_a_line_is_nearly_the_optimum() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 1))
    w = np.full(1000, 1 / 1000)
    assert cloud_lower_bound(x, w, 6) >= 0.9 * float(quantize(SumOfDiracs(x, w), 6).w2)


def test_bare_arrays_are_told_what_to_write() -> None:
    with pytest.raises(TypeError, match="SumOfDiracs"):
        quantize(np.zeros((5, 2)), 2)
    with pytest.raises(ValueError, match="NaN"):
        SumOfDiracs([[np.nan, 0.0]])


def test_saved_and_loaded(tmp_path) -> None:
    x, w = cloud(50, 3)
    q = quantize(SumOfDiracs(x, w), 5)
    q.save(tmp_path / "q.npz")
    again = Quantization.load(tmp_path / "q.npz")
    assert again.w2 == q.w2 and (again.positions == q.positions).all()


def test_mixtures_without_covariance_are_clouds() -> None:
    x, w = cloud(50, 3)
    assert quantize(GaussianMixture(x, np.zeros(50), w), 5).exact
