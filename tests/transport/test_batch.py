"""Batches of transport problems beside single calls: values, gradients, second derivatives, errors."""

import warnings

import numpy as np
import pytest
from optional import optional
from precision import enable_x64

from diracs import GaussianMixture, Mesh, PolynomialGrid, SumOfDiracs, distance, set_threads

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

RNG = np.random.default_rng(5)
B, N = 5, 12
POSITIONS, MASSES = RNG.random((B, N, 2)), RNG.random((B, N)) + 0.1
VALUES = RNG.random((B, 6, 4)) + 0.1
GRID = PolynomialGrid(VALUES[0])
MEANS, COVS, WEIGHTS = RNG.random((B, 3, 2)), RNG.random((B, 3)) + 0.1, RNG.random((B, 3)) + 0.1
SINGLE = np.array([distance(SumOfDiracs(p, m), GRID) for p, m in zip(POSITIONS, MASSES, strict=True)])


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_numpy_batches_are_single_calls_whatever_the_threads(threads):
    with set_threads(threads):
        np.testing.assert_array_equal(distance(SumOfDiracs(POSITIONS, MASSES), GRID), SINGLE)


def test_leading_axes_broadcast():
    found = distance(SumOfDiracs(POSITIONS[:4].reshape(2, 2, N, 2), MASSES[:4].reshape(2, 2, N)), GRID)
    np.testing.assert_array_equal(found, SINGLE[:4].reshape(2, 2))
    grids = [PolynomialGrid(v) for v in VALUES]
    one = SumOfDiracs(POSITIONS[0], MASSES[0])
    np.testing.assert_array_equal(distance(one, grids), [distance(one, grid) for grid in grids])
    pairs = distance(SumOfDiracs(POSITIONS[:3, None], MASSES[:3, None]), grids[:2])
    wanted = [[distance(SumOfDiracs(POSITIONS[i], MASSES[i]), grids[j]) for j in range(2)] for i in range(3)]
    np.testing.assert_array_equal(pairs, wanted)


def test_batches_of_mixtures_and_sequences_of_meshes_and_laws():
    mixtures = GaussianMixture(MEANS, COVS, WEIGHTS)
    diracs = SumOfDiracs(POSITIONS, MASSES)
    wanted = [
        distance(SumOfDiracs(p, m), GaussianMixture(*law))
        for p, m, law in zip(POSITIONS, MASSES, zip(MEANS, COVS, WEIGHTS, strict=True), strict=True)
    ]
    np.testing.assert_array_equal(distance(diracs, mixtures), wanted)
    corners, triangles = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[0, 1, 2], [1, 3, 2]]
    meshes = [Mesh(corners, triangles, v) for v in ([1.0, 2.0], [3.0, 1.0])]
    found = distance(SumOfDiracs(POSITIONS[:2]), meshes)
    wanted = [distance(SumOfDiracs(p), mesh) for p, mesh in zip(POSITIONS, meshes, strict=False)]
    np.testing.assert_array_equal(found, wanted)
    line = distance(SumOfDiracs(POSITIONS[..., :1]), PolynomialGrid([1.0, 2.0]))
    np.testing.assert_array_equal(line[3], distance(SumOfDiracs(POSITIONS[3, :, :1]), PolynomialGrid([1.0, 2.0])))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_gradients_of_batches_are_those_of_single_calls(dtype):
    scale = torch.arange(1.0, B + 1, dtype=dtype)

    def leaves():
        return [torch.tensor(x, dtype=dtype, requires_grad=True) for x in (POSITIONS, MASSES, VALUES[0])]

    y, m, v = leaves()
    together = distance(SumOfDiracs(y, m), PolynomialGrid(v))
    assert together.dtype == dtype and together.shape == (B,)
    (together * scale).sum().backward()
    z, k, w = leaves()
    singly = torch.stack([distance(SumOfDiracs(a, b), PolynomialGrid(w)) for a, b in zip(z, k, strict=True)])
    (singly * scale).sum().backward()
    torch.testing.assert_close(together, singly, rtol=0, atol=0)
    # What problems share has the sum of their derivatives.
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    for one, other in ((y, z), (m, k), (v, w)):
        torch.testing.assert_close(one.grad, other.grad, rtol=tolerance, atol=tolerance)


def test_torch_gradients_in_a_sequence_of_densities():
    values = torch.tensor(VALUES, requires_grad=True)
    distance(SumOfDiracs(torch.tensor(POSITIONS), MASSES), [PolynomialGrid(v) for v in values]).sum().backward()
    for k in range(B):
        v = torch.tensor(VALUES[k], requires_grad=True)
        distance(SumOfDiracs(torch.tensor(POSITIONS[k]), MASSES[k]), PolynomialGrid(v)).backward()
        torch.testing.assert_close(values.grad[k], v.grad)


