"""The exact W₂ of given points in the plane: against sampling and closed forms, roundings covered, and its slopes."""

import functools

import numpy as np
import pytest
from independent import nearest_cost, random_mixture
from optional import optional
from precision import enable_x64
from scipy.special import ndtr

from diracs import (
    Gaussian,
    GaussianMixture,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    ScalarCodebook,
    discretize,
    quantize,
)
from diracs.certificates.upper.nearest import UnitImage, UnitMixture, nearest

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

MEANS, COVS, WEIGHTS = random_mixture(11, 3, 2)
LAW = GaussianMixture(MEANS, COVS, WEIGHTS)
POINTS = np.random.default_rng(0).normal(size=(14, 2)) * 1.5


@pytest.mark.parametrize(("n", "kind"), [(1, "full"), (2, "diagonal"), (30, "isotropic"), (30, "full")])
def test_bound_and_masses_against_sampling(n, kind):
    means, covs, weights = random_mixture(n, 4, 2, kind)
    points = np.random.default_rng(n).normal(size=(n, 2)) * 2
    q = discretize(GaussianMixture(means, covs, weights), PointScheme(points))
    cost, masses, errors = nearest_cost(means, covs, weights, points, 50_000)
    assert abs(q.w2**2 - cost.value) < 5 * cost.error
    assert (np.abs(q.weights - masses) < 5 * errors).all()
    assert q.exact


def test_half_planes_have_closed_forms():
    # Points at (±a, 0) for N(0, I): masses ½, E (|x| − a)² + 1.
    for a in (0.1, 1.0, 3.0):
        q = discretize(Gaussian([0.0, 0.0], 1.0), PointScheme([[a, 0.0], [-a, 0.0]]))
        np.testing.assert_allclose(q.weights, 0.5, rtol=1e-14)
        assert q.w2 == pytest.approx(np.sqrt(2.0 - 2.0 * a * np.sqrt(2.0 / np.pi) + a * a), rel=1e-12)
    # The border at x = 1 for points at 0 and 2.
    q = discretize(Gaussian([0.0, 0.0], 1.0), PointScheme([[0.0, 5.0], [2.0, 5.0]]))
    np.testing.assert_allclose(q.weights, [ndtr(1.0), ndtr(-1.0)], rtol=1e-13)


def test_repeated_and_far_points_have_no_mass_of_their_own():
    far = np.array([[1e9, 0.0], [-1e170, 1e170]])
    q = discretize(LAW, PointScheme(np.concatenate([POINTS, POINTS[:3], far])))
    one = discretize(LAW, PointScheme(POINTS))
    assert q.w2 == pytest.approx(one.w2, rel=1e-12)
    np.testing.assert_allclose(q.weights[:3] + q.weights[14:17], one.weights[:3], atol=1e-15)
    assert not q.weights[17:].any()
    only = discretize(LAW, PointScheme([[1e9, 0.0]]))
    assert only.w2 == pytest.approx(1e9, rel=1e-6)
    with pytest.raises(ValueError, match="sizes"):
        discretize(LAW, PointScheme([[1e170, 0.0]]))


@pytest.mark.parametrize("power", [-500, 500])
def test_units(power):
    unit = 2.0**power
    one = discretize(LAW, PointScheme(POINTS))
    other = discretize(GaussianMixture(MEANS * unit, COVS * unit * unit, WEIGHTS), PointScheme(POINTS * unit))
    assert other.w2 == pytest.approx(one.w2 * unit, rel=1e-12)
    np.testing.assert_allclose(other.weights, one.weights, atol=1e-14)


def test_far_from_the_origin():
    near = discretize(LAW, PointScheme(POINTS))
    shift = np.array([2.0**20, -(2.0**21)])
    far = discretize(GaussianMixture(MEANS + shift, COVS, WEIGHTS), PointScheme(POINTS + shift))
    assert far.w2 == pytest.approx(near.w2, rel=1e-9)


