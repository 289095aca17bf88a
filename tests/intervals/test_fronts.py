"""The same functions in NumPy, PyTorch and JAX have the same bounds, and these hold the frameworks' own Jacobians."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diracs.intervals import jacobian_of, value_of

RNG = np.random.default_rng(8)
CENTERS = RNG.normal(size=(25, 2))
BOXES = np.stack([CENTERS - 0.15, CENTERS + 0.15], axis=1)


@pytest.fixture(autouse=True)
def double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with jax.enable_x64(True):
        yield
    torch.set_default_dtype(before)


def points(n):
    t = np.random.default_rng(1).random((n, *CENTERS.shape))
    t[: n // 3] = np.round(t[: n // 3])
    return BOXES[:, 0] + t * 0.3


def assert_holds(f, jacobian, values, n=9):
    """The framework's values and Jacobians at points of the boxes."""
    low, high = jacobian_of(f, 2)(BOXES)
    below, above = value_of(f, 2)(BOXES)
    for x in points(n):
        found, y = jacobian(x), values(x)
        slack, margin = (1e-12 * (1 + np.abs(a)) for a in (found, y))
        assert found.shape == low.shape
        assert (low <= found + slack).all() and (found - slack <= high).all()
        assert (below <= y + margin).all() and (y - margin <= above).all()
    # Not just anything: as wide as the boxes make it.
    assert (high - low).max() < 8.0
    return low, high


def torch_holds(f):
    row = torch.func.vmap(torch.func.jacrev(lambda x: f(x[None])[0]))
    return assert_holds(
        f, lambda x: row(torch.tensor(x)).detach().numpy(), lambda x: f(torch.tensor(x)).detach().numpy()
    )


def jax_holds(f):
    row = jax.jit(jax.vmap(jax.jacfwd(lambda x: f(x[None])[0])))
    return assert_holds(f, lambda x: np.asarray(row(x)), lambda x: np.asarray(f(jnp.asarray(x))))


def test_one_network_in_three_frameworks_has_one_jacobian():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Softplus(), nn.Linear(8, 3), nn.Sigmoid())
    p = [x.detach().numpy() for x in module.parameters()]

    def in_numpy(x):
        x = np.logaddexp(0, np.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3]) @ p[4].T + p[5]
        return 1 / (1 + np.exp(-x))

    def in_torch(x):
        t = [torch.tensor(a) for a in p]
        x = F.softplus(torch.tanh(x @ t[0].T + t[1]) @ t[2].mT + t[3])
        return torch.special.expit(torch.addmm(t[5], x, t[4].T))

    def in_jax(x):
        x = jax.nn.softplus(jnp.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3])
        return jax.nn.sigmoid(jnp.einsum("nj,ij->ni", x, p[4]) + p[5])

    expected = torch_holds(module)
    for f in (in_torch, in_jax, jax.jit(in_jax), jax.vmap(lambda r: in_jax(r[None])[0])):
        np.testing.assert_allclose(jacobian_of(f)(BOXES), expected, rtol=1e-10, atol=1e-12)
    # 1/(1 + exp) knows less of its slope than the logistic function.
    low, high = jacobian_of(in_numpy)(BOXES)
    assert (low <= expected[0] + 1e-12).all() and (expected[1] <= high + 1e-12).all()
    with_expit = jacobian_of(
        lambda x: special_expit(np.logaddexp(0, np.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3]) @ p[4].T + p[5])
    )
    np.testing.assert_allclose(with_expit(BOXES), expected, rtol=1e-10, atol=1e-12)


def special_expit(x):
    from scipy.special import expit

    return expit(x)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.LeakyReLU(0.2),
        nn.ELU(),
        nn.SELU(),
        nn.CELU(0.7),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.SiLU(),
        nn.Sigmoid(),
        nn.LogSigmoid(),
        nn.Softplus(2.0),
        nn.Softsign(),
        nn.Tanhshrink(),
        nn.Hardtanh(-0.5, 0.7),
        nn.ReLU6(),
        nn.Identity(),
        nn.Dropout().eval(),
        nn.BatchNorm1d(4).eval(),
        nn.Flatten(),
    ],
    ids=lambda layer: str(layer),
)
def test_layers(layer):
    torch.manual_seed(2)
    if isinstance(layer, nn.BatchNorm1d):
        layer.running_mean, layer.running_var = torch.randn(4), torch.rand(4) + 0.5
        layer.weight.data, layer.bias.data = torch.randn(4), torch.randn(4)
    torch_holds(nn.Sequential(nn.Linear(2, 4), layer, nn.Linear(4, 2)))


def test_single_precision_parameters_count_as_they_are():
    torch.manual_seed(3)
    single = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).float()
    double = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    double.load_state_dict(single.state_dict())
    np.testing.assert_array_equal(jacobian_of(single)(BOXES), jacobian_of(double)(BOXES))


def torch_written(x):
    y = torch.zeros_like(x)
    y[:, 0] = x[:, 0].sin()
    y[:, 1] += x.prod(1)
    y.mul_(2.0)
    return torch.cat([y, x.clamp(-0.5, 0.5), x[..., :1].unsqueeze(-1).squeeze(-1)], dim=-1)