def test_torch_forward_mode_of_batches():
    y, step = torch.tensor(POSITIONS), torch.tensor(RNG.standard_normal(POSITIONS.shape))

    def cost(p):
        return distance(SumOfDiracs(p, MASSES), GRID)

    values, moved = torch.func.jvp(cost, (y,), (step,))
    np.testing.assert_allclose(values, SINGLE, rtol=1e-14)
    slopes = torch.func.grad(lambda p: cost(p).sum())
    torch.testing.assert_close(moved, (slopes(y) * step).sum((1, 2)))
    curved = torch.func.jvp(slopes, (y,), (step,))[1]
    for k in (0, 3):
        torch.testing.assert_close(curved[k].ravel(), hessian_of_one(k) @ step[k].ravel())


def test_torch_compile_takes_batches():
    y, m = (torch.tensor(x, requires_grad=True) for x in (POSITIONS, MASSES))
    grid = PolynomialGrid(torch.tensor(VALUES[0]))
    with warnings.catch_warnings():
        # The compiler has nothing to warn of in the front door.
        warnings.filterwarnings("error", message="Dynamo detected")
        compiled = torch.compile(lambda p, q: distance(SumOfDiracs(p, q), grid), backend="aot_eager", fullgraph=True)
        found = compiled(y, m)
    torch.testing.assert_close(found.detach(), torch.tensor(SINGLE), rtol=1e-12, atol=0.0)
    (slope,) = torch.autograd.grad(found.sum(), y)
    (wanted,) = torch.autograd.grad(distance(SumOfDiracs(y, m), grid).sum(), y)
    torch.testing.assert_close(slope, wanted, rtol=1e-12, atol=1e-14)


def hessian_of_one(k):
    def value(y):
        return distance(SumOfDiracs(y, MASSES[k]), GRID)

    return torch.autograd.functional.hessian(value, torch.tensor(POSITIONS[k])).reshape(2 * N, 2 * N)


def test_torch_second_derivatives_of_batches():
    y = torch.tensor(POSITIONS, requires_grad=True)
    step = torch.tensor(RNG.standard_normal(POSITIONS.shape))
    total = distance(SumOfDiracs(y, MASSES), GRID).square().sum()
    (slope,) = torch.autograd.grad(total, y, create_graph=True)
    (found,) = torch.autograd.grad((slope * step).sum(), y)
    for k in (0, 3):
        value, own = SINGLE[k], step[k].ravel()
        first = (slope[k] / (2.0 * value)).detach().ravel()
        wanted = 2.0 * value * hessian_of_one(k) @ own + 2.0 * first * (first @ own)
        torch.testing.assert_close(found[k].ravel(), wanted)


@pytest.mark.parametrize("wide", [False, True])
def test_jax_gradients_of_batches_are_those_of_single_calls(wide):
    with enable_x64(wide):

        def cost(y, m, v):
            return distance(SumOfDiracs(y, m), PolynomialGrid(v))

        def total(y, m, v):
            return (cost(y, m, v) * jnp.arange(1.0, B + 1)).sum()

        arrays = [jnp.asarray(x) for x in (POSITIONS, MASSES, VALUES[0])]
        values = cost(*arrays)
        assert values.dtype == arrays[0].dtype and values.shape == (B,)
        np.testing.assert_allclose(values, SINGLE, rtol=1e-9 if wide else 1e-5)
        by_positions, by_masses, by_values = jax.jit(jax.grad(total, (0, 1, 2)))(*arrays)
        shared = 0.0
        for k in range(B):
            slopes = jax.grad(cost, (0, 1, 2))(arrays[0][k], arrays[1][k], arrays[2])
            np.testing.assert_allclose(by_positions[k], (k + 1) * slopes[0], rtol=1e-4, atol=1e-12 if wide else 1e-6)
            np.testing.assert_allclose(by_masses[k], (k + 1) * slopes[1], rtol=1e-4, atol=1e-12 if wide else 1e-6)
            shared = shared + (k + 1) * slopes[2]
        np.testing.assert_allclose(by_values, shared, rtol=1e-4, atol=1e-12 if wide else 1e-6)