def test_rounding_raises_by_little():
    for n in (30, 600):
        points = np.random.default_rng(n).normal(size=(n, 2)) * 2
        law = UnitMixture.of(MEANS, COVS, WEIGHTS)
        found = nearest(law, points)
        excess = found.w2 / (np.sqrt(found.square) * law.unit) - 1.0
        assert 0 < excess < 1e-9


def test_fine_points_against_a_grid_whose_error_is_closed_form():
    law = Gaussian([0.0, 0.0], [1.0, 0.25])
    levels = np.linspace(-4.0, 4.0, 30)
    grid = ProductScheme([ScalarCodebook(levels), ScalarCodebook(levels / 2)])
    by_axes, by_points = discretize(law, grid), discretize(law, PointScheme(grid.positions(2)))
    assert by_points.w2 >= by_axes.w2 * (1 - 1e-12)
    assert by_points.w2 == pytest.approx(by_axes.w2, rel=1e-8)


def test_single_precision_covers_the_rounding_of_points_and_masses():
    # Exactly representable laws: the wide computation knows the truth for the rounded Diracs.
    means, covs = np.array([[0.0, 0.0], [2.0, 1.0]]), np.array([1.0, 0.25])
    points = np.random.default_rng(3).normal(size=(150, 2)) * 1.5
    narrow = discretize(GaussianMixture(means.astype(np.float32), covs.astype(np.float32)), PointScheme(points))
    assert narrow.positions.dtype == narrow.weights.dtype == narrow.w2.dtype == np.float32
    wide = discretize(GaussianMixture(means, covs), PointScheme(narrow.positions.astype(float)))
    assert wide.w2 <= narrow.w2 <= wide.w2 * (1 + 1e-4)
    assert abs(narrow.weights.sum(dtype=float) - 1.0) < 1e-7


def scalar(means, covs, weights, points, along):
    q = discretize(GaussianMixture(means, covs, weights), PointScheme(points))
    return q.w2 + (q.weights * along).sum()


def differences(arrays, along, step=1e-5):
    """Of `scalar` in each entry, symmetric ones of covariances together."""
    out = []
    for k, x in enumerate(arrays):
        slope = np.zeros(x.shape)
        for index in np.ndindex(*x.shape):
            values = []
            for sign in (1.0, -1.0):
                moved = [a.copy() for a in arrays]
                moved[k][index] += sign * step
                if x.ndim == 3 and index[1] != index[2]:
                    moved[k][index[0], index[2], index[1]] += sign * step
                values.append(float(scalar(*moved, along)))
            slope[index] = (values[0] - values[1]) / (2.0 * step)
        out.append(slope)
    return out


def folded(slope):
    """Derivatives in the two entries off the diagonal together, as `differences` moves them."""
    if slope.ndim < 3:
        return slope
    return slope + np.swapaxes(slope, 1, 2) * (1.0 - np.eye(2))


def arrays_and_slopes(kind):
    """A mixture of this kind with six points, the direction of the masses, and derivatives by PyTorch."""
    arrays, along = [*random_mixture(5, 3, 2, kind), POINTS[:6]], np.random.default_rng(4).normal(size=6)
    tensors = [torch.tensor(x, requires_grad=True) for x in arrays]
    scalar(*tensors, torch.tensor(along)).backward()
    return arrays, along, [x.grad.numpy() for x in tensors]


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
def test_derivatives_of_bound_and_masses_against_differences(kind):
    arrays, along, slopes = arrays_and_slopes(kind)
    for slope, expected in zip(slopes, differences(arrays, along)):
        np.testing.assert_allclose(folded(slope), expected, atol=2e-7)


SLOW_KINDS = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("isotropic", "diagonal")]


@pytest.mark.parametrize("kind", ["full", *SLOW_KINDS])
def test_derivatives_by_jax_are_those_by_torch(kind):
    arrays, along, slopes = arrays_and_slopes(kind)
    with enable_x64(True):
        both = jax.vmap(jax.value_and_grad(scalar, argnums=(0, 1, 2, 3)), in_axes=(0, 0, 0, 0, None))
        values, gradients = jax.jit(both)(*(jnp.stack([jnp.asarray(x)] * 2) for x in arrays), jnp.asarray(along))
        np.testing.assert_allclose(values, scalar(*arrays, along), rtol=1e-12)
        for found, slope in zip(gradients, slopes):
            np.testing.assert_allclose(found, np.stack([slope] * 2), atol=1e-13)


