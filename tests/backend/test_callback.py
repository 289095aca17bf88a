"""A NumPy function with its derivative in PyTorch and JAX: a toy whose derivatives are known."""

import numpy as np
import pytest
from optional import optional
from precision import enable_x64

from diracs.backend.callback import InvalidValues, NumpyFunction

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

WANTED: list[tuple[bool, ...]] = []
THIRD = 1.0 / 3.0


def value(numbers, arrays):
    """x² + a y and Σ x y; a third is kept."""
    x, y = arrays
    if np.isnan(x).any():
        raise InvalidValues("x must be a number")
    return [(x * x + numbers[0] * y).astype(x.dtype), np.asarray((x * y).sum(), x.dtype)], [np.full(x.shape, THIRD)]


def pullback(numbers, arrays, kept, along, wanted):
    x, y = arrays
    if np.isnan(x).any():
        raise InvalidValues("x must be a number")
    WANTED.append(tuple(wanted))
    # In full double precision, whatever the frameworks work in.
    np.testing.assert_array_equal(kept[0], THIRD)
    return [2 * x * along[0] + y * along[1], numbers[0] * along[0] + x * along[1]]


TOY = NumpyFunction("toy", "the toy", 2, lambda s: ([s[0], ()], [s[0]]), value, pullback)
X, Y = np.array([1.0, 2.0, -3.0]), np.array([0.5, -1.0, 4.0])


def total(x, y, a=3.0):
    first, second = TOY((a,), x, y)
    return first.sum() + 2.0 * second


SLOPES = 2 * X + 2 * Y, 3.0 + 2 * X


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_autograd_and_function_transforms(dtype):
    x, y = (torch.tensor(v, dtype=dtype, requires_grad=True) for v in (X, Y))
    out = total(x, y)
    assert out.dtype == dtype and float(out.detach()) == pytest.approx(total(X, Y))
    for found in (torch.autograd.grad(out, (x, y)), torch.func.grad(total, (0, 1))(x.detach(), y.detach())):
        for slope, expected in zip(found, SLOPES):
            np.testing.assert_allclose(slope, expected)
    assert WANTED[-1] == (True, True)
    torch.autograd.grad(total(x, y.detach()), x)
    assert WANTED[-1] == (True, False)

    batch = torch.stack([x.detach(), 2 * x.detach()], dim=1)
    rows = torch.func.vmap(total, in_dims=(1, None))(batch, y.detach())
    np.testing.assert_allclose(rows, [total(X, Y), total(2 * X, Y)], rtol=1e-6)
    slopes = torch.func.vmap(torch.func.grad(total), in_dims=(1, None))(batch, y.detach())
    np.testing.assert_allclose(slopes, [SLOPES[0], 4 * X + 2 * Y], rtol=1e-6)
    both = torch.func.jacrev(lambda x: TOY((3.0,), x, y.detach())[0])(x.detach())
    np.testing.assert_allclose(both, np.diag(2 * X), rtol=1e-6)
    nested = torch.func.vmap(torch.func.vmap(total, (1, None)), (None, 0))(batch, torch.stack([y, -y]).detach())
    expected = [[total(k * X, s * Y) for k in (1, 2)] for s in (1, -1)]
    np.testing.assert_allclose(nested, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "utility",
    [
        "test_schema",
        "test_autograd_registration",
        "test_faketensor",
        pytest.param("test_aot_dispatch_dynamic", marks=pytest.mark.slow),
    ],
)
def test_torch_operators_are_sound(utility):
    y = torch.tensor(Y)
    for x in (torch.tensor(X, requires_grad=True), torch.tensor(X)):
        TOY((3.0,), x, y)  # registers it
        torch.library.opcheck(torch.ops.diracs.toy.default, ([3.0], 0, x, y), test_utils=utility)