def test_jax_second_derivatives_of_batches():
    with enable_x64(True):
        y, step = jnp.asarray(POSITIONS[:2]), jnp.asarray(RNG.standard_normal((2, N, 2)))

        def total(z):
            return distance(SumOfDiracs(z, MASSES[:2]), GRID).sum()

        found = jax.jvp(jax.grad(total), (y,), (step,))[1]
        for k in range(2):
            np.testing.assert_allclose(found[k].ravel(), hessian_of_one(k).numpy() @ step[k].ravel(), atol=1e-9)


def test_nested_vmaps_are_batches_too():
    y = torch.tensor(POSITIONS[:4]).reshape(2, 2, N, 2)
    values = torch.tensor(VALUES[:2])

    def cost(p, v):
        return distance(SumOfDiracs(p), PolynomialGrid(v))

    over = torch.func.vmap(torch.func.vmap(cost, (0, None)), (1, 0))
    slopes = torch.func.vmap(torch.func.vmap(torch.func.grad(cost), (0, None)), (1, 0))
    found, moved = over(y, values), slopes(y, values)
    with enable_x64(True):
        jaxed = jax.vmap(jax.vmap(cost, (0, None)), (1, 0))(jnp.asarray(y.numpy()), jnp.asarray(VALUES[:2]))
    for i in range(2):
        for j in range(2):
            single = y[j, i].clone().requires_grad_()
            wanted = cost(single, values[i])
            wanted.backward()
            torch.testing.assert_close(found[i, j], wanted.detach())
            torch.testing.assert_close(moved[i, j], single.grad)
            np.testing.assert_allclose(jaxed[i, j], wanted.detach(), rtol=1e-12)


def test_vmaps_over_nothing_give_nothing():
    def cost(p):
        return distance(SumOfDiracs(p), GRID)

    assert jax.vmap(cost)(jnp.zeros((0, N, 2))).shape == (0,)
    with pytest.raises(ValueError, match=r"positions must not be empty, got shape \(0, 12, 2\)"):
        SumOfDiracs(np.zeros((0, N, 2)))
    with pytest.raises(ValueError, match="density must not be an empty sequence"):
        distance(SumOfDiracs(POSITIONS), [])


def test_errors_name_the_problem():
    far = POSITIONS.copy()
    far[3, 0], far[4, 1] = 1e14, 1e15
    for given in (far, torch.tensor(far)):
        for threads in (1, 2):
            with set_threads(threads), pytest.raises(ValueError, match="problem 3 of the batch: positions"):
                distance(SumOfDiracs(given), GRID)
    covs = np.ones((B, 3, 2))
    covs[2, 1, 0] = 0.0
    with pytest.raises(ValueError, match=r"problem 2 of the batch: .*covariances positive definite"):
        distance(SumOfDiracs(POSITIONS), GaussianMixture(MEANS, covs))
    found = distance(SumOfDiracs(jnp.asarray(POSITIONS)), GaussianMixture(jnp.asarray(MEANS), jnp.asarray(covs)))
    assert np.isnan(found).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("diracs", "density", "message"),
    [
        (SumOfDiracs(POSITIONS), [GRID, GRID], r"broadcast, got \(5,\) and \(2,\)"),
        (SumOfDiracs(POSITIONS), [GRID] * 4 + [PolynomialGrid(np.ones((2, 2)))], "one kind, shape and domain.*at 4"),
        (SumOfDiracs(POSITIONS[:2]), [GRID, PolynomialGrid(VALUES[0], [[0, 0], [1, 2]])], "one kind, shape and domain"),
        (SumOfDiracs(POSITIONS), PolynomialGrid([1.0, 2.0]), "dimension 2, but density in dimension 1"),
    ],
)
def test_what_does_not_go_together_is_refused(diracs, density, message):
    with pytest.raises(ValueError, match=message):
        distance(diracs, density)
    with pytest.raises(TypeError, match="density"):
        distance(SumOfDiracs(POSITIONS), [GRID, "image"])
    with pytest.raises(TypeError, match="one framework"):
        distance(SumOfDiracs(torch.tensor(POSITIONS)), PolynomialGrid(jnp.ones((2, 2))))


def test_gradients_in_numbers_of_laws_on_the_line():
    y = torch.tensor(POSITIONS[..., :1])
    loc, scale = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.5, 2.0))
    distance(SumOfDiracs(y), torch.distributions.Laplace(loc, scale)).sum().backward()
    together = loc.grad.clone(), scale.grad.clone()
    loc.grad = scale.grad = None
    for one in y:
        distance(SumOfDiracs(one), torch.distributions.Laplace(loc, scale)).backward()
    torch.testing.assert_close(together, (loc.grad, scale.grad))