def test_derivatives_in_any_unit_and_with_components_of_no_weight():
    unit = 2.0**400
    tensors = [torch.tensor(x, requires_grad=True) for x in (MEANS * unit, COVS * unit**2, WEIGHTS, POINTS * unit)]
    discretize(GaussianMixture(*tensors[:3]), PointScheme(tensors[3])).w2.backward()
    plain = [torch.tensor(x, requires_grad=True) for x in (MEANS, COVS, WEIGHTS, POINTS)]
    discretize(GaussianMixture(*plain[:3]), PointScheme(plain[3])).w2.backward()
    for tensor, other, power in zip(tensors, plain, (0, -1, 1, 0)):
        np.testing.assert_allclose(tensor.grad / unit**power, other.grad, rtol=1e-9, atol=1e-15)
    weights = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64, requires_grad=True)
    means = torch.tensor(MEANS, requires_grad=True)
    discretize(GaussianMixture(means, torch.tensor(COVS), weights), PointScheme(torch.tensor(POINTS))).w2.backward()
    assert not means.grad[1].any()
    assert torch.isfinite(weights.grad).all()


def bound(means, covs, weights, points):
    return discretize(GaussianMixture(means, covs, weights), PointScheme(points)).w2


# Two components with variances on the axes, two points: compiled once, in single precision.
jitted_bound = jax.jit(bound)


def test_broken_values_and_points_too_far_to_tell_are_nan_under_jit():
    means, covs, weights, points = jnp.eye(2), jnp.ones((2, 2)), jnp.ones(2), 2.0 * jnp.eye(2)
    assert np.isfinite(jitted_bound(means, covs, weights, points))
    for broken in (0.0, jnp.nan):
        assert np.isnan(jitted_bound(means, covs.at[1, 1].set(broken), weights, points))
    assert np.isnan(jitted_bound(means, covs, weights, jnp.full((2, 2), 1e20)))


def test_images_against_a_uniform_square():
    image = PolynomialGrid(np.ones((7, 9)), [[-1.0, 2.0], [3.0, 6.0]])
    q = discretize(image, PointScheme([[0.0, 4.0], [2.0, 4.0]]))
    np.testing.assert_allclose(q.weights, 0.5, rtol=1e-14)
    # Halves of 2 × 4 about their centres.
    assert q.w2 == pytest.approx(np.sqrt(4 / 12 + 16 / 12), rel=1e-12)
    assert q.exact
    law = UnitImage.of(image.values, image.domain)
    assert nearest(law, np.array([[0.0, 4.0], [2.0, 4.0]])).w2 == q.w2


def test_single_precision_covers_light_clusters_far_away():
    # All of one cluster's mass comes from its component; what rounding adds or takes has to travel.
    rng, far, light = np.random.default_rng(0), 1e5, 1e-8
    points = rng.normal(size=(350, 2))
    points[300:, 0] += far
    law = GaussianMixture(*(np.float32(x) for x in ([[0.0, 0.0], [far, 0.0]], [1.0, 1.0], [1.0 - light, light])))
    q = discretize(law, PointScheme(np.float32(points)))
    weights, masses = law.weights.astype(float), q.weights.astype(float)
    missing = abs(masses[300:].sum() / masses.sum() - weights[1] / weights.sum())
    wide = GaussianMixture(law.means.astype(float), law.covs.astype(float), weights)
    best = discretize(wide, PointScheme(q.positions.astype(float)))
    assert missing > 0
    assert float(q.w2) ** 2 >= best.w2**2 * (1 - 1e-6) + 0.99 * missing * far**2