@pytest.mark.parametrize("wide", [False, True])
def test_jax_gradients_keep_what_is_kept_in_double_precision(wide):
    @jax.jit
    def slopes(x, y):
        by_columns = jax.vmap(jax.grad(total), (1, None))(jnp.stack([x, 2 * x], axis=1), y)
        return jax.grad(total, (0, 1))(x, y), jax.grad(total, 1)(x, y), by_columns

    with enable_x64(wide):
        x, y = jnp.asarray(X), jnp.asarray(Y)
        WANTED.clear()
        both, second, batch = slopes(x, y)
        np.testing.assert_allclose(second, SLOPES[1], rtol=1e-6)
        np.testing.assert_allclose(batch, [SLOPES[0], 4 * X + 2 * Y], rtol=1e-6)
        assert sorted(set(WANTED)) == [(False, True), (True, False), (True, True)]
        # Compiled or operation by operation.
        for found in (both, jax.grad(total, (0, 1))(x, y)):
            for slope, expected in zip(found, SLOPES):
                assert slope.dtype == x.dtype
                np.testing.assert_allclose(slope, expected, rtol=1e-6)


def test_broken_values_are_nan_in_jax_and_an_error_elsewhere():
    bad = np.full(3, np.nan)
    assert np.isnan(total(jnp.asarray(bad), jnp.asarray(Y)))
    assert np.isnan(jax.jit(jax.grad(total))(jnp.asarray(bad), jnp.asarray(Y))).all()
    for x in (bad, torch.tensor(bad)):
        with pytest.raises(ValueError, match="x must be a number"):
            total(x, torch.tensor(Y) if isinstance(x, torch.Tensor) else Y)


def test_constants_of_numpy_go_with_tensors_and_with_jax():
    x = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    np.testing.assert_allclose(torch.autograd.grad(total(x, Y), x)[0], SLOPES[0])
    np.testing.assert_allclose(jax.grad(total)(jnp.asarray(X), Y), SLOPES[0])


def test_second_derivatives_are_an_error_in_torch():
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y)
    with pytest.raises(RuntimeError, match="second derivatives of the toy"):
        torch.autograd.functional.hessian(lambda x: total(x, y), x)
    (slope,) = torch.autograd.grad(total(x, y), x, create_graph=True)
    with pytest.raises(RuntimeError, match="second derivatives of the toy"):
        slope.square().sum().backward()
    for function in (
        torch.func.hessian(total),
        torch.func.jacrev(torch.func.jacrev(total)),
        torch.func.jacfwd(torch.func.jacrev(total)),
        torch.func.jacrev(torch.func.jacfwd(total)),
        torch.func.grad(lambda x, y: torch.func.grad(total)(x, y).square().sum()),
    ):
        with pytest.raises(RuntimeError, match="second derivatives of the toy"):
            function(x.detach(), y)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_second_derivatives_are_an_error_in_jax(transform):
    x, y = jnp.asarray(X), jnp.asarray(Y)
    for function in (
        jax.hessian(total),
        jax.jacrev(jax.grad(total)),
        jax.grad(lambda x, y: (jax.grad(total)(x, y) ** 2).sum()),
        jax.grad(lambda x, y: (transform(jax.grad(total))(x, y) ** 2).sum()),
    ):
        with pytest.raises(NotImplementedError, match="second derivatives of the toy"):
            transform(function)(x, y)


# --- A number with second derivatives in its first two arrays, the third a parameter ----------------------------------


def cubic(numbers, arrays):
    """Σ z (x³ + x y²)."""
    x, y, z = arrays
    return [np.asarray((z * (x**3 + x * y**2)).sum(), x.dtype)], [np.full(x.shape, THIRD)]


def cubic_pullback(numbers, arrays, kept, along, wanted):
    x, y, z = arrays
    return [along[0] * s for s in (z * (3 * x**2 + y**2), 2 * z * x * y, x**3 + x * y**2)]


def cubic_hessian(numbers, arrays, kept, along):
    x, y, z = arrays
    a, b = along
    np.testing.assert_array_equal(kept[0], THIRD)
    return [z * (6 * x * a + 2 * y * b), z * (2 * y * a + 2 * x * b)]


