"""NumPy, PyTorch and JAX: what comes in goes out, and derivatives are those of the NumPy path."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from optional import optional
from precision import enable_x64

from diracs import (
    Affine,
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    distance,
    generate_scheme,
    lloyd,
    optimal_transport_plan,
    propagate,
    quantize,
    recertify,
)

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(3, 3))
ROOTS = RNG.normal(size=(3, 3, 3))
COVS = {
    "isotropic": np.array([1.0, 0.5, 2.0]),
    "diagonal": RNG.uniform(0.1, 1.5, size=(3, 3)),
    "full": ROOTS @ np.swapaxes(ROOTS, 1, 2) + 0.1 * np.eye(3),
}
WEIGHTS = np.array([0.2, 0.5, 0.3])
FRAME = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
LEVELS, RADII = np.array([-1.2, 0.1, 1.3]), np.array([0.8, 2.0])
OFFSET, SCALES = np.array([0.1, -0.2, 0.3]), np.array([1.1, 0.9, 0.7])
PARAMETERS = ("means", "covs", "weights", "levels", "radii", "offset", "scales")
SHAPES = ("grid in the plane", "grid in space", "cross and levels", "layers")


def values(kind: str) -> list[np.ndarray]:
    return [MEANS, COVS[kind], WEIGHTS, LEVELS, RADII, OFFSET, SCALES]


def certificate(shape, convert, means, covs, weights, levels, radii, offset, scales):
    """The certificate of a scheme built by hand from arrays of any framework."""
    law = GaussianMixture(means, covs, weights)
    frame = convert(FRAME)
    axis, cross = ScalarCodebook(levels), CrossCodebook(radii, 2)
    pair = ScalarCodebook(radii)
    if shape == "grid in the plane":
        scheme = ProductScheme([axis, pair], frame, offset, scales[:2])
    elif shape == "grid in space":
        scheme = ProductScheme([axis, pair, axis], frame, offset, scales)
    elif shape == "cross and levels":
        scheme = ProductScheme([cross, axis], frame, offset, scales)
    else:
        scheme = LayeredScheme(
            [
                ProductScheme([axis, axis], frame, offset, scales[:2]),
                ProductScheme([cross], frame, -offset, scales[1:]),
            ],
            [0, 1, 0],
        )
    return discretize(law, scheme).w2


def directions(kind: str) -> list[list[np.ndarray]]:
    """Two of every parameter, which all entries are part of; of matrices symmetric."""
    rng = np.random.default_rng(3)
    found = []
    for i, v in enumerate(values(kind)):
        pair = rng.uniform(0.3, 1.0, (2, *v.shape)) * rng.choice([-1.0, 1.0], (2, *v.shape))
        if i == 1 and kind == "full":
            pair = (pair + np.swapaxes(pair, -1, -2)) / 2
        found.append([d / np.linalg.norm(d) for d in pair])
    return found


@functools.cache
def differences(shape: str, kind: str) -> list[list[float]]:
    """Central finite differences of the NumPy path along the directions."""
    h = 1e-5

    def along(i: int, direction: np.ndarray) -> float:
        both = []
        for sign in (1.0, -1.0):
            moved = values(kind)
            moved[i] = moved[i] + sign * h * direction
            both.append(float(certificate(shape, np.asarray, *moved)))
        return (both[0] - both[1]) / (2 * h)

    return [[along(i, d) for d in pair] for i, pair in enumerate(directions(kind))]


def assert_gradients(found, shape: str, kind: str, tolerance: float = 2e-8):
    for name, gradient, pair, expected in zip(
        PARAMETERS, found, directions(kind), differences(shape, kind), strict=True
    ):
        g = 0.0 if gradient is None else np.asarray(gradient, dtype=np.float64)
        slopes = [(g * d).sum() for d in pair]
        np.testing.assert_allclose(slopes, expected, atol=tolerance, err_msg=f"{shape}, {kind}: {name}")


def shapes_and_kinds(*quick: tuple[str, str]) -> list[Any]:
    """All shapes with full covariances and what else is quick; the rest is among the slow tests."""
    return [
        pytest.param(shape, kind, marks=() if kind == "full" or (shape, kind) in quick else pytest.mark.slow)
        for shape, kind in itertools.product(SHAPES, COVS)
    ]


@pytest.mark.parametrize(
    ("shape", "kind"),
    shapes_and_kinds(
        ("grid in the plane", "isotropic"),
        ("grid in the plane", "diagonal"),
        ("cross and levels", "isotropic"),
        ("layers", "diagonal"),
    ),
)
def test_torch_gradients_are_finite_differences(shape, kind):
    leaves = [torch.tensor(v, requires_grad=True) for v in values(kind)]
    w2 = certificate(shape, torch.tensor, *leaves)
    assert float(w2.detach()) == pytest.approx(float(certificate(shape, np.asarray, *values(kind))), rel=1e-12)
    assert_gradients(torch.autograd.grad(w2, leaves, allow_unused=True), shape, kind)


def test_laws_schemes_and_quantizations_pass_through_jit_with_gradients_those_of_torch():
    """The shortest of programs, on the line; those of schemes of space are among the slow tests."""

    def bound(law, scheme):
        q = discretize(law, scheme)
        return q.w2, q

    def given(convert):
        law = GaussianMixture(convert(MEANS[:2, :1]), convert(COVS["isotropic"][:2]), convert(WEIGHTS[:2]))
        return law, ProductScheme([ScalarCodebook(convert(LEVELS))])

    def parts(law, scheme):
        return law.means, law.covs, law.weights, scheme.codebooks[0].levels

    torches = given(functools.partial(torch.tensor, requires_grad=True))
    expected = torch.autograd.grad(discretize(*torches).w2, parts(*torches))
    plain = discretize(*given(np.asarray))
    with enable_x64(True):
        (w2, q), slopes = jax.jit(jax.value_and_grad(bound, (0, 1), has_aux=True))(*given(jnp.asarray))
    assert float(w2) == pytest.approx(float(plain.w2), rel=1e-12)
    np.testing.assert_allclose(q.positions, plain.positions, atol=1e-12)
    np.testing.assert_allclose(q.weights, plain.weights, atol=1e-12)
    assert isinstance(q.distribution, GaussianMixture) and isinstance(slopes[0], GaussianMixture)
    assert q.distribution.covariance_kind == "isotropic"
    assert isinstance(q.scheme, ProductScheme) and isinstance(slopes[1], ProductScheme)
    for g, e in zip(parts(*slopes), expected, strict=True):
        assert g.dtype == jnp.float64
        assert float(e.abs().max()) > 1e-3
        np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "kind"), [("grid in the plane", "full"), ("layers", "isotropic")])
def test_jax_gradients_under_jit_are_finite_differences(shape, kind):
    with enable_x64(True):
        leaves = [jnp.asarray(v) for v in values(kind)]
        function = jax.jit(jax.value_and_grad(functools.partial(certificate, shape, jnp.asarray), tuple(range(7))))
        w2, gradients = function(*leaves)
        assert gradients[0].dtype == jnp.float64
        assert float(w2) == pytest.approx(float(certificate(shape, np.asarray, *values(kind))), rel=1e-12)
        assert_gradients(gradients, shape, kind)


def test_torch_gradients_reach_through_quantize():
    # Optimal levels are stationary, so the derivative of the bound is that of the law alone.
    variance = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)
    q = quantize(GaussianMixture(torch.zeros(1, 1, dtype=torch.float64), variance), n=10)
    (slope,) = torch.autograd.grad(q.w2, variance)
    # d/dv of √D(v) at fixed optimal levels equals that of √v·√D(1).
    assert slope.item() == pytest.approx(0.1514498363 / (2 * 2.0), rel=1e-6)


def test_torch_masses_and_positions_have_gradients():
    levels = torch.tensor(LEVELS, requires_grad=True)
    means = torch.tensor(MEANS, requires_grad=True)
    q = discretize(GaussianMixture(means, torch.tensor(COVS["diagonal"])), ProductScheme([ScalarCodebook(levels)]))
    (g,) = torch.autograd.grad(q.positions[:, 0].sum(), levels, retain_graph=True)
    np.testing.assert_allclose(g, np.ones(3))
    (g,) = torch.autograd.grad(q.weights[0], means)
    h = 1e-6
    shifted = [
        discretize(
            GaussianMixture(MEANS + np.array([s * h, 0.0, 0.0]), COVS["diagonal"]),
            ProductScheme([ScalarCodebook(LEVELS)]),
        ).weights[0]
        for s in (1, -1)
    ]
    assert float(g[:, 0].sum()) == pytest.approx((shifted[0] - shifted[1]) / (2 * h), abs=1e-8)


def as_numpy(dtype):
    return lambda x: np.asarray(x, dtype)


FRAMEWORKS = {
    "numpy-32": (np.ndarray, np.float32, as_numpy(np.float32)),
    "numpy-64": (np.ndarray, np.float64, as_numpy(np.float64)),
    "torch-32": (torch.Tensor, torch.float32, lambda x: torch.tensor(x, dtype=torch.float32)),
    "torch-64": (torch.Tensor, torch.float64, lambda x: torch.tensor(x, dtype=torch.float64)),
    "torch-32-grad": (torch.Tensor, torch.float32, lambda x: torch.tensor(x, dtype=torch.float32, requires_grad=True)),
    "jax-32": (jax.Array, np.float32, lambda x: jnp.asarray(x, dtype=np.float32)),
    "jax-64": (jax.Array, np.float64, lambda x: jnp.asarray(x, dtype=np.float64)),
}


def detached(x) -> np.ndarray:
    return x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


@functools.cache
def in_double(kind, narrow, scheme):
    """The quantization that all frameworks are compared with, of parameters rounded to single precision or not."""
    given = (x.astype(np.float32).astype(float) if narrow else x for x in (MEANS, COVS[kind], WEIGHTS))
    return quantize(GaussianMixture(*given), n=6, scheme=scheme)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "full") for name in FRAMEWORKS),
        *((name, kind) for name in ("numpy-32", "torch-32-grad") for kind in ("isotropic", "diagonal")),
    ],
)
def test_results_come_in_the_framework_and_dtype_of_the_distribution(name, kind):
    array, dtype, make = FRAMEWORKS[name]
    with enable_x64(name == "jax-64"):
        law = GaussianMixture(make(MEANS), make(COVS[kind]), make(WEIGHTS))
        found = [quantize(law, n=6), discretize(law, generate_scheme(law, 6, configuration="product"))]
        if kind == "isotropic":
            found.append(quantize(law, w2=2.0))
        for q in found:
            scalar = np.floating if array is np.ndarray else array
            lower = [(q.w2_lower, ())] if q is found[0] else []
            for x, shape in ((q.positions, (len(q), 3)), (q.weights, (len(q),)), (q.w2, ()), *lower):
                assert isinstance(x, array) or (shape == () and isinstance(x, scalar))
                assert x.dtype == dtype
                assert tuple(x.shape) == shape
            assert isinstance(q.diracs.positions, array)
            assert all(isinstance(a, array) for a in q.scheme.arrays())
        assert float(found[0].w2_lower) <= float(detached(found[0].w2))
        # Points of space have no derivatives: where these are asked for products are taken.
        reference = in_double(kind, "32" in name, "product" if "grad" in name else "auto")
        assert float(detached(found[0].w2)) == pytest.approx(float(reference.w2), rel=1e-5)
        np.testing.assert_allclose(detached(found[0].positions), reference.positions, atol=1e-4)


def exact_w2(positions, weights, mean: float, deviation: float) -> float:
    """W₂ between N(mean, deviation²) and Diracs on the line, by quantiles and quadrature over their cells."""
    from scipy.special import ndtri

    order = np.argsort(positions, kind="stable")
    y, m = (np.asarray(positions, np.float64)[order] - mean) / deviation, np.asarray(weights, np.float64)[order]
    borders = np.concatenate([[-np.inf], ndtri(np.cumsum(m / m.sum())[:-1]), [np.inf]])
    nodes, weight = np.polynomial.legendre.leggauss(20)
    a, b = np.maximum(borders[:-1], -12.0), np.minimum(borders[1:], 12.0)
    # Wide cells in pieces of one deviation.
    fractions = np.linspace(0.0, 1.0, 25)
    total = 0.0
    for lo, hi in itertools.pairwise(fractions):
        left, right = a + (b - a) * lo, a + (b - a) * hi
        x = 0.5 * (left + right)[:, None] + 0.5 * (right - left)[:, None] * nodes
        f = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi) * (x - y[:, None]) ** 2
        total += float((0.5 * (right - left)[:, None] * weight * f).sum())
    return deviation * np.sqrt(total)


@pytest.mark.parametrize(
    ("name", "mean", "deviation", "n"),
    [
        *itertools.product(["numpy-32"], [0.3, 100.0], [0.7], [1, 7, 200]),
        *itertools.product(["torch-32", "torch-32-grad"], [100.0], [1.0], [2, 100]),
        *((name, -3.0, 0.001, 20) for name in ("numpy-32", "torch-32-grad")),
        ("numpy-32", 0.0, 1.0, 1000),
        ("jax-32", 0.3, 0.7, 100),
        ("jax-32", 100.0, 1.0, 100),
    ],
)
def test_single_precision_certificates_cover_the_rounded_positions(name, mean, deviation, n):
    make = FRAMEWORKS[name][2]
    law = Gaussian(make([mean]), make([deviation**2]))
    mean, deviation = float(detached(law.mean)[0]), float(np.sqrt(np.float64(detached(law.cov)[0])))
    q = quantize(law, n=n)
    true = exact_w2(detached(q.positions)[:, 0], detached(q.weights), mean, deviation)
    assert float(detached(q.w2)) >= true * (1 - 1e-11)
    assert float(detached(q.w2)) <= true * (1 + 1e-4) + 1e-6 * (abs(mean) + deviation)


@pytest.mark.parametrize("n", [400, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 50))])
def test_single_precision_certificates_under_jit_cover_their_own_arithmetic(n):
    @jax.jit
    def compiled(mean, levels, scales):
        scheme = ProductScheme([ScalarCodebook(levels)], scales=scales)
        return discretize(GaussianMixture(mean[None], jnp.where(mean == 0, 1.0, 0.0)), scheme)

    levels = quantize(Gaussian(jnp.zeros(1), jnp.ones(1)), n=n).positions[:, 0]
    q = compiled(jnp.zeros(1), levels, jnp.ones(1))
    assert q.positions.dtype == np.float32
    true = exact_w2(np.asarray(q.positions)[:, 0], np.asarray(q.weights), 0.0, 1.0)
    assert true * (1 - 1e-11) <= float(q.w2) <= true * 1.03
    # A point mass beside all levels, at scales whose squares single precision does not have.
    for scale in (1e-20, 1e20):
        w2 = compiled(jnp.asarray([9.0 * scale]), levels, jnp.asarray([scale])).w2
        assert float(w2) == pytest.approx((9.0 - float(levels.max())) * scale, rel=1e-4)


def test_rounded_up_and_rounded_down_against_double_precision():
    for n in (1, 5):
        wide = quantize(GaussianMixture(MEANS.astype(np.float32).astype(float), COVS["isotropic"]), n=n)
        narrow = quantize(GaussianMixture(MEANS.astype(np.float32), COVS["isotropic"].astype(np.float32)), n=n)
        assert float(narrow.w2) >= float(wide.w2)
        assert float(narrow.w2_lower) <= float(wide.w2_lower)


@pytest.fixture(scope="module")
def jax_law():
    return GaussianMixture(jnp.asarray(MEANS), jnp.asarray(COVS["full"]), jnp.asarray(WEIGHTS))


@pytest.fixture(scope="module")
def jax_scheme():
    books = [ScalarCodebook(jnp.asarray(LEVELS)), CrossCodebook(jnp.asarray(RADII), 2)]
    part = ProductScheme(books, jnp.asarray(FRAME), jnp.asarray(OFFSET), jnp.asarray(SCALES))
    return LayeredScheme([part, part], [0, 1, 1])


@pytest.mark.slow
def test_layers_of_crosses_pass_through_jit(jax_law, jax_scheme):
    plain, jitted = discretize(jax_law, jax_scheme), jax.jit(discretize)(jax_law, jax_scheme)
    np.testing.assert_allclose(jitted.positions, plain.positions, atol=1e-5)
    np.testing.assert_allclose(jitted.weights, plain.weights, atol=1e-6)
    assert float(plain.w2) * (1 - 1e-6) <= float(jitted.w2) <= float(plain.w2) * (1 + 1e-4)
    assert jitted.scheme.groups == (0, 1, 1)
    assert isinstance(jitted.distribution, GaussianMixture)
    assert jitted.distribution.covariance_kind == "full"


def test_leaves_of_the_pytrees_are_the_arrays(jax_law, jax_scheme):
    assert len(jax.tree_util.tree_leaves(jax_law)) == 3
    assert len(jax.tree_util.tree_leaves(jax_scheme)) == 10
    gaussian = Gaussian(jnp.zeros(2), jnp.ones(2))
    assert len(jax.tree_util.tree_leaves(gaussian)) == 2
    doubled = jax.tree_util.tree_map(lambda x: 2 * x, jax_law)
    assert isinstance(doubled, GaussianMixture)
    np.testing.assert_allclose(doubled.means, 2 * MEANS, rtol=1e-6)


@pytest.mark.slow
def test_gradients_with_respect_to_whole_objects():
    law = GaussianMixture(jnp.asarray(MEANS), jnp.asarray(COVS["diagonal"]), jnp.asarray(WEIGHTS))
    scheme = ProductScheme([ScalarCodebook(jnp.asarray(LEVELS))], offset=jnp.asarray(OFFSET))
    by_law, by_scheme = jax.jit(jax.grad(lambda a, b: discretize(a, b).w2, argnums=(0, 1)))(law, scheme)
    assert isinstance(by_law, GaussianMixture)
    assert isinstance(by_scheme, ProductScheme)
    # Moving the law is moving the offset the other way.
    np.testing.assert_allclose(by_law.means.sum(axis=0), -by_scheme.offset, atol=1e-5)
    assert by_scheme.codebooks[0].levels.shape == (3,)


@pytest.mark.slow
def test_vmap_over_laws_equals_one_by_one(jax_law, jax_scheme):
    shifts = jnp.asarray([0.0, 0.5, 2.0])
    laws = GaussianMixture(
        jax_law.means + shifts[:, None, None], jnp.stack([jax_law.covs] * 3), jnp.stack([jax_law.weights] * 3)
    )
    mapped = jax.jit(jax.vmap(lambda law: discretize(law, jax_scheme).w2))(laws)
    batched = discretize(laws, jax_scheme)
    for i in range(3):
        alone = discretize(GaussianMixture(laws.means[i], laws.covs[i], laws.weights[i]), jax_scheme)
        assert float(mapped[i]) == pytest.approx(float(alone.w2), rel=1e-4)
        assert float(batched.w2[i]) == float(alone.w2)


@pytest.mark.slow
def test_jacobian_of_positions_and_weights():
    def both(levels, means):
        law = GaussianMixture(means, jnp.asarray(COVS["isotropic"]))
        q = discretize(law, ProductScheme([ScalarCodebook(levels)], offset=jnp.zeros(3)))
        return q.positions, q.weights

    with enable_x64(True):
        levels, means = jnp.asarray(LEVELS), jnp.asarray(MEANS)
        positions, weights = jax.jit(jax.jacobian(both, argnums=(0, 1)))(levels, means)
        np.testing.assert_allclose(positions[0][:, 0], np.eye(3), atol=1e-12)
        assert (np.asarray(positions[1]) == 0).all()
        np.testing.assert_allclose(weights[1].sum(axis=0), 0.0, atol=1e-14)
        # Levels and means moved together move no mass.
        np.testing.assert_allclose(weights[0].sum(axis=1) + weights[1][:, :, 0].sum(axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["numpy-64", "torch-64", "jax-32"])
def test_batches_equal_one_by_one(name):
    make, batch = FRAMEWORKS[name][2], (2, 2)
    rng = np.random.default_rng(1)
    means, roots = rng.normal(size=(*batch, 2, 2)), rng.normal(size=(*batch, 2, 2, 2))
    covs, weights = roots @ np.swapaxes(roots, -1, -2), rng.uniform(size=(*batch, 2))
    covs = (covs + np.swapaxes(covs, -1, -2)) / 2
    law = GaussianMixture(make(means), make(covs), make(weights))
    scheme = ProductScheme([ScalarCodebook(make(LEVELS)), ScalarCodebook(make(RADII))], offset=make([0.1, 0.2]))
    q = discretize(law, scheme)
    assert tuple(q.w2.shape) == tuple(q.w2_lower.shape) == batch
    assert tuple(q.positions.shape) == (*batch, 6, 2)
    assert tuple(q.weights.shape) == (*batch, 6)
    for i in np.ndindex(*batch):
        one = discretize(GaussianMixture(law.means[i], law.covs[i], law.weights[i]), scheme)
        np.testing.assert_array_equal(q.positions[i], one.positions)
        np.testing.assert_allclose(q.weights[i], one.weights, rtol=1e-6)
        assert float(q.w2[i]) == pytest.approx(float(one.w2), rel=1e-6)


def test_torch_and_jax_do_not_mix():
    book = ScalarCodebook(jnp.asarray(LEVELS))
    law = GaussianMixture(torch.tensor(MEANS), torch.tensor(COVS["full"]))
    for mixed in (
        lambda: GaussianMixture(torch.tensor(MEANS), jnp.asarray(COVS["full"])),
        lambda: ProductScheme([ScalarCodebook(torch.tensor(LEVELS))], offset=jnp.asarray(OFFSET)),
        lambda: LayeredScheme([ProductScheme([book]), ProductScheme([ScalarCodebook(torch.tensor(LEVELS))])]),
        lambda: discretize(law, ProductScheme([book])),
        lambda: distance(SumOfDiracs(torch.zeros(2, 2)), PolynomialGrid(jnp.ones((2, 2)))),
        lambda: recertify(PolynomialGrid(torch.ones(2, 2)), SumOfDiracs(jnp.zeros((2, 2)))),
        lambda: propagate(Gaussian(torch.zeros(1), torch.ones(1)), Affine(jnp.eye(1)), None, 1, n=3),
        lambda: propagate(Gaussian(torch.zeros(1), 1.0), Affine(np.eye(1)), Gaussian(jnp.zeros(1), 1.0), 1, n=3),
    ):
        with pytest.raises(TypeError, match=r"one framework, but .* is a torch array.* is a|is a jax array"):
            mixed()


TENSORS = {"torch": torch.tensor, "jax": jnp.asarray}


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
@pytest.mark.parametrize("shape", ["cross and levels", "layers"])
def test_a_scheme_of_numpy_numbers_serves_every_law_and_every_scheme_a_law_of_numpy_numbers(shape, make):
    with enable_x64(True):
        given, tensors = values("full"), [make(v) for v in values("full")]
        expected = float(certificate(shape, np.asarray, *given))
        for mixed in (tensors[:3] + given[3:], given[:3] + tensors[3:], given[:4] + tensors[4:]):
            w2 = certificate(shape, np.asarray, *mixed)
            assert type(w2) is type(tensors[0].sum())
            assert float(w2) == pytest.approx(expected, rel=1e-12)


def test_constants_of_numpy_let_derivatives_through():
    leaves = [torch.tensor(v, requires_grad=True) for v in values("full")]
    w2 = certificate("cross and levels", np.asarray, *leaves[:3], LEVELS, RADII, OFFSET, SCALES)
    found = [*torch.autograd.grad(w2, leaves[:3]), *[None] * 4]
    w2 = certificate("cross and levels", np.asarray, *values("full")[:3], *leaves[3:])
    found[3:] = torch.autograd.grad(w2, leaves[3:])
    assert_gradients(found, "cross and levels", "full")


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_numpy_stands_beside_tensors_everywhere(make):
    points, pixels = np.array([[0.2, 0.3], [0.8, 0.6]]), np.array([[1.0, 2.0], [3.0, 1.0]])
    kind = type(make(0.0))
    with enable_x64(True):
        plain = float(distance(SumOfDiracs(points), PolynomialGrid(pixels)))
        for diracs, grid in ((make(points), pixels), (points, make(pixels))):
            diracs, grid = SumOfDiracs(diracs), PolynomialGrid(grid)
            found = distance(diracs, grid)
            assert isinstance(found, kind)
            assert float(found) == pytest.approx(plain, rel=1e-12)
            plan = optimal_transport_plan(diracs, grid)
            assert isinstance(plan.barycenters, kind)
            assert isinstance(recertify(grid, diracs).w2, kind)
            q = discretize(grid, PointScheme(diracs.positions))
            assert isinstance(q.w2, kind)
            assert float(q.w2) == pytest.approx(float(recertify(PolynomialGrid(pixels), SumOfDiracs(points)).w2))
        assert isinstance(lloyd(PolynomialGrid(make(pixels)), points, iterations=1).positions, kind)
        x, matrix = make(points), np.array([[0.5, 0.0], [0.1, 0.5]])
        for image in (Affine(matrix)(x), Affine(make(matrix))(points)):
            assert isinstance(image, kind)
            np.testing.assert_allclose(np.asarray(image), points @ matrix.T)
        law, noise = Gaussian(make(points[0]), make(np.eye(2))), Gaussian([0.0, 0.0], [0.1, 0.1])
        chain = propagate(law, Affine(matrix), noise, 2, n=5)
        assert isinstance(chain.w2_bound, kind)
        other = propagate(
            Gaussian(points[0], np.eye(2)), Affine(make(matrix)), Gaussian(make(np.zeros(2)), 0.1), 2, n=5
        )
        np.testing.assert_allclose(np.asarray(other.w2_bound), np.asarray(chain.w2_bound), rtol=1e-9)


def test_lists_and_numbers_go_with_every_framework():
    law = GaussianMixture(torch.tensor(MEANS), [1.0, 2.0, 3.0], [1, 1, 2])
    assert law.covs.dtype in (torch.float32, torch.float64)
    assert isinstance(law.weights, torch.Tensor)
    assert GaussianMixture(torch.tensor([[0, 1]]), torch.tensor([1])).means.dtype == torch.get_default_dtype()


def test_quantize_under_tracing_says_what_to_do_instead(jax_law):
    for transformed in (
        lambda: jax.jit(lambda law: quantize(law, n=5).w2)(jax_law),
        lambda: jax.grad(lambda m: quantize(GaussianMixture(m, jax_law.covs), n=5).w2)(jax_law.means),
        lambda: jax.vmap(lambda m: quantize(GaussianMixture(m, jax_law.covs), n=5).w2)(jax_law.means[None]),
    ):
        with pytest.raises(TypeError, match=r"discretize\(distribution, scheme\)"):
            transformed()


def test_no_grad_gives_the_same_numbers_without_a_graph():
    law = GaussianMixture(torch.tensor(MEANS, requires_grad=True), torch.tensor(COVS["full"]))
    scheme = quantize(law, n=10).scheme
    with_graph = discretize(law, scheme)
    with torch.no_grad():
        without = discretize(law, scheme)
    assert with_graph.w2.requires_grad
    assert not without.w2.requires_grad
    assert float(without.w2) == pytest.approx(float(with_graph.w2.detach()), rel=1e-12)


def test_numpy_laws_go_with_jax_schemes_and_bounds_are_rounded_up():
    levels = [-0.75, 0.75]
    for c in np.random.default_rng(0).uniform(0.1, 2.0, 20):
        law = Gaussian([0.0], [c])
        narrow = discretize(law, ProductScheme([ScalarCodebook(jnp.asarray(levels))]))
        wide = discretize(law, ProductScheme([ScalarCodebook(levels)]))
        # Brought to JAX's single precision, the law itself has moved by a rounding of its deviation.
        assert float(narrow.w2) >= float(wide.w2) - 6e-8 * np.sqrt(c)


def test_torch_gradients_of_a_batch_are_those_of_its_members():
    scheme = ProductScheme([ScalarCodebook(torch.tensor(LEVELS))], offset=torch.tensor(OFFSET))
    means = torch.tensor(np.stack([MEANS, MEANS + 1.0]), requires_grad=True)
    covs = torch.tensor(np.stack([COVS["full"]] * 2))
    (together,) = torch.autograd.grad(discretize(GaussianMixture(means, covs), scheme).w2.sum(), means)
    for i in range(2):
        one = means[i].detach().requires_grad_()
        (alone,) = torch.autograd.grad(discretize(GaussianMixture(one, covs[i]), scheme).w2, one)
        torch.testing.assert_close(together[i], alone, rtol=1e-12, atol=1e-14)


def test_torch_function_transforms():
    covs = torch.tensor(COVS["full"])
    scheme = ProductScheme([ScalarCodebook(torch.tensor(LEVELS))] * 2, offset=torch.tensor(OFFSET))

    def bound(means):
        return discretize(GaussianMixture(means, covs), scheme).w2

    means = torch.tensor(MEANS)
    plain = means.clone().requires_grad_()
    (expected,) = torch.autograd.grad(bound(plain), plain)
    torch.testing.assert_close(torch.func.grad(bound)(means), expected)
    torch.testing.assert_close(torch.func.jacrev(bound)(means), expected)
    both = torch.func.vmap(bound)(torch.stack([means, means + 1.0]))
    torch.testing.assert_close(both, torch.stack([bound(means), bound(means + 1.0)]), rtol=1e-9, atol=0.0)
    with pytest.raises(TypeError, match="discretize"):
        torch.func.grad(lambda m: quantize(GaussianMixture(m, covs), n=5).w2)(means)


def test_schemes_are_not_chosen_under_jit():
    for choose in (quantize, generate_scheme):
        with pytest.raises(TypeError, match="discretize"):
            jax.jit(lambda m, choose=choose: choose(GaussianMixture(m, jnp.ones(3)), 5))(jnp.zeros((3, 2)))


@pytest.mark.parametrize("scale", [1e-160, 1e160])
def test_certificates_under_torch_autograd_at_any_scale(scale):
    means = torch.tensor(MEANS * scale, requires_grad=True)
    q = quantize(GaussianMixture(means, torch.zeros(3, dtype=torch.float64)), n=2)
    (slope,) = torch.autograd.grad(q.w2, means)
    assert float(q.w2.detach()) / scale == pytest.approx(float(quantize(GaussianMixture(MEANS, np.zeros(3)), 2).w2))
    assert torch.isfinite(slope).all()


def second_along(function, leaves, directions):
    """The derivative of the gradient of a function along directions, by autograd and by central differences."""

    def gradient(step, keep=False):
        moved = [(v + step * d).requires_grad_() for v, d in zip(leaves, directions)]
        out = function(*moved)
        return moved, torch.autograd.grad(out, moved, create_graph=keep, allow_unused=True, materialize_grads=True)

    moved, slopes = gradient(0.0, keep=True)
    total = sum((s * d).sum() for s, d in zip(slopes, directions))
    found = torch.autograd.grad(total, moved, allow_unused=True, materialize_grads=True)
    h = 1e-5
    return found, [(a - b) / (2 * h) for a, b in zip(gradient(h)[1], gradient(-h)[1])]


def assert_second_derivatives(function, leaves, seed=0, tolerance=1e-6):
    rng = np.random.default_rng(seed)
    directions = [torch.tensor(rng.normal(size=tuple(v.shape))) for v in leaves]
    directions = [(d + d.mT) / 2 if d.ndim == 3 else d for d in directions]
    found, expected = second_along(function, leaves, directions)
    assert max(float(abs(e).max()) for e in expected) > 1e-3
    for f, e in zip(found, expected):
        if f.ndim == 3:
            f, e = (f + f.mT) / 2, (e + e.mT) / 2
        np.testing.assert_allclose(f, e, atol=tolerance)


@pytest.mark.parametrize(
    ("shape", "kind"), shapes_and_kinds(("grid in the plane", "isotropic"), ("cross and levels", "diagonal"))
)
def test_second_derivatives_of_certificates_are_finite_differences_of_the_first(shape, kind):
    leaves = [torch.tensor(v) for v in values(kind)]
    assert_second_derivatives(functools.partial(certificate, shape, torch.tensor), leaves)


@pytest.mark.slow
def test_second_derivatives_under_jax_are_those_of_torch():
    arrays = values("full")
    direction = np.random.default_rng(2).normal(size=np.shape(MEANS))
    with enable_x64(True):
        slope = jax.grad(functools.partial(certificate, "grid in space", jnp.asarray))
        given, towards = [jnp.asarray(x) for x in arrays], jnp.asarray(direction)
        along = jax.jit(lambda *x: jax.jvp(lambda m: slope(m, *x[1:]), (x[0],), (towards,))[1])
        found = np.asarray(along(*given))
    rest = [torch.tensor(v) for v in arrays[1:]]

    def bound(means):
        return certificate("grid in space", torch.tensor, means, *rest)

    expected = torch.autograd.functional.hvp(bound, torch.tensor(MEANS), torch.tensor(direction))[1]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_second_derivatives_at_equal_eigenvalues():
    """A full covariance that happens to be a multiple of the identity, and one codebook for all axes."""

    def bound(means, covs, levels):
        scheme = ProductScheme([ScalarCodebook(levels)] * 3, offset=torch.zeros(3, dtype=torch.float64))
        return discretize(GaussianMixture(means, covs), scheme).w2

    leaves = [torch.zeros(1, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[None], torch.tensor(LEVELS)]
    assert_second_derivatives(bound, leaves)


@pytest.mark.parametrize("rank", [1, 2])
def test_second_derivatives_of_singular_covariances_along_their_factors(rank):
    def bound(means, factor, levels):
        book = ScalarCodebook(levels)
        return discretize(Gaussian(means, factor @ factor.mT), ProductScheme([book, book, book])).w2

    factor = torch.tensor(np.random.default_rng(5).normal(size=(3, rank)))
    assert_second_derivatives(bound, [torch.tensor(MEANS[0]), factor, torch.tensor(LEVELS)])


@pytest.mark.parametrize("variance", [1.0, 0.04])
def test_second_derivatives_where_a_cell_lies_about_the_mean(variance):
    def bound(mean, variance, levels):
        return discretize(Gaussian(mean, variance), ProductScheme([ScalarCodebook(levels)])).w2

    leaves = [torch.tensor([m], dtype=torch.float64) for m in (0.0, variance)]
    assert_second_derivatives(bound, [*leaves, torch.tensor([-4.0, 0.0, 4.0], dtype=torch.float64)])


def test_masses_have_derivatives_where_a_border_meets_a_mark_of_the_quadrature():
    """Cells of two symmetric levels about the mean: their border is at 0, where integration begins anew."""
    cov = np.array([[1.0, 0.6], [0.6, 1.0]])

    def weights(mean, convert):
        books = [ScalarCodebook(convert(np.array([-1.0, 1.0])))] * 2
        return discretize(Gaussian(mean, convert(cov)), ProductScheme(books)).weights

    found = torch.autograd.functional.jacobian(lambda m: weights(m, torch.tensor), torch.zeros(2, dtype=torch.float64))
    h = 1e-5
    for axis in range(2):
        ends = [weights(s * h * np.eye(2)[axis], np.asarray) for s in (1, -1)]
        np.testing.assert_allclose(found[:, axis], (ends[0] - ends[1]) / (2 * h), atol=1e-9)
