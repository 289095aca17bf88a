"""quantize, discretize and recertify for densities on the line that are constant on pixels."""

import numpy as np
import pytest
from optional import optional

from diracs import Gaussian, PointScheme, PolynomialGrid, Quantization, SumOfDiracs, discretize, quantize, recertify

StepPatch = optional("matplotlib.patches").StepPatch

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

VALUES = np.random.default_rng(0).random(40) ** 3
BOX = [[-1.0], [5.0]]


@pytest.mark.parametrize("n", [1, 3, 100])
def test_uniform(n):
    q = quantize(PolynomialGrid(np.ones(4)), n)
    np.testing.assert_allclose(q.positions[:, 0], (2.0 * np.arange(n) + 1.0) / (2 * n), rtol=1e-12)
    np.testing.assert_allclose(q.weights, 1.0 / n, rtol=1e-9)
    truth = 1.0 / (2.0 * n * np.sqrt(3.0))
    assert truth <= q.w2 < truth * (1 + 1e-9)
    assert truth * (1 - 1e-6) < q.w2_lower <= truth
    assert q.exact


def test_blocks_with_a_gap_at_the_end_of_a_long_domain():
    values = np.zeros(100_000)
    values[70_000], values[70_003] = 1.0, 1.0
    q = quantize(PolynomialGrid(values), 8)
    assert q.w2 == pytest.approx(1e-5 / (8 * np.sqrt(3.0)), rel=1e-5)
    np.testing.assert_allclose(q.weights, 0.125, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_lower_bound_is_below_and_near(n):
    two = np.zeros(30)
    two[2:5], two[20:28] = 5.0, 1.0
    for values in (VALUES, two, np.append(VALUES, 1e4)):
        q = quantize(PolynomialGrid(values, BOX), n)
        assert 0 < q.w2_lower <= q.w2
        if n <= 20:
            assert q.w2 < 1.1 * q.w2_lower


def test_fewest_points_for_an_error():
    image = PolynomialGrid(VALUES, BOX)
    for w2 in (1.0, 0.2):
        q = quantize(image, w2=w2)
        assert q.w2 <= w2
        assert len(q) == 1 or quantize(image, len(q) - 1 - len(q) // 100).w2 > w2


def test_scale_and_translation():
    q = quantize(PolynomialGrid(VALUES), 8)
    for scale, shift in ((1e-100, 0.0), (2.0**300, 0.0), (3.0, 1e3)):
        other = quantize(PolynomialGrid(VALUES, [[shift], [shift + scale]]), 8)
        np.testing.assert_allclose(other.positions, shift + scale * q.positions, rtol=1e-12, atol=1e-9 * scale)
        assert other.w2 == pytest.approx(scale * q.w2, rel=1e-8)
        assert other.w2_lower == pytest.approx(scale * q.w2_lower, rel=1e-6)


def test_a_gaussian_in_pixels_needs_about_what_the_gaussian_needs():
    x = np.linspace(-8.0, 8.0, 1000)
    image = quantize(PolynomialGrid(np.exp(-0.5 * x**2), [[-8.0], [8.0]]), 12)
    assert image.w2 == pytest.approx(quantize(Gaussian([0.0], 1.0), 12).w2, rel=1e-3)


def test_frameworks_and_precisions():
    q = quantize(PolynomialGrid(VALUES, BOX), 6)
    for values in (torch.tensor(VALUES, dtype=torch.float32), jnp.asarray(VALUES), torch.tensor(VALUES)):
        other = quantize(PolynomialGrid(values, BOX), 6)
        assert all(type(x) is type(values) for x in (other.positions, other.weights, other.w2, other.w2_lower))
        assert other.positions.dtype == other.w2.dtype == values.dtype
        assert float(other.w2) == pytest.approx(q.w2, rel=1e-4)
        np.testing.assert_allclose(np.asarray(other.positions), q.positions, atol=1e-3)
    with pytest.raises(TypeError, match="transforms"):
        jax.jit(lambda v: quantize(PolynomialGrid(v, BOX), 3).w2)(jnp.asarray(VALUES))


def test_any_points_and_the_same_every_time():
    image = PolynomialGrid(VALUES, BOX)
    q = quantize(image, 50)
    np.testing.assert_array_equal(q.positions, quantize(image, 50).positions)
    again = discretize(image, PointScheme(q.positions[::-1]))
    assert again.w2 == pytest.approx(q.w2, rel=1e-12)
    np.testing.assert_allclose(again.weights[::-1], q.weights, rtol=1e-12)
    other = discretize(image, PointScheme(np.linspace(-1.0, 5.0, 50)[:, None]))
    assert other.exact
    assert q.w2 < other.w2


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_saved_and_read(tmp_path, suffix):
    q = quantize(PolynomialGrid(VALUES, BOX), 9)
    q.save(tmp_path / f"q{suffix}")
    again = Quantization.load(tmp_path / f"q{suffix}")
    np.testing.assert_array_equal(again.positions, q.positions)
    np.testing.assert_array_equal(again.distribution.values, q.distribution.values)
    assert (again.w2, again.w2_lower) == (q.w2, q.w2_lower)


def test_recertify_against_quantiles():
    """∫ (F⁻¹ − G⁻¹)² by the midpoint rule, and the best masses."""
    image = PolynomialGrid(VALUES, BOX)
    rng = np.random.default_rng(1)
    points, masses = rng.uniform(-2.0, 6.0, (15, 1)), rng.random(15)
    masses[3] = 0.0
    points[5] = points[6]
    found = recertify(image, SumOfDiracs(points, masses))
    t = (np.arange(1_000_000) + 0.5) / 1e6
    sums = np.append(0.0, np.cumsum(VALUES) / VALUES.sum())
    order = np.argsort(points[:, 0])
    target = np.cumsum(masses[order]) / masses.sum()
    moved = np.interp(t, sums, np.linspace(-1.0, 5.0, 41)) - points[order[np.searchsorted(target, t)], 0]
    assert found.w2_given == pytest.approx(np.sqrt((moved**2).mean()), rel=1e-5)
    best = discretize(image, PointScheme(points))
    assert found.w2 == best.w2
    np.testing.assert_array_equal(found.masses, best.weights)
    assert found.w2 < found.w2_given
    same = recertify(image, SumOfDiracs(points, found.masses))
    assert found.w2 <= same.w2_given * (1 + 1e-13)
    assert same.w2_given == pytest.approx(found.w2, rel=1e-7)
    narrow = recertify(
        PolynomialGrid(torch.tensor(VALUES, dtype=torch.float32), BOX), SumOfDiracs(torch.tensor(points))
    )
    assert narrow.w2.dtype == torch.float32
    assert float(narrow.w2) == pytest.approx(found.w2, rel=1e-5)


def test_picture():
    q = quantize(PolynomialGrid(VALUES, BOX), 5)
    ax = q.plot()
    (steps,) = [a for a in ax.get_children() if isinstance(a, StepPatch)]
    np.testing.assert_array_equal(steps.get_data().values, q.distribution.values)
    assert ax.get_xlim()[0] <= -1.0 and ax.get_xlim()[1] >= 5.0
    assert ax.get_ylim()[1] >= q.distribution.values.max()
    assert not [a for a in q.plot(contours=False).get_children() if isinstance(a, StepPatch)]