CUBIC = NumpyFunction(
    "cubic",
    "the cubic",
    3,
    lambda s: ([()], [s[0]]),
    cubic,
    cubic_pullback,
    constants="its parameter",
    twice=2,
    hessian=cubic_hessian,
)
FIXED = NumpyFunction(
    "fixed", "the fixed", 3, lambda s: ([()], [s[0]]), cubic, cubic_pullback, smooth=2, constants="its parameter"
)
Z = np.array([0.3, -1.0, 2.0])
BLOCKS = [[np.diag(6 * Z * X), np.diag(2 * Z * Y)], [np.diag(2 * Z * Y), np.diag(2 * Z * X)]]


def check_blocks(found):
    for row, expected in zip(found, BLOCKS):
        for block, exact in zip(row, expected):
            np.testing.assert_allclose(block, exact, rtol=1e-6)


def test_second_derivatives_in_torch():
    x, y, z = (torch.tensor(v) for v in (X, Y, Z))
    value = lambda x, y: 2.0 * CUBIC((), x, y, z)[0] / 2.0  # noqa: E731
    check_blocks(torch.autograd.functional.hessian(value, (x, y)))
    check_blocks(torch.func.hessian(value, (0, 1))(x, y))
    check_blocks(torch.func.jacrev(torch.func.jacrev(value, (0, 1)), (0, 1))(x, y))
    leaves = [v.clone().requires_grad_() for v in (x, y)]
    assert torch.autograd.gradcheck(value, leaves) and torch.autograd.gradgradcheck(value, leaves)
    batch = torch.func.vmap(torch.func.hessian(value), (0, None))(torch.stack([x, 2 * x]), y)
    np.testing.assert_allclose(batch, [np.diag(6 * Z * X), np.diag(12 * Z * X)])


@pytest.mark.parametrize("utility", ["test_schema", "test_autograd_registration", "test_faketensor"])
def test_operators_of_derivatives_are_sound(utility):
    arrays = [torch.tensor(v) for v in (X, Y, Z)]
    CUBIC((), *arrays)
    kept, one = torch.full((3,), THIRD, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    arguments = ([], 0, [True, True, False], *arrays, kept, one)
    torch.library.opcheck(torch.ops.diracs.cubic_slopes.default, arguments, test_utils=utility)
    arguments = ([], 0, *arrays, kept, *arrays[:2])
    torch.library.opcheck(torch.ops.diracs.cubic_curvature.default, arguments, test_utils=utility)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("wide", [False, True])
def test_second_derivatives_in_jax(transform, wide):
    with enable_x64(wide):
        x, y, z = (jnp.asarray(v) for v in (X, Y, Z))
        value = lambda x, y: CUBIC((), x, y, z)[0]  # noqa: E731
        check_blocks(transform(jax.hessian(value, (0, 1)))(x, y))
        check_blocks(transform(jax.jacrev(jax.grad(value, (0, 1)), (0, 1)))(x, y))
        batch = transform(jax.vmap(jax.hessian(value), (0, None)))(jnp.stack([x, 2 * x]), y)
        np.testing.assert_allclose(batch, [np.diag(6 * Z * X), np.diag(12 * Z * X)], rtol=1e-6)


def test_what_has_no_derivatives_is_refused_by_name():
    x, y, z = (torch.tensor(v, requires_grad=True) for v in (X, Y, Z))
    with pytest.raises(NotImplementedError, match="derivatives of the fixed in its parameter are not available"):
        torch.autograd.grad(FIXED((), x, y, z)[0], x)
    assert torch.autograd.grad(FIXED((), x, y, z.detach())[0], x)[0].shape == (3,)
    with pytest.raises(NotImplementedError, match="derivatives of the fixed in its parameter are not available"):
        jax.grad(lambda z: FIXED((), jnp.asarray(X), Y, z)[0])(jnp.asarray(Z))
    with pytest.raises(NotImplementedError, match="second derivatives of the cubic are not available in its parameter"):
        jax.hessian(lambda z: CUBIC((), jnp.asarray(X), Y, z)[0])(jnp.asarray(Z))
    # The forward mode of PyTorch cannot tell what moves: it says so with the values.
    mixed = torch.func.jvp(lambda z: torch.func.grad(lambda x: CUBIC((), x, y, z)[0])(x), (z,), (z,))[1]
    assert mixed.isnan().all()
