"""Derivatives of the distance against finite differences, and the tutorials in both frameworks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from diracs import PolynomialGrid, SumOfDiracs, distance

RNG = np.random.default_rng(0)
POSITIONS = {1: RNG.random((7, 1)), 2: RNG.random((12, 2))}
MASSES = {1: RNG.random(7), 2: RNG.random(12)}
VALUES = {1: RNG.random(5), 2: RNG.random((4, 3))}


def cost(positions, masses, values):
    return distance(SumOfDiracs(positions, masses), PolynomialGrid(values))


def differences(d):
    """Central differences of the NumPy path in all arguments."""
    arguments = [POSITIONS[d], MASSES[d], VALUES[d]]
    slopes = []
    for number, argument in enumerate(arguments):
        slope = np.empty_like(argument)
        for index in np.ndindex(argument.shape):
            ends = []
            for step in (1e-5, -1e-5):
                changed = [a.copy() for a in arguments]
                changed[number][index] += step
                ends.append(cost(*changed))
            slope[index] = (ends[0] - ends[1]) / 2e-5
        slopes.append(slope)
    return slopes


@pytest.mark.parametrize("d", [1, 2])
def test_torch_gradients(d):
    arguments = [torch.tensor(a, requires_grad=True) for a in (POSITIONS[d], MASSES[d], VALUES[d])]
    cost(*arguments).backward()
    for argument, slope in zip(arguments, differences(d)):
        np.testing.assert_allclose(argument.grad.numpy(), slope, atol=2e-7)


@pytest.mark.parametrize("d", [1, 2])
def test_jax_gradients_under_jit(d):
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with enable(True):
        arguments = [jnp.asarray(a) for a in (POSITIONS[d], MASSES[d], VALUES[d])]
        slopes = jax.jit(jax.grad(cost, argnums=(0, 1, 2)))(*arguments)
        for found, slope in zip(slopes, differences(d)):
            np.testing.assert_allclose(np.asarray(found), slope, atol=2e-7)


def test_jax_in_single_precision_and_vmap():
    positions = jnp.asarray(np.stack([POSITIONS[2], POSITIONS[2][::-1], POSITIONS[2] ** 2]))
    target = PolynomialGrid(jnp.asarray(VALUES[2]))
    together = jax.vmap(lambda p: distance(SumOfDiracs(p), target))(positions)
    assert together.dtype == jnp.float32
    for value, one in zip(together, positions):
        exact = distance(SumOfDiracs(np.asarray(one, dtype=float)), PolynomialGrid(VALUES[2]))
        assert float(value) == pytest.approx(float(exact), rel=1e-5)


def test_dtype_and_framework_are_kept():
    target = PolynomialGrid(VALUES[2])
    assert distance(SumOfDiracs(POSITIONS[2].astype(np.float32)), target).dtype == np.float32
    out = distance(SumOfDiracs(torch.tensor(POSITIONS[2])), target)
    assert isinstance(out, torch.Tensor) and out.dtype == torch.float64


def test_jax_tutorial():
    t = jnp.linspace(0, 1, 64)
    x, y = jnp.meshgrid(t, t)
    target_img = jnp.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + jnp.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
    target = PolynomialGrid(values=target_img)

    @jax.jit
    def loss(positions):
        return distance(SumOfDiracs(positions), target)

    positions = jnp.array(np.random.default_rng(0).random((200, 2)))
    lr = 5e-3
    first = None
    for _ in range(50):
        val, grad = jax.value_and_grad(loss)(positions)
        first = float(val) if first is None else first
        positions = positions - lr * grad
    assert float(val) < first


def test_torch_tutorial():
    t = torch.linspace(0, 1, 64, dtype=torch.float64)
    x, y = torch.meshgrid(t, t, indexing="ij")
    image = torch.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + torch.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))
    target = PolynomialGrid(values=image)
    positions = torch.tensor(np.random.default_rng(0).random((200, 2)), requires_grad=True)
    optimizer = torch.optim.Adam([positions], lr=5e-3)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = distance(SumOfDiracs(positions), target)
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.5 * values[0]


def test_broken_values_under_jit_give_nan():
    target = PolynomialGrid(VALUES[2])
    loss = jax.jit(lambda y: distance(SumOfDiracs(y), target))
    assert np.isnan(loss(jnp.full((3, 2), jnp.nan)))
    assert np.isnan(jax.grad(loss)(jnp.full((3, 2), jnp.inf))).all()
    assert np.isnan(
        jax.jit(lambda m: distance(SumOfDiracs(jnp.asarray(POSITIONS[2]), m), target))(jnp.ones(12).at[3].set(-1.0))
    )


def test_values_have_the_right_gradient_beside_a_dirac_without_mass():
    def slope(positions, masses):
        values = torch.ones((4, 1), dtype=torch.float64, requires_grad=True)
        cost(torch.tensor(positions), torch.tensor(masses), values).backward()
        return values.grad

    both = slope([[0.2, 0.5], [0.6, 0.5]], [1.0, 0.0])
    torch.testing.assert_close(both, slope([[0.2, 0.5]], [1.0]))