def test_single_precision_weights_stand_for_what_they_are_normalized():
    # Any probabilities rounded to single precision sum to 1 up to 1e-7 only.
    for seed in range(4):
        means, covs, weights = (np.float32(x) for x in random_mixture(seed, 5, 2, "diagonal"))
        law = GaussianMixture(means, covs, weights)
        shares = law.weights.astype(float) / law.weights.astype(float).sum()
        for q in (discretize(law, PointScheme(means[:1])), quantize(law, 1), quantize(law, 1, scheme="product")):
            squares = ((means.astype(float) - q.positions) ** 2).sum(axis=1) + covs.astype(float).sum(axis=1)
            assert float(q.w2) >= np.sqrt(shares @ squares)


def bound_of_points(points):
    return discretize(GaussianMixture(*map(torch.tensor, (MEANS, COVS, WEIGHTS))), PointScheme(points)).w2


def masses_of_points(points):
    return discretize(GaussianMixture(*map(torch.tensor, (MEANS, COVS, WEIGHTS))), PointScheme(points)).weights


def test_torch_function_transforms():
    points = torch.tensor(POINTS[:5])
    leaf = points.clone().requires_grad_()
    (expected,) = torch.autograd.grad(bound_of_points(leaf), leaf)
    torch.testing.assert_close(torch.func.grad(bound_of_points)(points), expected)
    batch = torch.stack([points, 0.5 * points, points.flip(0)])
    together = torch.func.vmap(bound_of_points)(batch)
    torch.testing.assert_close(together, torch.stack([bound_of_points(p) for p in batch]))
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(bound_of_points))(batch)[0], expected)
    step = 1e-5
    direction = torch.tensor(np.random.default_rng(8).normal(size=(5, 2)))
    ends = [masses_of_points(points + s * step * direction) for s in (1, -1)]
    slopes = (torch.func.jacrev(masses_of_points)(points) * direction).sum((1, 2))
    np.testing.assert_allclose(slopes, (ends[0] - ends[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("result", [bound_of_points, masses_of_points])
def test_second_derivatives_are_refused_not_zero(result):
    points = torch.tensor(POINTS[:3], requires_grad=True)
    with pytest.raises(NotImplementedError, match="second derivatives of discretize"):
        torch.autograd.functional.hessian(lambda p: result(p).square().sum(), points)
    with pytest.raises(NotImplementedError, match="second derivatives of discretize"):
        torch.func.hessian(lambda p: result(p).square().sum())(points.detach())
    (slope,) = torch.autograd.grad(result(points).square().sum(), points, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives of discretize"):
        slope.square().sum().backward()


@pytest.mark.parametrize(
    ("name", "second"),
    [("w2", jax.hessian), ("weights", lambda f: jax.grad(lambda m: (jax.jit(jax.grad(f))(m) ** 2).sum()))],
    ids=["w2", "weights"],
)
def test_second_derivatives_are_refused_in_jax(name, second):
    def loss(means):
        q = discretize(GaussianMixture(means, jnp.asarray(COVS)), PointScheme(jnp.asarray(POINTS[:3])))
        return (getattr(q, name) ** 2).sum()

    with pytest.raises(NotImplementedError, match="second derivatives of discretize"):
        jax.jit(second(loss))(jnp.asarray(MEANS))


def test_single_precision_bounds_are_rounded_up_where_derivatives_are_asked_for():
    cases = [([[1, 3.1], [-2.4, 5.4]], [[0.5, 0.5], [1.0, 1.0]], [0.5, 0.5], [[0, 0], [2, 1]])]
    rng = np.random.default_rng(9)
    for _ in range(12):
        means, variances, points = rng.normal(size=(2, 2)), rng.uniform(0.1, 2.0, (2, 2)), 2 * rng.normal(size=(2, 2))
        cases.append((means, variances, [0.25, 0.75], points))
    for number, case in enumerate(cases):
        single = [np.asarray(x, np.float32) for x in case]
        wide = bound(*(x.astype(float) for x in single))
        leaves = [torch.tensor(x, requires_grad=True) for x in single]
        bounds = [bound(*leaves).detach(), jitted_bound(*map(jnp.asarray, single))]
        if number < 4:
            bounds.append(torch.func.vmap(functools.partial(bound, *leaves[:3]))(leaves[3][None])[0].detach())
        for w2 in bounds:
            assert wide <= float(w2) <= wide * (1 + 1e-6)