TORCH = {
    "written": torch_written,
    "methods": lambda x: x.exp().add(1.0).log().pow(2).sub(x, alpha=0.5).transpose(0, 1).t(),
    "where": lambda x: torch.where((x > 0) & ~(x > 1), x, x.clamp(0, 1)) + torch.maximum(x, 0.5 * x),
    "reduced": lambda x: torch.stack((x.sum(1), x.mean(-1), x.amax(1), torch.linalg.norm(x + 3, dim=1)), dim=1),
    "columns": lambda x: torch.stack([torch.atan2(x[:, 0], 5 + x[:, 1]), 2.0 / (4 - x[:, 0]), 1 - x[:, 1]], 1),
    "split": lambda x: torch.cat([a * b for a, b in zip(x.split(1, 1), x.flip(1).unbind(1)[0:1] * 2)], 1),
    "rows": lambda x: torch.einsum("ni,ij,nj->n", x, torch.tensor([[1.0, 2.0], [0.5, -1.0]]), x).view(-1, 1),
    "constants": lambda x: torch.tensor([1.0, 2.0]) - torch.tensor([[3.0]]) * x / torch.tensor(2.0),
}


@pytest.mark.parametrize("name", TORCH)
def test_functions_of_torch(name):
    torch_holds(TORCH[name])


def jax_loop(x):
    def slope(s):
        return jnp.stack([s[:, 1], -jnp.sin(s[:, 0])], axis=1)

    return jax.lax.fori_loop(0, 4, lambda i, s: s + 0.1 * slope(s + 0.05 * slope(s)), x)


JAX = {
    "loop": jax_loop,
    "scan": lambda x: jax.lax.scan(lambda s, a: (s + a * jnp.cos(s), s), x, jnp.array([0.1, 0.2]), reverse=True)[0],
    "activations": lambda x: jnp.concatenate(
        [jax.nn.gelu(x), jax.nn.silu(x), jax.nn.relu(x), jax.nn.leaky_relu(x), jax.nn.elu(x), jax.nn.log_sigmoid(x)], 1
    ),
    "updated": lambda x: x.at[:, 0].set(x[:, 1] ** 3).at[:, 1].set(jnp.clip(x[:, 0], -0.3, 0.3)),
    "reduced": lambda x: jnp.stack(
        [x.sum(1), (x**2).mean(1), x.max(axis=1), jnp.prod(x, 1), jnp.cumsum(x, 1)[:, 1]], 1
    ),
    "moved": lambda x: (
        jnp.roll(x, 1, axis=1)[:, ::-1] * jnp.tile(x[:, :1], (1, 2)) + jnp.pad(x, ((0, 0), (1, 0)))[:, :2]
    ),
    "mapped": jax.vmap(lambda r: jnp.array([r[0] * r[1], jnp.hypot(r[0], 4 + r[1]), jnp.where(r[0] > 0, r[0], 0.0)])),
    "checkpointed": jax.checkpoint(lambda x: jnp.tanh(x) @ jnp.array([[1.0, 2.0], [3.0, 4.0]]) / (2 + jnp.cos(x))),
    "powers": lambda x: (4 + x) ** 1.5 + jnp.sqrt(9 + x) - 1 / (5 + x) + jax.lax.rsqrt(7 + x) + 2.0**x,
}


@pytest.mark.parametrize("name", JAX)
def test_functions_of_jax(name):
    jax_holds(JAX[name])


@pytest.mark.parametrize(
    ("f", "named"),
    [
        (lambda x: torch.fft.fft(x).real, r"torch\.fft_fft"),
        (lambda x: torch.sort(x, 1)[0], r"torch\.sort"),
        (nn.Sequential(nn.Dropout()), r"call \.eval"),
        (lambda x: torch.max(x, 1)[0][:, None], "use amax"),
        (lambda x: torch.nn.functional.conv1d(x[None], torch.ones(1, 1, 1))[0], r"torch\.conv1d"),
        (lambda x: torch.zeros(1, 2).copy_(x), "zeros_like"),
        (lambda x: jnp.fft.fft(x).real, "JAX's"),
        (lambda x: jnp.sort(x, axis=1), "JAX's operation 'sort'"),
        (lambda x: jax.lax.cond(x[0, 0] > 0, lambda: x, lambda: -x), "use jnp.where"),
    ],
)
def test_operations_that_are_not_understood_are_named(f, named):
    with pytest.raises(TypeError, match=named) as caught:
        jacobian_of(f, 2)
    assert "Smooth(f, jacobian=" in str(caught.value)


def test_a_transpose_of_torch_is_not_one_of_numpy():
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    low, high = jacobian_of(lambda x: (matrix @ x.transpose(0, 1)).transpose(0, 1))(BOXES[:1])
    np.testing.assert_allclose(low[0], matrix, rtol=1e-14)
    np.testing.assert_allclose(high[0], matrix, rtol=1e-14)
